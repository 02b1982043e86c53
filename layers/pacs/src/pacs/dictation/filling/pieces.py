"""What is a template made of? Pieces: what stands in the source, and what of it is seen. Pure."""

from dataclasses import dataclass
from typing import Literal

# "line" ends a line and goes with it. "edge" ends one and stays, as the end of a cell of a table does.
Ending = Literal["", "line", "edge"]


@dataclass(slots=True)
class Piece:
    """A character, a mark of format, or the end of a line; `shown` is what a reader sees of it.

    `tag` is the element of HTML that begins (`p`) or ends (`/p`) a line here.
    """

    source: str
    shown: str = ""
    ending: Ending = ""
    tag: str = ""
