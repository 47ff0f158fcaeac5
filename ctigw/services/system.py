"""System services (ECMA-269, system services)."""

from __future__ import annotations

from ctigw.csta.system import RequestSystemStatus, RequestSystemStatusResponse, SystemStatusValue
from ctigw.services.dispatcher import Handler
from ctigw.services.session import Session
from ctigw.switch.switch import Switch


def status(switch: Switch) -> SystemStatusValue:
    """How the gateway is: normal, or disabled while its PBX cannot be reached."""
    return SystemStatusValue.NORMAL if switch.linked else SystemStatusValue.DISABLED


def system(switch: Switch) -> dict[type, Handler]:
    """The system services."""

    async def request_system_status(
        _session: Session, _request: RequestSystemStatus, _namespace: str
    ) -> RequestSystemStatusResponse:
        return RequestSystemStatusResponse(system_status=status(switch))

    return {RequestSystemStatus: request_system_status}
