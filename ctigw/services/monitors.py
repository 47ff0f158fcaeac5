"""Monitors: what each session watches, and the events it is owed (ECMA-269, monitoring services).

A monitor of device X reports every event of every call that X takes part in; localConnectionInfo is the
state of X's own connection.  Each monitor has its own cross reference and its own copy of every event.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from ctigw.csta.device_id import number_of
from ctigw.csta.monitoring import (
    MonitorStart,
    MonitorStartResponse,
    MonitorStop,
    MonitorStopResponse,
    MonitorType,
)
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.event_messages import event_message
from ctigw.services.session import Session
from ctigw.switch.driver import Kind
from ctigw.switch.events import Event
from ctigw.switch.switch import Switch


@dataclass(frozen=True, slots=True)
class Monitor:
    """One MonitorStart that was granted; events go out in the ``namespace`` it was asked in."""

    cross_ref_id: str
    device: str
    session: Session
    namespace: str


class Monitors:
    """All monitors of the gateway.  ``per_session`` and ``per_device`` bound how many there may be."""

    def __init__(self, switch: Switch, *, per_session: int, per_device: int) -> None:
        self._switch = switch
        self._per_session, self._per_device = per_session, per_device
        self._ids = count(1)
        self._by_ref: dict[str, Monitor] = {}
        self._by_device: dict[str, dict[str, Monitor]] = {}
        switch.observe(self._on_event)

    def __len__(self) -> int:
        return len(self._by_ref)

    def handlers(self) -> dict[type, Handler]:
        """The monitoring services."""
        return {MonitorStart: self._start, MonitorStop: self._stop}

    def end(self, session: Session) -> None:
        """Stop every monitor of a session that is over."""
        for ref in tuple(session.monitors):
            self._remove(self._by_ref[ref])

    async def _start(self, session: Session, request: MonitorStart, namespace: str) -> MonitorStartResponse:
        watched = request.monitor_object
        if watched.device_object is None or watched.call_object is not None:
            raise Refused(Reason.INVALID_MONITOR_OBJECT_TYPE)
        if request.monitor_type is MonitorType.CALL:
            raise Refused(Reason.MONITOR_TYPE_NOT_SUPPORTED)
        device = number_of(watched.device_object)
        if not device:
            raise Refused(Reason.INVALID_PARAMETER_VALUE)
        self._switch.line(device)
        if len(session.monitors) >= self._per_session:
            raise Refused(Reason.OVERALL_MONITOR_LIMIT_EXCEEDED)
        here = self._by_device.setdefault(device, {})
        if len(here) >= self._per_device:
            raise Refused(Reason.OBJECT_MONITOR_LIMIT_EXCEEDED)
        monitor = Monitor(str(next(self._ids)), device, session, namespace)
        self._by_ref[monitor.cross_ref_id] = here[monitor.cross_ref_id] = monitor
        session.monitors.add(monitor.cross_ref_id)
        return MonitorStartResponse(monitor_cross_ref_id=monitor.cross_ref_id, monitor_existing_calls=True)

    async def _stop(self, session: Session, request: MonitorStop, _namespace: str) -> MonitorStopResponse:
        if request.monitor_cross_ref_id not in session.monitors:
            raise Refused(Reason.INVALID_CROSS_REF_ID)
        self._remove(self._by_ref[request.monitor_cross_ref_id])
        return MonitorStopResponse()

    def _remove(self, monitor: Monitor) -> None:
        del self._by_ref[monitor.cross_ref_id]
        here = self._by_device[monitor.device]
        del here[monitor.cross_ref_id]
        if not here:
            del self._by_device[monitor.device]
        monitor.session.monitors.discard(monitor.cross_ref_id)

    def _on_event(self, event: Event) -> None:
        for device, local in event.states.items():
            for monitor in tuple(self._by_device.get(device, {}).values()):
                if event.kind is Kind.INITIATE and not monitor.session.service_initiated:
                    continue
                message = event_message(event, monitor.cross_ref_id, local)
                if message is not None:
                    monitor.session.send_event(message, monitor.namespace)
