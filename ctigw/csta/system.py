"""System services (ECMA-269, system services)."""

from __future__ import annotations

import enum

from ctigw.csta.types import message
from ctigw.values import Enum, Flag


class SystemStatusValue(Enum):
    DISABLED = "disabled"
    PARTIALLY_DISABLED = "partiallyDisabled"
    ENABLED = "enabled"
    INITIALIZING = "initializing"
    MESSAGES_LOST = "messagesLost"
    NORMAL = "normal"
    OVERLOAD_IMMINENT = "overloadImminent"
    OVERLOAD_REACHED = "overloadReached"
    OVERLOAD_RELIEVED = "overloadRelieved"


class StatusFilter(Flag):
    """Flags of a filter, in the order of the schema.  One that is set keeps that status away."""

    INITIALIZING = enum.auto()
    ENABLED = enum.auto()
    NORMAL = enum.auto()
    MESSAGE_LOST = enum.auto()
    DISABLED = enum.auto()
    PARTIALLY_DISABLED = enum.auto()
    OVERLOAD_IMMINENT = enum.auto()
    OVERLOAD_REACHED = enum.auto()
    OVERLOAD_RELIEVED = enum.auto()


class RequestTypes(Flag):
    """What a client registers for."""

    SYSTEM_STATUS = enum.auto()
    REQUEST_SYSTEM_STATUS = enum.auto()
    SWITCHING_FUNCTION_CAPS_CHANGED = enum.auto()
    SWITCHING_FUNCTION_DEVICES_CHANGED = enum.auto()


@message
class RequestSystemStatus:
    """The client asks."""

    sys_stat_register_id: str | None = None


@message
class RequestSystemStatusResponse:
    system_status: SystemStatusValue


@message
class SystemStatus:
    """The gateway tells: a request of its own, answered by the client."""

    sys_stat_register_id: str | None = None
    system_status: SystemStatusValue


@message
class SystemStatusResponse:
    pass


@message
class SystemRegister:
    """The client wants to be told."""

    request_types: RequestTypes
    requested_status_filter: StatusFilter | None = None


@message
class SystemRegisterResponse:
    sys_stat_register_id: str
    actual_status_filter: StatusFilter | None = None


@message
class SystemRegisterCancel:
    sys_stat_register_id: str


@message
class SystemRegisterCancelResponse:
    pass


@message
class SystemRegisterAbort:
    """The gateway ends a registration: a request of its own, which has no answer."""

    sys_stat_register_id: str | None = None


@message
class ChangeSysStatFilter:
    sys_stat_register_id: str | None = None
    requested_status_filter: StatusFilter | None = None


@message
class ChangeSysStatFilterResponse:
    actual_status_filter: StatusFilter | None = None
