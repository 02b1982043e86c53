"""The list of studies as people search it: a form becomes the archive's own search. Called by functions/pages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text

from pacs.archive.search import Json, scope_conditions, search
from pacs.dicomweb.query import parse_query
from pacs.errors import BadRequest
from pacs.people.organizations import Branch, list_branches
from pacs.people.scope import Scope
from pacs.ports import Database

PAGE_SIZE = 50
PATIENT_NAME, PATIENT_ID, ACCESSION_NUMBER = "00100010", "00100020", "00080050"
STUDY_DATE, STUDY_TIME, STUDY_DESCRIPTION = "00080020", "00080030", "00081030"
STUDY, MODALITIES, SERIES, INSTANCES = "0020000D", "00080061", "00201206", "00201208"


@dataclass(frozen=True)
class Filters:
    """What somebody typed into the form above the list."""

    name: str = ""
    patient: str = ""
    accession: str = ""
    modality: str = ""
    since: str = ""
    until: str = ""
    branch: str = ""

    @property
    def address(self) -> str:
        """The list with these filters, as a query string."""
        return urlencode({key: value for key, value in asdict(self).items() if value})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The same as a search of DICOMweb. Parts of names, identifiers and numbers match."""
        since, until = self.since.replace("-", ""), self.until.replace("-", "")
        keys = {
            "PatientName": self.name,
            "PatientID": part(self.patient),
            "AccessionNumber": part(self.accession),
            "ModalitiesInStudy": self.modality.upper(),
            "StudyDate": f"{since}-{until}" if since or until else "",
        }
        pairs = [(key, value) for key, value in keys.items() if value]
        return [*pairs, ("fuzzymatching", "true"), ("includefield", "StudyDescription")]


@dataclass(frozen=True)
class Work:
    """How far the work on a study is; `reader` is who has claimed it."""

    code: str
    state: str
    urgent: bool
    reader_id: str
    reader: str


@dataclass(frozen=True)
class StudyRow:
    study: str
    patient_name: str
    patient_id: str
    accession_number: str
    date: str
    time: str
    modalities: str
    description: str
    series: int
    instances: int
    work: Work


@dataclass(frozen=True)
class StudyPage:
    rows: list[StudyRow]
    next_offset: int | None


def part(typed: str) -> str:
    """A pattern that finds a text anywhere; wildcards that somebody typed stay what they are."""
    return typed if not typed or "*" in typed or "?" in typed else f"*{typed}*"


def list_studies(database: Database, scope: Scope, filters: Filters, *, offset: int, origin: str) -> StudyPage:
    """A page of the studies that the scope sees. Raises BadRequest, naming the field."""
    if filters.branch:
        if scope.branches is not None and filters.branch not in scope.branches:
            raise BadRequest("this branch is not among yours", field="branch")
        scope = replace(scope, branches=(filters.branch,))
    query = parse_query("study", filters.pairs, {})
    found = search(database, scope, replace(query, limit=PAGE_SIZE + 1, offset=offset), origin=origin)
    work = works(database, scope, [first(each, STUDY) for each in found[:PAGE_SIZE]])
    rows = [row_of(each, work[first(each, STUDY)]) for each in found[:PAGE_SIZE] if first(each, STUDY) in work]
    return StudyPage(rows, offset + PAGE_SIZE if found[PAGE_SIZE:] else None)


def works(database: Database, scope: Scope, studies: list[str]) -> dict[str, Work]:
    """The work on each of these studies."""
    parameters: dict[str, Any] = {"studies": studies}
    conditions = " and ".join([*scope_conditions(scope, parameters), "s.study_instance_uid = any(:studies)"])
    statement = (
        "select s.study_instance_uid, s.code, s.state, s.urgent, coalesce(cast(s.claimed_by as text), '')"  # noqa: S608
        " as reader_id, coalesce(m.name, '') as reader from studies s"
        f" left join organization_members m on m.id = s.claimed_by where {conditions}"
    )
    rows = database.fetch(text(statement), parameters)
    return {row["study_instance_uid"]: Work(*list(row.values())[1:]) for row in rows}


def seen_branches(database: Database, scope: Scope) -> list[Branch]:
    """The branches that somebody may choose among."""
    return [each for each in list_branches(database, scope) if scope.branches is None or each.id in scope.branches]


def row_of(document: Json, work: Work) -> StudyRow:
    time = first(document, STUDY_TIME)
    return StudyRow(
        study=first(document, STUDY),
        patient_name=readable_name(document),
        patient_id=first(document, PATIENT_ID),
        accession_number=first(document, ACCESSION_NUMBER),
        date=first(document, STUDY_DATE),
        time=f"{time[:2]}:{time[2:4]}" if len(time) >= 4 else "",
        modalities=", ".join(document.get(MODALITIES, {}).get("Value", [])),
        description=first(document, STUDY_DESCRIPTION),
        series=int(first(document, SERIES) or 0),
        instances=int(first(document, INSTANCES) or 0),
        work=work,
    )


def first(document: Json, tag: str) -> str:
    """The first value of an attribute as text; empty when there is none."""
    values: list[Any] = document.get(tag, {}).get("Value", [])
    return "" if not values or values[0] is None else str(values[0])


def readable_name(document: Json) -> str:
    """A person's name as it is read aloud: family name first, then the given ones. Source: PS3.5 §6.2.1.1"""
    values = document.get(PATIENT_NAME, {}).get("Value", [])
    name: Mapping[str, str] = values[0] if values and isinstance(values[0], dict) else {}
    read = name.get("Alphabetic") or name.get("Ideographic") or name.get("Phonetic") or ""
    return " ".join(each for each in read.split("^") if each)
