"""A service of models for the tests of this room."""

from collections.abc import Iterator

import pytest

from tests.models.fake_models import FakeModels, serving


@pytest.fixture
def models() -> Iterator[FakeModels]:
    with serving() as found:
        yield found
