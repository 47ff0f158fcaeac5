"""Logical device features: forwarding and do not disturb (ECMA-269, logical device features), and whether
a device is in service (device maintenance)."""

from __future__ import annotations

from ctigw.csta.events import EventCause
from ctigw.csta.types import ExtendedDeviceID, message
from ctigw.values import Enum, named
from ctigw.xml import child


class ForwardingType(Enum):
    """When calls are forwarded; the last eight for internal or external calls only."""

    FORWARD_IMMEDIATE = "forwardImmediate"
    FORWARD_BUSY = "forwardBusy"
    FORWARD_NO_ANS = "forwardNoAns"
    FORWARD_DND = "forwardDND"
    FORWARD_BUSY_INT = "forwardBusyInt"
    FORWARD_BUSY_EXT = "forwardBusyExt"
    FORWARD_NO_ANS_INT = "forwardNoAnsInt"
    FORWARD_NO_ANS_EXT = "forwardNoAnsExt"
    FORWARD_IMM_INT = "forwardImmInt"
    FORWARD_IMM_EXT = "forwardImmExt"
    FORWARD_DND_INT = "forwardDNDInt"
    FORWARD_DND_EXT = "forwardDNDExt"


@message
class SetForwarding:
    """Switch a forwarding of a device on or off; ``ring_count`` counts for those of no answer."""

    device: str
    forwarding_type: ForwardingType | None = None
    activate_forward: bool
    forward_dn: str | None = None
    ring_count: int | None = None


@message
class SetForwardingResponse:
    pass


@message
class GetForwarding:
    device: str


@named
class ForwardListItem:
    """One forwarding of a device, on or off."""

    forwarding_type: ForwardingType | None = None
    forward_status: bool
    forward_dn: str | None = None
    ring_count: int | None = None


@message
class GetForwardingResponse:
    forwarding_list: tuple[ForwardListItem, ...] = child(name="forwardListItem", within="forwardingList")


@message
class SetDoNotDisturb:
    """Keep calls away from a device.  Exceptions for some callers are not offered, and ignored."""

    device: str
    do_not_disturb_on: bool


@message
class SetDoNotDisturbResponse:
    pass


@message
class GetDoNotDisturb:
    device: str


@message
class GetDoNotDisturbResponse:
    do_not_disturb_on: bool


@message
class DoNotDisturbEvent:
    monitor_cross_ref_id: str
    device: ExtendedDeviceID
    do_not_disturb_on: bool


@message
class ForwardingEvent:
    """``forward_to`` is a bare DeviceID here, unlike the devices of other events."""

    monitor_cross_ref_id: str
    device: ExtendedDeviceID
    forwarding_type: ForwardingType | None = None
    forward_status: bool
    forward_to: str | None = None
    ring_count: int | None = None


@message
class OutOfServiceEvent:
    monitor_cross_ref_id: str
    device: ExtendedDeviceID
    cause: EventCause | None = None


@message
class BackInServiceEvent:
    monitor_cross_ref_id: str
    device: ExtendedDeviceID
    cause: EventCause | None = None
