"""What is left of the body of a report: words and plain emphasis, whatever was sent."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.errors import BadRequest
from pacs.reporting.body import (
    LONGEST,
    MOST_BYTES,
    SECTIONS,
    TAGS,
    checked,
    lines_of,
    plain,
    require_words,
    sanitised,
    verification_code,
)
from pacs.reporting.differences import differences

ATTEMPTS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<p onclick=alert(1) style='background:url(javascript:alert(1))'>a</p>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>a</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<form action=//evil.example><input type=submit><button formaction=javascript:alert(1)>a</button></form>",
    "<b><b onmouseover=alert(1)//",
    "<<script>script>alert(1)<</script>/script>",
    "<h1 onclick=alert(1)>a</h1><h2><script>alert(1)</script></h2>",
    "<div title='><script>alert(1)</script>'>a</div>",
    "<td><img src=x onerror=alert(1)></td>",
    "<table><tr><td onclick=alert(1)>a</td></tr></table>",
    "<style>@import 'http://evil.example'</style>",
    "<link rel=stylesheet href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'><base href=//e>",
    "<object data=//evil.example></object><embed src=//evil.example>",
    "<video><source onerror=alert(1)></video><audio src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>a</details>",
    "<textarea><script>alert(1)</script></textarea><title><img src=x onerror=alert(1)></title>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x onload=alert(1)/>",
    "<p>{{constructor.constructor('alert(1)')()}}</p>",
    "\x00<scr\x00ipt>alert(1)</script>",
    "<template><script>alert(1)</script></template>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<p title='x' lang=tr>a</p>",
    "</<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<li x-data=\"alert(1)\" hx-get='//evil.example'>a</li>",
]


class Strict(HTMLParser):
    """Raises for anything but the tags that we let through, without attributes."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS and not attrs

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a processing instruction")


def is_strict(html: str) -> None:
    parser = Strict()
    parser.feed(html)
    parser.close()


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_that_runs_or_asks_elsewhere_is_left(attempt: str) -> None:
    is_strict(sanitised(attempt))
    is_strict(sanitised(f"<p>önce</p>{attempt}<p>sonra</p>"))


@given(st.lists(st.sampled_from([*ATTEMPTS, "<p>", "</p>", "<ul>", "<li>", "</", "<", ">", "'", '"', "<h1>", "<div>"])))
def test_whatever_is_sent_is_sanitised_once_and_for_all(pieces: list[str]) -> None:
    once = sanitised("".join(pieces))
    is_strict(once)
    assert sanitised(once) == once


def test_words_lines_lists_and_emphasis_are_kept() -> None:
    html = "<p>Sağ <b>akciğer</b> 5&nbsp;mm &lt; 1 cm</p><ol><li>bir<ul><li>iç</li></ul></li><li>iki</li></ol>"
    assert sanitised(html) == html.replace("&nbsp;", "\xa0") or sanitised(html) == html
    assert plain(sanitised(html)).splitlines() == ["Sağ akciğer 5 mm < 1 cm", "1. bir", "- iç", "2. iki"]


def test_items_keep_their_marks_and_what_follows_a_list_stands_apart() -> None:
    html = "<ol><li><p>bir</p></li><li></li><li>iki<br>devam</li></ol><p>sonra 10<sup>3</sup> H<sub>2</sub>O</p>"
    lines = lines_of(sanitised(html))
    assert [(line.depth, line.text) for line in lines] == [
        (1, "1. bir"),
        (1, "3. iki"),
        (1, "devam"),
        (0, "sonra 10³ H₂O"),
    ]
    assert lines_of("a <b>b <i>c</i></b>")[0].pieces == [("", "a "), ("B", "b "), ("BI", "c")]


def test_headings_blocks_and_tables_become_lines() -> None:
    html = "<h2>Baş</h2><div>bir</div><div>iki<br>üç</div><table><tr><td>sol</td><td>5 mm</td></tr></table>"
    assert plain(sanitised(html)).splitlines() == ["Baş", "bir", "iki", "üç", "sol 5 mm"]
    assert "<b>Baş</b>" in sanitised(html)


def test_sections_are_known_and_of_bearable_length() -> None:
    assert list(checked({"findings": "a"})) == list(SECTIONS)
    for wrong, field in (
        ({"x": "a"}, "sections.x"),
        ({"findings": "a" * (LONGEST + 1)}, "sections.findings"),
        ({"findings": "ğ" * (MOST_BYTES // 2), "impression": "a"}, "sections"),
    ):
        with pytest.raises(BadRequest) as caught:
            checked(wrong)
        assert caught.value.field == field


@pytest.mark.parametrize("words", ["", "<p><br></p>", "<p>{{ BULGULAR }}</p>", "<p>{{TEKNIK|Belirtilmedi}}</p>"])
def test_nobody_signs_nothing_or_a_placeholder(words: str) -> None:
    with pytest.raises(BadRequest):
        require_words(checked({"findings": words}))


def test_what_changed_is_told_in_words() -> None:
    before, after = {"findings": "<p>Sağda nodül yok.</p>"}, {"findings": "<p>Solda nodül <b>var</b>.</p>"}
    assert differences(before, before) == {}
    [(name, pieces)] = differences(before, after).items()
    assert name == "findings"
    assert pieces == [
        ("removed", "Sağda "),
        ("added", "Solda "),
        ("same", "nodül "),
        ("removed", "yok."),
        ("added", "var."),
    ]
    longer = {"findings": "<p>Sağda nodül yok.</p><p>Kalp normal.</p>"}
    assert differences(before, longer)["findings"][-1] == ("added", "\nKalp normal.")


@given(st.text(), st.text())
def test_the_pieces_of_a_difference_make_both_texts(before: str, after: str) -> None:
    old, new = ({"findings": sanitised(each.replace("<", "&lt;"))} for each in (before, after))
    pieces = differences(old, new).get("findings", [])
    if pieces:
        assert "".join(text for kind, text in pieces if kind != "added") == plain(old["findings"])
        assert "".join(text for kind, text in pieces if kind != "removed") == plain(new["findings"])


def test_a_code_can_be_read_out() -> None:
    code = verification_code("ab" * 32)
    assert code == verification_code("ab" * 32) != verification_code("ac" * 32)
    assert [len(each) for each in code.split("-")] == [4, 4, 4]
