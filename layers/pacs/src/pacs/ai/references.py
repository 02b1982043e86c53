"""Which studies have reports to compare drafts with? Reads a folder of them, one folder a study, for `pacs ai eval`.

Beside its DICOM files a study has a `reference.json`, or a `report.txt` as people write reports, whose headings tell
its language. Only a reference.json says whether there was something critical.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacs.dictation.filling.placeholders import PLACES, folded
from pacs.dictation.headings import WORDS
from pacs.errors import BadRequest
from pacs.reporting.body import LANGUAGES, SECTIONS
from pacs.reporting.documents import HEADINGS

REFERENCE, REPORT = "reference.json", "report.txt"
LONGEST_BYTES = 200_000
# Headings besides those of our own documents, by language: what radiologists write as well.
OTHERS = {
    "tr": PLACES,
    "en": {"conclusion": "impression", "opinion": "impression", "indication": "clinical", "history": "clinical"},
}
HEADING = re.compile(r"\W*([^\W\d_][^:\n]{2,40}?)[\s*_]*(?::[*_]*(.*))?")


def titles() -> dict[str, tuple[str, list[str]]]:
    """The section that each heading begins, and the languages in which it is called so."""
    found: dict[str, tuple[str, list[str]]] = {}
    named = {language: dict(zip(words, SECTIONS, strict=True)) for language, words in WORDS.items()}
    named |= {language: {HEADINGS[language][name]: name for name in SECTIONS} for language in ("fa", "ar")}
    for language, words in named.items():
        for word, section in (words | OTHERS.get(language, {})).items():
            found.setdefault(folded(word), (section, []))[1].append(language)
    return found


TITLES = titles()


@dataclass(frozen=True)
class Reference:
    """A study with its report. `critical`: whether there was something that could not wait; None: nobody says."""

    name: str
    folder: Path
    sections: Mapping[str, str]
    language: str
    critical: bool | None = None

    def files(self) -> list[Path]:
        """What may be its instances: everything else there, to the bottom."""
        found = (each for each in sorted(self.folder.rglob("*")) if each.is_file())
        return [each for each in found if each.name not in (REFERENCE, REPORT) and not each.name.startswith(".")]


def find_references(folder: Path, limit: int | None = None) -> list[Reference]:
    """The studies of a set by name, the first `limit` of them. Raises BadRequest, naming the study that has a fault."""
    if not folder.is_dir():
        raise BadRequest(f"{folder} is no folder", field="SET")
    studies = [each for each in sorted(folder.iterdir()) if each.is_dir() and not each.name.startswith(".")]
    found = [read_reference(each) for each in studies[:limit]]
    if not found:
        raise BadRequest(f"{folder} holds no folders of studies", field="SET")
    return found


def read_reference(folder: Path) -> Reference:
    if (folder / REFERENCE).exists():
        return of_document(folder, read(folder, REFERENCE))
    if (folder / REPORT).exists():
        sections, language = sections_in(read(folder, REPORT))
        if not language:
            raise fault(folder, f"{REPORT} has no headings (Findings:, Impression:) that tell its language")
        return Reference(folder.name, folder, sections, language)
    raise fault(folder, f"there is neither {REFERENCE} nor {REPORT}")


def read(folder: Path, name: str) -> str:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(LONGEST_BYTES + 1)
        if len(content) > LONGEST_BYTES:
            raise fault(folder, f"{name} has more than {LONGEST_BYTES} bytes")
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise fault(folder, f"{name} cannot be read: it is a text in UTF-8") from error


def of_document(folder: Path, text: str) -> Reference:
    try:
        document = json.loads(text)
        sections, language, critical = (document.get(name) for name in ("sections", "language", "critical"))
    except (ValueError, AttributeError, RecursionError) as error:
        raise fault(folder, f"{REFERENCE} is no JSON object") from error
    if language not in LANGUAGES:
        raise fault(folder, f"{REFERENCE}: language is one of {', '.join(LANGUAGES)}")
    if critical not in (True, False, None):
        raise fault(folder, f"{REFERENCE}: critical is true or false")
    if not is_sections(sections):
        raise fault(folder, f"{REFERENCE}: sections are texts, named {', '.join(SECTIONS)}; findings or impression")
    return Reference(folder.name, folder, {name: told.strip() for name, told in sections.items()}, language, critical)


def is_sections(told: Any) -> bool:
    if not isinstance(told, dict) or not all(name in SECTIONS and isinstance(each, str) for name, each in told.items()):
        return False
    return any(told.get(name, "").strip() for name in ("findings", "impression"))


def sections_in(report: str) -> tuple[dict[str, str], str]:
    """The sections of a report, and the language in which most of its headings are; empty when it has none."""
    sections: dict[str, list[str]] = {}
    languages: list[str] = []
    section = ""
    for line in report.splitlines():
        heading = HEADING.fullmatch(line.strip())
        named = TITLES.get(folded(heading[1].strip())) if heading else None
        told = line
        if heading and named:
            section, told = named[0], heading[2] or ""
            languages += named[1]
        if section and told.strip():
            sections.setdefault(section, []).append(told.strip())
    language = max(languages, key=languages.count, default="")
    return {name: "\n".join(lines) for name, lines in sections.items()}, language


def fault(folder: Path, told: str) -> BadRequest:
    return BadRequest(f"{folder.name}: {told}", field="SET")
