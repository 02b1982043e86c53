"""An archive for as long as a command runs: for studies that must not come into the one that is used.

It stands in a folder of the home and is gone with all that was in it when the command ends; that of one that was
killed goes with the next. Used by `pacs ai eval`.
"""

import fcntl
import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local.candidates import find_candidates
from infra.local.importing import Tally, import_all
from infra.local.postgres import EmbeddedPostgres
from pacs.archive.indexing import TOPIC, index_objects
from pacs.archive.masks import NewMask, add_mask, list_masks
from pacs.bootstrap import Services, local_queue, local_secrets
from pacs.database import migrate
from pacs.errors import BadRequest
from pacs.local.queue import QueueTables
from pacs.people.accounts import first_administrator
from pacs.people.scope import Scope
from pacs.settings import Settings

PREFIX, LOCK = "scratch-", "lock"
AT_ONCE = 200
NOBODY_HEARS = json.dumps({TOPIC: []})


@dataclass(frozen=True)
class Scratch:
    """An empty archive of one organization."""

    services: Services
    queue: QueueTables
    scope: Scope
    branch_id: str

    def take(self, name: str, files: Sequence[Path]) -> str:
        """Index the instances of one study; returns its UID. What is no instance is passed over.

        Raises BadRequest for files of no study, or of several.
        """
        tally = Tally()
        found = find_candidates(files)
        for each in import_all(self.services, self.scope, self.branch_id, found, threading.Event()):
            tally.add(each)
        studies = tally.document()["studies"]
        if len(studies) != 1:
            raise BadRequest(f"{name}: its files are of {len(studies)} studies, not of one", field="SET")
        keys = (each.key for each in self.services.originals.scan(self.prefix(studies[0])))
        for some in batches(keys):
            index_objects(self.services, some)
        return str(studies[0])

    def clear(self, study: str) -> None:
        """Remove the objects of a study, of which only what the index knows is left."""
        self.services.originals.delete_prefix(self.prefix(study))
        for info in list(self.services.derived.scan()):
            self.services.derived.delete(info.key)

    def close(self) -> None:
        self.queue.close()
        self.services.database.close()

    def prefix(self, study: str) -> str:
        return f"{self.scope.organization_id}/{study}/"


def batches(keys: Iterator[str]) -> Iterator[Sequence[str]]:
    while some := list(islice(keys, AT_ONCE)):
        yield some


@contextmanager
def scratch_archive(beside: Services, scope: Scope) -> Iterator[Scratch]:
    """An archive that leaves nothing behind, with the masks of an organization of the one `beside` it."""
    with scratch_folder(beside.settings.home) as home:
        server = EmbeddedPostgres(home)
        server.settings |= {"fsync": "off", "shared_buffers": "16MB"}
        server.start()
        try:
            scratch = furnished(replace(beside.settings, home=home, database_dsn=server.dsn, topics=NOBODY_HEARS))
            for mask in list_masks(beside.database, scope):
                told = NewMask(*(mask[name] for name in ("modality", "rows", "columns", "rectangles", "manufacturer")))
                add_mask(scratch.services.database, scratch.scope, told)
            try:
                yield scratch
            finally:
                scratch.close()
        finally:
            server.stop()


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """A folder that is locked while it is used, so that others know those that nobody uses any more."""
    with ExitStack() as stack:
        with (home / f"{PREFIX}{LOCK}").open("w") as one_at_a_time:
            fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
            for left in home.glob(f"{PREFIX}*/{LOCK}"):
                remove_unused(left)
            folder = Path(stack.enter_context(TemporaryDirectory(prefix=PREFIX, dir=home)))
            fcntl.flock(stack.enter_context((folder / LOCK).open("w")), fcntl.LOCK_EX)
        yield folder


def remove_unused(lock: Path) -> None:
    with suppress(OSError), lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent)


def furnished(settings: Settings) -> Scratch:
    local_secrets(settings).create()
    services, queue = Services(settings), local_queue(settings)
    services.queue = queue
    queue.create_tables()
    migrate.upgrade(services.database)
    made = first_administrator(services.database, email="nobody@localhost", organization_name="Scratch")
    assert made is not None  # the database is new
    return Scratch(services, queue, Scope(made.organization_id, "system"), made.branch_id)
