"""What describes studies, over every shape: what is sent, what is understood, and what becomes of each trouble.

The same suite for all; the service is one (see `fake_models`), and Amazon Bedrock is asked by boto3 as always.
"""

import base64
import logging
from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from pacs.bootstrap import Services
from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NotConfigured, PacsError, Unavailable
from pacs.models.answers import document_in
from pacs.models.schemas import fault_of, object_of
from pacs.ports import Answer, Endpoint, Format, Question
from pacs.settings import Settings
from tests.models.fake_models import FakeModels, Shape, Trouble, serving

KEY = "sk-secret-of-the-clinic"
SCHEMA = object_of(
    findings={"type": "string"},
    side={"type": "string", "enum": ["left", "right"]},
    critical_findings={"type": "array", "items": object_of(what={"type": "string"}, image={"type": "integer"})},
    confidence={"type": "number"},
    images_used={"type": "array", "items": {"type": "integer"}},
)
IMAGES = (b"\xff\xd8first\x00\xff\xd9", b"\xff\xd8second\xff\xd9")
ASKED = Question("You are a radiologist.", "Woman, 54, chest radiograph: Öksürük?", IMAGES, SCHEMA, most_tokens=512)
SHAPES: tuple[Shape, ...] = ("openai", "anthropic", "generic", "bedrock")
every_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture(scope="module")
def serving_models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found


@pytest.fixture
def models(serving_models: FakeModels) -> FakeModels:
    """The service as new, at the address where it was."""
    for each in fields(FakeModels):
        if each.name not in ("url", "closing"):
            setattr(serving_models, each.name, getattr(FakeModels(key=KEY), each.name))
    return serving_models


@pytest.fixture
def endpoint(
    models: FakeModels, shape: Shape, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Endpoint:
    """Of a model that nobody has asked before: what is learnt of one is remembered."""
    told = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "other", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    model = "".join(each if each.isalnum() else "-" for each in request.node.name)
    provider = "bedrock" if shape == "bedrock" else "rai-llm"
    return Endpoint(provider, shape, models.url_of(shape), model, lambda: KEY)


def ask(endpoint: Endpoint, question: Question = ASKED) -> Answer:
    return Services(Settings()).describer(endpoint).ask(question)


@every_shape
def test_images_arrive_byte_for_byte_and_the_answer_keeps_to_the_schema(models: FakeModels, endpoint: Endpoint) -> None:
    models.critical, models.cached = ("Tansiyon pnömotoraks",), 11
    answer = ask(endpoint)
    [asked] = models.asked
    assert tuple(asked["seen"]) == IMAGES
    assert ASKED.system in asked["said"] and ASKED.text in asked["said"]
    document, fault = document_in(answer.text)
    assert (fault, fault_of(document, SCHEMA)) == ("", "")
    assert document["findings"] == models.finding and document["images_used"] == [1, 2]
    assert document["critical_findings"][0]["what"] == "Tansiyon pnömotoraks"
    assert answer.model == endpoint.model
    assert answer.usage.tokens_in > 170 > answer.usage.tokens_cached == 11 and answer.usage.tokens_out > 20
    assert answer.usage.images == 2 and 0 < answer.usage.seconds < 5


@every_shape
def test_a_question_may_be_text_alone(models: FakeModels, endpoint: Endpoint) -> None:
    answer = ask(endpoint, Question("Be brief.", "Are you there?", most_tokens=16))
    assert answer.text == models.finding and answer.usage.images == 0
    [asked] = models.asked
    assert asked["seen"] == [] and "JSON" not in asked["said"]


@every_shape
def test_what_was_wrong_is_sent_back_with_what_was_answered(models: FakeModels, endpoint: Endpoint) -> None:
    ask(endpoint, replace(ASKED, turns=(('{"broken": ', "It is no JSON."),)))
    [asked] = models.asked
    assert '{"broken": ' in asked["said"] and "It is no JSON." in asked["said"]
    assert tuple(asked["seen"]) == IMAGES, "images are sent once"


def test_each_shape_is_spoken_as_its_reference_says(models: FakeModels) -> None:
    ask(Endpoint("claude", "anthropic", models.url, "claude-x", lambda: KEY))
    ask(Endpoint("openai", "openai", models.url, "gpt-x", lambda: KEY))
    claude, openai = models.asked
    assert claude["path"] == "/v1/messages" and claude["max_tokens"] == 512
    assert claude["headers"]["x-api-key"] == KEY and claude["headers"]["anthropic-version"] == "2023-06-01"
    assert claude["authorization"] is None and "temperature" not in claude
    assert claude["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}
    assert openai["path"] == "/v1/chat/completions" and openai["max_completion_tokens"] == 512
    assert openai["authorization"] == f"Bearer {KEY}" and openai["temperature"] == 0
    assert openai["response_format"]["json_schema"]["schema"] == SCHEMA
    assert base64.b64encode(IMAGES[0]) in openai["sent"]


@every_shape
def test_a_model_that_thinks_has_room_to_and_its_own_temperature(models: FakeModels, endpoint: Endpoint) -> None:
    ask(replace(endpoint, thinking_tokens=2000))
    [asked] = models.asked
    told = {**asked, **asked.get("inferenceConfig", {})}
    limits = ("max_completion_tokens", "max_tokens", "most_tokens", "maxTokens")
    assert [told[name] for name in limits if name in told] == [2512]
    assert "temperature" not in told


@pytest.mark.parametrize(
    ("shape", "without", "formats"),
    [
        ("openai", ("temperature", "max_completion_tokens"), ("json_object", "text")),
        ("openai", (), ("text",)),
        ("anthropic", (), ("text",)),
        ("bedrock", ("temperature",), ("text",)),
    ],
)
def test_what_a_model_refuses_is_left_out_and_not_tried_again(
    models: FakeModels, endpoint: Endpoint, without: tuple[str, ...], formats: tuple[Format, ...]
) -> None:
    models.without, models.formats = without, formats
    ask(endpoint)
    refused = len(models.asked) - 1
    assert 0 < refused <= 3
    answer = ask(endpoint)
    assert len(models.asked) == refused + 2
    document, _ = document_in(answer.text)
    assert fault_of(document, SCHEMA) == "", "who knows no schema was told of it in words"
    assert endpoint.shape != "openai" or not without or models.asked[-1]["max_tokens"] == 512


def test_a_model_that_knows_no_schema_is_not_asked_with_one(models: FakeModels) -> None:
    ask(Endpoint("medgemma", "openai", models.url, "medgemma", lambda: KEY, formats=("text",)))
    [asked] = models.asked
    assert "response_format" not in asked and '"images_used"' in asked["messages"][0]["content"]


@every_shape
def test_an_answer_without_a_text_tells_what_it_took(models: FakeModels, endpoint: Endpoint) -> None:
    models.troubles = ["silent"]
    with pytest.raises(ModelRefused) as told:
        ask(endpoint)
    assert told.value.took.tokens_in > 170 and told.value.took.images == 2


@every_shape
@pytest.mark.parametrize(
    ("trouble", "kind", "wait_s"),
    [
        ("busy", ModelBusy, 7),
        ("down", Unavailable, None),
        ("starting", Unavailable, None),
        ("overloaded", ModelBusy, None),
        ("garbled", Unavailable, None),
        ("dropped", Unavailable, None),
        ("slow", ModelTimeout, None),
        ("refused", ModelRefused, None),
        ("silent", ModelRefused, None),
        ("forbidden", NotConfigured, None),
        ("missing", NotConfigured, None),
    ],
)
def test_each_trouble_is_told_by_its_kind_and_nothing_else_of_it(
    models: FakeModels,
    endpoint: Endpoint,
    trouble: Trouble,
    kind: type[PacsError],
    wait_s: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    models.troubles, models.slow_s = [trouble], 0.4
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PacsError) as told:
        ask(replace(endpoint, timeout_s=0.2 if trouble == "slow" else 10))
    assert type(told.value) is kind
    assert getattr(told.value, "retry_after_s", None) == wait_s
    assert len(models.asked) == 1, "who waits does so elsewhere"
    names_model = endpoint.shape == "bedrock"
    setting = {"forbidden": "MODEL" if names_model else "KEY", "missing": "MODEL" if names_model else "URL"}
    prefix = "PACS_AI_BEDROCK" if names_model else "PACS_AI_RAI_LLM"
    assert told.value.field == (f"{prefix}_{setting[trouble]}" if trouble in setting else None)
    said = "\n".join((str(told.value), *(record.getMessage() for record in caplog.records)))
    kept = (KEY, ASKED.text, ASKED.system, models.finding, base64.b64encode(IMAGES[0]).decode())
    assert [each for each in kept if each in said] == []
    assert models.url.split("/")[2] not in str(told.value)


@every_shape
def test_a_wrong_key_is_told_without_it(models: FakeModels, endpoint: Endpoint) -> None:
    models.key = "another"
    with pytest.raises(NotConfigured) as told:
        ask(endpoint)
    assert KEY not in str(told.value)
    assert endpoint.shape == "bedrock" or told.value.field == "PACS_AI_RAI_LLM_KEY"


@every_shape
def test_a_good_answer_leaves_no_word_in_the_log(
    models: FakeModels, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ask(endpoint)
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert [each for each in (KEY, ASKED.text, models.finding, models.url) if each in said] == []


@every_shape
def test_thoughts_and_fences_are_left_for_who_reads_the_document(models: FakeModels, endpoint: Endpoint) -> None:
    models.troubles = ["thinking"]
    answer = ask(endpoint)
    assert answer.text.startswith("<think>") and "```" in answer.text
    document, fault = document_in(answer.text)
    assert (fault, document["findings"]) == ("", models.finding)


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_what_is_no_key_is_told_before_anything_is_sent(models: FakeModels, key: str) -> None:
    with pytest.raises(NotConfigured) as told:
        ask(Endpoint("openai", "openai", models.url, "gpt-x", lambda: key))
    assert told.value.field == "PACS_AI_OPENAI_KEY" and not models.asked


def test_bedrock_is_asked_where_the_owner_says_alone(models: FakeModels) -> None:
    with pytest.raises(NotConfigured) as told:
        ask(Endpoint("bedrock", "bedrock", models.url_of("bedrock"), "m", lambda: "", foreign=True))
    assert told.value.field == "PACS_AI_BEDROCK_URL" and not models.asked


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('{"a": 1}', ({"a": 1}, "")),
        ('Well {then}: ```json\n{"a": {"b": "}"}}\n``` {"c": 1}', ({"a": {"b": "}"}}, "")),
        ('<think>{"a": 1, "b": 2}</think>{"c": 3}', ({"c": 3}, "")),
        ('{"a": 1', ({}, "it is no JSON")),
        ('{"a": NaN}', ({}, "it is no JSON")),
        ("[1, 2]", ({}, "it is no JSON")),
        ("", ({}, "it is no JSON")),
        ("{" * 50_000, ({}, "it is no JSON")),
        ('{"a": ' * 50_000, ({}, "it is no JSON")),
        ('{"a": ["\\u0000b"]}', ({"a": ["b"]}, "")),
        ('{"\\ud800": "\\ud83e\\udec1"}', ({"": "🫁"}, "")),
        ('{"a": "\\\\u0000"}', ({"a": "\\u0000"}, "")),
    ],
)
def test_the_document_in_a_text(said: str, found: tuple[dict[str, object], str]) -> None:
    assert document_in(said) == found
