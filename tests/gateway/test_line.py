"""An accepted connection, and who is woken on it."""

import os
import socket

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association

from gateway_scp.line import Line


def test_waking_a_line_that_is_gone_reaches_no_other_file() -> None:
    here, there = socket.socketpair()
    line = Line(Association(ApplicationEntity(), "acceptor"), here)
    line.wake()
    line.dispose()
    line.dispose()
    # The next files of the process get the numbers that have become free.
    others = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(3)]
    try:
        line.wake()
        assert all(not readable(each) for each in others)
    finally:
        for each in others:
            os.close(each)
        there.close()


def readable(descriptor: int) -> bool:
    try:
        return os.eventfd_read(descriptor) > 0
    except BlockingIOError:
        return False
