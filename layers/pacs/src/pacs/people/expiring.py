"""What signing in leaves behind and nobody asks for any more. Removed every night by functions/crons."""

from datetime import timedelta

from sqlalchemy import text

from pacs.ports import Services

# So long one may still look up where a session that has ended was; the audit keeps every sign-in.
ENDED_SESSIONS = timedelta(days=30)
# A day without failures forgives them, a link is good for an hour, and a rate is full again within a minute.
FORGIVEN, USED_LINKS = timedelta(days=2), timedelta(days=2)

# Refresh tokens go with their sessions.
PRUNE = text(
    """
    with ended as (
      delete from sessions where expires_at < :sessions or revoked_at < :sessions returning 1
    ), links as (
      delete from password_resets where created_at < :links returning 1
    ), attempts as (
      delete from sign_in_attempts where last_at < :attempts and blocked_until < :now returning 1
    ), rates as (
      delete from rate_limits where full_until < :now returning 1
    )
    select (select count(*) from ended) as sessions, (select count(*) from links) as links,
      (select count(*) from attempts) as attempts, (select count(*) from rates) as rates
    """
)


def prune_sign_ins(services: Services) -> dict[str, int]:
    """Forget old sessions, links, failed sign-ins and rates; returns how many of each."""
    now = services.clock.now()
    before = {"sessions": now - ENDED_SESSIONS, "links": now - USED_LINKS, "attempts": now - FORGIVEN, "now": now}
    return dict(services.database.fetch(PRUNE, before)[0])
