"""The tables of credits as SQLAlchemy Core sees them. How they move stands in the migration."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Table, Text, UniqueConstraint

from pacs.database.tables import identifier, metadata, moment, words

credit_balances = Table(
    "credit_balances",
    metadata,
    identifier("organization_id", ForeignKey("organizations.id"), primary_key=True),
    words("account", primary_key=True),
    Column("balance", BigInteger, nullable=False),
    CheckConstraint("account = 'granted' or balance >= 0"),
)

credit_moves = Table(
    "credit_moves",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    words("once", nullable=False),
    words("source", nullable=False),
    words("target", nullable=False),
    Column("credits", BigInteger, nullable=False),
    identifier("job_id"),
    words("member_id", nullable=False),
    Column("reason", Text, nullable=False),
    moment("moved_at"),
    UniqueConstraint("organization_id", "once"),
)
