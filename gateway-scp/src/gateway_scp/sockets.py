"""The listening socket, and the waiting room behind it.

A connection becomes an association only when its first byte has come. Load balancers connect and leave by the
thousand; they cost one file descriptor for a moment, no thread, no log line.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable

WAITING_S = 30.0  # as the ARTIM timer, PS3.8 §9.1.5
WAITING_MAX = 512

Receive = Callable[[socket.socket, tuple[str, int]], None]


def listen(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A listening socket. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.listen(128)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


class WaitingRoom:
    """Accepts connections, and hands over those that say something."""

    def __init__(self, listening: socket.socket, receive: Receive) -> None:
        self._listening = listening
        self._receive = receive
        self._waiting: dict[socket.socket, tuple[float, tuple[str, int]]] = {}  # in order of arrival
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._stopped = False

    def run(self) -> None:
        """Until `stop`; then nothing listens any more, and who still waits is sent away."""
        while not self._stopped:
            for key, _ in self._selector.select(1.0):
                if key.fileobj is self._listening:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._look(key.fileobj)
            self._send_away()
        for connection in (self._listening, *self._waiting):
            connection.close()
        self._selector.close()

    def __del__(self) -> None:
        os.close(self._wake)  # not when it ends: whoever stops it may come later

    def stop(self) -> None:
        """May be called from a signal handler."""
        self._stopped = True
        os.eventfd_write(self._wake, 1)

    def _accept(self) -> None:
        try:
            connection, address = self._listening.accept()
        except BlockingIOError:
            return
        except OSError:  # out of file descriptors: make room
            self._drop(next(iter(self._waiting), None))
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting[connection] = (time.monotonic() + WAITING_S, address[:2])
        self._selector.register(connection, selectors.EVENT_READ)
        if len(self._waiting) > WAITING_MAX:
            self._drop(next(iter(self._waiting)))

    def _look(self, connection: socket.socket) -> None:
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except OSError:
            first = b""
        if not first:
            self._drop(connection)
            return
        _, address = self._waiting.pop(connection)
        self._selector.unregister(connection)
        self._receive(connection, address)

    def _send_away(self) -> None:
        now = time.monotonic()
        for connection, (deadline, _) in list(self._waiting.items()):
            if deadline > now:
                return
            self._drop(connection)

    def _drop(self, connection: socket.socket | None) -> None:
        if connection is None:
            time.sleep(0.1)  # nobody to send away: file descriptors come back when an association ends
            return
        del self._waiting[connection]
        self._selector.unregister(connection)
        connection.close()
