"""Passwords are kept as hashes, and who is nobody is found out no sooner than who is wrong."""

from argon2 import extract_parameters

from pacs.people.passwords import HASHER, NOBODY, hashed, matches


def test_a_password_matches_its_hash_alone() -> None:
    kept = hashed("correct horse battery")
    assert matches(kept, "correct horse battery")
    assert not matches(kept, "correct horse batterY")


def test_nobody_has_a_hash_that_takes_as_long_as_anybodys() -> None:
    assert extract_parameters(NOBODY) == extract_parameters(hashed("correct horse battery"))
    assert not HASHER.check_needs_rehash(NOBODY)
    assert not matches(None, "correct horse battery")
