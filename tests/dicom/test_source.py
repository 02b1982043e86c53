import io
import zlib

import pytest

from pacs.dicom.source import BytesSource, InflatedSource, RangedFile
from pacs.errors import InvalidInstance

CONTENT = bytes(range(256)) * 4096  # 1 MiB


def test_a_ranged_file_reads_what_a_file_reads() -> None:
    file, reference = RangedFile(BytesSource(CONTENT), 100), io.BytesIO(CONTENT)
    for offset, whence, size in [(0, 0, 10), (5, 1, 300), (-20, 2, 50), (70_000, 0, 70_000), (3, 0, 4), (0, 2, 1)]:
        assert file.seek(offset, whence) == reference.seek(offset, whence)
        assert file.read(size) == reference.read(size)
        assert file.tell() == reference.tell()
    file.seek(-7, io.SEEK_END)
    assert file.read() == CONTENT[-7:]


def test_reading_forwards_asks_for_growing_blocks() -> None:
    file = RangedFile(BytesSource(CONTENT), 1024)
    for offset in range(0, len(CONTENT), 100):
        assert file.read_at(offset, 100) == CONTENT[offset : offset + 100]
    assert file.requests <= 11
    assert file.bytes_fetched == len(CONTENT)


def test_jumping_fetches_little_and_going_back_nothing() -> None:
    file = RangedFile(BytesSource(CONTENT), 1024)
    for offset in (0, 500_000, 900_000, 10, 500_010, 900_020):
        assert file.read_at(offset, 8) == CONTENT[offset : offset + 8]
    assert (file.requests, file.bytes_fetched) == (3, 3 * 1024)


def test_more_than_the_limit_is_refused() -> None:
    file = RangedFile(BytesSource(CONTENT), limit_bytes=500_000)
    with pytest.raises(InvalidInstance):
        file.read_at(0, 600_000)


@pytest.mark.parametrize("wbits", [-15, 15])
def test_an_inflated_source_reads_raw_deflate_and_zlib(wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    stored = b"meta" + packer.compress(CONTENT) + packer.flush()
    source = InflatedSource(BytesSource(stored), 4)
    assert source.read(0, 8) == b"meta" + CONTENT[:4]
    assert source.read(4 + 300_000, 100) == CONTENT[300_000:300_100]
    assert source.read(len(CONTENT), 100) == CONTENT[-4:]


def test_a_deflate_bomb_stops_at_the_limit() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    source = InflatedSource(BytesSource(bomb), 0, limit_bytes=1_000_000)
    with pytest.raises(InvalidInstance):
        source.read(0, 40_000_000)
    assert len(source._content) < 4_000_000


def test_a_broken_deflate_stream_is_refused() -> None:
    with pytest.raises(InvalidInstance):
        InflatedSource(BytesSource(b"\xff" * 100), 0).read(0, 10)
