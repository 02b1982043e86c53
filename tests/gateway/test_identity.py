"""The four UIDs out of the head of a dataset, in any encoding."""

import zlib
from dataclasses import dataclass, field

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from gateway_scp.identity import Identity, read_identity, require_same
from gateway_scp.part10 import file_meta
from pacs.dicom.source import BytesSource
from pacs.errors import InvalidInstance, MissingUid, SopClassMismatch
from tests.gateway.sender import CT_IMAGE, EXPLICIT_LITTLE, encoded

IMPLICIT_LITTLE, EXPLICIT_BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
WANTED = Identity(CT_IMAGE, "1.2.3", "1.2.4", "1.2.5")


def dataset(**changes: object) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = CT_IMAGE, "1.2.3", "1.2.4", "1.2.5"
    ds.PatientName = "Test^One"
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "9.9"
    inner.SOPInstanceUID = "9.9"
    ds.ReferencedSeriesSequence = Sequence([inner, inner])
    ds["ReferencedSeriesSequence"].is_undefined_length = True
    ds.PixelData = bytes(1 << 17)
    ds["PixelData"].VR = "OW"
    for name, value in changes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def identity_of(data: bytes, transfer_syntax: str) -> Identity:
    """As it arrives: behind the file meta that the door gives it."""
    meta = file_meta(CT_IMAGE, "1.2.3", transfer_syntax)
    return read_identity(BytesSource(meta + data), len(meta), transfer_syntax)


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize(
    ("data", "transfer_syntax"),
    [
        (encoded(dataset()), EXPLICIT_LITTLE),
        (encoded(dataset()), "1.2.840.10008.1.2.4.201"),
        (encoded(dataset(), implicit=True), IMPLICIT_LITTLE),
        (encoded(dataset(), big=True), EXPLICIT_BIG),
        (deflate(encoded(dataset())), DEFLATED),
        (encoded(dataset()), IMPLICIT_LITTLE),  # a sender that lies, as some do
    ],
)
def test_uids_are_read_in_every_encoding(data: bytes, transfer_syntax: str) -> None:
    assert identity_of(data, transfer_syntax) == WANTED


@dataclass
class Watched:
    """A dataset of which it is known how far it was read."""

    content: bytes
    furthest: list[int] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        return 1 << 31

    def read(self, offset: int, length: int) -> bytes:
        self.furthest.append(offset + length)
        return self.content[offset : offset + length]


def test_of_a_large_object_only_the_head_is_read() -> None:
    watched = Watched(encoded(dataset()))
    assert read_identity(watched, 0, EXPLICIT_LITTLE) == WANTED
    assert max(watched.furthest) <= (1 << 16) + 8


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "", "1.2.x", "1..2", "../../x", "1" * 65])
def test_a_uid_that_is_missing_or_malformed_is_named(keyword: str, value: str | None) -> None:
    ds = dataset()
    del ds[keyword]
    if value is not None:
        ds.add_new(keyword, "LO", value)  # UI would be refused by pydicom itself
    with pytest.raises(MissingUid) as refused:
        identity_of(encoded(ds, implicit=True), IMPLICIT_LITTLE)
    assert refused.value.field == keyword


def test_padding_and_leading_zeros_are_let_pass() -> None:
    ds = dataset()
    ds.add_new("StudyInstanceUID", "LO", "1.02.3 ")
    found = identity_of(encoded(ds, implicit=True), IMPLICIT_LITTLE)
    assert found.study_instance_uid == "1.02.3"


@pytest.mark.parametrize("cut", [3, 30, 100])
def test_a_dataset_that_ends_too_early_is_refused(cut: int) -> None:
    with pytest.raises(InvalidInstance):
        identity_of(encoded(dataset())[:cut], EXPLICIT_LITTLE)


def test_what_does_not_inflate_is_refused() -> None:
    with pytest.raises(InvalidInstance):
        identity_of(b"\xff" * 500, DEFLATED)


def test_what_inflates_without_end_is_refused() -> None:
    bomb = deflate(encoded(dataset(SOPClassUID=None, PixelData=None)) + bytes(200 << 20))
    with pytest.raises(InvalidInstance):
        identity_of(bomb, DEFLATED)


def test_the_announced_class_and_instance_must_be_the_datasets() -> None:
    require_same(WANTED, CT_IMAGE, "1.2.3")
    for announced in ((CT_IMAGE, "1.2.33"), ("1.2", "1.2.3")):
        with pytest.raises(SopClassMismatch):
            require_same(WANTED, *announced)
