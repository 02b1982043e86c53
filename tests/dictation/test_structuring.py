"""What was dictated comes in sections, in the language that is asked for."""

from collections.abc import Iterator

import pytest

from pacs.dictation.structuring import structure
from pacs.errors import ModelRefused
from pacs.models.openai_shaped import OpenAILanguage
from tests.models.fake_models import FakeModels, serving

SAID = "Klinik: Baş ağrısı. Kanama yok. Orta hat yapıları yerinde. Sonuç: Normal inceleme."
EMPTY = {"clinical": "", "technique": "", "comparison": "", "findings": "", "impression": ""}


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found


def test_each_section_has_what_was_said_of_it(models: FakeModels) -> None:
    found = structure(OpenAILanguage(models.url, str, "fake"), SAID, "Beyin BT", "tr", "tr")
    assert found == EMPTY | {
        "clinical": "Baş ağrısı.",
        "findings": "Kanama yok. Orta hat yapıları yerinde.",
        "impression": "Normal inceleme.",
    }


def test_a_model_is_told_both_languages(models: FakeModels) -> None:
    asking = OpenAILanguage(models.url, str, "fake")
    structure(asking, SAID, "Brain CT", "tr", "en")
    structure(asking, SAID, "Beyin BT", "tr", "tr")
    translated, kept = (each["messages"][0]["content"] for each in models.asked)
    assert "in Turkish" in translated and "Translate into English" in translated
    assert "translate nothing" in kept
    assert SAID in models.asked[0]["messages"][1]["content"]


def test_of_nothing_nothing_is_made(models: FakeModels) -> None:
    assert structure(OpenAILanguage(models.url, str, "fake"), " \n", "Beyin BT", "tr", "tr") == EMPTY
    assert not models.asked


def test_an_answer_of_no_use_is_none(models: FakeModels) -> None:
    models.always = {"Kanama": "broken"}
    with pytest.raises(ModelRefused):
        structure(OpenAILanguage(models.url, str, "fake"), SAID, "Beyin BT", "tr", "tr")
