"""How often may somebody try? Failed sign-ins make an account and an address wait, and every door has a rate.

Both are one conditional statement each, so that many tries at once count as many. Asked by signing_in and the portal.
"""

import hashlib
from datetime import datetime
from ipaddress import ip_address, ip_network
from math import ceil

from sqlalchemy import text

from pacs.errors import TooManyRequests
from pacs.ports import Statements

# So many failures cost nothing; the next ones 2, 4, 8, … seconds, at most 15 minutes. A day without any forgives all.
FREE_OF_ACCOUNT, FREE_OF_ADDRESS = 4, 20
LONGEST_S = 900
# An address may knock this often; at first all of a minute's at once.
PER_MINUTE = 60

RESTED = "a.last_at < :now - interval '1 day'"
BEYOND = f"a.failures + 1 - case when a.subject like 'account %' then {FREE_OF_ACCOUNT} else {FREE_OF_ADDRESS} end"
DELAY_S = f"case when {RESTED} or {BEYOND} <= 0 then 0 else least({LONGEST_S}, power(2, least(20, {BEYOND}))) end"
COUNT = text(
    "insert into sign_in_attempts as a (subject, failures, last_at, blocked_until)"  # noqa: S608 - our numbers
    " values (:account, 1, :now, :now), (:address, 1, :now, :now) on conflict (subject) do update set"
    f" failures = case when {RESTED} then 1 else a.failures + 1 end, last_at = :now,"
    f" blocked_until = :now + make_interval(secs => {DELAY_S}) where a.blocked_until <= :now returning subject"
)
UNTIL = text("select max(blocked_until) as until from sign_in_attempts where subject in (:account, :address)")
FORGIVE = text(
    "update sign_in_attempts set blocked_until = :now, failures = case when subject = :account then 0"
    " else greatest(failures - 1, 0) end where subject in (:account, :address)"
)
# The generic cell rate algorithm: `full_until` is when the bucket is empty again, `:step` what one call fills it by.
KNOCK = text(
    "insert into rate_limits as r (subject, full_until) values (:subject, :now + make_interval(secs => :step))"
    " on conflict (subject) do update set full_until = greatest(r.full_until, :now) + make_interval(secs => :step)"
    " where greatest(r.full_until, :now) + make_interval(secs => :step) <= :now + make_interval(secs => 60)"
    " returning subject"
)


def account_subject(email: str) -> str:
    """An account, also one that does not exist, without its e-mail."""
    return "account " + hashlib.sha256(email.strip().lower().encode()).hexdigest()


def address_subject(address: str) -> str:
    """An address; of IPv6 the network that one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "address " + address[:64]
    return "address " + str(ip_network(f"{parsed}/64", strict=False) if parsed.version == 6 else parsed)


def count_attempt(statements: Statements, email: str, address: str, now: datetime) -> None:
    """Count a try to sign in as failed until `forgive` says that it was none. Raises TooManyRequests."""
    subjects = {"account": account_subject(email), "address": address_subject(address)}
    counted = statements.fetch(COUNT, {**subjects, "now": now})
    if len(counted) < 2:
        until = statements.fetch(UNTIL, subjects)[0]["until"]
        raise TooManyRequests(
            "too many failed sign-ins: wait a little", retry_after_s=max(1, ceil((until - now).total_seconds()))
        )


def forgive(statements: Statements, email: str, address: str, now: datetime) -> None:
    """The try that was just counted was a good one: the account is as new; the address has one failure less."""
    subjects = {"account": account_subject(email), "address": address_subject(address)}
    statements.fetch(FORGIVE, {**subjects, "now": now})


def knock(statements: Statements, subject: str, now: datetime) -> None:
    """Count a call of a subject. Raises TooManyRequests when there are more than its rate allows."""
    step = 60.0 / PER_MINUTE
    if not statements.fetch(KNOCK, {"subject": subject, "now": now, "step": step}):
        raise TooManyRequests("too many requests: wait a little", retry_after_s=ceil(step))
