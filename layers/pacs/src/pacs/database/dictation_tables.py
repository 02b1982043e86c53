"""The tables of report jobs and their exams, as SQLAlchemy Core sees them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import count, identifier, metadata, moment, words

NOTHING = text("''::text")

# `key_id` is of the API key that it was submitted with, and missing for what people dictate in the portal.
report_jobs = Table(
    "report_jobs",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    identifier("key_id", ForeignKey("api_keys.id")),
    words("kind", nullable=False),
    words("status", nullable=False, server_default=text("'pending'::text")),
    Column("reason", Text, nullable=False, server_default=NOTHING),
    Column("exam_count", Integer, nullable=False),
    words("audio_sha256", nullable=False),
    words("audio_kind", nullable=False),
    Column("audio_seconds", Double, nullable=False),
    words("input_language", nullable=False),
    words("output_language", nullable=False),
    Column("callback_url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    words("idempotency_key"),
    words("request_hash", nullable=False),
    Column("estimated_seconds", Integer, nullable=False),
    Column("remaining_credits", BigInteger, nullable=False),
    count("credits_used"),
    moment("created_at"),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    UniqueConstraint("organization_id", "idempotency_key"),
    CheckConstraint("exam_count > 0"),
)

report_exams = Table(
    "report_exams",
    metadata,
    identifier("job_id", ForeignKey("report_jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    words("accession_number", nullable=False),
    words("sut_code", nullable=False),
    words("tele_code", nullable=False),
    words("modality", nullable=False),
    Column("exam_name", Text, nullable=False),
    words("status", nullable=False, server_default=text("'pending'::text")),
    Column("reason", Text, nullable=False, server_default=NOTHING),
)

callback_deliveries = Table(
    "callback_deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    identifier("job_id", ForeignKey("report_jobs.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    moment("attempted_at"),
    words("outcome", nullable=False),
    Column("status", Integer),
    words("failure", nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("again_at", DateTime(timezone=True)),
)

dictations = Table(
    "dictations",
    metadata,
    identifier("id", ForeignKey("report_jobs.id", ondelete="CASCADE"), primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    Column("title", Text, nullable=False),
    words("language", nullable=False),
    Column("spoken", Boolean, nullable=False),
    Column("sections", JSONB),
    Column("words", Text, nullable=False, server_default=NOTHING),
    Column("version", Integer, nullable=False, server_default=text("1")),
    moment("created_at"),
    moment("updated_at"),
)
