"""pynetdicom's association, with the way of a C-STORE through it made short. Made by scp for every connection.

pynetdicom 3.0.4 keeps what it is good at: negotiation, the state machine, release and abort, every other DIMSE
service. What is replaced here and in `line`, each thing for one reason:

- `Line.read_into`: reads into a buffer that is there already, not by 4 KB pieces into a growing one; quick ACKs.
- `Line.ready`, `Messages.get_msg`: wait until something happens. pynetdicom polls every millisecond in each of two
  threads, which is slow with one association and burns the processor with many idle ones.
- `Wire`: the fragments of a C-STORE go straight from the socket into their `Arrival`, and the response straight
  back, in one thread. pynetdicom copies each fragment six times, and switches threads twice per instance.

Source: PS3.7 §6.3.1, PS3.8 §9.2, §9.3.1 and §9.3.5, Annex E
"""

import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pynetdicom import evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.acse import ACSE
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu import A_ABORT_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, P_DATA
from pynetdicom.transport import AddressInformation

from gateway_scp import contexts, log, part10
from gateway_scp.arrival import Arrival
from gateway_scp.conversation import Request
from gateway_scp.line import WAIT_S, Line, RingingQueue, close
from gateway_scp.records import Visit

IDLE_S = 300.0  # an open association that says nothing
STALL_S = 60.0  # a peer that stops in the middle of a PDU
P_DATA_TF, A_ABORT = 0x04, 0x07
ESTABLISHED = "Sta6"
ANSWERING = "Sta3"  # the peer's request is here, and its answer is made
C_FIND_RQ, C_MOVE_RQ, C_GET_RQ = 0x0020, 0x0021, 0x0010
COMMANDS = {C_FIND: C_FIND_RQ, C_MOVE: C_MOVE_RQ, C_GET: C_GET_RQ}
# Peers may send P-DATA of any length, as it is streamed; nothing else is long.
OTHER_PDU_BYTES = 1 << 20
COMMAND_BYTES = 1 << 16


@dataclass(frozen=True)
class Refusal:
    """An A-ASSOCIATE-RJ. Source: PS3.8 §9.3.4"""

    result: int
    source: int
    diagnostic: int
    reason: str


@dataclass
class StoreRequest:
    """A C-STORE-RQ whose dataset is coming. An `arrival` of None: it is read and dropped."""

    context_id: int
    transfer_syntax_uid: str
    command: dict[int, bytes]
    arrival: Arrival | None = None
    status: int = 0
    comment: str = ""


class Host(Protocol):
    """What an association asks of the node."""

    entity: ApplicationEntity
    tls: ssl.SSLContext | None

    def admit(self, visit: Visit) -> Refusal | None: ...
    def begin_store(self, visit: Visit, request: StoreRequest, buffer: bytearray) -> None: ...
    def end_store(self, visit: Visit, request: StoreRequest) -> None: ...
    def handlers(self, visit: Visit) -> list[tuple[evt.EventType, Any, list[Any]]]: ...
    def serve(self, association: "Acceptor", request: Request) -> None: ...
    def ended(self, association: "Acceptor") -> None: ...


class Messages(DIMSEServiceProvider):
    """DIMSE messages other than C-STORE."""

    def __init__(self, association: "Acceptor") -> None:
        super().__init__(association)
        self.msg_queue = RingingQueue(association.bell)
        self._bell = association.bell

    def get_msg(self, block: bool = False) -> Any:
        """The next message. When pynetdicom's loop asks without blocking, wait until anything happens."""
        if not block:
            self._bell.wait(WAIT_S)
            self._bell.clear()
        return super().get_msg(block)


class Admission(ACSE):
    """Negotiation, after the node has been asked whether this peer may come in."""

    def __init__(self, association: "Acceptor") -> None:
        super().__init__(association)
        self._host = association.host
        self._visit = association.visit

    def _negotiate_as_acceptor(self) -> None:
        request = cast(A_ASSOCIATE, self.requestor.primitive)
        visit = self._visit
        visit.requested = True
        visit.calling_ae = (request.calling_ae_title or "").strip()
        visit.called_ae = (request.called_ae_title or "").strip()
        refusal = self._host.admit(visit)
        if refusal:
            visit.reason = refusal.reason
            self.send_reject(refusal.result, refusal.source, refusal.diagnostic)
            self.assoc.kill()
            return
        self.acceptor.supported_contexts = contexts.settle(request.presentation_context_definition_list)
        super()._negotiate_as_acceptor()
        visit.contexts = [
            {"sop_class_uid": str(each.abstract_syntax), "transfer_syntax_uid": str(each.transfer_syntax[0])}
            for each in self.assoc.accepted_contexts
        ]


class Wire(DULServiceProvider):
    """The upper layer of one association."""

    def __init__(self, association: "Acceptor") -> None:
        super().__init__(association)
        self._host = association.host
        self._visit = association.visit
        self.daemon = True
        self.to_user_queue = RingingQueue(association.bell)
        self._header = memoryview(bytearray(6))
        self._buffer = bytearray(1 << 20)
        self._command = bytearray()
        self._other_room = 0  # for the dataset of a message that pynetdicom serves
        self.storing: StoreRequest | None = None

    @property
    def line(self) -> Line:
        return cast(Line, self.socket)

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self.line.wake()

    def run_reactor(self) -> None:
        """As pynetdicom's, but it waits in `Line.ready` alone, and what breaks is logged here and not by the thread."""
        self._idle_timer.start()
        self.assoc._dul_ready.set()
        try:
            while not self._kill_thread:
                if self.artim_timer.expired:
                    self.event_queue.put("Evt18")
                if not self._process_recv_primitive() and self._is_transport_event():
                    self._idle_timer.restart()
                if self.event_queue.qsize():
                    self.state_machine.do_action(self.event_queue.get())
        except Exception as error:
            log.error("association broke", error, id=self._visit.id)
            abort = A_ABORT_RQ()
            abort.source, abort.reason_diagnostic = 2, 0  # the provider, unspecified
            self._send(abort)
            self.assoc._kill = True
            self.kill_dul()

    def _send(self, pdu: Any) -> None:
        if isinstance(pdu, A_ABORT_RQ):
            self._visit.end = "aborted"
            self._visit.reason = self._visit.reason or ("idle" if self.assoc._sent_abort else "protocol error")
        super()._send(pdu)

    def kill_dul(self) -> None:
        """Stop, and tell an association thread that still waits for an A-ASSOCIATE-RQ that none will come."""
        super().kill_dul()
        self.to_user_queue.put(None)  # type: ignore[arg-type]

    def stop_dul(self) -> bool:
        if self.state_machine.current_state != "Sta1":
            return False
        self._kill_thread = True
        self.line.wake()
        self.join()
        return True

    def _read_pdu_data(self) -> None:
        """Read one PDU and put its event. Evt17: the connection is closed; Evt19: what came is no PDU."""
        try:
            self._read_pdu()
        except OSError:
            self.event_queue.put("Evt17")
        except (ValueError, KeyError, AttributeError, AssertionError, struct.error) as error:
            log.warning("protocol error", id=self._visit.id, exception=log.fault(error))
            self.event_queue.put("Evt19")

    def _read_pdu(self) -> None:
        self.line.read_into(self._header)
        kind, length = struct.unpack(">BxL", self._header)
        if kind == P_DATA_TF and self.state_machine.current_state == ESTABLISHED:
            self._read_values(length)
            return
        if not 1 <= kind <= 7 or length > OTHER_PDU_BYTES:
            raise ValueError("no PDU")
        if kind == A_ABORT:
            self._visit.end = "aborted"
        pdu, event = self._decode_pdu(bytearray(self._header) + self._read(length))
        self._recv_pdu.put(pdu)
        self.event_queue.put(event)

    def _read(self, length: int) -> bytes:
        data = bytearray(length)
        self.line.read_into(memoryview(data))
        return bytes(data)

    def _read_values(self, length: int) -> None:
        """The presentation data values of one P-DATA-TF."""
        while length:
            self.line.read_into(self._header)
            item, context_id, control = struct.unpack(">LBB", self._header)
            length -= item + 4
            if item < 2 or length < 0:
                raise ValueError("a value is longer than its PDU")
            if control & 1:
                self._read_command(context_id, control, item - 2)
            elif self.storing:
                self._read_dataset(self.storing, control, item - 2)
            else:
                self._pass_on(context_id, control, item - 2)

    def _read_command(self, context_id: int, control: int, length: int) -> None:
        if self.storing or len(self._command) + length > COMMAND_BYTES:
            raise ValueError("a command out of place")
        self._command += self._read(length)
        if not control & 2:
            return
        encoded = bytes(self._command)
        self._command.clear()
        command = part10.read_command(encoded)
        if part10.number_of(command, part10.COMMAND_FIELD) == part10.C_STORE_RQ:
            self._begin_store(context_id, command)
        else:
            self._other_room = OTHER_PDU_BYTES
            self._give(context_id, control, encoded)

    def _begin_store(self, context_id: int, command: dict[int, bytes]) -> None:
        context = self.assoc._accepted_cx[context_id]
        part10.number_of(command, part10.MESSAGE_ID)
        self.storing = StoreRequest(context_id, str(context.transfer_syntax[0]), command)
        self._host.begin_store(self._visit, self.storing, self._buffer)
        if part10.number_of(command, part10.COMMAND_DATA_SET_TYPE) == part10.NO_DATA_SET:
            self._end_store(self.storing)

    def _read_dataset(self, request: StoreRequest, control: int, length: int) -> None:
        arrival = request.arrival
        while length:
            with arrival.room(length) if arrival else memoryview(self._buffer)[:length] as view:
                self.line.read_into(view)
                length -= len(view)
                if arrival:
                    arrival.fill(view)
        if control & 2:
            self._end_store(request)

    def _end_store(self, request: StoreRequest) -> None:
        self.storing = None
        self._host.end_store(self._visit, request)
        response = part10.store_response(request.command, request.status, request.comment)
        size = (self.assoc.requestor.maximum_length or len(response) + 6) - 6
        for at in range(0, len(response), size):
            piece = response[at : at + size]
            control = 3 if at + size >= len(response) else 1
            header = struct.pack(">BxLLBB", P_DATA_TF, len(piece) + 6, len(piece) + 2, request.context_id, control)
            self.line.write(header + piece)

    def _pass_on(self, context_id: int, control: int, length: int) -> None:
        """A fragment of another service's dataset."""
        if length > self._other_room:
            raise ValueError("a dataset without command, or a long one without C-STORE")
        self._other_room = 0 if control & 2 else self._other_room - length
        self._give(context_id, control, self._read(length))

    def _give(self, context_id: int, control: int, fragment: bytes) -> None:
        primitive = P_DATA()
        primitive.presentation_data_value_list.append((context_id, bytes((control,)) + fragment))
        self.assoc.dimse.receive_primitive(primitive)


class Acceptor(Association):
    """One association from its first byte to its record."""

    def __init__(self, host: Host, connection: socket.socket, address: AddressInformation) -> None:
        super().__init__(host.entity, MODE_ACCEPTOR)
        self.host = host
        self.visit = Visit(address.address)
        self.bell = threading.Event()
        self._connection = connection
        self.name = f"association-{self.visit.id}"
        self.acse = Admission(self)
        self.dul = self.wire = Wire(self)
        self.dimse = Messages(self)
        self.acse_timeout = host.entity.acse_timeout  # again: the timers are those of the new `dul`
        self.network_timeout = IDLE_S
        self.requestor.address_info = address
        self.acceptor.address_info = AddressInformation.from_tuple(connection.getsockname())
        self.acceptor.ae_title = host.entity.ae_title
        self.acceptor.maximum_length = host.entity.maximum_pdu_size
        self.acceptor.implementation_class_uid = host.entity.implementation_class_uid
        self.acceptor.implementation_version_name = host.entity.implementation_version_name
        for event, handler, arguments in host.handlers(self.visit):
            self.bind(event, handler, arguments)

    def run_reactor(self) -> None:
        try:
            self._connection.settimeout(STALL_S)
            if self._secured():
                self.set_socket(Line(self, self._connection))
                super().run_reactor()
        finally:
            self._finish()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """As pynetdicom's, but queries and retrievals have a way of their own."""
        context = self._accepted_cx.get(context_id)
        if context is None or type(msg) not in COMMANDS or not msg.is_valid_request:
            super()._serve_request(msg, context_id)
            return
        self.dimse.cancel_req = {}
        request = Request(
            COMMANDS[type(msg)],
            msg.MessageID,
            str(msg.AffectedSOPClassUID),
            context_id,
            str(context.transfer_syntax[0]),
            msg.Identifier.getvalue(),
            str(getattr(msg, "MoveDestination", "") or "").strip(),
        )
        try:
            self.host.serve(self, request)
        except OSError:
            self.cut("the peer takes no answers")

    def _secured(self) -> bool:
        """Whether the connection is as it must be: with TLS where the node has it."""
        if self.host.tls:
            try:
                self._connection = self.host.tls.wrap_socket(self._connection, server_side=True)
            except OSError as error:
                reason = getattr(error, "reason", None) or "closed"
                log.info("TLS handshake failed", peer=self.visit.address, reason=reason)
                return False
        return True

    def quit(self, reason: str) -> None:
        """Abort from outside, without waiting for it."""
        self.visit.reason = reason
        # The peer may know that it is accepted a moment before pynetdicom says so; and one may abort as soon as its
        # request is here (PS3.8 Table 9-10, Evt15).
        if self.is_established or self.wire.state_machine.current_state in (ANSWERING, ESTABLISHED):
            self.abort(block=False)
        else:
            self.cut(reason)

    def cut(self, reason: str) -> None:
        """Close from outside: a peer that stops in the middle of a PDU hears no abort."""
        self.visit.reason = reason
        close(self._connection)

    def _finish(self) -> None:
        if self.wire.is_alive():
            close(self._connection)
            self.wire.join(STALL_S)
        if self.wire.socket:
            self.wire.line.dispose()
        else:
            self._connection.close()
        if self.wire.storing and self.wire.storing.arrival:
            self.wire.storing.arrival.discard()
        if self.is_rejected:
            self.visit.end = "rejected"
        elif self.is_released:
            self.visit.end = "released"
        self.host.ended(self)
