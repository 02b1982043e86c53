import zlib
from collections.abc import Callable
from struct import pack

import pytest
from pydicom.dataset import Dataset

from pacs.dicom.header import inflate, parse_header, read_header
from pacs.dicom.source import BytesSource
from pacs.errors import InvalidInstance, MissingUid

MakePart10 = Callable[..., bytes]
DEFLATED = "1.2.840.10008.1.2.1.99"


class CountingSource:
    """A large object of which only the ends exist."""

    def __init__(self, head: bytes, size_bytes: int) -> None:
        self.head = head
        self.size_bytes = size_bytes
        self.bytes_read = 0

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size_bytes - offset))
        self.bytes_read += length
        return self.head[offset : offset + length].ljust(length, b"\0")


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return pack("<HH2sHL", group, number, vr, 0, len(value)) + value
    return pack("<HH2sH", group, number, vr, len(value)) + value


UIDS = (
    element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.7\0")
    + element(8, 0x18, b"UI", b"1.2.3.4.5.6\0")
    + element(0x20, 0x0D, b"UI", b"1.2.3.4\0")
    + element(0x20, 0x0E, b"UI", b"1.2.3.4.5\0")
)


def test_the_header_of_a_gigabyte_is_one_request(make_part10: MakePart10) -> None:
    head = make_part10(Rows=20000, Columns=20000) + pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, 1_000_000_000)
    source = CountingSource(head, len(head) + 1_000_000_000)
    header = read_header(source)
    assert header.pixel_data is not None
    assert (header.pixel_data.offset, header.pixel_data.length) == (len(head), 1_000_000_000)
    assert source.bytes_read == 64 * 1024


def test_a_large_value_is_passed_over_and_located(make_part10: MakePart10) -> None:
    document = bytes(200_000)
    part10 = make_part10(EncapsulatedDocument=document, MIMETypeOfEncapsulatedDocument="application/pdf")
    source = CountingSource(part10, len(part10))
    header = read_header(source)
    large = header.large["00420011"]
    assert (large.vr, large.length) == ("OB", 200_000)
    assert part10[large.offset : large.offset + large.length] == document
    assert header.locate("00420011") == large
    assert header.dataset.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert source.bytes_read <= 2 * 64 * 1024


def test_a_large_value_in_a_sequence_is_located_by_its_path(make_part10: MakePart10) -> None:
    items = [Dataset(), Dataset()]
    items[1].WaveformData = bytes(70_000)
    items[1].WaveformBitsAllocated = 8
    items[1]["WaveformData"].VR = "OB"
    part10 = make_part10(WaveformSequence=items)
    header = read_header(BytesSource(part10))
    large = header.large["54000100/1/54001010"]
    assert part10[large.offset : large.offset + large.length] == bytes(70_000)
    assert header.locate("54000100/1/5400100A") is None
    assert header.locate("54000100/2/54001010") is None
    assert header.locate("54000100/x/54001010") is None
    assert "WaveformData" not in header.dataset.WaveformSequence[1]


@pytest.mark.parametrize(
    "transfer_syntax_uid", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED]
)
def test_every_encoding_gives_the_same_dataset(make_part10: MakePart10, transfer_syntax_uid: str) -> None:
    item = Dataset()
    item.CodeValue = "T-D4000"
    values = {
        "PatientName": "Yılmaz^Şule",
        "SpecificCharacterSet": "ISO_IR 192",
        "Rows": 7,
        "AnatomicRegionSequence": [item],
    }
    header = read_header(BytesSource(make_part10(transfer_syntax_uid, **values)))
    assert header.transfer_syntax_uid == transfer_syntax_uid
    assert header.dataset.PatientName == "Yılmaz^Şule"
    assert header.dataset.Rows == 7
    assert header.dataset.AnatomicRegionSequence[0].CodeValue == "T-D4000"
    assert header.root.integer(0x00280010) == 7


def test_inflating_gives_the_bytes_that_offsets_count_in(make_part10: MakePart10) -> None:
    part10 = make_part10(DEFLATED, PixelData=bytes(range(100)), Rows=10, Columns=10, BitsAllocated=8)
    header = read_header(BytesSource(part10))
    pixels = header.pixel_data
    assert header.deflated
    assert pixels is not None
    assert pixels.length == 100
    assert inflate(part10, 100_000)[pixels.offset : pixels.offset + 100] == bytes(range(100))
    with pytest.raises(InvalidInstance):
        inflate(part10, 100)


def test_a_deflated_header_that_explodes_is_refused(make_part10: MakePart10) -> None:
    part10 = make_part10(DEFLATED)
    meta_end = 144 + int.from_bytes(part10[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(UIDS)
    for _ in range(80):
        bomb += packer.compress(element(9, 0x1001, b"OB", bytes(1_000_000)))
    with pytest.raises(InvalidInstance):
        read_header(BytesSource(part10[:meta_end] + bomb + packer.flush()))


@pytest.mark.parametrize("with_preamble", [True, False])
def test_objects_without_meta_or_preamble_are_recognised(make_part10: MakePart10, with_preamble: bool) -> None:
    part10 = make_part10("1.2.840.10008.1.2.2" if with_preamble else "1.2.840.10008.1.2", StudyDescription="X")
    meta_end = 144 + int.from_bytes(part10[140:144], "little")
    bare = read_header(BytesSource(part10[meta_end:]))
    assert bare.transfer_syntax_uid == ("1.2.840.10008.1.2.2" if with_preamble else "1.2.840.10008.1.2")
    assert bare.dataset.StudyDescription == "X"
    assert read_header(BytesSource(part10[132:])).dataset.StudyDescription == "X"


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 500, b"%PDF-1.7 and more than that", b"GIF89a", b"\x08\0\0\0", b"<html>" * 100]
)
def test_what_is_no_dicom_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInstance):
        read_header(BytesSource(content))


def test_an_object_cut_anywhere_in_its_header_is_refused(make_part10: MakePart10) -> None:
    item = Dataset()
    item.CodeMeaning = "Abdomen"
    part10 = make_part10(StudyDescription="CONFIDENTIAL", AnatomicRegionSequence=[item])
    for length in range(len(part10) - 1):
        try:
            read_header(BytesSource(part10[:length]))
        except InvalidInstance as error:
            assert "CONFIDENTIAL" not in error.message
        else:
            raise AssertionError(f"accepted at {length} of {len(part10)} bytes")


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_missing_uid_is_named(make_part10: MakePart10, keyword: str) -> None:
    uids = {"SOPClassUID": 0x16, "SOPInstanceUID": 0x18, "StudyInstanceUID": 0x0D, "SeriesInstanceUID": 0x0E}
    part10 = make_part10()
    meta_end = 144 + int.from_bytes(part10[140:144], "little")
    group = 8 if uids[keyword] > 0x10 else 0x20
    at = part10.index(pack("<HH2s", group, uids[keyword], b"UI"), meta_end)
    length = int.from_bytes(part10[at + 6 : at + 8], "little")
    for content in (
        part10[:at] + part10[at + 8 + length :],
        part10.replace(part10[at + 8 : at + 8 + length], b"x" * length),
    ):
        with pytest.raises(MissingUid) as caught:
            read_header(BytesSource(content))
        assert caught.value.field == keyword or content.count(b"xxx")
    assert parse_header(BytesSource(part10[:at] + part10[at + 8 + length :])).transfer_syntax_uid


def test_a_sequence_hidden_as_un_is_found() -> None:
    item = pack("<HHL", 0xFFFE, 0xE000, 16) + pack("<HHL", 8, 0x100, 8) + b"T-D4000 "  # implicit inside
    content = UIDS[:0] + element(8, 0x2218, b"UN", item) + UIDS
    header = parse_header(BytesSource(element(8, 5, b"CS", b"ISO_IR 192") + content))
    assert header.dataset.AnatomicRegionSequence[0].CodeValue == "T-D4000"
    broken = element(8, 5, b"CS", b"ISO_IR 192") + element(8, 0x2218, b"UN", b"no items here!!!") + UIDS
    assert parse_header(BytesSource(broken)).root.elements[0x00082218].value == b"no items here!!!"


def test_nesting_without_end_is_refused() -> None:
    deep = b"".join(
        pack("<HH2sHL", 8, 0x2218, b"SQ", 0, 0xFFFFFFFF) + pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) for _ in range(500)
    )
    with pytest.raises(InvalidInstance):
        read_header(BytesSource(element(8, 5, b"CS", b"ISO_IR 192") + deep))


def test_elements_without_number_are_refused() -> None:
    item = pack("<HHL", 0xFFFE, 0xE000, 0)
    with pytest.raises(InvalidInstance):
        read_header(BytesSource(element(8, 0x2218, b"SQ", item * 1_000_001) + UIDS))


def test_an_implicit_pixel_value_takes_the_sign_of_its_pixels(make_part10: MakePart10) -> None:
    signed = make_part10("1.2.840.10008.1.2", PixelRepresentation=1, SmallestImagePixelValue=-5)
    assert read_header(BytesSource(signed)).root.elements[0x00280106].vr == "SS"
    unsigned = make_part10("1.2.840.10008.1.2", PixelRepresentation=0, SmallestImagePixelValue=5)
    assert read_header(BytesSource(unsigned)).root.integer(0x00280106) == 5


def test_padding_after_the_dataset_is_no_dataset(make_part10: MakePart10) -> None:
    header = read_header(BytesSource(make_part10(StudyDescription="X") + bytes(512)))
    assert header.dataset.StudyDescription == "X"
