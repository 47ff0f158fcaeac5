"""Monitoring services (ECMA-269, monitoring services)."""

from __future__ import annotations

import enum

from ctigw.csta.types import ConnectionID, message
from ctigw.values import Enum, Flag, named


class MonitorType(Enum):
    CALL = "call"
    DEVICE = "device"


@named
class MonitorObject:
    """What to watch.  Exactly one is right; neither and both are the service's to refuse, by name."""

    call_object: ConnectionID | None = None
    device_object: str | None = None


class CallControlEvents(Flag):
    """Flags of a filter, in the order of the schema.  One that is set keeps the event away."""

    BRIDGED = enum.auto()
    CALL_CLEARED = enum.auto()
    CONFERENCED = enum.auto()
    CONNECTION_CLEARED = enum.auto()
    DELIVERED = enum.auto()
    DIGITS_DIALED = enum.auto()
    DIVERTED = enum.auto()
    ESTABLISHED = enum.auto()
    FAILED = enum.auto()
    HELD = enum.auto()
    NETWORK_CAPABILITIES_CHANGED = enum.auto()
    NETWORK_REACHED = enum.auto()
    OFFERED = enum.auto()
    ORIGINATED = enum.auto()
    QUEUED = enum.auto()
    RETRIEVED = enum.auto()
    SERVICE_INITIATED = enum.auto()
    TRANSFERRED = enum.auto()


class CallAssociatedEvents(Flag):
    CALL_INFORMATION = enum.auto()
    CHARGING = enum.auto()
    DIGITS_GENERATED = enum.auto()
    TELEPHONY_TONES_GENERATED = enum.auto()
    SERVICE_COMPLETION_FAILURE = enum.auto()


class LogicalDeviceFeatureEvents(Flag):
    AGENT_BUSY = enum.auto()
    AGENT_LOGGED_ON = enum.auto()
    AGENT_LOGGED_OFF = enum.auto()
    AGENT_NOT_READY = enum.auto()
    AGENT_READY = enum.auto()
    AGENT_WORKING_AFTER_CALL = enum.auto()
    AUTO_ANSWER = enum.auto()
    AUTO_WORK_MODE = enum.auto()
    CALL_BACK = enum.auto()
    CALL_BACK_MESSAGE = enum.auto()
    CALLER_ID_STATUS = enum.auto()
    DO_NOT_DISTURB = enum.auto()
    FORWARDING = enum.auto()
    ROUTEING_MODE = enum.auto()


class DeviceMaintenanceEvents(Flag):
    BACK_IN_SERVICE = enum.auto()
    DEVICE_CAPABILITY_CHANGED = enum.auto()
    OUT_OF_SERVICE = enum.auto()
    PARTIALLY_IN_SERVICE = enum.auto()


@named
class MonitorFilter:
    """The events that a monitor is not to report.

    The groups of events that the gateway never sends (media, physical device, voice, private) are ignored.
    """

    callcontrol: CallControlEvents | None = None
    call_associated: CallAssociatedEvents | None = None
    logical_device_feature: LogicalDeviceFeatureEvents | None = None
    maintenance: DeviceMaintenanceEvents | None = None


@message
class MonitorStart:
    monitor_object: MonitorObject
    requested_monitor_filter: MonitorFilter | None = None
    monitor_type: MonitorType | None = None


@message
class MonitorStartResponse:
    """``monitor_cross_ref_id`` is decimal digits; calls that exist already are reported from now on."""

    monitor_cross_ref_id: str
    actual_monitor_filter: MonitorFilter | None = None
    monitor_existing_calls: bool | None = None


@message
class MonitorStop:
    """The client's request; or the gateway's, when what is watched is over."""

    monitor_cross_ref_id: str


@message
class MonitorStopResponse:
    pass


@message
class ChangeMonitorFilter:
    monitor_cross_ref_id: str
    requested_filter_list: MonitorFilter


@message
class ChangeMonitorFilterResponse:
    actual_filter_list: MonitorFilter | None = None
