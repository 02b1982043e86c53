"""Which adapter speaks which shape? Asked by bootstrap, which knows that of Amazon Bedrock itself."""

from collections.abc import Callable, Mapping

from pacs.models.chat import ChatDescriber
from pacs.models.generic import GenericDescriber
from pacs.models.messages import MessagesDescriber
from pacs.models.mock import MockDescriber
from pacs.ports import Describer, Endpoint, Shape

DESCRIBERS: Mapping[Shape, Callable[[Endpoint], Describer]] = {
    "openai": ChatDescriber,
    "anthropic": MessagesDescriber,
    "generic": GenericDescriber,
    "mock": MockDescriber,
}
