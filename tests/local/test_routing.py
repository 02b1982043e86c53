"""The gateway of one machine chooses functions as API Gateway does."""

import pytest

from functions.catalogue import FUNCTIONS
from functions.entries import Function, Route
from infra.local.routing import Routes

MADE_UP = (
    Function("any", "", routes=(Route("GET", "/files/{path+}"), Route("GET", "/files/{name}"))),
    Function("fixed", "", routes=(Route("GET", "/files/list"), Route("POST", "/files/list"))),
    Function("deep", "", routes=(Route("GET", "/files/{name}/parts/{part}"),)),
)


@pytest.mark.parametrize(
    ("path", "function", "parameters"),
    [
        ("/files/list", "fixed", {}),
        ("/files/a%2Fb%20c", "any", {"name": "a/b c"}),
        ("/files/a/parts/7", "deep", {"name": "a", "part": "7"}),
        ("/files/a/parts", "any", {"path": "a/parts"}),
        ("/files/list/parts/7", "deep", {"name": "list", "part": "7"}),
    ],
)
def test_a_literal_wins_over_a_name_and_that_over_the_rest(
    path: str, function: str, parameters: dict[str, str]
) -> None:
    found = Routes(MADE_UP).find(path)
    assert found
    node, values = found
    assert (node.methods["GET"][0].name, values) == (function, parameters)


@pytest.mark.parametrize("path", ["/", "/files", "/files/", "/nothing", "/file", "/files//"])
def test_nothing_answers_elsewhere(path: str) -> None:
    assert Routes(MADE_UP).find(path) is None


def test_every_route_of_the_catalogue_finds_its_function() -> None:
    routes = Routes(FUNCTIONS)
    for function in FUNCTIONS:
        for route in function.routes:
            parts = [f"1.{n}" if part.startswith("{") else part for n, part in enumerate(route.path.split("/"))]
            found = routes.find("/".join(parts))
            assert found
            assert found[0].methods[route.method] == (function, route)
            assert len(found[1]) == route.path.count("{")
