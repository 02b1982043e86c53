"""Pixels stay what they are: encoded and decoded again by every decoder there is, stored twice in different syntaxes,
and drawn as pydicom's own processing would draw them.
"""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

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
