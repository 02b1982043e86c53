"""C-GET: instances back over the peer's own association, in the contexts for which it takes the role of the SCP.
Called by queries.

Source: PS3.4 §C.4.3, PS3.7 §D.3.3.4
"""

from typing import cast

from gateway_scp.conversation import pdu_room
from gateway_scp.index import Stored
from gateway_scp.sending import Context, choose, store
from gateway_scp.wire import Acceptor
from pacs.errors import Unavailable
from pacs.ports import ObjectStore


class Giver:
    """Stores instances at the peer that asks, one after the other."""

    def __init__(self, association: Acceptor, originals: ObjectStore) -> None:
        self._association = association
        self._originals = originals
        self._message_id = 0
        self._contexts = [
            Context(cast(int, each.context_id), str(each.abstract_syntax), str(each.transfer_syntax[0]))
            for each in association.accepted_contexts
            if each.as_scu
        ]

    def send(self, stored: Stored) -> int | None:
        """Store one instance; the status that the peer answers. Raises Unavailable when it does not answer."""
        context = choose(self._contexts, stored)
        self._message_id = self._message_id % 0xFFFF + 1
        store(
            self._association.wire.line.write,
            self._originals,
            stored,
            context,
            message_id=self._message_id,
            room=pdu_room(self._association.requestor.maximum_length),
        )
        _, response = self._association.dimse.get_msg(block=True)
        if response is None or getattr(response, "MessageIDBeingRespondedTo", None) != self._message_id:
            self._association.cut("no answer to a sub-operation")
            raise Unavailable("the peer does not answer")
        return response.Status
