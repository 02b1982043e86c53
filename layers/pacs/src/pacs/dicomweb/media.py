"""What may be answered, and what was sent? Reads Accept and Content-Type as viewers really write them.

Called by functions/dicomweb and functions/frames.

Source: PS3.18 §8.7, RFC 9110 §12.5.1
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from pacs.errors import NotAcceptable, UnsupportedMediaType

MULTIPART = "multipart/related"
DICOM_JSON = "application/dicom+json"
# What some clients ask for, and what they mean.
SYNONYMS = {"application/json": DICOM_JSON, "*": "*/*"}


@dataclass(frozen=True)
class ContentType:
    """A media type in lower case, and its parameters by their names in lower case."""

    media_type: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MediaRange:
    """One thing that a client accepts. `multipart` of None: with or without.

    `transfer_syntax` of None: none was named; `*`: as it is stored.
    """

    media_type: str
    multipart: bool | None = False
    transfer_syntax: str | None = None
    quality: float = 1.0

    @property
    def specificity(self) -> int:
        """More for what names more: the client means it rather than a wildcard."""
        major, _, minor = self.media_type.partition("/")
        return (major != "*") + (minor != "*") + (self.transfer_syntax not in (None, "*"))

    def covers(self, offer: "Offer") -> bool:
        if self.multipart is not None and self.multipart != offer.multipart:
            return False
        if self.transfer_syntax not in (None, "*", offer.transfer_syntax):
            return False
        major, _, minor = self.media_type.partition("/")
        offered_major, _, offered_minor = offer.media_type.partition("/")
        return major in ("*", offered_major) and minor in ("*", offered_minor)


@dataclass(frozen=True)
class Offer:
    """One thing that can be made. `media_type` is that of the parts when it is multipart."""

    media_type: str
    multipart: bool = False
    transfer_syntax: str = ""

    def __str__(self) -> str:
        syntax = f"; transfer-syntax={self.transfer_syntax}" if self.transfer_syntax else ""
        return (f'{MULTIPART}; type="{self.media_type}"' if self.multipart else self.media_type) + syntax


def parse_accept(header: str | Iterable[str] | None, query: Sequence[str] = ()) -> tuple[MediaRange, ...]:
    """What an Accept header (or several) names; values of the query parameter `accept` go before it.

    What cannot be read is passed over; when nothing is left, everything is accepted.
    Source: PS3.18 §8.3.3.1
    """
    headers = [header] if isinstance(header, str) else list(header or ())
    for values in ([each.replace(" ", "+") for each in query], headers):
        ranges = [found for value in values for item in split(value, ",") for found in media_ranges(item)]
        if ranges:
            return tuple(ranges)
    return (MediaRange("*/*", multipart=None),)


def choose(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer:
    """The offer that the client likes best; among equals the first, so offers stand in our own order.

    Raises NotAcceptable, naming what is possible.
    """
    best: tuple[float, int] = (0.0, -1)
    chosen: Offer | None = None
    for offer in offers:
        matches = [(each.specificity, each.quality) for each in ranges if each.covers(offer)]
        if not matches:
            continue
        specificity, quality = max(matches)
        if quality > 0 and (quality, specificity) > best:
            best, chosen = (quality, specificity), offer
    if chosen is None:
        raise NotAcceptable(f"possible are: {', '.join(map(str, offers))}", field="Accept")
    return chosen


def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether an Accept-Encoding header takes gzip: named itself, or else by `*`, and not with a weight of 0.

    Source: RFC 9110 §12.5.3
    """
    weights: dict[str, float] = {}
    for item in split((accept_encoding or "").lower(), ","):
        coding, *parameters = split(item, ";")
        given = [each.partition("=")[2] for each in parameters if each.partition("=")[0].strip() == "q"]
        weights["gzip" if coding == "x-gzip" else coding] = quality_of(given[0]) if given else 1.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def parse_content_type(header: str | None) -> ContentType:
    """The media type of a body and its parameters. Raises UnsupportedMediaType when there is none."""
    media_type, parameters = parse_item(header or "")
    if not media_type:
        raise UnsupportedMediaType("a Content-Type is needed", field="Content-Type")
    return ContentType(media_type, {name: values[0] for name, values in parameters.items()})


def media_ranges(item: str) -> list[MediaRange]:
    """The ranges of one item of an Accept header: several when it repeats `type` or `transfer-syntax`."""
    media_type, parameters = parse_item(item)
    if not media_type:
        return []
    quality = quality_of(parameters.get("q", ["1"])[0])
    multipart: bool | None = media_type.startswith("multipart/")
    types = [media_type]
    if multipart:
        types = [each.lower() for each in parameters.get("type", ["*/*"])]
    elif media_type == "*/*":
        multipart = None
    syntaxes: list[str | None] = [*parameters.get("transfer-syntax", [])] or [None]
    return [
        MediaRange(SYNONYMS.get(each, each), multipart, syntax, quality) for each, syntax in product(types, syntaxes)
    ]


def parse_item(item: str) -> tuple[str, dict[str, list[str]]]:
    """Media type and parameters of an item; the type is empty when the item has none."""
    first, *rest = split(item, ";")
    media_type = SYNONYMS.get(first.lower(), first.lower())
    parameters: dict[str, list[str]] = {}
    for each in rest:
        name, equals, value = each.partition("=")
        if equals:
            parameters.setdefault(name.strip().lower(), []).append(unquoted(value.strip()))
    return (media_type if "/" in media_type else ""), parameters


def quality_of(text: str) -> float:
    """A weight between 0 and 1; what is no number counts as 1."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0


def split(text: str, delimiter: str) -> list[str]:
    """The parts between delimiters that do not stand in quotes; a quote that is never closed is a letter."""
    parts, start, quoted = [], 0, False
    for index, character in enumerate(text):
        if character == '"' and (quoted or text.find('"', index + 1) > 0):
            quoted = not quoted
        elif character == delimiter and not quoted:
            parts.append(text[start:index])
            start = index + 1
    return [each.strip() for each in [*parts, text[start:]]]


def unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1].replace("\\", "")
    return value.strip('"')
