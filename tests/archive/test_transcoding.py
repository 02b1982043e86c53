"""Instances in the syntax a client asks for: the same pixels, the same other elements, a file that peers can read."""

import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from pacs.archive.lookup import Instance, Level, find_instances
from pacs.archive.retrieve import transcode_instance
from pacs.dicom.transcode import ENCODED
from pacs.errors import NotAcceptable

Sample = Callable[[str], bytes]
EXPLICIT, DEFLATED, JPEG_LS = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.80"
RLE, *_, JPEG_2000 = ENCODED
PIXEL_GROUP = {0x00280004, 0x00280006, 0x7FE00001, 0x7FE00002, 0x7FE00010}
NATIVE = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "rtdose.dcm",
    "rtdose_expb.dcm",
    "ExplVR_BigEnd.dcm",
    "image_dfl.dcm",
    "examples_palette.dcm",
]
COMPRESSED = [
    "MR_small_RLE.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_rle_2frame.dcm",
]


def put(archive: Any, body: bytes) -> Instance:
    stored = archive.store(body)
    assert archive.index() == {}
    level = Level(stored.study, stored.series, stored.sop_instance_uid)
    return find_instances(archive.database, archive.scope, level)[0]


def transcoded(archive: Any, instance: Instance, syntax: str) -> bytes:
    return b"".join(transcode_instance(archive, instance, syntax))


def others(dataset: Dataset) -> dict[int, Any]:
    """Every element but those that tell of pixels."""
    found = {int(each.tag): each for each in dataset if int(each.tag) not in PIXEL_GROUP}
    return {tag: each for tag, each in found.items() if tag & 0xFFFF and tag < 0xFFFC0000}


@pytest.mark.parametrize("name", [*NATIVE, *COMPRESSED])
def test_pixels_and_everything_else_stay_what_they_were(archive: Any, sample: Sample, name: str) -> None:
    body = sample(name)
    instance, before = put(archive, body), dcmread(BytesIO(body), force=True)
    expected = pixel_array(before)
    native = name in NATIVE
    for syntax in (EXPLICIT, DEFLATED) if name.startswith("rtdose") else (EXPLICIT, DEFLATED, *ENCODED):
        after = dcmread(BytesIO(transcoded(archive, instance, syntax)))
        assert after.file_meta.TransferSyntaxUID == syntax
        assert after.file_meta.MediaStorageSOPInstanceUID == before.SOPInstanceUID
        assert others(after) == others(before)
        if native and syntax in (EXPLICIT, DEFLATED):
            assert after.PhotometricInterpretation == before.PhotometricInterpretation
        pixels = pixel_array(after)
        assert pixels.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")
        np.testing.assert_array_equal(pixels, expected)


def test_private_nested_and_large_values_are_passed_on(archive: Any, sample: Sample) -> None:
    dataset = dcmread(BytesIO(sample("CT_small.dcm")))
    block = dataset.private_block(0x0099, "ACME", create=True)
    block.add_new(1, "UN", b"\1\2\3\4")
    block.add_new(2, "OW", bytes(range(256)) * 600)
    item = Dataset()
    item.CodeMeaning = "Kalp Ölçümü"
    item.add_new(0x00080102, "SH", "DCM")
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.AnatomicRegionSequence = [item, Dataset()]
    out = BytesIO()
    dataset.save_as(out)
    instance = put(archive, out.getvalue())
    after = dcmread(BytesIO(transcoded(archive, instance, JPEG_2000)))
    before = dcmread(BytesIO(out.getvalue()))
    assert others(after) == others(before)
    assert after.AnatomicRegionSequence[0].CodeMeaning == "Kalp Ölçümü"


def test_odd_values_pass_without_being_understood(archive: Any, sample: Sample) -> None:
    plain = sample("MR_small_implicit.dcm")
    at = plain.index(b"\x20\x00\x11\x00\x02\x00\x00\x00") + 8
    after = transcoded(archive, put(archive, plain[:at] + b"x?" + plain[at + 2 :]), EXPLICIT)
    assert b"\x20\x00\x11\x00IS\x02\x00x?" in after


def test_an_instance_without_pixels_is_never_compressed(archive: Any, sample: Sample) -> None:
    body = sample("reportsi.dcm")
    after = dcmread(BytesIO(transcoded(archive, put(archive, body), JPEG_2000)))
    assert after.file_meta.TransferSyntaxUID == EXPLICIT
    assert others(after) == others(dcmread(BytesIO(body)))


def test_what_cannot_be_without_loss_is_refused(archive: Any, sample: Sample) -> None:
    floats = dcmread(BytesIO(sample("CT_small.dcm")))
    floats.FloatPixelData = bytes(128 * 128 * 4)
    floats.BitsAllocated = 32
    del floats.PixelData, floats.PixelRepresentation
    floats.SOPInstanceUID = floats.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    out = BytesIO()
    floats.save_as(out)
    for body, syntax in (
        (out.getvalue(), RLE),
        (sample("SC_ybr_full_422_uncompressed.dcm"), JPEG_2000),
        (sample("rtdose.dcm"), RLE),
    ):
        instance = put(archive, body)
        with pytest.raises(NotAcceptable):
            transcoded(archive, instance, syntax)
        assert dcmread(BytesIO(transcoded(archive, instance, EXPLICIT))).file_meta.TransferSyntaxUID == EXPLICIT


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "MR_small_RLE.dcm"]
)
def test_what_stands_after_the_pixels_stays(archive: Any, sample: Sample, name: str) -> None:
    """A digital signature and what a vendor put there; padding alone goes."""
    before = dcmread(BytesIO(sample(name)))
    before.private_block(0x7FE1, "ACME", create=True).add_new(1, "UN", bytes(range(256)) * 400)
    signature = Dataset()
    signature.MACIDNumber, signature.DigitalSignatureUID, signature.Signature = 1, "1.2.3.4", b"signed"
    before.DigitalSignaturesSequence = [signature]
    before.DataSetTrailingPadding = bytes(512)
    out = BytesIO()
    before.save_as(out)
    instance = put(archive, out.getvalue())
    for syntax in (EXPLICIT, DEFLATED, RLE):
        if syntax != instance.transfer_syntax_uid:
            after = dcmread(BytesIO(transcoded(archive, instance, syntax)))
            assert others(after) == others(before)
            assert after.DigitalSignaturesSequence[0].Signature == b"signed" and "DataSetTrailingPadding" not in after
            np.testing.assert_array_equal(pixel_array(after), pixel_array(BytesIO(out.getvalue())))


def test_what_stands_after_deflated_pixels_stays(archive: Any, sample: Sample) -> None:
    before = dcmread(BytesIO(sample("image_dfl.dcm")))
    before.DigitalSignaturesSequence = [Dataset()]
    out = BytesIO()
    before.save_as(out)
    assert others(dcmread(BytesIO(transcoded(archive, put(archive, out.getvalue()), EXPLICIT)))) == others(before)


@pytest.mark.parametrize(
    "rubbish", [b"\0" * 300, b"\xff" * 7, b"\x08\0\x18\0UI\4\x001.2\0", b"\xfa\xff\xfa\xffSQ\0\0\xff\xff\0\0"]
)
def test_rubbish_after_the_pixels_is_left_behind(archive: Any, sample: Sample, rubbish: bytes) -> None:
    for name in ("CT_small.dcm", "MR_small_RLE.dcm"):
        before = dcmread(BytesIO(sample(name)))
        before.pop(0xFFFCFFFC, None)
        out = BytesIO()
        before.save_as(out)
        after = dcmread(BytesIO(transcoded(archive, put(archive, out.getvalue() + rubbish), EXPLICIT)))
        assert others(after) == others(before)


@pytest.mark.parametrize(("name", "syntax"), [("dcmdrle", RLE), ("dcmdjpls", JPEG_LS)])
def test_a_peer_reads_what_is_written(archive: Any, sample: Sample, tmp_path: Path, name: str, syntax: str) -> None:
    """dcmtk decodes our RLE and JPEG-LS, and finds nothing to complain about."""
    instance = put(archive, sample("MR_small_bigendian.dcm"))
    file, plain = tmp_path / "encoded.dcm", tmp_path / "plain.dcm"
    file.write_bytes(transcoded(archive, instance, syntax))
    tool = shutil.which(name)
    assert tool is not None
    done = subprocess.run([tool, "-q", str(file), str(plain)], capture_output=True, check=True)
    assert done.stderr == b""
    np.testing.assert_array_equal(pixel_array(plain), pixel_array(BytesIO(sample("MR_small_bigendian.dcm"))))
