"""How is a picture to look? The `viewport` and `window` query parameters. Called by entry.wado.

Source: PS3.18 §8.3.5.1.2 and §8.3.5.1.4
"""

import math

from pacs.errors import BadRequest

MAX_SIDE_PX = 16384
FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}


def parse_viewport(text: str) -> tuple[int, int]:
    """`width,height` in pixels. Raises BadRequest."""
    parts = text.split(",")
    if len(parts) != 2 or not all(each.isascii() and each.isdigit() and 0 < int(each) <= MAX_SIDE_PX for each in parts):
        raise BadRequest(f"viewport must be width,height between 1 and {MAX_SIDE_PX} pixels", field="viewport")
    return int(parts[0]), int(parts[1])


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
