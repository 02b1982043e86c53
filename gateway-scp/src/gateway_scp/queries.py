"""Who may ask the index, and what is answered when that fails. Called by the node for every request that is no
C-ECHO and no C-STORE.

Source: PS3.4 §C.4.1.1.4, PS3.7 §C
"""

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
from gateway_scp.index import Index
from gateway_scp.wire import Acceptor
from pacs.dicom.modalities import Match
from pacs.errors import NotConfigured, PacsError, Unavailable

NAMES = {0x0020: "C-FIND"}


def serve(association: Acceptor, request: Request, index: Index, ae_title: str) -> None:
    """Answer one request to its end, and count it. Raises OSError when the peer cannot be written to."""
    visit, conversation = association.visit, Conversation(association, request)
    visit.queries[NAMES[request.command]] += 1
    try:
        visit.given["matches"] += find(conversation, index, admitted(visit.match).place, ae_title)
    except OSError:
        raise
    except Exception as error:  # whatever an index does, the peer gets an answer
        status, comment = answer(error)
        visit.failures[f"{status:04X}"] += 1
        log.error("request not served", error, id=visit.id, status=f"{status:04X}", reason=comment)
        conversation.respond(status, comment=comment, tag=error.tag if isinstance(error, Refused) else None)


def admitted(match: Match | None) -> Match:
    """Raises Refused for a peer that may only store."""
    if match is None or not match.may_query:
        raise Refused(NOT_AUTHORIZED, "this peer may store, but not query: see the modality table")
    return match


def answer(error: Exception) -> tuple[int, str]:
    """Status and comment. Texts of ours name no patient; those of others are not passed on."""
    if isinstance(error, Refused):
        return error.status, error.message
    if isinstance(error, NotConfigured | Unavailable):
        return OUT_OF_RESOURCES, error.message
    return UNABLE_TO_PROCESS, error.message if isinstance(error, PacsError) else "internal error"
