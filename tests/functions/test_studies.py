"""Studies as work over HTTP: files become studies with codes, which are listed, assigned, claimed and given back."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image
from sqlalchemy import text

from pacs.people.membership import find_by_email
from pacs.people.scope import Scope
from tests.functions.doors import PASSWORD, bearer, token

Sample = Callable[[str], bytes]
TYPED = {"patient_name": "Ayşe Yılmaz", "modality": "XRAY", "patient_age": "45"}
PART = {"name": "a.jpg", "size_bytes": 1, **TYPED}


def jpeg(colour: str = "red") -> bytes:
    target = BytesIO()
    Image.new("RGB", (20, 10), colour).save(target, "JPEG")
    return target.getvalue()


def bring(clinic: Any, *files: tuple[str, bytes], scope: Any = None, **typed: str) -> Any:
    form = [("files", file) for file in files]
    return clinic.client.post("/studies", data=typed, files=form or None, headers=clinic.bearer(scope))


def reader(clinic: Any, name: str = "radiologist") -> Scope:
    member = find_by_email(clinic.services.database, f"{name}@example.org")
    assert member is not None
    return Scope(clinic.made.organization_id, member.role, member_id=member.id)


def grant(clinic: Any, name: str) -> None:
    """The branch of the clinic, to somebody who saw none."""
    clinic.services.database.fetch(
        text(
            "insert into organization_member_branches (member_id, branch_id) select id, cast(:branch as uuid)"
            " from organization_members where email = :email"
        ),
        {"branch": clinic.made.branch_id, "email": f"{name}@example.org"},
    )


def call(clinic: Any, method: str, path: str, scope: Scope | None = None, **options: Any) -> Any:
    return clinic.client.request(method, path, headers=clinic.bearer(scope), **options)


def test_files_become_a_study_that_lists_and_viewers_find(clinic: Any, sample: Sample) -> None:
    made = bring(clinic, ("ct.dcm", sample("CT_small.dcm")), **TYPED)
    assert made.status_code == 201, made.content
    code = made.json()["id"]
    assert made.json()["code"] == code and made.json()["stored"] == 1
    study = call(clinic, "GET", f"/studies/{code.lower()}").json()
    assert (study["modalities"], study["patient_name"], study["state"]) == (["CT"], "CompressedSamples^CT1", "received")
    assert call(clinic, "GET", f"/studies/{study['study_instance_uid']}").json()["code"] == code
    typed = bring(clinic, ("a.jpg", jpeg()), ("b.jpg", jpeg("blue")), **TYPED, urgent="true").json()
    assert (typed["stored"], len(typed["studies"])) == (2, 1)
    page = call(clinic, "GET", "/studies?limit=1").json()
    assert [each["code"] for each in page["studies"]] == [typed["code"]]  # urgent first
    rest = call(clinic, "GET", f"/studies?limit=1&after={page['after']}").json()
    assert [each["code"] for each in rest["studies"]] == [code]
    assert call(clinic, "GET", "/studies?q=compressedsam").json()["studies"][0]["code"] == code
    study = call(clinic, "GET", f"/studies/{typed['code']}").json()
    seen = clinic.get(f"/studies/{study['study_instance_uid']}/rendered", Accept="image/jpeg")
    assert (study["patient_name"], seen.status_code) == ("Yılmaz^Ayşe", 200)


def test_what_cannot_be_taken_is_told_with_its_field(clinic: Any) -> None:
    nothing, nobody = ("x.txt", b"hello"), Scope(clinic.made.organization_id, "centre", ())
    refusals = (
        (bring(clinic, ("a.jpg", jpeg()), modality="CT"), 400, "patient_name"),
        (bring(clinic, ("a.jpg", jpeg()), **TYPED, branch="NOWHERE"), 404, "branch"),
        (bring(clinic, nothing, **TYPED), 409, "files"),
        (bring(clinic, **TYPED), 415, "Content-Type"),
        (call(clinic, "POST", "/studies", json={}), 415, "Content-Type"),
        (bring(clinic, ("a.jpg", jpeg()), **TYPED, scope=nobody), 403, None),
        (call(clinic, "GET", "/studies?state=lost"), 400, "state"),
        (call(clinic, "PUT", "/studies/1.2.3/urgent", json={"urgent": True}), 400, "code"),
        (call(clinic, "POST", "/uploads", json={**PART, "patient_sex": "?"}), 400, "patient_sex"),
    )
    for refused, status, field in refusals:
        assert (refused.status_code, refused.json().get("field")) == (status, field), refused.content
    assert call(clinic, "GET", "/studies").json()["studies"] == []


def test_a_radiologist_s_morning(doors: Any, sample: Sample) -> None:
    code = bring(doors, ("ct.dcm", sample("CT_small.dcm")), branch="merkez").json()["code"]
    grant(doors, "radiologist")
    someone, other = reader(doors), reader(doors, "individual")
    given = call(doors, "POST", f"/studies/{code}/assign", json={"radiologist_id": someone.member_id})
    assert (given.status_code, given.json()["state"]) == (200, "assigned")
    assert given.json()["assigned_to"]["id"] == someone.member_id
    assert call(doors, "POST", f"/studies/{code}/claim", other).json()["code"] == "CONFLICT"
    assert call(doors, "POST", "/studies/claim-next", other, json={}).status_code == 204
    taken = call(doors, "POST", "/studies/claim-next", someone, json={"modality": "CT"}).json()
    assert (taken["code"], taken["state"], taken["claimed_by"]["id"]) == (code, "claimed", someone.member_id)
    assert call(doors, "POST", f"/studies/{code}/heartbeat", someone).status_code == 204
    assert call(doors, "GET", f"/studies/{code}").json()["being_read_by"]["id"] == someone.member_id
    assert call(doors, "POST", f"/studies/{code}/release", someone).json()["state"] == "assigned"
    assert call(doors, "PUT", f"/studies/{code}/urgent", json={"urgent": True}).json()["urgent"] is True
    many = call(doors, "POST", "/studies/assign", json={"codes": [code, "22222222"]}).json()
    assert many == {"assigned": [code], "left": ["22222222"]}
    deeds = [each["deed"] for each in call(doors, "GET", f"/studies/{code}/history").json()]
    assert deeds == ["assign", "claim", "release", "urgent", "assign"]
    assert call(doors, "GET", f"/studies/{code}/priors").json() == {"priors": []}
    wrong = call(doors, "POST", f"/studies/{code}/assign", json={"radiologist_id": "2"})
    assert (wrong.status_code, wrong.json()["field"]) == (400, "member_id")


def test_filters_pools_and_clocks(doors: Any) -> None:
    someone = reader(doors)
    made = call(doors, "POST", "/worklist/filters", someone, json={"name": "Acil", "wanted": {"urgent": ["1"]}})
    [saved] = call(doors, "GET", "/worklist/filters", someone).json()
    assert saved == {"id": made.json()["id"], "name": "Acil", "wanted": {"urgent": ["1"]}, "count": 0}
    assert call(doors, "DELETE", f"/worklist/filters/{saved['id']}", someone).status_code == 204
    pool = call(doors, "POST", "/worklist/pools", json={"name": "Gece", "members": [someone.member_id]}).json()["id"]
    assert call(doors, "PUT", f"/worklist/pools/{pool}", json={"name": "Gündüz"}).status_code == 204
    assert call(doors, "GET", "/worklist/pools").json() == [{"id": pool, "name": "Gündüz", "members": []}]
    assert call(doors, "DELETE", f"/worklist/pools/{pool}").status_code == 204
    assert call(doors, "PUT", f"/worklist/readers/{someone.member_id}", json={"modalities": ["CT"]}).status_code == 204
    readers = {each["name"]: each["modalities"] for each in call(doors, "GET", "/worklist/readers").json()}
    assert readers == {"radiologist@example.org": ["CT"], "individual@example.org": []}
    clocks = {"urgent_min": 30, "routine_min": 600}
    assert call(doors, "PUT", "/worklist/turnaround", json=clocks).status_code == 204
    assert call(doors, "GET", "/worklist/turnaround").json() == clocks


def test_files_in_parts_go_on_where_they_were_and_make_one_study_of_a_batch(clinic: Any) -> None:
    batch, studies = "5f0c0c43-56a3-4c8e-8a52-6a4d7a0d7f10", []
    for position, name in enumerate(("a.jpg", "a.jpg")):
        asked = {"name": name, "size_bytes": len(jpeg()), "batch": batch, "position": position, **TYPED}
        begun = call(clinic, "POST", "/uploads", json=asked).json()
        path = f"/uploads/{begun['id']}"
        early = call(clinic, "POST", f"{path}/finish")
        assert (early.status_code, early.json()["field"]) == (409, "parts")
        assert call(clinic, "POST", f"{path}/parts", json={"numbers": [2]}).json()["field"] == "numbers"
        [part] = call(clinic, "POST", f"{path}/parts", json={"numbers": [1]}).json()["parts"]
        assert part["url"].startswith("/objects/exchange/uploads/")
        assert clinic.client.post(part["url"], data=part["fields"], files={"file": b"short"}).status_code == 400
        assert clinic.client.post(part["url"], data=part["fields"], files={"file": jpeg()}).status_code == 204
        assert call(clinic, "GET", path).json()["received"] == [1]
        studies += call(clinic, "POST", f"{path}/finish").json()["studies"]
    assert studies[0] == studies[1]
    assert call(clinic, "GET", f"/studies/{studies[0]['code']}").json()["number_of_instances"] == 2
    stranger = Scope(clinic.made.organization_id, "admin", member_id="00000000-0000-4000-8000-000000000001")
    assert call(clinic, "GET", path, stranger).status_code == 404


def test_an_importer_uploads_and_sees_nothing(doors: Any, clock: Any, sample: Sample) -> None:
    doors.services.database.fetch(
        text(
            "update organization_members set importer = true, importer_until = cast(:until as timestamptz)"
            " where email = 'technician@example.org'"
        ),
        {"until": "2026-01-05 10:00:00+00"},
    )
    grant(doors, "technician")
    allowed = bearer(token(doors, "technician", PASSWORD))
    body = sample("CT_small.dcm")
    made = doors.client.post("/studies", files=[("files", ("a.dcm", body))], headers=allowed)
    assert made.status_code == 201 and len(made.json()["code"]) == 8
    assert doors.client.get("/studies", headers=allowed).status_code == 403
    assert doors.client.get(f"/studies/{made.json()['code']}", headers=allowed).status_code == 403
    clock.pass_s(3600)
    assert doors.client.post("/studies", files=[("files", ("a.dcm", body))], headers=allowed).status_code == 401
