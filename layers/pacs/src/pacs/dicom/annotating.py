"""What is written into a picture for those who ask for it? Called by archive.rendering.

Of whom it is stands above, how it was made below, in white with a black edge, as far as there is room.

Source: PS3.18 §8.3.5.1.1
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from pacs.dicom.elements import Item
from pacs.dicom.lettering import arabic_font, latin_font

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

PATIENT, TECHNIQUE = "patient", "technique"
KEYWORDS = (PATIENT, TECHNIQUE)
SMALLEST_PX, LARGEST_PX = 9, 40
SHARE = 36  # so many lines would fill the picture
NAME, ID, BIRTH, SEX, AGE = 0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00101010
DATE, TIME, MODALITY, STUDY, SERIES = 0x00080020, 0x00080030, 0x00080060, 0x00081030, 0x0008103E
SERIES_NUMBER, INSTANCE_NUMBER = 0x00200011, 0x00200013
# Of the technique, with their units.
MEASURED = (
    (0x00180060, "{} kV"),
    (0x00181152, "{} mAs"),
    (0x00180050, "T {} mm"),
    (0x00201041, "L {} mm"),
    (0x00200060, "{}"),
    (0x00185101, "{}"),
)


@dataclass(frozen=True)
class Texts:
    """Lines above and below."""

    above: Sequence[str] = ()
    below: Sequence[str] = ()


def texts_of(root: Item, keywords: Sequence[str], frame: str = "") -> Texts:
    """The lines that keywords ask for; `frame`: which of how many, empty when there is one."""
    return Texts(
        [each for each in patient_lines(root) if each] if PATIENT in keywords else (),
        [each for each in technique_lines(root, frame) if each] if TECHNIQUE in keywords else (),
    )


def patient_lines(root: Item) -> Iterator[str]:
    names = root.text(NAME).split("=")
    family, _, others = next((each for each in names if each.strip("^ ")), "").partition("^")
    yield ", ".join(each for each in (family.strip(), " ".join(others.replace("^", " ").split())) if each)
    yield root.text(ID)
    yield joined(date(root.text(BIRTH)), root.text(SEX), root.text(AGE))


def technique_lines(root: Item, frame: str) -> Iterator[str]:
    yield joined(date(root.text(DATE)), time(root.text(TIME)), root.text(MODALITY))
    yield root.text(STUDY)
    yield root.text(SERIES)
    numbers = (("Se", root.text(SERIES_NUMBER)), ("Im", root.text(INSTANCE_NUMBER)), ("Fr", frame))
    yield joined(*(f"{short} {number}" for short, number in numbers if number))
    yield joined(*(unit.format(root.text(tag)) for tag, unit in MEASURED if root.text(tag)))


def joined(*parts: str) -> str:
    return "  ".join(each for each in parts if each)


def date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) >= 8 and text[:8].isdigit() else text


def time(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if text[:4].isdigit() and len(text) >= 4 else text


def annotated(image: "Image", texts: Texts) -> "Image":
    """The picture with these lines in it, each cut off at its edge."""
    from PIL import ImageDraw

    size = min(max(min(image.size) // SHARE, SMALLEST_PX), LARGEST_PX)
    pen = ImageDraw.Draw(image)
    margin, step = size // 2, size * 4 // 3
    room = max((image.height - 2 * margin) // step, 0)
    above = list(texts.above)[:room]
    below = list(texts.below)[: room - len(above)]
    for index, line in enumerate(above):
        write(pen, image.width, (margin, margin + index * step), line, size)
    for index, line in enumerate(reversed(below), 1):
        write(pen, image.width, (margin, image.height - margin - index * step), line, size)
    return image


def write(pen: "ImageDraw", width: int, place: tuple[int, int], line: str, size: int) -> None:
    arabic = any("\u0600" <= each <= "\u06ff" for each in line)
    letters = font(arabic, size)
    room = width - 2 * place[0]
    if letters.getlength(line) > room:
        ends = takewhile(lambda end: letters.getlength(line[:end] + "…") <= room, range(1, len(line)))
        line = line[: max(ends, default=0)].rstrip() + "…"
    black, white = (0, 255) if pen.mode == "L" else ((0, 0, 0), (255, 255, 255))
    pen.text(place, line, fill=white, font=letters, stroke_width=max(size // 12, 1), stroke_fill=black)


@cache
def font(arabic: bool, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(arabic_font() if arabic else latin_font(), size)
