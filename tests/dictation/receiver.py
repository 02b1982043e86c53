"""Somebody whom we call: a server on the loopback that says what a test has told it, in TLS or not.

Its certificate is signed by an authority of its own, for the names that the test gives it.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC = "93.184.215.14"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Receiver:
    """Every call gets the next of `answers`, the last again and again; what was heard is kept."""

    port: int
    answers: list[bytes | Callable[[socket.socket], None]] = field(default_factory=lambda: [OK])
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    greeting: bytes = b""

    def serve(self, connection: socket.socket) -> None:
        if self.greeting:  # no web server: whatever is said to it, this is all it says
            self.heard.append(connection.recv(1 << 16))
            connection.sendall(self.greeting)
            return
        received = b""
        while not whole(received) and (more := connection.recv(1 << 16)):
            received += more
        if not received:
            return
        self.heard.append(received)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, bytes):
            connection.sendall(said)
        else:
            said(connection)

    @property
    def headers(self) -> dict[str, str]:
        """Those of the last call, in small letters."""
        lines = self.heard[-1].partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def body(self) -> bytes:
        return self.heard[-1].partition(b"\r\n\r\n")[2]


def whole(received: bytes) -> bool:
    head, gap, body = received.partition(b"\r\n\r\n")
    sizes = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(gap) and len(body) >= sum(map(int, sizes))


@dataclass
class Internet:
    """Names and addresses as a test wants them. Whatever is dialled, the receiver answers."""

    receiver: Receiver
    addresses: list[Sequence[str]] = field(default_factory=lambda: [[PUBLIC]])
    dialled: list[tuple[str, int]] = field(default_factory=list)
    resolved: int = 0
    dead: tuple[str, ...] = ()

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved += 1
        return self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]

    def dial(self, address: str, port: int, timeout_s: float) -> socket.socket:
        self.dialled.append((address, port))
        if address in self.dead:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", self.receiver.port), timeout_s)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens until the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver, ended = Receiver(listener.getsockname()[1]), threading.Event()

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                if ended.is_set():
                    connection.close()
                    return
                receiver.connections += 1
                with connection, suppress(OSError):
                    if tls is None:
                        receiver.serve(connection)
                    else:
                        with tls.wrap_socket(connection, server_side=True) as secure:
                            receiver.serve(secure)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield receiver
        finally:
            ended.set()
            socket.create_connection(("127.0.0.1", receiver.port)).close()
            thread.join()


@dataclass(frozen=True)
class Authority:
    """Who signs certificates, and whom clients trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def founded(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        basic = x509.BasicConstraints(ca=True, path_length=0)
        certificate = described("Authority", "Authority", key).add_extension(basic, critical=True)
        return cls(folder, key, certificate.sign(key, hashes.SHA256()))

    def server(self, name: str) -> ssl.SSLContext:
        """What a server of this name needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        built = described(name, "Authority", key).add_extension(names, critical=False)
        signed = built.sign(self.key, hashes.SHA256())
        file = self.folder / f"{name}.pem"
        pem = serialization.Encoding.PEM
        plain = serialization.NoEncryption()
        file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def client(self) -> ssl.SSLContext:
        """What somebody needs who trusts this authority alone."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)


def described(name: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
