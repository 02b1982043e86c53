"""Searches find their way by an index, however few answers are asked for."""

from typing import Any

import pytest
from sqlalchemy import text

from pacs.archive.search import search
from pacs.dicom.attributes import Level
from pacs.dicomweb.query import parse_query
from pacs.people.scope import Scope
from pacs.ports import Rows
from tests.bench.queries import ORGANIZATION, fill

STUDIES = 1500


class Explaining:
    """A database that keeps the plan of what it is asked, and answers nothing."""

    def __init__(self, database: Any) -> None:
        self.database, self.plan = database, ""

    def fetch(self, statement: Any, parameters: Any = None) -> Rows:
        rows = self.database.fetch(text(f"explain {statement}"), parameters)
        self.plan = "\n".join(str(line) for row in rows for line in row.values())
        return []


@pytest.mark.parametrize(
    ("level", "pair", "index"),
    [
        ("series", ("00400275.00400009", "SPSS7"), "series_requests"),
        ("study", ("00400275.00400009", "SPSS7"), "series_requests"),
        ("study", ("StudyInstanceUID", "1.2.7"), "studies_pkey"),
        ("study", ("PatientID", "P7"), "studies_patient_id"),
        ("study", ("AccessionNumber", "A7"), "studies_accession_number"),
        ("study", ("StudyDate", "20241201-20241202"), "studies_newest"),
        ("study", ("ModalitiesInStudy", "MR"), "studies_newest"),
        ("instance", ("SOPInstanceUID", "1.2.7.1.1"), "instances_uid"),
    ],
)
def test_an_index_answers_a_page_of_one(filled: Explaining, level: Level, pair: tuple[str, str], index: str) -> None:
    query = parse_query(level, [pair, ("limit", "1")], {})
    assert search(filled, Scope(ORGANIZATION, "admin"), query, origin="") == []  # type: ignore[arg-type]
    assert f"on {index}" in filled.plan or f"using {index} " in filled.plan, filled.plan
    assert "Seq Scan" not in filled.plan


@pytest.fixture
def filled(database: Any) -> Explaining:
    fill(database, STUDIES)
    # What PostgreSQL knows of a column whose values all differ, once there are too many to look at each: nothing.
    database.fetch(text("delete from pg_statistic where starelid = cast('series_requests' as regclass)"))
    return Explaining(database)
