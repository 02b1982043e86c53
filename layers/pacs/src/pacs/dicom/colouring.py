"""In which colours is a picture told? Transforms drawn pictures and gives them an ICC profile. Called by dicom.render.

Source: PS3.18 §8.3.5.1.5, PS3.3 §C.11.15
"""

import io
import struct
from functools import cache
from typing import TYPE_CHECKING

from pacs.errors import UndecodablePixels

if TYPE_CHECKING:
    from PIL.Image import Image

AS_IT_IS, NONE, SRGB = "yes", "no", "srgb"
WHITE = (0.9642, 1.0, 0.8249)  # D50, to which the colours of a profile are adapted
Coordinates = tuple[float, float, float]
# Red, green and blue as XYZ, gamma, name. Source: Adobe RGB (1998) §4.3; ISO 22028-2
SPACES: dict[str, tuple[Coordinates, Coordinates, Coordinates, float, str]] = {
    "adobergb": (
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
        563 / 256,
        "Compatible with Adobe RGB (1998)",
    ),
    "rommrgb": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491), 1.8, "ROMM RGB"),
}
PROFILES = (NONE, AS_IT_IS, SRGB, *SPACES)
DATE = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)  # the same profile is the same bytes


def coloured(image: "Image", wanted: str, source: bytes) -> "Image":
    """The picture in a colour space, with the profile that tells which (in `info`); greys become colours, which alone
    have these profiles. `source`: the profile of the image itself, empty when it has none; then it is taken for sRGB.

    Raises UndecodablePixels for a profile that cannot be read.
    """
    from PIL import ImageCms

    image = image.convert("RGB")
    source = source if source[16:20] == b"RGB " else b""
    if wanted == AS_IT_IS:
        image.info["icc_profile"] = source or srgb()
        return image
    target = profile(wanted)
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(source or srgb()))
        told = ImageCms.profileToProfile(image, given, ImageCms.ImageCmsProfile(io.BytesIO(target)), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise UndecodablePixels("the ICC profile of this image cannot be read", field="iccprofile") from error
    assert told is not None
    told.info["icc_profile"] = target
    return told


def profile_in(stored: bytes) -> bytes:
    """The profile inside a stored JPEG, empty without one."""
    from PIL import Image, UnidentifiedImageError

    try:
        found: bytes = Image.open(io.BytesIO(stored)).info.get("icc_profile") or b""
    except (UnidentifiedImageError, OSError, ValueError):
        return b""
    return found


def profile(name: str) -> bytes:
    return srgb() if name == SRGB else matrix_profile(name)


@cache
def srgb() -> bytes:
    from PIL import ImageCms

    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + DATE + made[36:]


@cache
def matrix_profile(name: str) -> bytes:
    """An ICC profile, version 2, of primaries and one gamma. Source: ICC.1:2001-04 §6"""
    red, green, blue, gamma, title = SPACES[name]
    curve = struct.pack(">4sxxxxIH", b"curv", 1, round(gamma * 256)) + bytes(2)
    text = title.encode() + b"\0"
    description = struct.pack(">4sxxxxI", b"desc", len(text)) + text + bytes(4 + 4 + 2 + 1 + 67)
    values = [
        (b"desc", description + bytes(-len(description) % 4)),
        (b"cprt", b"text" + bytes(4) + b"No copyright\0" + bytes(3)),
        (b"wtpt", coordinates(WHITE)),
        *((tag, coordinates(each)) for tag, each in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue))),
        *((tag, curve) for tag in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    place = 128 + 4 + 12 * len(values)
    table, body = struct.pack(">I", len(values)), b""
    for tag, value in values:
        table += struct.pack(">4sII", tag, place + len(body), len(value))
        body += value
    size = place + len(body)
    head = struct.pack(">I4xI4s4s4s", size, 0x02400000, b"mntr", b"RGB ", b"XYZ ") + DATE + b"acsp"
    head = head.ljust(68, b"\0") + fixed(WHITE)
    return head.ljust(128, b"\0") + table + body


def coordinates(value: Coordinates) -> bytes:
    return b"XYZ " + bytes(4) + fixed(value)


def fixed(value: Coordinates) -> bytes:
    return struct.pack(">3i", *(round(each * 65536) for each in value))
