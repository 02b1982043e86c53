"""The bytes before a dataset in a file, made here once and for all; and the command sets around it on the wire.

The same dataset must give the same file whenever and from whomever it comes, so nothing in the file meta varies
with time, peer or version. Called by the wire for every C-STORE.

Source: PS3.10 §7.1, PS3.7 §6.3.1 and §9.3.1
"""

import struct

from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

AFFECTED_SOP_CLASS_UID = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
COMMAND_DATA_SET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000

C_STORE_RQ = 0x0001
C_STORE_RSP = 0x8001
NO_DATA_SET = 0x0101


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Preamble, prefix and file meta information. The UIDs are without padding."""
    elements = b"".join(
        (
            struct.pack("<HH2sHL2s", 2, 0x0001, b"OB", 0, 2, b"\0\1"),
            meta_element(0x0002, b"UI", sop_class_uid),
            meta_element(0x0003, b"UI", sop_instance_uid),
            meta_element(0x0010, b"UI", transfer_syntax_uid),
            meta_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            meta_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        )
    )
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHL", 2, 0x0000, b"UL", 4, len(elements)) + elements


def meta_element(number: int, vr: bytes, text: str) -> bytes:
    value = padded(text, b"\0" if vr == b"UI" else b" ")
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def padded(text: str, padding: bytes) -> bytes:
    value = text.encode("ascii", "replace")
    return value + padding if len(value) % 2 else value


def read_command(encoded: bytes) -> dict[int, bytes]:
    """The elements of a command set (implicit VR little endian, group 0000) by number. Raises ValueError."""
    elements: dict[int, bytes] = {}
    at = 0
    while at < len(encoded):
        if at + 8 > len(encoded):
            raise ValueError("the command set ends within an element")
        group, number, length = struct.unpack_from("<HHL", encoded, at)
        at += 8 + length
        if group != 0 or at > len(encoded):
            raise ValueError("the command set is broken")
        elements[number] = encoded[at - length : at]
    return elements


def number_of(elements: dict[int, bytes], number: int) -> int:
    """A US element. Raises ValueError when it is absent or of another length."""
    value = elements.get(number, b"")
    if len(value) != 2:
        raise ValueError("the command set lacks a number")
    return int.from_bytes(value, "little")


def text_of(elements: dict[int, bytes], number: int) -> str:
    return elements.get(number, b"").rstrip(b"\0 ").decode("latin-1")


def store_response(request: dict[int, bytes], status: int, comment: str = "") -> bytes:
    """The command set of a C-STORE-RSP; the UIDs go back as they came. `comment` is cut to 64 characters."""
    elements = b"".join(
        (
            element(AFFECTED_SOP_CLASS_UID, request.get(AFFECTED_SOP_CLASS_UID, b"")),
            element(COMMAND_FIELD, struct.pack("<H", C_STORE_RSP)),
            element(MESSAGE_ID_BEING_RESPONDED_TO, request[MESSAGE_ID]),
            element(COMMAND_DATA_SET_TYPE, struct.pack("<H", NO_DATA_SET)),
            element(STATUS, struct.pack("<H", status)),
            element(ERROR_COMMENT, padded(comment[:64], b" ")) if comment else b"",
            element(AFFECTED_SOP_INSTANCE_UID, request.get(AFFECTED_SOP_INSTANCE_UID, b"")),
        )
    )
    return element(0x0000, struct.pack("<L", len(elements))) + elements


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value
