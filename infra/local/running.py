"""The archive that runs on this machine, as the `pacs` command finds it: where it listens, how to reach its parts."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from infra.local.postgres import EmbeddedPostgres
from pacs.bootstrap import Services
from pacs.dicom import modalities
from pacs.errors import NotConfigured, NotFound, ObjectNotFound
from pacs.people.scope import Scope
from pacs.settings import Settings

READY = "ready.json"


@dataclass(frozen=True)
class Home:
    """A home folder and the services over it. `ready` is what a running archive says of itself, or None."""

    services: Services
    ready: dict[str, Any] | None

    def require_running(self) -> None:
        """Raises NotConfigured unless the archive runs."""
        if self.ready is None:
            home = self.services.settings.home
            raise NotConfigured(f"no archive runs in {home}: start it with `make up`, or set PACS_HOME")

    def system_scope(self) -> Scope:
        """The archive's own view of the default organization."""
        return Scope(self.default_branch()[0], "system")

    def default_branch(self) -> tuple[str, str]:
        """Default organization and branch, as the DICOM door knows them; needs no database."""
        try:
            document = self.services.exchange.get(modalities.KEY)[1]
        except ObjectNotFound as error:
            home = self.services.settings.home
            raise NotFound(f"{home} holds no archive yet: start one with `make up`", field="PACS_HOME") from error
        default = modalities.parse(document).default
        return default.organization_id, default.branch_id


def open_home() -> Home:
    """The home that PACS_HOME names. Raises NotConfigured for a variable that does not parse."""
    settings = Settings.from_environment()
    file = settings.home / READY
    ready = orjson.loads(file.read_bytes()) if file.exists() else None
    if not settings.database_dsn:
        settings = replace(settings, database_dsn=EmbeddedPostgres(settings.home).dsn)
    if ready is not None and not settings.public_url:
        settings = replace(settings, public_url=ready["http"])
    return Home(Services(settings), ready)
