"""Which adapter speaks which shape? Asked by bootstrap."""

from collections.abc import Callable, Mapping

from pacs.models.chat import ChatDescriber
from pacs.models.mock import MockDescriber
from pacs.ports import Describer, Endpoint, Shape

DESCRIBERS: Mapping[Shape, Callable[[Endpoint], Describer]] = {"mock": MockDescriber, "openai": ChatDescriber}
