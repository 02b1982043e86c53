"""The node: one listening process from start to drained end. `serve` is called by `python -m gateway_scp`."""

import errno
import gc
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any

from pydicom.uid import UID
from pynetdicom import _config, evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.transport import AddressInformation

from gateway_scp import handlers, log, queries
from gateway_scp.arrival import Spool
from gateway_scp.conversation import Request
from gateway_scp.echoing import Echoes
from gateway_scp.health import Health
from gateway_scp.index import Index
from gateway_scp.logbook import Logbook, row_of
from gateway_scp.peers import Peers
from gateway_scp.presence import Presence
from gateway_scp.queries import Desk
from gateway_scp.records import Visit, finish
from gateway_scp.settings import GatewaySettings
from gateway_scp.sockets import WaitingRoom, listen
from gateway_scp.tls import peer_context, tls_context
from gateway_scp.wire import Acceptor, Refusal, StoreRequest
from pacs.bootstrap import Stores
from pacs.dicom.modalities import KEY
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.errors import NotConfigured, ObjectNotFound, PacsError

MAXIMUM_PDU_BYTES = 131072
NEGOTIATION_S = 30.0
DRAIN_S = 99.0  # then eleven seconds remain of the promised 110, for two ways of ending what is left
TIDY_EVERY_S = 10.0
ABORT_S = 5.0

_config.LOG_HANDLER_LEVEL = "none"  # no per-PDU handlers, no datasets in the log
_config.CODECS = ("ascii", "utf-8", "latin-1")  # AE titles of careless peers


class Node:
    """Holds what its associations share; the wire's `Host`."""

    def __init__(self, settings: GatewaySettings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._spool = Spool(settings.spool)
        self._peers = Peers(stores.exchange)
        tls = peer_context(settings)
        index = Index(settings)
        self._connections = Logbook("associations", index.record_connections)
        self._transfers = Logbook("transfers", index.record_transfers)
        self._logbooks = [self._connections, self._transfers] if index.has_database else []
        self._desk = Desk(index, self._peers, stores.originals, settings.ae_title, tls, self._transfers)
        self._echoes = Echoes(stores.exchange, self._peers, settings.ae_title, tls)
        self.open: set[Acceptor] = set()
        self.changed = threading.Condition()
        self._leaving = threading.Event()
        self._at_once = False
        self.tls = tls_context(settings)
        self.entity = entity(settings.ae_title)
        listening = self._bind("PACS_DICOM_PORT", settings.dicom_port)
        self.port: int = listening.getsockname()[1]
        self._room = WaitingRoom(listening, self._receive)
        self._health = self._start_health()
        about = {"ae_title": settings.ae_title, "port": self.port, "tls": self.tls is not None}
        self._presence = Presence(stores.exchange, about, self.ill, lambda: [each.visit for each in self.open.copy()])

    def run(self) -> None:
        """Serve until `leave`; returns when the last association has ended."""
        self._peers.start()
        self._echoes.start()
        self._presence.start()
        for each in self._logbooks:
            each.start()
        threading.Thread(target=self._tidy, name="tidy", daemon=True).start()
        log.info(
            "listening",
            host=self._settings.bind,
            port=self.port,
            ae_title=self._settings.ae_title,
            tls=self.tls is not None,
            health_port=self.health_port,
        )
        self._room.run()
        self._drain()
        self._echoes.stop()
        self._presence.stop()
        for each in self._logbooks:
            each.stop()
        self._peers.stop()
        self._desk.index.close()
        if self._health:
            self._health.stop()
        log.info("stopped")

    @property
    def health_port(self) -> int:
        return self._health.port if self._health else 0

    def leave(self) -> None:
        """Drain; called again: leave at once. May be called from a signal handler."""
        self._at_once = self._leaving.is_set()
        self._leaving.set()
        self._room.stop()

    # What the associations ask (the wire's Host).

    def admit(self, visit: Visit) -> Refusal | None:
        if self._leaving.is_set():
            return Refusal(*handlers.CONGESTION, "the node is leaving")
        if len(self.open) > self._settings.dicom_max_associations:
            return Refusal(*handlers.LOCAL_LIMIT, "too many associations")
        return handlers.admit(visit, self._peers, self._settings.ae_title)

    def begin_store(self, visit: Visit, request: StoreRequest, buffer: bytearray) -> None:
        handlers.begin_store(request, self._spool, buffer)

    def end_store(self, visit: Visit, request: StoreRequest) -> None:
        handlers.end_store(visit, request, self._stores)

    def serve(self, association: Acceptor, request: Request) -> None:
        queries.serve(association, request, self._desk)

    def handlers(self, visit: Visit) -> list[tuple[evt.EventType, Any, list[Any]]]:
        return [(event, handler, [visit]) for event, handler in handlers.HANDLERS]

    def ended(self, association: Acceptor) -> None:
        try:
            if association.visit.requested:
                finish(association.visit, self._stores.exchange)
                if self._logbooks:
                    self._connections.note([row_of(association.visit)])
        finally:
            with self.changed:
                self.open.discard(association)
                self.changed.notify_all()

    def ill(self) -> str:
        """Why this node cannot store now, or an empty text."""
        if self._leaving.is_set():
            return "leaving"
        for store in (self._stores.originals, self._stores.exchange):
            try:
                store.head(KEY)
            except ObjectNotFound:
                continue  # that is an answer, too
            except PacsError as error:
                return error.message
        return ""

    # Its own affairs.

    def _bind(self, variable: str, port: int) -> socket.socket:
        try:
            return listen(self._settings.bind, port, reuse_port=self._settings.dicom_reuse_port)
        except OSError as error:
            raise busy(variable, port, error) from error

    def _start_health(self) -> Health | None:
        port = self._settings.dicom_health_port
        if not port:
            return None
        try:
            return Health((self._settings.bind, port), self.ill, reuse_port=self._settings.dicom_reuse_port)
        except OSError as error:
            raise busy("PACS_DICOM_HEALTH_PORT", port, error) from error

    def _receive(self, connection: socket.socket, address: tuple[str, int]) -> None:
        association = Acceptor(self, connection, AddressInformation.from_tuple(address))
        with self.changed:
            self.open.add(association)
        try:
            association.start()
        except RuntimeError as error:  # no more threads to be had
            log.error("connection dropped", error, peer=address[0])
            with self.changed:
                self.open.discard(association)
            connection.close()

    def _tidy(self) -> None:
        """Associations refer to themselves, and Python looks for what does so by the number of objects, not by their
        size: of the images that went through them, tens of megabytes would wait for that.
        """
        while not self._leaving.wait(TIDY_EVERY_S):
            gc.collect()

    def _drain(self) -> None:
        log.info("leaving", associations=len(self.open))
        deadline = time.monotonic() + DRAIN_S
        while self.open and not self._at_once and time.monotonic() < deadline:
            with self.changed:
                self.changed.wait(0.2)
        for part in (Acceptor.quit, Acceptor.cut):
            for association in list(self.open):
                part(association, "the node is leaving")
            with self.changed:
                self.changed.wait_for(lambda: not self.open, ABORT_S)


def busy(variable: str, port: int, error: OSError) -> NotConfigured:
    reason = "in use" if error.errno == errno.EADDRINUSE else f"not to be had ({errno.errorcode.get(error.errno or 0)})"
    return NotConfigured(f"port {port} is {reason}: set {variable} to another one", field=variable)


def entity(ae_title: str) -> ApplicationEntity:
    """pynetdicom's application entity; our own count limits the associations."""
    made = ApplicationEntity(ae_title)
    made.maximum_pdu_size = MAXIMUM_PDU_BYTES
    made.maximum_associations = 1 << 20
    made.acse_timeout = NEGOTIATION_S
    made.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    made.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return made


def serve(settings: GatewaySettings, stores: Stores) -> None:
    """Serve in this process until SIGTERM or SIGINT; a second one ends it at once. Raises NotConfigured."""
    node = Node(settings, stores)

    def on_signal(number: int, frame: FrameType | None) -> None:
        node.leave()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    node.run()
