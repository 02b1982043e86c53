"""What the rooms ask of the world outside. Each port has an adapter in `pacs.aws` and one in `pacs.local`
(the database's two drivers stand in `pacs.database`); `tests/contract` runs one suite over all of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, get_args

from pacs.errors import BadRequest
from pacs.objects import Piece
from pacs.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Executable

Outcome = Literal["created", "unchanged", "replaced"]


@dataclass(frozen=True)
class ObjectInfo:
    """What a store knows of one object without reading it. `etag` is strong: other bytes, other tag."""

    key: str
    size_bytes: int
    etag: str
    last_modified: datetime
    content_type: str = "application/octet-stream"
    content_encoding: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PresignedPost:
    """Where to send a form (multipart/form-data): these fields, and after them the bytes as `file`."""

    url: str
    fields: Mapping[str, str]


class ObjectStore(Protocol):
    """Objects by key. Keys are relative POSIX paths without `.` or `..` parts.

    All methods raise `StoreUnavailable` when the store does not answer or refuses, `ObjectNotFound` when a
    key that must exist does not, `BadRequest` for a key that no store should hold.
    """

    def put(
        self,
        key: str,
        body: bytes | Path,
        *,
        content_type: str = "application/octet-stream",
        content_encoding: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Write one object, whole or not at all; an older one is replaced. A Path is read, and left alone.

        Returns its etag, which `get` and `head` will tell too.
        """

    def store_original(self, key: str, body: bytes | Path, *, sha256: str, metadata: Mapping[str, str]) -> Outcome:
        """Write one original durably before returning; `sha256` (hex) goes into its metadata.

        The same bytes again change nothing ("unchanged"); other bytes under the same key become the current
        version and the older stays as a version ("replaced"). A Path is consumed: it is gone afterwards.
        """

    def compose(self, key: str, pieces: Iterable[Piece], *, originals: Self, content_type: str) -> int:
        """Make an object under a new key of bytes and of spans of `originals`, few of them in memory; returns its size.

        What becomes of an original afterwards changes nothing. A power failure may take the object. Raises
        `BeingReplaced`.
        """

    def get(self, key: str) -> tuple[ObjectInfo, bytes]: ...

    def read(self, key: str, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`; fewer at the end of the object, none past it."""

    def read_start(self, key: str, length: int) -> tuple[ObjectInfo, bytes]:
        """What is known of an object, with its first `length` (at least 1) bytes, in one request."""

    def head(self, key: str) -> ObjectInfo: ...

    def delete(self, key: str) -> None:
        """Remove the current version; a key that is not there is no error."""

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object whose key starts with `prefix`; returns how many."""

    def expire(self, prefix: str, before: datetime) -> int:
        """Remove objects under `prefix` that were written before then; returns how many. A bucket does it by itself."""

    def scan(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Every current object under a prefix in key order; `metadata` and content type may be left empty."""

    def versions(self, key: str) -> list[ObjectInfo]:
        """Every kept version of a key, newest (current) first."""

    def retire(self, keys: Sequence[str]) -> None:
        """Make the current version of each original an older one, so that none is current; done already: no error."""

    def restore(self, key: str) -> None:
        """Make the newest kept version of a key current again, unless one is. Raises ObjectNotFound: none is kept."""

    def purge(self, key: str) -> bool:
        """Remove every version of a key for good, unless one is current; returns whether nothing is left of it."""

    def presign_get(self, key: str, *, expires_s: int, content_type: str) -> str:
        """A URL that answers GET with the object's bytes and this content type until it expires."""

    def presign_post(self, key: str, *, expires_s: int, least_bytes: int, most_bytes: int) -> "PresignedPost":
        """Where an object of such a size is taken as a form, until it expires. An older one is replaced."""


@dataclass(frozen=True)
class QueueDepth:
    waiting: int
    in_flight: int
    dead: int
    oldest_age_s: float


@dataclass(frozen=True)
class DeadLetter:
    message_id: str
    queue: str
    body: str
    receive_count: int


class Queue(Protocol):
    """Queues and topics by their name in the catalogue. Bodies are JSON texts of at most 256 KB."""

    def send(self, queue: str, bodies: Sequence[str], *, delay_s: int = 0) -> None: ...

    def publish(self, topic: str, bodies: Sequence[str]) -> None:
        """Deliver each body to every queue that subscribes to the topic."""

    def depth(self, queue: str) -> QueueDepth: ...

    def dead_letters(self, queue: str, *, limit: int = 100) -> list[DeadLetter]: ...

    def redrive(self, queue: str) -> int:
        """Put every dead letter of a queue back to work; returns how many (SQS: an estimate)."""


class Workflow(Protocol):
    """State machines by their name in the catalogue."""

    def start(self, machine: str, name: str, input: Mapping[str, Any]) -> None:
        """Start an execution, which ends however often parts fail. A name that was used before starts nothing.

        Histories are kept: `input` holds identifiers, and nothing of a patient. Raises `Unavailable`, `NotFound` for a
        machine that is not there (in the cloud), `BadRequest` for what is no name.
        """


def execution_name(name: str) -> str:
    """The name of an execution. Raises BadRequest for one that Step Functions would not take, or not as it is."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise BadRequest("an execution is named by at most 80 letters, digits, - and _", field="name")
    return name


Rows = list[Mapping[str, Any]]


class Statements(Protocol):
    def fetch(self, statement: "Executable", parameters: Mapping[str, Any] | None = None) -> Rows:
        """Run one statement; its rows, or none. Raises `DatabaseUnavailable`, `Conflict` (a unique key)."""


class Database(Statements, Protocol):
    """PostgreSQL. `fetch` commits by itself, in one call; several statements go into `transaction()`."""

    def transaction(self) -> AbstractContextManager[Statements]: ...


@dataclass(frozen=True)
class SigningKey:
    kid: str
    secret: bytes


Audience = Literal["session", "launch", "share", "cron"]
# What else has keys: `pacs.people.sealing`.
SEALING = "sealing"
KEY_RINGS = (*get_args(Audience), SEALING)


class SigningKeys(Protocol):
    def signing_keys(self, audience: Audience) -> Sequence[SigningKey]:
        """Every key that may verify, the one that signs first. Raises `NotConfigured` when there is none."""


class Secrets(SigningKeys, Protocol):
    def sealing_keys(self) -> Sequence[SigningKey]:
        """Every key that may open what was sealed, the one that seals first. Raises `NotConfigured`."""


class Mailer(Protocol):
    def send(self, to: str, subject: str, text: str, *, html: str = "") -> None:
        """Send a plain text to one address, with the same as HTML beside it.

        Raises `Unavailable` when it was not taken, `NotConfigured`.
        """


@dataclass(frozen=True)
class Spoken:
    """A stretch of a recording as text; its moments are counted from the start, None where the model tells none."""

    text: str
    start_s: float | None = None
    end_s: float | None = None


class Speech(Protocol):
    def transcribe(self, recording: bytes, media_type: str, language: str, *, hints: str = "") -> list[Spoken]:
        """What is said in a recording, in order. `hints` is prose in the language that is spoken, and holds no finding:
        a model that hears little repeats it.

        Raises `Unavailable`, `NotConfigured`, `ModelRefused`, `BadRequest` for a language that the model lacks.
        """


@dataclass(frozen=True)
class Completion:
    """What a language model answered, and what was counted for it."""

    document: Mapping[str, Any]
    tokens_in: int
    tokens_out: int


class Language(Protocol):
    def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> Completion:
        """A document that keeps to a JSON schema, whose root is an object.

        Raises `Unavailable`, `NotConfigured`, `ModelRefused` when the answer keeps to it no second time either.
        """


Shape = Literal["openai", "anthropic", "generic", "bedrock", "mock"]
Format = Literal["json_schema", "json_object", "text"]


@dataclass(frozen=True)
class Endpoint:
    """Where a model that describes studies is asked, and how. `key` tells ours when it is needed; it is not kept here.

    `formats`: how it can be held to a schema, the strictest first; with "text" alone it is only told of it.
    `patience_s`: how long one that has to start first is waited for. `thinking_tokens`: how much it may think before it
    answers, beside what a question says of its answer. `foreign`: an organization has named the address, not the owner,
    so that it must be a public one, or its origin one of `allowed` (joined by commas).
    """

    provider: str
    shape: Shape
    url: str
    model: str
    key: Callable[[], str] = field(repr=False)
    formats: Sequence[Format] = ("json_schema", "json_object", "text")
    timeout_s: float = 120.0
    patience_s: float = 0.0
    thinking_tokens: int = 0
    foreign: bool = False
    allowed: str = ""


@dataclass(frozen=True)
class Question:
    """What a model is asked: images are JPEG files. `turns`: what it answered before, and what it is told of that.
    `most_tokens` is how long the answer may be.
    """

    system: str
    text: str
    images: Sequence[bytes] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    turns: Sequence[tuple[str, str]] = ()
    most_tokens: int = 4096


@dataclass(frozen=True)
class Usage:
    """What one call took. Of `tokens_in`, `tokens_cached` were read before and cost less."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    images: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What a model said, as it said it, and the model that says to have said it."""

    text: str
    usage: Usage
    model: str


class Describer(Protocol):
    def ask(self, question: Question) -> Answer:
        """One call of one model; it is not repeated, except for what it has to be asked for in another way.

        Raises `Unavailable` (with `retry_after_s` where the service tells it), `NotConfigured`, `ModelRefused`.
        """


class Vault(Protocol):
    """Secrets of others that people give us, by name (`ai/<organization>/<provider>`); in no table and no answer."""

    def read(self, name: str) -> str:
        """The secret; empty when there is none. Raises `Unavailable`."""

    def keep(self, name: str, secret: str) -> None:
        """Keep a secret in place of the one before. Raises `Unavailable`, `BadRequest` for what is no name."""

    def forget(self, name: str) -> None:
        """Keep it no longer; one that is not there is no error."""


def vault_name(name: str) -> str:
    """The name of a secret. Raises BadRequest for one that Secrets Manager would not take."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,4}", name):
        raise BadRequest("a secret is named by letters, digits, -, _ and / between them", field="name")
    return name


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""


class Services(Protocol):
    """The ports together, as the rooms are handed them by `pacs.bootstrap`."""

    @property
    def settings(self) -> Settings: ...
    @property
    def originals(self) -> ObjectStore: ...
    @property
    def derived(self) -> ObjectStore: ...
    @property
    def exchange(self) -> ObjectStore: ...
    @property
    def database(self) -> Database: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def speech(self) -> Speech: ...
    @property
    def language(self) -> Language: ...
    @property
    def workflow(self) -> Workflow: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def mailer(self) -> Mailer: ...
    def describer(self, endpoint: Endpoint) -> Describer: ...
    def secret_setting(self, value: str) -> str:
        """What a setting says that may be the ARN of a secret instead. Raises `NotConfigured`, `Unavailable`."""
