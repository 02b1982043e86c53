"""C-MOVE and C-GET: which instances are meant, and how the sub-operations went. Called by queries.

Source: PS3.4 §C.4.2 and §C.4.3, PS3.7 §9.1.3 and §9.1.4
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway_scp import log
from gateway_scp.conversation import CANCELLED, IDENTIFIER_MISMATCH, PENDING, SUCCESS, Conversation, Refused
from gateway_scp.identifiers import (
    INSTANCE,
    PATIENT_ID,
    SERIES,
    STUDY,
    UNIQUE,
    read_level,
    value_of,
    write_element,
)
from gateway_scp.index import Index, Stored
from pacs.dicom.elements import Item
from pacs.dicom.modalities import Place
from pacs.dicom.uids import is_uid
from pacs.errors import PacsError

NOT_ALL_WELL, ALL_FAILED = 0xB000, 0xA702
REMAINING, COMPLETED, FAILED, WARNING = 0x1020, 0x1021, 0x1022, 0x1023
FAILED_UIDS = 0x00080058

# Of the sub-operations: General warnings, and those of storage. Source: PS3.7 §C, PS3.4 Table B.2-1
WARNINGS = (0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xB007)
Send = Callable[[Stored], int | None]  # the status with which the peer answered


@dataclass
class Progress:
    """How many sub-operations there are and were; `given` and `not_given` count instances by their study.

    Source: PS3.4 §C.4.2.1.6 to §C.4.2.1.9
    """

    remaining: int
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)
    not_given: Counter[str] = field(default_factory=Counter)

    def counts(self, *, final: bool = False) -> dict[int, int]:
        counts = {COMPLETED: self.completed, FAILED: len(self.failed), WARNING: self.warned}
        return counts if final else {REMAINING: self.remaining, **counts}

    def count(self, stored: Stored, status: int | None) -> None:
        """One more is done; a status of None: it was not even answered."""
        self.remaining -= 1
        if status == SUCCESS:
            self.completed += 1
        elif status in WARNINGS:
            self.warned += 1
        else:
            self.failed.append(stored.instance)
            self.not_given[stored.study] += 1
            return
        self.given[stored.study] += 1

    @property
    def status(self) -> int:
        """Source: PS3.4 §C.4.2.3.1"""
        if not self.failed and not self.warned:
            return SUCCESS
        return NOT_ALL_WELL if self.given.total() else ALL_FAILED


def chosen(conversation: Conversation, index: Index, place: Place) -> list[Stored]:
    """The instances that the identifier names and this place may see. Raises Refused (A900)."""
    root = conversation.request.read_identifier()
    level, above = read_level(root, conversation.request.sop_class_uid)
    wanted = {**{tag: {value} for tag, value in above.items()}, UNIQUE[level]: unique(root, level)}
    patient = wanted.get(PATIENT_ID)
    studies = index.studies(place, patient.pop() if patient else None, sorted(wanted.get(STUDY, ())))
    return list(select(index.instances(place, studies), wanted.get(SERIES), wanted.get(INSTANCE)))


def unique(root: Item, level: str) -> set[str]:
    """The values of the level's own unique key: one patient, or UIDs. Raises Refused (A900)."""
    tag = UNIQUE[level]
    values = set(value_of(root, tag).split("\\"))
    patient = tag == PATIENT_ID
    if "" in values or (patient and (len(values) > 1 or set("*?") & set(*values))):
        raise Refused(IDENTIFIER_MISMATCH, f"the level {level} needs its unique key", tag)
    if not patient and not all(map(is_uid, values)):
        raise Refused(IDENTIFIER_MISMATCH, f"the unique key of the level {level} must be UIDs", tag)
    return values


def select(instances: Iterator[Stored], series: set[str] | None, wanted: set[str] | None) -> Iterator[Stored]:
    for each in instances:
        if (series is None or each.series in series) and (wanted is None or each.instance in wanted):
            yield each


def perform(conversation: Conversation, instances: list[Stored], send: Send, progress: Progress) -> None:
    """Run the sub-operations one after the other, and tell the peer how far they are after each.

    Raises OSError when the peer cannot be told; `progress` says how far it came.
    """
    for each in instances:
        if conversation.cancelled or not conversation.open:
            conversation.respond(CANCELLED, failed_list(conversation, progress), counts=progress.counts())
            return
        progress.count(each, attempt(conversation, send, each))
        if progress.remaining:
            conversation.respond(PENDING, counts=progress.counts())
    told = failed_list(conversation, progress)
    conversation.respond(progress.status, told, counts=progress.counts(final=True))


def attempt(conversation: Conversation, send: Send, stored: Stored) -> int | None:
    """The status of one sub-operation. What is wrong with one instance concerns that instance alone."""
    try:
        return send(stored)
    except (PacsError, OSError, ValueError) as error:
        reason = error.message if isinstance(error, PacsError) else "internal error"
        log.error("sub-operation failed", error, id=conversation.visit.id, key=stored.object_key, reason=reason)
        return None


def failed_list(conversation: Conversation, progress: Progress) -> bytes:
    """The identifier of a response that is not Success. Source: PS3.4 §C.4.2.1.4.2"""
    if not progress.failed:
        return b""
    value = "\\".join(progress.failed).encode()
    if conversation.request.implicit or len(value) < 0xFFFE:
        return write_element(FAILED_UIDS, "UI", value, implicit=conversation.request.implicit)
    head = struct.pack("<HH2sxxL", 0x0008, 0x0058, b"UN", len(value) + len(value) % 2)
    return head + value + b"\0" * (len(value) % 2)
