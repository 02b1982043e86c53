-- Pre-reports. What administrators say of a provider; its key lies in the vault, of which `key_hint` is the end.
create table ai_service_providers (
  organization_id uuid not null references organizations (id),
  provider text collate "C" not null,
  enabled boolean not null,
  url text not null,
  model text not null,
  key_hint text not null,
  monthly_budget numeric(14, 4) check (monthly_budget >= 0),
  warn_percent integer not null check (warn_percent between 1 and 100),
  updated_at timestamptz not null,
  primary key (organization_id, provider)
);

-- Whether studies may leave the house, without what identifies.
create table ai_consents (
  organization_id uuid primary key references organizations (id),
  consent boolean not null,
  member_id uuid references organization_members (id),
  changed_at timestamptz not null
);

-- US dollars for a million tokens, and for an image, from a day on. Without an organization: what we have read.
create table ai_prices (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id),
  provider text collate "C" not null,
  model text collate "C" not null,
  effective_from date not null,
  tokens_in numeric(14, 6) not null check (tokens_in >= 0),
  tokens_cached numeric(14, 6) not null check (tokens_cached >= 0),
  tokens_out numeric(14, 6) not null check (tokens_out >= 0),
  image numeric(14, 6) not null check (image >= 0),
  unique (organization_id, provider, model, effective_from)
);

-- One press of the button. `request_key` is of the press: the same one again is the same job. Who works on it holds it
-- until `held_until`, and `tries` counts who did. `attempts` tells which providers were asked or passed over, and why.
create table ai_jobs (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  study_instance_uid text collate "C" not null,
  member_id uuid references organization_members (id),
  request_key text collate "C" not null,
  provider text collate "C" not null,
  preset text collate "C" not null,
  language text collate "C" not null,
  status text collate "C" not null default 'queued'
    check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  step text collate "C" not null default '',
  reason text not null default '',
  attempts jsonb not null default '[]',
  images integer not null default 0 check (images >= 0),
  tries integer not null default 0,
  held_until timestamptz,
  created_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  unique (organization_id, request_key)
);

-- Who asks again for what is being made gets that.
create unique index ai_jobs_open on ai_jobs
  (organization_id, study_instance_uid, member_id, provider, preset, language) nulls not distinct
  where status in ('queued', 'running');
create index ai_jobs_of_study on ai_jobs (organization_id, study_instance_uid, created_at);
create index ai_jobs_by_time on ai_jobs (organization_id, created_at desc, id);

-- What a model made of a study. Never a report by itself: `report_id` is the draft of a human that it went into.
create table ai_report_drafts (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  study_instance_uid text collate "C" not null,
  job_id uuid not null unique references ai_jobs (id) on delete cascade,
  provider text collate "C" not null,
  model text collate "C" not null,
  preset text collate "C" not null,
  language text collate "C" not null,
  document jsonb not null,
  images jsonb not null,
  critical boolean not null,
  cost numeric(14, 6),
  created_at timestamptz not null,
  report_id uuid references reports (id) on delete set null,
  taken_by uuid references organization_members (id),
  taken_at timestamptz
);

create index ai_report_drafts_of_study on ai_report_drafts (organization_id, study_instance_uid, created_at);

-- One call of a model: what it took, and what that cost by the price of then. A cost that nobody knows is null.
create table ai_usage_events (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id),
  at timestamptz not null,
  purpose text collate "C" not null check (purpose in ('draft', 'health', 'test', 'evaluation')),
  provider text collate "C" not null,
  model text collate "C" not null,
  member_id uuid,
  study_instance_uid text collate "C",
  job_id uuid,
  outcome text collate "C" not null,
  tokens_in integer not null,
  tokens_out integer not null,
  tokens_cached integer not null,
  images integer not null,
  seconds double precision not null,
  cost numeric(14, 6),
  price jsonb
);

create index ai_usage_events_by_time on ai_usage_events (organization_id, at, id);
create index ai_usage_events_of_job on ai_usage_events (job_id);

-- US dollars that calls of a calendar month cost.
create table ai_budgets (
  organization_id uuid not null references organizations (id),
  provider text collate "C" not null,
  month date not null,
  spent numeric(14, 6) not null default 0 check (spent >= 0),
  warned boolean not null default false,
  primary key (organization_id, provider, month)
);

-- What calls that run may cost at most. After `lapses_at` it counts no more: whoever held it is dead.
create table ai_holds (
  id uuid primary key,
  organization_id uuid not null,
  provider text collate "C" not null,
  month date not null,
  amount numeric(14, 6) not null check (amount >= 0),
  lapses_at timestamptz not null,
  foreign key (organization_id, provider, month) references ai_budgets (organization_id, provider, month)
);

create index ai_holds_of_month on ai_holds (organization_id, provider, month);

-- The row of the month is locked, so that two calls that ask at once are answered one after the other. Without `most`
-- there is no limit. 'first-over': not for calls that run, but for good,
-- and nobody has been told yet.
create function hold_ai_budget(
  of_organization uuid, of_provider text, of_month date, hold uuid, at_most numeric, most numeric,
  at_time timestamptz, until timestamptz
) returns text language plpgsql as $$
declare
  told boolean;
  taken numeric;
  others numeric;
begin
  insert into ai_budgets (organization_id, provider, month) values (of_organization, of_provider, of_month)
    on conflict do nothing;
  select warned, spent into told, taken from ai_budgets
    where organization_id = of_organization and provider = of_provider and month = of_month for update;
  delete from ai_holds where organization_id = of_organization and provider = of_provider
    and lapses_at < at_time - interval '1 day';
  if most is not null then
    select coalesce(sum(amount), 0) into others from ai_holds where organization_id = of_organization
      and provider = of_provider and month = of_month and lapses_at > at_time;
    if taken + others + at_most > most then
      if told or taken + at_most <= most then
        return 'over';
      end if;
      update ai_budgets set warned = true
        where organization_id = of_organization and provider = of_provider and month = of_month;
      return 'first-over';
    end if;
  end if;
  insert into ai_holds (id, organization_id, provider, month, amount, lapses_at)
    values (hold, of_organization, of_provider, of_month, at_most, until);
  return 'held';
end
$$;

-- What a call cost, counted once. True when the month has passed what is to be warned at, and nobody has been told yet.
create function settle_ai_budget(
  of_organization uuid, of_provider text, of_month date, hold uuid, of_call numeric, warn_at numeric
) returns boolean language plpgsql as $$
declare
  told boolean;
  total numeric;
begin
  select warned into told from ai_budgets
    where organization_id = of_organization and provider = of_provider and month = of_month for update;
  delete from ai_holds where id = hold and organization_id = of_organization;
  if not found then
    return false;
  end if;
  update ai_budgets set spent = spent + of_call, warned = warned or coalesce(spent + of_call >= warn_at, false)
    where organization_id = of_organization and provider = of_provider and month = of_month returning spent into total;
  return coalesce(total >= warn_at, false) and not told;
end
$$;

-- Who fails again and again is left alone until `open_until`; after it one is let through, who moves it.
create table ai_circuits (
  organization_id uuid not null references organizations (id),
  provider text collate "C" not null,
  failures integer not null,
  open_until timestamptz,
  primary key (organization_id, provider)
);

-- Each provider is asked something tiny once a day; `failure` is empty when it answered.
create table ai_health_checks (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id),
  run_id uuid not null,
  provider text collate "C" not null,
  model text collate "C" not null,
  checked_at timestamptz not null,
  kind text collate "C" not null check (kind in ('text', 'image')),
  failure text not null,
  latency_ms integer not null,
  cost numeric(14, 6),
  unique (run_id, organization_id, provider, kind)
);

create index ai_health_checks_by_time on ai_health_checks (organization_id, checked_at);
