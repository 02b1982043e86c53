-- A modality of '' is every one.
create table report_templates (
  id uuid primary key,
  organization_id uuid not null,
  name text not null,
  modality text collate "C" not null default '',
  language text collate "C" not null,
  sections jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create unique index report_templates_name on report_templates (organization_id, modality, language, lower(name));

create table letterheads (
  branch_id uuid primary key references branches (id),
  lines text not null,
  updated_at timestamptz not null
);

-- What a report says stands in its versions. `machine` names what wrote its first draft, if that was no human.
create table reports (
  id uuid primary key,
  organization_id uuid not null,
  study_instance_uid text collate "C" not null,
  member_id uuid references organization_members (id),
  machine text not null default '',
  language text collate "C" not null,
  state text collate "C" not null default 'draft' check (state in ('draft', 'preliminary', 'final', 'addendum')),
  version integer not null default 0,
  stored_version integer not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create index reports_of on reports (organization_id, study_instance_uid, created_at);

create unique index reports_one_final on reports (organization_id, study_instance_uid)
  where state in ('final', 'addendum');

create table report_versions (
  report_id uuid not null references reports (id),
  number integer not null,
  kind text collate "C" not null check (kind in ('draft', 'preliminary', 'final', 'addendum')),
  member_id uuid references organization_members (id),
  author text not null,
  at timestamptz not null,
  sections jsonb not null default '{}',
  previous text collate "C" not null,
  digest text collate "C" not null,
  primary key (report_id, number)
);

-- Only a human signs.
create table signatures (
  report_id uuid not null,
  number integer not null,
  member_id uuid not null references organization_members (id),
  name text not null,
  at timestamptz not null,
  digest text collate "C" not null,
  code text collate "C" not null,
  proof text collate "C" not null check (proof in ('session', 'password', 'code')),
  primary key (report_id, number),
  foreign key (report_id, number) references report_versions (report_id, number)
);

create index signatures_code on signatures (code);

create trigger report_versions_are_only_added_to before update or delete or truncate on report_versions
  for each statement execute function refuse_change();

create trigger signatures_are_only_added_to before update or delete or truncate on signatures
  for each statement execute function refuse_change();

create trigger reports_stay before delete or truncate on reports
  for each statement execute function refuse_change();

-- What is verified has a signature of that very version, stays verified, and stays about what it is about.
create function keep_verified() returns trigger language plpgsql as $$
begin
  if old.state in ('final', 'addendum') and new.state not in ('final', 'addendum') then
    raise exception 'a verified report stays verified';
  end if;
  if (new.id, new.organization_id, new.study_instance_uid, new.machine)
      is distinct from (old.id, old.organization_id, old.study_instance_uid, old.machine) then
    raise exception 'a report stays about what it is about';
  end if;
  if new.state in ('final', 'addendum') and not exists (
      select from signatures s join report_versions v on v.report_id = s.report_id and v.number = s.number
      where s.report_id = new.id and s.number = new.version and s.digest = v.digest and v.kind = new.state) then
    raise exception 'nothing is verified without a signature';
  end if;
  return new;
end
$$;

create trigger reports_keep_verified before update on reports for each row execute function keep_verified();

create trigger reports_begin_as_drafts before insert on reports
  for each row when (new.state <> 'draft') execute function refuse_change();
