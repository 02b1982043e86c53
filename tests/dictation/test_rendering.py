"""Reports outside: what is written as text, HTML, RTF and DOCX is read back from them."""

import zipfile
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from striprtf.striprtf import rtf_to_text

from pacs.dictation.filling import mended
from pacs.dictation.headings import headings
from pacs.dictation.rendering import as_docx, as_html, as_rtf, as_text
from pacs.dictation.requests import LANGUAGES
from pacs.reporting.body import SECTIONS

SAID = {
    "clinical": "",
    "technique": "Kontrastsız BT.",
    "comparison": "",
    "findings": "Kanama yok <5 mm & {x} \\ ığüşöçİ 😀.\n\tİkinci satır.\n \nİkinci bölüm.",
    "impression": "Normal.",
}
LINES = [
    "Beyin BT",
    "Teknik",
    "Kontrastsız BT.",
    "Bulgular",
    "Kanama yok <5 mm & {x} \\ ığüşöçİ 😀.",
    "\tİkinci satır.",
    "İkinci bölüm.",
    "Sonuç",
    "Normal.",
]
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def lines_of_text(text: str) -> list[str]:
    return [line.removesuffix(":") if line[:-1] in headings("tr").values() else line for line in text.split("\n")]


def lines_of_html(source: str) -> list[str]:
    class Reader(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.text += "\n"

    reader = Reader()
    reader.feed(source)
    reader.close()
    return reader.text.split("\n")


def lines_of_rtf(source: str) -> list[str]:
    return mended(rtf_to_text(source)).split("\n")  # type: ignore[no-untyped-call]


def lines_of_docx(file: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(file)) as archive:
        body = ElementTree.fromstring(archive.read("word/document.xml"))
    signs = {f"{W}br": "\n", f"{W}tab": "\t"}
    paragraphs = ["".join(signs.get(e.tag, e.text or "") for e in each.iter()) for each in body.iter(f"{W}p")]
    return "\n".join(paragraphs).split("\n")


WAYS: dict[str, tuple[Callable[..., str | bytes], Callable[..., list[str]]]] = {
    "text": (as_text, lines_of_text),
    "html": (as_html, lines_of_html),
    "rtf": (as_rtf, lines_of_rtf),
    "docx": (as_docx, lines_of_docx),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_report_is_read_back(way: str) -> None:
    write, read = WAYS[way]
    assert [line for line in read(write(SAID, "Beyin  BT ", "tr")) if line.strip()] == LINES


@pytest.mark.parametrize("way", WAYS)
def test_nothing_said_is_nothing_written(way: str) -> None:
    write, read = WAYS[way]
    assert [line for line in read(write({}, "", "en")) if line] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", WAYS)
def test_every_language_has_its_headings(way: str, language: str) -> None:
    write, read = WAYS[way]
    found = [line.removesuffix(":") for line in read(write(dict.fromkeys(SECTIONS, "x"), "", language))]
    assert [line for line in found if line not in ("", "x")] == list(headings(language).values())
    assert len(set(headings(language).values())) == len(SECTIONS)


LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn"]), max_size=20)
TEXT = st.lists(LINE, max_size=5).map("\n".join)


@settings(deadline=None)
@given(findings=TEXT, impression=TEXT, title=LINE)
def test_any_text_is_read_back_from_every_format(findings: str, impression: str, title: str) -> None:
    said = {"findings": findings, "impression": impression}
    found = {
        way: ["".join(line.split()) for line in read(write(said, title, "tr")) if line.strip()]
        for way, (write, read) in WAYS.items()
    }
    assert found["text"] == found["html"] == found["rtf"] == found["docx"]
    assert "".join(found["docx"]).count("".join(findings.split())) >= 1


@settings(deadline=None)
@given(text=st.text(st.characters(), max_size=60))
def test_nothing_that_is_said_breaks_a_document(text: str) -> None:
    html = as_html({"findings": text}, text, "en")
    assert nh3.clean(html, tags={"h1", "h2", "p", "br"}, attributes={}).replace("&nbsp;", "\xa0") == html
    assert as_rtf({"findings": text}, text, "de").isascii()
    lines_of_docx(as_docx({"findings": text}, text, "fr"))


def test_a_document_is_the_same_bytes_whenever_it_is_made() -> None:
    assert as_docx(SAID, "Beyin BT", "tr") == as_docx(SAID, "Beyin BT", "tr")
