"""The table of what is told of patients instead of what originals say, as SQLAlchemy Core sees it."""

from sqlalchemy import BigInteger, Column, Identity, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import identifier, metadata, moment, words

patient_corrections = Table(
    "patient_corrections",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id", nullable=False),
    words("study_instance_uid", nullable=False),
    identifier("deed_id", nullable=False),
    Column("deed", Text, nullable=False),
    moment("at"),
    Column("member_id", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("columns", JSONB, nullable=False),
)
