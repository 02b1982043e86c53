"""What is sealed opens with its key and for its purpose, and nothing else opens."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pacs.errors import NotConfigured
from pacs.people.sealing import seal, unseal
from pacs.ports import SigningKey

FIRST, SECOND = SigningKey("a", b"a" * 32), SigningKey("b", b"b" * 32)


@given(some.text(), some.text())
def test_what_was_sealed_opens_for_its_purpose(text: str, purpose: str) -> None:
    assert unseal([FIRST], seal([FIRST], text, purpose), purpose) == text


def test_a_sealed_text_tells_nothing_and_is_another_one_each_time() -> None:
    sealed = {seal([FIRST], "JBSWY3DPEHPK3PXP", "totp 1") for _ in range(3)}
    assert len(sealed) == 3 and not any("JBSW" in each for each in sealed)


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    old = seal([FIRST], "x", "p")
    assert unseal([SECOND, FIRST], old, "p") == "x"
    assert seal([SECOND, FIRST], "x", "p").startswith("b.")


@pytest.mark.parametrize(
    ("change", "purpose", "keys"),
    [
        (lambda sealed: sealed, "totp 2", [FIRST]),
        (lambda sealed: sealed, "totp 1", [SECOND]),
        (lambda sealed: sealed, "totp 1", [SigningKey("a", b"c" * 32)]),
        (lambda sealed: sealed[:-8], "totp 1", [FIRST]),
        (lambda sealed: sealed[:10], "totp 1", [FIRST]),
        (lambda sealed: sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:], "totp 1", [FIRST]),
        (lambda _: "JBSWY3DPEHPK3PXP", "totp 1", [FIRST]),
        (lambda _: "", "totp 1", [FIRST]),
    ],
)
def test_nothing_else_opens(change: object, purpose: str, keys: list[SigningKey]) -> None:
    assert callable(change)
    with pytest.raises(NotConfigured):
        unseal(keys, change(seal([FIRST], "JBSWY3DPEHPK3PXP", "totp 1")), purpose)
