"""A node that receives what is moved or got, and keeps it as it came."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity


@dataclass
class Received:
    """`datasets`: SOP Instance UID → transfer syntax and the encoded dataset. `statuses` are given in turn;
    `at_first` is called while the first instance waits for its own.
    """

    port: int = 0
    datasets: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    originators: list[tuple[str, int]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    at_first: Callable[[], object] | None = None

    def take(self, event: Any) -> int:
        request = event.request
        if self.at_first and not self.datasets:
            self.at_first()
        self.datasets[str(request.AffectedSOPInstanceUID)] = (
            str(event.context.transfer_syntax),
            request.DataSet.getvalue(),
        )
        if request.MoveOriginatorMessageID is not None:
            self.originators.append((request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID))
        return self.statuses.pop(0) if self.statuses else 0


@contextmanager
def receiving(
    *contexts: tuple[str, list[str]], statuses: list[int] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Received]:
    """A server that takes these SOP classes in these transfer syntaxes."""
    entity = ApplicationEntity("DEST")
    for sop_class, syntaxes in contexts:
        entity.add_supported_context(UID(sop_class), syntaxes)
    received = Received(statuses=statuses or [])
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, received.take)], ssl_context=tls
    )
    assert server is not None
    received.port = server.server_address[1]
    try:
        yield received
    finally:
        server.shutdown()
