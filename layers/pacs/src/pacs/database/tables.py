"""The tables as SQLAlchemy Core sees them; the attributes of the index come from `pacs.dicom.attributes`.

What really makes them are the migrations; a test holds the two together. Tables of the archive name their
organization without a foreign key: a wrong row about people must never keep an image out of the index.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from pacs.dicom.attributes import Attribute, Level, at_level

metadata = MetaData()

KEYS = ("organization_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid")


def identifier(name: str, *arguments: Any, **options: Any) -> Column[str]:
    """A UUID, which is a string in Python on both drivers."""
    return Column(name, Uuid(as_uuid=False), *arguments, **options)


def words(name: str, **options: Any) -> Column[str]:
    """Text that is compared byte by byte, so that LIKE with a known beginning uses a plain index."""
    return Column(name, Text(collation="C"), **options)


def moment(name: str, **options: Any) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, **options)


def since_now(name: str) -> Column[Any]:
    return moment(name, server_default=func.now())


def count(name: str, kind: type[Integer] = Integer) -> Column[int]:
    return Column(name, kind, nullable=False, server_default=text("0"))


def key(length: int) -> list[Column[Any]]:
    return [identifier(KEYS[0], primary_key=True), *(words(name, primary_key=True) for name in KEYS[1:length])]


def parent(table: str, length: int) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(KEYS[:length], [f"{table}.{name}" for name in KEYS[:length]], ondelete="CASCADE")


def attribute_columns(level: Level) -> list[Column[Any]]:
    """The columns of what is read from datasets: text as PS3.5 writes it, whole numbers as integers."""
    attributes = [each for each in at_level(level) if not each.computed and each.column not in KEYS]
    return [*(attribute_column(each) for each in attributes), dicom()]


def attribute_column(attribute: Attribute) -> Column[Any]:
    return Column(attribute.column, Integer) if attribute.matching == "integer" else words(attribute.column)


def dicom() -> Column[Any]:
    """The DICOM JSON of the level's attributes, which answers pass on as it is."""
    return Column("dicom", JSONB, nullable=False, server_default=text("'{}'"))


organizations = Table(
    "organizations",
    metadata,
    identifier("id", primary_key=True),
    Column("name", Text, nullable=False),
    since_now("created_at"),
    Index("organizations_name", func.lower(text("name")), unique=True),
)

branches = Table(
    "branches",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    since_now("created_at"),
    UniqueConstraint("organization_id", "code"),
)

# Without a manager's right nobody handles API keys; an importer may upload and nothing else, inside a window.
organization_members = Table(
    "organization_members",
    metadata,
    identifier("id", primary_key=True),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("manager", Boolean, nullable=False, server_default=text("false")),
    Column("importer", Boolean, nullable=False, server_default=text("false")),
    Column("importer_from", DateTime(timezone=True)),
    Column("importer_until", DateTime(timezone=True)),
    Column("password_hash", Text, nullable=False),
    Column("totp_secret", Text),  # sealed; a second factor counts when `totp_since` is set
    Column("totp_since", DateTime(timezone=True)),
    count("totp_counter", BigInteger),  # of the last code that was taken: none is taken twice
    Column("disabled_at", DateTime(timezone=True)),
    Column("provider_subject", Text, unique=True),  # what an OpenID provider calls it
    Column("provided", Boolean, nullable=False, server_default=text("false")),  # that provider decides what it may
    since_now("created_at"),
    Index("organization_members_email", func.lower(text("email")), unique=True),
    Index("organization_members_of", "organization_id"),
    Index("organization_members_disabled", "disabled_at", postgresql_where=text("disabled_at is not null")),
)

# What a member sees. Branches of other organizations are those of a reading network.
organization_member_branches = Table(
    "organization_member_branches",
    metadata,
    identifier("member_id", ForeignKey("organization_members.id"), primary_key=True),
    identifier("branch_id", ForeignKey("branches.id"), primary_key=True),
    moment("granted_at", server_default=text("clock_timestamp()")),
    Index("organization_member_branches_of", "branch_id"),
)

# The family of the refresh tokens that followed one another from a sign-in, and those tokens, as SHA-256.
sessions = Table(
    "sessions",
    metadata,
    identifier("id", primary_key=True),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    identifier("organization_id", ForeignKey("organizations.id"), nullable=False),
    Column("source_ip", Text, nullable=False),
    Column("user_agent", Text, nullable=False),
    moment("created_at"),
    moment("used_at"),
    moment("expires_at"),
    Column("revoked_at", DateTime(timezone=True)),
    Index("sessions_revoked", "revoked_at", postgresql_where=text("revoked_at is not null")),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),
    identifier("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("salt", Text),  # with which its successor was made
)

# Links by e-mail that set a new password, as SHA-256.
password_resets = Table(
    "password_resets",
    metadata,
    Column("token_hash", Text, primary_key=True),
    identifier("member_id", ForeignKey("organization_members.id"), nullable=False),
    moment("created_at"),
    Column("used_at", DateTime(timezone=True)),
    Index("password_resets_of", "member_id", "created_at"),
)

# How often an account or an address has failed to sign in, and how often a subject asked.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    moment("last_at"),
    moment("blocked_until"),
)

rate_limits = Table(
    "rate_limits",
    metadata,
    Column("subject", Text, primary_key=True),
    moment("full_until"),
)

patients = Table(
    "patients",
    metadata,
    identifier("organization_id", primary_key=True),
    words("patient_key", primary_key=True),
    words("patient_id"),
    words("issuer_of_patient_id"),
    words("patient_name"),
    words("patient_birth_date"),
    words("patient_sex"),
    dicom(),
    moment("attributes_received_at"),
    since_now("created_at"),
    since_now("updated_at"),
)

studies = Table(
    "studies",
    metadata,
    *key(2),
    identifier("branch_id"),
    words("patient_key", nullable=False),
    *attribute_columns("study"),
    moment("attributes_received_at"),
    words("modalities_in_study", nullable=False, server_default=text("''")),  # \CT\MR\, or nothing
    count("number_of_series"),
    count("number_of_instances"),
    count("size_bytes", BigInteger),
    words("code", nullable=False, server_default=text("new_study_code()"), unique=True),
    words("state", nullable=False, server_default=text("'received'")),
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    identifier("assigned_member_id"),
    identifier("assigned_pool_id"),
    identifier("claimed_by"),
    Column("claimed_at", DateTime(timezone=True)),
    identifier("reading_by"),  # who has it open, and keeps others from claiming it, until then
    Column("reading_until", DateTime(timezone=True)),
    Column("corrected_at", DateTime(timezone=True)),  # when patient_corrections last said something else of it
    since_now("created_at"),
    since_now("updated_at"),
)

# `revision` grows whenever an instance of the series is inserted, changed or deleted; what is made of all of them
# names the one that it shows.
series = Table(
    "series",
    metadata,
    *key(3),
    *attribute_columns("series"),
    moment("attributes_received_at"),
    count("number_of_instances"),
    count("size_bytes", BigInteger),
    count("revision", BigInteger),
    since_now("created_at"),
    since_now("updated_at"),
    parent("studies", 2),
)

# `frames` is the packed frame table, `metadata_key` the derived object that holds the complete metadata.
instances = Table(
    "instances",
    metadata,
    *key(4),
    *attribute_columns("instance"),
    words("object_key", nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    words("sha256", nullable=False),
    words("transfer_syntax_uid", nullable=False),
    words("frames"),
    words("metadata_key"),
    moment("received_at"),
    since_now("updated_at"),
    parent("series", 3),
)

# Hanging protocols, implant templates and what else has no study. `keys` holds what is searched by, as it is matched,
# by path of tags; `dicom` the DICOM JSON of what is small.
non_patient_instances = Table(
    "non_patient_instances",
    metadata,
    identifier("organization_id", primary_key=True),
    words("sop_class_uid", primary_key=True),
    words("sop_instance_uid", primary_key=True),
    identifier("branch_id"),
    Column("keys", JSONB, nullable=False, server_default=text("'{}'")),
    dicom(),
    words("object_key", nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    words("sha256", nullable=False),
    words("transfer_syntax_uid", nullable=False),
    moment("received_at"),
)

failures = Table(
    "failures",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    identifier("organization_id"),
    Column("stage", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    since_now("first_at"),
    since_now("last_at"),
    UniqueConstraint("stage", "object_key"),
)

# Each time that an instance was received.
arrivals = Table(
    "arrivals",
    metadata,
    identifier("organization_id", primary_key=True),
    words("sop_instance_uid", primary_key=True),
    Column("at", DateTime(timezone=True), primary_key=True),
    words("study_instance_uid", nullable=False),
    words("series_instance_uid", nullable=False),
    words("transfer_syntax_uid", nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

# What somebody deleted: out of the index, its original kept as an older version until `delete_after`.
deleted_instances = Table(
    "deleted_instances",
    metadata,
    *key(4),
    identifier("branch_id"),
    words("object_key", nullable=False),
    moment("deleted_at"),
    moment("delete_after"),
)

# What a study of which nothing was left is again when something of it comes back.
deleted_studies = Table(
    "deleted_studies",
    metadata,
    *key(2),
    words("code", nullable=False, unique=True),
    words("state", nullable=False),
    Column("urgent", Boolean, nullable=False),
    identifier("assigned_member_id"),
    identifier("assigned_pool_id"),
    identifier("claimed_by"),
    Column("claimed_at", DateTime(timezone=True)),
    moment("created_at"),
)

# Who did what; a trigger refuses every change of what was written.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    since_now("at"),
    identifier("organization_id"),
    Column("member_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("source_ip", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    *(words(name) for name in KEYS[1:]),
    Column("number_of_instances", Integer, nullable=False),
)
