"""Tokens: what is signed is what is read, and nothing else passes."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from pacs.errors import TokenExpired, Unauthenticated
from pacs.people.scope import Scope
from pacs.people.tokens import Tokens
from pacs.ports import Audience, SigningKey


class FixedClock:
    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


class Keys:
    def __init__(self) -> None:
        self.keys: dict[str, list[SigningKey]] = {
            "session": [SigningKey("s1", b"s" * 32)],
            "launch": [SigningKey("l1", b"l" * 32)],
        }

    def signing_keys(self, audience: Audience) -> list[SigningKey]:
        return self.keys[audience]


SCOPE = Scope("org", "launch", studies=("1.2", "1.3"), branches=("b",), privacy=True, member_id="m")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def tokens(keys: Keys, clock: FixedClock) -> Tokens:
    return Tokens(keys, clock)


def test_a_token_carries_its_whole_scope(tokens: Tokens) -> None:
    assert tokens.verify(tokens.sign(SCOPE, "launch", ttl_s=60), "session", "launch") == SCOPE


def test_scope_survives_the_authorizers_context() -> None:
    assert Scope.from_json(SCOPE.to_json()) == SCOPE
    assert Scope.from_json(Scope("org", "admin").to_json()) == Scope("org", "admin")


def test_an_expired_token_says_that_it_expired(tokens: Tokens, clock: FixedClock) -> None:
    token = tokens.sign(SCOPE, "launch", ttl_s=60)
    clock.at += timedelta(seconds=59)
    tokens.verify(token, "launch")
    clock.at += timedelta(seconds=1)
    with pytest.raises(TokenExpired):
        tokens.verify(token, "launch")


def test_a_launch_token_opens_no_session_door(tokens: Tokens) -> None:
    with pytest.raises(Unauthenticated, match="another door"):
        tokens.verify(tokens.sign(SCOPE, "launch", ttl_s=60), "session")


def test_an_older_key_verifies_until_it_is_gone(tokens: Tokens, keys: Keys) -> None:
    token = tokens.sign(SCOPE, "launch", ttl_s=60)
    keys.keys["launch"].insert(0, SigningKey("l2", b"n" * 32))
    assert tokens.verify(token, "launch") == SCOPE
    del keys.keys["launch"][1]
    with pytest.raises(Unauthenticated, match="not in use"):
        tokens.verify(token, "launch")


def test_what_was_verified_before_is_judged_again(tokens: Tokens, keys: Keys, clock: FixedClock) -> None:
    token = tokens.sign(SCOPE, "launch", ttl_s=60)
    for _ in range(2):
        assert tokens.verify(token, "launch") == SCOPE
    with pytest.raises(Unauthenticated, match="another door"):
        tokens.verify(token, "session")
    kept, keys.keys["launch"] = keys.keys["launch"], [SigningKey("l1", b"x" * 32)]
    with pytest.raises(Unauthenticated, match="does not verify"):
        tokens.verify(token, "launch")
    keys.keys["launch"] = kept
    clock.at += timedelta(seconds=60)
    with pytest.raises(TokenExpired):
        tokens.verify(token, "launch")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_does_not_verify(tokens: Tokens, part: int) -> None:
    parts = tokens.sign(SCOPE, "launch", ttl_s=60).split(".")
    parts[part] = ("A" if parts[part][4] != "A" else "B").join((parts[part][:4], parts[part][5:]))
    with pytest.raises(Unauthenticated):
        tokens.verify(".".join(parts), "launch")


@pytest.mark.parametrize("text", ["", "a.b.c", "not a token", "é.é.é", "." * 10_000])
def test_what_is_no_token_is_refused(tokens: Tokens, text: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify(text, "launch")


def test_a_token_without_a_signature_is_refused(tokens: Tokens) -> None:
    claims = jwt.decode(tokens.sign(SCOPE, "launch", ttl_s=60), options={"verify_signature": False})
    unsigned = jwt.encode(claims, key="", algorithm="none", headers={"kid": "l1"})
    with pytest.raises(Unauthenticated):
        tokens.verify(unsigned, "launch")
