"""C-ECHO to a peer, for administrators who ask whether it is there. Wishes lie in the exchange store.

Every node that stands answers every wish; the answers say the same. Source: PS3.4 §A, PS3.7 §9.1.5
"""

import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity

from gateway_scp import log
from gateway_scp.conversation import Refused
from gateway_scp.moving import CONNECT_S, reach
from gateway_scp.peers import Peers
from pacs.dicom.echoes import ANSWERS, WISHES, Outcome
from pacs.dicom.modalities import Destination
from pacs.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs.errors import ObjectNotFound, PacsError
from pacs.ports import ObjectStore

LOOK_S = 2.0
ANSWER_S = 10.0
TOO_OLD = timedelta(seconds=30)
VERIFICATION = "1.2.840.10008.1.1"


def echo(peer: Destination, own_title: str, tls: ssl.SSLContext) -> Outcome:
    """Whether a peer takes an association for verification and answers."""
    try:
        reach(peer, tls)  # pynetdicom leaves a socket open that did not connect
    except Refused:
        return "unreachable"
    entity = ApplicationEntity(own_title)
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.connection_timeout = CONNECT_S
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = ANSWER_S
    entity.add_requested_context(VERIFICATION)
    association = entity.associate(
        peer.host, peer.port, ae_title=peer.ae_title, tls_args=(tls, peer.host) if peer.tls else None
    )
    if not association.is_established:
        return "refused"
    try:
        return "answered" if association.send_c_echo().get("Status") == 0 else "silent"
    finally:
        if association.is_established:
            association.release()


class Echoes:
    """Looks for wishes and fulfils each once, in a thread of its own."""

    def __init__(self, exchange: ObjectStore, peers: Peers, own_title: str, tls: ssl.SSLContext) -> None:
        self._exchange = exchange
        self._peers = peers
        self._own_title = own_title
        self._tls = tls
        self._etag = ""
        self._seen: set[str] = set()
        self._trouble = ""
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="echoes", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """Fulfil the wishes that are new."""
        for wish in self._new_wishes():
            began = time.monotonic()
            outcome = self._fulfil(wish)
            took_ms = round((time.monotonic() - began) * 1000)
            log.info("C-ECHO sent", ae_title=wish["ae_title"], outcome=outcome, milliseconds=took_ms)
            answer = {**wish, "outcome": outcome, "milliseconds": took_ms}
            key = f"{ANSWERS}{wish['id']}.json"
            self._exchange.put(key, json.dumps(answer).encode(), content_type="application/json")

    def _fulfil(self, wish: dict[str, Any]) -> Outcome:
        self._peers.reload()  # the peer may be as new as the wish
        table = self._peers.table
        peer = table.destination(wish["ae_title"], wish["organization_id"]) if table else None
        return echo(peer, self._own_title, self._tls) if peer else "unknown"

    def _new_wishes(self) -> list[dict[str, Any]]:
        try:
            if self._exchange.head(WISHES).etag == self._etag:
                return []
            info, document = self._exchange.get(WISHES)
        except ObjectNotFound:
            return []
        since = datetime.now(UTC) - TOO_OLD
        wishes = [each for each in json.loads(document) if datetime.fromisoformat(each["asked_at"]) > since]
        new = [each for each in wishes if each["id"] not in self._seen]
        self._etag, self._seen = info.etag, {each["id"] for each in wishes}
        return new

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_S):
            trouble = ""
            try:
                self.look()
            except Exception as error:  # this thread must outlive whatever a store or a peer does
                trouble = error.message if isinstance(error, PacsError) else log.fault(error)
            if trouble and trouble != self._trouble:
                log.error(f"wishes for C-ECHO not read: {trouble}")
            self._trouble = trouble
