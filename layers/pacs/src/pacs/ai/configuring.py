"""Which providers does an organization use, with what address, key and model? Called by the room, pages and `pacs ai`.

The owner's settings say it for all (`PACS_AI_<PROVIDER>_URL`, …); what an organization's administrators have said goes
before. Keys lie in the vault; what is shown of one is its end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from pacs.ai import circuits
from pacs.ai.providers import PROVIDERS, Provider, model_name, provider_named
from pacs.errors import BadRequest, NotConfigured
from pacs.people.audit import Deed, record
from pacs.people.scope import Scope
from pacs.ports import Endpoint, Services

OWN = "organization_id = cast(:organization_id as uuid)"
LIST = text(
    "select provider, enabled, url, model, key_hint, monthly_budget, warn_percent from ai_service_providers"  # noqa: S608
    f" where {OWN}"
)
SET_HINT = text(
    f"update ai_service_providers set key_hint = :key_hint where {OWN} and provider = :provider and url = :url"  # noqa: S608
)
SAVE = text(
    "insert into ai_service_providers (organization_id, provider, enabled, url, model, key_hint, monthly_budget,"
    " warn_percent, updated_at) values (cast(:organization_id as uuid), :provider, :enabled, :url, :model, :key_hint,"
    " cast(:monthly_budget as numeric), :warn_percent, :now) on conflict (organization_id, provider) do update set"
    " enabled = excluded.enabled, url = excluded.url, model = excluded.model, key_hint = excluded.key_hint,"
    " monthly_budget = excluded.monthly_budget, warn_percent = excluded.warn_percent, updated_at = excluded.updated_at"
)
# With another budget administrators want to hear again when it comes to its end.
UNWARN = text(f"update ai_budgets set warned = false where {OWN} and provider = :provider and warned")  # noqa: S608
CONSENT = text(
    f"select consent, cast(member_id as text) as member_id, changed_at from ai_consents where {OWN}"  # noqa: S608
)
SET_CONSENT = text(
    "insert into ai_consents (organization_id, consent, member_id, changed_at) values (cast(:organization_id as uuid),"
    " :consent, cast(:member_id as uuid), :now) on conflict (organization_id) do update set"
    " consent = excluded.consent, member_id = excluded.member_id, changed_at = excluded.changed_at"
)
LONGEST_URL, LONGEST_MODEL, LONGEST_KEY, HINT = 512, 200, 4096, 4
MOST_BUDGET = Decimal(10_000_000)
WARN_PERCENT = 80


@dataclass(frozen=True)
class Configured:
    """A provider as an organization has it. `missing`: what it lacks before it can be asked; `url` is ours to see
    alone. `own_key`: an administrator's, in the vault. Budgets are US dollars a calendar month; None: no limit.
    """

    provider: Provider
    enabled: bool
    url: str = field(repr=False)
    model: str
    key_hint: str = ""
    own_key: bool = False
    own: Mapping[str, Any] | None = field(default=None, repr=False)
    monthly_budget: Decimal | None = None
    warn_percent: int = WARN_PERCENT
    missing: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return self.enabled and not self.missing

    @property
    def masked_url(self) -> str:
        """Enough of the address to know it again: scheme, the ends of the host's name."""
        host = urlsplit(self.url).hostname or ""
        shown = f"{host[:3]}…{host[-6:]}" if len(host) > 9 else "…"
        return f"{urlsplit(self.url).scheme}://{shown}" if self.url else ""


@dataclass(frozen=True)
class Consent:
    """Whether studies of an organization may leave the house without what identifies; who said so and when."""

    given: bool = False
    member_id: str | None = None
    changed_at: datetime | None = None


def configured(services: Services, scope: Scope, name: str) -> Configured:
    """One provider. Raises BadRequest for one that nobody knows."""
    provider = provider_named(name)
    return joined(services, provider, rows_of(services, scope).get(name))


def list_configured(services: Services, scope: Scope) -> list[Configured]:
    rows = rows_of(services, scope)
    return [joined(services, each, rows.get(each.name)) for each in PROVIDERS.values()]


def rows_of(services: Services, scope: Scope) -> dict[str, Mapping[str, Any]]:
    found = services.database.fetch(LIST, {"organization_id": scope.organization_id})
    return {row["provider"]: row for row in found}


def joined(services: Services, provider: Provider, row: Mapping[str, Any] | None) -> Configured:
    """The owner's settings under what the organization has said. Without a word of either a provider is off."""
    told = {kind: set_by_owner(services, provider, kind) for kind in ("url", "key", "model")}
    own: Mapping[str, Any] = row or {}
    url, model = own.get("url") or told["url"], model_name(own.get("model") or told["model"])
    own_key = bool(own.get("key_hint"))
    # The owner's key is for the owner's address: another's is told none but its own.
    key_told = bool(told["key"]) and not own.get("url")
    has = {"url": bool(url), "model": bool(model), "key": own_key or key_told}
    missing = tuple(each.upper() for each in provider.needs if not has[each])
    return Configured(
        provider,
        enabled=bool(own["enabled"]) if row else not missing,
        url=url,
        model=model,
        key_hint=own.get("key_hint", "") or ("…" if key_told else ""),
        own_key=own_key,
        own=row,
        monthly_budget=own.get("monthly_budget"),
        warn_percent=own.get("warn_percent", WARN_PERCENT),
        missing=missing,
    )


def set_by_owner(services: Services, provider: Provider, kind: str) -> str:
    return str(getattr(services.settings, f"ai_{provider.name.replace('-', '_')}_{kind}", ""))


@dataclass(frozen=True)
class Change:
    """What an administrator says of a provider. Empty `url` and `model`: as the owner has them; `key` of None: as it
    is, an empty one: forgotten.
    """

    enabled: bool
    url: str = ""
    model: str = ""
    key: str | None = None
    monthly_budget: Decimal | None = None
    warn_percent: int = WARN_PERCENT


def save(services: Services, scope: Scope, name: str, change: Change, *, source_ip: str = "") -> Configured:
    """Keep what an administrator says. Raises BadRequest, naming the field, and Unavailable."""
    provider = provider_named(name)
    check(change)
    before = joined(services, provider, rows_of(services, scope).get(name))
    if change.key is None and before.own_key and change.url.strip() != ((before.own or {}).get("url") or ""):
        raise BadRequest("the key belongs to the address before: tell it again", field="key")
    values = {
        "organization_id": scope.organization_id,
        "provider": name,
        "enabled": change.enabled,
        "url": change.url.strip(),
        "model": change.model.strip(),
        # Nobody is told a new key, or the one before, until the address is kept that it is for.
        "key_hint": before.key_hint if before.own_key and change.key is None else "",
        "monthly_budget": None if change.monthly_budget is None else str(change.monthly_budget),
        "warn_percent": change.warn_percent,
        "now": services.clock.now(),
    }
    with services.database.transaction() as statements:
        statements.fetch(SAVE, values)
        if (change.monthly_budget, change.warn_percent) != (before.monthly_budget, before.warn_percent):
            statements.fetch(UNWARN, {"organization_id": scope.organization_id, "provider": name})
        record(statements, scope, Deed("change-ai", subject=name), source_ip=source_ip)
    circuits.close(services, scope, name)  # it may have failed for what was mended now
    if change.key is not None:
        keep_key(services, scope, values, change.key.strip())
    return configured(services, scope, name)


def keep_key(services: Services, scope: Scope, saved: Mapping[str, Any], key: str) -> None:
    """Keep a key for the address that was saved, or forget the one before."""
    name = vault_key(scope, saved["provider"])
    if key:
        services.vault.keep(name, key)
        of = {each: saved[each] for each in ("organization_id", "provider", "url")}
        services.database.fetch(SET_HINT, of | {"key_hint": f"…{key[-HINT:]}"})
    else:
        services.vault.forget(name)


def check(change: Change) -> None:
    """Raises BadRequest, naming the field."""
    if change.url.strip() and not is_address(change.url.strip()):
        raise BadRequest("an address begins with https:// (or http://) and names a host and a path", field="url")
    if len(change.model) > LONGEST_MODEL or not change.model.isprintable():
        raise BadRequest(f"a model's name has at most {LONGEST_MODEL} characters", field="model")
    key = (change.key or "").strip()
    if len(key) > LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise BadRequest(f"a key has at most {LONGEST_KEY} plain characters", field="key")
    if 0 < len(key) < 2 * HINT:
        raise BadRequest(f"a key has at least {2 * HINT} characters", field="key")
    budget = change.monthly_budget
    if budget is not None and not (budget.is_finite() and 0 <= budget <= MOST_BUDGET):
        raise BadRequest(f"a budget is a sum of US dollars up to {MOST_BUDGET}", field="monthly_budget")
    if not 1 <= change.warn_percent <= 100:
        raise BadRequest("a warning comes at 1 to 100 percent", field="warn_percent")


def is_address(url: str) -> bool:
    """Whether it can be a service's: without credentials, which would be shown, and with nothing after its path."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
    spare = "@" in parts.netloc or "?" in url or "#" in url
    return named and not spare and len(url) <= LONGEST_URL and url.isprintable() and " " not in url


def vault_key(scope: Scope, name: str) -> str:
    return f"ai/{scope.organization_id}/{name}"


def endpoint_of(services: Services, scope: Scope, found: Configured) -> Endpoint:
    """Where and how to ask a provider; its key is read when it is needed."""
    provider = found.provider
    return Endpoint(
        provider=provider.name,
        shape=provider.shape,
        url=found.url,
        model=found.model,
        key=partial(key_of, services, scope, found),
        formats=provider.formats,
        timeout_s=provider.timeout_s,
        patience_s=provider.patience_s,
        thinking_tokens=provider.thinking_tokens,
        foreign=bool((found.own or {}).get("url")),
        allowed=services.settings.ai_allow,
    )


def key_of(services: Services, scope: Scope, found: Configured) -> str:
    """The key; empty where there is none. Raises Unavailable, NotConfigured.

    One in the vault may have come after `found` was read, for another address: it is looked at again, afterwards.
    """
    own_url = (found.own or {}).get("url", "")
    if not found.own_key:
        return "" if own_url else services.secret_setting(set_by_owner(services, found.provider, "key"))
    key = services.vault.read(vault_key(scope, found.provider.name))
    now = rows_of(services, scope).get(found.provider.name, {})
    if now.get("url") != own_url:
        raise NotConfigured(f"the address of {found.provider.name} has just been changed", field="url")
    return key


def consent_of(services: Services, scope: Scope) -> Consent:
    rows = services.database.fetch(CONSENT, {"organization_id": scope.organization_id})
    return Consent(rows[0]["consent"], rows[0]["member_id"], rows[0]["changed_at"]) if rows else Consent()


def set_consent(services: Services, scope: Scope, given: bool, *, source_ip: str = "") -> None:
    """Let studies leave the house, without what identifies, or not any more."""
    values = {"organization_id": scope.organization_id, "consent": given, "member_id": scope.member_id or None}
    with services.database.transaction() as statements:
        statements.fetch(SET_CONSENT, {**values, "now": services.clock.now()})
        deed = Deed("change-ai", subject="consent given" if given else "consent withdrawn")
        record(statements, scope, deed, source_ip=source_ip)
