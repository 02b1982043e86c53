"""What does a frame look like? Called by archive.rendering, for rendered frames and thumbnails.

numpy and Pillow are imported when a picture is made, not before.

Source: PS3.3 §C.11 and §C.7.6.3.1.5, PS3.18 §8.3.5
"""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pacs.dicom.annotating import Texts, annotated
from pacs.dicom.colouring import NONE, coloured
from pacs.dicom.transcode import whole
from pacs.errors import BadRequest, UndecodablePixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image
    from pydicom.dataset import Dataset

    Values = NDArray[Any]  # floats
    Pixels = NDArray[Any]
    Bytes8 = NDArray[np.uint8]

Window = tuple[float, float, str]  # center, width, function
Format = Literal["jpeg", "png", "gif"]
Region = tuple[float, float, float | None, float | None]  # x, y, width, height; None: to the edge

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
MAX_SIDE_PX = 16384
COLOURS = ("Red", "Green", "Blue")


def render(
    pixels: "Pixels",
    dataset: "Dataset",
    *,
    window: Window | None = None,
    size: tuple[int, int] | None = None,
    format: Format = "jpeg",
    quality: int = 90,
    frame_number: int = 1,
    region: Region | None = None,
    texts: Texts | None = None,
    profile: str = "",
    source: bytes = b"",
) -> bytes:
    """A picture of one decoded frame (see `transcode.decode_frame`: several samples are RGB), 8 bits a sample.

    `window` overrides what the header says; without either, all values are shown. `size`: width and height in pixels
    into which the picture is fitted, its aspect kept. `texts` are written into it at last; `profile` and `source`: see
    dicom.colouring. Raises BadRequest for a window, size or quality that cannot be meant, UndecodablePixels for pixels
    that this header does not describe.
    """
    check(window, size, format, quality)
    image = draw(pixels, dataset, window, size, frame_number, region)
    if profile not in ("", NONE):
        image = coloured(image, profile, source)
    return encode(annotated(image, texts) if texts else image, format, quality)


def draw(
    pixels: "Pixels",
    dataset: "Dataset",
    window: Window | None,
    size: tuple[int, int] | None,
    frame_number: int,
    region: Region | None = None,
) -> "Image":
    """As `render`, before it is encoded."""
    import numpy as np
    from PIL import Image

    if pixels.ndim == 3:
        picture = colours(pixels, whole(dataset, "BitsStored", pixels.dtype.itemsize * 8))
    elif pixels.ndim == 2 and dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        picture = palette_colours(pixels, dataset)
    elif pixels.ndim == 2:
        picture = greys(pixels, dataset, window, frame_number)
    else:
        raise UndecodablePixels("a frame must have two dimensions, or three with its samples")
    image = Image.fromarray(np.ascontiguousarray(picture))
    if region:
        image = cropped(image, region)
    return fitted(image, size) if size else image


def check(window: Window | None, size: tuple[int, int] | None, format: str, quality: int) -> None:
    if window and not (window[2].upper() in FUNCTIONS and usable(window)):
        raise BadRequest("the window must be a center, a width of at least 1, and a function", field="window")
    if size and not all(0 < side <= MAX_SIDE_PX for side in size):
        raise BadRequest(f"width and height must be between 1 and {MAX_SIDE_PX} pixels", field="viewport")
    if format not in ("jpeg", "png", "gif"):
        raise BadRequest("the format must be jpeg, png or gif", field="accept")
    if not 1 <= quality <= 100:
        raise BadRequest("the quality must be between 1 and 100", field="quality")


def usable(window: Window) -> bool:
    """Whether a width is one that its function can work with, and both numbers are finite."""
    center, width, function = window
    least = 1.0 if function.upper() == "LINEAR" else 1e-9
    return abs(center) < float("inf") and least <= width < float("inf")


def greys(pixels: "Pixels", dataset: "Dataset", window: Window | None, frame_number: int) -> "Bytes8":
    """Stored values through modality, value of interest and presentation, in this order."""
    values = modality(pixels, dataset, frame_number)
    table = dataset.get("VOILUTSequence")
    if window is None and table:
        shown = table_greys(values, table[0], signed=signed(dataset) and not dataset.get("ModalityLUTSequence"))
    else:
        found = window or header_window(dataset, frame_number)
        shown = windowed(values, found) if found else stretched(values, pixels, dataset)
    # The two say the same: in projection images MONOCHROME1 is always INVERSE. Source: PS3.3 §C.8.11.3.1.2
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE":
        shown = 1.0 - shown
    return to_bytes(shown)


def modality(pixels: "Pixels", dataset: "Dataset", frame_number: int) -> "Values":
    """Stored values as what the modality measured. Source: PS3.3 §C.11.1"""
    import numpy as np

    values: Values = pixels.astype(np.float32 if pixels.dtype.itemsize <= 2 else np.float64)
    table = dataset.get("ModalityLUTSequence")
    if table:
        return looked_up(values, table[0], signed=signed(dataset))[0].astype(values.dtype)
    item = macro(dataset, "PixelValueTransformationSequence", frame_number)
    slope, intercept = number(item, "RescaleSlope"), number(item, "RescaleIntercept")
    if slope:
        values *= slope
    if intercept:
        values += intercept
    return values


def header_window(dataset: "Dataset", frame_number: int) -> Window | None:
    """The first window of the header that can be worked with."""
    item = macro(dataset, "FrameVOILUTSequence", frame_number)
    center, width = number(item, "WindowCenter"), number(item, "WindowWidth")
    function = str(item.get("VOILUTFunction") or "LINEAR").upper()
    if center is None or width is None:
        return None
    window = (center, width, function if function in FUNCTIONS else "LINEAR")
    return window if usable(window) else None


def windowed(values: "Values", window: Window) -> "Values":
    """Values as greys between 0 and 1. Source: PS3.3 §C.11.2.1.2 and §C.11.2.1.3"""
    import numpy as np

    center, width, function = window[0], window[1], window[2].upper()
    if function == "SIGMOID":
        exponent = np.clip(-4.0 * (values - center) / width, -80, 80)
        shown: Values = 1.0 / (1.0 + np.exp(exponent))
        return shown
    if function == "LINEAR":
        center, width = center - 0.5, width - 1
    if width == 0:
        return (values > center).astype(values.dtype)
    return np.clip((values - center) / width + 0.5, 0, 1)


def stretched(values: "Values", pixels: "Pixels", dataset: "Dataset") -> "Values":
    """Values from the least to the greatest, as greys between 0 and 1; padding and infinities do not count."""
    import numpy as np

    if whole(dataset, "BitsStored", 16) == 1:
        return values
    counted = np.isfinite(values)
    padding = number(dataset, "PixelPaddingValue")
    if padding is not None:
        limit = number(dataset, "PixelPaddingRangeLimit")
        first, last = sorted((padding, padding if limit is None else limit))
        counted &= (pixels < first) | (pixels > last)
    if not counted.any():
        return np.zeros_like(values)
    least, greatest = values[counted].min(), values[counted].max()
    shown: Values = np.clip((values - least) / ((greatest - least) or 1), 0, 1)
    return shown


def table_greys(values: "Values", item: "Dataset", *, signed: bool) -> "Values":
    import numpy as np

    shown, bits, _ = looked_up(values, item, signed=signed)
    greys: Values = np.minimum(shown.astype(values.dtype) / (2**bits - 1), 1)
    return greys


def signed(dataset: "Dataset") -> bool:
    """Whether stored values can be negative, and with them the first value that a table maps."""
    return bool(whole(dataset, "PixelRepresentation", 0))


def looked_up(values: "Values", item: "Dataset", *, signed: bool) -> tuple["Pixels", int, int]:
    """Values through the lookup table of an item, as `through_table` gives them. Rescaling makes negative ones, too."""
    negative = signed or bool(values.min() < 0)
    return through_table(values, item.get("LUTDescriptor"), item.get("LUTData"), signed=negative)


def through_table(values: "Pixels", descriptor: object, data: object, *, signed: bool) -> tuple["Pixels", int, int]:
    """Each value as the entry of a table, those below and above as the first and the last one; how many bits an entry
    has; the greatest entry.

    Entries: 16-bit numbers, or bytes when there is only one byte for each. Source: PS3.3 §C.11.1.1
    """
    import numpy as np

    numbers = np.frombuffer(descriptor, "<u2") if isinstance(descriptor, bytes) else descriptor
    try:
        entries, first, bits = (int(each) for each in numbers)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise UndecodablePixels("a lookup table has no descriptor", field="LUTDescriptor") from error
    entries = entries or 65536
    if isinstance(data, bytes):
        table: Pixels = np.frombuffer(data, np.uint8 if len(data) < 2 * entries else "<u2")
    else:
        table = np.atleast_1d(np.asarray([] if data is None else data, np.uint16))
    if len(table) == 0:
        raise UndecodablePixels("a lookup table has no entries in the header", field="LUTData")
    if signed and first > 32767:
        first -= 65536
    at = np.nan_to_num(np.asarray(values, np.float64)) - first
    found = table[np.clip(at, 0, min(entries, len(table)) - 1).astype(np.intp)]
    return found, max(bits, 8), int(table.max())


def palette_colours(pixels: "Pixels", dataset: "Dataset") -> "Bytes8":
    """Indices as the colours of the palette. Source: PS3.3 §C.7.6.3.1.5 and §C.7.9"""
    import numpy as np

    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        return segmented_colours(pixels, dataset)
    negative = signed(dataset)
    planes = []
    for colour in COLOURS:
        name = f"{colour}PaletteColorLookupTable"
        descriptor, data = dataset.get(f"{name}Descriptor"), dataset.get(f"{name}Data")
        planes.append(through_table(pixels, descriptor, data, signed=negative))
    # Some say 16 bits and have bytes in them.
    bits = 8 if max(greatest for *_, greatest in planes) < 256 else max(depth for _, depth, _ in planes)
    return to_bytes(np.minimum(np.stack([plane for plane, *_ in planes], axis=-1) / np.float32(2**bits - 1), 1))


def segmented_colours(pixels: "Pixels", dataset: "Dataset") -> "Bytes8":
    import numpy as np
    from pydicom.pixels.processing import apply_color_lut

    try:
        rgb = apply_color_lut(pixels, dataset)[..., :3]
    except Exception as error:
        raise UndecodablePixels("the segmented palette cannot be read") from error
    return to_bytes(rgb / np.float32(np.iinfo(rgb.dtype).max))


def colours(pixels: "Pixels", bits_stored: int) -> "Bytes8":
    import numpy as np

    if pixels.shape[2] != 3:
        raise UndecodablePixels("only pixels of one or three samples can be drawn", field="SamplesPerPixel")
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return to_bytes(np.clip(pixels / np.float32(2**bits_stored - 1), 0, 1))


def to_bytes(shown: "Values") -> "Bytes8":
    """Greys or colours between 0 and 1 as bytes; what is no number is black."""
    import numpy as np

    return (np.nan_to_num(shown) * 255 + 0.5).astype(np.uint8)


def encode(image: "Image", format: Format, quality: int) -> bytes:
    out = io.BytesIO()
    profile = image.info.get("icc_profile")
    if format == "png":
        image.save(out, "PNG", compress_level=3, icc_profile=profile)
    elif format == "gif":
        image.save(out, "GIF")
    else:
        image.save(out, "JPEG", quality=quality, icc_profile=profile)
    return out.getvalue()


def animate(images: "Iterable[Image]", duration_ms: int) -> bytes:
    """Drawn frames as an animated GIF that begins again at its end."""
    first, *others = images
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=others, duration=duration_ms, loop=0)
    return out.getvalue()


def cropped(image: "Image", region: Region) -> "Image":
    """The part of an image that lies in a region, mirrored where width or height are negative. Raises BadRequest.

    Source: PS3.18 §8.3.5.1.3
    """
    from PIL.Image import Transpose

    x, y, width, height = region
    wide = image.width - x if width is None else abs(width)
    high = image.height - y if height is None else abs(height)
    left, top = max(round(x), 0), max(round(y), 0)
    right, bottom = min(round(x + wide), image.width), min(round(y + high), image.height)
    if left >= right or top >= bottom:
        raise BadRequest("the region of the viewport lies outside the image", field="viewport")
    image = image.crop((left, top, right, bottom))
    if width is not None and width < 0:
        image = image.transpose(Transpose.FLIP_LEFT_RIGHT)
    if height is not None and height < 0:
        image = image.transpose(Transpose.FLIP_TOP_BOTTOM)
    return image


def fitted(image: "Image", size: tuple[int, int]) -> "Image":
    """As large as fits into width and height, with the same aspect. Source: PS3.18 §8.3.5.1.3"""
    from PIL.Image import Resampling

    scale = min(size[0] / image.width, size[1] / image.height)
    fit = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return image if fit == image.size else image.resize(fit, Resampling.BICUBIC, reducing_gap=2.0)


def macro(dataset: "Dataset", keyword: str, frame_number: int) -> "Dataset":
    """Where the attributes of a functional group stand: for this frame, for all frames, or in the dataset itself.

    Source: PS3.3 §C.7.6.16
    """
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    groups = [*frames[frame_number - 1 : frame_number], *(dataset.get("SharedFunctionalGroupsSequence") or [])]
    for group in groups:
        if group.get(keyword):
            item: Dataset = group.get(keyword)[0]
            return item
    return dataset


def profile_of(dataset: "Dataset", frame_number: int) -> bytes:
    """The ICC profile of a frame, of several that of its optical path; empty without one. Source: PS3.3 §C.8.12.5"""
    paths = dataset.get("OpticalPathSequence") or []
    wanted = macro(dataset, "OpticalPathIdentificationSequence", frame_number).get("OpticalPathIdentifier")
    named = [each for each in paths if each.get("OpticalPathIdentifier") == wanted]
    found = (each.get("ICCProfile") for each in (dataset, *named, *paths))
    return next((bytes(each) for each in found if each), b"")


def number(item: "Dataset", keyword: str) -> float | None:
    """The first value of an attribute, None when there is none or it is no finite number."""
    value = item.get(keyword)
    if value is not None and not isinstance(value, (str, int, float)):
        value = value[0] if len(value) else None
    try:
        found = float(value) if value is not None else float("nan")
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None
