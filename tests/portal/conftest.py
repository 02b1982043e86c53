"""The clinic of tests/functions, and a browser's ways through it."""

from tests.functions.conftest import clinic, clock, doors, sample

__all__ = ["clinic", "clock", "doors", "sample"]
