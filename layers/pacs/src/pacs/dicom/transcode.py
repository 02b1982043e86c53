"""What is in a frame, and can viewers decode it themselves? Called by archive (frames, retrieve, rendering).

pydicom's decoders and numpy are imported when something must be decoded, not before.

Source: PS3.5 §8 and §A.4
"""

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pacs.errors import NotAcceptable, UndecodablePixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from pacs.dicom.header import Header

    Pixels = NDArray[Any]

PREFIX = "1.2.840.10008.1.2"
PHOTOMETRIC_INTERPRETATION = 0x00280004
SUBSAMPLED = ("_422", "_420")
NATIVE = frozenset((PREFIX, f"{PREFIX}.1", f"{PREFIX}.1.99", f"{PREFIX}.2"))
RLE = f"{PREFIX}.5"
JPEG_LS_LOSSLESS = f"{PREFIX}.4.80"
JPEG_2000_LOSSLESS = f"{PREFIX}.4.90"
# What the installed codecs can encode without loss, and who does it. There are Pythons too new for a wheel of CharLS.
ENCODERS = {
    RLE: "pylibjpeg",
    **({JPEG_LS_LOSSLESS: "pyjpegls"} if find_spec("jpeg_ls") else {}),
    JPEG_2000_LOSSLESS: "pylibjpeg",
}
ENCODED = tuple(ENCODERS)
LOSSLESS = NATIVE | {RLE} | {f"{PREFIX}.4.{each}" for each in (57, 70, 80, 90, 92, 201, 202)}
JPEG_2000 = frozenset(f"{PREFIX}.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
# What Cornerstone3D draws as it is stored; anything else that has frames is transcoded for it.
DRAWN = NATIVE | {RLE} | {f"{PREFIX}.4.{each}" for each in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)}
# Video is played, never cut into frames.
VIDEO = frozenset([f"{PREFIX}.4.10{number}" for number in range(9)] + [f"{PREFIX}.4.10{n}.1" for n in range(7)])
VIDEO_TYPES = MP4, TRANSPORT_STREAM, MPEG, H264, H265 = (
    "video/mp4",
    "video/mp2t",
    "video/mpeg",
    "video/h264",
    "video/h265",
)
# Retired processes and the second part of JPEG 2000 are read by the decoder of a syntax that pydicom knows; the
# codestream itself says which process it is.
LOSSY_JPEG, LOSSLESS_JPEG = f"{PREFIX}.4.51", f"{PREFIX}.4.57"
DECODED_AS = {
    f"{PREFIX}.4.92": f"{PREFIX}.4.90",
    f"{PREFIX}.4.93": f"{PREFIX}.4.91",
    **{f"{PREFIX}.4.{number}": LOSSY_JPEG for number in (52, 53, 54, 55, 56, 59, 60, 61, 62, 63, 64)},
    **{f"{PREFIX}.4.{number}": LOSSLESS_JPEG for number in (58, 65, 66)},
}
MAX_FRAME_BYTES = 1 << 30
REASON_CHARACTERS = 300


def needs_transcoding(dataset: "Dataset", transfer_syntax_uid: str, frame: bytes = b"") -> bool:
    """Whether viewers would fail on the frames of an image, or draw them wrongly.

    `frame`: one stored frame; without it, JPEG 2000 whose signedness is not that of the header goes unnoticed.
    """
    if "Rows" not in dataset or transfer_syntax_uid in VIDEO:
        return False
    if transfer_syntax_uid not in DRAWN:
        return True
    if transfer_syntax_uid in NATIVE:
        return str(dataset.get("PhotometricInterpretation", "")).endswith(SUBSAMPLED)
    samples, bits = whole(dataset, "SamplesPerPixel", 1), whole(dataset, "BitsAllocated", 8)
    if transfer_syntax_uid == RLE:
        return bits > 16 or (bits == 16 and samples > 1)
    if transfer_syntax_uid in JPEG_2000 and samples == 1 and frame:
        return contradicts(dataset, frame)
    return False


def is_plain(header: "Header") -> bool:
    """Whether an image is one that `needs_transcoding` would pass for being uncompressed; most are, and no dataset need
    be made to tell.
    """
    photometric = header.root.text(PHOTOMETRIC_INTERPRETATION)
    return header.transfer_syntax_uid in NATIVE and not photometric.endswith(SUBSAMPLED)


def video_media_type(stream: bytes, transfer_syntax_uid: str) -> str:
    """What a player must be told of a video: its container, or its coding when it has none. Source: PS3.5 §8.2.5–9"""
    start, number = stream[:8], int(transfer_syntax_uid.removeprefix(f"{PREFIX}.4.").partition(".")[0])
    if start[4:] == b"ftyp":
        return MP4
    if stream[:377:188] == b"GGG":  # the first bytes of three packets
        return TRANSPORT_STREAM
    if number < 102:
        return MPEG
    if start.startswith((b"\0\0\1", b"\0\0\0\1")):
        return H264 if number < 107 else H265
    return MP4


def contradicts(dataset: "Dataset", codestream: bytes) -> bool:
    """Whether a JPEG 2000 codestream says signed where the header says unsigned, or the other way round."""
    from pydicom.pixels.utils import get_j2k_parameters

    signed = get_j2k_parameters(codestream).get("is_signed")
    return signed is not None and signed != bool(whole(dataset, "PixelRepresentation", 0))


def decode_frame(frame: bytes, dataset: "Dataset", transfer_syntax_uid: str, pixel_vr: str = "") -> "Pixels":
    """The samples of one frame, as stored values of the dtype that the header says.

    Shape (rows, columns), or (rows, columns, samples) of RGB when there are several samples. `frame` is in the stored
    syntax, without item headers; frames of one bit begin at a byte, those of the deflated syntax are inflated.
    `pixel_vr` tells how bytes stand in big endian: those of OW in swapped pairs.
    Raises UndecodablePixels with the codec's reason.
    """
    import warnings

    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options = pixel_options(dataset, transfer_syntax_uid)
    if pixel_vr and options.get("pixel_keyword") == "PixelData":
        options["pixel_vr"] = pixel_vr
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoder = get_decoder(DECODED_AS.get(transfer_syntax_uid, transfer_syntax_uid))
            source = frame if decoder.is_native else encapsulate([frame])
            return decoder.as_array(source, index=0, **options)[0]
    except Exception as error:
        reason = " ".join(str(error).split())[:REASON_CHARACTERS]
        raise UndecodablePixels(f"{transfer_syntax_uid} cannot be decoded: {reason}") from error


def to_explicit_little_endian(
    frame: bytes, dataset: "Dataset", transfer_syntax_uid: str, pixel_vr: str = ""
) -> tuple[bytes, dict[str, str | int]]:
    """One frame in Explicit VR Little Endian, and the attributes of the header that it changes.

    Raises UndecodablePixels.
    """
    pixels = decode_frame(frame, dataset, transfer_syntax_uid, pixel_vr)
    return little_endian_bytes(pixels), explicit_attributes(dataset)


def little_endian_bytes(pixels: "Pixels") -> bytes:
    """Samples as Explicit VR Little Endian has them."""
    return pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes()


def blanked(pixels: "Pixels", rectangles: Iterable[Sequence[int]]) -> "Pixels":
    """A copy whose samples in these rectangles (left, top, width, height) are zero."""
    copy = pixels.copy()
    for left, top, width, height in rectangles:
        copy[top : top + height, left : left + width] = 0
    return copy


def explicit_attributes(dataset: "Dataset") -> dict[str, str | int]:
    """What the header of a transcoded image must say otherwise, by keyword. It can be told without decoding."""
    after: dict[str, str | int] = {}
    if whole(dataset, "SamplesPerPixel", 1) > 1:
        after |= {"PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    if whole(dataset, "BitsAllocated", 8) == 1:
        after |= {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    return {keyword: value for keyword, value in after.items() if dataset.get(keyword) != value}


def encode_frame(pixels: "Pixels", dataset: "Dataset", stored_uid: str, transfer_syntax_uid: str) -> bytes:
    """One decoded frame in a syntax of ENCODED, without loss; `stored_uid` is the one that it was decoded from.

    Raises NotAcceptable when the syntax cannot hold such pixels, or decoding has rounded them already.
    """
    import warnings

    from pydicom.pixels.encoders.base import get_encoder

    if pixels.dtype.kind == "f" or rounded_to_rgb(dataset, stored_uid) or holds_overlays(dataset):
        raise NotAcceptable("these pixels can be had as stored and in Explicit VR Little Endian alone", field="Accept")
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = pixels.dtype.itemsize * 8
    stored = whole(dataset, "BitsStored", bits)
    options: dict[str, Any] = {
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        "samples_per_pixel": samples,
        "number_of_frames": 1,
        "bits_allocated": bits,
        "bits_stored": stored if 1 < stored <= bits and transfer_syntax_uid != RLE else bits,
        "pixel_representation": int(pixels.dtype.kind == "i"),
        "photometric_interpretation": "RGB" if samples > 1 else str(dataset.PhotometricInterpretation),
        "planar_configuration": 0,
    }
    plugin = ENCODERS[transfer_syntax_uid]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bytes(get_encoder(transfer_syntax_uid).encode(pixels, encoding_plugin=plugin, **options))
    except Exception as error:
        raise NotAcceptable(f"these pixels cannot be had in {transfer_syntax_uid}", field="Accept") from error


def holds_overlays(dataset: "Dataset") -> bool:
    """Whether overlays lie in bits of the pixel data beside the samples, as they once did: decoding loses them.

    Source: PS3.5 §8.1.2
    """
    return any(dataset.get((group, 0x0102)) and dataset[group, 0x0102].value for group in range(0x6000, 0x6020, 2))


def rounded_to_rgb(dataset: "Dataset", stored_uid: str) -> bool:
    """Whether decoding gives RGB, rounded, for what is stored as luminance and chrominance without loss.

    Of these only the reversible transformation of JPEG 2000 comes back exactly.
    """
    photometric = str(dataset.get("PhotometricInterpretation"))
    return stored_uid in LOSSLESS and photometric.startswith("YBR") and photometric != "YBR_RCT"


def pixel_options(dataset: "Dataset", transfer_syntax_uid: str) -> dict[str, Any]:
    """The Image Pixel module for one frame, as pydicom's decoders want it. Raises UndecodablePixels."""
    samples, bits = whole(dataset, "SamplesPerPixel", 1), whole(dataset, "BitsAllocated")
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if rows * columns * samples * bits // 8 > MAX_FRAME_BYTES:
        raise UndecodablePixels(f"a frame of {columns} by {rows} pixels is too large to decode")
    options: dict[str, Any] = {
        "rows": rows,
        "columns": columns,
        "number_of_frames": 1,
        "samples_per_pixel": samples,
        "photometric_interpretation": photometric_interpretation(dataset, samples, transfer_syntax_uid),
        "bits_allocated": bits,
        "bits_stored": whole(dataset, "BitsStored", bits),
        "pixel_representation": whole(dataset, "PixelRepresentation", 0),
    }
    if samples > 1:
        options["planar_configuration"] = whole(dataset, "PlanarConfiguration", 0)
    if transfer_syntax_uid in NATIVE:
        options |= native_options(dataset, bits)
    return options


def native_options(dataset: "Dataset", bits: int) -> dict[str, Any]:
    """What pydicom must be told of pixels that are not compressed. Floats have no PixelRepresentation."""
    if bits >= 32 and "PixelRepresentation" not in dataset:
        return {"pixel_keyword": "FloatPixelData" if bits == 32 else "DoubleFloatPixelData"}
    options = {"pixel_keyword": "PixelData"}
    if "PixelData" in dataset:  # big endian bytes of VR OW stand in swapped pairs
        options["pixel_vr"] = str(dataset["PixelData"].VR)
    return options


def photometric_interpretation(dataset: "Dataset", samples: int, transfer_syntax_uid: str) -> str:
    text = str(dataset.get("PhotometricInterpretation") or ("RGB" if samples == 3 else "MONOCHROME2"))
    retired = text.startswith("YBR_PARTIAL") and transfer_syntax_uid not in NATIVE
    return "YBR_FULL" if retired else text  # a codec gives all three samples of every pixel


def whole(dataset: "Dataset", keyword: str, default: int | None = None) -> int:
    """An integer of the header. Raises UndecodablePixels when it must be there and is not."""
    value = dataset.get(keyword)
    if value is None or value == "":
        value = default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise UndecodablePixels(f"{keyword} is missing or no number", field=keyword) from error
