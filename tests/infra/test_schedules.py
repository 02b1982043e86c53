"""Schedules: the catalogue writes cron's five fields, EventBridge reads six."""

import pytest

from functions import catalogue


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("30 0 * * *", "cron(30 0 * * ? *)"),
        ("*/5 * * * *", "cron(*/5 * * * ? *)"),
        ("0 6 1 * *", "cron(0 6 1 * ? *)"),
        ("0 6 * * MON-FRI", "cron(0 6 ? * MON-FRI *)"),
    ],
)
def test_five_fields_become_six(five: str, six: str) -> None:
    from infra.stacks.functions import cron_expression

    assert cron_expression(five) == six


@pytest.mark.parametrize("five", ["0 6 * * 1", "0 6 1 * MON"])
def test_what_would_mean_something_else_is_refused(five: str) -> None:
    from infra.stacks.functions import cron_expression

    with pytest.raises(ValueError, match="day"):
        cron_expression(five)


def test_every_schedule_of_the_catalogue_can_be_said() -> None:
    from infra.stacks.functions import cron_expression

    for function in catalogue.FUNCTIONS:
        for schedule in function.schedules:
            assert cron_expression(schedule.cron).startswith("cron(")
