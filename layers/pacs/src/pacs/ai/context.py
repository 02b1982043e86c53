"""What is a model told of a study? Nothing that says whose it is: the one place where that is decided.

Called by drafts and jobs. What is sent is `Case.told()`, and no other attribute of a study is.

Source: PS3.15 §E.1 and §E.3.5 (Clean Descriptors Option)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from pacs.ai.scrubbing import scrubbed
from pacs.ai.words import is_known
from pacs.archive.search import scope_conditions
from pacs.archive.source import StoreSource
from pacs.dicom.basic_profile import TERMS
from pacs.dicom.elements import Item
from pacs.dicom.header import read_header
from pacs.dicom.json import element_values
from pacs.dicom.text import fold
from pacs.errors import NotFound, PacsError, Unavailable
from pacs.people.scope import Scope
from pacs.ports import Rows, Services
from pacs.reading.naming import code_of
from pacs.reading.studies import first_value, named

__all__ = ["Case", "SeriesTold", "case_of", "scrubbed"]

READERS = 8  # headers at once; waiting, not computing
OLDEST = 90  # years; who is older is told as that old. Source: 45 CFR 164.514(b)(2)(i)(C)
A_YEAR = {"Y": 1, "M": 12, "W": 52, "D": 365}
SEXES = {"M": "male", "F": "female", "O": "other"}
WORDS = re.compile(r"[^\W_]+")
AGE = re.compile(r"(\d{3})([DWMY])", re.ASCII)
STUDY_DESCRIPTION, SERIES_DESCRIPTION, PROTOCOL = "00081030", "0008103E", "00181030"
BODY_PART, SEX, PATIENT_AGE, BIRTH_DATE, STUDY_DATE = "00180015", "00100040", "00101010", "00100030", "00080020"
# Of the index, where a correction stands already; of headers, where what was corrected stands.
NUMBERS = (
    "00100020",  # patient, and by whom it was given
    "00100021",
    "00101000",
    "00101090",
    "00102154",  # telephone
    "00080050",  # accession
    "00200010",  # study
    "00380010",  # admission
    "00400009",  # steps and procedures
    "00400253",
    "00401001",
    "00402016",  # orders
    "00402017",
    "00321064",
    "00181000",  # device
    BIRTH_DATE,
    STUDY_DATE,
)
# Words of theirs that everybody uses say nothing of anybody: radiology, heart.
PLACES = (
    "00080080",  # institution, with its address and department
    "00080081",
    "00081040",
    "00081010",  # station
    "00101040",  # address
    "00102152",
    "00380300",
    "00380400",
    "00400243",
    "00400241",
)
SERIES = (
    "select cast(s.organization_id as text) as organization_id, s.study_instance_uid, s.code, s.dicom as study,"
    " s.modalities_in_study, e.series_instance_uid, e.modality, e.dicom as series,"
    " counted.images, counted.object_key from studies s"
    " left join series e using (organization_id, study_instance_uid) left join lateral"
    " (select count(*) filter (where i.frames <> '') as images, min(i.object_key) as object_key from instances i"
    " where (i.organization_id, i.study_instance_uid, i.series_instance_uid)"
    " = (e.organization_id, e.study_instance_uid, e.series_instance_uid)) counted on true where "
)
ORDER = " order by e.series_number nulls last, e.series_instance_uid"


@dataclass(frozen=True)
class SeriesTold:
    """One series as it is told; `number` is its place in the study, as previews name it."""

    number: int
    modality: str
    body_part: str
    description: str
    images: int


@dataclass(frozen=True)
class Case:
    """A study as it is told: `age_years` is the patient's at the time, None when nobody knows.

    `identifiers` are what must not be told, and are never sent.
    """

    modalities: tuple[str, ...]
    body_part: str
    sex: str
    age_years: int | None
    description: str
    series: tuple[SeriesTold, ...]
    identifiers: tuple[str, ...] = field(default=(), repr=False)

    def told(self) -> dict[str, Any]:
        """What is sent, as JSON."""
        return {
            "modalities": list(self.modalities),
            "body_part": self.body_part,
            "sex": self.sex,
            "age_years": self.age_years,
            "description": self.description,
            "series": [dict(each.__dict__) for each in self.series],
        }


def case_of(services: Services, scope: Scope, code: str) -> Case:
    """A study by its code or UID as it is told. Raises NotFound."""
    rows = list_series(services, scope, code)
    study = rows[0]["study"]
    identifiers = tuple(dict.fromkeys((rows[0]["code"], *identifiers_of(services, rows))))
    series = tuple(
        series_told(number, row, identifiers) for number, row in enumerate(rows, 1) if row["series_instance_uid"]
    )
    parts = dict.fromkeys(each.body_part for each in series if each.body_part)
    return Case(
        modalities=tuple(modality_told(each) for each in rows[0]["modalities_in_study"].split("\\") if each),
        body_part=", ".join(parts),
        sex=SEXES.get(first_value(study, SEX).upper(), ""),
        age_years=age_of(study),
        description=scrubbed(first_value(study, STUDY_DESCRIPTION), identifiers),
        series=series,
        identifiers=identifiers,
    )


def list_series(services: Services, scope: Scope, code: str) -> Rows:
    """The series of a study, each with what the index says of both; one row without a series of an empty study.

    Raises NotFound.
    """
    parameters: dict[str, Any] = {"code": code_of(code)}
    conditions = " and ".join([*scope_conditions(scope, parameters), named(code)])
    rows = services.database.fetch(text(SERIES + conditions + ORDER), parameters)
    if not rows:
        raise NotFound("no such study", field="code")
    return rows


def series_told(number: int, row: Mapping[str, Any], identifiers: Sequence[str]) -> SeriesTold:
    described = first_value(row["series"], SERIES_DESCRIPTION) or first_value(row["series"], PROTOCOL)
    return SeriesTold(
        number=number,
        modality=modality_told(row["modality"] or ""),
        body_part=scrubbed(first_value(row["series"], BODY_PART), identifiers),
        description=scrubbed(described, identifiers),
        images=row["images"],
    )


def modality_told(modality: str) -> str:
    """A modality by its defined term; what is none may be anything."""
    return modality if modality in TERMS else "OT"


def age_of(study: Mapping[str, Any]) -> int | None:
    """In years, when the study was made: as the device wrote it, else by the dates."""
    found = AGE.fullmatch(first_value(study, PATIENT_AGE).strip().upper())
    if found and int(found[1]):
        return min(int(found[1]) // A_YEAR[found[2]], OLDEST)
    try:
        born, made = (date.fromisoformat(first_value(study, tag)) for tag in (BIRTH_DATE, STUDY_DATE))
    except ValueError:
        return None
    years = made.year - born.year - ((made.month, made.day) < (born.month, born.day))
    return min(years, OLDEST) if years >= 0 else None


def identifiers_of(services: Services, rows: Rows) -> Iterator[str]:
    """What names the people, places and numbers of a study: by the index, and by one original of each series."""
    yield from of_document(rows[0]["study"])
    for row in rows:
        yield from of_document(row["series"] or {})
    keys = [row["object_key"] for row in rows if row["object_key"]]
    with ThreadPoolExecutor(READERS) as readers:
        for found in readers.map(lambda key: of_original(services, key), keys):
            yield from found


def of_original(services: Services, object_key: str) -> list[str]:
    """What an original names, before anything was corrected; nothing of one that cannot be read."""
    try:
        return list(of_item(read_header(StoreSource(services.originals, object_key)).root))
    except Unavailable:
        raise
    except PacsError:
        return []


def of_item(item: Item) -> Iterator[str]:
    """What a dataset names, in sequences too."""
    document = {}
    for tag, element in item.elements.items():
        key = f"{tag:08X}"
        if element.items is not None:
            for each in element.items:
                yield from of_item(each)
        elif element.vr == "PN" or key in NUMBERS or key in PLACES:
            document[key] = {"vr": element.vr, "Value": element_values(item, tag, element.vr)}
    yield from of_document(document)


def of_document(document: Mapping[str, Any]) -> Iterator[str]:
    """What a dataset in the DICOM JSON model names: persons, numbers and days whole, of places the rare words."""
    for tag, attribute in document.items():
        values = [each for each in attribute.get("Value", []) if each]
        if attribute["vr"] == "PN":
            yield from (group for value in values for group in value.values())
        elif tag in NUMBERS:
            yield from ("".join(WORDS.findall(str(value))) for value in values)
        elif tag in PLACES:
            yield from (each for value in values for each in WORDS.findall(str(value)) if not is_known(fold(each)))
