create table organizations (
  id uuid primary key,
  name text not null,
  created_at timestamptz not null default now()
);

create unique index organizations_name on organizations (lower(name));

create table branches (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  code text not null,
  name text not null,
  created_at timestamptz not null default now(),
  unique (organization_id, code)
);

-- Modalities are matched by it.
create function keep_branch_code() returns trigger language plpgsql as $$
begin
  raise exception 'the code and organization of a branch never change';
end
$$;

create trigger branches_keep_their_code before update of code, organization_id on branches
  for each row when (old.code <> new.code or old.organization_id <> new.organization_id)
  execute function keep_branch_code();

create table organization_members (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  email text not null,
  name text not null,
  role text not null check (role in ('admin', 'centre', 'technician', 'radiologist', 'accounting', 'individual')),
  manager boolean not null default false,
  importer boolean not null default false,
  importer_from timestamptz,
  importer_until timestamptz,
  password_hash text not null,
  totp_secret text,
  totp_since timestamptz,
  totp_counter bigint not null default 0,
  disabled_at timestamptz,
  provider_subject text unique,
  provided boolean not null default false,
  created_at timestamptz not null default now()
);

create unique index organization_members_email on organization_members (lower(email));

create index organization_members_of on organization_members (organization_id);

create table organization_member_branches (
  member_id uuid not null references organization_members (id),
  branch_id uuid not null references branches (id),
  granted_at timestamptz not null default clock_timestamp(),
  primary key (member_id, branch_id)
);

create index organization_member_branches_of on organization_member_branches (branch_id);

-- A session is the family of the refresh tokens that followed one another from a sign-in.
create table sessions (
  id uuid primary key,
  member_id uuid not null references organization_members (id),
  organization_id uuid not null references organizations (id),
  source_ip text not null,
  user_agent text not null,
  created_at timestamptz not null,
  used_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);

create index sessions_of on sessions (member_id);

-- Whose tokens count no more is asked every few seconds.
create index sessions_revoked on sessions (revoked_at) where revoked_at is not null;

create index organization_members_disabled on organization_members (disabled_at) where disabled_at is not null;

create table refresh_tokens (
  token_hash text primary key,
  session_id uuid not null references sessions (id) on delete cascade,
  used_at timestamptz,
  salt text
);

create index refresh_tokens_of on refresh_tokens (session_id);

create table sign_in_attempts (
  subject text primary key,
  failures integer not null,
  last_at timestamptz not null,
  blocked_until timestamptz not null
);

create table rate_limits (
  subject text primary key,
  full_until timestamptz not null
);

create table password_resets (
  token_hash text primary key,
  member_id uuid not null references organization_members (id),
  created_at timestamptz not null,
  used_at timestamptz
);

create index password_resets_of on password_resets (member_id, created_at);
