"""A draft of a model in the report of a reader: filled in, appended, by name, and never more than a draft."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from pacs.ai.prereports import find_prereport, list_prereports
from pacs.ai.taking import Taken, sections_of, take_over
from pacs.errors import Conflict, Forbidden, NotFound, PacsError
from pacs.reading.work import release
from pacs.reporting.drafts import read_report, save_draft
from pacs.reporting.history import read_history
from tests.ai.rows import add_prereport, document_of
from tests.archive.conftest import archive as archive
from tests.archive.conftest import sample as sample
from tests.reporting.conftest import FINDINGS, Practice
from tests.reporting.conftest import practice as practice

SAID = "Karaciğerde <2 cm kist.\n\nSafra kesesi & yollar doğal."
PARAGRAPHS = "<p>Karaciğerde &lt;2 cm kist.</p><p>Safra kesesi &amp; yollar doğal.</p>"


def drafted(practice: Practice, findings: str = SAID) -> str:
    return add_prereport(practice.archive, practice.reader, practice.study, findings)["draft"]


def take(practice: Practice, draft: str) -> Taken:
    return take_over(practice.archive, practice.reader, draft)


def test_a_draft_begins_a_report_by_the_machine_in_the_reader_s_hands(practice: Practice) -> None:
    draft = drafted(practice)
    taken = take(practice, draft)
    report = taken.brought.report
    assert (report["member_id"], report["state"], report["version"]) == (practice.reader.member_id, "draft", 1)
    assert (report["sections"]["findings"], report["language"]) == (PARAGRAPHS, "tr")
    assert list(taken.brought.differences) == ["findings"]
    assert {kind for kind, _ in taken.brought.differences["findings"]} == {"added"}
    found = find_prereport(practice.archive.database, practice.reader, draft)
    assert (found.report_id, found.taken_by) == (report["id"], practice.reader.member_id) and found.taken_at
    changed = {**report["sections"], "findings": "<p>Karaciğerde 2 cm kist.</p>"}
    save_draft(practice.archive, practice.reader, report["id"], 1, changed)
    history = read_history(practice.archive, practice.reader, report["id"])
    assert history["intact"]
    assert [(each["author"], each["member_id"]) for each in history["versions"]] == [
        ("rai-mock", None),
        ("Dr. Ayse Işık", practice.reader.member_id),
    ]
    assert ("removed", "&") not in history["changes"]["findings"] and "removed" in dict(history["changes"]["findings"])


def test_what_is_written_already_stays_and_the_rest_is_filled(practice: Practice) -> None:
    own = practice.draft(sections={"findings": FINDINGS, "clinical": "<p>Ağrı</p>"})
    taken = take(practice, drafted(practice))
    report = taken.brought.report
    assert (report["id"], report["version"]) == (own["id"], 2)
    assert report["sections"]["findings"] == FINDINGS + PARAGRAPHS
    assert report["sections"]["clinical"] == "<p>Ağrı</p>"
    kind, words = taken.brought.differences["findings"][-1]
    assert (kind, "Karaciğerde <2 cm kist." in words) == ("added", True)
    again = take(practice, drafted(practice))  # another draft that says the same
    assert (again.brought.report["version"], again.brought.differences) == (2, {})


def test_a_press_that_comes_twice_brings_its_words_once(practice: Practice) -> None:
    draft = drafted(practice)
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: take(practice, draft), range(4)))
    assert len({each.brought.report["id"] for each in taken}) == 1
    assert read_report(practice.archive, practice.reader, taken[0].brought.report["id"])["version"] == 1


def test_what_cannot_wait_stands_first_in_the_impression() -> None:
    critical = {"finding": "Tansiyon\npnömotoraks <sağ>", "why": "Solunum", "images": [1]}
    document: dict[str, Any] = {**document_of("a"), "impression": "Sonuç.", "critical_findings": [critical]}
    said = sections_of(document)
    assert said["impression"] == "<p><b>Tansiyon pnömotoraks &lt;sağ&gt;</b></p><p>Sonuç.</p>"
    assert (said["technique"], "clinical" in said) == ("", False)


@pytest.mark.parametrize(
    ("who", "error"), [("mehmet", Conflict), ("uzak", NotFound), ("hakan", Conflict)], ids=["other", "branch", "admin"]
)
def test_nobody_takes_it_but_the_reader_who_has_claimed_the_study(
    practice: Practice, who: str, error: type[PacsError]
) -> None:
    practice.member("mehmet", "radiologist")
    practice.member("uzak", "radiologist", [])
    practice.member("hakan", "admin")
    draft = drafted(practice)
    with pytest.raises(error):
        take_over(practice.archive, practice.people[who], draft)
    assert practice.archive.database.fetch(text("select id from reports")) == []
    assert find_prereport(practice.archive.database, practice.reader, draft).report_id is None


def test_a_study_that_was_given_back_or_signed_takes_none(practice: Practice) -> None:
    draft = drafted(practice)
    release(practice.archive, practice.reader, practice.code)
    with pytest.raises(Conflict):
        take(practice, draft)
    with pytest.raises(Forbidden):
        take_over(practice.archive, practice.archive.scope, draft)  # no member's
    assert [each.id for each in list_prereports(practice.archive, practice.reader, practice.code)] == [draft]


def test_a_signed_report_is_left_as_it_is(practice: Practice) -> None:
    signed = practice.sign(practice.draft())
    with pytest.raises(Conflict):
        take(practice, drafted(practice))
    assert read_report(practice.archive, practice.reader, signed["id"])["version"] == signed["version"]
