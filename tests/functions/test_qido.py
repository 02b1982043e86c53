"""QIDO-RS as a client sees it: headers, media types and errors of a search."""

from collections.abc import Callable
from typing import Any

import pytest

Sample = Callable[[str], bytes]


@pytest.fixture
def two(clinic: Any, sample: Sample) -> Any:
    for name in ("CT_small.dcm", "MR_small.dcm"):
        clinic.add(sample(name))
    return clinic


def test_an_answer_that_hit_the_limit_says_so(two: Any) -> None:
    cut = two.get("/studies?limit=1")
    assert len(cut.json()) == 1
    assert cut.headers["warning"].startswith("299 ")
    assert "additional results" in cut.headers["warning"]
    assert "warning" not in two.get("/studies?limit=2").headers


def test_answers_are_ordered_as_asked(two: Any) -> None:
    forth, back = (two.get(f"/studies?orderby={order}").json() for order in ("PatientID", "-PatientID"))
    assert forth == back[::-1]


@pytest.mark.parametrize("order", ["NoSuchKeyword", "PatientWeight", "-InstanceNumber", "--PatientID"])
def test_an_order_that_cannot_be_is_refused(clinic: Any, order: str) -> None:
    answer = clinic.get(f"/studies?orderby={order}")
    assert (answer.status_code, answer.json()["field"]) == (400, "orderby")
