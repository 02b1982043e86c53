create table patients (
  organization_id uuid not null,
  patient_key text collate "C" not null,
  patient_id text collate "C",
  issuer_of_patient_id text collate "C",
  patient_name text collate "C",
  patient_birth_date text collate "C",
  patient_sex text collate "C",
  dicom jsonb not null default '{}',
  attributes_received_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, patient_key)
);

-- Eight characters that people can read to one another: no 0, O, 1, I, L or U. What two make at once and alike, the
-- unique index of the table refuses to one of them.
create function new_study_code() returns text language plpgsql volatile as $$
declare
  made text;
begin
  loop
    select string_agg(substr('23456789ABCDEFGHJKMNPQRSTVWXYZ', cast(floor(random() * 30) as integer) + 1, 1), '')
      into made from generate_series(1, 8);
    exit when not exists (select from studies where code = made)
      and not exists (select from deleted_studies where code = made);
  end loop;
  return made;
end
$$;

create table studies (
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  branch_id uuid,
  patient_key text collate "C" not null,
  study_date text collate "C",
  study_time text collate "C",
  accession_number text collate "C",
  referring_physician_name text collate "C",
  timezone_offset_from_utc text collate "C",
  study_description text collate "C",
  institution_name text collate "C",
  patient_name text collate "C",
  patient_id text collate "C",
  issuer_of_patient_id text collate "C",
  patient_birth_date text collate "C",
  patient_sex text collate "C",
  patient_age text collate "C",
  study_id text collate "C",
  dicom jsonb not null default '{}',
  attributes_received_at timestamptz not null,
  modalities_in_study text collate "C" not null default '',
  number_of_series integer not null default 0,
  number_of_instances integer not null default 0,
  size_bytes bigint not null default 0,
  code text collate "C" not null default new_study_code() unique,
  state text collate "C" not null default 'received' check
    (state in ('received', 'assigned', 'claimed', 'draft', 'preliminary', 'final', 'addendum')),
  urgent boolean not null default false,
  assigned_member_id uuid,
  assigned_pool_id uuid,
  claimed_by uuid,
  claimed_at timestamptz,
  reading_by uuid,
  reading_until timestamptz,
  corrected_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, study_instance_uid)
);

create index studies_worklist on studies
  (organization_id, state, (not urgent), created_at, study_instance_uid);

-- The other orders in which pages of the worklist come.
create index studies_urgent on studies (organization_id, (not urgent), created_at, study_instance_uid);

create index studies_by_patient on studies (organization_id, coalesce(patient_name, ''), study_instance_uid);

create index studies_by_date on studies
  (organization_id, coalesce(study_date, '') desc, coalesce(study_time, '') desc, study_instance_uid desc);

create index studies_received on studies (organization_id, created_at desc, study_instance_uid desc);

create index studies_patient_name on studies (organization_id, patient_name, patient_birth_date);

create index studies_newest on studies
  (organization_id, study_date desc nulls last, study_time desc nulls last, study_instance_uid);

create index studies_newest_of_branch on studies
  (organization_id, branch_id, study_date desc nulls last, study_time desc nulls last, study_instance_uid);

create index studies_patient_id on studies (organization_id, patient_id);

create index studies_patient_key on studies (organization_id, patient_key);

create index studies_accession_number on studies (organization_id, accession_number);

-- Without a list of what is yet to be entered, which every search would have to read through.
create index studies_words on studies using gin (
  patient_name gin_trgm_ops,
  patient_id gin_trgm_ops,
  accession_number gin_trgm_ops,
  study_description gin_trgm_ops,
  referring_physician_name gin_trgm_ops
) with (fastupdate = off);

create table series (
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  series_instance_uid text collate "C" not null,
  modality text collate "C",
  series_date text collate "C",
  series_time text collate "C",
  manufacturer text collate "C",
  station_name text collate "C",
  series_description text collate "C",
  body_part_examined text collate "C",
  protocol_name text collate "C",
  laterality text collate "C",
  series_number integer,
  performed_procedure_step_start_date text collate "C",
  performed_procedure_step_start_time text collate "C",
  scheduled_procedure_step_id text collate "C",
  requested_procedure_id text collate "C",
  dicom jsonb not null default '{}',
  attributes_received_at timestamptz not null,
  number_of_instances integer not null default 0,
  size_bytes bigint not null default 0,
  revision bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (organization_id, study_instance_uid, series_instance_uid),
  foreign key (organization_id, study_instance_uid)
    references studies (organization_id, study_instance_uid) on delete cascade
);

create index series_uid on series (organization_id, series_instance_uid);

create index series_requests on series using gin (
  string_to_array(scheduled_procedure_step_id, '\'),
  string_to_array(requested_procedure_id, '\')
) with (fastupdate = off);

create table instances (
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  series_instance_uid text collate "C" not null,
  sop_instance_uid text collate "C" not null,
  sop_class_uid text collate "C",
  instance_number integer,
  content_date text collate "C",
  content_time text collate "C",
  number_of_frames integer,
  rows integer,
  columns integer,
  bits_allocated integer,
  burned_in_annotation text collate "C",
  dicom jsonb not null default '{}',
  object_key text collate "C" not null,
  size_bytes bigint not null,
  sha256 text collate "C" not null,
  transfer_syntax_uid text collate "C" not null,
  frames text collate "C",
  metadata_key text collate "C",
  received_at timestamptz not null,
  updated_at timestamptz not null default now(),
  primary key (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid),
  foreign key (organization_id, study_instance_uid, series_instance_uid)
    references series (organization_id, study_instance_uid, series_instance_uid) on delete cascade
);

create index instances_uid on instances (organization_id, sop_instance_uid);

create table failures (
  id bigint generated always as identity primary key,
  organization_id uuid,
  stage text not null,
  object_key text not null,
  code text not null,
  reason text not null,
  attempts integer not null default 1,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  unique (stage, object_key)
);

create table arrivals (
  organization_id uuid not null,
  sop_instance_uid text collate "C" not null,
  at timestamptz not null,
  study_instance_uid text collate "C" not null,
  series_instance_uid text collate "C" not null,
  transfer_syntax_uid text collate "C" not null,
  size_bytes bigint not null,
  primary key (organization_id, sop_instance_uid, at)
);

create index arrivals_at on arrivals using brin (at);

create table deleted_instances (
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  series_instance_uid text collate "C" not null,
  sop_instance_uid text collate "C" not null,
  branch_id uuid,
  object_key text collate "C" not null,
  deleted_at timestamptz not null,
  delete_after timestamptz not null,
  primary key (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid)
);

create index deleted_instances_due on deleted_instances (delete_after);

-- What a study of which nothing was left is again when something of it comes back: people know it by its code.
create table deleted_studies (
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  code text collate "C" not null unique,
  state text collate "C" not null,
  urgent boolean not null,
  assigned_member_id uuid,
  assigned_pool_id uuid,
  claimed_by uuid,
  claimed_at timestamptz,
  created_at timestamptz not null,
  primary key (organization_id, study_instance_uid)
);

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  organization_id uuid,
  member_id text not null,
  role text not null,
  source_ip text not null,
  action text not null,
  event_id text not null,
  event_type text not null,
  outcome integer not null,
  subject text not null,
  study_instance_uid text collate "C",
  series_instance_uid text collate "C",
  sop_instance_uid text collate "C",
  number_of_instances integer not null
);

create index audit_newest on audit (organization_id, at desc);
-- Which reports somebody has opened.
create index audit_read on audit (organization_id, member_id, subject) where action = 'read-report';

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'what was written in % is only ever added to', tg_table_name;
end
$$;

create trigger audit_is_only_added_to before update or delete or truncate on audit
  for each statement execute function refuse_change();
