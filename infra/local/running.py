"""The archive that runs on this machine, as the `pacs` command finds it: where it listens, how to reach its parts."""

import fcntl
from dataclasses import dataclass, replace
from typing import Any

import orjson

from infra.local.checks import check_version
from infra.local.postgres import EmbeddedPostgres
from pacs.bootstrap import Services
from pacs.dicom import modalities
from pacs.errors import NotConfigured, NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.settings import Settings

READY, LOCK, VERSION = "ready.json", "lock", "version"


@dataclass(frozen=True)
class Home:
    """A home folder and the services over it. `ready` is what a running archive says of itself, or None."""

    services: Services
    ready: dict[str, Any] | None

    def require_running(self) -> dict[str, Any]:
        """What the running archive says of itself. Raises NotConfigured when none runs."""
        if self.ready is None:
            home = self.services.settings.home
            if self.runs():
                raise NotConfigured(f"the archive in {home} is just starting or stopping: try again in a moment")
            raise NotConfigured(f"no archive runs in {home}: start it with `make up`, or set PACS_HOME")
        return self.ready

    def runs(self) -> bool:
        """Whether the archive runs still."""
        return is_held(self.services.settings)

    def system_scope(self) -> Scope:
        """The archive's own view of the default organization."""
        return Scope(self.default_branch()[0], "system")

    def default_branch(self) -> tuple[str, str]:
        """Default organization and branch, as the DICOM door knows them; needs no database."""
        try:
            document = self.services.exchange.get(modalities.KEY)[1]
        except ObjectNotFound as error:
            raise no_archive(self.services.settings) from error
        default = modalities.parse(document).default
        return default.organization_id, default.branch_id


def open_home() -> Home:
    """The home that PACS_HOME names. Raises NotFound when there is none, NotConfigured when it cannot be used."""
    settings = Settings.from_environment()
    settings = replace(settings, home=settings.home.resolve())
    try:
        if not (settings.home / VERSION).exists():
            raise no_archive(settings)
        check_version(settings.home)
        file = settings.home / READY
        ready = orjson.loads(file.read_bytes()) if is_held(settings) and file.exists() else None
    except OSError as error:
        text = f"PACS_HOME={settings.home} cannot be read ({error.strerror}): be the user who runs it, or set PACS_HOME"
        raise NotConfigured(text, field="PACS_HOME") from error
    if not settings.database_dsn:
        settings = replace(settings, database_dsn=EmbeddedPostgres(settings.home).dsn)
    if ready is not None and not settings.public_url:
        settings = replace(settings, public_url=ready["http"])
    return Home(Services(settings), ready)


def no_archive(settings: Settings) -> NotFound:
    text = f"PACS_HOME={settings.home} holds no archive: start one with `make up`, or set PACS_HOME"
    return NotFound(text, field="PACS_HOME")


def is_held(settings: Settings) -> bool:
    """Whether a supervisor or one of its children holds the home's lock; a killed one leaves ready.json behind."""
    with (settings.home / LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
