"""What models answer becomes a draft, or is of no use; and what they are asked."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs.ai.context import Case, SeriesTold
from pacs.ai.drafts import LONGEST, SCHEMA, UNSEEN, DraftFailed, draft, is_critical
from pacs.ai.presets import PRESETS, preset_for
from pacs.ai.previews import Preview
from pacs.errors import BadRequest, ModelRefused, Unavailable
from pacs.models.mock import MockDescriber
from pacs.models.schemas import fault_of
from pacs.ports import Endpoint
from pacs.reporting.body import LANGUAGES, checked
from tests.ai.scripted import GOOD, Scripted

CASE = Case(("CR",), "CHEST", "female", 61, "PA LUNG", (SeriesTold(1, "CR", "CHEST", "PA", 2),), ("Ayşe Yılmaz",))
IMAGE = Preview(1, 1, "2.25.77001", "2.25.77002", 1, "", "middle", b"\xff\xd8 an image")
TWO = (IMAGE, replace(IMAGE, number=2, sop_instance_uid="2.25.77003", window="lung", jpeg=b"\xff\xd8 another"))
CRITICAL = {"finding": "Tension pneumothorax on the left.", "why": "It must be drained.", "images": [2]}


def drafted(*says: Any, images: tuple[Preview, ...] = TWO, language: str = "en") -> tuple[Any, Scripted]:
    model = Scripted(list(says))
    return draft(model, CASE, images, "general", language), model


def test_an_answer_that_keeps_to_the_schema_is_the_draft() -> None:
    made, model = drafted({**GOOD, "images_used": [2, 1, 2], "findings": " Clear.\x07\x00 \ud800"})
    assert made.document == {**GOOD, "images_used": [1, 2], "findings": "Clear."}
    assert [each.model for each in made.answers] == ["scripted-1"] and not is_critical(made.document)
    [question] = model.asked
    assert question.images == [each.jpeg for each in TWO] and question.schema == SCHEMA
    asked = json.loads(question.text)
    assert asked["study"] == CASE.told()
    assert [(each["number"], each["series"], each["window"]) for each in asked["images"]] == [
        (1, 1, "as stored"),
        (2, 1, "lung"),
    ]
    assert "Ayşe" not in question.text and "2.25." not in question.text


@pytest.mark.parametrize(
    "around", ["<think>{not yet}</think>\n{}", "```json\n{}\n```", "Here it is: {} I hope it helps."]
)
def test_what_stands_around_the_document_is_left_out(around: str) -> None:
    said = around.replace("{}", json.dumps(GOOD))
    made, model = drafted(said)
    assert made.document == GOOD and len(model.asked) == 1 and made.answers[0].text == said


WRONG = {
    "I see nothing of note.": "it is no JSON",
    "[]": "it is no JSON",
    '{"findings": "Clear."}': "the document has no technique",
    json.dumps({**GOOD, "confidence": "certain"}): "the document.confidence is none of low, medium, high",
    json.dumps({**GOOD, "findings": "  "}): "findings is empty",
    json.dumps({**GOOD, "findings": "a" * (LONGEST["findings"] + 1)}): "findings has more than 6000 characters",
    json.dumps({**GOOD, "images_used": []}): "images_used names no image",
    json.dumps({**GOOD, "images_used": [1, 3]}): "images_used names images that were not sent: there are 1, 2",
    json.dumps({**GOOD, "critical_findings": [{**CRITICAL, "images": []}]}): "a critical finding does not name",
    json.dumps({**GOOD, "critical_findings": [{**CRITICAL, "images": [9]}]}): "a critical finding does not name",
    json.dumps({**GOOD, "critical_findings": [{**CRITICAL, "finding": ""}]}): "a critical finding is empty",
    json.dumps({**GOOD, "critical_findings": [{**CRITICAL, "why": "w" * 501}]}): "a critical finding has more than 500",
    json.dumps({**GOOD, "critical_findings": [CRITICAL] * 21}): "there are more than 20 critical findings",
    json.dumps({**GOOD, "findings": "Очаговых изменений не выявлено."}): "the texts are not in English",
}


@pytest.mark.parametrize(("said", "fault"), WRONG.items(), ids=list(WRONG.values()))
def test_what_is_of_no_use_is_mended_once(said: str, fault: str) -> None:
    made, model = drafted(said, {**GOOD, "critical_findings": [CRITICAL]})
    assert is_critical(made.document) and made.document["critical_findings"] == [CRITICAL]
    assert made.answers[0].text == said and len(made.answers) == 2
    [[answer, complaint]] = model.asked[1].turns
    assert answer == said and fault in complaint and not model.asked[0].turns


def test_what_is_of_no_use_twice_has_failed_and_is_kept_for_administrators() -> None:
    with pytest.raises(DraftFailed) as told:
        drafted("Ayşe Yılmaz is well.", json.dumps({**GOOD, "images_used": [7]}))
    assert isinstance(told.value, ModelRefused) and told.value.fault.startswith("images_used")
    assert [each.text[:4] for each in told.value.answers] == ["Ayşe", '{"te'] and "Ayşe" not in str(told.value)


def test_what_was_answered_is_kept_when_nobody_mends_it() -> None:
    with pytest.raises(DraftFailed) as told:
        drafted("Clear.", Unavailable("the service is busy: HTTP 503"))
    assert told.value.fault == "it is no JSON; then the service is busy: HTTP 503" and len(told.value.answers) == 1
    with pytest.raises(Unavailable):
        drafted(Unavailable("the service is busy: HTTP 503"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([*GOOD, "besides"]), JSON, st.booleans(), st.text(max_size=9))
def test_whatever_is_answered_is_a_draft_that_can_be_kept_or_has_failed(
    name: str, value: Any, shown: bool, around: str
) -> None:
    said = around + json.dumps({**GOOD, name: value}) + around
    try:
        made, _ = drafted(said, images=TWO if shown else ())
    except DraftFailed as error:
        assert len(error.answers) == 2
        return
    assert fault_of(made.document, SCHEMA) == "" and checked({each: made.document[each] for each in LONGEST})
    assert set(made.document["images_used"]) <= ({1, 2} if shown else set())
    json.dumps(made.document, ensure_ascii=False).encode()


def test_other_letters_are_complained_of_but_kept() -> None:
    made, model = drafted(GOOD, language="ru")
    assert made.document == GOOD and len(model.asked) == 2
    assert "the texts are not in Russian" in model.asked[1].turns[0][1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_images_nobody_says_to_have_seen_anything(language: str) -> None:
    made, model = drafted({**GOOD, "critical_findings": [CRITICAL]}, images=(), language=language)
    assert made.document == {
        "technique": GOOD["technique"],
        "comparison": "",
        "findings": UNSEEN[language],
        "impression": "",
        "critical_findings": [],
        "confidence": "low",
        "images_used": [],
    }
    assert "There are no images" in model.asked[0].system


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("images", [TWO, ()])
def test_the_mock_drafts_in_every_language(language: str, images: tuple[Preview, ...]) -> None:
    mock = MockDescriber(Endpoint("rai-mock", "mock", "", "", key=str))
    made = draft(mock, CASE, images, "general", language)
    assert fault_of(made.document, SCHEMA) == "" and not is_critical(made.document)
    assert made.document["technique"].startswith("MOCK: no model has looked")


def test_the_prompt_names_language_and_preset_and_nothing_unknown() -> None:
    for language, name in (("tr", "Turkish"), ("en", "English"), ("az", "Azerbaijani"), ("fa", "Persian")):
        for preset in PRESETS.values():
            model = Scripted([{**GOOD, "findings": UNSEEN[language]}])
            draft(model, CASE, TWO, preset.name, language)
            assert f"plain text in {name}" in model.asked[0].system and preset.asks in model.asked[0].system
    for preset_name, language in (("brain-mr", "tr"), ("general", "xx")):
        with pytest.raises(BadRequest):
            draft(Scripted([GOOD]), CASE, TWO, preset_name, language)


@pytest.mark.parametrize(
    ("modalities", "body_part", "description", "preset"),
    [
        (("CR",), "CHEST", "", "chest-radiograph"),
        (("DX", "SR"), "", "PA AKCİĞER GRAFİSİ", "chest-radiograph"),
        (("CR", "DX"), "THORAX", "", "chest-radiograph"),
        (("CR",), "HAND", "", "general"),
        (("CT",), "HEAD", "", "brain-ct"),
        (("CT",), "", "BEYİN BT", "brain-ct"),
        (("CT",), "CHEST", "", "general"),
        (("MG",), "", "", "mammography"),
        (("MG", "US"), "BREAST", "", "general"),
        (("US", "SC"), "ABDOMEN", "", "ultrasound"),
        (("SR",), "", "", "general"),
        ((), "", "", "general"),
    ],
)
def test_the_preset_follows_from_the_exam(
    modalities: tuple[str, ...], body_part: str, description: str, preset: str
) -> None:
    assert preset_for(modalities, (body_part, description)) == preset


def test_the_longest_texts_fit_into_a_report() -> None:
    checked({name: "ж" * longest for name, longest in LONGEST.items()})
