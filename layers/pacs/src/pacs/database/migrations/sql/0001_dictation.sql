-- A recording that becomes reports, one for each exam. What was dictated, and of whom, lies in the exchange store; a row
-- holds what lists and limits need. `secret` (sealed) signs callbacks, and `remaining_credits` is what was left when the
-- job was taken: who repeats its request hears the same answer again.
create table report_jobs (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  member_id uuid not null references organization_members (id),
  key_id uuid references api_keys (id),
  kind text collate "C" not null,
  status text collate "C" not null default 'pending'
    check (status in ('pending', 'processing', 'completed', 'failed')),
  reason text not null default '',
  exam_count integer not null check (exam_count > 0),
  audio_sha256 text collate "C" not null,
  audio_kind text collate "C" not null,
  audio_seconds double precision not null,
  input_language text collate "C" not null,
  output_language text collate "C" not null,
  callback_url text not null,
  secret text not null,
  idempotency_key text collate "C",
  request_hash text collate "C" not null,
  estimated_seconds integer not null,
  remaining_credits bigint not null,
  credits_used integer not null default 0 check (credits_used between 0 and exam_count),
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  unique (organization_id, idempotency_key)
);

create index report_jobs_by_time on report_jobs (organization_id, created_at desc, id);
create index report_jobs_by_recording on report_jobs (organization_id, audio_sha256, created_at);

create table report_exams (
  job_id uuid not null references report_jobs (id) on delete cascade,
  number integer not null check (number >= 0),
  accession_number text collate "C" not null,
  sut_code text collate "C" not null,
  tele_code text collate "C" not null,
  modality text collate "C" not null,
  exam_name text not null,
  status text collate "C" not null default 'pending' check (status in ('pending', 'completed', 'failed')),
  reason text not null default '',
  primary key (job_id, number)
);

-- Each call of an integrator's address, without what was said. `asked` (attempt 0) is no call: somebody wants the result
-- sent again, and attempts are counted anew. A job whose last row has no `again_at` and is neither delivered nor asked
-- for will not be called any more.
create table callback_deliveries (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id),
  job_id uuid not null references report_jobs (id) on delete cascade,
  attempt integer not null check (attempt >= 0),
  attempted_at timestamptz not null,
  outcome text collate "C" not null check (outcome in ('delivered', 'failed', 'gone', 'refused', 'asked')),
  status integer,
  failure text collate "C" not null,
  took_ms integer not null,
  again_at timestamptz
);

create index callback_deliveries_by_time on callback_deliveries (organization_id, id);
create index callback_deliveries_by_job on callback_deliveries (job_id, id);
create index callback_deliveries_dead on callback_deliveries (organization_id, id)
  where again_at is null and outcome in ('failed', 'gone', 'refused');

-- What people dictate in the portal, by its job: what it is called, and the report once there is one, which its author
-- goes on writing. Nothing of it is signed.
create table dictations (
  id uuid primary key references report_jobs (id) on delete cascade,
  organization_id uuid not null references organizations (id),
  member_id uuid not null references organization_members (id),
  title text not null,
  language text collate "C" not null,
  spoken boolean not null,
  sections jsonb,
  words text not null default '',
  version integer not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create index dictations_of on dictations (organization_id, member_id, created_at desc, id);
