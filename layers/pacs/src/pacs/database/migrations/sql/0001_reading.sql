-- What was done with the work of a study; the state before and after is the same for what is no transition.
create table study_history (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  at timestamptz not null,
  member_id text not null,
  deed text not null,
  state_before text collate "C" not null,
  state_after text collate "C" not null,
  subject text not null
);

create index study_history_of on study_history (organization_id, study_instance_uid, id);

create table reader_pools (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  created_at timestamptz not null default now()
);

create unique index reader_pools_name on reader_pools (organization_id, lower(name));

create table reader_pool_members (
  pool_id uuid not null references reader_pools (id) on delete cascade,
  member_id uuid not null references organization_members (id),
  primary key (pool_id, member_id)
);

create index reader_pool_members_of on reader_pool_members (member_id);

-- The modalities that a reader reads in an organization; one without a row reads all of them.
create table reader_modalities (
  organization_id uuid not null,
  member_id uuid not null references organization_members (id),
  modality text collate "C" not null,
  primary key (organization_id, member_id, modality)
);

create table turnaround (
  organization_id uuid primary key,
  urgent_min integer not null check (urgent_min > 0),
  routine_min integer not null check (routine_min > 0)
);

create table saved_filters (
  id uuid primary key,
  organization_id uuid not null,
  member_id uuid not null references organization_members (id),
  name text not null,
  wanted jsonb not null,
  created_at timestamptz not null default now()
);

create unique index saved_filters_name on saved_filters (organization_id, member_id, lower(name));

-- One file on its way, in parts. `stored` counts what of it is stored; a zip holds several.
create table uploads (
  id uuid primary key,
  organization_id uuid not null,
  member_id text not null,
  branch_id uuid,
  name text not null,
  size_bytes bigint not null,
  details jsonb not null default '{}',
  state text collate "C" not null default 'receiving' check (state in ('receiving', 'storing', 'stored', 'failed')),
  stored integer not null default 0,
  refused integer not null default 0,
  studies jsonb not null default '[]',
  problems jsonb not null default '[]',
  created_at timestamptz not null default now()
);

create index uploads_of on uploads (organization_id, created_at);
