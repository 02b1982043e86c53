"""The life of a report: drafts, versions, signatures, addenda, and who may do and see what."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from pacs.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PacsError,
    SecondFactorNeeded,
    Unauthenticated,
)
from pacs.people import second_factor
from pacs.people.membership import find_by_id
from pacs.people.organizations import disable_member
from pacs.people.scope import Scope
from pacs.reading.work import release
from pacs.reporting.drafts import create_draft, list_reports, make_preliminary, read_report, save_draft
from pacs.reporting.history import read_history
from pacs.reporting.signing import Again, add_addendum, sign_report
from pacs.reporting.templates import create_template
from pacs.reporting.versions import PAGE
from tests.functions.doors import PASSWORD
from tests.reporting.conftest import FINDINGS, Practice

CHANGED = {"findings": "<p>Sağ akciğerde pnömotoraks var.</p>"}


def state_of_study(practice: Practice) -> str:
    return str(practice.archive.database.fetch(text("select state from studies"))[0]["state"])


def test_from_draft_to_addendum(practice: Practice) -> None:
    archive, reader = practice.archive, practice.reader
    report = practice.draft()
    assert (report["state"], report["version"], report["author"]) == ("draft", 1, "Dr. Ayse Işık")
    assert report["sections"]["findings"] == FINDINGS and state_of_study(practice) == "draft"
    report = save_draft(archive, reader, report["id"], 1, CHANGED)
    report = make_preliminary(archive, reader, report["id"], report["version"])
    assert (report["state"], report["version"], state_of_study(practice)) == ("preliminary", 3, "preliminary")
    final = practice.sign(report)
    assert (final["state"], final["version"], state_of_study(practice)) == ("final", 4, "final")
    [signature] = final["signed"]
    assert signature["author"] == "Dr. Ayse Işık" and signature["digest"] == final["digest"] and signature["code"]
    more = add_addendum(archive, reader, final["id"], 4, {"impression": "<p>Ek</p>"}, Again())
    assert more["sections"] == final["sections"] and state_of_study(practice) == "addendum"
    assert [each["kind"] for each in more["signed"]] == ["final", "addendum"]
    told = read_history(archive, reader, final["id"])
    assert told["intact"] and [each["kind"] for each in told["versions"]] == [
        "draft",
        "draft",
        "preliminary",
        "final",
        "addendum",
    ]
    previous = ["", *(each["digest"] for each in told["versions"])]
    assert [each["previous"] for each in told["versions"]] == previous[:-1]


def test_a_lost_update_is_refused_and_the_same_text_makes_no_version(practice: Practice) -> None:
    archive, reader, report = practice.archive, practice.reader, practice.draft()
    assert save_draft(archive, reader, report["id"], 1, {"findings": FINDINGS})["version"] == 1
    assert save_draft(archive, reader, report["id"], 1, CHANGED)["version"] == 2
    with pytest.raises(Conflict) as caught:
        save_draft(archive, reader, report["id"], 1, {"findings": "<p>başka</p>"})
    assert caught.value.field == "version"
    changes = read_history(archive, reader, report["id"])["changes"]["findings"]
    assert ("removed", "yok.") in changes and ("added", "var.") in changes
    assert read_history(archive, reader, report["id"], before=1, after=1)["changes"] == {}
    with pytest.raises(NotFound):
        read_history(archive, reader, report["id"], after=9)


def test_a_chain_is_read_in_pages(practice: Practice) -> None:
    archive, reader, report = practice.archive, practice.reader, practice.draft()
    for number in range(1, PAGE + 5):
        save_draft(archive, reader, report["id"], number, {"findings": f"<p>{number}</p>"})
    told = read_history(archive, reader, report["id"])
    assert told["intact"] and [each["number"] for each in told["versions"]] == list(range(1, PAGE + 6))
    assert told["changes"] == {"findings": [("removed", f"{PAGE + 3}"), ("added", f"{PAGE + 4}")]}


def test_who_did_not_claim_the_study_writes_no_report(practice: Practice) -> None:
    other = practice.member("banu", "radiologist")
    with pytest.raises(Conflict):
        create_draft(practice.archive, other, practice.code)
    report = practice.draft()
    with pytest.raises(Forbidden):
        save_draft(practice.archive, other, report["id"], 1, CHANGED)
    release(practice.archive, practice.reader, practice.code)
    with pytest.raises(Conflict):
        practice.draft()


def test_another_reader_verifies_a_preliminary_report(practice: Practice) -> None:
    other = practice.member("banu", "radiologist")
    report = practice.draft()
    with pytest.raises(Forbidden):
        practice.sign(report, other)
    report = make_preliminary(practice.archive, practice.reader, report["id"], 1)
    report = save_draft(practice.archive, other, report["id"], 2, CHANGED)
    assert report["state"] == "preliminary"
    signed = practice.sign(report, other)
    assert signed["signed"][0]["author"] == "Dr. Banu Işık" and signed["member_id"] == practice.reader.member_id


def test_a_study_has_several_drafts_and_one_verified_report(practice: Practice) -> None:
    first, second = practice.draft(), practice.draft(sections=CHANGED)
    machine = create_draft(practice.archive, practice.archive.scope, practice.code, sections=CHANGED, machine="model 1")
    assert (machine["machine"], machine["author"], machine["member_id"]) == ("model 1", "model 1", None)
    practice.sign(second)
    with pytest.raises(Conflict):
        practice.sign(first)
    listed = list_reports(practice.archive, practice.reader, practice.code)
    assert [each["id"] for each in listed] == [second["id"], first["id"], machine["id"]]


def test_a_machines_draft_becomes_final_by_a_human_only(practice: Practice) -> None:
    archive = practice.archive
    machine = create_draft(archive, archive.scope, practice.code, sections=CHANGED, machine="model 1")
    with pytest.raises(Forbidden):
        practice.sign(machine, archive.scope)
    practice.draft()
    for statement in (
        "update reports set state = 'final' where machine <> ''",
        "insert into signatures (report_id, number, member_id, name, at, digest, code, proof)"
        " select id, 1, null, 'model 1', now(), '', 'x', 'session' from reports where machine <> ''",
        "update reports set machine = '' where machine <> ''",
    ):
        with pytest.raises((PacsError, DBAPIError)):
            archive.database.fetch(text(statement))
    signed = practice.sign(machine)
    assert signed["machine"] == "model 1" and signed["signed"][0]["author"] == "Dr. Ayse Işık"


@pytest.mark.parametrize(
    "statement",
    [
        "update report_versions set sections = '{}'",
        "delete from report_versions",
        "truncate report_versions cascade",
        "update signatures set name = 'x'",
        "delete from signatures",
        "delete from reports",
        "update reports set state = 'draft'",
        "update reports set study_instance_uid = '1.2.3'",
        "update reports set version = 1",
        "insert into reports (id, organization_id, study_instance_uid, language, state, created_at, updated_at)"
        " select gen_random_uuid(), organization_id, '1.2.3', 'tr', 'final', now(), now() from reports",
    ],
)
def test_what_was_written_is_never_changed(practice: Practice, statement: str) -> None:
    practice.sign(practice.draft())
    with pytest.raises((PacsError, DBAPIError)):
        practice.archive.database.fetch(text(statement))


def test_a_verified_report_is_added_to_and_not_changed(practice: Practice) -> None:
    archive, reader = practice.archive, practice.reader
    draft = practice.draft()
    with pytest.raises(Conflict):
        add_addendum(archive, reader, draft["id"], 1, CHANGED, Again())
    final = practice.sign(draft)
    assert practice.sign(draft)["version"] == final["version"]  # asked again by who has signed
    with pytest.raises(Conflict):
        save_draft(archive, reader, final["id"], 2, CHANGED)
    with pytest.raises(Conflict):
        practice.sign(final)
    with pytest.raises(BadRequest):
        add_addendum(archive, reader, final["id"], 2, {}, Again())
    with pytest.raises(Conflict):
        add_addendum(archive, reader, final["id"], 1, CHANGED, Again())


def test_a_chain_that_somebody_broke_is_noticed(practice: Practice) -> None:
    final = practice.sign(practice.draft())
    database = practice.archive.database
    database.fetch(text("alter table report_versions disable trigger all"))
    database.fetch(text("update report_versions set author = 'X' where number = 1"))
    assert not read_history(practice.archive, practice.reader, final["id"])["intact"]


def test_the_centre_sees_verified_reports_only(practice: Practice) -> None:
    archive = practice.archive
    centre, technician = practice.member("cem", "centre"), practice.member("derya", "technician")
    report = practice.draft()
    save_draft(archive, practice.reader, report["id"], 1, CHANGED)
    for scope in (centre, technician):
        assert list_reports(archive, scope, practice.code) == []
        for asked in (read_report, read_history):
            with pytest.raises(NotFound):
                asked(archive, scope, report["id"])
    practice.sign({**report, "version": 2})
    for scope in (centre, technician):
        assert [each["state"] for each in list_reports(archive, scope, practice.code)] == ["final"]
        assert [each["kind"] for each in read_history(archive, scope, report["id"])["versions"]] == ["final"]


def test_other_branches_and_organizations_find_nothing(practice: Practice) -> None:
    archive, report = practice.archive, practice.sign(practice.draft())
    elsewhere = "00000000-0000-4000-8000-000000000000"
    for scope in (Scope(elsewhere, "admin"), Scope(archive.organization_id, "radiologist", (elsewhere,))):
        for call in (
            lambda scope: read_report(archive, scope, report["id"]),
            lambda scope: list_reports(archive, scope, practice.code),
            lambda scope: save_draft(archive, scope, report["id"], 2, CHANGED),
            lambda scope: sign_report(archive, scope, report["id"], 2, Again()),
            lambda scope: create_draft(archive, scope, practice.code),
        ):
            with pytest.raises(NotFound):
                call(scope)


def test_a_grant_that_was_taken_back_signs_no_more(practice: Practice) -> None:
    report, database = practice.draft(), practice.archive.database
    database.fetch(text("delete from organization_member_branches"))
    with pytest.raises(Forbidden):
        practice.sign(report)
    disable_member(database, practice.archive.scope, "ayse@example.org", practice.archive.clock.now())
    with pytest.raises(Forbidden):
        practice.sign(report)


def test_nobody_but_readers_signs(practice: Practice) -> None:
    report = make_preliminary(practice.archive, practice.reader, practice.draft()["id"], 1)
    for role in ("admin", "centre", "technician", "accounting"):
        scope = practice.member(role, role)
        with pytest.raises((Forbidden, NotFound)):
            practice.sign(report, replace(scope, role="radiologist"))


def strict(practice: Practice) -> Practice:
    settings = replace(practice.archive.settings, sign_again=True)
    return replace(practice, archive=replace(practice.archive, settings=settings))


def test_signing_asks_for_the_password_again_where_the_setting_says_so(practice: Practice) -> None:
    practice, report = strict(practice), practice.draft()
    for again in (Again(), Again("wrong")):
        with pytest.raises(Unauthenticated):
            practice.sign(report, again=again)
    signed = practice.sign(report, again=Again(PASSWORD))
    told = read_history(practice.archive, practice.reader, signed["id"])
    assert told["versions"][-1]["proof"] == "password"


def test_signing_asks_for_the_second_factor_of_who_has_one(practice: Practice) -> None:
    practice, report = strict(practice), practice.draft()
    database, now = practice.archive.database, practice.archive.clock.now()
    member = find_by_id(database, practice.reader.member_id)
    assert member
    generator = pyotp.TOTP(second_factor.begin(practice.archive, member)["secret"])
    member = find_by_id(database, practice.reader.member_id)
    assert member
    second_factor.confirm(practice.archive, member, generator.at(now), "192.0.2.1")
    with pytest.raises(SecondFactorNeeded):
        practice.sign(report, again=Again(PASSWORD))
    with pytest.raises(Unauthenticated):
        practice.sign(report, again=Again(code=generator.at(now)))  # taken already
    signed = practice.sign(report, again=Again(code=generator.at(now + timedelta(seconds=second_factor.STEP_S))))
    told = read_history(practice.archive, practice.reader, signed["id"])
    assert told["versions"][-1]["proof"] == "code"


def test_a_draft_begins_with_a_template(practice: Practice) -> None:
    sections = {"technique": "<p>Kontrastsız</p>", "findings": "<p>{{BULGULAR}}</p>"}
    template = create_template(practice.archive.database, practice.reader, "Toraks", sections, modality="ct")
    report = practice.draft(sections={"impression": "<p>Normal</p>"}, template_id=template["id"])
    assert report["sections"] | {"clinical": ""} == {
        **dict.fromkeys(("clinical", "comparison"), ""),
        **sections,
        "impression": "<p>Normal</p>",
    }
    with pytest.raises(BadRequest) as caught:
        practice.sign(report)
    assert caught.value.field == "sections.findings"


def test_what_people_do_is_audited_without_what_it_says(practice: Practice) -> None:
    practice.sign(practice.draft())
    rows: list[Any] = practice.archive.database.fetch(
        text("select action, event_id, member_id, subject, study_instance_uid from audit where action like '%report'")
    )
    assert [(row["action"], row["event_id"]) for row in rows] == [("write-report", "110111"), ("sign-report", "110111")]
    assert {row["member_id"] for row in rows} == {practice.reader.member_id}
    assert {row["study_instance_uid"] for row in rows} == {practice.study}
    assert not any("akciğer" in row["subject"] for row in rows)
