"""Organizations with their members, the index of the archive, and the function that fills it."""

from alembic import op

from pacs.database.migrate import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("create extension if not exists pg_trgm")
    for name in ("0001_people", "0001_tables", "0001_worklist", "0001_index_instances", "0001_non_patient"):
        for statement in statements(name):
            op.execute(statement)
