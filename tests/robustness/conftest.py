"""The clinic of the functions' tests, for files that no clinic should have."""

from tests.functions.conftest import clinic, sample

__all__ = ["clinic", "sample"]
