"""Lists of studies: what they are asked for, page by page, quickly; saved, and counted."""

from typing import Any

import pytest
from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.scope import Scope
from pacs.reading import readers, turnaround, work
from pacs.reading.filters import delete_filter, list_filters, save_filter
from pacs.reading.priors import priors
from pacs.reading.studies import find_study
from pacs.reading.wanted import read_wanted
from pacs.reading.worklist import count_studies, list_studies


def codes(desk: Any, scope: Scope | None = None, **asked: str) -> list[str]:
    wanted = read_wanted({name.rstrip("_"): [value] for name, value in asked.items()})
    return [each["code"] for each in list_studies(desk, scope or desk.admin, wanted).items]


def test_what_is_urgent_comes_first_then_what_waits_longest(desk: Any) -> None:
    first, second, hurried = desk.study(), desk.study(), desk.study(urgent=True)
    assert codes(desk) == [hurried, first, second]
    assert codes(desk, order="newest") == [hurried, second, first]
    assert codes(desk, order="oldest") == [first, second, hurried]
    assert codes(desk, urgent="true") == [hurried]
    assert codes(desk, urgent="false") == [first, second]


@pytest.mark.parametrize("order", ["worklist", "newest", "oldest", "patient", "date"])
def test_pages_follow_one_another_and_what_arrives_meanwhile_moves_nothing(desk: Any, order: str) -> None:
    made = {desk.study(urgent=number % 3 == 0, name=f"ad {number % 2}") for number in range(7)}
    wanted, after, seen = read_wanted({"order": [order]}), "", []
    for number in range(10):
        page = list_studies(desk, desk.admin, wanted, after=after, limit=2)
        seen += [each["code"] for each in page.items]
        after = page.after
        if number == 0 and order in ("newest", "date"):
            desk.study()  # before the first page
        if not after:
            break
    whole = [each["code"] for each in list_studies(desk, desk.admin, wanted).items]
    assert seen == [each for each in whole if each in made]


def test_each_parameter_narrows(desk: Any) -> None:
    reader = desk.member("reader", branches=desk.branches)
    scan, picture = desk.study(modality="CT"), desk.study(modality="US", branch=1)
    work.claim(desk, reader, picture)
    assert codes(desk, modality="us,mr") == [picture]
    assert codes(desk, branch="DEV") == codes(desk, branch="dev") == [picture]
    assert codes(desk, state="received,final") == [scan]
    assert codes(desk, reader, assigned="me") == codes(desk, reader=reader.member_id) == [picture]
    assert codes(desk, assigned="nobody") == [scan]
    pool = readers.add_pool(desk.database, desk.admin, "Gece", [reader.member_id])
    work.assign_one(desk, desk.admin, scan, pool_id=pool)
    assert codes(desk, reader, assigned="pools") == codes(desk, pool=pool) == [scan]
    assert codes(desk, desk.admin, assigned="pools") == []
    desk.database.fetch(text("update studies set study_date = '20260104' where code = :code"), {"code": scan})
    assert codes(desk, from_="2026-01-04", to="20260104") == [scan]
    assert codes(desk, from_="2026-01-05") == []


@pytest.mark.parametrize("words", ["ŞAHİN", "ayşe şah", "sahin^ayse", "P-77", "acc9", "77 şahin"])
def test_free_text_is_folded_as_searches_are(desk: Any, words: str) -> None:
    wanted = desk.study(name="sahin ayse", id="p-77", accession="acc99")
    desk.study(name="kaya ali")
    assert codes(desk, q=words) == [wanted]
    assert codes(desk, q=wanted[:5].lower()) == [wanted]
    assert codes(desk, q="100%") == codes(desk, q="_") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "lost"),
        ("urgent", "perhaps"),
        ("modality", "C-T"),
        ("branch", "a b"),
        ("assigned", "you"),
        ("reader", "me"),
        ("pool", "night"),
        ("from", "yesterday"),
        ("to", "20261399"),
        ("q", "x" * 129),
        ("order", "random"),
        ("colour", "red"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest) as told:
        read_wanted({name: [value]})
    assert told.value.field == name


@pytest.mark.parametrize("after", ["x", "bm90aGluZw", "W10", "WyJvbGRlc3QiLCIxIiwiMiJd", "é"])
def test_a_mark_that_is_none_of_ours_is_refused(desk: Any, after: str) -> None:
    with pytest.raises(BadRequest) as told:
        list_studies(desk, desk.admin, read_wanted({}), after=after)
    assert told.value.field == "after"


def test_nobody_lists_what_their_scope_does_not_cover(desk: Any) -> None:
    ours = desk.study()
    desk.study(branch=1)
    desk.study(branch=None)
    assert codes(desk, desk.member("reader")) == [ours]
    assert codes(desk, Scope(desk.organization_id, "centre", branches=())) == []
    assert codes(desk, Scope("00000000-0000-4000-8000-000000000000", "admin")) == []


def test_clocks_run_by_priority_as_the_organization_says(desk: Any) -> None:
    slow, hurried = desk.study(), desk.study(urgent=True)

    def clocks() -> list[str]:
        return [find_study(desk, desk.admin, each)["clock"] for each in (slow, hurried)]

    assert clocks() == ["ok", "ok"]
    desk.clock.pass_s(50 * 60)
    assert clocks() == ["ok", "soon"]
    desk.clock.pass_s(11 * 60)
    assert clocks() == ["ok", "late"]
    assert codes(desk, late="true") == [hurried]
    turnaround.set_turnaround(desk.database, desk.admin, urgent_min=120, routine_min=30)
    assert turnaround.read_turnaround(desk.database, desk.admin) == {"urgent_min": 120, "routine_min": 30}
    assert clocks() == ["late", "ok"] and codes(desk, late="true") == [slow]
    desk.database.fetch(text("update studies set state = 'final'"))
    assert clocks() == ["done", "done"] and codes(desk, late="true") == []
    with pytest.raises(BadRequest):
        turnaround.set_turnaround(desk.database, desk.admin, urgent_min=0, routine_min=1)


def test_saved_filters_tell_how_many_there_are(desk: Any) -> None:
    reader, other = desk.member("reader"), desk.member("other")
    desk.study(modality="MR")
    desk.study(modality="CT", urgent=True)
    desk.study(modality="CT", branch=1)
    save_filter(desk, reader, "MR olanlar", {"modality": ["MR"]})
    urgent = save_filter(desk, reader, "Acil", {"urgent": ["true"], "state": ["received", "assigned"], "q": [""]})
    told = {each["name"]: (each["count"], each["wanted"]) for each in list_filters(desk, reader)}
    assert told == {
        "MR olanlar": (1, {"modality": ["MR"]}),
        "Acil": (1, {"urgent": ["true"], "state": ["received", "assigned"]}),
    }
    assert list_filters(desk, other) == []
    for name, wanted, error in (("acil", {}, Conflict), ("", {}, BadRequest), ("x", {"state": ["lost"]}, BadRequest)):
        with pytest.raises(error):
            save_filter(desk, reader, name, wanted)
    with pytest.raises(NotFound):
        delete_filter(desk, other, urgent)
    with pytest.raises(NotFound):
        list_filters(desk, desk.admin)  # a token of no member
    delete_filter(desk, reader, urgent)
    assert [each["name"] for each in list_filters(desk, reader)] == ["MR olanlar"]


def test_counts_of_several_lists_at_once(desk: Any) -> None:
    reader = desk.member("reader")
    work.claim(desk, reader, desk.study())
    desk.study(urgent=True)
    asked: dict[str, dict[str, list[str]]] = {"mine": {"assigned": ["me"]}, "urgent": {"urgent": ["1"]}, "all": {}}
    wanted = {name: read_wanted(values) for name, values in {**asked, "named": {"q": ["yilm"]}}.items()}
    assert count_studies(desk, reader, wanted) == {"mine": 1, "urgent": 1, "all": 2, "named": 2}
    assert count_studies(desk, reader, {}) == {}


def test_readers_and_how_many_wait_for_them(desk: Any) -> None:
    reader = desk.member("reader")
    desk.member("technician", "technician")
    code = desk.study()
    work.assign_one(desk, desk.admin, code, member_id=reader.member_id)
    readers.set_modalities(desk.database, desk.admin, reader.member_id, ["mr", "CT"])
    [told] = readers.list_readers(desk.database, desk.admin)
    assert told == {"id": reader.member_id, "name": "reader", "modalities": ["CT", "MR"], "waiting": 1}
    pool = readers.add_pool(desk.database, desk.admin, "Gece", [reader.member_id])
    readers.change_pool(desk.database, desk.admin, pool, "Gündüz", [])
    assert readers.list_pools(desk.database, desk.admin) == [{"id": pool, "name": "Gündüz", "members": []}]
    stranger = Scope("00000000-0000-4000-8000-000000000000", "admin")
    assert readers.list_pools(desk.database, stranger) == readers.list_readers(desk.database, stranger) == []
    for deed in (
        lambda: readers.change_pool(desk.database, stranger, pool, "x", []),
        lambda: readers.delete_pool(desk.database, stranger, pool),
        lambda: readers.set_modalities(desk.database, stranger, reader.member_id, []),
        lambda: readers.add_pool(desk.database, stranger, "x", [reader.member_id]),
    ):
        with pytest.raises(NotFound):
            deed()
    assert readers.list_pools(desk.database, stranger) == []


def test_priors_are_certain_by_id_and_possible_by_name_and_birth(desk: Any) -> None:
    now = desk.study(key='["", "p1"]', id="p1")
    before, alike = desk.study(key='["", "p1"]', id="p1", name="other name"), desk.study(key='["", "p2"]', id="p2")
    desk.study(key='["", "p3"]', id="p3", born="19800101")
    desk.study(key='["x", "p1"]', id="p1", name="issued elsewhere")
    told = {each["code"]: each["certain"] for each in priors(desk, desk.admin, now)}
    assert told == {before: True, alike: False}
    hidden = desk.study(key='["", "p1"]', id="p1", branch=1)
    assert hidden not in {each["code"] for each in priors(desk, desk.member("reader"), now)}
    assert priors(desk, desk.member("reader2"), hidden) == []


def test_with_privacy_nobody_is_named(desk: Any) -> None:
    scope = Scope(desk.organization_id, "radiologist", privacy=True)
    study = find_study(desk, scope, desk.study())
    assert not {"patient_name", "patient_id", "accession_number"} & set(study)
