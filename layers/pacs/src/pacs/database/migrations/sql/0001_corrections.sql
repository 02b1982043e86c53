-- What is told of a study's patient instead of what its originals say. Rows are added until the study is removed for
-- good; the last one is in effect, and one without attributes says that nothing is told otherwise any more. `attributes` is DICOM
-- JSON by tag, `columns` what the index keeps of it. Studies that were changed at once have the same deed_id.
create table patient_corrections (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  deed_id uuid not null,
  deed text not null check (deed in ('correct', 'merge', 'undo')),
  at timestamptz not null,
  member_id text not null,
  attributes jsonb not null,
  columns jsonb not null
);

create index patient_corrections_of on patient_corrections (organization_id, study_instance_uid, id desc);

-- Two batches with a new study of a merged patient write its correction once.
create unique index patient_corrections_deed on patient_corrections (organization_id, deed_id, study_instance_uid);

-- Which number was merged into which, and in which branches (null: in all of them): studies that arrive under it later
-- follow, until the deed is taken back.
create table patient_merges (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  patient_key text collate "C" not null,
  branches uuid[],
  deed_id uuid not null,
  at timestamptz not null,
  ended_at timestamptz,
  member_id text not null,
  attributes jsonb not null,
  columns jsonb not null
);

create index patient_merges_of on patient_merges (organization_id, patient_key, id desc) where ended_at is null;

create index patient_merges_deed on patient_merges (organization_id, deed_id);
