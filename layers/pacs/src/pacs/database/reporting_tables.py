"""The tables of reports as SQLAlchemy Core sees them. What their triggers keep stands in the migration."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import count, identifier, metadata, moment, since_now, words

# A modality of '' is every one.
report_templates = Table(
    "report_templates",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    Column("name", Text, nullable=False),
    words("modality", nullable=False, server_default=text("''")),
    words("language", nullable=False),
    Column("sections", JSONB, nullable=False, server_default=text("'{}'")),
    since_now("created_at"),
    since_now("updated_at"),
    Index("report_templates_name", "organization_id", "modality", "language", func.lower(text("name")), unique=True),
)

letterheads = Table(
    "letterheads",
    metadata,
    identifier("branch_id", ForeignKey("branches.id"), primary_key=True),
    Column("lines", Text, nullable=False),
    moment("updated_at"),
)

# `version` is the last of its versions; `stored_version` the last one whose documents lie in the study.
reports = Table(
    "reports",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    words("study_instance_uid", nullable=False),
    identifier("member_id", ForeignKey("organization_members.id")),
    Column("machine", Text, nullable=False, server_default=text("''")),
    words("language", nullable=False),
    words("state", nullable=False, server_default=text("'draft'")),
    count("version"),
    count("stored_version"),
    moment("created_at"),
    moment("updated_at"),
    Index(
        "reports_one_final",
        "organization_id",
        "study_instance_uid",
        unique=True,
        postgresql_where=text("state in ('final', 'addendum')"),
    ),
)

report_versions = Table(
    "report_versions",
    metadata,
    identifier("report_id", ForeignKey("reports.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    words("kind", nullable=False),
    identifier("member_id", ForeignKey("organization_members.id")),
    Column("author", Text, nullable=False),
    moment("at"),
    Column("sections", JSONB, nullable=False, server_default=text("'{}'")),
    words("previous", nullable=False),
    words("digest", nullable=False),
)

signatures = Table(
    "signatures",
    metadata,
    identifier("report_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    Column("name", Text, nullable=False),
    moment("at"),
    words("digest", nullable=False),
    words("code", nullable=False),
    words("proof", nullable=False),
    ForeignKeyConstraint(["report_id", "number"], ["report_versions.report_id", "report_versions.number"]),
)
