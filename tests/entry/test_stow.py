"""Instances of one request are stored several at once, and told of in their order."""

from collections.abc import Iterator
from pathlib import Path
from threading import Barrier

import pytest

from pacs.archive.storing import StoredInstance
from pacs.entry.stow import WRITERS, at_once
from pacs.errors import BadRequest

BODIES = [str(number).encode() for number in range(3 * WRITERS)]


def named(body: bytes | Path) -> StoredInstance:
    assert isinstance(body, bytes)
    return StoredInstance("", "", "", body.decode(), outcome="created")


def test_several_are_on_their_way_at_once_and_told_of_in_order() -> None:
    together = Barrier(WRITERS, timeout=10)

    def store(body: bytes | Path) -> StoredInstance:
        together.wait()
        return named(body)

    told = [each.sop_instance_uid for each in at_once(store, iter(BODIES))]
    assert told == [body.decode() for body in BODIES]


@pytest.mark.parametrize("whole", [0, 1, WRITERS, WRITERS + 1])
def test_what_came_before_a_break_is_told_of(whole: int) -> None:
    def broken() -> Iterator[bytes]:
        yield from BODIES[:whole]
        raise BadRequest("the body breaks off")

    results = at_once(named, broken())
    assert [next(results).sop_instance_uid for _ in range(whole)] == [body.decode() for body in BODIES[:whole]]
    with pytest.raises(BadRequest):
        next(results)
