"""Pixels stay what they are: encoded and decoded again by every decoder there is, and in whatever syntax they come."""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder

from pacs.dicom.frames import locate_frames
from pacs.dicom.header import parse_header
from pacs.dicom.source import BytesSource
from pacs.dicom.transcode import (
    ENCODED,
    JPEG_2000_LOSSLESS,
    RLE,
    decode_frame,
    encode_frame,
    pixel_options,
)
from pacs.errors import NotAcceptable

EXPLICIT = "1.2.840.10008.1.2.1"
# BitsAllocated, BitsStored, PixelRepresentation, SamplesPerPixel
SHAPES = [
    (8, 8, 0, 1),
    (8, 7, 1, 1),
    (8, 1, 0, 1),
    (16, 8, 0, 1),
    (16, 8, 1, 1),
    (16, 10, 1, 1),
    (16, 12, 0, 1),
    (16, 16, 0, 1),
    (16, 16, 1, 1),
    (8, 8, 0, 3),
    (16, 8, 0, 3),
    (16, 12, 0, 3),
    (16, 16, 0, 3),
]


def header(bits_allocated: int, bits_stored: int, signed: int, samples: int, **values: Any) -> Dataset:
    dataset = Dataset()
    defaults = {
        "Rows": 48,
        "Columns": 64,
        "BitsAllocated": bits_allocated,
        "BitsStored": bits_stored,
        "HighBit": bits_stored - 1,
        "PixelRepresentation": signed,
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "RGB" if samples == 3 else "MONOCHROME2",
    }
    for keyword, value in {**defaults, **values}.items():
        setattr(dataset, keyword, value)
    if samples == 3:
        dataset.PlanarConfiguration = values.get("PlanarConfiguration", 0)
    return dataset


def noise(dataset: Dataset) -> Any:
    """Samples of any value that the header allows, the least and the greatest among them."""
    stored, signed = dataset.BitsStored, dataset.PixelRepresentation
    least, greatest = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    shape = (dataset.Rows, dataset.Columns, *((3,) if dataset.SamplesPerPixel == 3 else ()))
    values = np.random.default_rng(stored).integers(least, greatest, shape, endpoint=True)
    values.flat[:2] = least, greatest
    return values.astype(f"{'i' if signed else 'u'}{dataset.BitsAllocated // 8}")


@pytest.mark.parametrize("syntax", ENCODED)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_encoded_is_decoded_exactly_by_every_decoder(syntax: str, shape: tuple[int, int, int, int]) -> None:
    dataset = header(*shape)
    pixels = noise(dataset)
    frame = encode_frame(pixels, dataset, EXPLICIT, syntax)
    decoder = get_decoder(syntax)
    plugins = set(decoder.available_plugins)
    if syntax == JPEG_2000_LOSSLESS and shape != (8, 8, 0, 1):
        plugins.discard("pillow")  # decodes neither signed samples nor deep colours
    for plugin in plugins:
        options = pixel_options(dataset, syntax)
        decoded, _ = decoder.as_array(encapsulate([frame]), index=0, decoding_plugin=plugin, **options)
        assert decoded.dtype == pixels.dtype
        np.testing.assert_array_equal(decoded, pixels)
    np.testing.assert_array_equal(decode_frame(frame, dataset, syntax), pixels)


def test_overlays_in_the_pixel_data_are_not_lost_by_encoding() -> None:
    dataset = header(16, 12, 0, 1)
    block = np.full((48, 64), 0x1123, "<u2")  # a bit of an overlay above the samples
    pixels = decode_frame(block.tobytes(), dataset, EXPLICIT)
    assert (pixels == 0x123).all()
    dataset.add_new(0x60000102, "US", 0)
    assert encode_frame(pixels, dataset, EXPLICIT, RLE)
    dataset.add_new(0x60000102, "US", 12)
    with pytest.raises(NotAcceptable):
        encode_frame(pixels, dataset, EXPLICIT, RLE)


@pytest.mark.parametrize(
    ("stored", "photometric", "possible"),
    [
        (EXPLICIT, "YBR_FULL", False),
        (RLE, "YBR_FULL", False),
        ("1.2.840.10008.1.2.4.70", "YBR_FULL", False),
        (JPEG_2000_LOSSLESS, "YBR_FULL", False),
        (JPEG_2000_LOSSLESS, "YBR_RCT", True),
        ("1.2.840.10008.1.2.4.50", "YBR_FULL_422", True),  # lossy before
    ],
)
def test_what_decoding_has_rounded_is_not_called_lossless(stored: str, photometric: str, possible: bool) -> None:
    dataset = header(8, 8, 0, 3, PhotometricInterpretation=photometric)
    for syntax in ENCODED:
        if possible:
            assert encode_frame(noise(dataset), dataset, stored, syntax)
        else:
            with pytest.raises(NotAcceptable):
                encode_frame(noise(dataset), dataset, stored, syntax)


@cache
def sample(name: str) -> tuple[Any, Dataset]:
    """The first frame of a bundled file as we decode it, and its header."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    source = BytesSource(Path(path).read_bytes())
    read = parse_header(source)
    offset, length = locate_frames(source, read).range_of(1)
    frame = locate_frames(source, read).frame_bytes(source.read(offset, length), 1)
    return decode_frame(frame, read.dataset, read.transfer_syntax_uid), read.dataset


@pytest.mark.parametrize(
    ("name", "twin", "error"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm", 0),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm", 0),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm", 0),
        ("MR_small_bigendian.dcm", "MR_small.dcm", 0),
        ("rtdose_rle_1frame.dcm", "rtdose_1frame.dcm", 0),
        ("rtdose_expb_1frame.dcm", "rtdose_1frame.dcm", 0),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm", 0),
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm", 0),
        ("SC_rgb_gdcm_KY.dcm", "SC_rgb_rle.dcm", 3),
        ("SC_rgb_jls_lossy_line.dcm", "SC_rgb_rle.dcm", 3),
        ("SC_rgb_jls_lossy_sample.dcm", "SC_rgb_rle.dcm", 3),
        ("SC_ybr_full_422_uncompressed.dcm", "SC_rgb_rle.dcm", 6),
        ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_rle.dcm", 3),
        ("SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle.dcm", 6),
    ],
)
def test_one_picture_in_several_syntaxes(name: str, twin: str, error: int) -> None:
    pixels, expected = sample(name)[0], sample(twin)[0]
    assert np.abs(pixels.astype(np.int64) - expected).max() <= error


GRADIENT = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8) * 2
COLOURED = np.stack([GRADIENT, GRADIENT[::-1], GRADIENT[:, ::-1]], axis=-1)


def jpeg(pixels: Any, **options: Any) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, **options)
    return out.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_lossy_greys_are_near(progressive: bool) -> None:
    dataset = header(8, 8, 0, 1, Rows=64)
    for syntax in ("50", "51", "53", "55"):
        if progressive == (syntax in ("53", "55")):
            pixels = decode_frame(jpeg(GRADIENT, progressive=progressive), dataset, f"1.2.840.10008.1.2.4.{syntax}")
            assert np.abs(pixels.astype(int) - GRADIENT).max() <= 4


@pytest.mark.parametrize(("subsampling", "photometric"), [(0, "YBR_FULL"), (1, "YBR_FULL_422"), (2, "YBR_FULL_422")])
def test_lossy_colours_are_near(subsampling: int, photometric: str) -> None:
    dataset = header(8, 8, 0, 3, Rows=64, PhotometricInterpretation=photometric)
    pixels = decode_frame(jpeg(COLOURED, subsampling=subsampling), dataset, "1.2.840.10008.1.2.4.50")
    assert np.abs(pixels.astype(int) - COLOURED).max() <= 10


@pytest.mark.parametrize("shape", [(8, 8, 0, 1), (16, 12, 0, 1), (16, 16, 0, 1), (8, 8, 0, 3)], ids=str)
def test_near_lossless_is_as_near_as_was_asked(shape: tuple[int, int, int, int]) -> None:
    dataset, syntax = header(*shape), "1.2.840.10008.1.2.4.81"
    pixels = noise(dataset)
    frame = get_encoder(syntax).encode(pixels, jls_error=3, **pixel_options(dataset, syntax))
    decoded = decode_frame(bytes(frame), dataset, syntax)
    assert 0 < np.abs(decoded.astype(int) - pixels).max() <= 3


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB", "YBR_ICT"])
def test_irreversible_jpeg_2000_is_near(photometric: str) -> None:
    syntax, samples = "1.2.840.10008.1.2.4.91", 1 if photometric == "MONOCHROME2" else 3
    dataset = header(8, 8, 0, samples, Rows=64, PhotometricInterpretation=photometric)
    pixels = COLOURED if samples == 3 else GRADIENT
    frame = get_encoder(syntax).encode(pixels, j2k_psnr=[80], **pixel_options(dataset, syntax))
    assert np.abs(decode_frame(bytes(frame), dataset, syntax).astype(int) - pixels).max() <= 2


def test_reversible_colours_of_jpeg_2000_are_exact() -> None:
    dataset = header(8, 8, 0, 3, Rows=64, PhotometricInterpretation="YBR_RCT")
    options = pixel_options(dataset, JPEG_2000_LOSSLESS)
    frame = get_encoder(JPEG_2000_LOSSLESS).encode(COLOURED, **options)
    np.testing.assert_array_equal(decode_frame(bytes(frame), dataset, JPEG_2000_LOSSLESS), COLOURED)


@pytest.mark.parametrize(
    ("photometric", "planar", "error"),
    [("RGB", 0, 0), ("RGB", 1, 0), ("YBR_FULL", 0, 2), ("YBR_FULL", 1, 2), ("YBR_FULL_422", 0, 3)],
)
def test_colours_that_are_not_compressed(photometric: str, planar: int, error: int) -> None:
    """Source: PS3.3 §C.7.6.3.1.2 and §C.7.6.3.1.3"""
    stored = COLOURED.astype(float)
    if photometric != "RGB":
        red, green, blue = stored.transpose(2, 0, 1)
        luminance = 0.299 * red + 0.587 * green + 0.114 * blue
        blueness, redness = 0.5 * (blue - luminance) / 0.886 + 128, 0.5 * (red - luminance) / 0.701 + 128
        stored = np.stack([luminance, blueness, redness], axis=-1).round()
    if photometric.endswith("422"):  # two of luminance, then the chrominance of both
        pairs = stored.reshape(64, 32, 2, 3)
        stored = np.concatenate([pairs[..., 0], pairs[..., 1:].mean(axis=2)], axis=-1)
    if planar:
        stored = stored.transpose(2, 0, 1)
    dataset = header(8, 8, 0, 3, Rows=64, PhotometricInterpretation=photometric, PlanarConfiguration=planar)
    frame = stored.astype(np.uint8).tobytes()
    assert np.abs(decode_frame(frame, dataset, EXPLICIT).astype(int) - COLOURED).max() <= error
    for syntax in ENCODED if photometric == "RGB" else ():
        pixels = decode_frame(frame, dataset, EXPLICIT)
        again = decode_frame(encode_frame(pixels, dataset, EXPLICIT, syntax), header(8, 8, 0, 3, Rows=64), syntax)
        np.testing.assert_array_equal(again, COLOURED)
