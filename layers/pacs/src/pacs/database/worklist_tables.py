"""The tables of the worklist of modalities and programs (UPS), as SQLAlchemy Core sees them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKeyConstraint, Table, text

from pacs.database.tables import count, dicom, identifier, metadata, since_now, words

# What is to be done, by whom, and how far it is. `transaction_uid` is the secret of who claimed a workitem;
# `revision` grows with every change. Columns between them are the keys of a search: `pacs.worklist.keys`.
workitems = Table(
    "workitems",
    metadata,
    identifier("organization_id", primary_key=True),
    words("workitem_uid", primary_key=True),
    words("state", nullable=False),
    words("transaction_uid"),
    words("study_instance_uid"),
    words("scheduled_procedure_step_priority"),
    words("input_readiness_state"),
    words("procedure_step_label"),
    words("worklist_label"),
    Column("scheduled_procedure_step_start_at", DateTime(timezone=True)),
    Column("expected_completion_at", DateTime(timezone=True)),
    words("scheduled_station_name_codes"),  # \A\B\, or nothing; so are all columns in the plural
    words("scheduled_station_class_codes"),
    words("scheduled_station_location_codes"),
    words("scheduled_workitem_codes"),
    words("scheduled_human_performer_codes"),
    words("patient_name"),
    words("patient_id"),
    words("issuer_of_patient_id"),
    words("patient_birth_date"),
    words("patient_sex"),
    words("admission_id"),
    words("issuers_of_admission"),
    words("accession_numbers"),
    words("requested_procedure_ids"),
    words("issuers_of_accession"),
    words("requesting_services"),
    words("replaced_workitem_uids"),
    dicom(),
    count("revision", BigInteger),
    since_now("created_at"),
    since_now("updated_at"),
)

# The number of an organization's last event. Whoever writes events holds its row, so numbers become visible in order.
workitem_event_numbers = Table(
    "workitem_event_numbers",
    metadata,
    identifier("organization_id", primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# Without an AE title an event is for every subscriber.
workitem_events = Table(
    "workitem_events",
    metadata,
    identifier("organization_id", primary_key=True),
    Column("number", BigInteger, primary_key=True),
    words("workitem_uid", nullable=False),
    words("ae_title"),
    dicom(),
    since_now("created_at"),
    ForeignKeyConstraint(
        ["organization_id", "workitem_uid"],
        ["workitems.organization_id", "workitems.workitem_uid"],
        ondelete="CASCADE",
    ),
)

# `workitem_uid` is a workitem's or the well-known one of all; `active` of false is an exception from all.
workitem_subscriptions = Table(
    "workitem_subscriptions",
    metadata,
    identifier("organization_id", primary_key=True),
    words("ae_title", primary_key=True),
    words("workitem_uid", primary_key=True),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("deletion_lock", Boolean, nullable=False, server_default=text("false")),
    Column("since", BigInteger, nullable=False),
    Column("suspended_at", DateTime(timezone=True)),
)
