"""System services (ECMA-269, system services)."""

from __future__ import annotations

import enum

from ctigw.csta.types import message


class SystemStatusValue(enum.Enum):
    DISABLED = "disabled"
    PARTIALLY_DISABLED = "partiallyDisabled"
    ENABLED = "enabled"
    INITIALIZING = "initializing"
    MESSAGES_LOST = "messagesLost"
    NORMAL = "normal"
    OVERLOAD_IMMINENT = "overloadImminent"
    OVERLOAD_REACHED = "overloadReached"
    OVERLOAD_RELIEVED = "overloadRelieved"


@message
class RequestSystemStatus:
    """The client asks."""


@message
class RequestSystemStatusResponse:
    system_status: SystemStatusValue


@message
class SystemStatus:
    """The gateway tells: a request of its own, answered by the client."""

    system_status: SystemStatusValue


@message
class SystemStatusResponse:
    pass
