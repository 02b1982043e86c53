"""How is a picture to look? The `viewport` and `window` query parameters. Called by entry.wado.

Source: PS3.18 §8.3.5.1.2 and §8.3.5.1.4
"""

import math
from dataclasses import dataclass

from pacs.errors import BadRequest

MAX_SIDE_PX = 16384
FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}


@dataclass(frozen=True)
class Viewport:
    """The size of the picture in pixels, and which region of the image it shows: x, y, width, height in its pixels.

    None: to the edge. Negative width or height: mirrored.
    """

    size: tuple[int, int]
    region: tuple[float, float, float | None, float | None] = (0, 0, None, None)


def parse_viewport(text: str) -> Viewport:
    """`width,height`, or with the region to show `width,height,x,y,width,height`. Raises BadRequest."""
    parts = text.split(",")
    size, rest = parts[:2], parts[2:]
    if len(size) != 2 or not all(each.isascii() and each.isdigit() and 0 < int(each) <= MAX_SIDE_PX for each in size):
        raise BadRequest(f"viewport must be width,height between 1 and {MAX_SIDE_PX} pixels", field="viewport")
    try:
        x, y, width, height = (float(each) if each.strip() else None for each in rest or [""] * 4)
    except ValueError as error:
        raise BadRequest("the region of a viewport must be x,y,width,height", field="viewport") from error
    if any(each is not None and not math.isfinite(each) for each in (x, y, width, height)):
        raise BadRequest("the region of a viewport must be of finite numbers", field="viewport")
    return Viewport((int(size[0]), int(size[1])), (x or 0, y or 0, width, height))


def parse_window(text: str) -> tuple[float, float, str]:
    """`center,width[,function]`. Raises BadRequest."""
    parts = text.split(",")
    try:
        center, width = float(parts[0]), float(parts[1])
        function = FUNCTIONS[parts[2] if len(parts) > 2 else "linear"]
    except (ValueError, IndexError, KeyError) as error:
        raise BadRequest(f"window must be center,width and one of {', '.join(FUNCTIONS)}", field="window") from error
    if len(parts) > 3 or not math.isfinite(center) or not math.isfinite(width) or width <= 0:
        raise BadRequest("window must be center,width with a width above 0", field="window")
    return center, width, function
