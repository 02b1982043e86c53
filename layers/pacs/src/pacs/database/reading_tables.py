"""The tables of reading: the history of studies, pools and modalities of readers, clocks, filters and uploads."""

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB

from pacs.database.tables import count, identifier, metadata, moment, since_now, words

study_history = Table(
    "study_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id", nullable=False),
    words("study_instance_uid", nullable=False),
    moment("at"),
    Column("member_id", Text, nullable=False),
    Column("deed", Text, nullable=False),
    words("state_before", nullable=False),
    words("state_after", nullable=False),
    Column("subject", Text, nullable=False),
)

reader_pools = Table(
    "reader_pools",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    Column("name", Text, nullable=False),
    since_now("created_at"),
    Index("reader_pools_name", "organization_id", func.lower(text("name")), unique=True),
)

reader_pool_members = Table(
    "reader_pool_members",
    metadata,
    identifier("pool_id", ForeignKey("reader_pools.id", ondelete="CASCADE"), primary_key=True),
    identifier("member_id", ForeignKey("organization_members.id"), primary_key=True),
)

# Without a row a reader reads every modality.
reader_modalities = Table(
    "reader_modalities",
    metadata,
    identifier("organization_id", primary_key=True),
    identifier("member_id", ForeignKey("organization_members.id"), primary_key=True),
    words("modality", primary_key=True),
)

turnaround = Table(
    "turnaround",
    metadata,
    identifier("organization_id", primary_key=True),
    Column("urgent_min", Integer, nullable=False),
    Column("routine_min", Integer, nullable=False),
)

saved_filters = Table(
    "saved_filters",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("wanted", JSONB, nullable=False),
    since_now("created_at"),
    Index("saved_filters_name", "organization_id", "member_id", func.lower(text("name")), unique=True),
)

# One file on its way, in parts; a zip holds several, of which `stored` and `refused` count.
uploads = Table(
    "uploads",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", nullable=False),
    Column("member_id", Text, nullable=False),
    identifier("branch_id"),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    words("state", nullable=False, server_default=text("'receiving'")),
    count("stored"),
    count("refused"),
    Column("studies", JSONB, nullable=False, server_default=text("'[]'")),
    Column("problems", JSONB, nullable=False, server_default=text("'[]'")),
    since_now("created_at"),
)
