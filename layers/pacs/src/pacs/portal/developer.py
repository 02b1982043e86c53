"""What developers read here: guides out of docs/, the operations of docs/openapi.json, how modalities get here.

Called by functions/pages. The guides themselves are English, as they lie in docs/.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pacs.errors import NotFound
from pacs.settings import Settings

if TYPE_CHECKING:
    from markdown_it.token import Token

Json = Mapping[str, Any]
# What integrators need first; whatever else lies in docs/ follows by its name.
FIRST = (
    "signing-in",
    "api-keys",
    "report-api",
    "routes",
    "errors",
    "studies",
    "reports",
    "ai",
    "worklist",
    "sharing",
    "conformance",
)
CHANGES = "changelog"
FILES = ("openapi.json", "report-api.postman.json", "raportai.py")  # are given as they are
METHODS = ("get", "post", "put", "patch", "delete")
NAME = re.compile(r"[a-z0-9-]{1,64}")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
DEEPEST = 4  # of an example's nesting


@dataclass(frozen=True)
class Guide:
    name: str
    title: str
    about: str


@dataclass(frozen=True)
class Parameter:
    name: str
    where: str  # path, query, header
    required: bool
    example: str


@dataclass(frozen=True)
class Operation:
    """One route with its method. `bodies`: media types of the body → an example of it, empty when it is no JSON."""

    id: str
    method: str
    path: str
    group: str
    summary: str
    public: bool
    parameters: Sequence[Parameter]
    bodies: Mapping[str, str]
    answers: Mapping[str, Sequence[str]]  # status → media types


@dataclass(frozen=True)
class Connection:
    """How a modality reaches the DICOM node; a port of 0: not offered. An empty host is told by the stack's outputs."""

    ae_title: str
    host: str
    port: int
    tls_port: int


def connection(settings: Settings) -> Connection:
    own = "" if settings.platform == "aws" else urlsplit(settings.origin).hostname or ""
    host, port = settings.dicom_host or own, settings.dicom_port
    if settings.dicom_tls_certificate:
        return Connection(settings.ae_title, host, 0, port)
    return Connection(settings.ae_title, host, port, settings.dicom_tls_port)


@cache
def guides(folder: Path) -> tuple[Guide, ...]:
    """Every guide, those that are needed first in front."""
    names = sorted(path.stem for path in folder.glob("*.md"))
    ordered = [each for each in FIRST if each in names] + [each for each in names if each not in FIRST]
    return tuple(Guide(each, *opening((folder / f"{each}.md").read_text(encoding="utf-8"))) for each in ordered)


def opening(text: str) -> tuple[str, str]:
    """The heading of a guide, and its first sentence as plain text."""
    heading, _, rest = COMMENT.sub("", text).partition("\n")
    paragraph = next((each for each in rest.split("\n\n") if re.match(r"\s*[\w`]", each)), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split())).replace("`", "")
    return heading.lstrip("# ").replace("`", "").strip(), re.split(r"(?<=[.:;])\s", plain)[0].rstrip(":;")


@cache
def guide_html(folder: Path, name: str) -> str:
    """A guide as HTML. Raises NotFound."""
    path = folder.parent / "CHANGELOG.md" if name == CHANGES else folder / f"{name}.md"
    if not NAME.fullmatch(name) or not path.is_file():
        raise NotFound("there is no such guide")
    return html_of(path.read_text(encoding="utf-8"))


def html_of(markdown: str) -> str:
    """Our Markdown as HTML: headings have anchors, wide tables and code are scrolled by keys, guides link guides."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(COMMENT.sub("", markdown))
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(tokens[index + 1].content))
        for child in token.children or ():
            adapt(child)
    html: str = parser.renderer.render(tokens, parser.options, {})
    html = html.replace("<table>", '<div class="scroll" tabindex="0" role="region"><table>').replace(
        "</table>", "</table></div>"
    )
    return html.replace("<pre>", '<pre tabindex="0">')


def anchor(heading: str) -> str:
    """As GitHub makes it, so that links inside docs/ hold in both places."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def adapt(token: "Token") -> None:
    """A link between files of docs/ as one between our pages; pictures are not here."""
    if token.type == "link_open":
        token.attrSet("href", page_of(str(token.attrGet("href"))))
    elif token.type == "image":
        token.type, token.tag = "text", ""


def page_of(link: str) -> str:
    path, _, fragment = link.partition("#")
    if "://" in link or not path:
        return link
    if Path(path).name in FILES:
        return f"/dev/{Path(path).name}"
    place = f"/dev/guides/{Path(path).stem.lower()}" if path.endswith(".md") and "adr" not in path else "/dev"
    return f"{place}#{fragment}" if fragment else place


@cache
def operations(folder: Path) -> tuple[Operation, ...]:
    """Every operation but HEAD and OPTIONS, which go without saying."""
    document = json.loads((folder / "openapi.json").read_text(encoding="utf-8"))
    return tuple(
        operation_of(document, method, path, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
        if method in METHODS
    )


def operation_of(document: Json, method: str, path: str, found: Json) -> Operation:
    content = found.get("requestBody", {}).get("content", {})
    answers = {status: tuple(each.get("content", {})) for status, each in found["responses"].items()}
    return Operation(
        found["operationId"],
        method.upper(),
        path,
        found["tags"][0],
        found.get("summary", ""),
        not found.get("security"),
        tuple(parameter_of(document, each) for each in found.get("parameters", ())),
        {kind: body_of(document, kind, each.get("schema", {})) for kind, each in content.items()},
        answers,
    )


def parameter_of(document: Json, given: Json) -> Parameter:
    found = resolved(document, given)
    schema = resolved(document, found.get("schema", {}))
    terms = [str(each) for each in schema.get("enum", ()) or [schema[key] for key in ("const",) if key in schema]]
    examples = [str(each) for each in (*schema.get("examples", ()), *terms)]
    return Parameter(found["name"], found["in"], bool(found.get("required")), " ".join(examples))


def body_of(document: Json, media_type: str, schema: Json) -> str:
    if not media_type.endswith("json"):
        return ""
    return json.dumps(example_of(document, schema), indent=2, ensure_ascii=False)


def example_of(document: Json, given: Json, depth: int = 0) -> Any:
    """A value that has the form of a schema."""
    schema = resolved(document, given)
    for known in ("default", "const"):
        if known in schema:
            return schema[known]
    if schema.get("enum") or schema.get("examples"):
        return (schema.get("examples") or schema["enum"])[0]
    if schema.get("anyOf"):
        return example_of(document, schema["anyOf"][0], depth)
    if schema.get("type") == "array":
        return [example_of(document, schema.get("items", {}), depth + 1)] if depth < DEEPEST else []
    if schema.get("type") == "object":
        fields = schema.get("properties", {}) if depth < DEEPEST else {}
        return {name: example_of(document, each, depth + 1) for name, each in fields.items()}
    return {"integer": 0, "number": 0, "boolean": False}.get(schema.get("type", ""), "")


def resolved(document: Json, given: Json) -> Json:
    found: Any = given
    while "$ref" in found:
        reference, found = found["$ref"], document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    return found  # type: ignore[no-any-return]


def matching(all_of_them: Sequence[Operation], asked: str) -> dict[str, list[Operation]]:
    """The operations that have every word, by their groups."""
    words = asked.lower().split()
    found: dict[str, list[Operation]] = {}
    for each in all_of_them:
        told = f"{each.method} {each.path} {each.summary} {each.group}".lower()
        if all(word in told for word in words):
            found.setdefault(each.group, []).append(each)
    return found


def operation(all_of_them: Sequence[Operation], id: str) -> Operation:
    """Raises NotFound."""
    found = next((each for each in all_of_them if each.id == id), None)
    if found is None:
        raise NotFound("there is no such operation")
    return found
