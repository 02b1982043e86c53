"""docs/report-api.postman.json: every route of the report API is in it, and its requests are answered well."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.catalogue import function
from infra.postman import collection
from pacs.reporting.templates import create_template
from tests.functions.integrators import Integrator, house, integrator

__all__ = ["house", "integrator"]

FILE = Path(__file__).parents[2] / "docs" / "report-api.postman.json"
COLLECTION = json.loads(FILE.read_text())


def test_the_file_is_that_of_the_routes() -> None:
    assert collection() == COLLECTION
    told = {each["name"] for each in COLLECTION["item"]}
    assert told == {
        f"{each.method} {each.path.removeprefix('/api/external/v1')}" for each in function("external").routes
    }
    assert {each["key"] for each in COLLECTION["variable"]} == {"baseUrl", "apiKey", "jobId"}


class Sender:
    """What Postman does with a request: variables, the form, what is kept of the answer."""

    def __init__(self, integrator: Integrator) -> None:
        self.integrator = integrator
        self.variables = {each["key"]: each["value"] for each in COLLECTION["variable"]}
        self.variables |= {"baseUrl": "http://testserver", "apiKey": integrator.key}

    def filled(self, text: str) -> str:
        known = {**self.variables, "$guid": str(len(self.integrator.seeds))}
        return re.sub(r"\{\{([^{}]+)\}\}", lambda found: known.get(found[1], found[0]), text)

    def send(self, item: Any, *more: str) -> Any:
        request, [bearer] = item["request"], COLLECTION["auth"]["bearer"]
        url = self.filled(request["url"]["raw"])
        for each in request["url"]["variable"]:
            url = url.replace(f":{each['key']}", self.filled(each["value"]))
        headers = {each["key"]: self.filled(each["value"]) for each in request["header"]}
        headers |= {"Authorization": f"Bearer {self.filled(bearer['value'])}"}
        form = request.get("body", {}).get("formdata", [])
        sent = [each for each in form if each["key"] in more or not each.get("disabled")]
        answer = self.integrator.clinic.client.request(
            request["method"],
            url,
            headers=headers,
            data={each["key"]: self.filled(each["value"]) for each in sent if each["type"] == "text"},
            files={each["key"]: self.integrator.recording() for each in sent if each["type"] == "file"} or None,
        )
        if "event" in item:
            self.variables["jobId"] = answer.json()["jobId"]
        return answer


@pytest.mark.parametrize("more", [(), ("templateContent", "templateFormat", "teleCode", "inputLang", "accessionNo")])
def test_its_requests_are_answered(integrator: Integrator, more: tuple[str, ...]) -> None:
    create_template(integrator.clinic.services.database, integrator.scope, "Toraks", {}, modality="CT")
    sender, statuses = Sender(integrator), {}
    for item in COLLECTION["item"]:
        statuses[item["name"]] = sender.send(item, *more).status_code
    assert statuses == {
        "POST /pacs/report": 202,
        "GET /pacs/report/{jobId}": 200,
        "POST /report": 202,
        "GET /report/{jobId}": 200,
        "GET /templates": 200,
        "POST /uploads": 201,
    }
