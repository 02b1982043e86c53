"""TLS, with and without client certificates."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway_scp.settings import GatewaySettings
from gateway_scp.tls import peer_context, tls_context
from pacs.errors import NotConfigured
from tests.gateway.conftest import Home, Process, Run, clinic_of, made, part10_of
from tests.gateway.receiver import receiving
from tests.gateway.sender import Instance
from tests.gateway.test_move import CAPTURE, EXPLICIT, counts, move
from tests.gateway.test_query import keys


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


def issue(folder: Path, name: str) -> Certificate:
    """A self-signed certificate for 127.0.0.1, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    paths.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture
def server(tmp_path: Path) -> Certificate:
    return issue(tmp_path, "server")


@pytest.fixture
def client(tmp_path: Path) -> Certificate:
    return issue(tmp_path, "client")


def wrapping(server: Certificate, client: Certificate | None = None) -> Callable[[socket.socket], socket.socket]:
    context = ssl.create_default_context(cafile=str(server.certificate))
    if client:
        context.load_cert_chain(client.certificate, client.key)
    return lambda connection: context.wrap_socket(connection, server_hostname="127.0.0.1")


def test_instances_come_through_tls(run: Run, home: Home, ct: Instance, server: Certificate) -> None:
    node = run(dicom_tls_certificate=str(server.certificate), dicom_tls_key=str(server.key))
    with node.sender(wrap=wrapping(server)) as sender:
        assert sender.store(ct.dataset, *ct.announced) == (0, "")
        sender.release()
    assert home.originals() == [ct.key]
    assert node.record()["end"] == "released"


def test_storescu_sends_by_mutual_tls(
    run: Run, home: Home, ct: Instance, server: Certificate, client: Certificate
) -> None:
    node = run(
        dicom_tls_certificate=str(server.certificate),
        dicom_tls_key=str(server.key),
        dicom_tls_client_ca=str(client.certificate),
    )
    arguments = ["+tls", str(client.key), str(client.certificate), "+cf", str(server.certificate)]
    target = ["-aec", "RAIPACS", "127.0.0.1", str(node.port), str(ct.path)]
    sent = subprocess.run(["storescu", *arguments, *target], capture_output=True, text=True, timeout=60)
    assert sent.returncode == 0, sent.stderr
    assert home.originals() == [ct.key]


def test_a_client_without_a_certificate_of_the_authority_is_refused(
    run: Run, home: Home, server: Certificate, client: Certificate
) -> None:
    node = run(
        dicom_tls_certificate=str(server.certificate),
        dicom_tls_key=str(server.key),
        dicom_tls_client_ca=str(client.certificate),
    )
    for presented in (None, server):
        with pytest.raises((OSError, AssertionError)):
            node.sender(wrap=wrapping(server, presented))
    node.settle()
    assert home.records() == []


def test_a_plain_sender_is_told_nothing_and_stops_nobody(
    spawn: Callable[..., Process], server: Certificate, ct: Instance
) -> None:
    process = spawn(PACS_DICOM_TLS_CERTIFICATE=str(server.certificate), PACS_DICOM_TLS_KEY=str(server.key))
    with socket.create_connection(("127.0.0.1", process.port)) as silent:
        silent.sendall(b"\x16")  # a handshake that is never finished
        plain = ["storescu", "-aec", "RAIPACS", "127.0.0.1", str(process.port), str(ct.path)]
        assert subprocess.run(plain, capture_output=True, timeout=60).returncode != 0
        assert process.read_until("TLS handshake failed")["peer"] == "127.0.0.1"


def test_a_certificate_that_is_none_is_one_clear_error(server: Certificate, client: Certificate) -> None:
    for certificate, key, authority in (
        (server.certificate, client.key, ""),
        ("/nowhere", server.key, ""),
        (server.certificate, server.key, "/nowhere"),
        (server.certificate, server.key, str(server.key)),
    ):
        settings = GatewaySettings(
            dicom_tls_certificate=str(certificate), dicom_tls_key=str(key), dicom_tls_client_ca=authority
        )
        with pytest.raises(NotConfigured, match="PACS_DICOM_TLS"):
            tls_context(settings)


def test_tls_older_than_1_2_is_not_spoken(server: Certificate) -> None:
    context = tls_context(GatewaySettings(dicom_tls_certificate=str(server.certificate), dicom_tls_key=str(server.key)))
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def answering(certificate: Certificate, client_ca: Certificate | None = None) -> ssl.SSLContext:
    """How a peer answers that is called over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca.certificate)
    return context


def test_instances_are_moved_over_tls_byte_by_byte(run: Run, home: Home, fresh_dsn: str, server: Certificate) -> None:
    study = [part10_of(made("1.2.1", n, EncapsulatedDocument=b"x" * 200_000)) for n in range(1, 6)]
    with clinic_of(home, run, fresh_dsn, dicom_tls_peer_ca=str(server.certificate)) as clinic:
        clinic.hold(*study)
        with receiving((CAPTURE, [EXPLICIT]), tls=answering(server)) as received:
            clinic.introduce("DEST", received.port, tls=True)
            last, _ = move(clinic, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert (int(last.Status), counts(last)) == (0, (5, 0, 0))
    assert all(body.endswith(encoded) for body, (_, encoded) in zip(study, received.datasets.values(), strict=True))


def test_a_peer_that_wants_a_certificate_is_shown_one(
    run: Run, home: Home, fresh_dsn: str, server: Certificate, client: Certificate
) -> None:
    shown = {"dicom_tls_peer_certificate": str(client.certificate), "dicom_tls_peer_key": str(client.key)}
    with clinic_of(home, run, fresh_dsn, dicom_tls_peer_ca=str(server.certificate), **shown) as clinic:
        clinic.hold(part10_of(made("1.2.1")))
        with receiving((CAPTURE, [EXPLICIT]), tls=answering(server, client)) as received:
            clinic.introduce("DEST", received.port, tls=True)
            last, _ = move(clinic, keys("STUDY", StudyInstanceUID="1.2.1"))[-1]
    assert (int(last.Status), len(received.datasets)) == (0, 1)


@contextmanager
def impostor(tls: ssl.SSLContext | None) -> Iterator[int]:
    """The port of one who takes connections in the peer's place, and reads what is said first."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as met:
                        met.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(20)


@pytest.mark.parametrize("tls", [True, False])
def test_nothing_is_moved_to_one_who_does_not_prove_to_be_the_peer(
    run: Run, home: Home, fresh_dsn: str, server: Certificate, client: Certificate, tls: bool
) -> None:
    """A certificate of another authority, or no TLS at all where it is asked for."""
    with clinic_of(home, run, fresh_dsn, dicom_tls_peer_ca=str(server.certificate)) as clinic:
        clinic.hold(part10_of(made("1.2.1")))
        with impostor(answering(client) if tls else None) as port:
            clinic.introduce("DEST", port, tls=True)
            [(last, _)] = move(clinic, keys("STUDY", StudyInstanceUID="1.2.1"))
    assert last.Status == 0xA702


def test_what_is_shown_to_peers_is_one_clear_error_when_it_is_none(server: Certificate, client: Certificate) -> None:
    for settings in (
        GatewaySettings(dicom_tls_peer_ca="/nowhere"),
        GatewaySettings(dicom_tls_peer_certificate=str(server.certificate), dicom_tls_peer_key=str(client.key)),
    ):
        with pytest.raises(NotConfigured, match="PACS_DICOM_TLS_PEER"):
            peer_context(settings)
    with pytest.raises(NotConfigured, match="go together"):
        GatewaySettings.from_environment({"PACS_DICOM_TLS_PEER_KEY": "key.pem"})
