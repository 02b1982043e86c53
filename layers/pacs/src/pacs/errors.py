"""What can go wrong, and what each caller is told. Raised by every room, read by every entry.

PacsError
├── BadRequest                 the caller's words are wrong; `field` names the one at fault
│   ├── PayloadTooLarge
│   ├── InvalidMetadata        of a report job, as are the next five
│   ├── NoExams
│   ├── TooManyExams
│   ├── MissingAccession
│   ├── InvalidSutCode
│   └── InvalidAudio
├── Unauthenticated            no token, or one that does not verify
│   ├── TokenExpired           a token that was good once
│   ├── SecondFactorNeeded     a right password, and a code is needed besides
│   └── ProviderRefused        the OpenID provider does not vouch for anybody whom we know
├── Forbidden                  a good token that may not do this
│   └── ConsentNeeded          nobody has agreed that studies of the organization leave the house
├── NotFound                   not there, or another tenant's
│   └── ObjectNotFound         no such key in an object store
├── NotAcceptable              nothing the Accept header names can be made
├── UnsupportedMediaType
├── RangeNotSatisfiable
├── Conflict                   the state of the thing forbids it
│   ├── DuplicateSubmission    a recording of which there is a job already
│   └── IdempotencyKeyReused   another request came under this key before
├── InsufficientCredits        the organization has fewer credits than this costs
├── InvalidInstance            bytes that are not a DICOM instance that can be kept
│   ├── MissingUid             a UID that must be there is missing or malformed
│   ├── SopClassMismatch       dataset and announced SOP class disagree
│   ├── StudyMismatch          an instance of another study than the one it was sent to
│   └── UnknownTransferSyntax  an announced transfer syntax that nothing can be kept in
├── UndecodablePixels          pixel data that no installed codec can decode
├── BeingReplaced              the store has newer bytes than the index; soon it will not
├── TooManyRequests            asked or failed too often; `retry_after_s` says when to try again
├── NotConfigured              a provider or setting is missing
├── OverBudget                 asking a model would cost more than is left of the month's budget
├── ModelRefused               a model's service refuses, or answers what is of no use; asking again will not help
├── NobodyAnswered             no model that may be asked has answered; `attempts` says who was asked, and why not
└── Unavailable                a part that must answer does not; trying again may help, after `retry_after_s` if told
    ├── StoreUnavailable
    ├── DatabaseUnavailable
    ├── ModelBusy              a model's service has too much to do
    └── ModelTimeout           a model's service has not answered in time
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class PacsError(Exception):
    """Base of everything that leaves a room. `message` holds no patient data; `field` names what is wrong."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class BadRequest(PacsError): ...


class PayloadTooLarge(BadRequest): ...


class InvalidMetadata(BadRequest): ...


class NoExams(BadRequest): ...


class TooManyExams(BadRequest): ...


class MissingAccession(BadRequest): ...


class InvalidSutCode(BadRequest): ...


class InvalidAudio(BadRequest): ...


class Unauthenticated(PacsError): ...


class TokenExpired(Unauthenticated): ...


class SecondFactorNeeded(Unauthenticated): ...


class ProviderRefused(Unauthenticated): ...


class Forbidden(PacsError): ...


class ConsentNeeded(Forbidden): ...


class NotFound(PacsError): ...


class ObjectNotFound(NotFound): ...


class NotAcceptable(PacsError): ...


class UnsupportedMediaType(PacsError): ...


class RangeNotSatisfiable(PacsError): ...


class Conflict(PacsError): ...


class DuplicateSubmission(Conflict): ...


class IdempotencyKeyReused(Conflict): ...


class InsufficientCredits(PacsError): ...


class InvalidInstance(PacsError): ...


class MissingUid(InvalidInstance): ...


class SopClassMismatch(InvalidInstance): ...


class StudyMismatch(InvalidInstance): ...


class UnknownTransferSyntax(InvalidInstance): ...


class UndecodablePixels(PacsError): ...


class BeingReplaced(PacsError): ...


class TooManyRequests(PacsError):
    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotConfigured(PacsError): ...


class OverBudget(PacsError): ...


class ModelRefused(PacsError):
    """`took`: what an answer of no use has taken all the same (pacs.ports.Usage), where one came."""

    def __init__(self, message: str, *, field: str | None = None, took: Any = None) -> None:
        super().__init__(message, field=field)
        self.took = took


class NobodyAnswered(PacsError):
    def __init__(self, message: str, *, attempts: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)


class Unavailable(PacsError):
    def __init__(self, message: str, *, field: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message, field=field)
        self.retry_after_s = retry_after_s


class StoreUnavailable(Unavailable): ...


class DatabaseUnavailable(Unavailable): ...


class ModelBusy(Unavailable): ...


class ModelTimeout(Unavailable): ...


@dataclass(frozen=True)
class Answer:
    """How one kind of error is told: over HTTP, and over DIMSE (which is also STOW's FailureReason)."""

    http_status: int
    code: str
    dimse_status: int


# The one table. DIMSE statuses: PS3.4 §B.2.3 and PS3.7 §C; STOW failure reasons: PS3.18 Table I.2-2.
ANSWERS: dict[type[PacsError], Answer] = {
    BadRequest: Answer(400, "BAD_REQUEST", 0xC000),
    PayloadTooLarge: Answer(413, "PAYLOAD_TOO_LARGE", 0xA700),
    InvalidMetadata: Answer(400, "INVALID_METADATA", 0xC000),
    NoExams: Answer(400, "NO_EXAMS", 0xC000),
    TooManyExams: Answer(400, "TOO_MANY_EXAMS", 0xC000),
    MissingAccession: Answer(400, "MISSING_ACCESSION", 0xC000),
    InvalidSutCode: Answer(400, "INVALID_SUT_CODE", 0xC000),
    InvalidAudio: Answer(400, "INVALID_AUDIO", 0xC000),
    Unauthenticated: Answer(401, "UNAUTHENTICATED", 0x0124),
    TokenExpired: Answer(401, "TOKEN_EXPIRED", 0x0124),
    SecondFactorNeeded: Answer(401, "SECOND_FACTOR_NEEDED", 0x0124),
    ProviderRefused: Answer(401, "PROVIDER_REFUSED", 0x0124),
    Forbidden: Answer(403, "FORBIDDEN", 0x0124),
    ConsentNeeded: Answer(403, "CONSENT_NEEDED", 0x0124),
    NotFound: Answer(404, "NOT_FOUND", 0x0112),
    NotAcceptable: Answer(406, "NOT_ACCEPTABLE", 0x0122),
    UnsupportedMediaType: Answer(415, "UNSUPPORTED_MEDIA_TYPE", 0x0122),
    RangeNotSatisfiable: Answer(416, "RANGE_NOT_SATISFIABLE", 0x0110),
    Conflict: Answer(409, "CONFLICT", 0x0110),
    DuplicateSubmission: Answer(409, "DUPLICATE_SUBMISSION", 0x0110),
    IdempotencyKeyReused: Answer(422, "IDEMPOTENCY_KEY_REUSED", 0x0110),
    InsufficientCredits: Answer(402, "INSUFFICIENT_CREDITS", 0x0110),
    InvalidInstance: Answer(409, "INVALID_INSTANCE", 0xC000),
    MissingUid: Answer(409, "MISSING_UID", 0xC000),
    SopClassMismatch: Answer(409, "SOP_CLASS_MISMATCH", 0xA900),
    StudyMismatch: Answer(409, "STUDY_MISMATCH", 0xA901),
    UnknownTransferSyntax: Answer(409, "UNKNOWN_TRANSFER_SYNTAX", 0xC122),
    UndecodablePixels: Answer(422, "UNDECODABLE_PIXELS", 0xC000),
    BeingReplaced: Answer(503, "BEING_REPLACED", 0xA700),
    TooManyRequests: Answer(429, "TOO_MANY_REQUESTS", 0xA700),
    NotConfigured: Answer(503, "NOT_CONFIGURED", 0x0110),
    OverBudget: Answer(402, "OVER_BUDGET", 0x0110),
    ModelRefused: Answer(502, "MODEL_REFUSED", 0x0110),
    NobodyAnswered: Answer(502, "NOBODY_ANSWERED", 0x0110),
    Unavailable: Answer(503, "UNAVAILABLE", 0xA700),
    StoreUnavailable: Answer(503, "STORE_UNAVAILABLE", 0xA700),
    DatabaseUnavailable: Answer(503, "DATABASE_UNAVAILABLE", 0xA700),
}

UNKNOWN = Answer(500, "INTERNAL_ERROR", 0x0110)


def answer_for(error: BaseException) -> Answer:
    """The row of the table for an error: its own class, or the nearest parent that has one."""
    for kind in type(error).__mro__:
        if kind in ANSWERS:
            return ANSWERS[kind]
    return UNKNOWN
