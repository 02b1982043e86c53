"""The table of the DICOM door's associations, as SQLAlchemy Core sees it."""

from sqlalchemy import BigInteger, Column, Identity, Integer, Table, Text

from pacs.database.tables import identifier, metadata, moment

connections = Table(
    "connections",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("association", Text, nullable=False, unique=True),
    identifier("organization_id"),
    identifier("branch_id"),
    moment("began_at"),
    Column("took_ms", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("address", "calling_ae", "called_ae", "modality")),
    *(Column(name, Text, nullable=False) for name in ("outcome", "reason")),
    Column("instances", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("queries", Integer, nullable=False),
)
