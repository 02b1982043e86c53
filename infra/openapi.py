"""The whole API as one OpenAPI document, `docs/openapi.json`: for integrators, the developer portal and the tests.

Made of the routers of all functions and of `openapi_parts`. `python -m infra.openapi` writes it; with `--check`, which
`make check` runs, it fails when the file is out of date.
"""

import importlib
import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from fastapi.openapi.utils import get_openapi

from functions.catalogue import FUNCTIONS
from functions.entries import Function, Route, is_page
from infra.openapi_parts import JSON, PATH_PARAMETERS, SAID, SCHEMAS, Json, Words, words_of

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"
ABOUT = "QIDO-RS, WADO-RS, WADO-URI, STOW-RS and UPS-RS of DICOM PS3.18, and what goes beyond it."
ERROR = {"description": "Refused", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}}
# FastAPI's own error, which is told in our shape.
NOT_OURS = ("HTTPValidationError", "ValidationError")


def document() -> Json:
    """The OpenAPI document of every route in the catalogue."""
    paths: Json = {}
    parameters: Json = {}
    schemas: Json = dict(SCHEMAS)
    for function in FUNCTIONS:
        routes = [each for each in function.routes if each.method != "OPTIONS" and not is_page(function, each)]
        if routes:
            made = document_of(function)
            schemas |= {name: each for name, each in made["components"]["schemas"].items() if name not in NOT_OURS}
            for route in routes:
                path = route.path.replace("+}", "}")
                operation = made["paths"][path][route.method.lower()]
                operation = described(function, route, operation)
                operation["parameters"] = [shared(parameters, each) for each in operation["parameters"]]
                paths.setdefault(path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bulut PACS", "version": version("bulut-pacs"), "description": ABOUT},
        "paths": paths,
        "components": {
            "parameters": dict(sorted(parameters.items())),
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def shared(parameters: Json, parameter: Json) -> Json:
    """A reference to a parameter, which the document holds once; itself where another has taken its name."""
    name = f"{parameter['in']}.{parameter['name']}"
    return (
        {"$ref": f"#/components/parameters/{name}"}
        if parameters.setdefault(name, parameter) == parameter
        else parameter
    )


def document_of(function: Function) -> Json:
    """What FastAPI knows of a function's routes for programs."""
    router = importlib.import_module(f"functions.{function.name}.routes").router
    pages = {each.path for each in function.routes if is_page(function, each)}
    routes = [each for each in router.routes if each.path not in pages]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that HEAD is called like GET
        made = get_openapi(title=function.name, version="1", routes=routes)
    return {"components": {"schemas": {}}, **made}


def described(function: Function, route: Route, operation: Json) -> Json:
    """An operation, with what its router does not say."""
    path = route.path.replace("+}", "}")
    words = words_of(route.method, path)
    name = re.sub(r"[{}]", "", path.strip("/")).replace("/", ".")
    made: Json = {
        "operationId": f"{route.method.lower()}.{name}",
        "tags": [function.name],
        "summary": operation["description"].partition("\n")[0],
        "parameters": parameters_of(operation, words),
        "responses": responses_of(route, operation, words),
        "security": [] if route.public and not takes_token(operation) else [{"bearer": []}],
    }
    if words and words.body:
        made["requestBody"] = {"content": {kind: {"schema": schema} for kind, schema in words.body.items()}}
    elif "requestBody" in operation:
        made["requestBody"] = operation["requestBody"]
    return made


def takes_token(operation: Json) -> bool:
    return any(each["name"] == "authorization" for each in operation.get("parameters", []))


def parameters_of(operation: Json, words: Words | None) -> list[Json]:
    given = [each for each in operation.get("parameters", []) if each["name"] != "authorization"]
    for each in given:
        each["schema"] = PATH_PARAMETERS[each["name"]] if each["in"] == "path" else untitled(each["schema"])
    if words:
        for name, schema in words.query.items():
            given.append({"name": name, "in": "query", "required": name in words.required, "schema": schema})
        given += [{"name": name, "in": "header", "schema": {"type": "string"}} for name in words.headers]
    return given


def untitled(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "title"}


def responses_of(route: Route, operation: Json, words: Words | None) -> Json:
    if words is None:
        made = {code: each for code, each in operation["responses"].items() if code != "422"}
    else:
        made = {str(code): response(code, types, route) for code, types in words.answers.items()}
    return {**made, "default": ERROR}


def response(code: int, types: Any, route: Route) -> Json:
    content = {kind: {"schema": schema} for kind, schema in types.items()}
    return {"description": SAID[code], **({"content": content} if content and route.method != "HEAD" else {})}


def main() -> None:
    made = orjson.dumps(document(), option=orjson.OPT_INDENT_2) + b"\n"
    if "--check" not in sys.argv:
        FILE.write_bytes(made)
    elif not FILE.exists() or FILE.read_bytes() != made:
        sys.exit("docs/openapi.json is out of date: run `.venv/bin/python -m infra.openapi`")


if __name__ == "__main__":
    main()
