"""A program of an integrator, as it calls the report API: with a key, of an organization of its own."""

import json
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from infra.local.serving import server_config
from pacs.dictation.jobs import end_job, list_exams
from pacs.dictation.keys import result_key
from pacs.people.keys import NewKey, create_key
from pacs.people.membership import find_by_id
from pacs.people.organizations import NewMember, add_member, add_organization
from pacs.people.scope import Scope
from pacs.reporting.credits import Balance, add_credits, read_balance
from tests.archive.conftest import KeptWorkflow
from tests.functions.conftest import Clinic, Founded, opened
from tests.functions.doors import PASSWORD, TurnedClock
from tests.models.fake_models import recording_of

BASE = "/api/external/v1"
SINGLE, MULTI = BASE + "/report", BASE + "/pacs/report"
SPOKEN = Path(__file__).parents[1] / "dictation" / "audio"
EXAMS = [{"accessionNumber": "ACC-1", "sutCode": "803910"}, {"accessionNumber": "ACC-2", "sutCode": "804102"}]
FORM = {"sutCode": "804200", "patientId": "12345", "patientName": "Ali Veli", "accessionNo": "ACC-01"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, databases: Any, founded: Founded) -> Iterator[Clinic]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in {
            "PACS_SPEECH_URL": "http://127.0.0.1:9/v1",
            "PACS_LANGUAGE_URL": "http://127.0.0.1:9/v1",
            "PACS_LANGUAGE_MODEL": "m",
            "PACS_CALLBACK_ALLOW": "http://127.0.0.1:9999",
        }.items():
            monkeypatch.setenv(name, value)
        with opened(tmp_path_factory.mktemp("house"), databases, founded[0], founded[1]) as clinic:
            clinic.services.__dict__["workflow"] = KeptWorkflow()
            clinic.services.__dict__["clock"] = TurnedClock()
            yield clinic


class QuickWorkflow:
    """One that ends each job in the moment in which it is started."""

    def __init__(self, services: Any) -> None:
        self.services = services

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        services, scope, job_id = self.services, Scope(input["organization"], "system"), input["job"]
        exams = list_exams(services.database, scope, job_id)
        reports = [{"accessionNumber": each.accession_number, "reportText": "Normal."} for each in exams]
        result = json.dumps({"patientUid": None, "reports": reports, "unassigned": ""})
        services.exchange.put(result_key(scope, job_id), result.encode())
        end_job(services, scope, job_id, "completed", used=len(exams))


@pytest.fixture(scope="module")
def port(house: Clinic) -> Iterator[int]:
    """Of the house, as programs reach it."""
    house.services.__dict__["workflow"] = QuickWorkflow(house.services)
    server = uvicorn.Server(server_config(house.client.app))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield int(listening.getsockname()[1])
        server.should_exit = True
        thread.join(30)


@dataclass
class Integrator:
    """A program of an organization of its own, whose manager has given it a key."""

    clinic: Clinic
    scope: Scope
    key: str
    key_id: str
    seeds: list[int] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def balance(self) -> Balance:
        return read_balance(self.clinic.services.database, self.scope)

    def new_key(self, *scopes: str) -> Any:
        services = self.clinic.services
        with services.database.transaction() as statements:
            member = find_by_id(statements, self.scope.member_id)
            assert member
            new = NewKey("HBYS", scopes or ["reports.dictate"])
            return create_key(statements, self.scope, member, new, services.clock.now())

    def get(self, path: str, **headers: str) -> Any:
        return self.clinic.client.get(path, headers=self.headers | headers)

    def recording(self) -> bytes:
        """One that was not sent before."""
        self.seeds.append(len(self.seeds))
        return recording_of("Bulgular normaldir.", seed=self.seeds[-1])

    def single(self, audio: bytes | None = None, headers: dict[str, str] | None = None, **fields: str) -> Any:
        files = {"audio": ("recording.webm", self.recording() if audio is None else audio)}
        return self.clinic.client.post(SINGLE, data=FORM | fields, files=files, headers=headers or self.headers)

    def multi(self, metadata: Any = None, audio: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        told = metadata if isinstance(metadata, str) else json.dumps(metadata or {"exams": EXAMS})
        files = {"audio": ("a.wav", self.recording() if audio is None else audio)}
        return self.clinic.client.post(MULTI, data={"metadata": told}, files=files, headers=headers or self.headers)


def integrator_of(house: Clinic, credits: int = 10) -> Integrator:
    services, name = house.services, str(uuid.uuid4())
    with services.database.transaction() as statements:
        scope = Scope(add_organization(statements, name), "admin")
        member = add_member(statements, scope, NewMember(f"{name}@example.org", PASSWORD, "centre", manager=True))
    scope = replace(scope, member_id=member)
    if credits:
        add_credits(services.database, services.clock, scope, credits, "invoice 1")
    made = Integrator(house, scope, "", "")
    key = made.new_key()
    return replace(made, key=key.key, key_id=key.id)


@pytest.fixture
def integrator(house: Clinic) -> Integrator:
    return integrator_of(house)


def refused(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The body of a refusal, which has the one shape."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"], told.get("field")) == (status, code, field), told
    assert told["message"] and told["requestId"]
    known = {"code", "message", "requestId", "field", "creditsUsed", "remainingCredits"}
    assert set(told) <= known and (status == 401 or status == 403 or {"creditsUsed", "remainingCredits"} <= set(told))
    return told
