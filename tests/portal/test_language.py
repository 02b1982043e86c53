"""Texts are in every catalogue that must have them, and languages are chosen as browsers ask."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po

from infra.layers import KEPT_LOCALES
from pacs import portal
from pacs.portal.language import COMPLETE, LOCALES, NAMES, Speech, catalogue, choose_language
from pacs.viewing import share_page

ROOM = Path(portal.__file__).parent
TEXTS = re.compile(r'(?:_|marked)\("((?:[^"\\]|\\.)*)"\)')
PLACES = re.compile(r"[{%]\w*")


def written() -> set[str]:
    """Every text that templates and code show."""
    sources = [*ROOM.glob("templates/*.html"), *ROOM.glob("*.py")]
    return {found for path in sources for found in TEXTS.findall(path.read_text())}


def texts_of(language: str) -> dict[str, str]:
    with (LOCALES / language / "LC_MESSAGES" / "portal.po").open("rb") as file:
        return {str(each.id): str(each.string) for each in read_po(file, locale=language) if each.id}


@pytest.mark.parametrize("language", [each for each in COMPLETE if each != "en"])
def test_the_languages_that_must_be_complete_lack_no_text(language: str) -> None:
    assert sorted(written() - texts_of(language).keys()) == []


def test_the_page_of_links_speaks_every_language_that_must_be_complete() -> None:
    assert set(COMPLETE) <= set(share_page.WORDS) == set(share_page.NAMES)
    for words in share_page.WORDS.values():
        assert words.notices.keys() == share_page.ENGLISH.notices.keys() and all(words.notices.values())
        assert all(vars(words).values())


@pytest.mark.parametrize("language", [each for each in NAMES if each != "en"])
def test_catalogues_are_compiled_and_know_no_text_that_nobody_shows(language: str) -> None:
    texts = texts_of(language)
    assert texts and texts.keys() <= written()
    assert {text: catalogue(language).gettext(text) for text in texts} == texts


@pytest.mark.parametrize("language", [each for each in NAMES if each != "en"])
def test_no_text_is_unsure_or_empty_or_has_lost_its_places(language: str) -> None:
    with (LOCALES / language / "LC_MESSAGES" / "portal.po").open("rb") as file:
        for each in (one for one in read_po(file, locale=language) if one.id):
            assert each.string and not each.fuzzy, each.id
            assert sorted(PLACES.findall(str(each.id))) == sorted(PLACES.findall(str(each.string))), each.id


def test_layers_carry_the_locales_of_all_languages() -> None:
    assert {*NAMES, "root"} <= KEPT_LOCALES


@pytest.mark.parametrize(
    ("chosen", "asked", "language"),
    [
        ("", "", "tr"),
        ("", "en-GB,en;q=0.9,tr;q=0.1", "en"),
        ("", "xx, fa;q=0.4, ru;q=0.5", "ru"),
        ("de", "en", "de"),
        ("xx", "en;q=nonsense, fr;q=0.1", "fr"),
    ],
)
def test_a_language_is_chosen(chosen: str, asked: str, language: str) -> None:
    assert choose_language(chosen, asked) == language


def test_dates_and_numbers_are_those_of_the_language() -> None:
    turkish, english = (Speech(each, ZoneInfo("Europe/Istanbul")) for each in ("tr", "en"))
    assert turkish.day(date(2026, 1, 5)) == "5 Oca 2026" and english.day(date(2026, 1, 5)) == "Jan 5, 2026"
    assert turkish.number(12345.5) == "12.345,5" and english.number(12345.5) == "12,345.5"
    assert "12:00" in turkish.moment(datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert english.size(1_234_567) == "1.2 MB" and english.size(7) == "7 B" and english.size(5e15) == "5,000 TB"
    assert (Speech("ar", turkish.zone).direction, english.direction) == ("rtl", "ltr")
    assert english.dicom_day("20260105") == "Jan 5, 2026" and english.dicom_day("unknown") == "unknown"
