"""Who reads which study: two never have the same one, and nobody gets what is not theirs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs.errors import BadRequest, Conflict, NotFound
from pacs.people.scope import Scope
from pacs.reading import readers, work
from pacs.reading.states import BEFORE
from pacs.reading.studies import find_study, study_history

REPORT = ("draft", "preliminary", "final", "addendum")


def state(desk: Any, code: str) -> str:
    return str(desk.row(code)["state"])


def refused(kind: type[Exception], deed: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    with pytest.raises(kind):
        deed(*arguments, **options)


def test_the_day_of_a_study(desk: Any) -> None:
    reader, code = desk.member("reader"), desk.study()
    assert work.assign_one(desk, desk.admin, code, member_id=reader.member_id) == "assigned"
    work.claim(desk, reader, code.lower())
    work.claim(desk, reader, code)  # safe to repeat
    study = find_study(desk, reader, code)
    assert (study["state"], study["claimed_by"]["name"], study["patient_name"]) == ("claimed", "reader", "Yılmaz^Ayşe")
    for each in ("draft", "draft", "preliminary", "draft", "final", "addendum"):
        work.written(desk, desk.database, reader, study["study_instance_uid"], each)
    told = [(each["deed"], each["state_before"], each["state_after"]) for each in study_history(desk, reader, code)]
    assert told == [
        ("assign", "received", "assigned"),
        ("claim", "assigned", "claimed"),
        ("draft", "claimed", "draft"),
        ("draft", "draft", "draft"),
        ("preliminary", "draft", "preliminary"),
        ("draft", "preliminary", "draft"),
        ("final", "draft", "final"),
        ("addendum", "final", "addendum"),
    ]


def test_codes_are_eight_letters_and_digits_that_nobody_confuses(desk: Any) -> None:
    codes = [desk.study() for _ in range(50)]
    assert len(set(codes)) == 50
    assert all(len(code) == 8 and not set(code) & set("01ILOU") and code.isalnum() for code in codes)


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """What each of these returns or raises, all begun in one moment."""
    barrier = Barrier(len(deeds))

    def run(deed: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return deed()
        except Conflict as error:
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


def test_of_those_who_claim_one_study_one_wins(desk: Any) -> None:
    some = [desk.member(f"reader{number}") for number in range(4)]
    for _ in range(5):
        code = desk.study()
        told = at_once(*[partial(work.claim, desk, each, code) for each in some])
        won = [scope.member_id for scope, each in zip(some, told, strict=True) if each is None]
        assert len(won) == 1 and [type(each) for each in told].count(Conflict) == 3
        assert desk.row(code)["claimed_by"] == won[0]
        assert len(study_history(desk, desk.admin, code)) == 1


def test_those_who_claim_the_next_get_different_ones(desk: Any) -> None:
    some = [desk.member(f"reader{number}") for number in range(4)]
    codes = {desk.study() for _ in range(4)}
    told = at_once(*[partial(work.claim_next, desk, each) for each in some])
    assert set(told) == codes


def test_the_next_is_the_urgent_one_that_waits_longest(desk: Any) -> None:
    reader = desk.member("reader")
    first, second = desk.study(), desk.study()
    hurried, more = desk.study(urgent=True), desk.study()
    assert work.set_urgent(desk, desk.admin, [more], True) == [more]
    assert [work.claim_next(desk, reader) for _ in range(5)] == [hurried, more, first, second, None]


def test_the_next_is_one_that_the_reader_may_read(desk: Any) -> None:
    reader, other = desk.member("reader"), desk.member("other", branches=desk.branches)
    desk.study(branch=1)  # of a branch that is not granted
    desk.study(branch=None)
    taken = desk.study()
    work.assign_one(desk, desk.admin, taken, member_id=other.member_id)
    magnet, last = desk.study(modality="MR"), desk.study()
    readers.set_modalities(desk.database, desk.admin, reader.member_id, ["ct"])
    assert work.claim_next(desk, reader, modality="mr") is None
    refused(Conflict, work.claim, desk, reader, magnet)
    assert work.claim_next(desk, reader) == last
    assert work.claim_next(desk, reader) is None
    readers.set_modalities(desk.database, desk.admin, reader.member_id, [])
    assert work.claim_next(desk, reader) == magnet


def test_a_pool_s_studies_are_for_its_members(desk: Any) -> None:
    inside, outside = desk.member("inside"), desk.member("outside")
    pool, code = readers.add_pool(desk.database, desk.admin, "Gece", [inside.member_id]), desk.study()
    work.assign_one(desk, desk.admin, code, pool_id=pool)
    assert find_study(desk, desk.admin, code)["pool"] == {"id": pool, "name": "Gece"}
    refused(Conflict, work.claim, desk, outside, code)
    assert work.claim_next(desk, outside) is None
    work.claim(desk, inside, code)
    work.release(desk, inside, code)
    assert state(desk, code) == "assigned"
    readers.delete_pool(desk.database, desk.admin, pool)
    assert state(desk, code) == "received"
    work.claim(desk, outside, code)


def test_studies_are_assigned_to_readers_who_see_them(desk: Any) -> None:
    reader, technician = desk.member("reader"), desk.member("technician", "technician")
    ours, theirs, mine = desk.study(), desk.study(branch=1), desk.study()
    work.claim(desk, desk.member("quick"), mine)
    some = [ours.lower(), theirs, mine, "22222222"]
    assert work.assign(desk, desk.admin, some, member_id=reader.member_id) == [ours]
    refused(Conflict, work.assign_one, desk, desk.admin, theirs, member_id=reader.member_id)
    refused(NotFound, work.assign_one, desk, technician, theirs, member_id=reader.member_id)
    refused(NotFound, work.assign, desk, desk.admin, [ours], member_id=technician.member_id)
    refused(NotFound, work.assign, desk, desk.admin, [ours], pool_id=reader.member_id)
    refused(BadRequest, work.assign, desk, desk.admin, [ours], member_id="x")
    refused(BadRequest, work.assign, desk, desk.admin, [ours], member_id=reader.member_id, pool_id=reader.member_id)
    refused(BadRequest, work.assign, desk, desk.admin, [])
    assert work.assign_one(desk, desk.admin, ours) == "received"  # to nobody


def test_who_has_a_study_open_keeps_others_from_it(desk: Any) -> None:
    reader, other, code = desk.member("reader"), desk.member("other"), desk.study()
    work.beat(desk, reader, code)
    assert find_study(desk, other, code)["being_read_by"]["name"] == "reader"
    refused(Conflict, work.beat, desk, other, code)
    refused(Conflict, work.claim, desk, other, code)
    assert work.claim_next(desk, other) is None
    desk.clock.pass_s(60)
    work.beat(desk, reader, code)
    desk.clock.pass_s(60)
    refused(Conflict, work.claim, desk, other, code)
    desk.clock.pass_s(31)  # silent for three beats
    assert find_study(desk, other, code)["being_read_by"] is None
    work.claim(desk, other, code)
    refused(Conflict, work.beat, desk, reader, code)
    refused(NotFound, work.beat, desk, reader, "22222222")
    refused(NotFound, work.beat, desk, desk.admin, code)  # a token of no member


def test_others_give_a_study_back_only_if_they_assign(desk: Any) -> None:
    reader, other, code = desk.member("reader"), desk.member("other"), desk.study()
    work.claim(desk, reader, code)
    refused(Conflict, work.release, desk, other, code)
    work.release(desk, desk.admin, code)
    refused(Conflict, work.release, desk, desk.admin, code)
    assert desk.row(code)["claimed_by"] is None


def test_another_organization_s_studies_are_not_there(desk: Any) -> None:
    code = desk.study()
    stranger = Scope("00000000-0000-4000-8000-000000000000", "admin", member_id="00000000-0000-4000-8000-000000000001")
    for deed in (work.claim, work.release, work.beat, work.assign_one, find_study, study_history):
        refused(NotFound, deed, desk, stranger, code)
    assert work.set_urgent(desk, stranger, [code], True) == work.assign(desk, stranger, [code]) == []
    refused(NotFound, work.written, desk, desk.database, stranger, "1.2.1", "draft")
    assert state(desk, code) == "received"


DEEDS = st.tuples(st.sampled_from(["reader", "other"]), st.sampled_from(["claim", "release", "assign", *REPORT]))


@given(st.lists(DEEDS, max_size=12))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_way_leads_around_the_states(desk: Any, deeds: list[tuple[str, str]]) -> None:
    """Whatever two readers and an administrator do, a study is where a model of it says."""
    some = people(desk)
    code = desk.study()
    uid = desk.row(code)["study_instance_uid"]
    now, mine, given_to = "received", "", ""
    for who, deed in deeds:
        scope = some[who]
        if deed == "assign":
            allowed = now in ("received", "assigned")
            then = ("assigned", "", who)
        elif deed == "claim":
            allowed = now in ("received", "assigned") and given_to in ("", who)
            allowed = allowed or (now in ("claimed", "draft") and mine == who)
            then = (now, mine, given_to) if mine == who else ("claimed", who, given_to)
        elif deed == "release":
            allowed = now in ("claimed", "draft") and mine == who
            then = ("assigned" if given_to else "received", "", given_to)
        else:
            allowed = now in BEFORE[deed] and (mine == who or now in ("preliminary", "final", "addendum"))  # type: ignore[index]
            then = (deed, mine, given_to)
        try:
            if deed == "assign":
                work.assign_one(desk, desk.admin, code, member_id=scope.member_id)
            elif deed in REPORT:
                work.written(desk, desk.database, scope, uid, deed)  # type: ignore[arg-type]
            else:
                getattr(work, deed)(desk, scope, code)
            assert allowed, (now, who, deed)
            now, mine, given_to = then
        except Conflict:
            assert not allowed, (now, who, deed)
        row = desk.row(code)
        assert (row["state"], row["claimed_by"]) == (now, some[mine].member_id if mine else None)
    history = study_history(desk, desk.admin, code)
    assert all(one["state_after"] == next["state_before"] for one, next in pairwise(history))


def people(desk: Any) -> dict[str, Scope]:
    """Two readers, who are there once for all examples."""
    if not hasattr(desk, "people"):
        desk.people = {name: desk.member(name) for name in ("reader", "other")}
    return dict(desk.people)
