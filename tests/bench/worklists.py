"""How long does a page of the worklist take when there is much? `python -m tests.bench.worklists [STUDIES]`.

Fills a fresh database with synthetic studies (100,000), of which the newest hundredth is work in every state, asks for
each kind of list, the counts, the next study and the whole page many times, as an administrator and as a radiologist of
one of two branches, and prints p50 and p95 in milliseconds.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text
from starlette.testclient import TestClient

from functions.catalogue import FUNCTIONS
from infra.local.edge import edge_of
from infra.local.gateway import Gateway
from infra.local.invocation import load_all
from infra.local.postgres import EmbeddedPostgres
from pacs import bootstrap
from pacs.database import migrate
from pacs.entry.authorizer import SESSION_COOKIE
from pacs.people.accounts import first_administrator
from pacs.people.organizations import NewMember, add_branch, add_member
from pacs.people.scope import Scope
from pacs.portal.worklist import views
from pacs.reading.filters import save_filter
from pacs.reading.wanted import read_wanted
from pacs.reading.work import claim_next
from pacs.reading.worklist import list_studies
from tests.bench.queries import FILL, fill, month, name_of

STUDIES, ROUNDS = 100_000, 20
OPEN = "received,assigned,claimed,draft,preliminary"
PASSWORD = "correct horse battery"
SESSION = "5e551011-0000-4000-8000-000000000000"
# Studies come in two branches, forty a day until now; the newest hundredth waits, is read, or has just been read.
SPREAD = (
    """
    update studies s set
      branch_id = cast(case when x.n % 2 = 0 then :first else :second end as uuid),
      created_at = now() - make_interval(secs => x.n * 2160),
      urgent = x.n % 20 = 0,
      state = case when x.n >= :studies / 100 then 'final'
        else (array['received', 'received', 'assigned', 'claimed', 'draft', 'preliminary'])[1 + x.n / 2 % 6] end
    from (select study_instance_uid, cast(substr(study_instance_uid, 5) as bigint) as n from studies) x
    where x.study_instance_uid = s.study_instance_uid
    """,
    """
    update studies set
      assigned_member_id = case when state = 'assigned' then cast(:reader as uuid) end,
      claimed_by = case when state not in ('received', 'assigned') then cast(:reader as uuid) end
    where state not in ('received', 'final')
    """,
    "analyze",
)
Asked = dict[str, str]
LISTS: dict[str, Callable[[int], Asked]] = {
    "all, urgent first": lambda n: {},
    "newest": lambda n: {"order": "newest"},
    "by patient": lambda n: {"order": "patient"},
    "by date of study": lambda n: {"order": "date"},
    "received": lambda n: {"state": "received"},
    "mine": lambda n: {"assigned": "me", "state": "assigned,claimed,draft,preliminary"},
    "of my pools": lambda n: {"assigned": "pools", "state": "assigned"},
    "urgent and open": lambda n: {"urgent": "true", "state": OPEN},
    "late": lambda n: {"late": "true"},
    "final, newest": lambda n: {"state": "final,addendum", "order": "newest"},
    "MR, open": lambda n: {"modality": "MR", "state": OPEN},
    "MR, newest": lambda n: {"modality": "MR", "order": "newest"},
    "one branch": lambda n: {"branch": "MERKEZ"},
    "a month": lambda n: {"from": month(n).split("-")[0], "to": month(n).split("-")[1], "order": "newest"},
    "two words of a name": lambda n: {"q": name_of(n)},
    "a common name": lambda n: {"q": "yilmaz"},
    "a patient's ID": lambda n: {"q": f"p{n // 5}"},
    "an accession number": lambda n: {"q": f"a{n}"},
    "the beginning of a code": lambda n: {"q": "ABCD"},
    "words that nothing has": lambda n: {"q": "qxqxqx"},
    "two letters": lambda n: {"q": "ay"},
    "a common name, open": lambda n: {"q": "kaya", "state": OPEN},
}
Times = tuple[float, float]


def timed(once: Callable[[int], Any], studies: int, rounds: int = ROUNDS) -> Times:
    """p50 and p95 in milliseconds, by the numbers of studies that are there."""
    chooser, times = random.Random(1), []
    for _ in range(rounds):
        n = chooser.randrange(studies)
        began = time.perf_counter()
        once(n)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), sorted(times)[int(len(times) * 0.95)]


class Desk:
    """Somebody who looks at lists, over HTTP too."""

    def __init__(self, services: Any, client: TestClient, scope: Scope) -> None:
        self.services, self.client, self.scope = services, client, scope

    def two_pages(self, asked: Callable[[int], Asked], n: int) -> None:
        """The first page and, where there is one, the next."""
        wanted = read_wanted({name: [value] for name, value in asked(n).items()})
        page = list_studies(self.services, self.scope, wanted)
        if page.after:
            list_studies(self.services, self.scope, wanted, after=page.after)

    def counts(self, n: int) -> None:
        views(self.services, self.scope)

    def claim(self, n: int) -> None:
        claim_next(self.services, self.scope)

    def page(self, n: int) -> None:
        token = self.services.tokens.sign(self.scope, "session", ttl_s=600)
        headers = {"Cookie": f"{SESSION_COOKIE}={token}"}
        answer = self.client.get("/worklist", headers=headers, follow_redirects=False)
        assert answer.status_code == 200, answer.text


def measure(desks: list[Desk], studies: int) -> Iterator[tuple[str, list[Times]]]:
    """Of each kind of list two pages together; the counts, the next study, and the page as a browser gets it."""
    for name, asked in LISTS.items():
        yield f"two pages: {name}", [timed(partial(desk.two_pages, asked), studies) for desk in desks]
    yield "counts of every list", [timed(desk.counts, studies) for desk in desks]
    yield "the next study", [timed(desk.claim, studies) for desk in desks[1:]]
    yield "the page over HTTP", [timed(desk.page, studies) for desk in desks]


def prepare(services: Any, studies: int) -> dict[str, Scope]:
    """Fill the database; returns who asks."""
    database = services.database
    migrate.upgrade(database)
    made = first_administrator(database, email="admin@example.org", organization_name="Merkez")
    assert made is not None
    scope = Scope(made.organization_id, "admin", session_id=SESSION)
    other = add_branch(database, scope, "Dev", "DEV").id
    with database.transaction() as statements:
        new = NewMember("r@example.org", PASSWORD, "radiologist", "Okur", [made.branch_id])
        member = add_member(statements, scope, new)
    fill(database, studies, made.organization_id, FILL[:1])
    given = {"first": made.branch_id, "second": other, "studies": studies, "reader": member}
    for statement in SPREAD:
        database.fetch(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
    reader = Scope(made.organization_id, "radiologist", (made.branch_id,), member_id=member, session_id=SESSION)
    for name in ("late", "MR, open", "a common name", "final, newest"):
        save_filter(services, reader, name, {key: [value] for key, value in LISTS[name](0).items()})
    return {"administrator": scope, "radiologist": reader}


def main(studies: int) -> None:
    with tempfile.TemporaryDirectory() as home:
        server = EmbeddedPostgres(Path(home) / "postgres")
        server.start()
        os.environ |= {"PACS_HOME": home, "PACS_DATABASE_DSN": server.dsn, "PACS_PUBLIC_URL": "http://testserver"}
        bootstrap.local_secrets(bootstrap.settings()).create()
        services = bootstrap.services()
        gateway = Gateway(FUNCTIONS, load_all(), origins=frozenset(), edge=edge_of(services))
        try:
            scopes = prepare(services, studies)
            desks = [Desk(services, TestClient(gateway), each) for each in scopes.values()]
            print(f"| {studies:,} studies, ms | " + " | ".join(f"{name} p50 | p95" for name in scopes) + " |")
            print("|---" * (1 + 2 * len(scopes)) + "|")
            for name, times in measure(desks, studies):
                print(
                    f"| {name} | " + " | ".join(f"{value:.0f}" for each in times for value in each) + " |", flush=True
                )
        finally:
            gateway.close()
            services.database.close()
            server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STUDIES)
