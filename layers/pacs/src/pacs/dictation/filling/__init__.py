"""What does an integrator's template say when a report is written into it? Pure; called by the step that reports.

A template is read as pieces (`pieces`), its placeholders are found in what a reader of it sees (`placeholders`), and
what is written for them is spelt as its format wants it (`plain`, `rtf`, `html`). The rules are in docs/report-api.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pacs.dictation.filling import html, plain, rtf
from pacs.dictation.filling.placeholders import write
from pacs.reporting.body import CONTROL

FORMATS = {"txt": plain, "rtf": rtf, "html": html}


@dataclass(frozen=True)
class Filled:
    """A filled template, and the names of the placeholders in it that nobody knows; they stay as they are."""

    text: str
    unknown: tuple[str, ...]


def fill(
    template: str, format: Literal["txt", "rtf", "html"], sections: Mapping[str, str], language: str = "tr"
) -> Filled:
    """The template with plain text in the place of its placeholders; `language` is that of the text."""
    pieces = FORMATS[format].read(mended(template))
    told = {name: cleaned(text) for name, text in sections.items()}
    newline = "\r\n" if "\r\n" in template else "\n"
    unknown = write(pieces, told, lambda text: FORMATS[format].spell(text, language, newline))
    return Filled(FORMATS[format].join(pieces), tuple(map(mended, unknown)))


def mended(text: str) -> str:
    """Text without halves of characters, which JSON may bring and nothing can store."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def cleaned(text: str) -> str:
    """A section as it is written: lines end with \\n, and there are no control characters and no blank ends."""
    return CONTROL.sub("", mended(text).replace("\r\n", "\n").replace("\r", "\n")).strip()
