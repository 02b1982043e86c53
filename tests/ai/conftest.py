"""An archive on real parts, as the tests of the archive have it."""

from tests.archive.conftest import archive, sample

__all__ = ["archive", "sample"]
