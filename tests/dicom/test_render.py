"""Pictures show what their headers mean: windows, lookup tables, palettes, photometric interpretations, sizes."""

import io
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from pacs.dicom.render import Window, render
from pacs.errors import BadRequest, UndecodablePixels


def header(**values: Any) -> Dataset:
    """A header of greys with 12 bits, changed at will."""
    dataset = Dataset()
    defaults = {"PhotometricInterpretation": "MONOCHROME2", "BitsStored": 12, "PixelRepresentation": 0}
    for keyword, value in {**defaults, **values}.items():
        setattr(dataset, keyword, value)
    return dataset


def item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def shown(stored: Any, dataset: Dataset, **options: Any) -> list[Any]:
    """The bytes of a one-row picture of these stored values."""
    pixels = np.asarray([stored], options.pop("dtype", np.uint16))
    picture = render(pixels, dataset, format="png", **options)
    values: list[Any] = np.asarray(Image.open(io.BytesIO(picture)))[0].tolist()
    return values


def sample(name: str) -> tuple[Any, Dataset]:
    path = get_testdata_file(name, download=False)
    dataset = pydicom.dcmread(str(path))
    return pixel_array(dataset, index=0), dataset


def test_without_a_window_everything_is_shown() -> None:
    assert shown([100, 150, 200], header()) == [0, 128, 255]


def test_monochrome_1_is_the_negative_of_monochrome_2() -> None:
    values = [0, 10, 500, 4095]
    positive = shown(values, header())
    assert shown(values, header(PhotometricInterpretation="MONOCHROME1")) == [255 - each for each in positive]


def test_the_window_of_the_header() -> None:
    # Source: PS3.3 §C.11.2.1.2.1: width 101 at 50 is the line from 0 to 100
    dataset = header(WindowCenter=50, WindowWidth=101)
    assert shown([0, 49, 50, 100, 4000], dataset) == [1, 126, 129, 255, 255]


def test_the_first_of_several_windows() -> None:
    dataset = header(WindowCenter=["50", "1000"], WindowWidth=["100", "2000"])
    assert shown([0, 200], dataset)[1] == 255


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((50, 100, "LINEAR_EXACT"), [0, 128, 255, 255]),
        ((50, 100, "sigmoid"), [30, 128, 225, 255]),
        ((50.5, 1, "LINEAR"), [0, 0, 255, 255]),
        ((0.5, 0.001, "LINEAR_EXACT"), [0, 255, 255, 255]),
    ],
)
def test_window_functions(window: Window, expected: list[int]) -> None:
    dataset = header(WindowCenter=4000, WindowWidth=10)
    assert shown([0, 50, 100, 4000], dataset, window=window) == expected


@pytest.mark.parametrize(
    "values",
    [
        {"WindowCenter": 50},
        {"WindowCenter": 50, "WindowWidth": 0},
        {"WindowCenter": 50, "WindowWidth": -5},
        {"WindowCenter": None, "WindowWidth": None},
        {"WindowCenter": [], "WindowWidth": []},
    ],
)
def test_a_useless_window_is_no_window(values: dict[str, Any]) -> None:
    assert shown([100, 200], header(**values)) == [0, 255]


def test_an_unknown_function_is_linear() -> None:
    dataset = header(WindowCenter=50, WindowWidth=100, VOILUTFunction="PARABOLIC")
    assert shown([0, 99], dataset) == [0, 255]


def test_rescaling_comes_before_the_window() -> None:
    dataset = header(RescaleSlope="2", RescaleIntercept="-1000")
    assert shown([400, 500, 600], dataset, window=(0, 400, "LINEAR_EXACT")) == [0, 128, 255]


def test_a_slope_of_zero_is_none() -> None:
    assert shown([100, 200], header(RescaleSlope="0", RescaleIntercept="0")) == [0, 255]


def test_signed_values() -> None:
    dataset = header(PixelRepresentation=1)
    assert shown([-100, 0, 100], dataset, dtype=np.int16) == [0, 128, 255]


def test_windows_and_rescaling_of_functional_groups() -> None:
    frame = item(FrameVOILUTSequence=[item(WindowCenter=1000, WindowWidth=2)])
    shared = item(
        FrameVOILUTSequence=[item(WindowCenter=0, WindowWidth=400, VOILUTFunction="LINEAR_EXACT")],
        PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept="-500")],
    )
    dataset = header(PerFrameFunctionalGroupsSequence=[item(), frame], SharedFunctionalGroupsSequence=[shared])
    assert shown([300, 500, 700], dataset) == [0, 128, 255]
    assert shown([300, 500, 700], dataset, frame_number=2) == [0, 0, 0]


def test_modality_table() -> None:
    table = item(LUTDescriptor=[3, 10, 16], LUTData=[0, 1000, 500])
    assert shown([5, 10, 11, 12, 99], header(ModalityLUTSequence=[table])) == [0, 0, 255, 128, 128]


def test_table_of_interest_is_preferred_but_an_asked_window_wins() -> None:
    table = item(LUTDescriptor=[4, 0, 8], LUTData=bytes([255, 0, 128, 64]))
    dataset = header(VOILUTSequence=[table], WindowCenter=1, WindowWidth=1)
    assert shown([0, 1, 2, 3, 9], dataset) == [255, 0, 128, 64, 64]
    assert shown([0, 100], dataset, window=(50, 100, "LINEAR_EXACT")) == [0, 255]


def test_a_table_for_signed_values_with_an_unsigned_descriptor() -> None:
    table = item(LUTDescriptor=[3, 65535, 16], LUTData=[0, 32768, 65535])
    dataset = header(PixelRepresentation=1, VOILUTSequence=[table])
    assert shown([-1, 0, 1], dataset, dtype=np.int16) == [0, 128, 255]
    assert shown([0, 1, 2], dataset, dtype=np.int16) == [128, 255, 255]  # a frame without negative values


@pytest.mark.parametrize("values", [{}, {"LUTDescriptor": [3, 0, 16]}, {"LUTDescriptor": [3, 0], "LUTData": [1]}])
def test_a_broken_table(values: dict[str, Any]) -> None:
    with pytest.raises(UndecodablePixels):
        shown([1, 2], header(VOILUTSequence=[item(**values)]))


def test_padding_does_not_count() -> None:
    dataset = header(PixelRepresentation=1, PixelPaddingValue=-2000)
    assert shown([-2000, 0, 100], dataset, dtype=np.int16) == [0, 0, 255]
    dataset.PixelPaddingRangeLimit = -1000
    assert shown([-2000, -1500, 0, 100], dataset, dtype=np.int16) == [0, 0, 0, 255]


@pytest.mark.parametrize("value", [0, 7, 4095])
def test_a_flat_picture_is_black(value: int) -> None:
    assert shown([value, value], header()) == [0, 0]
    assert shown([value, value], header(PixelPaddingValue=value)) == [0, 0]


def test_one_bit_is_black_and_white() -> None:
    dataset = header(BitsStored=1)
    assert shown([0, 1], dataset, dtype=np.uint8) == [0, 255]
    assert shown([1, 1], dataset, dtype=np.uint8) == [255, 255]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, ">u2", np.uint32, np.int32, np.float32, np.float64])
def test_every_kind_of_number(dtype: Any) -> None:
    assert shown([0, 50, 100], header(BitsStored=32), dtype=dtype) == [0, 128, 255]


def test_what_is_no_number_is_black() -> None:
    values = [float("nan"), float("-inf"), 0.5, 1.5, float("inf")]
    assert shown(values, header(), dtype=np.float32) == [0, 0, 0, 255, 255]


def test_deep_colours_are_scaled() -> None:
    pixels = np.array([[[0, 2048, 4095], [65535, 1, 16]]], np.uint16)
    picture = Image.open(io.BytesIO(render(pixels, header(PhotometricInterpretation="RGB"), format="png")))
    assert np.asarray(picture)[0].tolist() == [[0, 128, 255], [255, 0, 1]]


def palette(first: int, descriptor_bits: int, *planes: bytes) -> Dataset:
    dataset = header(PhotometricInterpretation="PALETTE COLOR", BitsStored=8)
    entries = len(planes[0]) * 8 // (8 if descriptor_bits == 8 else 16)
    for colour, data in zip(("Red", "Green", "Blue"), planes, strict=True):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [entries, first, descriptor_bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", data)
    return dataset


@pytest.mark.parametrize(
    "dataset",
    [
        palette(10, 8, b"\x00\xff", b"\x01\x80", b"\x02\x00"),
        palette(10, 16, b"\x00\x00\xff\xff", b"\x01\x01\x80\x80", b"\x02\x02\x00\x00"),
        palette(10, 16, b"\x00\x00\xff\x00", b"\x01\x00\x80\x00", b"\x02\x00\x00\x00"),
    ],
    ids=["8 bits", "16 bits", "8 bits in 16"],
)
def test_palettes(dataset: Dataset) -> None:
    colours = shown([0, 10, 11, 200], dataset, dtype=np.uint8)
    assert colours == [[0, 1, 2], [0, 1, 2], [255, 128, 0], [255, 128, 0]]


def test_a_palette_with_more_entries_than_a_byte_counts() -> None:
    ramp = bytes(at // 16 for at in range(4096))
    assert shown([0, 2048, 4095], palette(0, 8, ramp, ramp, ramp)) == [[0] * 3, [128] * 3, [255] * 3]


def test_a_segmented_palette() -> None:
    dataset = header(PhotometricInterpretation="PALETTE COLOR", BitsStored=8)
    dataset.set_original_encoding(False, True)
    for colour, last in (("Red", 255), ("Green", 0), ("Blue", 51)):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 8])
        # one entry of 0, then a line of 255 entries
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", bytes([0, 1, 0, 1, 255, last]))
    assert shown([0, 255], dataset, dtype=np.uint8) == [[0, 0, 0], [255, 0, 51]]


@pytest.mark.parametrize("broken", ["RedPaletteColorLookupTableData", "BluePaletteColorLookupTableDescriptor"])
def test_a_palette_that_the_header_does_not_hold(broken: str) -> None:
    dataset = palette(0, 8, b"\x00", b"\x00", b"\x00")
    delattr(dataset, broken)
    with pytest.raises(UndecodablePixels):
        shown([0], dataset, dtype=np.uint8)


def test_a_segmented_palette_that_is_broken() -> None:
    dataset = header(PhotometricInterpretation="PALETTE COLOR", SegmentedRedPaletteColorLookupTableData=b"\x07")
    with pytest.raises(UndecodablePixels):
        shown([0], dataset, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 4), (2, 2, 2), (1, 2, 2, 3)])
def test_shapes_that_are_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(UndecodablePixels):
        render(np.zeros(shape, np.uint8), header())


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((256, 256), (256, 128)),
        ((50, 256), (50, 25)),
        ((100, 10), (20, 10)),
        ((400, 400), (400, 200)),
        ((1, 1), (1, 1)),
    ],
)
def test_pictures_are_fitted_and_keep_their_aspect(size: tuple[int, int], expected: tuple[int, int]) -> None:
    pixels = np.arange(200 * 100, dtype=np.uint16).reshape(100, 200)
    assert Image.open(io.BytesIO(render(pixels, header(), size=size))).size == expected


def test_formats_and_quality() -> None:
    pixels, dataset = sample("CT_small.dcm")
    best, worst = (render(pixels, dataset, quality=quality) for quality in (95, 10))
    assert Image.open(io.BytesIO(best)).format == "JPEG"
    assert Image.open(io.BytesIO(best)).mode == "L"
    assert len(worst) < len(best)
    assert Image.open(io.BytesIO(render(pixels, dataset, format="png"))).format == "PNG"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"window": (50, 0.5, "LINEAR")}, "window"),
        ({"window": (50, 0, "SIGMOID")}, "window"),
        ({"window": (float("nan"), 5, "LINEAR")}, "window"),
        ({"window": (50, float("inf"), "LINEAR")}, "window"),
        ({"window": (50, 100, "CUBIC")}, "window"),
        ({"size": (0, 10)}, "viewport"),
        ({"size": (10, 100000)}, "viewport"),
        ({"quality": 0}, "quality"),
        ({"quality": 101}, "quality"),
        ({"format": "bmp"}, "accept"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequest) as raised:
        render(np.zeros((2, 2), np.uint8), header(), **options)
    assert raised.value.field == field


def test_known_pixels_of_samples() -> None:
    rgb, dataset = sample("SC_rgb_rle.dcm")
    picture = np.asarray(Image.open(io.BytesIO(render(rgb, dataset, format="png"))))
    assert picture[5, 50].tolist() == [255, 0, 0]
    assert picture[25, 50].tolist() == [0, 255, 0]
    assert picture[95, 50].tolist() == [255, 255, 255]
    ct, dataset = sample("CT_small.dcm")
    picture = np.asarray(Image.open(io.BytesIO(render(ct, dataset, format="png"))))
    assert picture[np.unravel_index(ct.argmax(), ct.shape)] == 255
    assert picture[np.unravel_index(ct.argmin(), ct.shape)] == 0


def test_a_palette_sample_has_the_colours_that_pydicom_gives_it() -> None:
    pixels, dataset = sample("examples_palette.dcm")
    picture = np.asarray(Image.open(io.BytesIO(render(pixels, dataset, format="png"))))
    expected = pydicom.pixels.processing.apply_color_lut(pixels, dataset) / 257
    assert np.abs(picture - expected).max() <= 0.5
