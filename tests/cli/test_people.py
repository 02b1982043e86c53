"""Organizations, branches and members from a terminal, while the archive runs."""

import json
from contextlib import closing
from typing import Any

import httpx2
import pytest

from infra.local.postgres import EmbeddedPostgres
from pacs.bootstrap import Services
from pacs.dictation.callbacks import deliver
from pacs.people.membership import find_by_email
from pacs.people.scope import Scope
from pacs.settings import Settings
from tests.cli.conftest import Command
from tests.dictation.rows import add_job

PASSWORD = "correct horse battery"


def made(pacs: Command, *arguments: str, password: str = "") -> Any:
    """What a command has made, with a password on its standard input."""
    done = pacs(*arguments, "--json", said=f"{password}\n")
    assert done.code == 0, done.out + done.err
    return done.document


def sign_in(pacs: Command, email: str, password: str, **form: str) -> Any:
    origin = json.loads((pacs.home / "ready.json").read_text())["http"]
    return httpx2.post(f"{origin}/auth/token", data={"username": email, "password": password, **form})


def me(pacs: Command, answer: Any) -> Any:
    origin = json.loads((pacs.home / "ready.json").read_text())["http"]
    token = answer.json()["access_token"]
    return httpx2.get(f"{origin}/auth/me", headers={"Authorization": f"Bearer {token}"}).json()


@pytest.fixture(scope="session")
def company(pacs: Command) -> Any:
    organization = made(pacs, "org", "add", "Tele A.Ş.")
    branches = [made(pacs, "branch", "add", "Tele A.Ş.", name, "--code", name.upper()) for name in ("Ankara", "Bursa")]
    return {**organization, "branches": branches}


def test_a_branch_is_what_modalities_call(pacs: Command, company: Any) -> None:
    assert company["name"] == "Tele A.Ş."
    first, _ = company["branches"]
    assert (first["code"], first["name"], first["called_ae_title"]) == ("ANKARA", "Ankara", "RAIPACS_ANKARA")
    assert first["organization_id"] == company["id"]
    table = json.loads((pacs.home / "store/exchange/objects/config/modalities.json").read_bytes())
    assert {"code": "ANKARA", "organization_id": company["id"], "branch_id": first["id"]} in table["branches"]
    taken = made(pacs, "branch", "add", company["id"], "Merkez", "--code", "MERKEZ")
    assert taken["called_ae_title"] is None  # the first organization's modalities call it
    again = pacs("branch", "add", "Tele A.Ş.", "Ankara", "--code", "ANKARA")
    assert again.code == 1 and "the same key" in again.err


def test_organizations_are_listed_and_an_empty_name_is_none(pacs: Command, company: Any) -> None:
    listed = made(pacs, "org", "list")
    assert {"name": "Tele A.Ş.", "id": company["id"]}.items() <= next(
        x for x in listed if x["id"] == company["id"]
    ).items()
    assert listed[0]["members"] >= 1
    assert "Tele A.Ş." in pacs("org", "list").out
    refused = pacs("credits", "add", "", "5", "--reason", "a variable was empty")
    assert refused.code == 1 and "no such organization" in refused.err


def test_a_member_signs_in_with_the_password_that_was_given(pacs: Command, company: Any) -> None:
    member = made(
        pacs,
        *("member", "add", "Reader@example.org", "--org", "Tele A.Ş.", "--role", "radiologist", "--branch", "BURSA"),
        *("--name", "Dr. Ayşe", "--manager", "--password-stdin"),
        password=PASSWORD,
    )
    assert (member["email"], member["branches"], member["manager"]) == ("reader@example.org", ["BURSA"], True)
    assert "password" not in member
    known = me(pacs, sign_in(pacs, "reader@example.org", PASSWORD, door="corporate"))
    assert (known["member_id"], known["name"], known["role"]) == (member["id"], "Dr. Ayşe", "radiologist")
    assert (known["branches"], known["manager"]) == ([company["branches"][1]["id"]], True)
    assert sign_in(pacs, "reader@example.org", PASSWORD, door="admin").status_code == 401
    listed = made(pacs, "member", "list", "--org", company["id"])["members"]
    assert [(each["email"], each["branches"]) for each in listed if each["id"] == member["id"]] == [
        ("reader@example.org", ["BURSA"])
    ]
    assert "password" not in str(listed)
    assert made(pacs, "member", "disable", "reader@example.org", "--org", "Tele A.Ş.")["id"] == member["id"]
    assert sign_in(pacs, "reader@example.org", PASSWORD).status_code == 401
    assert "disabled" in pacs("member", "list", "--org", "Tele A.Ş.").out
    assert made(pacs, "member", "enable", "reader@example.org", "--org", "Tele A.Ş.")["id"] == member["id"]
    assert sign_in(pacs, "reader@example.org", PASSWORD).status_code == 200


def test_a_password_is_made_and_an_importer_has_a_window(pacs: Command, company: Any) -> None:
    member = made(
        pacs, "member", "add", "i@example.org", "--org", "Tele A.Ş.", "--role", "technician", "--importer", "2h"
    )
    assert member["branches"][:2] == ["ANKARA", "BURSA"] and member["importer_until"]
    assert me(pacs, sign_in(pacs, "i@example.org", member["password"]))["role"] == "importer"
    told = pacs("member", "add", "t@example.org", "--role", "technician")
    assert told.code == 0 and "(shown this once)" in told.out


def test_the_demonstration_has_one_person_of_each_role(pacs: Command) -> None:
    demo = made(pacs, "demo")
    assert [each["code"] for each in demo["branches"]][:3] == ["MERKEZ", "DEV", "KOSOVA"]
    assert len({each["password"] for each in demo["members"]}) == len(demo["members"]) == 6
    doors = {"admin": "admin", "accounting": "accounting", "individual": "individual"}
    for each in demo["members"]:
        answer = sign_in(pacs, each["email"], each["password"], door=doors.get(each["role"], "corporate"))
        assert (answer.status_code, me(pacs, answer)["role"]) == (200, each["role"])
    again = pacs("demo")
    assert again.code == 1 and "the same key" in again.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["branch", "add", "Nobody's", "X", "--code", "X"], "--org: there is no such organization"),
        (["member", "add", "x@example.org", "--role", "boss"], "--role: the role is none of admin"),
        (
            ["member", "add", "x@example.org", "--role", "admin", "--branch", "NONE"],
            "--branch: there is no branch NONE",
        ),
        (["member", "add", "nonsense", "--role", "admin"], "EMAIL: this is no e-mail address"),
        (["member", "disable", "nobody@example.org"], "EMAIL: the organization has no such member"),
        (["org", "add", " "], "NAME: name has 1 to 200 characters"),
    ],
)
def test_mistakes_are_told_in_one_line(pacs: Command, arguments: list[str], told: str) -> None:
    done = pacs(*arguments)
    assert done.code == 1 and told in done.err and done.err.count("\n") == 1


def test_a_manager_is_given_keys_that_are_rotated_and_revoked(pacs: Command, company: Any) -> None:
    email = "manager@example.org"
    made(pacs, "member", "add", email, "--org", "Tele A.Ş.", "--role", "admin", "--manager")
    first = made(pacs, "key", "create", "--member", email)
    assert first["key"].startswith("rapi_") and "archive.search" in first["scopes"] and first["expires_at"] is None
    second = made(pacs, "key", "rotate", "--member", email, "--overlap", "2h")
    listed = made(pacs, "key", "list", "--member", email)["keys"]
    assert [each["id"] for each in listed] == [second["id"], first["id"]] and first["key"] not in str(listed)
    origin = json.loads((pacs.home / "ready.json").read_text())["http"]

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return int(httpx2.get(f"{origin}/dicomweb/studies", headers=headers).status_code)

    assert [status(each["key"]) for each in (first, second)] == [200, 200]
    named = made(
        pacs, "key", "create", "--member", email, "--name", "short", "--expires", "90d", "--scope", "reports.read"
    )
    assert status(named["key"]) == 403
    assert made(pacs, "key", "revoke", first["id"], "--member", email)["revoked"] == [first["id"]]
    assert [status(each["key"]) for each in (first, second)] == [401, 200]
    made(pacs, "key", "revoke", "--member", email)
    assert status(second["key"]) == 401
    refused = pacs("key", "create", "--member", "reader@nowhere.example", "--json")
    assert (refused.code, refused.document["field"]) == (1, "--member")


def test_credits_are_added_taken_back_and_told(pacs: Command, company: Any) -> None:
    told = made(pacs, "credits", "add", "Tele A.Ş.", "12", "--reason", "invoice 7")
    assert told == {"organization_id": company["id"], "available": 12, "held": 0, "used": 0}
    assert made(pacs, "credits", "add", company["id"], "-2", "--reason", "refund")["available"] == 10
    assert made(pacs, "credits", "show", "Tele A.Ş.")["available"] == 10
    refused = pacs("credits", "add", "Tele A.Ş.", "-11", "--reason", "refund")
    assert refused.code == 1 and "11 credits are needed" in refused.err
    nameless = pacs("credits", "add", "Tele A.Ş.", "1", "--reason", " ")
    assert nameless.code == 1 and "--reason" in nameless.err


def test_masks_are_kept_listed_and_removed(pacs: Command) -> None:
    made_id = made(pacs, "mask", "add", "--modality", "US", "--size", "640x480", "--rectangle", "0,0,640,60")["id"]
    [mask] = made(pacs, "mask", "list")["masks"]
    assert mask == {
        "id": made_id,
        "modality": "US",
        "manufacturer": "",
        "rows": 480,
        "columns": 640,
        "rectangles": [[0, 0, 640, 60]],
    }
    wrong = pacs("mask", "add", "--modality", "US", "--size", "640x480", "--rectangle", "0,0,641,60")
    assert wrong.code == 1 and "--rectangle" in wrong.err
    assert made(pacs, "mask", "remove", made_id)["removed"] == made_id
    assert pacs("mask", "remove", made_id).code == 1


def test_callbacks_are_listed_and_sent_again(pacs: Command, company: Any) -> None:
    email = "caller@example.org"
    made(pacs, "member", "add", email, "--org", company["id"], "--role", "admin", "--password-stdin", password=PASSWORD)
    services = Services(Settings(home=pacs.home, database_dsn=EmbeddedPostgres(pacs.home).dsn))
    with closing(services.database) as database:
        member = find_by_email(database, email)
        assert member is not None
        job = add_job(database, Scope(company["id"], "system"), member.id, services.clock.now())
        deliver(services, company["id"], job, "https://127.0.0.1/callback", "secret", b"{}")
    for options in ([], ["--dead"], ["--job", job], ["--limit", "1"]):
        [call] = made(pacs, "callbacks", "list", "Tele A.Ş.", *options)["callbacks"]
        assert (call["job_id"], call["outcome"], call["failure"], call["attempt"]) == (job, "refused", "not-public", 1)
    assert job in pacs("callbacks", "list", "Tele A.Ş.").out
    assert made(pacs, "callbacks", "resend", "Tele A.Ş.", job)["sent_again"] == [job]
    assert made(pacs, "callbacks", "list", "Tele A.Ş.", "--dead")["callbacks"] == []
    assert "no callbacks" in pacs("callbacks", "list", "Tele A.Ş.", "--dead").out
    assert made(pacs, "callbacks", "resend", "Tele A.Ş.", "--dead")["sent_again"] == []
    for wrong in ([], [job, "--dead"], ["550e8400-e29b-41d4-a716-446655440000"]):
        refused = pacs("callbacks", "resend", "Tele A.Ş.", *wrong)
        assert refused.code == 1 and "JOB" in refused.err
