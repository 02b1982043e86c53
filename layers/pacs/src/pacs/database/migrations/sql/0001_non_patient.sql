create table non_patient_instances (
  organization_id uuid not null,
  sop_class_uid text collate "C" not null,
  sop_instance_uid text collate "C" not null,
  branch_id uuid,
  keys jsonb not null default '{}',
  dicom jsonb not null default '{}',
  object_key text collate "C" not null,
  size_bytes bigint not null,
  sha256 text collate "C" not null,
  transfer_syntax_uid text collate "C" not null,
  received_at timestamptz not null,
  primary key (organization_id, sop_class_uid, sop_instance_uid)
);
