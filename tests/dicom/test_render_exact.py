"""Pictures have the greys and colours that pydicom's own processing gives the same pixels."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array

from pacs.dicom.render import render

HALF_A_LEVEL = 0.51  # rounding, and what the floats of the two ways differ by


def header(**values: Any) -> Dataset:
    dataset = Dataset()
    defaults = {"PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 12}
    for keyword, value in {**defaults, "PixelRepresentation": 0, **values}.items():
        setattr(dataset, keyword, value)
    return dataset


def item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def drawn(pixels: Any, dataset: Dataset, **options: Any) -> Any:
    picture = render(pixels, dataset, format="png", **options)
    return np.asarray(Image.open(io.BytesIO(picture))).astype(float)


def expected_greys(pixels: Any, dataset: Dataset) -> Any:
    """Greys from 0 to 255 by pydicom's lookup tables and windows, as PS3.3 §C.11 has them; floats."""
    with np.errstate(over="ignore"):
        shown = apply_voi_lut(apply_modality_lut(pixels, dataset), dataset)
    if "WindowCenter" in dataset:
        bits, signed = dataset.BitsStored, dataset.PixelRepresentation
        least, greatest = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
        if "ModalityLUTSequence" in dataset:
            least, greatest = 0.0, 2.0 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
        elif "RescaleSlope" in dataset:
            slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
            least, greatest = least * slope + intercept, greatest * slope + intercept
    else:
        least, greatest = float(shown.min()), float(shown.max())
    greys = (shown - least) / (greatest - least) * 255
    inverse = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    return 255 - greys if inverse else greys


def ramp(dataset: Dataset) -> Any:
    """Every value that 12 or 16 bits have, a row each 64."""
    bits = dataset.BitsStored
    values = np.arange(1 << bits, dtype=np.int64) - (1 << bits - 1 if dataset.PixelRepresentation else 0)
    return values.astype(np.int16 if dataset.PixelRepresentation else np.uint16).reshape(-1, 64)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"PixelRepresentation": 1},
        {"BitsStored": 16},
        {"RescaleSlope": "1", "RescaleIntercept": "-1024"},
        {"RescaleSlope": "0.5", "RescaleIntercept": "10", "PixelRepresentation": 1, "BitsStored": 16},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PresentationLUTShape": "IDENTITY"},
        {"ModalityLUTSequence": [item(LUTDescriptor=[4096, 0, 16], LUTData=list(range(4095, -1, -1)))]},
    ],
)
@pytest.mark.parametrize("window", [(400, 1500), (40.5, 1.5), (0, 4096)])
def test_windows(function: str, values: dict[str, Any], window: tuple[float, float]) -> None:
    dataset = header(**values, WindowCenter=window[0], WindowWidth=window[1], VOILUTFunction=function)
    pixels = ramp(dataset)
    assert np.abs(drawn(pixels, dataset) - expected_greys(pixels, dataset)).max() <= HALF_A_LEVEL


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("values", [{}, {"PixelRepresentation": 1}, {"PhotometricInterpretation": "MONOCHROME1"}])
def test_tables_of_interest(bits: int, values: dict[str, Any]) -> None:
    first = -2048 if values.get("PixelRepresentation") else 0
    entries = (np.linspace(0, 1, 4096) ** 2 * (2**bits - 1)).astype(int).tolist()
    dataset = header(**values, VOILUTSequence=[item(LUTDescriptor=[4096, first, bits], LUTData=entries)])
    dataset.VOILUTSequence[0]["LUTDescriptor"].VR = "SS"
    pixels = ramp(dataset)
    expected = np.asarray(entries)[pixels.astype(int) - first] / (2**bits - 1) * 255
    if "PhotometricInterpretation" in values:
        expected = 255 - expected
    assert np.abs(drawn(pixels, dataset) - expected).max() <= HALF_A_LEVEL


def test_a_dark_table_is_dark() -> None:
    """Entries of 12 bits that are all below 256 are not those of 8 bits."""
    dataset = header(VOILUTSequence=[item(LUTDescriptor=[4096, 0, 12], LUTData=[each // 16 for each in range(4096)])])
    assert drawn(ramp(dataset), dataset).max() == 16


def test_entries_beyond_what_the_table_says_are_white() -> None:
    dataset = header(VOILUTSequence=[item(LUTDescriptor=[3, 0, 12], LUTData=[0, 4095, 5000])])
    assert drawn(np.array([[0, 1, 2]], np.uint16), dataset).tolist() == [[0, 255, 255]]


def test_each_frame_has_the_window_of_its_functional_group() -> None:
    windows = [(100, 200, "LINEAR"), (1000, 50, "LINEAR_EXACT"), (2000, 900, "SIGMOID")]
    frames = [
        item(
            FrameVOILUTSequence=[item(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)],
            PixelValueTransformationSequence=[item(RescaleSlope=str(number), RescaleIntercept="-5")],
        )
        for number, (center, width, function) in enumerate(windows, 1)
    ]
    dataset = header(PerFrameFunctionalGroupsSequence=frames, WindowCenter=1, WindowWidth=1)
    pixels = ramp(dataset)
    for number, (center, width, function) in enumerate(windows, 1):
        flat = header(
            WindowCenter=center,
            WindowWidth=width,
            VOILUTFunction=function,
            RescaleSlope=str(number),
            RescaleIntercept="-5",
        )
        picture = drawn(pixels, dataset, frame_number=number)
        assert np.abs(picture - expected_greys(pixels, flat)).max() <= HALF_A_LEVEL


@pytest.mark.parametrize("entry_bits", [8, 16])
@pytest.mark.parametrize("first", [0, 7])
def test_palettes(entry_bits: int, first: int) -> None:
    dataset = header(PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8)
    random = np.random.default_rng(entry_bits)
    for colour in ("Red", "Green", "Blue"):
        table = random.integers(0, 1 << entry_bits, 200)
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [200, first, entry_bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.astype(f"<u{entry_bits // 8}").tobytes())
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = apply_color_lut(pixels, dataset) / (2**entry_bits - 1) * 255
    assert np.abs(drawn(pixels, dataset) - expected).max() <= HALF_A_LEVEL


def test_floats_are_windowed() -> None:
    dataset = header(WindowCenter=0.25, WindowWidth=0.5, VOILUTFunction="LINEAR_EXACT", BitsAllocated=32)
    del dataset.BitsStored, dataset.PixelRepresentation
    pixels = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)
    expected = np.clip(pixels / 0.5, 0, 1) * 255
    assert np.abs(drawn(pixels, dataset) - expected).max() <= HALF_A_LEVEL


def samples() -> list[Path]:
    return sorted((Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm"))


@pytest.mark.parametrize("path", samples(), ids=lambda each: each.name)
def test_every_sample_is_drawn_as_pydicom_would(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
        try:
            pixels = pixel_array(dataset, index=0)
        except Exception:  # what cannot be decoded is told by test_transcode
            return
        if pixels.ndim == 3:
            expected = pixels / (2 ** (8 * pixels.dtype.itemsize) - 1) * 255
        elif dataset.PhotometricInterpretation == "PALETTE COLOR":
            table = apply_color_lut(pixels, dataset)
            expected = table / np.iinfo(table.dtype).max * 255
        else:
            expected = expected_greys(pixels, dataset)
    assert np.abs(drawn(pixels, dataset) - expected).max() <= HALF_A_LEVEL
