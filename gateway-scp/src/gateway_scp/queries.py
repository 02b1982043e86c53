"""Who may ask the index, and what is answered when that fails. Called by the node for every request that is no
C-ECHO and no C-STORE.

Source: PS3.4 §C.4.1.1.4, §C.4.2.1.5 and §C.4.3.1.4, PS3.7 §C
"""

import ssl
from collections import Counter
from dataclasses import dataclass

from gateway_scp import log
from gateway_scp.conversation import (
    NOT_AUTHORIZED,
    OUT_OF_RESOURCES,
    UNABLE_TO_PROCESS,
    Conversation,
    Refused,
    Request,
)
from gateway_scp.finding import find
from gateway_scp.getting import Giver
from gateway_scp.index import Index, Stored
from gateway_scp.logbook import Logbook
from gateway_scp.moving import destination, mover
from gateway_scp.peers import Peers
from gateway_scp.retrieving import ALL_FAILED, Progress, Send, chosen, perform
from gateway_scp.wire import C_FIND_RQ, C_GET_RQ, C_MOVE_RQ, Acceptor
from pacs.dicom.modalities import Match, Place
from pacs.errors import NotConfigured, PacsError, Unavailable
from pacs.ports import ObjectStore

NAMES = {C_FIND_RQ: "C-FIND", C_MOVE_RQ: "C-MOVE", C_GET_RQ: "C-GET"}
NO_COUNT = 0xA701  # out of resources: unable to calculate the number of matches


@dataclass(frozen=True)
class Desk:
    """What requests are answered from; `transfers` writes down what peers were given."""

    index: Index
    peers: Peers
    originals: ObjectStore
    ae_title: str
    peer_tls: ssl.SSLContext
    transfers: Logbook


def serve(association: Acceptor, request: Request, desk: Desk) -> None:
    """Answer one request to its end, and count it. Raises OSError when the peer cannot be written to."""
    visit, conversation = association.visit, Conversation(association, request)
    visit.queries[NAMES[request.command]] += 1
    try:
        place = admitted(visit.match).place
        if request.command == C_FIND_RQ:
            visit.given["matches"] += find(conversation, desk.index, place, desk.ae_title)
        elif request.command == C_GET_RQ:
            giver = Giver(association, desk.originals)
            instances = chosen(conversation, desk.index, place)
            to = f"C-GET to {visit.calling_ae}"
            progress = give(conversation, desk, place, instances, giver.send, to)
            visit.given += Counter({"got": progress.given.total(), "not got": len(progress.failed)})
        else:
            move(conversation, desk, place)
    except OSError:
        raise
    except Exception as error:  # whatever an index does, the peer gets an answer
        status, comment = answer(error, request)
        visit.failures[f"{status:04X}"] += 1
        log.error("request not served", error, id=visit.id, status=f"{status:04X}", reason=comment)
        conversation.respond(status, comment=comment, tag=error.tag if isinstance(error, Refused) else None)


def move(conversation: Conversation, desk: Desk, place: Place) -> None:
    request, visit = conversation.request, conversation.visit
    peer = destination(desk.peers.current(), request.destination, place)
    instances = chosen(conversation, desk.index, place)
    if not instances:
        perform(conversation, [], lambda stored: ALL_FAILED, Progress(0))
        return
    originator = visit.calling_ae, request.message_id
    with mover(peer, instances, desk.originals, desk.ae_title, originator, desk.peer_tls) as sender:
        to = f"C-MOVE to {peer.ae_title} at {peer.host}:{peer.port}"
        progress = give(conversation, desk, place, instances, sender.send, to)
    visit.given += Counter({"moved": progress.given.total(), "not moved": len(progress.failed)})


def give(
    conversation: Conversation, desk: Desk, place: Place, instances: list[Stored], send: Send, to: str
) -> Progress:
    """Run the sub-operations, and have it written down, study by study, however they end. Source: PS3.15 §A.5.3.7"""
    progress, visit = Progress(len(instances)), conversation.visit
    try:
        perform(conversation, instances, send, progress)
    finally:
        desk.transfers.note(
            {
                "organization_id": place.organization_id,
                "calling_ae": visit.calling_ae,
                "address": visit.address,
                "subject": to,
                "study": study,
                "instances": progress.given[study],
                "failed": progress.not_given[study],
            }
            for study in sorted({*progress.given, *progress.not_given})
        )
    return progress


def admitted(match: Match | None) -> Match:
    """Raises Refused for a peer that may only store."""
    if match is None or not match.may_query:
        raise Refused(NOT_AUTHORIZED, "this peer may store, but not query: see the modality table")
    return match


def answer(error: Exception, request: Request) -> tuple[int, str]:
    """Status and comment. Texts of ours name no patient; those of others are not passed on."""
    if isinstance(error, Refused):
        return error.status, error.message
    if isinstance(error, NotConfigured | Unavailable):
        return OUT_OF_RESOURCES if request.command == C_FIND_RQ else NO_COUNT, error.message
    return UNABLE_TO_PROCESS, error.message if isinstance(error, PacsError) else "internal error"
