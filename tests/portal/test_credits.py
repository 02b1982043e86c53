"""The page of credits: the balance, the statement of each month, and what accounting changes."""

from typing import Any

from sqlalchemy import text

from pacs.reporting.credits import hold_credits, settle_credits
from tests.functions.doors import TurnedClock
from tests.portal.visits import scope_of, send, show

JOB = "7a1b2c3d-0000-4000-8000-000000000001"


def test_accounting_adds_and_takes_back_with_a_reason(clinic: Any, clock: TurnedClock) -> None:
    accounting = scope_of(clinic, "accounting")
    form = {"way": "add", "credits": "100", "reason": " =invoice 7 "}
    assert send(clinic, "/credits", accounting, **form).headers["location"] == "/credits?done=changed"
    assert send(clinic, "/credits", accounting, way="take", credits="30", reason="a refund").status_code == 303
    job = (clinic.services.database, clock, clinic.scope, JOB)
    hold_credits(*job, 3)
    settle_credits(*job, 2)
    page = show(clinic, "/credits?done=changed", accounting).text
    assert '<p class="figure">68</p><p>Available' in page and '<p class="figure">2</p><p>Used so far' in page
    assert "The credits are changed." in page and "a refund" in page and JOB in page and ">-30<" in page
    file = show(clinic, f"/credits.csv?month={clock.now():%Y-%m}", accounting)
    lines = file.text.removeprefix("\ufeff").splitlines()
    assert file.headers["content-disposition"].endswith(f'credits-{clock.now():%Y-%m}.csv"')
    assert lines[0] == "moved_at,kind,credits,available,member,job_id,reason" and len(lines) == 6
    assert ",top-up,100,100," in lines[1] and lines[1].endswith(",'=invoice 7")
    subjects = clinic.services.database.fetch(text("select subject from audit where action = 'change-credits'"))
    assert sorted(row["subject"] for row in subjects) == ["+100: =invoice 7", "-30: a refund"]


def test_what_is_wrong_changes_nothing(clinic: Any) -> None:
    admin = scope_of(clinic, "admin")
    good = {"way": "add", "credits": "5", "reason": "a"}
    for wrong in ({"way": "x"}, {"credits": "-5"}, {"credits": "0"}, {"credits": "1.5"}, {"reason": " "}):
        assert send(clinic, "/credits", admin, **(good | wrong)).status_code == 400
    short = send(clinic, "/credits", admin, **(good | {"way": "take"}))
    assert short.status_code == 402 and "There are fewer credits than that." in short.text
    assert "Nothing was moved in this month." in show(clinic, "/credits?month=2020-02", admin).text
    for month in ("2026-13", "0000-01", "x"):
        assert show(clinic, f"/credits?month={month}", admin).status_code == 400


def test_who_reads_does_not_change(clinic: Any) -> None:
    manager = scope_of(clinic, "centre", manager=True)
    page = show(clinic, "/credits", manager)
    assert page.status_code == 200 and "Add or take back" not in page.text
    assert send(clinic, "/credits", manager, way="add", credits="5", reason="a").status_code == 403
    assert show(clinic, "/credits", scope_of(clinic, "centre")).status_code == 403
