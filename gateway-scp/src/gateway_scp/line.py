"""An accepted connection, as pynetdicom wants it, and how threads wait for it. Used by the wire; see there why."""

import os
import queue
import select
import socket
import ssl
import threading
from typing import Any

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

WAIT_S = 0.5  # how often a waiting thread looks at its timers


class Line(AssociationSocket):
    """An accepted connection."""

    def __init__(self, association: Association, connection: socket.socket) -> None:
        super().__init__(association, client_socket=connection)
        self._connection = connection
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._open = threading.Lock()  # its number may soon be another file's
        self._is_disposed = False
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits a while, unless there is something else to do."""
        if self.socket is None or not self._is_connected:
            return False
        if isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
            return True
        found = dict(self._poll.poll(0 if self.event_queue.qsize() else WAIT_S * 1000))
        if self._wake in found:
            os.eventfd_read(self._wake)
        return len(found) > (self._wake in found)

    def wake(self) -> None:
        """Wake whoever waits here, from whatever thread; nobody does any more once it is disposed of."""
        with self._open:
            if not self._is_disposed:
                os.eventfd_write(self._wake, 1)

    def read_into(self, view: memoryview) -> None:
        """Fill the view. Raises OSError when the peer closes or stalls before that."""
        at = 0
        while at < len(view):
            got = self._connection.recv_into(view[at:])
            if not got:
                raise ConnectionResetError("closed by the peer")
            acknowledge(self._connection)
            at += got

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def _shutdown_socket(self) -> None:
        """Close, even where shutting down fails: pynetdicom then leaves the socket to the garbage collector."""
        close(self._connection)

    def dispose(self) -> None:
        close(self._connection)
        with self._open:
            if not self._is_disposed:
                self._is_disposed = True
                os.close(self._wake)


def acknowledge(connection: socket.socket) -> None:
    """Send what ACK is due now. The kernel forgets this wish, so it is said again after every read.

    Senders that leave Nagle's algorithm on (most) otherwise wait 40 ms for the delayed ACK, again and again.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the peer was first
    finally:
        connection.close()


class RingingQueue(queue.Queue[Any]):
    """A queue that rings a bell for whoever waits on several of them."""

    def __init__(self, bell: threading.Event) -> None:
        super().__init__()
        self._bell = bell

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._bell.set()
