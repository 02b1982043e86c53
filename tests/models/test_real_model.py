"""The shapes that we speak are what a server that we have not written understands: llama.cpp, with a real model."""

import shutil
from collections.abc import Iterator

import pytest

from pacs.bootstrap import Services
from pacs.errors import ModelRefused
from pacs.models.answers import document_in
from pacs.models.openai_shaped import OpenAILanguage
from pacs.models.schemas import fault_of, object_of
from pacs.ports import Answer, Endpoint, Question, Shape
from pacs.settings import Settings
from tests.models.real_model import serving

# Without a text of any length: so small a model repeats itself until it is stopped.
SCHEMA = object_of(
    side={"type": "string", "enum": ["left", "right", "both", "none"]},
    finding={"type": "string", "enum": ["pneumothorax", "effusion", "fracture", "normal"]},
    urgent={"type": "boolean"},
)
ASKED = Question("You are a radiologist.", "Pneumothorax on the left side, 3 cm.", schema=SCHEMA, most_tokens=200)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    with serving(folder) as found:
        yield found
    shutil.rmtree(folder)  # 250 MB, which pytest would keep for three runs


def asked(address: str, shape: Shape, question: Question) -> Answer:
    return (
        Services(Settings()).describer(Endpoint("rai-llm", shape, f"{address}/v1", "gemma", lambda: "")).ask(question)
    )


def test_a_real_model_keeps_to_the_schema(address: str) -> None:
    answer = asked(address, "openai", ASKED)
    document, fault = document_in(answer.text)
    assert (fault or fault_of(document, SCHEMA)) == ""
    assert answer.usage.tokens_in > 20 and 5 < answer.usage.tokens_out <= 200


def test_it_is_asked_as_claude_is(address: str) -> None:
    answer = asked(address, "anthropic", Question("Be brief.", "Say OK.", most_tokens=8))
    assert answer.text and answer.model
    assert answer.usage.tokens_in > 5 and 0 < answer.usage.tokens_out <= 8


def test_dictations_are_asked_in_the_same_shape(address: str) -> None:
    found = OpenAILanguage(f"{address}/v1", lambda: "", "gemma").complete(ASKED.system, ASKED.text, SCHEMA)
    assert fault_of(found.document, SCHEMA) == "" and found.tokens_in > 20


def test_a_model_without_eyes_says_so(address: str) -> None:
    with pytest.raises(ModelRefused):
        asked(address, "openai", Question("Look.", "What is it?", (b"\xff\xd8image\xff\xd9",)))
