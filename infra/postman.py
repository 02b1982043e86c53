"""The report API as a collection of Postman (v2.1), `docs/report-api.postman.json`: for integrators, to try it.

Made of the routes of functions/external and of what docs/openapi.json says of them. `python -m infra.postman` writes
it; with `--check`, which `make check` runs, it fails when the file is out of date.
"""

import json
import sys
from typing import Any

from functions.catalogue import function
from functions.entries import Route
from infra.openapi import FILE as DESCRIPTION
from infra.openapi_parts import FORM, Json
from pacs.portal.developer import example_of, resolved

FILE = DESCRIPTION.with_name("report-api.postman.json")
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ABOUT = (
    "One recording becomes a report for each exam that it is about. Set `baseUrl` to the address of the archive and "
    "`apiKey` to a manager's key (`rapi_…`), both in an environment of yours, so that who gets the collection does not "
    "get the key. What a submission tells as `jobId` is asked for afterwards."
)
VARIABLES = {"baseUrl": "https://pacs.example", "apiKey": "", "jobId": ""}
KEEP_JOB = ['if (pm.response.code === 202) pm.collectionVariables.set("jobId", pm.response.json().jobId);']


def collection() -> Json:
    """The collection of every route of the report API."""
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    routes = sorted(function("external").routes, key=lambda route: (route.path, route.method))
    return {
        "info": {"name": "Bulut PACS: report API", "description": ABOUT, "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{apiKey}}", "type": "string"}]},
        "variable": [{"key": name, "value": value, "type": "string"} for name, value in VARIABLES.items()],
        "item": [item(document, route) for route in routes],
    }


def item(document: Json, route: Route) -> Json:
    """A request, with all that may be sent."""
    operation = document["paths"][route.path][route.method.lower()]
    parameters = [resolved(document, each) for each in operation["parameters"]]
    steps = [f":{step[1:-1]}" if step.startswith("{") else step for step in route.path.strip("/").split("/")]
    named = [each["name"] for each in parameters if each["in"] == "path"]
    request: Json = {
        "method": route.method,
        "description": operation["summary"],
        "header": [
            {"key": each["name"].title(), "value": "{{$guid}}"} for each in parameters if each["in"] == "header"
        ],
        "url": {
            "raw": "/".join(["{{baseUrl}}", *steps]),
            "host": ["{{baseUrl}}"],
            "path": steps,
            "variable": [{"key": name, "value": f"{{{{{name}}}}}"} for name in named],
        },
    }
    made: Json = {"name": f"{route.method} {route.path.removeprefix('/api/external/v1')}", "request": request}
    if "requestBody" in operation:
        form = operation["requestBody"]["content"][FORM]["schema"]
        request["body"] = {"mode": "formdata", "formdata": fields(document, form)}
        made["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": KEEP_JOB}}]
    return made


def fields(document: Json, form: Json) -> list[Json]:
    """What a form has. Of what may be left out, the recording alone is sent until somebody says otherwise."""
    made = []
    for name, schema in form["properties"].items():
        field: Json = {"key": name, "type": "text"}
        if schema.get("format") == "binary":
            field |= {"type": "file", "src": None}
        else:
            field |= {"value": text_of(document, schema)}
            field |= {} if name in form["required"] else {"disabled": True}
        made.append(field)
    return made


def text_of(document: Json, schema: Json) -> str:
    value: Any = example_of(document, schema)
    if not isinstance(value, dict):
        return str(value)
    value.pop("callbackUrl")  # the example's address is nobody's
    return json.dumps(value, indent=2, ensure_ascii=False)


def main() -> None:
    made = json.dumps(collection(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv:
        FILE.write_text(made, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != made:
        sys.exit(f"docs/{FILE.name} is out of date: run `.venv/bin/python -m infra.postman`")


if __name__ == "__main__":
    main()
