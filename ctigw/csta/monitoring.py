"""Monitoring services (ECMA-269, monitoring services)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ctigw.csta.types import ConnectionID, message


class MonitorType(enum.Enum):
    CALL = "call"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorObject:
    """What to watch.  Exactly one is right; neither and both are the service's to refuse, by name."""

    call_object: ConnectionID | None = None
    device_object: str | None = None


@message
class MonitorStart:
    monitor_object: MonitorObject
    monitor_type: MonitorType | None = None


@message
class MonitorStartResponse:
    """``monitor_cross_ref_id`` is decimal digits; calls that exist already are reported from now on."""

    monitor_cross_ref_id: str
    monitor_existing_calls: bool | None = None


@message
class MonitorStop:
    monitor_cross_ref_id: str


@message
class MonitorStopResponse:
    pass
