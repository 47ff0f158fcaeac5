"""Call control services (ECMA-269, call control): find what is named, command the switch, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ctigw.csta import call_control as csta
from ctigw.csta.types import ConnectionID, ConnectionListItem, Endpoint
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.naming import Naming, connection_id, dialled
from ctigw.services.session import Session
from ctigw.switch.model import Call, Connection
from ctigw.switch.states import State
from ctigw.switch.switch import ALERTING, ANSWERABLE, CLEARABLE, CONNECTED, HELD, Switch


class _Plain(NamedTuple):
    """A service on one connection that has no answer but that it was accepted."""

    request: type
    named: str  # the field that names the connection
    wanted: frozenset[State]
    nothing: Reason  # when the device has no such connection, or has left it
    command: str  # of the driver; the switch's method of the same name takes the connection
    response: type


_PLAIN = (
    _Plain(
        csta.AnswerCall, "call_to_be_answered", ANSWERABLE, Reason.NO_CALL_TO_ANSWER,
        "answer", csta.AnswerCallResponse,
    ),
    _Plain(
        csta.ClearConnection, "connection_to_be_cleared", CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR,
        "clear", csta.ClearConnectionResponse,
    ),
    _Plain(
        csta.HoldCall, "call_to_be_held", CONNECTED, Reason.NO_ACTIVE_CALL,
        "hold", csta.HoldCallResponse,
    ),
    _Plain(
        csta.RetrieveCall, "call_to_be_retrieved", HELD, Reason.NO_HELD_CALL,
        "retrieve", csta.RetrieveCallResponse,
    ),
)  # fmt: skip


class CallControl:
    """The call control services of a switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch, self._naming = switch, Naming(switch)

    def handlers(self) -> dict[type, Handler]:
        """The handlers of those services that the switch's driver has the commands for."""
        needed: dict[type, tuple[str, Handler]] = {
            csta.MakeCall: ("make_call", self._make_call),
            csta.ClearCall: ("clear_call", self._clear_call),
            csta.DeflectCall: ("deflect", self._deflect_call),
            csta.ConsultationCall: ("consult", self._consultation_call),
            csta.AlternateCall: ("alternate", self._alternate_call),
            csta.ReconnectCall: ("reconnect", self._reconnect_call),
            csta.TransferCall: ("transfer", self._transfer_call),
            csta.ConferenceCall: ("conference", self._conference_call),
            csta.SingleStepTransferCall: ("single_step_transfer", self._single_step_transfer),
            csta.SingleStepConferenceCall: ("single_step_conference", self._single_step_conference),
        }
        needed |= {service.request: (service.command, self._plain(service)) for service in _PLAIN}
        offered = self._switch.offered
        return {request: handler for request, (command, handler) in needed.items() if command in offered}

    async def _make_call(
        self, session: Session, request: csta.MakeCall, _namespace: str
    ) -> csta.MakeCallResponse:
        called = dialled(request.called_directory_number)
        line = self._naming.controlled(session, request.calling_device, Reason.INVALID_CALLING_DEVICE_ID)
        prompt = request.auto_originate is not csta.AutoOriginate.DO_NOT_PROMPT
        call = await self._switch.make_call(line, called, prompt=prompt)
        return csta.MakeCallResponse(calling_device=connection_id(session, call, line.number))

    def _plain(self, service: _Plain) -> Handler:
        command: Callable[[Connection], Awaitable[None]] = getattr(self._switch, service.command)

        async def serve(session: Session, request: object, _namespace: str) -> object:
            written = getattr(request, service.named)
            await command(self._naming.connection(session, written, service.wanted, service.nothing))
            return service.response()

        return serve

    async def _clear_call(
        self, session: Session, request: csta.ClearCall, _namespace: str
    ) -> csta.ClearCallResponse:
        nothing = Reason.NO_CONNECTION_TO_CLEAR
        call = self._naming.controlled_call(session, request.call_to_be_cleared, nothing)
        await self._switch.clear_call(call)
        return csta.ClearCallResponse()

    async def _deflect_call(
        self, session: Session, request: csta.DeflectCall, _namespace: str
    ) -> csta.DeflectCallResponse:
        destination = dialled(request.new_destination)
        written = request.call_to_be_diverted
        wrong = Reason.INVALID_DIVERTING_DEVICE_ID
        connection = self._naming.connection(
            session, written, ALERTING, Reason.NO_CALL_TO_ANSWER, unknown=wrong, stranger=wrong,
            otherwise=wrong if written.device_id else Reason.INVALID_CONNECTION_STATE,
        )  # fmt: skip
        await self._switch.deflect(connection, destination)
        return csta.DeflectCallResponse()

    async def _consultation_call(
        self, session: Session, request: csta.ConsultationCall, _namespace: str
    ) -> csta.ConsultationCallResponse:
        called = dialled(request.consulted_device)
        connection = self._naming.connection(session, request.existing_call, CONNECTED, Reason.NO_ACTIVE_CALL)
        call = await self._switch.consult(connection, called)
        return csta.ConsultationCallResponse(initiated_call=connection_id(session, call, connection.device))

    async def _alternate_call(
        self, session: Session, request: csta.AlternateCall, _namespace: str
    ) -> csta.AlternateCallResponse:
        await self._switch.alternate(*self._naming.pair(session, request.held_call, request.active_call))
        return csta.AlternateCallResponse()

    async def _reconnect_call(
        self, session: Session, request: csta.ReconnectCall, _namespace: str
    ) -> csta.ReconnectCallResponse:
        await self._switch.reconnect(*self._naming.pair(session, request.held_call, request.active_call))
        return csta.ReconnectCallResponse()

    async def _transfer_call(
        self, session: Session, request: csta.TransferCall, _namespace: str
    ) -> csta.TransferCallResponse:
        held, active = self._naming.pair(session, request.held_call, request.active_call)
        before = _parties(held.call, without=held.device) | _parties(active.call, without=held.device)
        other = next(iter(_parties(active.call, without=held.device)), held.device)
        call = await self._switch.transfer(held, active)
        return csta.TransferCallResponse(
            transferred_call=connection_id(session, call, other),
            connections=_joined(session, call, before),
        )

    async def _conference_call(
        self, session: Session, request: csta.ConferenceCall, _namespace: str
    ) -> csta.ConferenceCallResponse:
        held, active = self._naming.pair(session, request.held_call, request.active_call)
        held_parties = {held.device: held.call.id} | _parties(held.call)
        before = held_parties | _parties(active.call, without=held.device)
        call = await self._switch.conference(held, active)
        return csta.ConferenceCallResponse(
            conference_call=connection_id(session, call, held.device),
            connections=_joined(session, call, before),
        )

    async def _single_step_transfer(
        self, session: Session, request: csta.SingleStepTransferCall, _namespace: str
    ) -> csta.SingleStepTransferCallResponse:
        called = dialled(request.transferred_to)
        connection = self._naming.connection(session, request.active_call, CONNECTED, Reason.NO_ACTIVE_CALL)
        call = await self._switch.single_step_transfer(connection, called)
        return csta.SingleStepTransferCallResponse(transferred_call=connection_id(session, call, called))

    async def _single_step_conference(
        self, session: Session, request: csta.SingleStepConferenceCall, _namespace: str
    ) -> csta.SingleStepConferenceCallResponse:
        joining = dialled(request.device_to_join)
        if request.participation_type is csta.ParticipationType.NONE:  # there, and neither heard nor hearing
            raise Refused(Reason.INVALID_PARAMETER_VALUE)
        connection = self._naming.connection(session, request.active_call, CONNECTED, Reason.NO_ACTIVE_CALL)
        listen_only = request.participation_type is csta.ParticipationType.SILENT
        call = await self._switch.single_step_conference(connection, joining, listen_only=listen_only)
        return csta.SingleStepConferenceCallResponse(conferenced_call=connection_id(session, call, joining))


def _parties(call: Call, *, without: str = "") -> dict[str, str]:
    """The parties of a call that is to be joined with another, and its id."""
    return {device: call.id for device in call.connections if device != without}


def _joined(session: Session, call: Call, before: dict[str, str]) -> tuple[ConnectionListItem, ...]:
    """The parties of two calls as they are in the resulting one."""

    def item(device: str, old_call: str) -> ConnectionListItem:
        shown = session.show(device)
        new = connection_id(session, call, device)
        old = None if old_call == call.id else ConnectionID(call_id=old_call, device_id=shown)
        return ConnectionListItem(new_connection=new, old_connection=old, endpoint=Endpoint(device_id=shown))

    return tuple(item(device, old_call) for device, old_call in before.items())
