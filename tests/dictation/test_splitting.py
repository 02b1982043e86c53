"""Sentences go to their exams by number; whatever a model answers, none is lost or in two places."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pacs.dictation.requests import Exam
from pacs.dictation.sentences import Sentence, sentences_of
from pacs.dictation.splitting import split
from pacs.models.openai_shaped import OpenAILanguage
from pacs.models.schemas import fault_of
from pacs.ports import Completion, Spoken
from tests.models.fake_models import serving

EXAMS = (Exam("803910", tele_code="R100000"), Exam("804102"), Exam("803310"))
SAID = (
    "Bilgisayarlı tomografi. Kanama yok. Manyetik rezonans. L4-L5 düzeyinde protrüzyon. Kanal açık."
    " Ultrasonografi. Safra kesesi doğal. Bilgisayarlı tomografi için ek: kırık yok."
)


class Told:
    """A model that gives one answer, and keeps what it was asked."""

    def __init__(self, *parts: tuple[int, int, int]) -> None:
        self.document = {"parts": [dict(zip(("exam", "first", "last"), each, strict=True)) for each in parts]}
        self.asked: dict[str, Any] = {}

    def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> Completion:
        assert not fault_of(self.document, schema)
        self.asked = json.loads(user)
        return Completion(self.document, 0, 0)


def sentences(count: int) -> tuple[Sentence, ...]:
    return tuple(Sentence(f"Sentence {number}.", None, None) for number in range(1, count + 1))


def test_a_dictation_goes_to_its_exams() -> None:
    with serving() as models:
        spoken = sentences_of([Spoken(SAID)])
        assert split(OpenAILanguage(models.url, str, "fake"), spoken, EXAMS, "tr") == (0, 0, 1, 1, 1, 2, 2, 0)


def test_a_model_is_told_numbers_names_and_codes() -> None:
    model = Told((1, 1, 2))
    split(model, sentences(2), EXAMS, "en")
    assert model.asked["sentences"] == {"1": "Sentence 1.", "2": "Sentence 2."}
    assert model.asked["exams"][0] == {
        "exam": 1,
        "modality": "CT",
        "name": "Computed tomography",
        "sutCode": "803910",
        "teleCode": "R100000",
    }


def test_one_exam_gets_all_and_nobody_is_asked() -> None:
    model = Told()
    assert split(model, sentences(3), EXAMS[:1], "tr") == (0, 0, 0)
    assert split(model, (), EXAMS, "tr") == ()
    assert not model.asked


def test_what_is_left_out_or_claimed_twice_is_nobodys() -> None:
    model = Told((1, 1, 2), (2, 2, 3), (3, 5, 99), (9, 4, 4), (0, 4, 4), (1, -4, 0))
    assert split(model, sentences(6), EXAMS, "tr") == (0, None, 1, None, 2, 2)


numbers = st.integers(-3, 12) | st.just(10**9)


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=9))
def test_every_sentence_has_one_place_or_none(parts: list[tuple[int, int, int]]) -> None:
    found = split(Told(*parts), sentences(7), EXAMS, "tr")
    assert len(found) == 7
    assert set(found) <= {0, 1, 2, None}
