"""Templates of integrators: what is written into them, what is left of empty sections, and that nothing breaks them."""

import json
import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from typing import Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from striprtf.striprtf import rtf_to_text

from pacs.dictation.filling import cleaned, fill, html, mended, rtf

Format = Literal["txt", "rtf", "html"]
SECTIONS = {
    "clinical": "Düşme öyküsü",
    "technique": "Kontrastsız BT",
    "comparison": "Yok",
    "findings": "Kanama yok {küme} \\ <2 cm & şüpheli.\nOrta hat yapıları doğal.",
    "impression": "Normal sınırlarda.",
}
NOTHING = dict.fromkeys(SECTIONS, "")
# As Word writes: a placeholder over several runs, bytes of code page 1254, revision marks of every run.
WORD = (
    r"{\rtf1\adeflang1025\ansi\ansicpg1254\uc1\deff0{\fonttbl{\f0\fbidi \froman\fcharset162\fprq2 Times New Roman;}"
    "\r\n"
    r"{\f1\fbidi \fswiss\fcharset204\fprq2{\*\panose 020b0604020202020204}Arial Cyr;}}{\colortbl;\red0\green0\blue0;}"
    r"{\stylesheet{\ql Normal;}}{\*\generator {{BULGULAR}};}{\info{\title {\{\{SONUC\}\}}}}"
    "\r\n"
    r"\pard\plain \ltrpar\b\f0\fs24 {\rtlch\fcs1 \af0 \ltrch\fcs0 \insrsid1 TEKN\'ddK:\par }"
    r"\pard {\rtlch\fcs1 \af0 \ltrch\fcs0 \insrsid2 \{\{}{\rtlch\fcs1 \ltrch\fcs0 \b0\insrsid3 Tekn}"
    "\r\n"
    r"{\insrsid4 i\u107\'6b}{\proofrtl \}}{\insrsid5 \}\par }\pard {BULGULAR:\par \{\{ bulgular \}\}\par }"
    r"{\b SONU\'c7:\tab}{\i\{\{Sonu\'e7\}\}}{ \{\{HASTA ADI\}\}\par}}"
)
# As LibreOffice writes: everything by number, with a substitute.
LIBRE_OFFICE = (
    r"{\rtf1\ansi\deff3\adeflang1025{\fonttbl{\f0\froman\fprq2\fcharset0 Times New Roman;}{\f3\fnil\fcharset0 Arial;}}"
    "\n"
    r"\pard\plain \s0\widctlpar\loch\f3\fs24\lang1055 {\loch KL\u304\'49N\u304\'49K: }{\b\loch\{\{KL\u304\'49}"
    r"{\loch N\u304\'49K\}\}}"
    "\n"
    r"\par \pard\plain {\uc0 \{\{\u304 ZLEN\u304 M\}\}}\par }"
)


def seen(source: str) -> str:
    return mended(rtf_to_text(source))  # type: ignore[no-untyped-call]


def shown(source: str) -> str:
    class Reader(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.text += "\n" if tag == "br" else ""

    reader = Reader()
    reader.feed(source)
    reader.close()
    return reader.text


@pytest.mark.parametrize(
    ("placeholder", "section"),
    [
        ("{{BULGULAR}}", "findings"),
        ("{{bulgular}}", "findings"),
        ("{{ Bulgular }}", "findings"),
        ("{{SONUC}}", "impression"),
        ("{{SONUÇ}}", "impression"),
        ("{{sonuç}}", "impression"),
        ("{{sonuc\u0327}}", "impression"),
        ("{{IZLENIM}}", "impression"),
        ("{{İZLENİM}}", "impression"),
        ("{{ızlenim}}", "impression"),
        ("{{izlenım}}", "impression"),
        ("{{TEKNİK}}", "technique"),
        ("{{Teknik\xa0}}", "technique"),
        ("{{KLINIK}}", "clinical"),
        ("{{klınik}}", "clinical"),
        ("{{KARŞILAŞTIRMA}}", "comparison"),
        ("{{Karsilastırma}}", "comparison"),
        ("{{karşılaştırma|yok}}", "comparison"),
    ],
)
def test_placeholders_are_known_in_any_case_and_with_any_letters(placeholder: str, section: str) -> None:
    found = fill(f"<{placeholder}>", "txt", SECTIONS)
    assert (found.text, found.unknown) == (f"<{SECTIONS[section]}>", ())


def test_the_guides_own_template() -> None:
    found = fill("FINDINGS:\n{{BULGULAR}}\n\nCONCLUSION:\n{{SONUC}}", "txt", SECTIONS)
    assert found.text == f"FINDINGS:\n{SECTIONS['findings']}\n\nCONCLUSION:\n{SECTIONS['impression']}"


def test_unknown_placeholders_stay_and_are_told_once() -> None:
    template = "{{HASTA}} {{HASTA}} {{TARİH|bugün}} {{}} {{ - }} {{{SONUC}}} {{a\nb}}"
    found = fill(template, "txt", SECTIONS)
    assert found.text == template.replace("{{SONUC}}", SECTIONS["impression"])
    assert found.unknown == ("HASTA", "TARİH")


def test_what_is_written_is_not_read_again() -> None:
    found = fill("{{BULGULAR}}", "txt", {"findings": "{{SONUC}}", "impression": "no"})
    assert (found.text, found.unknown) == ("{{SONUC}}", ())


def test_lines_end_as_those_of_the_template_do() -> None:
    assert fill("A:\r\n{{BULGULAR}}\r\n", "txt", {"findings": "b\nc\r\nd"}).text == "A:\r\nb\r\nc\r\nd\r\n"


@pytest.mark.parametrize(
    ("template", "left"),
    [
        ("a\nTEKNİK: {{TEKNIK}}\nb", "a\nb"),
        ("a\n  1) İnceleme tekniği : {{TEKNIK}}  \nb", "a\nb"),
        ("a\n- {{TEKNIK}}\nb", "a\nb"),
        ("a\nTEKNİK: {{TEKNIK|Belirtilmedi.}}\nb", "a\nTEKNİK: Belirtilmedi.\nb"),
        ("a\nTEKNİK: {{TEKNIK|}}\nb", "a\nTEKNİK: \nb"),
        ("a\nAygıt 3T, teknik: {{TEKNIK}}\nb", "a\nAygıt 3T, teknik: \nb"),
        ("a\nTEKNİK: {{TEKNIK}} (3T)\nb", "a\nTEKNİK:  (3T)\nb"),
        ("BEYİN BT\n\nTEKNİK:\n{{TEKNIK}}\n\nBULGULAR:\nx", "BEYİN BT\n\nBULGULAR:\nx"),
        ("BEYİN BT\n\nTeknik\n\n{{TEKNIK}}\n\nBULGULAR\nx", "BEYİN BT\n\nBULGULAR\nx"),
        ("BEYİN BT\n{{TEKNIK}}\nBULGULAR:\nx", "BEYİN BT\nBULGULAR:\nx"),
        ("TEKNİK:\n{{TEKNIK}}\nBULGULAR: x", "BULGULAR: x"),
        ("TEKNİK:\n{{TEKNIK}}\n{{KLINIK}}\n", ""),
        ("NOT:\n{{TEKNIK}}\nDr. Ayşe", "NOT:\nDr. Ayşe"),
        ("KLİNİK: x\n{{TEKNIK}}\n", "KLİNİK: x\n"),
        ("TEKNİK:\n{{TEKNIK}}", ""),
    ],
)
def test_an_empty_section_follows_the_rule_of_the_template(template: str, left: str) -> None:
    assert fill(template, "txt", NOTHING) == fill(template, "txt", {})
    assert fill(template, "txt", NOTHING).text == left


def test_a_template_that_word_wrote() -> None:
    found = fill(WORD, "rtf", SECTIONS)
    assert found.unknown == ("HASTA ADI",)
    # The same page before and after, but for the places.
    assert seen(found.text).split("\n") == [
        "TEKNİK:",
        SECTIONS["technique"],
        "BULGULAR:",
        *SECTIONS["findings"].split("\n"),
        f"SONUÇ:\t{SECTIONS['impression']} {{{{HASTA ADI}}}}",
        "",
    ]
    assert r"{\*\generator {{BULGULAR}};}{\info{\title {\{\{SONUC\}\}}}}" in found.text
    assert found.text.isascii()


def test_an_empty_section_of_a_template_that_word_wrote() -> None:
    found = fill(WORD, "rtf", {**SECTIONS, "technique": ""})
    assert seen(found.text).startswith("BULGULAR:\nKanama yok")
    assert found.text.count("{") - found.text.count("\\{") == found.text.count("}") - found.text.count("\\}")


def test_a_template_that_libre_office_wrote() -> None:
    found = fill(LIBRE_OFFICE, "rtf", {**SECTIONS, "impression": "İğne 😀"}, "tr")
    assert seen(found.text).strip() == "KLİNİK: Düşme öyküsü\nİğne 😀"
    assert found.unknown == ()
    assert r"\lang1055" in found.text
    assert seen(fill(LIBRE_OFFICE, "rtf", NOTHING).text).strip() == ""


def test_a_word_of_rtf_does_not_go_on_in_what_stood_after_a_placeholder() -> None:
    found = fill(r"{\rtf1 a\b\{\{TEKNIK|\}\}bold\i\{\{TEKNIK|\}\}-5\par}", "rtf", NOTHING)
    assert found.text == r"{\rtf1 a\b bold\i -5\par}"


def test_html_keeps_its_formatting_and_loses_what_could_do_harm() -> None:
    template = (
        '<h2 onclick="x()" style="color:red;position:fixed">BULGULAR</h2><script>alert(1)</script>'
        '<p>&#123;{<b>BULG</b><i>ULAR</i>}} <a href="https://x.example">{{HASTA}}</a></p>'
        '<table><tr><td colspan="2">Sonuç: <u>{{SONUÇ}}</u></td></tr></table><img src="https://x.example/a.png">'
        '<img src="data:image/png;base64,AAAA"><img src="data:image/svg+xml,x">'
    )
    found = fill(template, "html", {"findings": "<b>a</b>\n& b", "impression": "c"})
    assert found.text == (
        '<h2 style="color:red">BULGULAR</h2>'
        "<p>&lt;b&gt;a&lt;/b&gt;<br>&amp; b<b></b><i></i> {{HASTA}}</p>"
        '<table><tbody><tr><td colspan="2">Sonuç: <u>c</u></td></tr></tbody></table><img>'
        '<img src="data:image/png;base64,AAAA"><img>'
    )
    assert found.unknown == ("HASTA",)


@pytest.mark.parametrize(
    ("template", "left"),
    [
        ("<h1>BT</h1>\n<h2>Teknik</h2>\n<p>{{TEKNIK}}</p>\n<h2>Sonuç</h2>", "<h1>BT</h1>\n\n\n<h2>Sonuç</h2>"),
        ("<p>a</p><p><b>TEKNİK:</b> {{TEKNIK}}</p><p>b</p>", "<p>a</p><p>b</p>"),
        ("<p>a<br><b>TEKNİK:</b> {{TEKNIK}}<br>b</p>", "<p>a<br><b></b>b</p>"),
        ("<p>TEKNİK: {{TEKNIK|yok}}</p>", "<p>TEKNİK: yok</p>"),
        ("<ul><li>{{TEKNIK}}</li><li>b</li></ul>", "<ul><li>b</li></ul>"),
        ("<table><tr><td>{{TEKNIK}}</td></tr></table>", "<table><tbody><tr><td></td></tr></tbody></table>"),
        ("<pre>a\nTEKNİK:\n{{TEKNIK}}\n\nb: c</pre>", "<pre>a\n\nb: c</pre>"),
    ],
)
def test_an_empty_section_of_html(template: str, left: str) -> None:
    assert fill(template, "html", NOTHING).text == left


@pytest.mark.parametrize("format", ["txt", "rtf", "html"])
def test_halves_of_characters_are_mended(format: Format) -> None:
    broken = json.loads('"\\ud800 {{SONUC}} \\udc00"')
    assert fill(broken, format, {"impression": broken}).text.encode()


WORDS = st.text(st.characters(exclude_characters="{}|", exclude_categories=["Cs"]), max_size=30)
PLACES = st.sampled_from(["{{BULGULAR}}", "{{ bulgular }}", "{{Bulgular|yok}}"])
UNSEEN = "\u2028\u2029\u0085\ufffe\uffff"
VISIBLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=UNSEEN), max_size=30)
CONTENT = st.one_of(st.text(max_size=40), st.lists(VISIBLE, max_size=4).map("\n".join))


def stripped(filled: str, before: str, after: str) -> str:
    """What stands between two texts."""
    assert filled.startswith(before) and filled.endswith(after)
    return filled[len(before) : len(filled) - len(after)]


@settings(deadline=None)
@given(before=WORDS, place=PLACES, after=WORDS, content=CONTENT)
def test_text_filled_and_stripped_of_the_template_is_the_content(
    before: str, place: str, after: str, content: str
) -> None:
    assume(cleaned(content))
    found = fill(before + place + after, "txt", {"findings": content})
    newline = "\r\n" if "\r\n" in before + after else "\n"
    assert stripped(found.text, before, after) == cleaned(content).replace("\n", newline)
    assert found.unknown == ()


def spread(place: str, between: list[str], way: Callable[[str], str]) -> str:
    """A placeholder whose characters have marks of format between them."""
    return "".join(way(each) + between[at % len(between)] for at, each in enumerate(place))


@settings(deadline=None)
@given(
    before=VISIBLE,
    place=PLACES,
    after=VISIBLE,
    content=CONTENT,
    between=st.lists(st.sampled_from(["", "}{", r"\b ", "}{\\i\\f2 ", "\r\n", r"{\*\x {{}}}"]), min_size=1),
)
def test_rtf_filled_and_stripped_of_the_template_is_the_content(
    before: str, place: str, after: str, content: str, between: list[str]
) -> None:
    assume(cleaned(content) and "{{" not in before and "|" not in before + after)
    around = rtf.escaped(before), rtf.escaped(after)
    template = rf"{{\rtf1\ansi {around[0]}{{{spread(place, between, rtf.escaped)}}}{around[1]}\par}}"
    found = fill(template, "rtf", {"findings": content})
    assert found.unknown == ()
    assert stripped(seen(found.text).removesuffix("\n"), before, after) == cleaned(content)


@settings(deadline=None)
@given(
    before=VISIBLE,
    place=PLACES,
    after=VISIBLE,
    content=CONTENT,
    between=st.lists(st.sampled_from(["", "<b></b>", "<!-- {{x}} -->", "<i>", "</i>", "<wbr>"]), min_size=1),
)
def test_html_filled_and_stripped_of_the_template_is_the_content(
    before: str, place: str, after: str, content: str, between: list[str]
) -> None:
    assume(cleaned(content) and not re.search(r"\{\{|\|", before + after))
    way = partial(html.spell, language="tr", newline="\n")
    found = fill(f"<p>{way(before)}{spread(place, between, way)}{way(after)}</p>", "html", {"findings": content})
    assert found.unknown == ()
    assert stripped(shown(found.text), before, after) == cleaned(content)


# fmt: off
MARKS = ["{{", "}}", "{", "}", "\\", "\\{\\{", "\\}\\}", "BULGULAR", "TEKNIK", "|", ":", "\n", "\r\n", '"', "&amp;"]
MARKS += ["\\par ", "\\u304?", "\\uc0", "\\u", "\\'fd", "\\'", "{\\*", "\\fonttbl", "\\f9", "\\fcharset162", "&#x7b;"]
MARKS += ["<p>", "</p>", "<pre>", "<br>", "<table><tr><td>", "<!--", "<h2>", "</h2>", "<b", "\\ansicpg99999"]
# fmt: on
SOUP = st.lists(
    st.one_of(
        st.sampled_from(MARKS),
        st.text(max_size=5),
    ),
    max_size=40,
).map("".join)


@settings(deadline=None)
@given(template=SOUP, format=st.sampled_from(["txt", "rtf", "html"]), empty=st.booleans())
def test_nothing_in_a_template_breaks_it(template: str, format: Format, empty: bool) -> None:
    found = fill(template, format, NOTHING if empty else SECTIONS)
    found.text.encode()
    if format == "html":
        assert html.sanitised(found.text) == found.text


@settings(deadline=None)
@given(template=SOUP.filter(lambda text: "{{" not in text.replace("\\{", "{")))
def test_a_template_without_placeholders_comes_back_as_it_was(template: str) -> None:
    formats: tuple[Format, Format] = ("txt", "rtf")
    for format in formats:
        assert fill(template, format, SECTIONS).text == template


@pytest.mark.parametrize("template", [WORD, LIBRE_OFFICE])
def test_rtf_without_placeholders_comes_back_as_it_was(template: str) -> None:
    bare = template.replace(r"\{\{", r"\{")
    assert fill(bare, "rtf", SECTIONS).text == bare
