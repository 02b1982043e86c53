"""How signing keys come and go, and how the edge hears of them."""

import base64
from typing import Any, get_args

import pytest

from infra import keys
from pacs.errors import Unauthenticated
from pacs.local.clock import SystemClock
from pacs.people.tokens import Tokens
from pacs.ports import Audience


class EdgeStore:
    """CloudFront's key-value store: a change needs the ETag of what was looked at."""

    def __init__(self, **held: str) -> None:
        self.held = held
        self.updates = 0

    def describe_key_value_store(self, **_: str) -> dict[str, Any]:
        return {"ETag": f"v{self.updates}"}

    def list_keys(self, **_: str) -> dict[str, Any]:
        return {"Items": [{"Key": key, "Value": value} for key, value in self.held.items()]}

    def update_keys(self, **change: Any) -> None:
        assert change["IfMatch"] == f"v{self.updates}"
        self.held.update({item["Key"]: item["Value"] for item in change["Puts"]})
        for item in change["Deletes"]:
            del self.held[item["Key"]]
        self.updates += 1


def kids(ring: keys.KeyRing, audience: str = "launch") -> list[str]:
    return [key["kid"] for key in ring[audience]]


def test_missing_keys_are_made_and_others_left_alone() -> None:
    old = keys.new_key()
    ring = keys.completed({"session": [old]})
    assert set(ring) == {*get_args(Audience), "sealing"}
    assert ring["session"] == [old]
    assert len(base64.urlsafe_b64decode(ring["launch"][0]["secret"] + "==")) == 32
    assert keys.completed(ring) == ring


def test_a_new_key_verifies_before_it_signs_and_the_old_one_after() -> None:
    first = keys.completed({})
    prepared = keys.prepared(first, "launch")
    assert kids(prepared)[0] == kids(first)[0]
    promoted = keys.promoted(prepared, "launch")
    assert kids(promoted) == kids(prepared)[::-1]
    again = keys.prepared(promoted, "launch")
    assert kids(first)[0] not in kids(again)
    assert kids(again, "session") == kids(first, "session")


def test_nothing_is_promoted_that_was_not_prepared() -> None:
    with pytest.raises(ValueError, match="--prepare launch"):
        keys.promoted(keys.completed({}), "launch")


def test_the_edge_holds_the_launch_keys_and_nothing_else() -> None:
    ring = keys.prepared(keys.completed({}), "launch")
    edge = EdgeStore(retired="x")
    keys.tell_edge(ring, "arn", edge)
    assert edge.held == {key["kid"]: key["secret"] for key in ring["launch"]}
    keys.tell_edge(ring, "arn", edge)
    assert edge.updates == 1


def test_a_token_for_programs_is_good_for_one_organization_until_its_key_goes() -> None:
    ring = keys.completed({})
    organization = "11111111-1111-4111-8111-111111111111"
    token = keys.cron_token(ring, organization)
    rotated = keys.promoted(keys.prepared(ring, "cron"), "cron")
    for each in (ring, rotated):
        scope = Tokens(keys.Ring(each), SystemClock()).verify(token, "cron")
        assert (scope.organization_id, scope.role) == (organization, "system")
    gone = keys.promoted(keys.prepared(rotated, "cron"), "cron")
    with pytest.raises(Unauthenticated):
        Tokens(keys.Ring(gone), SystemClock()).verify(token, "cron")
    with pytest.raises(Unauthenticated):
        Tokens(keys.Ring(ring), SystemClock()).verify(token, "session")
    with pytest.raises(ValueError, match="UUID"):
        keys.cron_token(ring, "Merkez")
