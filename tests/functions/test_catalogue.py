"""The catalogue and the code name the same things."""

import importlib
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from functions.catalogue import FUNCTIONS, STORE_EVENTS, STORES, TOPICS, source
from functions.entries import Function
from functions.unasked import STATE_MACHINES

FOLDER = Path(importlib.import_module("functions").__file__ or "").parent
HTTP = [each for each in FUNCTIONS if each.routes]


def catalogue_path(path: str) -> str:
    """FastAPI's path as the catalogue writes it."""
    return path.replace(":path}", "+}")


@pytest.mark.parametrize("function", HTTP, ids=lambda each: each.name)
def test_routers_and_catalogue_name_the_same_routes(function: Function) -> None:
    router = importlib.import_module(f"functions.{function.name}.routes").router
    served = {
        (method, catalogue_path(route.path))
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert served == {(route.method, route.path) for route in function.routes}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.name)
def test_every_function_has_a_handler_of_at_most_60_lines(function: Function) -> None:
    assert callable(importlib.import_module(f"functions.{function.name}.handler").handler)
    assert len((FOLDER / function.name / "handler.py").read_text().splitlines()) <= 60


def test_every_folder_is_in_the_catalogue() -> None:
    folders = {each.parent.name for each in FOLDER.glob("*/handler.py")}
    assert folders == {each.name for each in FUNCTIONS}


def test_whoever_may_get_something_of_dicomweb_may_ask_for_its_head_first() -> None:
    routes = [each for function in FUNCTIONS for each in function.routes if each.path.startswith("/dicomweb")]
    gets, heads = ({(each.path, each.action) for each in routes if each.method == method} for method in ("GET", "HEAD"))
    assert gets == heads


def test_no_route_is_answered_twice() -> None:
    routes = [(route.method, route.path) for function in FUNCTIONS for route in function.routes]
    assert len(routes) == len(set(routes))


def test_every_queue_and_store_that_is_named_exists() -> None:
    for queue in [*STORE_EVENTS.values(), *(name for topic in TOPICS for name in topic.subscribers)]:
        assert source(queue)
    assert set(STORE_EVENTS) <= set(STORES)
    for function in FUNCTIONS:
        for grant in function.grants:
            kind, _, name = grant.resource.partition(":")
            assert kind != "store" or name in STORES
            assert kind != "queue" or source(name)
            assert kind != "topic" or name in {topic.name for topic in TOPICS}
            assert kind != "workflow" or name in {machine.name for machine in STATE_MACHINES}
