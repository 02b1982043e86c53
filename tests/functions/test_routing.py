"""The authorizer, the gateway of one machine, API Gateway and FastAPI choose the same route."""

import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match as Matched

from functions.authorizer import handler as authorizer
from functions.catalogue import FUNCTIONS
from functions.entries import Function, Route
from functions.resources import laid_out
from functions.routing import Routes, parts_of
from tests.functions.test_catalogue import HTTP, catalogue_path

MADE_UP = (
    Function("any", "", routes=(Route("GET", "/files/{path+}"), Route("GET", "/files/{name}"))),
    Function("fixed", "", routes=(Route("GET", "/files/list"), Route("POST", "/files/list"))),
    Function("deep", "", routes=(Route("GET", "/files/{name}/parts/{part}"), Route("PUT", "/files/{name}"))),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# As API Gateway has them, by which a path is looked up as a function's own routes are.
RESOURCES = laid_out(FUNCTIONS)
DEPLOYED = Routes(
    replace(each, routes=tuple(Route(one.method, one.path) for one in RESOURCES if one.function == each.name))
    for each in FUNCTIONS
)


@pytest.mark.parametrize(
    ("path", "function", "parameters"),
    [
        ("/files/list", "fixed", {}),
        ("/files/b%20c", "any", {"name": "b c"}),
        ("/files/a/parts/7", "deep", {"name": "a", "part": "7"}),
        ("/files/a%2Fparts%2F7", "deep", {"name": "a", "part": "7"}),
        ("/files/a/parts", "any", {"path": "a/parts"}),
        ("/files/list/parts/7", "deep", {"name": "list", "part": "7"}),
    ],
)
def test_a_literal_wins_over_a_name_and_that_over_the_rest(
    path: str, function: str, parameters: dict[str, str]
) -> None:
    found = Routes(MADE_UP).match("GET", path)
    assert found and (found.function.name, found.path_parameters) == (function, parameters)


def test_what_takes_the_method_wins_over_what_is_closer() -> None:
    found = Routes(MADE_UP).match("PUT", "/files/list")
    assert found and (found.function.name, found.path_parameters) == ("deep", {"name": "list"})
    assert set(Routes(MADE_UP).methods("/files/list")) == {"GET", "POST"}


@pytest.mark.parametrize("path", ["/", "/files", "/files/", "/nothing", "/file", "/files//"])
def test_nothing_answers_elsewhere(path: str) -> None:
    assert Routes(MADE_UP).match("GET", path) is None
    assert Routes(MADE_UP).methods(path) == {}


def addresses() -> list[str]:
    """Every path of the catalogue, its parameters replaced by a value and by each literal that stands where they do."""
    paths = {route.path for function in FUNCTIONS for route in function.routes}
    literals: dict[int, set[str]] = {}
    for path in paths:
        for depth, part in enumerate(parts_of(path)):
            literals.setdefault(depth, set()).update({part} - {""} if not part.startswith("{") else ())

    def values(depth: int, part: str) -> set[str]:
        several = {"1.2/3"} if part.endswith("+}") else set()
        return {"1.2", *several, *literals[depth]} if part.startswith("{") else {part}

    def filled(path: str) -> Iterator[str]:
        every = [values(depth, part) for depth, part in enumerate(parts_of(path))]
        for at, chosen in enumerate(every or [{""}]):
            for value in chosen:
                yield "/" + "/".join(value if n == at else first(each) for n, each in enumerate(every))

    return sorted({each for path in paths for each in filled(path)})


def first(values: set[str]) -> str:
    return "1.2" if "1.2" in values else next(iter(values))


ADDRESSES = addresses()


def chosen_by_fastapi(routes: list[APIRoute], method: str, path: str) -> str | None:
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    return next((catalogue_path(each.path) for each in routes if each.matches(scope)[0] is Matched.FULL), None)


@pytest.mark.parametrize("function", HTTP, ids=lambda each: each.name)
def test_fastapi_chooses_what_the_authorizer_asked_for(function: Function) -> None:
    router = importlib.import_module(f"functions.{function.name}.routes").router
    served = [route for route in router.routes if isinstance(route, APIRoute)]
    ours = Routes([function])
    for path, method in product(ADDRESSES, METHODS):
        match = ours.match(method, path)
        assert chosen_by_fastapi(served, method, path) == (match and match.route.path), (method, path)


def through_api_gateway(method: str, path: str) -> Any:
    """The resource that API Gateway chooses, or None."""
    found = DEPLOYED.match(method, path) or DEPLOYED.match("ANY", path)
    return found and next(
        each
        for each in RESOURCES
        if (each.method, each.path, each.function) == (found.route.method, found.route.path, found.function.name)
    )


def test_the_authorizer_asks_for_the_same_behind_fewer_resources_as_on_one_machine() -> None:
    everything = Routes(FUNCTIONS)
    answered = 0
    for path, method in product(ADDRESSES, (*METHODS, "OPTIONS")):
        match, resource = everything.match(method, path), through_api_gateway(method, path)
        behind = authorizer.routes_of(resource.function).match(method, path) if resource else None
        if match and match.path_parameters.get("category", "1.2") != "1.2":
            continue  # nobody's category: whoever is asked has nothing there
        if match and match.function.name != "pages":
            assert behind and (behind.route, behind.path_parameters) == (match.route, match.path_parameters), path
            assert resource.public == match.route.public
            answered += 1
        elif match:
            assert (resource.function, resource.public) == ("pages", True)
        elif not resource or not resource.public:
            assert behind is None
    assert answered > 250


def test_few_resources_stand_for_many_routes_and_api_gateway_takes_them() -> None:
    paths = {each.path for each in RESOURCES}
    assert len(paths) < 150 and len({(each.method, each.path) for each in RESOURCES}) == len(RESOURCES)
    assert {("ANY", "/", "pages"), ("ANY", "/{path+}", "pages")} <= {
        (each.method, each.path, each.function) for each in RESOURCES
    }
    places = {tuple(parts_of(path)[:depth]) for path in paths for depth in range(1, len(parts_of(path)) + 1)}
    variable = Counter(place[:-1] for place in places if place[-1].startswith("{"))
    assert max(variable.values()) == 1  # a second variable part below one path is refused
    assert not any("+}/" in path for path in paths)


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/dicomweb/studies/1.2", "archive.download"),
        ("GET", "/dicomweb/studies/1.2/", "archive.download"),
        ("GET", "/dicomweb/studies%2F1.2", "archive.download"),
        ("GET", "/dicomweb/s%74udies/1.2", "archive.download"),
        ("POST", "/dicomweb/studies/1.2/undelete", "archive.delete"),
        ("POST", "/dicomweb/studies/1.2%2fundelete", "archive.delete"),
        ("PATCH", "/dicomweb/studies/1.2", None),
        ("GET", "/dicomweb/studies/1.2/nothing/here", None),
        ("GET", "/dicomweb/studies/1.2/series%0A", ""),
    ],
)
def test_the_action_is_that_of_the_path_as_its_function_reads_it(method: str, path: str, action: str | None) -> None:
    for resource in ("/dicomweb/{path+}", "/dicomweb/{category}", "/dicomweb/studies/{study}/{path+}"):
        name = authorizer.BEHIND.get((method, resource)) or authorizer.BEHIND["ANY", "/dicomweb/{path+}"]
        match = authorizer.routes_of(name).match(method, path)
        assert (name, authorizer.action_of(name, match, path)) == ("dicomweb", action)


def test_an_address_of_one_function_asks_nothing_in_the_name_of_another() -> None:
    """`workitems` answers there; what `dicomweb` would make of the same path is asked of its own table."""
    match = authorizer.routes_of("dicomweb").match("GET", "/dicomweb/workitems%2F1.2")
    assert match and match.route.path == "/dicomweb/{category}/{instance}"
