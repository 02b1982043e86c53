"""Reports over HTTP: a reader's day from claim to signature, and what the centre gets of it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from pacs.people.organizations import NewMember, add_member
from pacs.people.scope import Scope
from pacs.reading.work import claim
from tests.functions.doors import PASSWORD


@pytest.fixture
def desk(clinic: Any, sample: Callable[[str], bytes]) -> dict[str, Any]:
    """A claimed study, and the headers of its reader and of the centre."""
    stored = clinic.add(sample("CT_small.dcm"))
    branch = clinic.made.branch_id
    people = {}
    with clinic.services.database.transaction() as statements:
        for role in ("radiologist", "centre"):
            new = NewMember(f"{role}@example.org", PASSWORD, role, role.title(), [branch])
            made = add_member(statements, clinic.scope, new)
            people[role] = Scope(clinic.made.organization_id, role, (branch,), member_id=made)
    [row] = clinic.services.database.fetch(text("select code from studies"))
    claim(clinic.services, people["radiologist"], row["code"])
    return {
        "study": stored.study,
        "path": f"/api/studies/{row['code']}/reports",
        **{role: clinic.bearer(scope) for role, scope in people.items()},
    }


def test_a_readers_day(clinic: Any, desk: dict[str, Any]) -> None:
    client, reader, centre = clinic.client, desk["radiologist"], desk["centre"]
    begun = client.post(desk["path"], headers=reader, json={"sections": {"findings": "<p>ilk<script>x</script></p>"}})
    assert begun.status_code == 201 and begun.json()["sections"]["findings"] == "<p>ilk</p>"
    report = f"/api/reports/{begun.json()['id']}"
    saved = client.put(report, headers=reader, json={"version": 1, "sections": {"findings": "<p>ikinci</p>"}})
    assert (saved.status_code, saved.json()["version"]) == (200, 2)
    lost = client.put(report, headers=reader, json={"version": 1, "sections": {"findings": "<p>x</p>"}})
    assert (lost.status_code, lost.json()["code"], lost.json()["field"]) == (409, "CONFLICT", "version")
    assert client.get(report, headers=centre).status_code == 404
    assert client.get(desk["path"], headers=centre).json() == []
    ready = client.post(report + "/preliminary", headers=reader, json={"version": 2})
    assert ready.json()["state"] == "preliminary"
    signed = client.post(report + "/sign", headers=reader, json={"version": 3})
    assert (signed.status_code, signed.json()["state"], signed.json()["stored"]) == (200, "final", True)
    assert client.get(report, headers=centre).json()["signed"][0]["digest"] == signed.json()["digest"]
    pdf = client.get(report + "/pdf", headers=centre)
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    clinic.index()
    series = clinic.get(f"/studies/{desk['study']}/series").json()
    assert {each["00080060"]["Value"][0] for each in series} == {"CT", "SR", "DOC"}
    sent = client.post(report + "/send", headers=reader)
    assert sent.json() == {"sent_to": ["centre@example.org"]}
    [mail] = (clinic.services.settings.home / "outbox").glob("*.eml")
    assert f"http://testserver/reports/{begun.json()['id']}" in mail.read_text()
    more = client.post(report + "/addendum", headers=reader, json={"version": 4, "sections": {"impression": "ek"}})
    assert (more.status_code, more.json()["state"], len(more.json()["signed"])) == (200, "addendum", 2)
    again = client.post(report + "/documents", headers=reader)
    assert len(again.json()["instances"]) == 2
    history = client.get(report + "/history?before=1&after=2", headers=reader).json()
    assert history["intact"] and history["changes"] == {"findings": [["removed", "ilk"], ["added", "ikinci"]]}


def test_a_signature_stands_when_the_store_does_not_answer(clinic: Any, desk: dict[str, Any]) -> None:
    client, reader = clinic.client, desk["radiologist"]
    begun = client.post(desk["path"], headers=reader, json={"sections": {"findings": "a"}}).json()
    folder = clinic.services.settings.home / "store" / "originals"
    folder.rename(folder.with_name("away"))
    folder.write_text("no folder")
    signed = client.post(f"/api/reports/{begun['id']}/sign", headers=reader, json={"version": 1})
    assert (signed.status_code, signed.json()["state"], signed.json()["stored"]) == (200, "final", False)
    folder.unlink()
    folder.with_name("away").rename(folder)
    assert client.get(f"/api/reports/{begun['id']}", headers=reader).json()["stored"] is False
    assert client.post(f"/api/reports/{begun['id']}/documents", headers=reader).status_code == 200
    assert client.get(f"/api/reports/{begun['id']}", headers=reader).json()["stored"] is True


def test_templates_and_letterheads(clinic: Any, desk: dict[str, Any]) -> None:
    client, reader = clinic.client, desk["radiologist"]
    asked = {"name": "Toraks", "modality": "CT", "sections": {"findings": "<p>{{BULGULAR}}</p>"}}
    made = client.post("/api/report-templates", headers=reader, json=asked)
    path = f"/api/report-templates/{made.json()['id']}"
    assert made.status_code == 201 and client.get(path, headers=reader).json() == made.json()
    assert len(client.get("/api/report-templates?modality=CT", headers=reader).json()) == 1
    changed = client.put(path, headers=reader, json=asked | {"name": "Akciğer"})
    assert changed.json()["name"] == "Akciğer"
    begun = client.post(desk["path"], headers=reader, json={"template_id": made.json()["id"]})
    assert begun.json()["sections"]["findings"] == "<p>{{BULGULAR}}</p>"
    refused = client.post(f"/api/reports/{begun.json()['id']}/sign", headers=reader, json={"version": 1})
    assert (refused.status_code, refused.json()["field"]) == (400, "sections.findings")
    assert client.delete(path, headers=reader).status_code == 204
    assert client.get(path, headers=reader).status_code == 404
    written = client.put("/api/letterheads/MERKEZ", headers=desk["centre"], json={"lines": "Bağdat Caddesi 1"})
    assert client.get("/api/letterheads/MERKEZ", headers=reader).json() == written.json()


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "", {"version": 0, "sections": {}}, "version"),
        ("PUT", "", {"version": 1, "sections": {"x": "a"}}, "sections.x"),
        ("PUT", "", {"version": 1, "sections": {}, "more": 1}, "more"),
        ("POST", "/sign", {}, "version"),
        ("POST", "/addendum", {"version": 1, "sections": {"findings": 1}}, "sections.findings"),
    ],
)
def test_errors_name_the_field(
    clinic: Any, desk: dict[str, Any], method: str, path: str, body: dict[str, Any], field: str
) -> None:
    begun = clinic.client.post(desk["path"], headers=desk["radiologist"], json={}).json()
    path = f"/api/reports/{begun['id']}{path}"
    answer = clinic.client.request(method, path, headers=desk["radiologist"], json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
