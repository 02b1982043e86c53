"""What the node does when a peer asks: admits it, verifies, stores. HANDLERS is pynetdicom's table of events.
C-STORE comes by the wire's short way instead; what is asked of the index is in `queries`.

Source: PS3.4 §A and §B, PS3.7 §9.1.1 and §9.1.5, PS3.8 §9.3.4
"""

from typing import Any

from pynetdicom import evt

from gateway_scp import log, part10
from gateway_scp.arrival import Arrival, Spool
from gateway_scp.identity import Identity, read_identity, require_same
from gateway_scp.peers import Peers
from gateway_scp.records import Visit
from gateway_scp.wire import Refusal, StoreRequest
from pacs.bootstrap import Stores
from pacs.dicom.non_patient import is_non_patient
from pacs.dicom.uids import require_uid
from pacs.errors import InvalidInstance, PacsError, answer_for

SUCCESS = 0x0000
PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, SERVICE_PROVIDER = 1, 3

CONGESTION = (TRANSIENT, SERVICE_PROVIDER, 1)
LOCAL_LIMIT = (TRANSIENT, SERVICE_PROVIDER, 2)
UNKNOWN_AE_TITLE = {"calling": (PERMANENT, SERVICE_USER, 3), "called": (PERMANENT, SERVICE_USER, 7)}


def handle_echo(event: evt.Event, visit: Visit) -> int:
    return SUCCESS


HANDLERS: tuple[tuple[evt.EventType, Any], ...] = ((evt.EVT_C_ECHO, handle_echo),)


def admit(visit: Visit, peers: Peers, ae_title: str) -> Refusal | None:
    """Give a visit its place, or say why it is refused."""
    table = peers.current()
    if table is None:
        return Refusal(*CONGESTION, "there is no modality table yet")
    visit.match = match = table.match(visit.peer, ae_title)
    if match.unknown is None:
        return None
    who = {"calling_ae": visit.calling_ae, "called_ae": visit.called_ae, "peer": visit.address}
    if table.mode == "strict":
        return Refusal(*UNKNOWN_AE_TITLE[match.unknown], f"{match.unknown} AE title not recognised")
    log.warning(f"{match.unknown} AE title not recognised", id=visit.id, branch_id=match.place.branch_id, **who)
    return None


def begin_store(request: StoreRequest, spool: Spool, buffer: bytearray) -> None:
    """Make room for a dataset, of which only the announced UIDs are known yet."""
    try:
        sop_class, sop_instance = announced(request)
    except PacsError as error:
        refuse(request, error)
        return
    meta = part10.file_meta(sop_class, sop_instance, request.transfer_syntax_uid)
    request.arrival = Arrival(spool, buffer, meta)


def announced(request: StoreRequest) -> tuple[str, str]:
    return (
        require_uid(part10.text_of(request.command, part10.AFFECTED_SOP_CLASS_UID), "AffectedSOPClassUID"),
        require_uid(part10.text_of(request.command, part10.AFFECTED_SOP_INSTANCE_UID), "AffectedSOPInstanceUID"),
    )


def end_store(visit: Visit, request: StoreRequest, stores: Stores) -> None:
    """Store what has arrived, and set the status: Success only when the store has it durably."""
    arrival = request.arrival
    try:
        if arrival:
            outcome = store(visit, request, arrival, stores)
            visit.outcomes[outcome] += 1
            visit.size_bytes += arrival.dataset_bytes
    except Exception as error:  # whatever a store does, the peer gets an answer
        refuse(request, error)
        log.error("instance not stored", error, id=visit.id, status=f"{request.status:04X}", reason=request.comment)
    finally:
        if arrival:
            arrival.discard()
    if request.status != SUCCESS:
        visit.failures[f"{request.status:04X}"] += 1


def store(visit: Visit, request: StoreRequest, arrival: Arrival, stores: Stores) -> str:
    if visit.match is None or not arrival.dataset_bytes:
        raise InvalidInstance("there is no dataset")
    identity = read_identity(arrival, arrival.dataset_offset, request.transfer_syntax_uid)
    require_same(identity, *announced(request))
    body, sha256 = arrival.take()
    key = key_of(visit.match.place.organization_id, identity)
    return stores.originals.store_original(
        key, body, sha256=sha256, metadata=metadata(visit, request, identity.sop_class_uid)
    )


def key_of(organization_id: str, identity: Identity) -> str:
    """Where an original lies: below its series, or below its SOP class when it belongs to no patient."""
    above = (identity.study_instance_uid, identity.series_instance_uid)
    if is_non_patient(identity.sop_class_uid):
        above = ("non-patient", identity.sop_class_uid)
    return "/".join((organization_id, *above, identity.sop_instance_uid + ".dcm"))


def metadata(visit: Visit, request: StoreRequest, sop_class_uid: str) -> dict[str, str]:
    assert visit.match is not None
    return {
        "calling_ae": visit.calling_ae,
        "called_ae": visit.called_ae,
        "source_ip": visit.address,
        "branch_id": visit.match.place.branch_id,
        "received_at": log.now(),
        "transfer_syntax_uid": request.transfer_syntax_uid,
        "sop_class_uid": sop_class_uid,
    }


def refuse(request: StoreRequest, error: Exception) -> None:
    """Set the status of an error, and its words where they are ours."""
    request.status = answer_for(error).dimse_status
    request.comment = error.message if isinstance(error, PacsError) else "internal error"
