"""TLS, with and without client certificates."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway_scp.scp import tls_context
from gateway_scp.settings import GatewaySettings
from pacs.errors import NotConfigured
from tests.gateway.conftest import Home, Process, Run
from tests.gateway.sender import Instance


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
