"""Prices: whose counts, from when on, and what calls come to."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.ai.metering import metered
from pacs.ai.price_list import LISTED
from pacs.ai.prices import (
    Price,
    cost,
    list_prices,
    listed_price,
    listed_prices,
    price_of,
    remove_price,
    set_price,
)
from pacs.ai.providers import PROVIDERS
from pacs.errors import BadRequest, Conflict, NotFound
from pacs.ports import Usage
from pacs.settings import Settings
from tests.ai.house import QUESTION, TEST, House, dollars, house, one_database

__all__ = ["house", "one_database"]

TODAY = date(2026, 11, 22)
ONE = Price(Decimal(1), Decimal("0.5"), Decimal(2), provider="openai", model="gpt-5.5")


def own(tokens_in: str, model: str = "gpt-5.5", begins: date = TODAY, provider: str = "openai") -> Price:
    return Price(dollars(tokens_in), Decimal(0), Decimal(0), Decimal(0), provider, model, begins)


@pytest.mark.parametrize(
    ("usage", "dollars_told"),
    [
        (Usage(), "0"),
        (Usage(1_000_000, 0), "1"),
        (Usage(1_000_000, 0, 1_000_000), "0.5"),
        (Usage(1_000_000, 500_000, 400_000, 3), "2.1"),
        (Usage(1, 0), "0.000001"),
        (Usage(0, 0, 5), "0"),  # more cached than told is no reason to be paid
    ],
)
def test_tokens_that_were_read_before_cost_less(usage: Usage, dollars_told: str) -> None:
    price = Price(Decimal(1), Decimal("0.5"), Decimal(2), Decimal("0.1"))
    assert cost(price, usage) == Decimal(dollars_told)


def test_without_a_price_nobody_knows_the_cost() -> None:
    assert cost(None, Usage(1, 1)) is None


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 100))
def test_more_never_costs_less(tokens_in: int, tokens_out: int, cached: int, images: int) -> None:
    least = cost(ONE, Usage(tokens_in, tokens_out, cached, images))
    most = cost(ONE, Usage(tokens_in + 1, tokens_out + 1, min(cached, tokens_in), images + 1))
    assert least is not None and most is not None and 0 <= least <= most


@pytest.mark.parametrize(
    ("provider", "model", "tokens_in"),
    [
        ("openai", "gpt-5.5", "5"),
        ("openai", "gpt-5.5-2026-04-01", "5"),
        ("openai", "gpt-5.5-mini", None),
        ("openai", "gpt-5-mini-2025-08-07", "0.25"),
        ("openai", "gpt-5", "1.25"),
        ("claude", "claude-sonnet-5", "2"),
        ("claude", "claude-sonnet-5-20260630", "2"),
        ("gemini", "gemini-3.5-flash-lite", "0.3"),
        ("gemini", "gemini-3.1-pro-preview", "2"),
        ("qwen", "qwen-vl-max-2025-08-13", "0.8"),
        ("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
        ("bedrock", "arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-pro-v1:0", "0.8"),
        ("rai-llm", "Qwen/Qwen2.5-VL-7B-Instruct", "0"),
        ("openai", "something-else", None),
        ("nobody", "gpt-5.5", None),
    ],
)
def test_a_list_is_of_models_and_their_versions(provider: str, model: str, tokens_in: str | None) -> None:
    found = listed_price(provider, model)
    assert (found and found.tokens_in) == (None if tokens_in is None else Decimal(tokens_in))


def test_every_model_that_is_asked_by_default_has_a_price() -> None:
    assert set(LISTED) == set(PROVIDERS)
    for name in PROVIDERS:
        model = getattr(Settings(), f"ai_{name.replace('-', '_')}_model", "")
        assert listed_price(name, model) or name == "bedrock"
    assert all(price.source and 0 <= price.tokens_cached <= price.tokens_in for price in listed_prices())


def test_a_list_knows_what_services_will_ask() -> None:
    for day, tokens_in in ((TODAY, "0.75"), (date(2027, 1, 1), "1.5")):
        found = listed_price("gemini", "gemini-3.8-flash", day)
        assert found is not None and found.tokens_in == Decimal(tokens_in)


def test_the_newest_own_price_that_has_begun_counts(house: House) -> None:
    set_price(house, house.scope, own("7"))
    set_price(house, house.scope, own("8", begins=TODAY + timedelta(days=3)))
    set_price(house, house.scope, own("1", model=""))
    for day, model, expected in (
        (TODAY - timedelta(days=1), "gpt-5.5", "5"),  # what we have read
        (TODAY, "gpt-5.5-2026-04-01", "7"),
        (TODAY + timedelta(days=3), "gpt-5.5", "8"),
        (TODAY, "gpt-unheard-of", "1"),
    ):
        found = price_of(house, house.scope, "openai", model, day)
        assert found is not None and found.tokens_in == Decimal(expected), (day, model)
    assert [each.tokens_in for each in list_prices(house, house.scope)] == [1, 8, 7]


def test_said_again_for_the_same_day_a_price_is_mended(house: House) -> None:
    first = set_price(house, house.scope, own("7"))
    second = set_price(house, house.scope, own("0.000001"))
    assert first.id == second.id
    assert [each.tokens_in for each in list_prices(house, house.scope)] == [dollars("0.000001")]


def test_old_names_are_those_of_today(house: House) -> None:
    set_price(house, house.scope, own("7", model="qwen-vl-max-latest", provider="qwen"))
    found = price_of(house, house.scope, "qwen", "qwen-vl-max", TODAY)
    assert found is not None and found.tokens_in == 7


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (own("1", provider="nobody"), "provider"),
        (own("1", model="x" * 201), "model"),
        (own("1", begins=TODAY - timedelta(days=1)), "effective_from"),
        (own("-1"), "tokens_in"),
        (own("NaN"), "tokens_in"),
        (own("1000001"), "tokens_in"),
        (own("0.0000001"), "tokens_in"),
    ],
)
def test_what_is_no_price_is_refused(house: House, price: Price, field: str) -> None:
    with pytest.raises(BadRequest) as told:
        set_price(house, house.scope, price)
    assert told.value.field == field


def test_a_price_by_which_calls_were_counted_stays(house: House) -> None:
    used = set_price(house, house.scope, own("7"))
    unused = set_price(house, house.scope, own("7", model="gpt-4o"))
    metered(house, house.scope, house.configure("openai"), TEST).ask(QUESTION)
    assert used.id is not None and unused.id is not None
    remove_price(house, house.scope, unused.id)
    with pytest.raises(Conflict):
        remove_price(house, house.scope, used.id)
    with pytest.raises(NotFound):
        remove_price(house, house.scope, unused.id)
    assert [each.id for each in list_prices(house, house.scope)] == [used.id]


def test_organizations_have_prices_of_their_own(house: House, tmp_path: Path) -> None:
    mine = set_price(house, house.scope, own("7"))
    other = House(house.database, tmp_path)
    found = price_of(other, other.scope, "openai", "gpt-5.5", TODAY)
    assert found is not None and found.tokens_in == 5 and list_prices(other, other.scope) == []
    assert mine.id is not None
    with pytest.raises(NotFound):
        remove_price(other, other.scope, mine.id)
