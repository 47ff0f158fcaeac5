"""System services (ECMA-269, system services): how the gateway is, and who wants to be told."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from ctigw.csta.system import (
    ChangeSysStatFilter,
    ChangeSysStatFilterResponse,
    RequestSystemStatus,
    RequestSystemStatusResponse,
    RequestTypes,
    StatusFilter,
    SystemRegister,
    SystemRegisterCancel,
    SystemRegisterCancelResponse,
    SystemRegisterResponse,
    SystemStatus,
    SystemStatusValue,
)
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.session import Session
from ctigw.switch.events import LinkChanged
from ctigw.switch.switch import Switch

# The filter's word for messagesLost lacks an s.
_FLAGS = {
    value: StatusFilter[value.name.replace("MESSAGES_LOST", "MESSAGE_LOST")] for value in SystemStatusValue
}


def status(switch: Switch) -> SystemStatusValue:
    """How the gateway is: normal, or disabled while its PBX cannot be reached."""
    return SystemStatusValue.NORMAL if switch.linked else SystemStatusValue.DISABLED


@dataclass(slots=True, eq=False)
class Registration:
    """One SystemRegister that was granted."""

    session: Session
    namespace: str
    types: RequestTypes
    suppressed: StatusFilter


class Registrations:
    """Who wants to be told how the gateway is; ``per_session`` bounds how often."""

    def __init__(self, switch: Switch, *, per_session: int) -> None:
        self._switch, self._per_session = switch, per_session
        self._ids = count(1)
        self._by_id: dict[str, Registration] = {}
        switch.observe({LinkChanged: self._on_link})

    def __len__(self) -> int:
        return len(self._by_id)

    def handlers(self) -> dict[type, Handler]:
        """The system services."""
        return {
            RequestSystemStatus: self._request,
            SystemRegister: self._register,
            SystemRegisterCancel: self._cancel,
            ChangeSysStatFilter: self._change,
        }

    def end(self, session: Session) -> None:
        """Forget the registrations of a session that is over."""
        for register_id in session.registrations:
            del self._by_id[register_id]
        session.registrations = ()

    def tell(self, value: SystemStatusValue) -> None:
        """Tell everybody who has registered and not filtered it away."""
        for register_id, registration in tuple(self._by_id.items()):
            wanted = RequestTypes.SYSTEM_STATUS in registration.types
            if wanted and _FLAGS[value] not in registration.suppressed:
                message = SystemStatus(sys_stat_register_id=register_id, system_status=value)
                registration.session.client.ask(message, registration.namespace)

    async def _request(
        self, _session: Session, _request: RequestSystemStatus, _namespace: str
    ) -> RequestSystemStatusResponse:
        return RequestSystemStatusResponse(system_status=status(self._switch))

    async def _register(
        self, session: Session, request: SystemRegister, namespace: str
    ) -> SystemRegisterResponse:
        if len(session.registrations) >= self._per_session:
            raise Refused(Reason.REGISTRATION_LIMIT_EXCEEDED)
        register_id = str(next(self._ids))
        suppressed = request.requested_status_filter
        self._by_id[register_id] = Registration(
            session, namespace, request.request_types, suppressed or StatusFilter(0)
        )
        session.registrations = (*session.registrations, register_id)
        return SystemRegisterResponse(sys_stat_register_id=register_id, actual_status_filter=suppressed)

    async def _cancel(
        self, session: Session, request: SystemRegisterCancel, _namespace: str
    ) -> SystemRegisterCancelResponse:
        cancelled = request.sys_stat_register_id
        self._held(session, cancelled)
        session.registrations = tuple(held for held in session.registrations if held != cancelled)
        del self._by_id[cancelled]
        return SystemRegisterCancelResponse()

    async def _change(
        self, session: Session, request: ChangeSysStatFilter, _namespace: str
    ) -> ChangeSysStatFilterResponse:
        registration = self._held(session, request.sys_stat_register_id)
        registration.suppressed = request.requested_status_filter or StatusFilter(0)
        return ChangeSysStatFilterResponse(actual_status_filter=registration.suppressed)

    def _held(self, session: Session, register_id: str | None) -> Registration:
        """The registration named; without a name, the session's only one."""
        if register_id is None and len(session.registrations) == 1:
            (register_id,) = session.registrations
        if register_id not in session.registrations:
            raise Refused(Reason.INVALID_CROSS_REF_ID)
        return self._by_id[register_id]

    def _on_link(self, event: LinkChanged) -> None:
        self.tell(SystemStatusValue.ENABLED if event.up else SystemStatusValue.DISABLED)
