"""Budgets: what is held, spent and stopped, and that nobody asks past one. Over both drivers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pacs.ai import budgets
from pacs.ai.budgets import HOLD, Standing
from pacs.ai.metering import Metered, metered
from pacs.ai.orchestrating import answer
from pacs.ai.prices import Price, set_price
from pacs.database.engine import EngineDatabase
from pacs.errors import ModelBusy, NobodyAnswered, NotConfigured, OverBudget, Unavailable
from pacs.ports import Answer, Endpoint, Question
from tests.ai.house import QUESTION, TEST, House, both_databases, dollars, taking

__all__ = ["both_databases"]

QWEN = "qwen"
# 400 tokens in and 900 out of qwen-vl-max; before it is asked it might be up to 0.0037.
CALL = dollars("0.0032")


@pytest.fixture
def house(both_databases: EngineDatabase, tmp_path: Path) -> House:
    return House(both_databases, tmp_path, ai_qwen_key="sk-owner")


def with_budget(house: House, budget: str | None, **change: Any) -> Metered:
    limit = None if budget is None else dollars(budget)
    return metered(house, house.scope, house.configure(QWEN, monthly_budget=limit, **change), TEST)


def standing(house: House) -> Standing:
    return next(each for each in budgets.standings(house, house.scope) if each.provider == QWEN)


def test_what_a_call_costs_is_spent_and_nothing_stays_held(house: House) -> None:
    asked = with_budget(house, "1")
    asked.ask(QUESTION)
    asked.ask(QUESTION)
    assert standing(house) == Standing(QWEN, date(2026, 11, 1), 2 * CALL, Decimal(0), Decimal(1), warned=False)
    assert asked.cost == 2 * CALL and asked.calls == 2


def test_twenty_that_ask_at_once_never_pass_a_budget(house: House) -> None:
    """Each is a process of its own that knows nothing of the others; the budget has room for some of them."""
    seen: list[Decimal] = []

    def say(endpoint: Endpoint, question: Question) -> Answer:
        found = standing(house)
        seen.append(found.spent + found.held)
        return taking(400, 900)(endpoint, question)

    house.says = say
    budget = dollars("0.04")
    configured = house.configure(QWEN, monthly_budget=budget)

    def ask(_: int) -> bool:
        try:
            metered(house, house.scope, configured, TEST).ask(QUESTION)
        except OverBudget:
            return False
        return True

    with ThreadPoolExecutor(20) as several:
        answered = sum(several.map(ask, range(20)))
    found = standing(house)
    assert 0 < answered < 20
    assert found.spent == answered * CALL <= budget
    assert found.held == 0
    assert max(seen) <= budget
    assert len(house.events()) == answered


def test_twenty_jobs_at_once_stop_where_one_would(house: House) -> None:
    """They ask one after another what they can: the rest is told that the money is used up, and goes elsewhere."""
    budget = dollars("0.03")
    house.configure(QWEN, monthly_budget=budget)
    house.says = taking(520, 1000)  # all that may be set aside

    def job(_: int) -> str:
        try:
            found = answer(
                house,
                house.scope,
                QWEN,
                lambda found, describer: describer.ask(QUESTION),
                about=TEST,
                needs_vision=True,
                language="tr",
                still_wanted=lambda: True,
                told=lambda attempts, name: None,
            )
        except NobodyAnswered as error:
            return str(error.attempts[0].why)
        return found.attempts[0].outcome

    with ThreadPoolExecutor(20) as several:
        ends = list(several.map(job, range(20)))
    assert set(ends) == {"answered", "over-budget"}
    assert standing(house).spent == ends.count("answered") * dollars("0.003616") <= budget


def test_what_a_model_may_think_is_held_as_well(house: House) -> None:
    found = house.configure(QWEN, monthly_budget=dollars("0.02"))
    thinks = replace(found, provider=replace(found.provider, thinking_tokens=10_000))
    with pytest.raises(OverBudget):
        metered(house, house.scope, thinks, TEST).ask(QUESTION)
    assert metered(house, house.scope, found, TEST).ask(QUESTION)


def test_what_is_held_counts_until_it_is_settled(house: House) -> None:
    configured = house.configure(QWEN, monthly_budget=dollars("1"))
    first = budgets.reserve(house, house.scope, configured, dollars("0.6"))
    with pytest.raises(OverBudget):
        budgets.reserve(house, house.scope, configured, dollars("0.400001"))
    budgets.reserve(house, house.scope, configured, dollars("0.4"))
    for _ in range(2):  # said again, it counts once
        budgets.settle(house.database, house.scope, first, dollars("0.1"))
    assert (standing(house).spent, standing(house).held) == (dollars("0.1"), dollars("0.4"))


def test_what_a_dead_process_held_lapses(house: House) -> None:
    configured = house.configure(QWEN, monthly_budget=dollars("1"))
    late = budgets.reserve(house, house.scope, configured, dollars("1"))
    house.clock.pass_s(HOLD.total_seconds())
    assert standing(house).held == 0
    budgets.reserve(house, house.scope, configured, dollars("0.5"))
    # One that was only slow counts what it cost, if late.
    budgets.settle(house.database, house.scope, late, dollars("0.3"))
    assert (standing(house).spent, standing(house).held) == (dollars("0.3"), dollars("0.5"))
    house.clock.pass_s(timedelta(days=2).total_seconds())
    budgets.reserve(house, house.scope, configured, dollars("0.7"))
    assert standing(house).held == dollars("0.7")


def test_a_month_begins_where_the_clinic_is(house: House) -> None:
    asked = with_budget(house, "0.0065")
    asked.ask(QUESTION)
    with pytest.raises(OverBudget):
        asked.ask(QUESTION)
    house.clock.at = datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC)
    with pytest.raises(OverBudget):
        asked.ask(QUESTION)
    house.clock.at = datetime(2026, 11, 30, 21, 0, tzinfo=UTC)  # midnight in Istanbul
    asked.ask(QUESTION)
    assert (standing(house).month, standing(house).spent) == (date(2026, 12, 1), CALL)


def test_a_call_that_began_in_one_month_is_counted_there(house: House) -> None:
    configured = house.configure(QWEN, monthly_budget=dollars("1"))
    house.clock.at = datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC)
    hold = budgets.reserve(house, house.scope, configured, dollars("0.5"))
    house.clock.pass_s(60)
    budgets.settle(house.database, house.scope, hold, dollars("0.2"))
    assert standing(house).spent == 0


def test_a_call_that_failed_lets_go_of_what_it_held(house: House) -> None:
    def busy(endpoint: Endpoint, question: Question) -> Answer:
        raise ModelBusy("busy")

    house.says = busy
    asked = with_budget(house, "1")
    with pytest.raises(ModelBusy):
        asked.ask(QUESTION)
    assert standing(house).spent == standing(house).held == 0
    assert [event["outcome"] for event in house.events()] == ["busy"]


def test_without_a_limit_everything_is_counted_and_nothing_stopped(house: House) -> None:
    asked = with_budget(house, None)
    asked.ask(QUESTION)
    assert standing(house) == Standing(QWEN, date(2026, 11, 1), CALL, Decimal(0), None, warned=False)
    with pytest.raises(OverBudget):
        with_budget(house, "0.0065").ask(QUESTION)


def test_a_budget_of_nothing_stops_all_but_what_costs_nothing(house: House) -> None:
    with pytest.raises(OverBudget):
        with_budget(house, "0").ask(QUESTION)
    set_price(house, house.scope, Price(Decimal(0), Decimal(0), Decimal(0), provider=QWEN))
    with_budget(house, "0").ask(QUESTION)


def test_a_budget_is_not_spent_on_what_nobody_knows_the_price_of(house: House) -> None:
    asked = with_budget(house, "100", model="qwen-unheard-of")
    with pytest.raises(NotConfigured) as told:
        asked.ask(QUESTION)
    assert told.value.field == "price" and asked.calls == 0
    asked = with_budget(house, None, model="qwen-unheard-of")
    asked.ask(QUESTION)
    assert asked.cost is None


def test_administrators_are_warned_once_a_month(house: House) -> None:
    administrators = sorted(house.administrator() for _ in range(2))
    asked = with_budget(house, "0.016", warn_percent=50)
    for _ in range(2):
        asked.ask(QUESTION)
    assert house.mailer.sent == []
    asked.ask(QUESTION)
    assert [to for to, *_ in house.mailer.sent] == administrators
    [(_, subject, said), _] = house.mailer.sent
    assert "Qwen" in subject and "0.01 USD" in said and "of 0.016 USD for 2026-11" in said
    assert "sk-" not in said and "aliyuncs" not in said
    asked.ask(QUESTION)
    with pytest.raises(OverBudget):
        asked.ask(QUESTION)
    assert len(house.mailer.sent) == 2 and standing(house).warned
    house.clock.pass_s(timedelta(days=20).total_seconds())
    for _ in range(3):
        asked.ask(QUESTION)
    assert len(house.mailer.sent) == 4


def test_with_another_budget_administrators_are_warned_again(house: House) -> None:
    house.administrator()
    for budget in ("0.01", "0.01", "0.02"):
        with_budget(house, budget, warn_percent=30).ask(QUESTION)
    assert len(house.mailer.sent) == 2


def test_who_is_stopped_before_a_warning_is_told_of_the_stop(house: House) -> None:
    house.administrator()
    asked = with_budget(house, "0.005", warn_percent=100)
    asked.ask(QUESTION)
    for _ in range(2):
        with pytest.raises(OverBudget):
            asked.ask(QUESTION)
    assert len(house.mailer.sent) == 1


def test_a_warning_that_was_not_sent_comes_with_the_next_call(house: House) -> None:
    house.administrator()
    house.mailer.error = Unavailable("no mail today")
    asked = with_budget(house, "0.2", warn_percent=1)
    asked.ask(QUESTION)
    assert not standing(house).warned
    house.mailer.error = None
    asked.ask(QUESTION)
    assert len(house.mailer.sent) == 1 and standing(house).warned


def test_who_waits_for_others_that_ask_is_told_of_no_end(house: House) -> None:
    house.administrator()
    configured = house.configure(QWEN, monthly_budget=dollars("1"))
    budgets.reserve(house, house.scope, configured, dollars("0.6"))
    with pytest.raises(OverBudget):
        budgets.reserve(house, house.scope, configured, dollars("0.6"))
    assert house.mailer.sent == []


def test_where_nobody_sends_mail_the_page_tells_it(house: House) -> None:
    house.administrator()
    house.mailer.error = NotConfigured("no sender")
    asked = with_budget(house, "0.2", warn_percent=1)
    asked.ask(QUESTION)
    assert standing(house).warned


def test_organizations_have_budgets_of_their_own(house: House, tmp_path: Path) -> None:
    other = House(house.database, tmp_path)
    with_budget(house, "1").ask(QUESTION)
    assert standing(other).spent == 0 and standing(other).budget is None
