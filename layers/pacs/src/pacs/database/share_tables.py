"""The tables of links for people from outside, and of what they call studies, as SQLAlchemy Core sees them."""

from sqlalchemy import Boolean, Column, DateTime, ForeignKey, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import count, identifier, metadata, moment, since_now, words

private_keys = Table(
    "private_keys",
    metadata,
    identifier("organization_id", primary_key=True),
    Column("key", Text, nullable=False),
)

private_studies = Table(
    "private_studies",
    metadata,
    identifier("organization_id", primary_key=True),
    words("private_uid", primary_key=True),
    words("study_instance_uid", nullable=False),
)

pixel_masks = Table(
    "pixel_masks",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    words("modality", nullable=False),
    words("manufacturer", nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("rectangles", JSONB, nullable=False),
    since_now("created_at"),
)

# `member_id` is who made the link; a program has none.
external_study_shares = Table(
    "external_study_shares",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    identifier("member_id", ForeignKey("organization_members.id")),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("studies", JSONB, nullable=False),
    identifier("report_id"),
    Column("note", Text, nullable=False),
    Column("privacy", Boolean, nullable=False),
    Column("may_download", Boolean, nullable=False),
    moment("not_before"),
    moment("expires_at"),
    Column("maximum_views", Integer),
    count("views"),
    Column("pin_hash", Text),
    count("pin_failures"),
    Column("pin_blocked_until", DateTime(timezone=True)),
    moment("created_at"),
    Column("revoked_at", DateTime(timezone=True)),
)
