"""TLS: the node's own, and that of the peers which C-MOVE goes to. Called by scp and moving.

Source: PS3.15 §B.12
"""

import ssl
import threading
from typing import Any

from gateway_scp.settings import GatewaySettings
from pacs.errors import NotConfigured


class TakingTurns(ssl.SSLSocket):
    """One call at a time, as OpenSSL wants: the node sends in one thread while pynetdicom listens in another."""

    turn: threading.Lock

    def __new__(cls, *args: Any, **options: Any) -> "TakingTurns":
        made = super().__new__(cls, *args, **options)
        made.turn = threading.Lock()
        return made

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        with self.turn:
            return super().recv(buflen, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        with self.turn:
            return super().send(data, flags)


def tls_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """What callers meet: TLS 1.2 or later; with a client CA, only clients that show a certificate of it."""
    if not settings.dicom_tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.dicom_tls_certificate, settings.dicom_tls_key)
    except OSError as error:
        raise NotConfigured("PACS_DICOM_TLS_CERTIFICATE and PACS_DICOM_TLS_KEY make no pair") from error
    if settings.dicom_tls_client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(settings.dicom_tls_client_ca)
        except OSError as error:
            raise NotConfigured("PACS_DICOM_TLS_CLIENT_CA is no file of certificates") from error
    return context


def peer_context(settings: GatewaySettings) -> ssl.SSLContext:
    """How the node calls peers: they must prove their host's name; it shows its own certificate when it has one."""
    try:
        context = ssl.create_default_context(cafile=settings.dicom_tls_peer_ca or None)
    except OSError as error:
        raise NotConfigured("PACS_DICOM_TLS_PEER_CA is no file of certificates") from error
    certificate = settings.dicom_tls_peer_certificate or settings.dicom_tls_certificate
    if certificate:
        try:
            context.load_cert_chain(certificate, settings.dicom_tls_peer_key or settings.dicom_tls_key)
        except OSError as error:
            raise NotConfigured("PACS_DICOM_TLS_PEER_CERTIFICATE and PACS_DICOM_TLS_PEER_KEY make no pair") from error
    context.sslsocket_class = TakingTurns
    return context
