"""Monitors: what each session watches, and the events it is owed (ECMA-269, monitoring services).

A monitor of device X reports every event of every call that X takes part in, with the state of X's own
connection in localConnectionInfo, and what becomes of X's features.  A monitor of a call reports every event
of that call, follows it through transfers and conferences, and ends with it, or when the last line that its
session may monitor has left it.  Each monitor has its own cross reference and its own copy of every event.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from ctigw.csta.monitoring import (
    CallControlEvents,
    ChangeMonitorFilter,
    ChangeMonitorFilterResponse,
    MonitorFilter,
    MonitorObject,
    MonitorStart,
    MonitorStartResponse,
    MonitorStop,
    MonitorStopResponse,
    MonitorType,
)
from ctigw.errors import Reason, Refused
from ctigw.services import access
from ctigw.services.dispatcher import Handler
from ctigw.services.event_messages import SHAPES, call_cleared, event_message
from ctigw.services.naming import Naming
from ctigw.services.session import Session
from ctigw.switch.driver import Kind
from ctigw.switch.events import (
    AnyEvent,
    CallEvent,
    CallOver,
    CallsJoined,
    DeviceEvent,
    DoNotDisturbSet,
    Event,
    ForwardingSet,
    LinkChanged,
    ServiceChanged,
)
from ctigw.switch.states import State
from ctigw.switch.switch import Switch


class Watched(enum.Enum):
    """The kinds of object that can be monitored."""

    DEVICE = "device"
    CALL = "call"


@dataclass(slots=True, eq=False)
class Monitor:
    """One MonitorStart that was granted; events go out in the ``namespace`` it was asked in.

    ``number`` is that of the device, or the id of the call, which changes when calls are joined.
    """

    cross_ref_id: str
    watched: Watched
    number: str
    session: Session
    namespace: str
    suppressed: frozenset[enum.Flag]

    def wants(self, flag: enum.Flag) -> bool:
        """Whether the events of ``flag`` are to be reported."""
        initiated = flag is CallControlEvents.SERVICE_INITIATED
        return flag not in self.suppressed and (self.session.service_initiated or not initiated)


class Monitors:
    """All monitors of the gateway.  ``per_session`` and ``per_device`` bound how many there may be."""

    def __init__(self, switch: Switch, *, per_session: int, per_device: int) -> None:
        self._switch, self._naming = switch, Naming(switch)
        self._per_session, self._per_device = per_session, per_device
        self._ids = count(1)
        self._by_ref: dict[str, Monitor] = {}
        self._of: dict[Watched, dict[str, dict[str, Monitor]]] = {watched: {} for watched in Watched}
        switch.observe(self._on_event)

    def __len__(self) -> int:
        return len(self._by_ref)

    def handlers(self) -> dict[type, Handler]:
        """The monitoring services."""
        return {MonitorStart: self._start, MonitorStop: self._stop, ChangeMonitorFilter: self._change}

    def end(self, session: Session) -> None:
        """Stop every monitor of a session that is over."""
        for ref in tuple(session.monitors):
            self._remove(self._by_ref[ref])

    # Services

    async def _start(self, session: Session, request: MonitorStart, namespace: str) -> MonitorStartResponse:
        watched, number = self._object(session, request.monitor_object, request.monitor_type)
        if len(session.monitors) >= self._per_session:
            raise Refused(Reason.OVERALL_MONITOR_LIMIT_EXCEEDED)
        if len(self._of[watched].get(number, ())) >= self._per_device:
            raise Refused(Reason.OBJECT_MONITOR_LIMIT_EXCEEDED)
        wanted = request.requested_monitor_filter
        monitor = Monitor(str(next(self._ids)), watched, number, session, namespace, _flags(wanted))
        self._by_ref[monitor.cross_ref_id] = monitor
        self._of[watched].setdefault(number, {})[monitor.cross_ref_id] = monitor
        session.monitors.add(monitor.cross_ref_id)
        return MonitorStartResponse(
            monitor_cross_ref_id=monitor.cross_ref_id,
            actual_monitor_filter=wanted,
            monitor_existing_calls=True,
        )

    def _object(
        self, session: Session, wanted: MonitorObject, monitor_type: MonitorType | None
    ) -> tuple[Watched, str]:
        """What is to be monitored, and its number."""
        if wanted.call_object is not None and wanted.device_object is None:
            call = self._naming.watched_call(session, wanted.call_object)
            if monitor_type is MonitorType.DEVICE:
                raise Refused(Reason.MONITOR_TYPE_NOT_SUPPORTED)
            return Watched.CALL, call.id
        if wanted.device_object is None or wanted.call_object is not None:
            raise Refused(Reason.INVALID_MONITOR_OBJECT_TYPE)
        line = self._naming.monitored(session, wanted.device_object)
        if monitor_type is MonitorType.CALL:
            raise Refused(Reason.MONITOR_TYPE_NOT_SUPPORTED)
        return Watched.DEVICE, line.number

    async def _stop(self, session: Session, request: MonitorStop, _namespace: str) -> MonitorStopResponse:
        self._remove(self._held(session, request.monitor_cross_ref_id))
        return MonitorStopResponse()

    async def _change(
        self, session: Session, request: ChangeMonitorFilter, _namespace: str
    ) -> ChangeMonitorFilterResponse:
        monitor = self._held(session, request.monitor_cross_ref_id)
        monitor.suppressed = _flags(request.requested_filter_list)
        return ChangeMonitorFilterResponse(actual_filter_list=request.requested_filter_list)

    def _held(self, session: Session, cross_ref_id: str) -> Monitor:
        if cross_ref_id not in session.monitors:
            raise Refused(Reason.INVALID_CROSS_REF_ID)
        return self._by_ref[cross_ref_id]

    def _remove(self, monitor: Monitor) -> None:
        del self._by_ref[monitor.cross_ref_id]
        self._forget(monitor)
        monitor.session.monitors.discard(monitor.cross_ref_id)

    def _forget(self, monitor: Monitor) -> None:
        of = self._of[monitor.watched]
        here = of[monitor.number]
        del here[monitor.cross_ref_id]
        if not here:
            del of[monitor.number]

    def _at(self, watched: Watched, number: str) -> tuple[Monitor, ...]:
        return tuple(self._of[watched].get(number, {}).values())

    # Events

    def _on_event(self, event: AnyEvent) -> None:
        match event:
            case LinkChanged():
                pass  # those who have registered for the system's status are told
            case CallOver():
                self._end_of_call(event)
            case DoNotDisturbSet() | ForwardingSet() | ServiceChanged():
                self._report(event, self._at(Watched.DEVICE, event.device), None)
            case CallsJoined():
                self._report_call(event)
                for old in (event.primary, event.secondary):
                    self._follow(old, event.call)
                self._leave(event)
            case _:
                self._report_call(event)
                self._leave(event)

    def _report_call(self, event: CallEvent) -> None:
        for device, local in event.states.items():
            self._report(event, self._at(Watched.DEVICE, device), local)
        calls = (event.primary, event.secondary) if isinstance(event, CallsJoined) else (event.call,)
        for call in calls:
            self._report(event, self._at(Watched.CALL, call), None)

    def _report(
        self, event: CallEvent | DeviceEvent, monitors: Iterable[Monitor], local: State | None
    ) -> None:
        flag = SHAPES[event.kind].flag
        for monitor in monitors:
            if monitor.wants(flag):
                session = monitor.session
                message = event_message(event, monitor.cross_ref_id, local, session.show)
                session.send_event(message, monitor.namespace)

    def _follow(self, old: str, call: str) -> None:
        """Monitors of a call that was joined with another watch what has become of it."""
        if old == call:
            return
        for monitor in self._at(Watched.CALL, old):
            self._forget(monitor)
            monitor.number = call
            self._of[Watched.CALL].setdefault(call, {})[monitor.cross_ref_id] = monitor

    def _leave(self, event: CallEvent) -> None:
        """Stop the monitors of a call in which there is no line any more that their sessions may monitor."""
        monitors = self._at(Watched.CALL, event.call)
        parties = _parties(event) if monitors else []
        if not parties:
            return  # nobody watches the call, or it is over, which is told next
        for monitor in monitors:
            if not access.may_watch(monitor.session, self._switch, parties):
                self._end(monitor)

    def _end_of_call(self, event: CallOver) -> None:
        """Nothing more will happen to the call: tell those who watch it, and stop their monitors."""
        for monitor in self._at(Watched.CALL, event.call):
            if monitor.wants(CallControlEvents.CALL_CLEARED):
                message = call_cleared(event, monitor.cross_ref_id)
                monitor.session.send_event(message, monitor.namespace)
            self._end(monitor)

    def _end(self, monitor: Monitor) -> None:
        """Stop a monitor, and say so to its client."""
        self._remove(monitor)
        stop = MonitorStop(monitor_cross_ref_id=monitor.cross_ref_id)
        monitor.session.ask(stop, monitor.namespace)


def _parties(event: CallEvent) -> list[str]:
    """Who is in the call after ``event``, and whom it is on its way to.

    As the event has it: when it is told late, after a lost link, the picture is further on.
    """
    parties = [device for device, state in event.states.items() if state is not State.NULL]
    match event:
        case CallsJoined(other=coming) | Event(destination=coming) if parties and coming:
            parties.append(coming)
    return parties


def told(kinds: frozenset[Kind]) -> frozenset[Kind]:
    """Those of a driver's ``kinds`` of report that monitors are told of."""
    return kinds & SHAPES.keys()


def _flags(wanted: MonitorFilter | None) -> frozenset[enum.Flag]:
    """The events that a filter keeps away."""
    if wanted is None:
        return frozenset()
    groups = (
        wanted.callcontrol,
        wanted.call_associated,
        wanted.logical_device_feature,
        wanted.maintenance,
    )
    return frozenset(flag for group in groups if group is not None for flag in group)
