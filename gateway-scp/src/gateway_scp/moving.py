"""C-MOVE: instances to a configured peer, over an association of the node's own. Called by queries.

Source: PS3.4 §C.4.2
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from gateway_scp.conversation import Refused, pdu_room
from gateway_scp.index import Stored
from gateway_scp.retrieving import ALL_FAILED
from gateway_scp.sending import DECODED, Context, choose, store
from pacs.dicom.modalities import Destination, ModalityTable, Place
from pacs.dicom.transcode import VIDEO
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.errors import Unavailable
from pacs.ports import ObjectStore

UNKNOWN_DESTINATION = 0xA801
MOST_CONTEXTS = 128
CONNECT_S, ANSWER_S = 10.0, 60.0


def destination(table: ModalityTable | None, title: str, place: Place) -> Destination:
    """Raises Refused (A801) for a title that is no peer of this organization's."""
    found = table.destination(title, place.organization_id) if table else None
    if found is None:
        raise Refused(UNKNOWN_DESTINATION, "the move destination is no peer of this organization")
    return found


class Mover:
    """Stores instances at one peer, one after the other."""

    def __init__(self, association: Association, originals: ObjectStore, originator: tuple[str, int]) -> None:
        self._association = association
        self._originals = originals
        self._originator = originator
        self._message_id = 0
        self._contexts = [
            Context(cast(int, each.context_id), str(each.abstract_syntax), str(each.transfer_syntax[0]))
            for each in association.accepted_contexts
        ]
        self._connection = cast(socket.socket, cast(Any, association.dul.socket).socket)
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.settimeout(ANSWER_S)

    def send(self, stored: Stored) -> int | None:
        """Store one instance; the status that the peer answers. Raises Unavailable when the peer is gone."""
        if not self._association.is_established or not self._association.dul.is_alive():
            raise Unavailable("the move destination has left")
        context = choose(self._contexts, stored)
        self._message_id = self._message_id % 0xFFFF + 1
        store(
            self._connection.sendall,
            self._originals,
            stored,
            context,
            message_id=self._message_id,
            room=pdu_room(self._association.acceptor.maximum_length),
            originator=self._originator,
        )
        _, response = self._association.dimse.get_msg(block=True)
        if response is None:
            self._association.abort()
            raise Unavailable("the move destination does not answer")
        return response.Status


@contextmanager
def mover(
    peer: Destination,
    instances: list[Stored],
    originals: ObjectStore,
    own_title: str,
    originator: tuple[str, int],
    tls: ssl.SSLContext,
) -> Iterator[Mover]:
    """An association with the peer that proposes what the instances need. Raises Refused (A702)."""
    reach(peer, tls)  # pynetdicom leaves a socket open that did not connect
    entity = ApplicationEntity(own_title)
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = entity.acse_timeout = CONNECT_S
    entity.dimse_timeout = entity.network_timeout = ANSWER_S
    association = entity.associate(
        peer.host,
        peer.port,
        contexts=proposal(instances),
        ae_title=peer.ae_title,
        tls_args=(tls, peer.host) if peer.tls else None,
    )
    if not association.is_established:
        raise Refused(ALL_FAILED, "the move destination does not take the association")
    association._reactor_checkpoint.clear()  # its loop must not take the responses away
    pause = threading.Event()
    while association.is_alive() and not association._is_paused:
        pause.wait(0.001)
    try:
        yield Mover(association, originals, originator)
    finally:
        association._reactor_checkpoint.set()
        if association.is_established:
            association.release()


def reach(peer: Destination, tls: ssl.SSLContext) -> None:
    """Raises Refused (A702) when nobody is there, or somebody who does not prove to be the peer."""
    try:
        with socket.create_connection((peer.host, peer.port), CONNECT_S) as connection:
            if peer.tls:
                tls.wrap_socket(connection, server_hostname=peer.host).close()
    except ssl.SSLError as error:
        raise Refused(ALL_FAILED, "the move destination does not prove who it is over TLS") from error
    except OSError as error:
        raise Refused(ALL_FAILED, "the move destination cannot be reached") from error


def proposal(instances: list[Stored]) -> list[PresentationContext]:
    """Each SOP class as it is stored, a context for each syntax; then, to fall back on, uncompressed."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in instances)
    stored = [build_context(*pair) for pair in pairs]
    decoded = [
        build_context(sop_class, syntax)
        for sop_class in dict.fromkeys(sop_class for sop_class, syntax in pairs if syntax not in VIDEO)
        for syntax in DECODED
        if (sop_class, syntax) not in pairs
    ]
    return [*stored, *decoded][:MOST_CONTEXTS]
