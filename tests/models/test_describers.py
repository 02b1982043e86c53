"""What describes studies, over every shape: what is sent, what is understood, and what becomes of each trouble."""


import pytest

from pacs.models.answers import document_in
from pacs.models.describing import DESCRIBERS
from pacs.models.schemas import fault_of, object_of
from pacs.ports import Describer, Endpoint, Question
from tests.models.fake_models import FakeModels, Shape

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
SHAPES: tuple[Shape, ...] = ("openai",)

pytestmark = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture
def endpoint(models: FakeModels, shape: Shape, request: pytest.FixtureRequest) -> Endpoint:
    """One whose model nobody has asked before: what is learnt of a model is remembered."""
    models.key = KEY
    return Endpoint("rai-llm", shape, models.url_of(shape), f"model-{request.node.name}", lambda: KEY)


def describer(endpoint: Endpoint) -> Describer:
    return DESCRIBERS[endpoint.shape](endpoint)


def test_images_arrive_byte_for_byte_and_the_answer_keeps_to_the_schema(models: FakeModels, endpoint: Endpoint) -> None:
    models.critical, models.cached = ("Tansiyon pnömotoraks",), 11
    answer = describer(endpoint).ask(ASKED)
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
