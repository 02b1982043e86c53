"""One request for matches or instances, and what is answered to it. Made by the handlers; written straight to the wire.

pynetdicom makes a Dataset of every command set; a thousand matches take it seconds.

Source: PS3.7 §9.1.2 to §9.1.4 and §9.3.2 to §9.3.4, PS3.8 §9.3.5
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from gateway_scp import part10
from gateway_scp.records import Visit
from pacs.dicom.elements import Item, Parser
from pacs.dicom.header import IMPLICIT_LITTLE
from pacs.dicom.source import BytesSource, RangedFile
from pacs.errors import PacsError

P_DATA_TF = 0x04
LARGEST_PDU_BYTES = 1 << 18  # where the peer says nothing or too much
FLUSH_BYTES = 1 << 15

SUCCESS, CANCELLED = 0x0000, 0xFE00
PENDING, PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01
OUT_OF_RESOURCES, NOT_AUTHORIZED = 0xA700, 0x0124
IDENTIFIER_MISMATCH, UNABLE_TO_PROCESS = 0xA900, 0xC001

DATA_SET = 0x0001
OFFENDING_ELEMENT = 0x0901


class Refused(PacsError):
    """A request that is answered with a status of its own; `tag` is the offending element."""

    def __init__(self, status: int, message: str, tag: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.tag = tag


@dataclass(frozen=True)
class Request:
    """What was asked. `command` is the number of the C-FIND-RQ, C-MOVE-RQ or C-GET-RQ."""

    command: int
    message_id: int
    sop_class_uid: str
    context_id: int
    transfer_syntax_uid: str
    identifier: bytes
    destination: str = ""

    @property
    def implicit(self) -> bool:
        return self.transfer_syntax_uid == IMPLICIT_LITTLE

    def read_identifier(self) -> Item:
        """The identifier's elements. Raises Refused for bytes that make no dataset."""
        root = Item(self.implicit, little_endian=True)
        try:
            Parser(RangedFile(BytesSource(self.identifier))).read_root(root, 0)
        except PacsError as error:
            raise Refused(UNABLE_TO_PROCESS, "the identifier cannot be read") from error
        return root


class Conversation:
    """Answers one request on its association, from the association's own thread."""

    def __init__(self, association: Any, request: Request) -> None:
        self._association = association
        self.request = request
        self._waiting = bytearray()

    @property
    def visit(self) -> Visit:
        return cast(Visit, self._association.visit)

    @property
    def cancelled(self) -> bool:
        return self.request.message_id in self._association.dimse.cancel_req

    @property
    def open(self) -> bool:
        """Whether the peer is still there to be answered."""
        return bool(self._association.wire.state_machine.current_state == "Sta6")

    def respond(
        self,
        status: int,
        dataset: bytes = b"",
        *,
        comment: str = "",
        tag: int | None = None,
        counts: Mapping[int, int] | None = None,
    ) -> None:
        """Answer once; pending matches are held back until there are some, everything else leaves at once."""
        fields = {
            part10.AFFECTED_SOP_CLASS_UID: part10.padded(self.request.sop_class_uid, b"\0"),
            part10.COMMAND_FIELD: number(self.request.command | 0x8000),
            part10.MESSAGE_ID_BEING_RESPONDED_TO: number(self.request.message_id),
            part10.COMMAND_DATA_SET_TYPE: number(DATA_SET if dataset else part10.NO_DATA_SET),
            part10.STATUS: number(status),
        }
        if tag is not None:
            fields[OFFENDING_ELEMENT] = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if comment:
            fields[part10.ERROR_COMMENT] = part10.padded(comment[:64], b" ")
        fields |= {each: number(count) for each, count in (counts or {}).items()}
        room = pdu_room(self._association.requestor.maximum_length)
        for pdu in message(self.request.context_id, command_set(fields), (dataset,) if dataset else (), room):
            self._waiting += pdu
        if counts or status not in (PENDING, PENDING_WITHOUT_SOME_KEYS) or len(self._waiting) > FLUSH_BYTES:
            self._association.wire.line.write(bytes(self._waiting))
            self._waiting.clear()


def number(value: int) -> bytes:
    return struct.pack("<H", min(value, 0xFFFF))


def command_set(fields: Mapping[int, bytes]) -> bytes:
    elements = b"".join(part10.element(tag, fields[tag]) for tag in sorted(fields))
    return part10.element(0x0000, struct.pack("<L", len(elements))) + elements


def pdu_room(maximum: int | None) -> int:
    """How much of a message goes into one P-DATA-TF to a peer with this maximum length (0: no limit)."""
    return min(maximum or LARGEST_PDU_BYTES, LARGEST_PDU_BYTES) - 6


def message(context_id: int, command: bytes, dataset: Iterable[bytes], room: int) -> Iterator[bytes]:
    """The P-DATA-TFs of a message: one text of bytes for the command, then one for each piece of the dataset."""
    yield values(context_id, command, 1, room, last=True)
    pieces = iter(dataset)
    piece = next(pieces, None)
    while piece is not None:
        following = next(pieces, None)
        yield values(context_id, piece, 0, room, last=following is None)
        piece = following


def values(context_id: int, content: bytes, control: int, room: int, *, last: bool) -> bytes:
    parts: list[bytes | memoryview] = []
    view = memoryview(content)
    for at in range(0, len(content), room):
        fragment = view[at : at + room]
        mark = control | (2 if last and at + room >= len(content) else 0)
        parts += [struct.pack(">BxLLBB", P_DATA_TF, len(fragment) + 6, len(fragment) + 2, context_id, mark), fragment]
    return b"".join(parts)
