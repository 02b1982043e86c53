"""Whom can a member ask now, in which languages; and if not, why not? Called by `jobs`, functions/ai and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pacs.ai.configuring import Configured, configured, consent_of, list_configured
from pacs.ai.presets import preset_named
from pacs.ai.providers import EVERY_LANGUAGE, MOCK, NAMES, ORCHESTRATOR, ROUTE
from pacs.errors import BadRequest, ConsentNeeded, NotConfigured
from pacs.people.scope import Scope
from pacs.ports import Services
from pacs.reporting.body import checked_language
from pacs.settings import Settings

Lack = Literal["", "OFF", "CONSENT", "URL", "KEY", "MODEL", "NOBODY"]


@dataclass(frozen=True)
class Offer:
    """A provider as those see it who ask. `lacks` says why it cannot be asked; empty: it can."""

    name: str
    label: str
    vision: bool
    languages: Sequence[str]
    lacks: Lack = ""

    @property
    def ready(self) -> bool:
        return not self.lacks


def offers(services: Services, scope: Scope) -> list[Offer]:
    """Every provider, the orchestrator first."""
    agreed = consent_of(services, scope).given
    made = [offer(services.settings, each, agreed) for each in list_configured(services, scope)]
    ready = any(each.ready for each in made if each.name in ROUTE)
    first = Offer(ORCHESTRATOR, "RAI Orchestrator", True, EVERY_LANGUAGE, without_route(agreed, ready))
    return [first, *made]


def offer(settings: Settings, found: Configured, agreed: bool) -> Offer:
    provider = found.provider
    lacks = lack_of(settings, found, agreed)
    return Offer(provider.name, provider.label, provider.vision, provider.languages, lacks)


def without_route(agreed: bool, ready: bool) -> Lack:
    if not agreed:
        return "CONSENT"
    return "" if ready else "NOBODY"


def lack_of(settings: Settings, found: Configured, agreed: bool) -> Lack:
    """Why a provider cannot be asked; empty when it can."""
    if found.missing:
        return found.missing[0]  # type: ignore[return-value]
    if not found.enabled or (found.provider.name == MOCK and settings.stage == "prod" and not settings.ai_mock):
        return "OFF"
    return "CONSENT" if not agreed and found.provider.name != MOCK else ""


def require_possible(services: Services, scope: Scope, provider: str, preset: str, language: str) -> None:
    """Raises BadRequest, naming the field; ConsentNeeded; NotConfigured."""
    if provider not in NAMES:
        raise BadRequest(f"providers are {', '.join(NAMES)}", field="provider")
    preset_named(preset)
    checked_language(language)
    agreed = consent_of(services, scope).given
    lack: Lack = without_route(agreed, True)
    if provider != ORCHESTRATOR:
        found = configured(services, scope, provider)
        if language not in found.provider.languages:
            raise BadRequest(f"{provider} writes {', '.join(found.provider.languages)}", field="language")
        lack = lack_of(services.settings, found, agreed)
    if lack == "CONSENT":
        raise ConsentNeeded("nobody has agreed yet that studies of the organization are sent", field="provider")
    if lack:
        raise NotConfigured(f"{provider} cannot be asked: {lack}", field="provider")
