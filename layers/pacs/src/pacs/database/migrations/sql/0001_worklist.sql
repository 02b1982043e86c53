create table workitems (
  organization_id uuid not null,
  workitem_uid text collate "C" not null,
  state text collate "C" not null,
  transaction_uid text collate "C",
  study_instance_uid text collate "C",
  scheduled_procedure_step_priority text collate "C",
  input_readiness_state text collate "C",
  procedure_step_label text collate "C",
  worklist_label text collate "C",
  scheduled_procedure_step_start_at timestamptz,
  expected_completion_at timestamptz,
  scheduled_station_name_codes text collate "C",
  scheduled_station_class_codes text collate "C",
  scheduled_station_location_codes text collate "C",
  scheduled_workitem_codes text collate "C",
  scheduled_human_performer_codes text collate "C",
  patient_name text collate "C",
  patient_id text collate "C",
  issuer_of_patient_id text collate "C",
  patient_birth_date text collate "C",
  patient_sex text collate "C",
  admission_id text collate "C",
  issuers_of_admission text collate "C",
  accession_numbers text collate "C",
  requested_procedure_ids text collate "C",
  issuers_of_accession text collate "C",
  requesting_services text collate "C",
  replaced_workitem_uids text collate "C",
  dicom jsonb not null default '{}',
  revision bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, workitem_uid)
);

create index workitems_next on workitems
  (organization_id, state, scheduled_procedure_step_start_at, workitem_uid);

create index workitems_study on workitems (organization_id, study_instance_uid);

create table workitem_event_numbers (
  organization_id uuid primary key,
  last bigint not null
);

create table workitem_events (
  organization_id uuid not null,
  number bigint not null,
  workitem_uid text collate "C" not null,
  ae_title text collate "C",
  dicom jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (organization_id, number),
  foreign key (organization_id, workitem_uid)
    references workitems (organization_id, workitem_uid) on delete cascade
);

create table workitem_subscriptions (
  organization_id uuid not null,
  ae_title text collate "C" not null,
  workitem_uid text collate "C" not null,
  active boolean not null default true,
  deletion_lock boolean not null default false,
  since bigint not null,
  suspended_at timestamptz,
  primary key (organization_id, ae_title, workitem_uid)
);
