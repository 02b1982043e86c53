"""Organizations with their members, the index of the archive, and the function that fills it."""

from alembic import op

from pacs.database.migrate import statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("create extension if not exists pg_trgm")
    for name in (
        *(
            "people",
            "tables",
            "api_keys",
            "connections",
            "credits",
            "dictation",
            "reading",
            "reporting",
            "ai",
            "shares",
            "worklist",
            "corrections",
        ),
        *("index_instances", "non_patient"),
    ):
        for statement in statements(f"0001_{name}"):
            op.execute(statement)
