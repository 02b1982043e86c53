"""What stands in a picture can be read there, whichever its letters, and never leaves it."""

import numpy as np
import pytest
from PIL import Image

from pacs.dicom.annotating import Texts, annotated, date, font, texts_of, time
from pacs.dicom.elements import Element, Item


def item(**values: str) -> Item:
    """A dataset of UTF-8 texts by their tags, each with an x before it."""
    made = Item(implicit=False, little_endian=True)
    for name, value in {"x00080005": "ISO_IR 192", **values}.items():
        body = value.encode()
        made.elements[int(name[1:], 16)] = Element("LO", 0, len(body), body)
    return made


def test_of_whom_above_and_how_below() -> None:
    root = item(
        x00100010="ÖĞÜT^İpek Şule^^Dr=",
        x00100020="42",
        x00100030="19800101",
        x00100040="F",
        x00080020="20260102",
        x00080030="101112.5",
        x00080060="CT",
        x0008103E="Toraks",
        x00200011="2",
        x00200013="7",
        x00180060="120",
    )
    both = texts_of(root, ("patient", "technique"), "3/9")
    assert both.above == ["ÖĞÜT, İpek Şule Dr", "42", "1980-01-01  F"]
    assert both.below == ["2026-01-02  10:11  CT", "Toraks", "Se 2  Im 7  Fr 3/9", "120 kV"]
    assert texts_of(root, ("technique",)).above == ()
    assert texts_of(item(), ("patient", "technique")) == Texts([], [])
    assert (date("odd"), time("9")) == ("odd", "9")


@pytest.mark.parametrize("letters", ["ğşıİĞŞçÇöÖüÜ", "абвгдЖЯ", "پژگیك"])
def test_every_letter_has_a_shape_of_its_own(letters: str) -> None:
    used = font(any("\u0600" <= each <= "\u06ff" for each in letters), 20)
    missing = bytes(used.getmask("\uffff"))
    shapes = [bytes(used.getmask(each)) for each in letters]
    assert missing not in shapes
    assert len(set(shapes)) == len(letters)


@pytest.mark.parametrize("size", [(512, 512), (128, 128), (40, 300), (2000, 30), (8, 8)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_lines_are_read_on_any_ground_and_stay_inside(mode: str, size: tuple[int, int]) -> None:
    lines = ["M" * 400, "ğüşiöç", "second", "third"]
    for ground in (0, 128, 255):
        blank = Image.new(mode, size, ground if mode == "L" else (ground,) * 3)
        picture = np.asarray(annotated(blank.copy(), Texts(lines, lines)), int)
        if min(size) >= 40:
            assert picture.min() < 40 and picture.max() > 200
            assert len(np.unique(picture)) > 1
        assert (picture[:, -2:] == ground).all()
