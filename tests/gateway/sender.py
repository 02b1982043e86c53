"""A sender that says exactly what a test wants, and what it sends."""

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from gateway_scp import part10

ORGANIZATION = "11111111-1111-1111-1111-111111111111"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF, A_RELEASE_RP, A_ABORT = 2, 3, 4, 6, 7


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


@dataclass
class Sender:
    """One association, written by hand: no delay, any mistake."""

    port: int
    called: str = "RAIPACS"
    calling: str = "MODALITY"
    contexts: list[tuple[str, list[str]]] = field(default_factory=lambda: [(CT_IMAGE, [EXPLICIT_LITTLE])])
    maximum: int = 131072
    wrap: Callable[[socket.socket], socket.socket] = lambda connection: connection
    message: int = field(default=0, init=False)
    peer_maximum: int = field(default=0, init=False)
    accepted: dict[int, str] = field(default_factory=dict, init=False)
    results: dict[int, int] = field(default_factory=dict, init=False)
    rejected: tuple[int, int, int] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.connection = self.wrap(plain)
        except OSError:
            plain.close()
            raise
        try:
            self._associate()
        except (OSError, AssertionError):
            self.connection.close()
            raise

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *exception: object) -> None:
        self.connection.close()

    def _associate(self) -> None:
        self.connection.sendall(self._request())
        kind, body = self.read()
        if kind == A_ASSOCIATE_RJ:
            self.rejected = (body[1], body[2], body[3])
        else:
            assert kind == A_ASSOCIATE_AC, (kind, body)
            self._read_accept(body)

    def _request(self) -> bytes:
        proposed = b"".join(
            item(
                0x20,
                struct.pack(">Bxxx", 2 * n + 1)
                + item(0x30, sop_class.encode())
                + b"".join(item(0x40, each.encode()) for each in syntaxes),
            )
            for n, (sop_class, syntaxes) in enumerate(self.contexts)
        )
        user = item(0x51, struct.pack(">L", self.maximum)) + item(0x52, b"1.2.3.4")
        body = (
            struct.pack(">Hxx16s16s32x", 1, self.called.encode("latin-1").ljust(16), self.calling.encode().ljust(16))
            + item(0x10, b"1.2.840.10008.3.1.1.1")
            + proposed
            + item(0x50, user)
        )
        return struct.pack(">BxL", 1, len(body)) + body

    def _read_accept(self, body: bytes) -> None:
        at = 68
        while at < len(body):
            kind, length = struct.unpack_from(">BxH", body, at)
            if kind == 0x21:
                context_id, result = body[at + 4], body[at + 6]
                self.results[context_id] = result
                if result == 0:
                    self.accepted[context_id] = body[at + 12 : at + 4 + length].decode()
            elif kind == 0x50:
                self.peer_maximum = struct.unpack_from(">L", body, at + 8)[0]  # its first item
            at += 4 + length

    def read(self) -> tuple[int, bytes]:
        """One PDU; kind 0 when the node has closed."""
        header = self.read_exactly(6)
        if len(header) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxL", header)
        return kind, self.read_exactly(length)

    def read_exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length and (more := self.connection.recv(length - len(data))):
            data += more
        return data

    def value(self, control: int, fragment: bytes, context_id: int = 1) -> bytes:
        return struct.pack(">LBB", len(fragment) + 2, context_id, control) + fragment

    def pdu(self, *values: bytes) -> bytes:
        body = b"".join(values)
        return struct.pack(">BxL", P_DATA_TF, len(body)) + body

    def command(self, sop_class: str, sop_instance: str, *, field: int = 1, data_set: int = 1) -> bytes:
        self.message += 1
        elements = b"".join(
            (
                part10.element(part10.AFFECTED_SOP_CLASS_UID, part10.padded(sop_class, b"\0")),
                part10.element(part10.COMMAND_FIELD, struct.pack("<H", field)),
                part10.element(part10.MESSAGE_ID, struct.pack("<H", self.message)),
                part10.element(0x0700, struct.pack("<H", 0)),  # priority
                part10.element(part10.COMMAND_DATA_SET_TYPE, struct.pack("<H", data_set)),
                part10.element(part10.AFFECTED_SOP_INSTANCE_UID, part10.padded(sop_instance, b"\0"))
                if sop_instance
                else b"",
            )
        )
        return part10.element(0, struct.pack("<L", len(elements))) + elements

    def store(
        self, dataset: bytes, sop_class: str, sop_instance: str, *, context_id: int = 1, fragment: int = 0
    ) -> tuple[int, str]:
        """Status and error comment of one C-STORE."""
        command = self.command(sop_class, sop_instance, data_set=1 if dataset else part10.NO_DATA_SET)
        self.connection.sendall(self.pdu(self.value(3, command, context_id)))
        fragment = fragment or self.peer_maximum - 6
        for at in range(0, len(dataset), fragment):
            last = at + fragment >= len(dataset)
            self.connection.sendall(
                self.pdu(self.value(2 if last else 0, dataset[at : at + fragment], context_id)),
            )
        return self.response()

    def response(self) -> tuple[int, str]:
        encoded = b""
        while True:
            kind, body = self.read()
            assert kind == P_DATA_TF, kind
            encoded += body[6:]
            if body[5] & 2:
                break
        answer = part10.read_command(encoded)
        assert part10.number_of(answer, part10.MESSAGE_ID_BEING_RESPONDED_TO) == self.message
        return part10.number_of(answer, part10.STATUS), part10.text_of(answer, part10.ERROR_COMMENT)

    def release(self) -> None:
        self.connection.sendall(struct.pack(">BxLxxxx", 5, 4))
        assert self.read()[0] == A_RELEASE_RP
        self.connection.close()

    def abort(self) -> None:
        self.connection.sendall(struct.pack(">BxLxxBB", 7, 4, 0, 0))
        self.connection.close()


@dataclass
class Instance:
    """A CT of pydicom's, as a file and as what goes over the wire."""

    path: Path
    part10: bytes
    dataset: bytes
    sop_class_uid: str
    sop_instance_uid: str
    key: str

    @property
    def announced(self) -> tuple[str, str]:
        return self.sop_class_uid, self.sop_instance_uid


def instance_of(path: Path) -> Instance:
    ds = dcmread(path)
    whole = path.read_bytes()
    begin = 144 + ds.file_meta.FileMetaInformationGroupLength
    key = f"{ORGANIZATION}/{ds.StudyInstanceUID}/{ds.SeriesInstanceUID}/{ds.SOPInstanceUID}.dcm"
    return Instance(path, whole, whole[begin:], str(ds.SOPClassUID), str(ds.SOPInstanceUID), key)


def encoded(ds: Dataset, *, implicit: bool = False, big: bool = False) -> bytes:
    """The bytes of a dataset without preamble and meta."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, not big
    write_dataset(buffer, ds)
    return bytes(buffer.getvalue())
