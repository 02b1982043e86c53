"""The tables of what is told of patients instead of what originals say, as SQLAlchemy Core sees them."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

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
    Index("patient_corrections_deed", "organization_id", "deed_id", "study_instance_uid", unique=True),
)

patient_merges = Table(
    "patient_merges",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id", nullable=False),
    words("patient_key", nullable=False),
    Column("branches", ARRAY(UUID)),
    identifier("deed_id", nullable=False),
    moment("at"),
    Column("ended_at", DateTime(timezone=True)),
    Column("member_id", Text, nullable=False),
    Column("attributes", JSONB, nullable=False),
    Column("columns", JSONB, nullable=False),
)
