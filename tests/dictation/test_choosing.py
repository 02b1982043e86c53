"""Which template an exam's report begins with."""

from typing import Any

import pytest

from pacs.dictation.choosing import choose_template
from pacs.dictation.examinations import examination_of


def template(name: str, modality: str = "", language: str = "tr") -> dict[str, Any]:
    return {"name": name, "modality": modality, "language": language}


TEMPLATES = [
    template("Genel"),
    template("Toraks", "CR"),
    template("Direkt grafi - el", "CR"),
    template("Beyin BT", "CT"),
    template("R100500 toraks BT", "CT"),
    template("Chest", "CR", "en"),
]


@pytest.mark.parametrize(
    ("sut", "tele", "said", "chosen"),
    [
        ("801600", "", "el bilek grafisinde kırık yok", "Direkt grafi - el"),
        ("801600", "", "", "Direkt grafi - el"),
        ("803900", "", "BEYİN parankimi doğal", "Beyin BT"),
        ("12345", "R100500", "", "R100500 toraks BT"),
        ("12345", "r100500", "beyin", "R100500 toraks BT"),
        ("803400", "", "karaciğer doğal", "Genel"),
        ("99999", "", "", "Genel"),
    ],
)
def test_the_name_that_says_most_wins(sut: str, tele: str, said: str, chosen: str) -> None:
    found = choose_template(TEMPLATES, examination_of(sut, tele), (sut, tele), "tr", said)
    assert found is not None
    assert found["name"] == chosen


def test_a_template_is_of_the_language_of_the_report() -> None:
    found = choose_template(TEMPLATES, examination_of("801600"), ("801600",), "en")
    assert found is not None
    assert found["name"] == "Chest"
    assert choose_template(TEMPLATES, examination_of("801600"), ("801600",), "de") is None


def test_the_order_of_the_list_does_not_matter() -> None:
    there = choose_template(TEMPLATES, examination_of("803900"), (), "tr", "beyin")
    assert choose_template(TEMPLATES[::-1], examination_of("803900"), (), "tr", "beyin") == there


def test_pictures_of_one_kind_are_alike() -> None:
    found = choose_template([template("Akciğer", "DX")], examination_of("801600"), (), "tr")
    assert found is not None
    assert found["name"] == "Akciğer"
