"""One C-STORE to a peer, with the bytes as they are stored, or decoded when the peer does not take them so.
Called by moving (over an association of its own) and getting (over the peer's).

Source: PS3.4 §B.2.2 and §C.4.2.2, PS3.7 §9.1.1
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway_scp import part10
from gateway_scp.conversation import DATA_SET, command_set, message, number
from gateway_scp.index import Stored
from gateway_scp.reencoding import reencoded
from pacs.dicom.correcting import Correction, corrected_part10
from pacs.dicom.header import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from pacs.dicom.transcode import VIDEO
from pacs.errors import NotAcceptable
from pacs.ports import ObjectStore

PRIORITY, MOVE_ORIGINATOR, MOVE_ORIGINATOR_MESSAGE_ID = 0x0700, 0x1030, 0x1031
PIECE_BYTES = 4 << 20
DECODED = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)


@dataclass(frozen=True)
class Context:
    """An accepted presentation context over which the node is the one that stores."""

    context_id: int
    sop_class_uid: str
    transfer_syntax_uid: str


def choose(contexts: list[Context], stored: Stored) -> Context:
    """The context for an instance: as stored, else uncompressed little endian. Raises NotAcceptable."""
    fitting = {each.transfer_syntax_uid: each for each in contexts if each.sop_class_uid == stored.sop_class_uid}
    for syntax in (stored.transfer_syntax_uid, *(() if stored.transfer_syntax_uid in VIDEO else DECODED)):
        if syntax in fitting:
            return fitting[syntax]
    raise NotAcceptable("the peer takes neither the stored transfer syntax nor an uncompressed one")


def store(
    write: Callable[[bytes], None],
    originals: ObjectStore,
    stored: Stored,
    context: Context,
    *,
    message_id: int,
    room: int,
    originator: tuple[str, int] | None = None,
) -> None:
    """Write the C-STORE-RQ of one instance, piece by piece. Raises OSError, StoreUnavailable, UndecodablePixels."""
    fields = {
        part10.AFFECTED_SOP_CLASS_UID: part10.padded(stored.sop_class_uid, b"\0"),
        part10.COMMAND_FIELD: number(part10.C_STORE_RQ),
        part10.MESSAGE_ID: number(message_id),
        PRIORITY: number(0),
        part10.COMMAND_DATA_SET_TYPE: number(DATA_SET),
        part10.AFFECTED_SOP_INSTANCE_UID: part10.padded(stored.instance, b"\0"),
        **originated(originator),
    }
    syntax = context.transfer_syntax_uid
    if syntax != stored.transfer_syntax_uid:
        original = originals.get(stored.object_key)[1]
        dataset = iter((reencoded(original, stored.frames, syntax, stored.correction),))
    elif stored.correction:
        dataset = iter((corrected(originals.get(stored.object_key)[1], stored.correction),))
    else:
        dataset = as_stored(originals, stored)
    first = next(dataset)  # what cannot be read fails before anything is said
    pdus = message(context.context_id, command_set(fields), chained(first, dataset), room)
    for pdu in pdus:
        write(pdu)


def originated(originator: tuple[str, int] | None) -> Mapping[int, bytes]:
    """Who asked for the move, and in which message."""
    if originator is None:
        return {}
    title, message_id = originator
    return {MOVE_ORIGINATOR: part10.padded(title, b" "), MOVE_ORIGINATOR_MESSAGE_ID: number(message_id)}


def chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def as_stored(originals: ObjectStore, stored: Stored) -> Iterator[bytes]:
    """The encoded dataset of an original, without preamble and file meta; it need not fit into memory."""
    at = PIECE_BYTES
    piece = originals.read(stored.object_key, 0, PIECE_BYTES)
    yield piece[dataset_offset(piece) :]
    while len(piece) == PIECE_BYTES:
        piece = originals.read(stored.object_key, at, PIECE_BYTES)
        at += PIECE_BYTES
        if piece:
            yield piece


def corrected(original: bytes, correction: Correction) -> bytes:
    """The encoded dataset of an original with what is told instead, in the stored syntax."""
    body = corrected_part10(original, correction)
    return body[dataset_offset(body) :]


def dataset_offset(head: bytes) -> int:
    """Where the dataset begins in a file, of whose meta information all is in `head`. Source: PS3.10 §7.1"""
    at = 132 if head[128:132] == b"DICM" else 4 if head[:4] == b"DICM" else 0
    while head[at : at + 2] == b"\x02\x00":
        vr, length = struct.unpack_from("<2sH", head, at + 4)
        at += 8 + length
        if vr in (b"OB", b"UN", b"SQ", b"UT"):
            at += 4 + int.from_bytes(head[at : at + 4], "little")
    return at
