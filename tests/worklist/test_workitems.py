"""Workitems and subscriptions in the database, over both drivers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from pacs.errors import BadRequest, Conflict, Forbidden, NotFound, PayloadTooLarge
from pacs.people.scope import Scope
from pacs.worklist.keys import KEYS
from pacs.worklist.payload import value
from pacs.worklist.search import parse_worklist_query, search_workitems
from pacs.worklist.subscriptions import ALL, FILTERED, events_after, prune_events, subscribe, suspend, unsubscribe
from pacs.worklist.workitems import change_state, create_workitem, request_cancel, retrieve_workitem, update_workitem
from tests.worklist.steps import MINE, OTHERS, STUDY, Json, codes, performed, scheduled, state

ITEM = "2.25.7"
BRANCH = "00000000-0000-4000-8000-00000000000b"
OTHER_BRANCH = "00000000-0000-4000-8000-00000000000c"
MATCHES = [
    ("SOPInstanceUID", ITEM, "2.25.8"),
    ("ProcedureStepState", "SCHEDULED", "COMPLETED"),
    ("00741000", "sched*", "IN PROGRESS"),
    ("StudyInstanceUID", STUDY, "1.2.4"),
    ("StudyInstanceUID", f"9.9,{STUDY}", "9.9,9.8"),
    ("ScheduledProcedureStepPriority", "HIGH", "LOW"),
    ("InputReadinessState", "READY", "UNAVAILABLE"),
    ("ProcedureStepLabel", "read *", "reads*"),
    ("WorklistLabel", "READING", "read"),
    ("ScheduledProcedureStepStartDateTime", "20260501", "20260502"),
    ("ScheduledProcedureStepStartDateTime", "20260501063000", "20260501093000"),
    ("ScheduledProcedureStepStartDateTime", "20260430-20260501", "-20260430"),
    ("ScheduledProcedureStepStartDateTime", "20260501-", "20260502-"),
    ("ScheduledStationNameCodeSequence", "READER2", "READER"),
    ("ScheduledStationNameCodeSequence.CodeValue", "reader?", "%"),
    ("00404025.00080100", "READER1", "READER3"),
    ("ScheduledWorkitemCodeSequence", "READ", "DRAFT"),
    ("PatientName", "isik^ayse", "ayse^isik"),
    ("PatientName", "IŞIK*", "yilmaz"),
    ("PatientID", "p7", "p8"),
    ("IssuerOfPatientID", "merkez", "dev"),
    ("IssuerOfAdmissionIDSequence", "WARD", "WAR"),
    ("IssuerOfAccessionNumberSequence", "ris?", "his"),
    ("RequestingService", "oncology", "onco"),
    ("ReplacedProcedureStepSequence", "2.25.3", "2.25.4"),
    ("00741224.00081155", "2.25.3", "2.25"),
    ("AccessionNumber", "A1", "A"),
    ("ReferencedRequestSequence.AccessionNumber", "a*", "b*"),
    ("0040A370.0020000D", STUDY, "9.9"),
]
OTHER = Scope("00000000-0000-4000-8000-000000000002", "admin")


def found(parts: Any, scope: Scope, *pairs: tuple[str, str]) -> list[str]:
    items = search_workitems(parts.database, scope, parse_worklist_query(pairs))
    return [value(each, "00080018") for each in items]


def seen(parts: Any, scope: Scope, ae: str, after: int = 0) -> list[str]:
    """Events as state or kind."""
    events = events_after(parts.database, scope, ae, after).reports
    return [value(each, "00741000") or value(each, "00001002") for each in events]


def test_the_life_of_a_workitem(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    change_state(parts, scope, ITEM, state("IN PROGRESS"))
    update_workitem(parts, scope, ITEM, performed(), MINE)
    with pytest.raises(BadRequest, match="incorrect"):
        change_state(parts, scope, ITEM, state("COMPLETED", OTHERS))
    change_state(parts, scope, ITEM, state("COMPLETED"))
    dicom = retrieve_workitem(parts.database, scope, ITEM)
    assert value(dicom, "00741000") == "COMPLETED"
    assert value(dicom, "00741216.00404028.00080100") == "READER1"
    assert MINE not in str(dicom)
    assert list(dicom) == sorted(dicom)
    row = parts.database.fetch(text("select revision, state, transaction_uid from workitems"))[0]
    assert (row["revision"], row["state"], row["transaction_uid"]) == (3, "COMPLETED", MINE)


def test_a_uid_is_given_once(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    with pytest.raises(Conflict):
        create_workitem(parts, scope, scheduled(), ITEM)
    create_workitem(parts, OTHER, scheduled(), ITEM)
    assert create_workitem(parts, scope, scheduled(), "").workitem.workitem_uid.startswith("2.25.")
    named = scheduled() | {"00080018": {"vr": "UI", "Value": ["2.25.8"]}}
    assert create_workitem(parts, scope, named, "").workitem.workitem_uid == "2.25.8"
    with pytest.raises(BadRequest):
        create_workitem(parts, scope, named, "2.25.9")
    with pytest.raises(BadRequest):
        create_workitem(parts, scope, scheduled(), "x")


def test_of_two_claims_at_once_one_wins(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    subscribe(parts.database, scope, ITEM, "LISTENER", deletion_lock=False)
    claimers, barrier = 6, Barrier(6)

    def claim(number: int) -> str:
        barrier.wait()
        try:
            change_state(parts, scope, ITEM, state("IN PROGRESS", f"2.25.100{number}"))
        except Conflict as refused:
            return refused.message
        return "won"

    with ThreadPoolExecutor(claimers) as threads:
        outcomes = sorted(threads.map(claim, range(claimers)))
    assert outcomes == ["The submitted request is inconsistent with the state of the UPS Instance."] * 5 + ["won"]
    assert seen(parts, scope, "LISTENER") == ["SCHEDULED", "IN PROGRESS"]


def test_updates_at_once_lose_nothing_and_events_have_no_gap(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    subscribe(parts.database, scope, ALL, "LISTENER", deletion_lock=False)
    tags = ["00400400", "00741210", "00404027", "00404026"]

    def update(tag: str) -> None:
        update_workitem(parts, scope, ITEM, {tag: codes(tag)} if tag != "00400400" else {tag: {"vr": "LT"}}, "")
        create_workitem(parts, scope, scheduled(), "")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(update, tags))
    assert set(tags) <= set(retrieve_workitem(parts.database, scope, ITEM))
    numbers = [row["number"] for row in parts.database.fetch(text("select number from workitem_events order by 1"))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(seen(parts, scope, "LISTENER")) == 8


def test_a_workitem_that_outgrows_a_row_is_refused(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    for tag in ("00400400", "00404041"):
        remark: Json = {tag: {"vr": "LT", "Value": ["x" * 30_000]}} if tag == "00400400" else {}
        update_workitem(parts, scope, ITEM, remark, "")
    with pytest.raises(PayloadTooLarge):
        update_workitem(parts, scope, ITEM, {"00741210": {"vr": "LT", "Value": ["x" * 30_000]}}, "")


def test_keys_match_as_they_should(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    for name, right, wrong in MATCHES:
        assert found(parts, scope, (name, right)) == [ITEM], (name, right)
        assert found(parts, scope, (name, wrong)) == [], (name, wrong)
        assert found(parts, scope, (name, "")) == found(parts, scope, (name, "*")) == [ITEM]


def test_names_are_found_by_their_parts_when_asked_fuzzily(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    assert found(parts, scope, ("PatientName", "ayse"), ("fuzzymatching", "true")) == [ITEM]
    assert found(parts, scope, ("PatientName", "aysee isik"), ("fuzzymatching", "true")) == [ITEM]
    assert found(parts, scope, ("PatientName", "mehmet"), ("fuzzymatching", "true")) == []


def test_pages_are_in_the_order_of_their_start(parts: Any, scope: Scope) -> None:
    for number, hour in enumerate(("11", "09", "10")):
        dataset = scheduled(T00404005={"vr": "DT", "Value": [f"20260501{hour}"]})
        create_workitem(parts, scope, dataset, f"2.25.{number}")
    assert found(parts, scope) == ["2.25.1", "2.25.2", "2.25.0"]
    assert found(parts, scope, ("limit", "1"), ("offset", "1")) == ["2.25.2"]
    both = [("ProcedureStepState", "SCHEDULED"), ("ScheduledProcedureStepStartDateTime", "2026050110")]
    assert found(parts, scope, *both) == ["2.25.2"]


def test_an_answer_carries_what_is_asked_for_and_no_more(parts: Any, scope: Scope) -> None:
    remark = {"vr": "SQ", "Value": []}
    create_workitem(parts, scope, scheduled(T00404021=remark, T00091001={"vr": "LO", "Value": ["p"]}), ITEM)

    def tags(*pairs: tuple[str, str]) -> set[str]:
        return set(search_workitems(parts.database, scope, parse_worklist_query(pairs))[0])

    assert {"00080018", "00741000", "00404025", "00100010"} <= tags()
    assert "00404021" not in tags()
    assert "00404021" in tags(("includefield", "InputInformationSequence"))
    assert tags(("includefield", "00091001")) - tags() == {"00091001"}
    assert {"00404021", "00091001"} <= tags(("includefield", "all"))


def test_what_is_no_query_is_refused() -> None:
    odd = [("limit", "-1"), ("offset", "x"), ("includefield", "Nonsense"), ("fuzzymatching", "yes")]
    for pair in odd:
        with pytest.raises(BadRequest) as refused:
            parse_worklist_query([pair])
        assert refused.value.field == pair[0]
    assert "ignored: TransactionUID" in parse_worklist_query([("TransactionUID", MINE)]).warning
    assert "ignored: nonsense, (a" in parse_worklist_query([("nonsense", "1"), ("non\r\nsense", "1")]).warning


def test_every_key_has_a_column(parts: Any, scope: Scope) -> None:
    columns = parts.database.fetch(
        text("select column_name as name from information_schema.columns where table_name = 'workitems'")
    )
    assert {key.column for key in KEYS} <= {row["name"] for row in columns}


def test_a_narrowed_scope_sees_the_workitems_of_its_studies(parts: Any, scope: Scope, add_study: Any) -> None:
    add_study(STUDY, BRANCH)
    create_workitem(parts, scope, scheduled(), ITEM)
    create_workitem(parts, scope, scheduled("1.2.4"), "2.25.8")
    for narrowed in (replace(scope, studies=(STUDY,)), replace(scope, branches=(BRANCH,))):
        assert ITEM in found(parts, narrowed)
        assert "2.25.8" not in found(parts, narrowed)
        create_workitem(parts, narrowed, scheduled(), "")
        with pytest.raises(NotFound):
            create_workitem(parts, narrowed, scheduled("1.2.4"), "")
    for blind in (replace(scope, studies=()), replace(scope, branches=(OTHER_BRANCH,)), OTHER):
        assert found(parts, blind) == []
        with pytest.raises(NotFound):
            retrieve_workitem(parts.database, blind, ITEM)
        with pytest.raises(NotFound):
            change_state(parts, blind, ITEM, state("IN PROGRESS"))
        with pytest.raises(NotFound):
            subscribe(parts.database, blind, ITEM, "SPY", deletion_lock=False)
        subscribe(parts.database, blind, ALL, "SPY", deletion_lock=True)
        assert seen(parts, blind, "SPY") == []


def test_a_launch_sees_its_workitems_and_nobodys_name(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    launch = Scope(scope.organization_id, "launch", studies=(STUDY,), privacy=True)
    assert found(parts, launch) == [ITEM]
    assert not [tag for tag in retrieve_workitem(parts.database, launch, ITEM) if tag.startswith("0010")]


def test_a_subscriber_is_told_of_what_happens_from_then_on(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    create_workitem(parts, scope, scheduled(), "2.25.8")
    subscribe(parts.database, scope, ITEM, "ONE", deletion_lock=False)
    assert seen(parts, scope, "ONE") == ["SCHEDULED"]
    last = events_after(parts.database, scope, "ONE", 0).last
    change_state(parts, scope, ITEM, state("IN PROGRESS"))
    change_state(parts, scope, "2.25.8", state("IN PROGRESS"))
    assert seen(parts, scope, "ONE", last) == ["IN PROGRESS"]
    request_cancel(parts, scope, ITEM, {}, "ADMIN")
    assert seen(parts, scope, "ONE", last) == ["IN PROGRESS", "2"]
    with pytest.raises(Conflict, match="cannot be contacted"):
        request_cancel(parts, scope, "2.25.8", {}, "ADMIN")
    unsubscribe(parts.database, scope, ITEM, "ONE")
    assert seen(parts, scope, "ONE") == []
    with pytest.raises(NotFound):
        unsubscribe(parts.database, scope, ITEM, "ONE")
    with pytest.raises(NotFound):
        events_after(parts.database, scope, "NOBODY", 0)


def test_who_subscribes_to_all_is_told_of_new_ones_until_that_is_suspended(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), ITEM)
    subscribe(parts.database, scope, ALL, "LOCKED", deletion_lock=True)
    subscribe(parts.database, scope, ALL, "EVERY", deletion_lock=False)
    create_workitem(parts, scope, scheduled(), "2.25.8")
    assert seen(parts, scope, "LOCKED") == ["SCHEDULED", "SCHEDULED", "5"]
    assert seen(parts, scope, "EVERY") == ["SCHEDULED", "5"]
    unsubscribe(parts.database, scope, "2.25.8", "EVERY")
    assert seen(parts, scope, "EVERY") == []
    suspend(parts.database, scope, ALL, "EVERY")
    create_workitem(parts, scope, scheduled(), "2.25.9")
    change_state(parts, scope, ITEM, state("IN PROGRESS"))
    assert seen(parts, scope, "EVERY") == ["IN PROGRESS"]
    unsubscribe(parts.database, scope, ALL, "EVERY")
    for gone in (suspend, unsubscribe):
        with pytest.raises(NotFound):
            gone(parts.database, scope, ALL, "EVERY")


def test_events_are_kept_for_thirty_days_and_their_numbers_go_on(parts: Any, scope: Scope) -> None:
    create_workitem(parts, scope, scheduled(), "2.25.1")
    subscribe(parts.database, scope, ALL, "READER", deletion_lock=True)
    old = events_after(parts.database, scope, "READER", 0)
    assert old.reports and prune_events(parts) == {"events": 0}
    parts.database.fetch(text("update workitem_events set created_at = now() - interval '31 days'"))
    change_state(parts, scope, "2.25.1", state("IN PROGRESS"))
    assert prune_events(parts) == {"events": old.last}
    left = events_after(parts.database, scope, "READER", 0)
    assert [value(each, "00741000") for each in left.reports] == ["IN PROGRESS"] and left.last > old.last


def test_a_subscription_names_whom_and_what(parts: Any, scope: Scope) -> None:
    with pytest.raises(Forbidden, match="Filtered Worklist Subscriptions are not supported"):
        subscribe(parts.database, scope, FILTERED, "ONE", deletion_lock=False)
    with pytest.raises(NotFound):
        suspend(parts.database, scope, ITEM, "ONE")
    for title in ("", "A" * 17, "a\\b", "ı"):
        with pytest.raises(BadRequest):
            subscribe(parts.database, scope, ALL, title, deletion_lock=False)
