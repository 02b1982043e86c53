-- By these programs knock in a member's name. `key_hash` is the SHA-256 of what the key says.
create table api_keys (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  member_id uuid not null references organization_members (id),
  name text not null,
  prefix text not null,
  key_hash text not null unique,
  scopes jsonb not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  replaced_by uuid references api_keys (id),
  last_used_at timestamptz
);

create index api_keys_of on api_keys (organization_id, created_at desc);

create table api_key_usage (
  key_id uuid not null references api_keys (id),
  day date not null,
  calls bigint not null,
  primary key (key_id, day)
);
