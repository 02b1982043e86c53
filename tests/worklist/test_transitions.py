"""The state machine of PS3.4 Table CC.1.1-2, cell by cell and by random walks."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pacs.errors import BadRequest, Conflict, PacsError
from pacs.worklist.payload import value
from pacs.worklist.transitions import Change, State, Workitem, cancel_requested, created, moved, updated
from tests.worklist.steps import MINE, OTHERS, Json, codes, performed, scheduled

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
FINAL = ("COMPLETED", "CANCELED")
LABEL = {"00741204": {"vr": "LO", "Value": ["Read it again"]}}


def step(state: State) -> Workitem:
    """A workitem in a state, claimed with MINE when it is not SCHEDULED, and ready to be completed."""
    made = created("2.25.7", scheduled(), NOW).workitem
    dicom = made.dicom | {"00741000": {"vr": "CS", "Value": [state]}} | performed()
    return replace(made, state=state, dicom=dicom, transaction_uid="" if state == "SCHEDULED" else MINE)


def kinds(change: Change) -> list[int]:
    return [int(value(each, "00001002")) for each in change.events]


@pytest.mark.parametrize(
    ("before", "to", "uid", "error", "message"),
    [
        ("SCHEDULED", "IN PROGRESS", MINE, None, ""),
        ("SCHEDULED", "IN PROGRESS", "", BadRequest, "The Transaction UID is missing."),
        ("SCHEDULED", "COMPLETED", MINE, Conflict, "inconsistent with the state"),
        ("SCHEDULED", "CANCELED", MINE, Conflict, "inconsistent with the state"),
        ("SCHEDULED", "SCHEDULED", MINE, BadRequest, "inconsistent with the state"),
        ("IN PROGRESS", "IN PROGRESS", MINE, Conflict, "inconsistent with the state"),
        ("IN PROGRESS", "IN PROGRESS", OTHERS, Conflict, "inconsistent with the state"),
        ("IN PROGRESS", "COMPLETED", MINE, None, ""),
        ("IN PROGRESS", "COMPLETED", OTHERS, BadRequest, "The Transaction UID is incorrect."),
        ("IN PROGRESS", "COMPLETED", "", BadRequest, "The Transaction UID is missing."),
        ("IN PROGRESS", "COMPLETED", "not a UID", BadRequest, "The Transaction UID is incorrect."),
        ("IN PROGRESS", "CANCELED", MINE, None, ""),
        ("IN PROGRESS", "CANCELED", OTHERS, BadRequest, "The Transaction UID is incorrect."),
        ("COMPLETED", "IN PROGRESS", MINE, Conflict, "inconsistent with the state"),
        ("COMPLETED", "COMPLETED", MINE, None, "The UPS is already in the requested state of COMPLETED."),
        ("COMPLETED", "COMPLETED", OTHERS, BadRequest, "The Transaction UID is incorrect."),
        ("COMPLETED", "CANCELED", MINE, Conflict, "inconsistent with the state"),
        ("CANCELED", "IN PROGRESS", MINE, Conflict, "inconsistent with the state"),
        ("CANCELED", "COMPLETED", MINE, Conflict, "inconsistent with the state"),
        ("CANCELED", "CANCELED", MINE, None, "The UPS is already in the requested state of CANCELED."),
    ],
)
def test_each_cell_of_the_table(before: State, to: str, uid: str, error: type[PacsError] | None, message: str) -> None:
    if error:
        with pytest.raises(error) as refused:
            moved(step(before), to, uid, NOW)
        assert message in refused.value.message
        return
    change = moved(step(before), to, uid, NOW)
    assert (change.workitem.state, value(change.workitem.dicom, "00741000")) == (to, to)
    assert change.warning == message
    assert kinds(change) == ([1] if change.changed else [])


def test_what_must_be_said_before_it_is_completed() -> None:
    claimed = step("IN PROGRESS")
    for tag in ("00741216", "00404005", "00741200"):
        with pytest.raises(Conflict) as refused:
            moved(replace(claimed, dicom={**claimed.dicom, tag: {"vr": "LO"}}), "COMPLETED", MINE, NOW)
        assert refused.value.field
    [done] = performed()["00741216"]["Value"]
    for tag in done:
        left = {"00741216": {"vr": "SQ", "Value": [{each: done[each] for each in done if each != tag}]}}
        with pytest.raises(Conflict):
            moved(replace(claimed, dicom=claimed.dicom | left), "COMPLETED", MINE, NOW)


def test_a_canceled_workitem_says_when_and_why() -> None:
    item = moved(step("IN PROGRESS"), "CANCELED", MINE, NOW).workitem.dicom["00741002"]["Value"][0]
    assert value(item, "00404052").startswith("20260501120000")
    assert value(item, "0074100E.00080100") == "110513"


def test_a_request_to_cancel_what_nobody_began_is_done() -> None:
    reason = {"00741238": {"vr": "LT", "Value": ["wrong patient"]}, "0074100E": codes("WRONG")}
    change = cancel_requested(step("SCHEDULED"), reason, "ADMIN", NOW, heard=False)
    assert change.workitem.state == "CANCELED"
    assert [value(each, "00741000") for each in change.events] == ["IN PROGRESS", "CANCELED"]
    assert value(change.workitem.dicom, "00741002.0074100E.00080100") == "WRONG"


def test_a_request_to_cancel_what_somebody_does_is_passed_on() -> None:
    reason = {"00741238": {"vr": "LT", "Value": ["wrong patient"]}, "00100020": {"vr": "LO", "Value": ["P1"]}}
    change = cancel_requested(step("IN PROGRESS"), reason, "ADMIN", NOW, heard=True)
    assert (change.workitem.state, kinds(change)) == ("IN PROGRESS", [2])
    assert value(change.events[0], "00741238") == "wrong patient"
    assert value(change.events[0], "00741236") == "ADMIN"
    assert "00100020" not in change.events[0]
    with pytest.raises(Conflict, match="The performer cannot be contacted"):
        cancel_requested(step("IN PROGRESS"), reason, "ADMIN", NOW, heard=False)


def test_a_request_to_cancel_what_has_ended() -> None:
    with pytest.raises(Conflict, match="The UPS is already COMPLETED"):
        cancel_requested(step("COMPLETED"), {}, "ADMIN", NOW, heard=True)
    change = cancel_requested(step("CANCELED"), {}, "ADMIN", NOW, heard=True)
    assert (change.warning, change.changed) == ("The UPS is already in the requested state of CANCELED.", False)


@pytest.mark.parametrize(
    ("before", "uid", "error", "message"),
    [
        ("SCHEDULED", "", None, ""),
        ("SCHEDULED", MINE, Conflict, "did not reference a claimed Workitem"),
        ("IN PROGRESS", MINE, None, ""),
        ("IN PROGRESS", "", BadRequest, "The Transaction UID is missing."),
        ("IN PROGRESS", OTHERS, BadRequest, "The Transaction UID is incorrect."),
        ("COMPLETED", MINE, BadRequest, "inconsistent with the current state"),
        ("CANCELED", MINE, BadRequest, "inconsistent with the current state"),
    ],
)
def test_who_may_update(before: State, uid: str, error: type[PacsError] | None, message: str) -> None:
    if error:
        with pytest.raises(error, match=message):
            updated(step(before), LABEL, uid, NOW)
    else:
        assert value(updated(step(before), LABEL, uid, NOW).workitem.dicom, "00741204") == "Read it again"


# PS3.4 Table CC.2.5-3: "Not allowed" in column N-SET, and what the archive says itself.
NEVER = """00080016 00080018 00100010 00100020 00100021 00100024 00100030 00100040 00380010 00380014 00081080 00081084
0040A370 00741224 00741000 00404010"""
# Type 1 of the service.
ALWAYS = ["00741200", "00741204", "00741202", "00404005", "00404041"]


@pytest.mark.parametrize("tag", NEVER.split())
def test_what_no_update_changes(tag: str) -> None:
    with pytest.raises(BadRequest):
        updated(step("SCHEDULED"), {tag: {"vr": "LO", "Value": ["1"]}}, "", NOW)


@pytest.mark.parametrize("tag", ALWAYS)
def test_what_no_update_empties(tag: str) -> None:
    with pytest.raises(BadRequest, match="must not be empty"):
        updated(step("SCHEDULED"), {tag: {"vr": "LO"}}, "", NOW)


def test_the_study_of_what_is_to_be_made_may_become_known_later() -> None:
    after = updated(step("SCHEDULED"), {"0020000D": {"vr": "UI", "Value": ["1.9"]}}, "", NOW).workitem
    assert value(after.dicom, "0020000D") == "1.9"


def test_an_update_tells_of_what_it_means_for_others() -> None:
    before = step("SCHEDULED")
    assert kinds(updated(before, LABEL, "", NOW)) == []
    assert kinds(updated(before, {"00404025": codes("READER3")}, "", NOW)) == [5]
    assert kinds(updated(before, {"00404041": {"vr": "CS", "Value": ["UNAVAILABLE"]}}, "", NOW)) == [1]
    half = {"00741004": {"vr": "DS", "Value": ["50"]}}
    assert kinds(updated(before, {"00741002": {"vr": "SQ", "Value": [half]}}, "", NOW)) == [3]


@pytest.mark.parametrize("tag", ["00741200", "00741204", "00404005", "00404041", "00741000"])
def test_a_new_workitem_says_what_it_must(tag: str) -> None:
    dataset = scheduled()
    del dataset[tag]
    with pytest.raises(BadRequest, match="is missing"):
        created("2.25.7", dataset, NOW)


@pytest.mark.parametrize(
    "odd",
    [
        {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}},
        {"00741200": {"vr": "CS", "Value": ["URGENT"]}},
        {"00404041": {"vr": "CS", "Value": ["UNREADY"]}},
        {"00404005": {"vr": "DT", "Value": ["noon"]}},
        {"00081195": {"vr": "UI", "Value": [MINE]}},
        {"0020000D": {"vr": "UI", "Value": ["x"]}},
        performed(),
    ],
)
def test_a_new_workitem_says_nothing_wrong(odd: Json) -> None:
    with pytest.raises(BadRequest):
        created("2.25.7", scheduled() | odd, NOW)


def test_a_new_workitem_without_a_list_goes_into_the_general_one() -> None:
    change = created("2.25.7", scheduled() | {"00741202": {"vr": "LO"}}, NOW)
    assert value(change.workitem.dicom, "00741202") == "General"
    assert change.warning == "The Workitem was created with modifications."
    assert kinds(change) == [1, 5]


class Walk(RuleBasedStateMachine):
    """Two performers and a manager who do anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.item = created("2.25.7", scheduled(), NOW).workitem
        self.owner = ""

    def attempt(self, change: Any) -> bool:
        """Whether it was done; what is refused changes nothing."""
        try:
            after = change()
        except (BadRequest, Conflict):
            return False
        assert "00081195" not in after.workitem.dicom
        assert all("00081195" not in event and MINE not in str(event) for event in after.events)
        moved_on = after.workitem.state != self.item.state
        assert not (moved_on and self.item.state in FINAL)
        self.item = after.workitem
        return bool(after.changed)

    @rule(uid=st.sampled_from([MINE, OTHERS, ""]))
    def claim(self, uid: str) -> None:
        free = self.item.state == "SCHEDULED"
        if self.attempt(lambda: moved(self.item, "IN PROGRESS", uid, NOW)):
            assert free and uid
            self.owner = uid

    @rule(uid=st.sampled_from([MINE, OTHERS, ""]), dataset=st.sampled_from([LABEL, performed()]))
    def update(self, uid: str, dataset: Json) -> None:
        before = self.item.state
        if self.attempt(lambda: updated(self.item, dataset, uid, NOW)):
            assert before not in FINAL and uid == self.owner

    @rule(uid=st.sampled_from([MINE, OTHERS, ""]), to=st.sampled_from(FINAL))
    def end(self, uid: str, to: str) -> None:
        if self.attempt(lambda: moved(self.item, to, uid, NOW)):
            assert uid == self.owner != ""
            assert to == "CANCELED" or "00741216" in self.item.dicom

    @rule(heard=st.booleans())
    def ask_to_cancel(self, heard: bool) -> None:
        before = self.item.state
        if self.attempt(lambda: cancel_requested(self.item, {}, "ADMIN", NOW, heard=heard)):
            assert self.item.state == ("CANCELED" if before == "SCHEDULED" else "IN PROGRESS")

    @invariant()
    def state_and_dataset_agree(self) -> None:
        assert value(self.item.dicom, "00741000") == self.item.state
        assert (self.item.state == "SCHEDULED") <= (not self.item.transaction_uid)
        assert self.item.state != "COMPLETED" or self.item.transaction_uid == self.owner != ""


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
