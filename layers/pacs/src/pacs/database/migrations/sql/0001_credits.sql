-- Double entry: each move takes credits from one account of an organization and gives them to another. `granted` is
-- where they come from, and the only account that may be below nothing; `available`, `held` (by jobs that run) and
-- `used` may not.
create table credit_balances (
  organization_id uuid not null references organizations (id),
  account text collate "C" not null check (account in ('granted', 'available', 'held', 'used')),
  balance bigint not null check (account = 'granted' or balance >= 0),
  primary key (organization_id, account)
);

create table credit_moves (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id),
  once text collate "C" not null,
  source text collate "C" not null,
  target text collate "C" not null check (target <> source),
  credits bigint not null check (credits > 0),
  job_id uuid,
  member_id text collate "C" not null,
  reason text not null,
  moved_at timestamptz not null,
  unique (organization_id, once)
);

create index credit_moves_by_time on credit_moves (organization_id, moved_at, id);

create trigger credit_moves_are_only_added_to before update or delete or truncate on credit_moves
  for each statement execute function refuse_change();

-- 'moved', 'repeated' (what may happen once has happened) or 'short' (the source has too few). The moves of one
-- organization happen one after another: each waits for the locks of the one before.
create function move_credits(
  of_organization uuid, once_only text, from_account text, to_account text, amount bigint,
  for_job uuid, by_member text, because text, at_time timestamptz
) returns text language plpgsql as $$
begin
  insert into credit_balances (organization_id, account, balance)
    select of_organization, each, 0 from unnest(array['available', 'granted', 'held', 'used']) each
    on conflict do nothing;
  perform 1 from credit_balances where organization_id = of_organization order by account for update;
  if exists (select 1 from credit_moves where organization_id = of_organization and once = once_only) then
    return 'repeated';
  end if;
  if from_account <> 'granted' and amount > (
    select balance from credit_balances where organization_id = of_organization and account = from_account
  ) then
    return 'short';
  end if;
  insert into credit_moves (organization_id, once, source, target, credits, job_id, member_id, reason, moved_at)
    values (of_organization, once_only, from_account, to_account, amount, for_job, by_member, because, at_time);
  update credit_balances set balance = balance + case account when to_account then amount else -amount end
    where organization_id = of_organization and account in (from_account, to_account);
  return 'moved';
end
$$;
