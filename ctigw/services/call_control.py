"""Call control services (ECMA-269, call control).

The order of checks is the same for all: parameters well formed, devices exist, the session may control
them, the connection exists and is in the right state, the destination can be called, resources.
"""

from __future__ import annotations

from ctigw.csta.call_control import (
    AnswerCall,
    AnswerCallResponse,
    AutoOriginate,
    ClearConnection,
    ClearConnectionResponse,
    MakeCall,
    MakeCallResponse,
)
from ctigw.csta.device_id import is_number, number_of
from ctigw.csta.types import ConnectionID
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.session import Session
from ctigw.switch.model import Connection
from ctigw.switch.states import State
from ctigw.switch.switch import ANSWERABLE, CLEARABLE, Switch


def call_control(switch: Switch) -> dict[type, Handler]:
    """The handlers of the services that the switch's driver has the commands for."""

    async def make_call(_session: Session, request: MakeCall, _namespace: str) -> MakeCallResponse:
        caller = number_of(request.calling_device)
        called = number_of(request.called_directory_number)
        if not (caller and is_number(called)):
            raise Refused(Reason.INVALID_PARAMETER_VALUE)
        line = switch.line(caller, Reason.INVALID_CALLING_DEVICE_ID)
        prompt = request.auto_originate is not AutoOriginate.DO_NOT_PROMPT
        call_id = await switch.make_call(line, called, prompt=prompt)
        return MakeCallResponse(calling_device=ConnectionID(call_id=call_id, device_id=caller))

    async def answer_call(_session: Session, request: AnswerCall, _namespace: str) -> AnswerCallResponse:
        named = _resolve(switch, request.call_to_be_answered, ANSWERABLE, Reason.NO_CALL_TO_ANSWER)
        await switch.answer(named)
        return AnswerCallResponse()

    async def clear_connection(
        _session: Session, request: ClearConnection, _namespace: str
    ) -> ClearConnectionResponse:
        named = _resolve(switch, request.connection_to_be_cleared, CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR)
        await switch.clear(named)
        return ClearConnectionResponse()

    needed: dict[type, tuple[str, Handler]] = {
        MakeCall: ("make_call", make_call),
        AnswerCall: ("answer", answer_call),
        ClearConnection: ("clear", clear_connection),
    }
    return {request: handler for request, (command, handler) in needed.items() if command in switch.offered}


def _resolve(switch: Switch, named: ConnectionID, wanted: frozenset[State], nothing: Reason) -> Connection:
    """The connection that a client named by callID, deviceID or both; an empty ConnectionID is malformed."""
    call_id, device = named.call_id or None, number_of(named.device_id or "") or None
    if call_id is None and device is None:
        raise Refused(Reason.INVALID_PARAMETER_VALUE)
    return switch.connection(call_id, device, wanted, nothing)
