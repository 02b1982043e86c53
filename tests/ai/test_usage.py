"""Usage: a row for every call, with what it took, for whom, and at the price of then."""

import io
import uuid
from decimal import Decimal

import pytest
from PIL import Image

from pacs.ai.metering import About, fault_of, metered, most_usage, size_of
from pacs.ai.prices import Price, set_price
from pacs.errors import ModelBusy, ModelRefused, ModelTimeout, NotConfigured, PacsError, Unavailable
from pacs.ports import Answer, Endpoint, Question, Usage
from tests.ai.house import QUESTION, House, dollars, house, one_database, taking

__all__ = ["house", "one_database"]


def jpeg(width: int, height: int) -> bytes:
    made = io.BytesIO()
    Image.new("L", (width, height)).save(made, "JPEG")
    return made.getvalue()


def test_a_call_is_written_down(house: House) -> None:
    member, job = str(uuid.uuid4()), str(uuid.uuid4())
    house.says = taking(2000, 300, cached=500)
    asked = metered(house, house.scope, house.configure("openai"), About("draft", "1.2.3", member, job))
    answer = asked.ask(Question("s", "t", images=[jpeg(8, 8)]))
    assert answer.text == "{}"
    [event] = house.events()
    assert (event["at"], event["purpose"], event["provider"]) == (house.clock.now(), "draft", "openai")
    assert (event["model"], event["outcome"]) == ("gpt-5.5", "answered")
    assert (event["member_id"], event["study_instance_uid"], event["job_id"]) == (member, "1.2.3", job)
    assert [event[f"tokens_{name}"] for name in ("in", "out", "cached")] == [2000, 300, 500]
    assert (event["images"], event["seconds"]) == (1, 1.5)
    assert event["cost"] == dollars("0.01675") == asked.cost
    assert event["price"] | {"source": ""} == {
        "tokens_in": "5",
        "tokens_cached": "0.5",
        "tokens_out": "30",
        "image": "0",
        "id": None,
        "source": "",
    }


def test_prices_that_change_change_nothing_of_before(house: House) -> None:
    found = house.configure("openai")
    for tokens_in in ("1", "2"):
        set_price(house, house.scope, Price(dollars(tokens_in), Decimal(0), Decimal(0), provider="openai"))
        metered(house, house.scope, found, About("test")).ask(QUESTION)
        house.clock.pass_s(86400)
    first, second = house.events()
    assert (first["cost"], second["cost"]) == (dollars("0.0004"), dollars("0.0008"))
    assert (first["price"]["tokens_in"], second["price"]["tokens_in"]) == ("1.000000", "2.000000")


def test_what_nobody_knows_the_price_of_is_written_down_without_a_cost(house: House) -> None:
    metered(house, house.scope, house.configure("openai", model="gpt-unheard-of"), About("test")).ask(QUESTION)
    [event] = house.events()
    assert event["cost"] is None and event["price"] is None and event["tokens_in"] == 400


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ModelBusy("x", retry_after_s=3), "busy"),
        (ModelTimeout("x"), "timeout"),
        (Unavailable("x"), "unavailable"),
        (NotConfigured("x"), "not-configured"),
        (ModelRefused("x"), "refused"),
    ],
)
def test_calls_that_fail_are_written_down_too(house: House, error: PacsError, outcome: str) -> None:
    def fail(endpoint: Endpoint, question: Question) -> Answer:
        house.clock.pass_s(4)
        raise error

    house.says = fail
    asked = metered(house, house.scope, house.configure("openai"), About("health"))
    with pytest.raises(type(error)):
        asked.ask(QUESTION)
    [event] = house.events()
    assert (event["outcome"], event["seconds"], event["cost"]) == (outcome, 4.0, 0)
    assert fault_of(error) == outcome and asked.calls == 1


def test_an_answer_of_no_use_is_paid_all_the_same(house: House) -> None:
    def think(endpoint: Endpoint, question: Question) -> Answer:
        raise ModelRefused("it answers without a text", took=Usage(400, 13_000, images=1))

    house.says = think
    asked = metered(house, house.scope, house.configure("openai"), About("draft"))
    with pytest.raises(ModelRefused):
        asked.ask(QUESTION)
    [event] = house.events()
    assert (event["outcome"], event["tokens_out"], event["cost"]) == ("refused", 13_000, dollars("0.392"))
    assert asked.cost == event["cost"]


def test_who_answers_without_a_name_is_called_what_it_calls_itself(house: House) -> None:
    house.says = None
    asked = metered(house, house.scope, house.configure("rai-mock"), About("test"))
    asked.ask(QUESTION)
    [event] = house.events()
    assert (event["provider"], event["model"], event["cost"]) == ("rai-mock", "rai-mock", 0)


def test_what_is_called_before_a_call_can_keep_it_from_being_made(house: House) -> None:
    def refuse() -> None:
        raise PacsError("not now")

    with pytest.raises(PacsError, match="not now"):
        metered(house, house.scope, house.configure("openai"), About("test"), before=refuse).ask(QUESTION)
    assert house.events() == []


@pytest.mark.parametrize(("width", "height"), [(1, 1), (512, 384), (1536, 1024), (3000, 17)])
def test_the_size_of_a_jpeg_is_read_without_decoding_it(width: int, height: int) -> None:
    assert size_of(jpeg(width, height)) == (width, height)


@pytest.mark.parametrize(
    "told", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00" * 9, b"no jpeg at all", jpeg(8, 8)[:25]]
)
def test_what_is_no_jpeg_has_no_size(told: bytes) -> None:
    assert size_of(told) == (0, 0)


def test_an_estimate_is_above_what_services_count() -> None:
    said = "Akciğer parankim alanlarında aktif infiltrasyon saptanmadı. " * 20
    asked = Question(said, said, [jpeg(1536, 1536), jpeg(64, 64)], turns=[(said, said)], most_tokens=700)
    found = most_usage(asked)
    assert found.tokens_in > 4 * len(said) / 3 + 2 * 1600
    assert (found.tokens_out, found.images) == (700, 2)
    assert most_usage(asked, 5000).tokens_out == 5700
