"""What the index keeps of one instance: a row's columns and DICOM JSON at each level. Asked by the indexer.

Built from the one table of attributes; computed ones are left to the database.
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from pacs.dicom.attributes import Attribute, Level, Matching, at_level
from pacs.dicom.elements import Item
from pacs.dicom.header import Header
from pacs.dicom.json import Values, element_values
from pacs.dicom.text import fold, fold_name

# PostgreSQL refuses index entries over 2,700 bytes; no attribute's own limit is near.
LONGEST_COLUMN = 512
LONGEST_TEXT = 1024
MOST_VALUES = 64
LONGEST_KEY = 256
LARGEST_INTEGER = 2**31 - 1

_DATE = re.compile(r"(\d{4})[.\-/]?(\d{2})[.\-/]?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,6})\d*)?)?)?")

Column = str | int | None


def index_row(header: Header) -> dict[str, Any]:
    """Columns (`study`, `series`, `instance`: column → value, None where there is none) and DICOM JSON (`…_dicom`,
    only what is present) of an instance.

    `patient_key` tells patients apart: issuer and patient ID, or the study when there is no ID. `patient_dicom`
    repeats the part of `study_dicom` that is the patient's.
    """
    root = header.root
    row: dict[str, Any] = {
        "study_instance_uid": header.study_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "sop_instance_uid": header.sop_instance_uid,
        "patient_key": patient_key(root.text(0x00100021), root.text(0x00100020), header.study_instance_uid),
    }
    levels: tuple[Level, ...] = ("study", "series", "instance")
    for level in levels:
        columns, dicom = _level(root, level)
        row[level] = columns
        row[f"{level}_dicom"] = dicom
    row["patient_dicom"] = {tag: each for tag, each in row["study_dicom"].items() if tag in _PATIENT_TAGS}
    return row


_PATIENT_TAGS = frozenset(
    each.tag for each in at_level("study") if each.tag.startswith("0010") and each.keyword != "PatientAge"
)


def _level(root: Item, level: Level) -> tuple[dict[str, Column], dict[str, Any]]:
    columns: dict[str, Column] = {}
    dicom: dict[str, Any] = {}
    for attribute, tag in _READ[level]:
        if attribute.sequence:
            columns[attribute.column] = _nested(root, attribute, tag, dicom)
            continue
        values = element_values(root, tag, attribute.vr)[:MOST_VALUES]
        columns[attribute.column] = column_of(attribute, values)
        if tag in root.elements:
            dicom[attribute.tag] = {"vr": attribute.vr}
            if values:
                dicom[attribute.tag]["Value"] = [_cut(value) for value in values]
    return columns, dicom


def _nested(root: Item, attribute: Attribute, tag: int, dicom: dict[str, Any]) -> Column:
    """An attribute of a sequence's items: the value of each item between backslashes, so that the same place in two
    such columns is the same item; `dicom` gets it there too.
    """
    sequence = root.elements.get(int(attribute.sequence, 16))
    if sequence is None or sequence.items is None:
        return None
    items = sequence.items[:MOST_VALUES]
    told = dicom.setdefault(attribute.sequence, {"vr": "SQ", "Value": [{} for _ in items]} if items else {"vr": "SQ"})
    texts = []
    for number, item in enumerate(items):
        values = element_values(item, tag, attribute.vr)[:1]
        if tag in item.elements:
            told["Value"][number][attribute.tag] = {"vr": attribute.vr, **({"Value": values} if values else {})}
        texts.append(NORMALISE[attribute.matching](as_text(values[0] if values else None)))
    joined = "\\".join(texts)[: LONGEST_COLUMN - 2]
    return f"\\{joined}\\" if any(texts) else None


_READ: dict[Level, tuple[tuple[Attribute, int], ...]] = {
    level: tuple((each, int(each.tag, 16)) for each in at_level(level) if not each.computed)
    for level in ("study", "series", "instance")
}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, dict):
        return {kind: group[:LONGEST_TEXT] for kind, group in value.items()}
    return value


def column_of(attribute: Attribute, values: Values) -> Column:
    """What the column of an attribute holds when these are its values in the DICOM JSON model."""
    if not values:
        return None
    if attribute.matching == "integer":
        return integer(values[0])
    normalise = NORMALISE[attribute.matching]
    texts = [normalise(as_text(value)) for value in values]
    return "\\".join(texts)[:LONGEST_COLUMN] if any(texts) else None


def as_text(value: Any) -> str:
    if isinstance(value, dict):
        groups = [value.get(kind, "") for kind in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value)[:LONGEST_TEXT]


def integer(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) <= LARGEST_INTEGER else None


def _date(text: str) -> str:
    """YYYYMMDD; empty for what is no day of the calendar. Years may be parted by dots, as they once were."""
    found = _DATE.fullmatch(text)
    if not found or not text.isascii():
        return ""
    try:
        date(*map(int, found.groups()))
    except ValueError:
        return ""
    return "".join(found.groups())


def _time(text: str) -> str:
    """HHMMSS.FFFFFF, zeros where the device told less; empty for what is no time."""
    found = _TIME.fullmatch(text)
    if not found or not text.isascii():
        return ""
    hours, minutes, seconds, fraction = (part or "" for part in found.groups())
    if hours > "23" or minutes > "59" or seconds > "60":
        return ""
    return f"{hours}{minutes:0<2}{seconds:0<2}.{fraction:0<6}"


NORMALISE: dict[Matching, Callable[[str], str]] = {
    "uid": str,
    "code": str.upper,
    "text": fold,
    "name": fold_name,
    "date": _date,
    "time": _time,
}


def patient_key(issuer: str, patient_id: str, study_instance_uid: str) -> str:
    """Bounded; a long one ends in a digest, so that two patients never become one."""
    if not patient_id:
        return f"study:{study_instance_uid}"
    key = json.dumps([issuer, patient_id], ensure_ascii=False)
    if len(key) <= LONGEST_KEY:
        return key
    return key[: LONGEST_KEY - 64] + hashlib.sha256(key.encode()).hexdigest()
