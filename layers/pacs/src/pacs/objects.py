"""Which keys and which metadata an object may have, and of what one can be composed. Asked by both adapters of the
object store, so that they agree.

The limits are the narrower of S3's and a file system's: what one adapter takes, the other takes too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pacs.errors import BadRequest, BeingReplaced

KEY_MAX_BYTES = 1024
PART_MAX_BYTES = 255
METADATA_MAX_BYTES = 2048
# What stands unchanged in a header: printable ASCII without space, percent, quote and backslash.
HEADER_SAFE = "!#$&'()*+,/:;<=>?@[]^`{|}~"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
METADATA_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Span:
    """Bytes of an original that lies in a store and has this sha256 (hex)."""

    key: str
    offset: int
    length: int
    sha256: str

    def __len__(self) -> int:
        return self.length

    def require(self, metadata: Mapping[str, str]) -> None:
        """Raises BeingReplaced when the original, of which this is the metadata, has other bytes by now."""
        if metadata.get("sha256", "") != self.sha256:
            raise BeingReplaced("a newer version of this instance is about to be indexed: ask again in a second")


Piece = bytes | Span


def check_key(key: str) -> None:
    """Raises BadRequest for a key that no store should hold."""
    check_prefix(key)
    if not key or key.endswith("/"):
        raise BadRequest("an object's key must end with a name", field="key")


def check_prefix(prefix: str) -> None:
    """Raises BadRequest for a text that no key can start with; the empty one is a prefix of every key."""
    if not prefix:
        return
    try:
        parts = prefix.encode().removesuffix(b"/").split(b"/")
    except UnicodeEncodeError as error:
        raise BadRequest("an object's key must be text", field="key") from error
    if any(part in (b"", b".", b"..") for part in parts) or CONTROL.search(prefix):
        raise BadRequest("an object's key must be a relative path of plain names", field="key")
    if len(prefix.encode()) > KEY_MAX_BYTES or max(map(len, parts)) > PART_MAX_BYTES:
        raise BadRequest("an object's key is too long", field="key")


def encode_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """User metadata as ASCII that survives HTTP headers. Raises BadRequest for odd names or more than 2 KB."""
    encoded = {name: quote(value, safe=HEADER_SAFE) for name, value in metadata.items()}
    if not all(map(METADATA_NAME.fullmatch, encoded)):
        raise BadRequest("a name in an object's metadata must be lower-case ASCII", field="metadata")
    if sum(len(name) + len(value) for name, value in encoded.items()) > METADATA_MAX_BYTES:
        raise BadRequest(f"an object's metadata may take {METADATA_MAX_BYTES} bytes", field="metadata")
    return encoded


def decode_metadata(encoded: Mapping[str, str]) -> dict[str, str]:
    """The user metadata that `encode_metadata` was given."""
    return {name: unquote(value) for name, value in encoded.items()}
