"""Brings a database to the tables of this program. Called by functions/migrate, the supervisor and the tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from pacs.database.engine import EngineDatabase
from pacs.errors import NotConfigured

FOLDER = Path(__file__).parent / "migrations"
# Whoever migrates holds this lock; a second one waits for it and then finds nothing to do.
LOCK = text("select pg_advisory_xact_lock(4242804219)")


def upgrade(database: EngineDatabase) -> str:
    """Run what is missing, all of it or nothing; returns the revision reached.

    Raises NotConfigured when a newer program has already migrated this database.
    """
    config = configuration()
    scripts = ScriptDirectory.from_config(config)
    with database.begin() as connection:
        connection.execute(LOCK)
        found = revision_of(connection)
        if found is not None and found not in {each.revision for each in scripts.walk_revisions()}:
            raise NotConfigured(
                f"the database is newer (revision {found}) than this program (revision {scripts.get_current_head()}):"
                " run a newer version of the program"
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return str(revision_of(connection))


def current(database: EngineDatabase) -> str | None:
    """The revision of a database; None when it was never migrated."""
    with database.begin() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def statements(name: str) -> list[str]:
    """The statements of a file of migrations/sql, one by one: the Data API takes no more at a time.

    They are separated by a semicolon and an empty line, and hold no colon, which would be a parameter's mark.
    """
    source = (FOLDER / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return [each.strip().removesuffix(";") for each in source.split(";\n\n")]
