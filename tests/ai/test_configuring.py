"""Providers as organizations have them: the owner's settings, what administrators say, and keys that never leave."""

import json
import logging
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pacs.ai.configuring import (
    Change,
    Configured,
    configured,
    consent_of,
    endpoint_of,
    key_of,
    list_configured,
    save,
    set_consent,
)
from pacs.ai.providers import NAMES, ORCHESTRATOR, PROVIDERS, RENAMED, ROUTE, model_name, provider_named
from pacs.errors import BadRequest, NotConfigured
from pacs.ports import Question
from pacs.settings import Settings
from tests.ai.house import House, dollars, house, one_database
from tests.models.fake_models import serving

__all__ = ["house", "one_database"]

OWNER_KEY, OWN_KEY, OTHER_KEY = "sk-owner", "sk-of-the-clinic-1234", "sk-of-the-clinic-5678"
OWN_URL = "https://models.clinic.example/v1"
ALL = text("select * from ai_service_providers")
DEEDS = text("select action, subject from audit where organization_id = cast(:organization_id as uuid) order by id")


def key(house: House, found: Configured | None = None, name: str = "openai") -> str:
    return key_of(house, house.scope, found or configured(house, house.scope, name))


def told(house: House, found: Configured) -> str:
    """All that can be said of a provider to anybody."""
    rows = [dict(row) for row in house.database.fetch(ALL)]
    deeds = [dict(row) for row in house.database.fetch(DEEDS, {"organization_id": house.scope.organization_id})]
    return f"{found} {found.masked_url} {endpoint_of(house, house.scope, found)} {rows} {deeds}"


def test_without_a_word_of_the_organization_the_settings_count(house: House) -> None:
    found = configured(house, house.scope, "openai")
    assert (found.enabled, found.ready, found.missing) == (True, True, ())
    assert (found.url, found.model, found.key_hint, found.own_key) == (
        Settings().ai_openai_url,
        Settings().ai_openai_model,
        "…",
        False,
    )
    assert key(house) == OWNER_KEY
    endpoint = endpoint_of(house, house.scope, found)
    assert (endpoint.foreign, endpoint.provider, endpoint.shape) == (False, "openai", "openai")
    missing = {each.provider.name: each.missing for each in list_configured(house, house.scope) if each.missing}
    assert missing == {
        "claude": ("KEY",),
        "gemini": ("KEY",),
        "qwen": ("KEY",),
        "deepseek": ("KEY",),
        "medgemma": ("URL",),
        "rai-llm": ("URL",),
        "radialog": ("URL",),
        "bedrock": ("MODEL",),
    }
    assert all(not each.enabled for each in list_configured(house, house.scope) if each.missing)


def test_what_administrators_say_goes_before(house: House) -> None:
    change = {"url": f" {OWN_URL} ", "model": "gpt-5.5-latest", "key": OWN_KEY, "warn_percent": 70}
    found = house.configure("openai", monthly_budget=dollars("12.5"), **change)
    assert (found.url, found.model) == (OWN_URL, "gpt-5.5")
    assert (found.monthly_budget, found.warn_percent, found.missing) == (Decimal("12.5"), 70, ())
    assert (key(house), found.own_key, found.key_hint) == (OWN_KEY, True, "…1234")
    assert endpoint_of(house, house.scope, found).foreign
    assert configured(house, house.scope, "openai") == found
    off = house.configure("openai", url=OWN_URL, enabled=False)
    assert not off.ready and off.enabled is False


def test_a_key_is_in_no_row_no_deed_and_no_repr(house: House) -> None:
    found = house.configure("openai", url=OWN_URL, key=OWN_KEY)
    said = told(house, found)
    assert OWN_KEY not in said and OWNER_KEY not in said
    assert "models.clinic" not in f"{found} {found.masked_url}"
    assert json.loads((house.settings.home / "vault.json").read_text()) != {}
    assert (house.settings.home / "vault.json").stat().st_mode & 0o777 == 0o600


def test_an_own_address_without_an_own_key_never_gets_the_owners(house: House) -> None:
    found = house.configure("openai", url=OWN_URL)
    assert (key(house), found.key_hint, found.missing) == ("", "", ("KEY",))
    house.set(ai_rai_llm_url="http://10.0.0.7:8000/v1", ai_rai_llm_key="sk-of-the-house")
    assert key(house, name="rai-llm") == "sk-of-the-house"
    own = house.configure("rai-llm", url=OWN_URL)
    assert own.missing == () and key(house, name="rai-llm") == ""


def test_another_address_asks_for_the_key_again(house: House) -> None:
    house.configure("openai", url=OWN_URL, key=OWN_KEY)
    for url in ("https://elsewhere.example/v1", ""):
        with pytest.raises(BadRequest) as refused:
            house.configure("openai", url=url)
        assert refused.value.field == "key"
    assert configured(house, house.scope, "openai").url == OWN_URL and key(house) == OWN_KEY
    house.configure("openai", url=OWN_URL, model="other")
    assert key(house) == OWN_KEY
    house.configure("openai", url="https://elsewhere.example/v1", key=OTHER_KEY)
    assert key(house) == OTHER_KEY


def test_a_key_that_is_forgotten_is_gone(house: House) -> None:
    house.configure("openai", key=OWN_KEY)
    assert key(house) == OWN_KEY
    found = house.configure("openai", key=" ")
    assert (found.own_key, found.key_hint) == (False, "…")
    assert key(house) == OWNER_KEY
    assert OWN_KEY not in (house.settings.home / "vault.json").read_text()


def test_who_still_has_the_address_before_is_not_told_the_key_of_the_next(house: House) -> None:
    before = house.configure("openai", url=OWN_URL, key=OWN_KEY)
    house.configure("openai", url="https://elsewhere.example/v1", key=OTHER_KEY)
    with pytest.raises(NotConfigured) as refused:
        key(house, before)
    assert OTHER_KEY not in str(refused.value)


def test_a_new_key_is_for_nobody_until_its_address_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever dies between the two leaves a provider without a key, never one with that of another address."""
    house.configure("openai", url=OWN_URL, key=OWN_KEY)
    seen: list[tuple[str, bool]] = []
    vault = house.vault

    class Dying:
        def keep(self, name: str, secret: str) -> None:
            found = configured(house, house.scope, "openai")
            seen.append((found.url, found.own_key))
            raise KeyboardInterrupt

    monkeypatch.setitem(house.__dict__, "vault", Dying())
    with pytest.raises(KeyboardInterrupt):
        house.configure("openai", url="https://elsewhere.example/v1", key=OTHER_KEY)
    monkeypatch.setitem(house.__dict__, "vault", vault)
    assert seen == [("https://elsewhere.example/v1", False)]
    assert (key(house), configured(house, house.scope, "openai").missing) == ("", ("KEY",))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://models.example"}, "url"),
        ({"url": "models.example/v1"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://[::1"}, "url"),
        ({"url": "https://models.example:99999/"}, "url"),
        ({"url": "https://me:secret@models.example/v1"}, "url"),
        ({"url": "https://models.example/v1?key=secret"}, "url"),
        ({"url": "https://models.example/v1#x"}, "url"),
        ({"url": "https://models.example/a b"}, "url"),
        ({"url": "https://models.example/" + "x" * 512}, "url"),
        ({"model": "x" * 201}, "model"),
        ({"model": "a\nb"}, "model"),
        ({"key": "short"}, "key"),
        ({"key": "schlüssel-der-klinik"}, "key"),
        ({"key": "sk-of\r\nX-Other: 1"}, "key"),
        ({"key": "x" * 4097}, "key"),
        ({"monthly_budget": Decimal(-1)}, "monthly_budget"),
        ({"monthly_budget": Decimal("NaN")}, "monthly_budget"),
        ({"monthly_budget": Decimal("Infinity")}, "monthly_budget"),
        ({"monthly_budget": Decimal(10_000_001)}, "monthly_budget"),
        ({"warn_percent": 0}, "warn_percent"),
        ({"warn_percent": 101}, "warn_percent"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_the_name_of_its_field(
    house: House, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        save(house, house.scope, "openai", Change(enabled=True, **change))
    assert refused.value.field == field
    assert "secret" not in str(refused.value) and "clinic" not in str(refused.value)
    assert configured(house, house.scope, "openai").own is None


def test_an_address_is_shown_by_its_ends(house: House) -> None:
    for url, shown in (
        (OWN_URL, "https://mod…xample"),
        ("http://10.0.0.7:8000/v1", "http://…"),
    ):
        assert house.configure("medgemma", url=url).masked_url == shown
    assert configured(house, house.scope, "radialog").masked_url == ""


def test_organizations_see_nothing_of_one_another(house: House, tmp_path: Path) -> None:
    house.configure("openai", url=OWN_URL, key=OWN_KEY, monthly_budget=dollars("5"))
    house.consent(False)
    other = House(house.database, tmp_path)
    found = configured(other, other.scope, "openai")
    assert (found.own, found.url, found.monthly_budget) == (None, Settings().ai_openai_url, None)
    assert key(other) == OWNER_KEY and consent_of(other, other.scope).given
    other.configure("openai", key=OTHER_KEY)
    assert (key(house), key(other)) == (OWN_KEY, OTHER_KEY)


def test_consent_says_who_gave_it_and_when(house: House) -> None:
    other = House(house.database, house.settings.home)
    other.scope = other.scope.__class__(house.scope.organization_id, "admin")
    set_consent(other, other.scope, False)
    found = consent_of(house, house.scope)
    assert (found.given, found.member_id, found.changed_at) == (False, None, house.clock.now())
    deeds = house.database.fetch(DEEDS, {"organization_id": house.scope.organization_id})
    assert [(row["action"], row["subject"]) for row in deeds] == [
        ("change-ai", "consent given"),
        ("change-ai", "consent withdrawn"),
    ]


def test_a_key_goes_to_its_address_and_into_no_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving() as models:
        models.key = OWN_KEY
        house.set(ai_allow=models.url.removesuffix("/v1"))
        found = house.configure("openai", url=models.url, key=OWN_KEY)
        describer = super(House, house).describer(endpoint_of(house, house.scope, found))
        describer.ask(Question("You are asked.", "What is it?"))
        models.key = OTHER_KEY
        with pytest.raises(NotConfigured) as refused:
            describer.ask(Question("You are asked.", "What is it?"))
        assert [each["authorization"] for each in models.asked] == [f"Bearer {OWN_KEY}"] * 2
        port = models.url.rpartition(":")[2].partition("/")[0]
    said = f"{caplog.text} {refused.value} {refused.value.__cause__}"
    assert OWN_KEY not in said and OWNER_KEY not in said and port not in str(refused.value)


def test_two_that_save_at_once_leave_one_of_their_keys(house: House) -> None:
    def change(own: str) -> None:
        house.configure("openai", url=OWN_URL, key=own)

    several = [threading.Thread(target=change, args=(own,)) for own in (OWN_KEY, OTHER_KEY)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert key(house) in (OWN_KEY, OTHER_KEY)


def test_the_route_is_of_those_that_see_and_ends_with_the_mock() -> None:
    assert ROUTE == ("rai-llm", "openai", "gemini", "claude", "medgemma", "rai-mock")
    assert all(PROVIDERS[name].vision and PROVIDERS[name].most_images for name in ROUTE)
    assert NAMES[-1] == ORCHESTRATOR and ORCHESTRATOR not in PROVIDERS
    for name in (ORCHESTRATOR, "gpt", ""):
        with pytest.raises(BadRequest):
            provider_named(name)


def test_old_names_of_models_lead_to_names_of_today() -> None:
    assert model_name(" qwen-vl-max-latest ") == "qwen-vl-max"
    assert all(model_name(name) not in RENAMED for name in RENAMED)
    assert model_name("own/model:7b") == "own/model:7b"
