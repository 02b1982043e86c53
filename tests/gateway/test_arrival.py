"""Where an instance lies while it arrives."""

import hashlib
from pathlib import Path

import pytest

from gateway_scp import arrival
from gateway_scp.arrival import MEMORY_BYTES, Arrival, Spool
from pacs.errors import StoreUnavailable

META = b"preamble and meta"


def feed(into: Arrival, data: bytes, piece: int) -> None:
    at = 0
    while at < len(data):
        with into.room(min(piece, len(data) - at)) as view:
            view[:] = data[at : at + len(view)]
            at += len(view)
            into.fill(view)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.mark.parametrize(("size", "piece"), [(0, 1), (1, 1), (300_000, 131_066), (MEMORY_BYTES - len(META), 1 << 23)])
def test_a_small_instance_stays_in_memory(spool: Spool, size: int, piece: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    made = Arrival(spool, bytearray(1000), META)
    feed(made, data, piece)
    assert made.dataset_bytes == size
    assert made.size_bytes == len(META) + size
    assert made.read(made.dataset_offset, 10) == data[:10]
    assert made.read(made.size_bytes - 1, 10) == (META + data)[-1:]
    body, sha256 = made.take()
    assert body == META + data
    assert sha256 == hashlib.sha256(META + data).hexdigest()
    made.discard()
    assert not list(spool.folder.iterdir())


def test_a_large_instance_goes_into_a_file_and_is_gone_when_discarded(spool: Spool) -> None:
    data = bytes(range(256)) * (3 * MEMORY_BYTES // 256)
    buffer = bytearray(1000)
    made = Arrival(spool, buffer, META)
    feed(made, data, 5_000_000)
    assert len(buffer) <= 2 * MEMORY_BYTES
    assert made.read(made.dataset_offset + MEMORY_BYTES + 3, 4) == data[3:7]
    body, sha256 = made.take()
    assert isinstance(body, Path)
    assert body.read_bytes() == META + data
    assert sha256 == hashlib.sha256(META + data).hexdigest()
    made.discard()
    assert not body.exists()


def test_a_file_that_the_store_has_consumed_is_no_error(spool: Spool, tmp_path: Path) -> None:
    made = Arrival(spool, bytearray(), META)
    feed(made, bytes(MEMORY_BYTES), 1 << 20)
    body, _ = made.take()
    assert isinstance(body, Path)
    body.rename(tmp_path / "stored")
    made.discard()
    assert (tmp_path / "stored").stat().st_size == MEMORY_BYTES + len(META)


def test_a_spool_that_is_gone_is_told_when_the_object_is_complete(spool: Spool) -> None:
    made = Arrival(spool, bytearray(), META)
    spool.folder.rmdir()
    feed(made, bytes(MEMORY_BYTES + 5), 1 << 20)
    assert made.dataset_bytes == MEMORY_BYTES + 5
    with pytest.raises(StoreUnavailable):
        made.take()
    made.discard()


def test_the_next_process_removes_what_a_killed_one_left_and_nothing_else(spool: Spool) -> None:
    left = spool.folder / "left.part"
    left.write_bytes(b"x")
    made = Arrival(spool, bytearray(), META)
    feed(made, bytes(MEMORY_BYTES), 1 << 20)
    arrival.Spool(spool.folder)
    assert not left.exists()
    body, _ = made.take()
    assert isinstance(body, Path)
    assert body.exists()
    made.discard()
