"""Frames of all sample files decode as pydicom decodes them; those that viewers cannot draw are made drawable."""

import io
import warnings
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from pacs.dicom.frames import locate_frames
from pacs.dicom.header import parse_header
from pacs.dicom.source import BytesSource
from pacs.dicom.transcode import (
    NATIVE,
    decode_frame,
    explicit_attributes,
    is_plain,
    needs_transcoding,
    to_explicit_little_endian,
)
from pacs.errors import InvalidInstance, UndecodablePixels

EXPLICIT = "1.2.840.10008.1.2.1"
BASELINE, RLE, J2K = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
# Files whose pixels nobody can decode: broken off, without a header for them, or bad codestreams.
UNDECODABLE = {
    "JPEG-lossy.dcm": "libjpeg",
    "JPEG2000-embedded-sequence-delimiter.dcm": "J2K",
    "MR_truncated.dcm": "shorter than one frame",
    "meta_missing_tsyntax.dcm": "rows, columns or bits allocated",
    "nested_priv_SQ.dcm": "rows, columns or bits allocated",
}
# Bytes in big endian words, their last one past the end of an odd frame: the syntax is retired, pairs stay swapped.
SWAPPED = "SC_rgb_small_odd_big_endian.dcm"
TRANSCODED = {
    "J2K_pixelrep_mismatch.dcm",
    "SC_rgb_rle_16bit.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "SC_rgb_rle_32bit.dcm",
    "SC_rgb_rle_32bit_2frame.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "rtdose_rle.dcm",
    "rtdose_rle_1frame.dcm",
}


class Sample:
    """One file: its header and the stored bytes of any of its frames."""

    def __init__(self, part10: bytes) -> None:
        source = BytesSource(part10)
        self.header = parse_header(source)
        self.syntax = self.header.transfer_syntax_uid
        self.dataset = self.header.dataset
        self.table = locate_frames(source, self.header)
        self.source = source

    def frame(self, frame_number: int) -> bytes:
        offset, length = self.table.range_of(frame_number)
        return self.table.frame_bytes(self.source.read(offset, length), frame_number)

    def pixels(self, frame_number: int = 1) -> Any:
        return decode_frame(self.frame(frame_number), self.dataset, self.syntax)


@cache
def images() -> dict[str, Path]:
    """The bundled files with pixels, by name; the deflated one has a test of its own."""
    found = {}
    for path in sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm")):
        try:
            header = parse_header(BytesSource(path.read_bytes()))
        except InvalidInstance:
            continue
        if header.pixel_data and not header.deflated:
            found[path.name] = path
    return found


def sample(name: str) -> Sample:
    return Sample(images()[name].read_bytes())


def reference(path: Path, frame_number: int) -> Any:
    """pydicom's own reading of a frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        if "TransferSyntaxUID" not in dataset.file_meta:
            dataset.file_meta.TransferSyntaxUID = UID(Sample(path.read_bytes()).syntax)
        if not str(dataset.get("NumberOfFrames", "1")).isdigit():
            dataset.NumberOfFrames = 1
        return pixel_array(dataset, index=frame_number - 1)


def image(**values: Any) -> Dataset:
    """A header of 2 × 2 bytes of grey, changed at will; None takes an attribute away."""
    dataset = Dataset()
    defaults = {
        "Rows": 2,
        "Columns": 2,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for keyword, value in {**defaults, **values}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize("name", sorted(set(images()) - set(UNDECODABLE) - {SWAPPED}))
def test_every_sample_decodes_as_pydicom_decodes_it(name: str) -> None:
    one = sample(name)
    for frame_number in {1, one.table.number_of_frames}:
        pixels, expected = one.pixels(frame_number), reference(images()[name], frame_number)
        assert pixels.dtype == expected.dtype
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("name", sorted(UNDECODABLE))
def test_what_cannot_be_decoded_says_why(name: str) -> None:
    with pytest.raises(UndecodablePixels, match=UNDECODABLE[name]):
        sample(name).pixels()


@pytest.mark.parametrize("name", sorted(set(images()) - set(UNDECODABLE)))
def test_only_what_viewers_cannot_draw_is_transcoded(name: str) -> None:
    one = sample(name)
    assert needs_transcoding(one.dataset, one.syntax, one.frame(1)) is (name in TRANSCODED)
    assert is_plain(one.header) is (one.syntax in NATIVE and name not in TRANSCODED)


@pytest.mark.parametrize("name", sorted(TRANSCODED))
def test_a_transcoded_frame_is_what_its_header_says(name: str) -> None:
    one = sample(name)
    body, changed = to_explicit_little_endian(one.frame(1), one.dataset, one.syntax)
    dataset = deepcopy(one.dataset)
    for keyword, value in changed.items():
        setattr(dataset, keyword, value)
    assert len(body) == dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    np.testing.assert_array_equal(decode_frame(body, dataset, EXPLICIT), one.pixels())
    assert not needs_transcoding(dataset, EXPLICIT, body)


def test_subsampled_colours_become_rgb() -> None:
    one = sample("SC_ybr_full_422_uncompressed.dcm")
    body, changed = to_explicit_little_endian(one.frame(1), one.dataset, one.syntax)
    assert changed == explicit_attributes(one.dataset) == {"PhotometricInterpretation": "RGB"}
    assert tuple(body[:3]) == (254, 0, 0)


def test_big_endian_becomes_little() -> None:
    one, twin = sample("MR_small_expb.dcm"), sample("MR_small_implicit.dcm")
    assert one.frame(1) != twin.frame(1)
    assert to_explicit_little_endian(one.frame(1), one.dataset, one.syntax) == (twin.frame(1), {})


def test_planes_become_pixels() -> None:
    dataset = image(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=1)
    body, changed = to_explicit_little_endian(bytes(range(12)), dataset, EXPLICIT)
    assert body == bytes([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    assert changed == {"PlanarConfiguration": 0}


def test_bits_become_bytes() -> None:
    dataset = image(BitsAllocated=1, BitsStored=1, HighBit=0)
    body, changed = to_explicit_little_endian(b"\x06", dataset, EXPLICIT)
    assert body == bytes([0, 1, 1, 0])
    assert changed == {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


@pytest.mark.parametrize(("bits", "dtype"), [(32, np.float32), (64, np.float64)])
def test_floats(bits: int, dtype: Any) -> None:
    dataset = image(BitsAllocated=bits, BitsStored=None, HighBit=None, PixelRepresentation=None)
    values = np.array([[0.5, -1.25], [1e9, 3]], dtype)
    np.testing.assert_array_equal(decode_frame(values.tobytes(), dataset, EXPLICIT), values)


@pytest.mark.parametrize("number", [53, 55])
def test_retired_progressive_jpeg(number: int) -> None:
    syntax = f"1.2.840.10008.1.2.4.{number}"
    target = io.BytesIO()
    gradient = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    Image.fromarray(gradient).save(target, "JPEG", quality=95, progressive=True)
    dataset = image(Rows=64, Columns=64)
    assert needs_transcoding(dataset, syntax)
    body, _ = to_explicit_little_endian(target.getvalue(), dataset, syntax)
    assert np.abs(np.frombuffer(body, np.uint8).reshape(64, 64) - gradient.astype(int)).max() <= 4


@pytest.mark.parametrize("number", [92, 93])
def test_second_part_of_jpeg_2000(number: int) -> None:
    one = sample("MR_small_jp2klossless.dcm")
    syntax = f"1.2.840.10008.1.2.4.{number}"
    assert needs_transcoding(one.dataset, syntax)
    body, _ = to_explicit_little_endian(one.frame(1), one.dataset, syntax)
    assert body == sample("MR_small.dcm").frame(1)


def test_signedness_of_the_codestream_is_told_by_a_frame_alone() -> None:
    one = sample("J2K_pixelrep_mismatch.dcm")
    assert needs_transcoding(one.dataset, one.syntax) is False
    assert needs_transcoding(one.dataset, one.syntax, one.frame(1)) is True


@pytest.mark.parametrize(
    ("syntax", "values", "expected"),
    [
        ("1.2.840.10008.1.2.4.110", {}, True),
        ("1.2.840.10008.1.2.4.102", {}, False),
        ("1.2.840.10008.1.2.4.203", {}, False),
        ("1.2.840.10008.1.2.2", {}, False),
        ("1.2.840.10008.1.2.1.99", {"PhotometricInterpretation": "YBR_FULL_422"}, True),
        (BASELINE, {"PhotometricInterpretation": "YBR_FULL_422"}, False),
        (RLE, {"BitsAllocated": 16}, False),
        (RLE, {"BitsAllocated": 16, "SamplesPerPixel": 3}, True),
        (RLE, {"SamplesPerPixel": 3}, False),
        ("1.2.840.10008.1.2.4.110", {"Rows": None}, False),
    ],
)
def test_what_viewers_draw(syntax: str, values: dict[str, Any], expected: bool) -> None:
    assert needs_transcoding(image(**values), syntax) is expected


@pytest.mark.parametrize(
    ("frame", "syntax", "values", "reason"),
    [
        (b"\0" * 4, "1.2.840.10008.1.2.4.110", {}, "1.2.840.10008.1.2.4.110"),
        (b"\0" * 3, EXPLICIT, {}, "less than expected"),
        (b"", EXPLICIT, {}, "cannot be decoded"),
        (b"", J2K, {}, "cannot be decoded"),
        (b"\xff\xd8\xff", BASELINE, {}, "cannot be decoded"),
        (b"\xff\x4f\xff\x51" + b"\0" * 100, J2K, {}, "cannot be decoded"),
        (b"\0" * 64, RLE, {}, "cannot be decoded"),
        (b"\0" * 4, EXPLICIT, {"Rows": None}, "Rows"),
        (b"\0" * 4, EXPLICIT, {"BitsAllocated": None}, "BitsAllocated"),
        (b"\0" * 4, EXPLICIT, {"BitsAllocated": 12}, "cannot be decoded"),
        (b"\0" * 4, EXPLICIT, {"SamplesPerPixel": 7}, "cannot be decoded"),
        (b"\0" * 4, RLE, {"Rows": 65535, "Columns": 65535}, "too large"),
    ],
)
def test_bad_frames(frame: bytes, syntax: str, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(UndecodablePixels, match=reason):
        decode_frame(frame, image(**values), syntax)


def test_missing_attributes_have_their_usual_values() -> None:
    dataset = image(SamplesPerPixel=None, PhotometricInterpretation=None, BitsStored=None)
    assert decode_frame(b"\0\1\2\3", dataset, EXPLICIT).tolist() == [[0, 1], [2, 3]]


def test_every_drawn_syntax_has_a_decoder() -> None:
    from pacs.dicom.transcode import DRAWN

    assert all(get_decoder(each).is_available for each in DRAWN)
