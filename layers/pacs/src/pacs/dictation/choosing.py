"""Which of an organization's templates does the report of an exam begin with? Pure; asked when no template was sent.

A template fits when it is of the report's language, and of the exam's modality or of every one. Of those that fit the
one whose name says most of the exam is taken: its code, then words of its name.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pacs.dicom.text import fold
from pacs.dictation.examinations import Examination

# What a code or a modality in a template's name is worth beside one word.
CODE, MODALITY = 100, 10
ALIKE = {"DX": "CR", "PT": "NM", "OPT": "BMD"}
WORD = re.compile(r"\w{3,}")


def choose_template(
    templates: Sequence[Mapping[str, Any]],
    examination: Examination,
    codes: Sequence[str],
    language: str,
    said: str = "",
) -> Mapping[str, Any] | None:
    """The best of `report_templates`' rows, or None when none fits. `said` is what was dictated of the exam.

    Of two that fit equally well the first in the order of their names.
    """
    fitting = [each for each in templates if each["language"] == language and fits(each["modality"], examination)]
    wanted = words(f"{examination.turkish} {examination.english}"), words(said)
    ranked = sorted(fitting, key=lambda each: (-worth(each, codes, *wanted), fold(str(each["name"]))))
    return ranked[0] if ranked else None


def fits(modality: str, examination: Examination) -> bool:
    return not modality or ALIKE.get(modality, modality) == examination.modality


def worth(template: Mapping[str, Any], codes: Sequence[str], named: set[str], said: set[str]) -> int:
    """How much a template's name tells of the exam."""
    name = words(template["name"])
    code = CODE if any(fold(code) in name for code in codes if code) else 0
    # Two chests in a name are worth one: words count once.
    return code + (MODALITY if template["modality"] else 0) + 2 * len(name & named) + len(name & said)


def words(text: str) -> set[str]:
    return set(WORD.findall(fold(text)))
