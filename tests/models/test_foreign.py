"""An address that an organization has named: it leads to the public Internet, and to the very address looked at."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pacs.errors import ModelRefused, NotConfigured, PacsError, Unavailable
from pacs.models.calling import ANSWER_MAX_BYTES
from pacs.models.chat import ChatDescriber
from pacs.models.generic import GenericDescriber
from pacs.models.messages import MessagesDescriber
from pacs.outgoing import Door
from pacs.ports import Describer, Endpoint, Question, Shape
from tests.dictation.receiver import PUBLIC, Authority, Internet, Receiver, answer, receiving
from tests.models.fake_models import FakeModels

NAME, KEY = "models.example.org", "sk-secret-of-the-clinic"
ASKED = Question("Be brief.", "Chest radiograph?", (b"\xff\xd8image\xff\xd9",))
SAID: dict[Shape, object] = {
    "openai": {"choices": [{"message": {"content": "Clear."}}]},
    "anthropic": {"content": [{"type": "text", "text": "Clear."}]},
    "generic": {"report": "Clear."},
}
CLASSES: dict[Shape, Callable[[Endpoint, Door], Describer]] = {
    "openai": ChatDescriber,
    "anthropic": MessagesDescriber,
    "generic": GenericDescriber,
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def listening(authority: Authority) -> Iterator[Receiver]:
    with receiving(authority.server(NAME)) as receiver:
        yield receiver


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.answers, listening.heard, listening.connections = [told("openai")], [], 0
    return listening


@pytest.fixture
def internet(receiver: Receiver) -> Internet:
    return Internet(receiver)


@pytest.fixture
def door(internet: Internet, authority: Authority) -> Door:
    trusted = authority.client()
    return Door(resolve=internet.resolve, dial=internet.dial, trusted=lambda: trusted)


def told(shape: Shape, status: int = 200) -> bytes:
    return answer(status, "Content-Type: application/json", body=json.dumps(SAID[shape]).encode())


def mute(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side has gone


def endpoint(url: str = f"https://{NAME}/v1", shape: Shape = "openai", allowed: str = "") -> Endpoint:
    return Endpoint("rai-llm", shape, url, "model", lambda: KEY, timeout_s=5, foreign=True, allowed=allowed)


def failure(door: Door, found: Endpoint) -> PacsError:
    """What comes of asking; neither the key nor the address is in it."""
    with pytest.raises(PacsError) as raised:
        ChatDescriber(found, door).ask(ASKED)
    assert KEY not in str(raised.value) and NAME not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("shape", CLASSES)
def test_the_address_that_was_looked_at_is_called_and_no_other(
    door: Door, internet: Internet, receiver: Receiver, shape: Shape
) -> None:
    """DNS that leads elsewhere the second time (rebinding) is not asked a second time."""
    internet.addresses, receiver.answers = [[PUBLIC], ["127.0.0.1"]], [told(shape)]
    assert CLASSES[shape](endpoint(shape=shape), door).ask(ASKED).text == "Clear."
    assert (internet.resolved, internet.dialled) == (1, [(PUBLIC, 443)])
    assert receiver.headers["host"] == NAME and receiver.headers["content-type"] == "application/json"
    assert KEY in (receiver.headers.get("x-api-key", ""), receiver.headers.get("authorization", "")[len("Bearer ") :])


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("https://[fd00:ec2::254]/", "fd00:ec2::254"),
        (f"https://{NAME}/v1", "10.0.0.7"),
        (f"https://{NAME}/v1", "127.0.0.1"),
        (f"http://{NAME}/v1", PUBLIC),
        (f"https://user:word@{NAME}/v1", PUBLIC),
        ("file:///etc/passwd", PUBLIC),
    ],
)
def test_what_leads_into_the_house_is_not_called(door: Door, internet: Internet, url: str, address: str) -> None:
    internet.addresses = [[address]]
    raised = failure(door, endpoint(url))
    assert isinstance(raised, NotConfigured) and raised.field == "PACS_AI_RAI_LLM_URL"
    assert internet.dialled == []


def test_origins_that_the_owner_allows_may_lie_anywhere(models: FakeModels) -> None:
    origin = models.url.removesuffix("/v1")
    found = endpoint(models.url, allowed=f"https://10.0.0.8, {origin}")
    assert ChatDescriber(found).ask(ASKED).text == models.finding
    assert models.asked[0]["seen"] == list(ASKED.images)
    raised = failure(Door(), endpoint(models.url, allowed="https://10.0.0.8"))
    assert isinstance(raised, NotConfigured) and len(models.asked) == 1


def test_the_owners_own_addresses_are_called_as_they_are(models: FakeModels) -> None:
    assert ChatDescriber(replace(endpoint(models.url), foreign=False)).ask(ASKED).text == models.finding


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(door: Door, receiver: Receiver, internet: Internet, status: int) -> None:
    receiver.answers = [answer(status, "Location: http://169.254.169.254/")]
    assert isinstance(failure(door, endpoint()), NotConfigured)
    assert len(internet.dialled) == 1


def test_proxies_of_the_environment_are_not_asked(
    door: Door, internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ChatDescriber(endpoint(), door).ask(ASKED).text == "Clear."
    assert internet.dialled == [(PUBLIC, 443)]


def test_a_certificate_for_another_name_ends_the_call_before_the_key_is_told(door: Door, receiver: Receiver) -> None:
    assert isinstance(failure(door, endpoint("https://other.example.org/v1")), Unavailable)
    assert receiver.heard == []


def test_busy_services_say_when_to_ask_again(door: Door, receiver: Receiver) -> None:
    receiver.answers = [answer(429, "Retry-After: 9")]
    raised = failure(door, endpoint())
    assert isinstance(raised, Unavailable) and raised.retry_after_s == 9


def test_an_answer_without_end_is_not_read(door: Door, receiver: Receiver) -> None:
    receiver.answers = [answer(200, body=b" " * (ANSWER_MAX_BYTES + 1))]
    assert isinstance(failure(door, endpoint()), ModelRefused)


def test_who_keeps_us_waiting_is_left(door: Door, receiver: Receiver) -> None:
    receiver.answers = [mute]
    assert isinstance(failure(door, replace(endpoint(), timeout_s=0.2)), Unavailable)
