-- What an organization's UIDs are told as is made with its key, which never changes.
create table private_keys (
  organization_id uuid primary key,
  key text not null
);

-- What studies are called in links with privacy, written when such a link is made.
create table private_studies (
  organization_id uuid not null,
  private_uid text collate "C" not null,
  study_instance_uid text collate "C" not null,
  primary key (organization_id, private_uid)
);

-- Links for people from outside. `token_hash` is the SHA-256 of what the link says. One with a `report_id` shows that
-- report and no image; `studies` is the report's then.
create table external_study_shares (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  member_id uuid references organization_members (id),
  token_hash text not null unique,
  studies jsonb not null,
  report_id uuid,
  note text not null,
  privacy boolean not null,
  may_download boolean not null,
  not_before timestamptz not null,
  expires_at timestamptz not null,
  maximum_views integer,
  views integer not null default 0,
  pin_hash text,
  pin_failures integer not null default 0,
  pin_blocked_until timestamptz,
  created_at timestamptz not null,
  revoked_at timestamptz
);

create index external_study_shares_of on external_study_shares (organization_id, created_at desc);

-- Where a kind of device draws names into its pictures. Links with privacy show what matches with these rectangles (each
-- left, top, width and height in pixels) blank. `manufacturer` is folded as in the index; '' stands for any.
create table pixel_masks (
  id uuid primary key,
  organization_id uuid not null,
  modality text collate "C" not null,
  manufacturer text collate "C" not null,
  rows integer not null,
  columns integer not null,
  rectangles jsonb not null,
  created_at timestamptz not null default now()
);

create index pixel_masks_of on pixel_masks (organization_id, modality, rows, columns);
