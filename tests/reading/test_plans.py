"""Pages of the worklist find their way by an index, and a page of 100,000 studies needs no look at all of them."""

from typing import Any

from sqlalchemy import text

from pacs.people.scope import Scope
from pacs.ports import Rows
from pacs.reading.wanted import read_wanted
from pacs.reading.worklist import list_studies
from tests.bench.queries import ORGANIZATION, fill, name_of

STUDIES = 3000


class Explaining:
    """Services whose database keeps the plan of what it is asked, and answers nothing."""

    def __init__(self, desk: Any) -> None:
        self.asked, self.clock, self.plan = desk.database, desk.clock, ""

    @property
    def database(self) -> Any:
        return self

    def fetch(self, statement: Any, parameters: Any = None) -> Rows:
        rows = self.asked.fetch(text(f"explain {statement}"), parameters)
        self.plan = "\n".join(str(line) for row in rows for line in row.values())
        return []


# By what is asked, the index that answers.
PLANS: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "studies_urgent"),
    ({"state": "received"}, "studies_worklist"),
    ({"state": "claimed"}, "studies_worklist"),
    ({"order": "newest"}, "studies_received"),
    ({"order": "newest", "modality": "MR"}, "studies_received"),
    ({"order": "patient"}, "studies_by_patient"),
    ({"order": "date"}, "studies_by_date"),
    ({"q": name_of(7)}, "studies_words"),
    ({"q": "a1007"}, "studies_words"),
    ({"q": "p1207"}, "studies_words"),
    ({"q": "ABCDEFGH"}, "studies_code"),
)


def test_an_index_answers_each_page(desk: Any) -> None:
    fill(desk.database, STUDIES)
    desk.database.fetch(text("update studies set state = 'final' where cast(study_id as text) not like '%01'"))
    desk.database.fetch(text("analyze studies"))
    services = Explaining(desk)
    for asked, index in PLANS:
        wanted = read_wanted({name: [value] for name, value in asked.items()})
        list_studies(services, Scope(ORGANIZATION, "admin"), wanted)  # type: ignore[arg-type]
        assert f"on {index}" in services.plan or f"using {index} " in services.plan, (asked, services.plan)
        assert "Seq Scan on studies" not in services.plan, asked
