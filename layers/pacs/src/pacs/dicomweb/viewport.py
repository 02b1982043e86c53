"""How is a picture to look? What `viewport`, `window`, `annotation` and `iccprofile` ask for. Called by entry.wado.

Source: PS3.18 §8.3.5
"""

import math
import re
from dataclasses import dataclass

from pacs.dicom.annotating import KEYWORDS
from pacs.dicom.colouring import NONE, PROFILES
from pacs.errors import BadRequest

MAX_SIDE_PX = 16384
FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Viewport:
    """The size of the picture in pixels, and which region of the image it shows: x, y, width, height in its pixels.

    None: to the edge. Negative width or height: mirrored.
    """

    size: tuple[int, int]
    region: tuple[float, float, float | None, float | None] = (0, 0, None, None)


def parse_viewport(text: str) -> Viewport:
    """`width,height`, or with the region to show `width,height,x,y,width,height`; of the region any may be left empty,
    and the last ones left out. Raises BadRequest.

    Source: PS3.18 §8.3.5.1.3
    """
    parts = text.split(",")
    size, rest = parts[:2], parts[2:]
    if len(size) != 2 or not all(each.isascii() and each.isdigit() and 0 < int(each) <= MAX_SIDE_PX for each in size):
        raise BadRequest(f"viewport must be width,height between 1 and {MAX_SIDE_PX} pixels", field="viewport")
    try:
        x, y, width, height = (float(each) if each.strip() else None for each in rest + [""] * (4 - len(rest)))
    except ValueError as error:
        raise BadRequest("the region of a viewport must be x,y,width,height", field="viewport") from error
    if any(each is not None and not math.isfinite(each) for each in (x, y, width, height)):
        raise BadRequest("the region of a viewport must be of finite numbers", field="viewport")
    return Viewport((int(size[0]), int(size[1])), (abs(x or 0), abs(y or 0), width, height))


def parse_size(text: str) -> tuple[int, int]:
    """The viewport of a thumbnail: `width,height` alone. Raises BadRequest. Source: PS3.18 §8.3.5.2"""
    if text.count(",") != 1:
        raise BadRequest("the viewport of a thumbnail must be width,height", field="viewport")
    return parse_viewport(text).size


def parse_window(text: str) -> tuple[float, float, str]:
    """`center,width,function`. Raises BadRequest. Source: PS3.18 §8.3.5.1.4"""
    try:
        center, width, function = text.split(",")
        window = float(center), float(width), FUNCTIONS[function]
    except (ValueError, KeyError) as error:
        raise BadRequest(f"window must be center,width and one of {', '.join(FUNCTIONS)}", field="window") from error
    if not math.isfinite(window[0]) or not math.isfinite(window[1]) or window[1] <= 0:
        raise BadRequest("window must be center,width with a width above 0", field="window")
    return window


def parse_annotation(text: str) -> tuple[list[str], list[str]]:
    """What is to be written into the picture, and what nobody here writes. Raises BadRequest.

    Source: PS3.18 §8.3.5.1.1
    """
    words = [each.strip() for each in text.split(",")]
    if not all(WORD.fullmatch(each) for each in words):
        raise BadRequest(f"annotation must be some of {', '.join(KEYWORDS)}, joined by commas", field="annotation")
    return [each for each in words if each in KEYWORDS], [each for each in words if each not in KEYWORDS]


def parse_profile(text: str, *, carried: bool) -> str:
    """Which colour profile a picture shall have. `carried`: whether its media type can have one. Raises BadRequest.

    Source: PS3.18 §8.3.5.1.5
    """
    if text not in PROFILES:
        raise BadRequest(f"iccprofile must be one of {', '.join(PROFILES)}", field="iccprofile")
    if text != NONE and not carried:
        raise BadRequest("this media type has no colour profiles: iccprofile must be no", field="iccprofile")
    return text
