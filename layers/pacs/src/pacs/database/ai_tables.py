"""The tables of pre-reports, as SQLAlchemy Core sees them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import count, identifier, metadata, moment, words

NOTHING = text("''::text")
NO_LIST = text("'[]'::jsonb")
PRICE, COST = Numeric(14, 6), Numeric(14, 6)


def organization(*, primary_key: bool = False) -> Column[str]:
    return identifier("organization_id", ForeignKey("organizations.id"), primary_key=primary_key, nullable=False)


ai_service_providers = Table(
    "ai_service_providers",
    metadata,
    organization(primary_key=True),
    words("provider", primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("url", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("key_hint", Text, nullable=False),
    Column("monthly_budget", Numeric(14, 4)),
    Column("warn_percent", Integer, nullable=False),
    moment("updated_at"),
)

ai_consents = Table(
    "ai_consents",
    metadata,
    organization(primary_key=True),
    Column("consent", Boolean, nullable=False),
    identifier("member_id", ForeignKey("organization_members.id")),
    moment("changed_at"),
)

ai_prices = Table(
    "ai_prices",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    organization(),
    words("provider", nullable=False),
    words("model", nullable=False),
    Column("effective_from", Date, nullable=False),
    *(Column(each, PRICE, nullable=False) for each in ("tokens_in", "tokens_cached", "tokens_out", "image")),
    UniqueConstraint("organization_id", "provider", "model", "effective_from"),
)

ai_jobs = Table(
    "ai_jobs",
    metadata,
    identifier("id", primary_key=True),
    organization(),
    words("study_instance_uid", nullable=False),
    identifier("member_id", ForeignKey("organization_members.id")),
    words("request_key", nullable=False),
    words("provider", nullable=False),
    words("preset", nullable=False),
    words("language", nullable=False),
    words("status", nullable=False, server_default=text("'queued'::text")),
    words("step", nullable=False, server_default=NOTHING),
    Column("reason", Text, nullable=False, server_default=NOTHING),
    Column("attempts", JSONB, nullable=False, server_default=NO_LIST),
    count("images"),
    count("tries"),
    Column("held_until", DateTime(timezone=True)),
    moment("created_at"),
    Column("started_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    UniqueConstraint("organization_id", "request_key"),
    Index(
        "ai_jobs_open",
        *("organization_id", "study_instance_uid", "member_id", "provider", "preset", "language"),
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=text("status in ('queued', 'running')"),
    ),
)

ai_report_drafts = Table(
    "ai_report_drafts",
    metadata,
    identifier("id", primary_key=True),
    organization(),
    words("study_instance_uid", nullable=False),
    identifier("job_id", ForeignKey("ai_jobs.id", ondelete="CASCADE"), nullable=False, unique=True),
    *(words(each, nullable=False) for each in ("provider", "model", "preset", "language")),
    Column("document", JSONB, nullable=False),
    Column("images", JSONB, nullable=False),
    Column("critical", Boolean, nullable=False),
    Column("cost", COST),
    moment("created_at"),
    identifier("report_id", ForeignKey("reports.id", ondelete="SET NULL")),
    identifier("taken_by", ForeignKey("organization_members.id")),
    Column("taken_at", DateTime(timezone=True)),
)

ai_usage_events = Table(
    "ai_usage_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    organization(),
    moment("at"),
    *(words(each, nullable=False) for each in ("purpose", "provider", "model")),
    identifier("member_id"),
    words("study_instance_uid"),
    identifier("job_id"),
    words("outcome", nullable=False),
    *(Column(each, Integer, nullable=False) for each in ("tokens_in", "tokens_out", "tokens_cached", "images")),
    Column("seconds", Double, nullable=False),
    Column("cost", COST),
    Column("price", JSONB),
)

ai_budgets = Table(
    "ai_budgets",
    metadata,
    organization(primary_key=True),
    words("provider", primary_key=True),
    Column("month", Date, primary_key=True),
    Column("spent", COST, nullable=False, server_default=text("0")),
    Column("warned", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("spent >= 0"),
)

ai_holds = Table(
    "ai_holds",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    words("provider", nullable=False),
    Column("month", Date, nullable=False),
    Column("amount", COST, nullable=False),
    Column("lapses_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("amount >= 0"),
    ForeignKeyConstraint(
        ["organization_id", "provider", "month"],
        ["ai_budgets.organization_id", "ai_budgets.provider", "ai_budgets.month"],
    ),
)

ai_circuits = Table(
    "ai_circuits",
    metadata,
    organization(primary_key=True),
    words("provider", primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("open_until", DateTime(timezone=True)),
)

ai_health_checks = Table(
    "ai_health_checks",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    organization(),
    identifier("run_id", nullable=False),
    words("provider", nullable=False),
    words("model", nullable=False),
    moment("checked_at"),
    words("kind", nullable=False),
    Column("failure", Text, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("cost", COST),
    UniqueConstraint("run_id", "organization_id", "provider", "kind"),
)
