"""Circuits: who has failed three times is left alone, for longer each time, and then tried by one alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from pacs.ai import circuits
from pacs.ai.circuits import PAUSES, TRIAL
from pacs.database.engine import EngineDatabase
from tests.ai.house import House, both_databases

__all__ = ["both_databases"]

NAME = "openai"


@pytest.fixture
def house(both_databases: EngineDatabase, tmp_path: Path) -> House:
    return House(both_databases, tmp_path)


def passes(house: House, name: str = NAME) -> bool:
    return circuits.passes(house, house.scope, name)


def fail(house: House, times: int = 1) -> None:
    for _ in range(times):
        circuits.fail(house, house.scope, NAME)


def test_three_failures_in_a_row_open_a_circuit(house: House) -> None:
    for _ in range(2):
        fail(house, 2)
        assert passes(house)
        circuits.close(house, house.scope, NAME)
    assert circuits.opened(house, house.scope) == {}
    fail(house, 3)
    assert not passes(house)
    assert passes(house, "gemini")
    until = house.clock.now() + PAUSES[0]
    assert circuits.opened(house, house.scope) == {NAME: until.isoformat()}


def test_it_is_open_for_longer_each_time_and_not_for_ever_longer(house: House) -> None:
    fail(house, 2)
    for pause in (*PAUSES, PAUSES[-1], PAUSES[-1]):
        fail(house)
        house.clock.pass_s(pause.total_seconds() - 1)
        assert not passes(house)
        house.clock.pass_s(1)
        assert passes(house)


def test_when_the_time_is_over_exactly_one_is_let_through(house: House) -> None:
    fail(house, 3)
    house.clock.pass_s(PAUSES[0].total_seconds())
    with ThreadPoolExecutor(12) as several:
        passed = list(several.map(lambda _: passes(house), range(12)))
    assert passed.count(True) == 1
    assert not passes(house)


def test_a_success_closes_it(house: House) -> None:
    fail(house, 4)
    house.clock.pass_s(PAUSES[1].total_seconds())
    assert passes(house)
    circuits.close(house, house.scope, NAME)
    assert passes(house) and passes(house)
    fail(house, 2)
    assert passes(house)


def test_who_found_nothing_out_lets_the_next_one_try(house: House) -> None:
    fail(house, 3)
    house.clock.pass_s(PAUSES[0].total_seconds())
    assert passes(house) and not passes(house)
    circuits.let_go(house, house.scope, NAME)
    assert passes(house) and not passes(house)


def test_who_died_with_the_one_try_in_hand_does_not_block_it_for_ever(house: House) -> None:
    fail(house, 3)
    house.clock.pass_s(PAUSES[0].total_seconds())
    assert passes(house)
    house.clock.pass_s((TRIAL - timedelta(seconds=1)).total_seconds())
    assert not passes(house)
    house.clock.pass_s(1)
    assert passes(house)


def test_who_mends_a_provider_closes_its_circuit(house: House) -> None:
    fail(house, 3)
    house.configure(NAME, key="sk-the-right-one")
    assert passes(house) and passes(house)


def test_letting_go_of_a_closed_one_opens_nothing(house: House) -> None:
    fail(house, 2)
    circuits.let_go(house, house.scope, NAME)
    assert passes(house)


def test_organizations_have_circuits_of_their_own(house: House, tmp_path: Path) -> None:
    other = House(house.database, tmp_path)
    fail(house, 3)
    assert passes(other) and circuits.opened(other, other.scope) == {}
