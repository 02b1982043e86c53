"""A sender that never waits for the network's timers: TCP_NODELAY, quick ACKs, instances encoded beforehand.

It measures the receiver: what it costs to send is next to nothing. Source: PS3.7 §9.3.1, PS3.8 §9.3.
"""

import multiprocessing
import socket
import struct
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from pydicom import dcmread
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
OURS_PDU = 16384
LONGEST_PDU = 131072
CONTEXT_ID = 1
COMMAND, LAST = 1, 2
STATUS = 0x0900
RELEASE_RQ = b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"


def association_request(ae_title: str, sop_class_uid: str, transfer_syntax_uid: str) -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title, request.called_ae_title = "BENCH", ae_title
    context = build_context(sop_class_uid, transfer_syntax_uid)
    context.context_id = CONTEXT_ID
    request.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = OURS_PDU
    implementation.implementation_class_uid = "1.2.826.0.1.3680043.9.9999.1"
    request.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return bytes(pdu.encode())


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, number, len(value)) + value


def store_command(message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """A C-STORE-RQ command set in Implicit VR Little Endian. Source: PS3.7 Table 9.3-1."""

    def uid(text: str) -> bytes:
        return text.encode() + b"\0" * (len(text) % 2)

    body = (
        element(0x0002, uid(sop_class_uid))
        + element(0x0100, struct.pack("<H", 1))
        + element(0x0110, struct.pack("<H", message_id))
        + element(0x0700, struct.pack("<H", 0))
        + element(0x0800, struct.pack("<H", 1))
        + element(0x1000, uid(sop_instance_uid))
    )
    return element(0x0000, struct.pack("<I", len(body))) + body


def status_of(command: bytes) -> int:
    """The status of a response. Source: PS3.7 §6.3.1."""
    at = 0
    while at < len(command):
        _, number, length = struct.unpack_from("<HHI", command, at)
        if number == STATUS:
            return int.from_bytes(command[at + 8 : at + 8 + length], "little")
        at += 8 + length
    raise SystemExit("a response without a status")


def fragments(data: bytes, control: int, maximum: int) -> bytes:
    """Data as P-DATA-TF PDUs of at most `maximum` bytes each. Source: PS3.8 §9.3.5."""
    size = maximum - 6
    parts = []
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        flag = control | (LAST if start + size >= len(data) else 0)
        parts.append(struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, CONTEXT_ID, flag) + piece)
    return b"".join(parts)


class Association:
    """One connection; raises SystemExit when the peer does not play along."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        kind, body = self.receive()
        if kind != 2:
            raise SystemExit("the association was refused")
        accepted = A_ASSOCIATE_AC()
        accepted.decode(struct.pack(">BxI", kind, len(body)) + body)
        information = accepted.user_information
        self.maximum = min((information and information.maximum_length) or LONGEST_PDU, LONGEST_PDU)

    def receive(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self.exactly(6))
        return kind, self.exactly(length)

    def exactly(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = self.socket.recv(length - len(received))
            if not piece:
                raise SystemExit("the peer closed the connection")
            received += piece
        return bytes(received)

    def store(self, message: bytes) -> None:
        self.socket.sendall(message)
        command = b""
        last = False
        while not last:
            _, body = self.receive()
            command += body[6:]
            last = bool(body[5] & LAST)
        if status := status_of(command):
            raise SystemExit(f"refused with status {status:04X}")

    def release(self) -> None:
        self.socket.sendall(RELEASE_RQ)
        self.receive()
        self.socket.close()


def run(port: int, ae_title: str, folder: Path, barrier: Barrier) -> None:
    files = [dcmread(path) for path in sorted(folder.iterdir())]
    first = files[0]
    association = Association(port, association_request(ae_title, first.SOPClassUID, first.file_meta.TransferSyntaxUID))
    messages = []
    for number, (path, dataset) in enumerate(zip(sorted(folder.iterdir()), files, strict=True), 1):
        command = store_command(number, dataset.SOPClassUID, dataset.SOPInstanceUID)
        begin = 132 + 12 + int(dataset.file_meta.FileMetaInformationGroupLength)
        body = path.read_bytes()[begin:]
        messages.append(fragments(command, COMMAND, association.maximum) + fragments(body, 0, association.maximum))
    barrier.wait()
    for message in messages:
        association.store(message)
    association.release()


def seconds(port: int, ae_title: str, folders: Sequence[Path]) -> float:
    """How long it takes to send each folder over an association of its own, all at once."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(folders) + 1)
    senders = [context.Process(target=run, args=(port, ae_title, folder, barrier)) for folder in folders]
    for sender in senders:
        sender.start()
    barrier.wait()
    began = time.perf_counter()
    for sender in senders:
        sender.join()
    if any(sender.exitcode for sender in senders):
        raise RuntimeError("a sender failed")
    return time.perf_counter() - began
