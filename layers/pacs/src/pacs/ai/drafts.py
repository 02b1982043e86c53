"""What does a model say of a study, and can it be used? Called by `orchestrating` and `evaluating`.

An answer must keep to the schema and make sense: it rests on images that were sent, says something, and no novel. What
does not is asked for once more. Texts of models are texts: whoever shows them escapes them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pacs.ai.context import Case
from pacs.ai.previews import Preview
from pacs.ai.prompting import MENDED, question_of
from pacs.errors import ModelRefused, PacsError
from pacs.models.answers import document_in
from pacs.models.schemas import fault_of, object_of
from pacs.ports import Answer, Describer
from pacs.reporting.body import CONTROL
from pacs.reporting.documents import NAMES

TEXT, NUMBERS = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}
TEXTS = ("technique", "comparison", "findings", "impression")
CONFIDENCES = ("low", "medium", "high")
SCHEMA = object_of(
    **dict.fromkeys(TEXTS, TEXT),
    critical_findings={"type": "array", "items": object_of(finding=TEXT, why=TEXT, images=NUMBERS)},
    confidence={"type": "string", "enum": list(CONFIDENCES)},
    images_used=NUMBERS,
)
# Characters; together they fit into the body of a report.
LONGEST = {"technique": 2000, "comparison": 2000, "findings": 6000, "impression": 3000}
LONGEST_CRITICAL, MOST_CRITICAL = 500, 20
# What the findings of a draft say for which nobody looked at an image, whatever its model has said.
UNSEEN = {
    "tr": "Hiçbir görüntü incelenmemiştir; bulgular hakkında bir şey söylenemez.",
    "en": "No images were looked at; nothing can be said about findings.",
    "ru": "Изображения не просматривались; о находках ничего сказать нельзя.",
    "az": "Heç bir görüntüyə baxılmayıb; tapıntılar barədə heç nə demək olmaz.",
    "fr": "Aucune image n'a été examinée; rien ne peut être dit des résultats.",
    "de": "Es wurden keine Bilder angesehen; über Befunde lässt sich nichts sagen.",
    "fa": "هیچ تصویری بررسی نشده است؛ درباره یافته‌ها چیزی نمی‌توان گفت.",
    "ar": "لم تُفحص أي صورة؛ لا يمكن قول شيء عن الموجودات.",
}
# Of the languages that do not write Latin letters.
LETTERS = {"ru": re.compile("[а-яё]", re.I), "fa": re.compile("[\u0600-\u06ff]"), "ar": re.compile("[\u0600-\u06ff]")}

Document = dict[str, Any]


@dataclass(frozen=True)
class Drafted:
    """A draft, and all that was answered on the way to it, the last being the one that it is made of."""

    document: Document
    answers: tuple[Answer, ...]


class DraftFailed(ModelRefused):
    """A model answered what is of no use, twice. `answers` are for administrators: they may say anything."""

    def __init__(self, fault: str, answers: tuple[Answer, ...]) -> None:
        super().__init__(f"the model answers what is of no use: {fault}")
        self.fault = fault
        self.answers = answers


def draft(describer: Describer, case: Case, previews: Sequence[Preview], preset: str, language: str) -> Drafted:
    """A draft that rests on these images; without any, one whose findings say so.

    Raises DraftFailed, BadRequest for an unknown preset or language, and what the describer raises.
    """
    numbers = {each.number for each in previews}
    question = question_of(case, previews, preset, language, SCHEMA)
    first = describer.ask(question)
    document, fault = read(first.text, numbers)
    if not fault and numbers:
        fault = foreign(document, language)
    if not fault:
        return Drafted(settled(document, numbers, language), (first,))
    try:
        second = describer.ask(replace(question, turns=[(first.text, MENDED.format(fault=fault))]))
    except PacsError as error:
        raise DraftFailed(f"{fault}; then {error.message}", (first,)) from error
    document, fault = read(second.text, numbers)
    if fault:
        raise DraftFailed(fault, (first, second))
    return Drafted(settled(document, numbers, language), (first, second))


def is_critical(document: Mapping[str, Any]) -> bool:
    return bool(document.get("critical_findings"))


def read(text: str, numbers: set[int]) -> tuple[Document, str]:
    """The document in what a model said, and what is wrong with it, without a word of it; empty: nothing."""
    document, fault = document_in(text)
    fault = fault or fault_of(document, SCHEMA)
    return document, fault or senseless(document, numbers)


def senseless(document: Mapping[str, Any], numbers: set[int]) -> str:
    """What is wrong with a document that keeps to the schema."""
    for name, longest in LONGEST.items():
        if len(document[name]) > longest:
            return f"{name} has more than {longest} characters"
    critical = document["critical_findings"]
    if len(critical) > MOST_CRITICAL:
        return f"there are more than {MOST_CRITICAL} critical findings"
    if any(len(each[name]) > LONGEST_CRITICAL for each in critical for name in ("finding", "why")):
        return f"a critical finding has more than {LONGEST_CRITICAL} characters"
    if not numbers:
        return ""  # whatever it says of images is not kept
    if not document["findings"].strip():
        return "findings is empty"
    if not document["images_used"]:
        return "images_used names no image"
    if not set(document["images_used"]) <= numbers:
        return f"images_used names images that were not sent: there are {told(numbers)}"
    if not all(each["finding"].strip() for each in critical):
        return "a critical finding is empty"
    if not all(each["images"] and set(each["images"]) <= numbers for each in critical):
        return f"a critical finding does not name the images that show it: there are {told(numbers)}"
    return ""


def told(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def foreign(document: Mapping[str, Any], language: str) -> str:
    """Whether the findings are in the letters of another language. Asked for again, but kept: better than none."""
    letters = [each for each in document["findings"] if each.isalpha()]
    own = LETTERS.get(language)
    written = sum(1 for each in letters if own.match(each)) if own else sum(1 for each in letters if each < "\u0250")
    return "" if 2 * written >= len(letters) else f"the texts are not in {NAMES[language]}"


def settled(document: Mapping[str, Any], numbers: set[int], language: str) -> Document:
    """The document as it is kept: texts without control characters, images once and in their order.

    Nobody has seen anything where no images were sent: no words of a model about findings are kept.
    """
    made: Document = {name: cleaned(document[name]) for name in TEXTS}
    made["critical_findings"] = [
        {name: cleaned(each[name]) for name in ("finding", "why")} | {"images": sorted(set(each["images"]))}
        for each in document["critical_findings"]
    ]
    made |= {"confidence": document["confidence"], "images_used": sorted(set(document["images_used"]))}
    if not numbers:
        made |= {"comparison": "", "findings": UNSEEN[language], "impression": "", "confidence": "low"}
        made |= {"critical_findings": [], "images_used": []}
    return made


def cleaned(text: str) -> str:
    return CONTROL.sub("", text).strip()
