"""The tables of API keys and of how often each was used, as SQLAlchemy Core sees them."""

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import identifier, metadata, moment

api_keys = Table(
    "api_keys",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("scopes", JSONB, nullable=False),
    moment("created_at"),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    identifier("replaced_by", ForeignKey("api_keys.id")),
    Column("last_used_at", DateTime(timezone=True)),
)

api_key_usage = Table(
    "api_key_usage",
    metadata,
    identifier("key_id", ForeignKey("api_keys.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("calls", BigInteger, nullable=False),
)
