"""What developers read: every guide, every operation, and how modalities get here."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pacs.errors import NotFound
from pacs.portal.developer import connection, example_of, guide_html, guides, html_of, matching, operations
from pacs.settings import Settings
from tests.portal.visits import scope_of, show

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = json.loads((DOCS / "openapi.json").read_text())
LINK = re.compile(r'href="(/dev/guides/[^"#]+)(?:#([^"]*))?"')


def test_markdown_becomes_a_page_of_ours() -> None:
    html = html_of(
        "# Errors & more\n\n<!-- [[[cog\nno\n]]] -->\n![picture](a.png)\n\n[a](worklist.md#keys) [b](adr/0001-x.md)"
        " [c](https://example.org/x.md) [d](../CHANGELOG.md) [e](openapi.json) [f](clients/raportai.py)\n\n"
        "| a | b |\n|---|---|\n| 1<br>2 | `c` |\n"
    )
    assert '<h1 id="errors--more">Errors &amp; more</h1>' in html
    assert "cog" not in html and "<img" not in html and "picture" in html
    links = re.findall(r'href="([^"]*)"', html)
    expected = ["/dev/guides/worklist#keys", "/dev", "https://example.org/x.md", "/dev/guides/changelog"]
    assert links == [*expected, "/dev/openapi.json", "/dev/raportai.py"]
    assert '<div class="scroll" tabindex="0" role="region"' in html and "<td>1<br>2</td>" in html


def test_every_file_is_a_guide_and_no_link_leads_nowhere() -> None:
    found = {each.name: guide_html(DOCS, each.name) for each in guides(DOCS)}
    found["changelog"] = guide_html(DOCS, "changelog")
    assert set(found) >= {path.stem for path in DOCS.glob("*.md")}
    assert all(each.title and each.about for each in guides(DOCS))
    for name, html in found.items():
        for path, fragment in LINK.findall(html):
            target = found[path.rpartition("/")[2]]
            assert not fragment or f'id="{fragment}"' in target, (name, path, fragment)


@pytest.mark.parametrize("name", ["nothing", "../README", "adr", "Errors", ""])
def test_what_is_no_guide(name: str) -> None:
    with pytest.raises(NotFound):
        guide_html(DOCS, name)


def test_operations_are_found_by_their_words() -> None:
    every = operations(DOCS)
    assert len(every) == sum(
        method in ("get", "post", "put", "patch", "delete") for each in DOCUMENT["paths"].values() for method in each
    )
    found = matching(every, "RENDERED  frames")
    assert [each.path.endswith("/frames/{frames}/rendered") for each in found["frames"]] == [True]
    assert set(matching(every, "")) == {
        each["tags"][0] for path in DOCUMENT["paths"].values() for each in path.values()
    }
    assert matching(every, "nothing-like-it") == {}
    share = next(each for each in every if each.id == "post.api.share")
    assert json.loads(share.bodies["application/json"])["privacy"] is True


def test_examples_have_the_form_of_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}},
            "b": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "c": {"$ref": "#/x"},
        },
    }
    loop = {"type": "object", "properties": {"again": {"$ref": "#/x"}}}
    made = example_of({"x": loop}, schema)
    assert (made["a"], made["b"]) == ([0], False)
    assert made["c"]["again"]["again"]["again"] == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ("RAIPACS", "127.0.0.1", 4242, 0)),
        ({"public_url": "https://pacs.example"}, ("RAIPACS", "pacs.example", 4242, 0)),
        ({"dicom_tls_certificate": "node.pem"}, ("RAIPACS", "127.0.0.1", 0, 4242)),
        ({"platform": "aws", "dicom_tls_port": 2762}, ("RAIPACS", "", 4242, 2762)),
        ({"platform": "aws", "dicom_host": "dicom.pacs.example"}, ("RAIPACS", "dicom.pacs.example", 4242, 0)),
    ],
)
def test_how_a_modality_reaches_the_node(values: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = connection(Settings(**values))
    assert (found.ae_title, found.host, found.port, found.tls_port) == expected


def test_the_pages(clinic: Any) -> None:
    start = show(clinic, "/dev")
    assert start.status_code == 200 and "RAIPACS" not in start.text and "/login?next=/dev" in start.text
    known = show(clinic, "/dev", scope_of(clinic, "technician"))
    assert "RAIPACS" in known.text and "4242" in known.text
    assert "RAIPACS" not in show(clinic, "/dev", scope_of(clinic, "launch")).text
    for path in ("/dev/guides/errors", "/dev/guides/changelog", "/dev/api", "/dev/api?q=studies"):
        assert show(clinic, path).status_code == 200, path
    assert show(clinic, "/dev/openapi.json").json() == DOCUMENT
    for name, path in (("report-api.postman.json", ""), ("raportai.py", "clients/")):
        assert f'href="/dev/{name}" download' in start.text
        assert show(clinic, f"/dev/{name}").content == (DOCS / path / name).read_bytes()
    for path in ("/dev/guides/nothing", "/dev/guides/..%2FREADME", "/dev/api/nothing"):
        assert show(clinic, path).status_code == 404, path
    for each in operations(DOCS):
        answer = show(clinic, f"/dev/api/{each.id}")
        assert answer.status_code == 200 and each.path in answer.text, each.id
