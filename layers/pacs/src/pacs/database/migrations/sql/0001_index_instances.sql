-- The rows of a batch with their types, one for each instance: of duplicates the one received last.
-- `place` is the position in the batch, from 1. What was deleted since it was received is not among them. Of a study
-- that was corrected they say what is told instead.
create function incoming_instances(batch jsonb) returns table (
  place bigint, organization_id uuid, branch_id uuid, received_at timestamptz, study_instance_uid text,
  series_instance_uid text, sop_instance_uid text, patient_key text, study jsonb, study_dicom jsonb,
  series jsonb, series_dicom jsonb, instance jsonb, instance_dicom jsonb, patient_dicom jsonb, object_key text,
  size_bytes bigint, sha256 text, transfer_syntax_uid text, frames text, metadata_key text, corrected_at timestamptz
) language sql stable as $$
  select distinct on (r.organization_id, r.study_instance_uid collate "C", r.series_instance_uid collate "C",
      r.sop_instance_uid collate "C")
    r.ordinality, r.organization_id, r.branch_id, r.received_at, r.study_instance_uid,
    r.series_instance_uid, r.sop_instance_uid, coalesce(c.columns ->> 'patient_key', r.patient_key),
    r.study || coalesce(c.columns, '{}'), r.study_dicom || coalesce(c.attributes, '{}'),
    r.series, r.series_dicom, r.instance, r.instance_dicom,
    r.patient_dicom || coalesce(c.attributes - '00080050', '{}'), r.object_key,
    r.size_bytes, r.sha256, r.transfer_syntax_uid, r.frames, r.metadata_key, c.at
  from rows from (jsonb_to_recordset(batch) as (
    organization_id uuid, branch_id uuid, received_at timestamptz, study_instance_uid text,
    series_instance_uid text, sop_instance_uid text, patient_key text, study jsonb, study_dicom jsonb,
    series jsonb, series_dicom jsonb, instance jsonb, instance_dicom jsonb, patient_dicom jsonb, object_key text,
    size_bytes bigint, sha256 text, transfer_syntax_uid text, frames text, metadata_key text
  )) with ordinality as r
  left join lateral (
    select p.attributes, p.columns, p.at from patient_corrections p
    where (p.organization_id, p.study_instance_uid) = (r.organization_id, r.study_instance_uid collate "C")
    order by p.id desc limit 1
  ) c on true
  where not exists (
    select from deleted_instances d
    where (d.organization_id, d.study_instance_uid, d.series_instance_uid, d.sop_instance_uid)
      = (r.organization_id, r.study_instance_uid, r.series_instance_uid, r.sop_instance_uid)
      and d.deleted_at >= r.received_at
  )
  order by r.organization_id, r.study_instance_uid collate "C", r.series_instance_uid collate "C",
    r.sop_instance_uid collate "C", r.received_at desc, r.ordinality desc
$$;

-- The last merge of a number that still stands, of those after one that is known.
create function merge_in_effect(organization uuid, number text, branch uuid, after bigint)
returns setof patient_merges language sql stable as $$
  select * from patient_merges m
  where (m.organization_id, m.patient_key) = (organization, number collate "C") and m.ended_at is null
    and m.id > after and (m.branches is null or branch = any(m.branches))
  order by m.id desc limit 1
$$;

-- What is new here under a number that was merged into another is corrected as that deed corrects; and when the other
-- number was merged later on, by that deed too. Locking a number's patient waits for whoever is merging it right now.
create function follow_merges(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
declare
  arrived jsonb;
begin
  select jsonb_agg(distinct jsonb_build_object('organization_id', r.organization_id, 'study', r.study_instance_uid,
      'patient_key', r.patient_key, 'branch_id', r.branch_id))
  into arrived
  from jsonb_to_recordset(batch) as r (
    organization_id uuid, branch_id uuid, received_at timestamptz, study_instance_uid text, series_instance_uid text,
    sop_instance_uid text, patient_key text)
  where not exists (select from studies s where (s.organization_id, s.study_instance_uid)
      = (r.organization_id, r.study_instance_uid collate "C"))
    and not exists (select from patient_corrections c where (c.organization_id, c.study_instance_uid)
      = (r.organization_id, r.study_instance_uid collate "C"))
    and not exists (select from deleted_instances d
      where (d.organization_id, d.study_instance_uid, d.series_instance_uid, d.sop_instance_uid)
        = (r.organization_id, r.study_instance_uid, r.series_instance_uid, r.sop_instance_uid)
        and d.deleted_at >= r.received_at);
  if arrived is null then
    return;
  end if;
  perform from patients p
  where (p.organization_id, p.patient_key) in (
    select n.organization_id, n.patient_key collate "C" from jsonb_to_recordset(arrived) as n (
      organization_id uuid, patient_key text))
  order by p.organization_id, p.patient_key for key share;
  with recursive followed as (
    select n.organization_id, n.study, n.branch_id, m.id, m.columns ->> 'patient_key' as patient_key
    from (
        select distinct on (a.organization_id, a.study) a.* from jsonb_to_recordset(arrived) as a (
          organization_id uuid, study text, patient_key text, branch_id uuid)
        order by a.organization_id, a.study, a.branch_id nulls last, a.patient_key
      ) n cross join lateral merge_in_effect(n.organization_id, n.patient_key, n.branch_id, 0) m
    union all
    select f.organization_id, f.study, f.branch_id, m.id, m.columns ->> 'patient_key'
    from followed f cross join lateral merge_in_effect(f.organization_id, f.patient_key, f.branch_id, f.id) m
  ), kept as (
    insert into patient_corrections (organization_id, study_instance_uid, deed_id, deed, at, member_id, attributes,
      columns)
    select f.organization_id, f.study, m.deed_id, 'merge', moment, m.member_id, m.attributes, m.columns
    from followed f join patient_merges m on m.id = f.id
    order by f.organization_id, f.study, f.id
    on conflict (organization_id, deed_id, study_instance_uid) do nothing
    returning organization_id, study_instance_uid
  )
  insert into audit (organization_id, member_id, role, source_ip, action, event_id, event_type, outcome, subject,
    study_instance_uid, number_of_instances)
  select distinct organization_id, '', 'system', '', 'correct-patient', '110110', '', 0, 'merge: followed on arrival',
    study_instance_uid, 0
  from kept;
end
$$;

create function upsert_patients(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
begin
  insert into patients as t (
    organization_id, patient_key, patient_id, issuer_of_patient_id, patient_name, patient_birth_date, patient_sex,
    dicom, attributes_received_at, created_at, updated_at)
  select distinct on (i.organization_id, i.patient_key collate "C")
    i.organization_id, i.patient_key, a.patient_id, a.issuer_of_patient_id, a.patient_name, a.patient_birth_date,
    a.patient_sex, coalesce(i.patient_dicom, '{}'), i.received_at, moment, moment
  from incoming_instances(batch) i, jsonb_populate_record(cast(null as studies), i.study) a
  order by i.organization_id, i.patient_key collate "C", i.received_at desc, i.place desc
  on conflict (organization_id, patient_key) do update set
    (patient_id, issuer_of_patient_id, patient_name, patient_birth_date, patient_sex, dicom,
      attributes_received_at, updated_at)
    = (excluded.patient_id, excluded.issuer_of_patient_id, excluded.patient_name, excluded.patient_birth_date,
      excluded.patient_sex, excluded.dicom, excluded.attributes_received_at,
      case when t.dicom is distinct from excluded.dicom then moment else t.updated_at end)
  where t.attributes_received_at <= excluded.attributes_received_at;
end
$$;

-- Also locks the row of every study of the batch, whether it changes or not.
create function upsert_studies(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
begin
  insert into studies as t (
    organization_id, study_instance_uid, patient_key, study_date, study_time, accession_number,
    referring_physician_name, timezone_offset_from_utc, study_description, institution_name, patient_name,
    patient_id, issuer_of_patient_id,
    patient_birth_date, patient_sex, patient_age, study_id, dicom, attributes_received_at, corrected_at, code, state,
    urgent, assigned_member_id, assigned_pool_id, claimed_by, claimed_at, created_at, updated_at)
  select i.organization_id, i.study_instance_uid, i.patient_key, a.study_date, a.study_time, a.accession_number,
    a.referring_physician_name, a.timezone_offset_from_utc, a.study_description, a.institution_name,
    a.patient_name, a.patient_id,
    a.issuer_of_patient_id, a.patient_birth_date, a.patient_sex, a.patient_age, a.study_id,
    coalesce(i.study_dicom, '{}'), i.received_at, i.corrected_at, coalesce(d.code, new_study_code()),
    coalesce(d.state, 'received'), coalesce(d.urgent, false), d.assigned_member_id, d.assigned_pool_id, d.claimed_by,
    d.claimed_at, coalesce(d.created_at, moment), moment
  from (
      select distinct on (b.organization_id, b.study_instance_uid collate "C") b.* from incoming_instances(batch) b
      order by b.organization_id, b.study_instance_uid collate "C", b.received_at desc, b.place desc
    ) i
    cross join jsonb_populate_record(cast(null as studies), i.study) a
    left join deleted_studies d on (d.organization_id, d.study_instance_uid)
      = (i.organization_id, i.study_instance_uid collate "C")
  order by i.organization_id, i.study_instance_uid collate "C"
  on conflict (organization_id, study_instance_uid) do update set
    (patient_key, study_date, study_time, accession_number, referring_physician_name, timezone_offset_from_utc,
      study_description,
      institution_name, patient_name, patient_id, issuer_of_patient_id, patient_birth_date, patient_sex,
      patient_age, study_id, dicom, attributes_received_at, updated_at)
    = (excluded.patient_key, excluded.study_date, excluded.study_time, excluded.accession_number,
      excluded.referring_physician_name, excluded.timezone_offset_from_utc, excluded.study_description,
      excluded.institution_name,
      excluded.patient_name, excluded.patient_id, excluded.issuer_of_patient_id, excluded.patient_birth_date,
      excluded.patient_sex, excluded.patient_age, excluded.study_id, excluded.dicom,
      excluded.attributes_received_at,
      case when t.dicom is distinct from excluded.dicom then moment else t.updated_at end)
  where t.attributes_received_at <= excluded.attributes_received_at;
end
$$;

create function upsert_series(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
begin
  insert into series as t (
    organization_id, study_instance_uid, series_instance_uid, modality, series_date, series_time, manufacturer,
    station_name, series_description, body_part_examined, protocol_name, laterality, series_number,
    performed_procedure_step_start_date, performed_procedure_step_start_time, scheduled_procedure_step_id,
    requested_procedure_id, dicom, attributes_received_at,
    created_at, updated_at)
  select distinct on (i.organization_id, i.study_instance_uid collate "C", i.series_instance_uid collate "C")
    i.organization_id, i.study_instance_uid, i.series_instance_uid, a.modality, a.series_date, a.series_time,
    a.manufacturer, a.station_name, a.series_description, a.body_part_examined, a.protocol_name, a.laterality,
    a.series_number, a.performed_procedure_step_start_date, a.performed_procedure_step_start_time,
    a.scheduled_procedure_step_id, a.requested_procedure_id,
    coalesce(i.series_dicom, '{}'), i.received_at, moment, moment
  from incoming_instances(batch) i, jsonb_populate_record(cast(null as series), i.series) a
  order by i.organization_id, i.study_instance_uid collate "C", i.series_instance_uid collate "C",
    i.received_at desc, i.place desc
  on conflict (organization_id, study_instance_uid, series_instance_uid) do update set
    (modality, series_date, series_time, manufacturer, station_name, series_description, body_part_examined,
      protocol_name, laterality, series_number, performed_procedure_step_start_date,
      performed_procedure_step_start_time, scheduled_procedure_step_id, requested_procedure_id, dicom,
      attributes_received_at, updated_at)
    = (excluded.modality, excluded.series_date, excluded.series_time, excluded.manufacturer,
      excluded.station_name, excluded.series_description, excluded.body_part_examined, excluded.protocol_name,
      excluded.laterality, excluded.series_number, excluded.performed_procedure_step_start_date,
      excluded.performed_procedure_step_start_time, excluded.scheduled_procedure_step_id,
      excluded.requested_procedure_id, excluded.dicom, excluded.attributes_received_at,
      case when t.dicom is distinct from excluded.dicom then moment else t.updated_at end)
  where t.attributes_received_at <= excluded.attributes_received_at;
end
$$;

-- An instance of which the index now says something else has `moment` as its updated_at afterwards. Where its
-- metadata lie (metadata_key) is not what it says. The same content received again moves received_at, so that a
-- version of the time between, coming late, does not win.
create function upsert_instances(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
begin
  insert into instances as t (
    organization_id, study_instance_uid, series_instance_uid, sop_instance_uid, sop_class_uid, instance_number,
    content_date, content_time, number_of_frames, rows, columns, bits_allocated, burned_in_annotation, dicom,
    object_key, size_bytes, sha256, transfer_syntax_uid, frames, metadata_key, received_at, updated_at)
  select
    i.organization_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid, a.sop_class_uid,
    a.instance_number, a.content_date, a.content_time, a.number_of_frames, a.rows, a.columns, a.bits_allocated,
    a.burned_in_annotation, coalesce(i.instance_dicom, '{}'), i.object_key, i.size_bytes, i.sha256,
    i.transfer_syntax_uid, i.frames, i.metadata_key, i.received_at, moment
  from incoming_instances(batch) i, jsonb_populate_record(cast(null as instances), i.instance) a
  on conflict (organization_id, study_instance_uid, series_instance_uid, sop_instance_uid) do update set
    (sop_class_uid, instance_number, content_date, content_time, number_of_frames, rows, columns, bits_allocated,
      burned_in_annotation, dicom, object_key, size_bytes, sha256, transfer_syntax_uid, frames, metadata_key,
      received_at, updated_at)
    = (excluded.sop_class_uid, excluded.instance_number, excluded.content_date, excluded.content_time,
      excluded.number_of_frames, excluded.rows, excluded.columns, excluded.bits_allocated,
      excluded.burned_in_annotation, excluded.dicom, excluded.object_key, excluded.size_bytes, excluded.sha256,
      excluded.transfer_syntax_uid, excluded.frames, excluded.metadata_key, excluded.received_at,
      case when (t.sop_class_uid, t.instance_number, t.content_date, t.content_time, t.number_of_frames, t.rows,
          t.columns, t.bits_allocated, t.burned_in_annotation, t.dicom, t.object_key, t.size_bytes, t.sha256,
          t.transfer_syntax_uid, t.frames)
        is distinct from (excluded.sop_class_uid, excluded.instance_number, excluded.content_date,
          excluded.content_time, excluded.number_of_frames, excluded.rows, excluded.columns,
          excluded.bits_allocated, excluded.burned_in_annotation, excluded.dicom, excluded.object_key,
          excluded.size_bytes, excluded.sha256, excluded.transfer_syntax_uid, excluded.frames)
        then moment else t.updated_at end)
  where t.received_at <= excluded.received_at;
end
$$;

-- Counts the series of the batch again, then their studies, and gives each study its first known branch.
create function count_again(batch jsonb, moment timestamptz) returns void language plpgsql volatile as $$
#variable_conflict use_column
begin
  update series t set
    number_of_instances = c.instances,
    size_bytes = c.size_bytes,
    revision = t.revision + cast(c.is_changed as integer),
    updated_at = case when c.is_changed then greatest(t.updated_at, moment) else t.updated_at end
  from (select distinct organization_id, study_instance_uid, series_instance_uid from incoming_instances(batch)) k
    cross join lateral (
      select count(*) as instances, sum(i.size_bytes) as size_bytes, bool_or(i.updated_at = moment) as is_changed
      from instances i
      where (i.organization_id, i.study_instance_uid, i.series_instance_uid)
        = (k.organization_id, k.study_instance_uid, k.series_instance_uid)
    ) c
  where (t.organization_id, t.study_instance_uid, t.series_instance_uid)
    = (k.organization_id, k.study_instance_uid, k.series_instance_uid);
  update studies t set
    branch_id = coalesce(t.branch_id, k.branch_id),
    number_of_series = c.series,
    number_of_instances = c.instances,
    size_bytes = c.size_bytes,
    modalities_in_study = coalesce('\' || c.modalities || '\', ''),
    updated_at = greatest(t.updated_at, c.updated_at)
  from (
      select organization_id, study_instance_uid,
        (array_agg(branch_id order by received_at, place) filter (where branch_id is not null))[1] as branch_id
      from incoming_instances(batch) group by organization_id, study_instance_uid
    ) k
    cross join lateral (
      select count(*) as series, sum(s.number_of_instances) as instances, sum(s.size_bytes) as size_bytes,
        string_agg(distinct s.modality, '\' order by s.modality) filter (where s.modality <> '') as modalities,
        max(s.updated_at) as updated_at
      from series s
      where (s.organization_id, s.study_instance_uid) = (k.organization_id, k.study_instance_uid)
    ) c
  where (t.organization_id, t.study_instance_uid) = (k.organization_id, k.study_instance_uid);
end
$$;

-- Upserts a batch of instances with their patients, studies and series, and counts again what was touched.
--
-- `batch` is an array; the keys of its objects are the columns of incoming_instances, of which study, series and
-- instance hold columns of their tables. One row comes back for each object, in its order; `changed` tells
-- whether the index now says something else of that instance than before.
--
-- An instance that was deleted and is received again is no longer deleted. What failed to be indexed or derived before
-- has not failed any longer; it is derived anew.
--
-- `unless_replaced`: when the index knows other bytes of an instance, nothing is written; the rows of such instances
-- have no `changed` then. Whoever asks so can delete what shows the older bytes, and come again.
--
-- Rows are locked in one order: patients, then studies, each by key. Whoever holds a study's row may write what
-- hangs below it; so batches of one study come after one another, and no two wait for each other. Every
-- statement of a volatile function sees all that was committed before it began; so the counts are right.
create function index_instances(batch jsonb, unless_replaced boolean default false)
returns table (sop_instance_uid text, object_key text, changed boolean)
language plpgsql volatile as $$
#variable_conflict use_column
declare
  moment constant timestamptz = clock_timestamp();
begin
  if unless_replaced then
    return query
      select n.sop_instance_uid, n.object_key, cast(null as boolean)
      from incoming_instances(batch) n join instances i
        on (i.organization_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid)
          = (n.organization_id, n.study_instance_uid, n.series_instance_uid, n.sop_instance_uid)
      where i.sha256 <> n.sha256;
    if found then
      return;
    end if;
  end if;
  delete from failures f using jsonb_to_recordset(batch) as r (object_key text)
  where f.stage in ('index', 'derive', 'transcode') and f.object_key = r.object_key;
  delete from deleted_instances d using incoming_instances(batch) i
  where (d.organization_id, d.study_instance_uid, d.series_instance_uid, d.sop_instance_uid)
    = (i.organization_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid);
  perform follow_merges(batch, moment);
  perform upsert_patients(batch, moment);
  perform upsert_studies(batch, moment);
  perform upsert_series(batch, moment);
  perform upsert_instances(batch, moment);
  perform count_again(batch, moment);
  return query
    select r.sop_instance_uid, r.object_key, coalesce(i.updated_at = moment, false)
    from rows from (jsonb_to_recordset(batch) as (sop_instance_uid text, object_key text)) with ordinality as r
      left join incoming_instances(batch) n on n.place = r.ordinality
      left join instances i on (i.organization_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid)
        = (n.organization_id, n.study_instance_uid, n.series_instance_uid, n.sop_instance_uid)
    order by r.ordinality;
end
$$;
