"""Monitors: what each session watches, and the events it is owed (ECMA-269, monitoring services).

A monitor of device X reports every event of every call that X takes part in, with the state of X's own
connection in localConnectionInfo, and what becomes of X's features.  A monitor of a call reports every event
of that call, follows it through transfers and conferences, and ends with it, or when the last line that its
session may monitor has left it.  Each monitor has its own cross reference and its own copy of every event.
"""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import count

from ctigw.csta.frame import FrameTooLongError, parted
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
from ctigw.csta.types import answer_namespace, csta
from ctigw.errors import Reason, Refused
from ctigw.services import access
from ctigw.services.dispatcher import Handler
from ctigw.services.event_frames import Telling
from ctigw.services.event_messages import SHAPES, call_cleared
from ctigw.services.naming import Naming
from ctigw.services.session import Audience, Monitor, Session, Watched, Watching
from ctigw.switch.driver import Kind
from ctigw.switch.events import (
    CallEvent,
    CallOver,
    CallsJoined,
    CompletionFailed,
    DeviceEvent,
    DigitsSent,
    DoNotDisturbSet,
    Event,
    ForwardingSet,
    ServiceChanged,
)
from ctigw.switch.states import State
from ctigw.switch.switch import Switch

NOTHING: frozenset[enum.Flag] = frozenset()
NOT_INITIATED: frozenset[enum.Flag] = frozenset({CallControlEvents.SERVICE_INITIATED})
# Monitors that are removed, or passed over while looking for those, in one turn: a quarter of a millisecond.
AT_ONCE = 500


class Monitors:
    """All monitors of the gateway.  ``per_session`` and ``per_device`` bound how many there may be.

    ``later`` calls a function in a later turn; ``counters``: the events that are too long for a frame.
    """

    def __init__(
        self,
        switch: Switch,
        *,
        per_session: int,
        per_device: int,
        later: Callable[[Callable[[], None]], object] = lambda work: work(),
        counters: Counter[str] | None = None,
    ) -> None:
        self._switch, self._naming = switch, Naming(switch)
        self._per_session, self._per_device = per_session, per_device
        self._later = later
        self._counters: Counter[str] = Counter() if counters is None else counters
        self._ids = count(1)
        self._count = 0
        self._of: dict[Watched, dict[str, Monitor | Audience]] = {watched: {} for watched in Watched}
        self._at_devices, self._at_calls = self._of[Watched.DEVICE], self._of[Watched.CALL]
        # What sessions that are over have watched: told nothing any more, and bit by bit removed.
        self._over: deque[Watching] = deque()
        switch.observe(
            {
                Event: self._of_call,
                CompletionFailed: self._of_call,
                DigitsSent: self._of_call,
                CallsJoined: self._of_joined,
                CallOver: self._end_of_call,
                DoNotDisturbSet: self._of_device,
                ForwardingSet: self._of_device,
                ServiceChanged: self._of_device,
            }
        )

    def __len__(self) -> int:
        return self._count

    def handlers(self) -> dict[type, Handler]:
        """The monitoring services."""
        return {MonitorStart: self._start, MonitorStop: self._stop, ChangeMonitorFilter: self._change}

    def end(self, session: Session) -> None:
        """Stop every monitor of a session that is over: at once for the session, bit by bit in the books.

        A session may have 100,000 of them, and everybody else would wait for as long as their removal takes.
        """
        watching, session.watching = session.watching, None
        if watching is None:
            return
        watching.over = True
        self._count -= len(watching.monitors)
        self._over.append(watching)
        if len(self._over) == 1:
            self._remove_some()

    def _remove_some(self) -> None:
        """Remove monitors of sessions that are over, as many as a fraction of a millisecond is enough for."""
        work = AT_ONCE
        while self._over and work > 0:
            monitors = self._over[0].monitors
            if not monitors:
                self._over.popleft()
                continue
            _, monitor = monitors.popitem()
            here = self._here(monitor.watched, monitor.number)
            work -= 1 + len(here)
            if monitor in here:  # or it went along with an earlier one
                self._keep(monitor, tuple(other for other in here if not other.watching.over))
        if self._over:
            self._later(self._remove_some)

    # Services

    async def _start(self, session: Session, request: MonitorStart, namespace: str) -> MonitorStartResponse:
        watched, number = self._object(session, request.monitor_object, request.monitor_type)
        watching = session.watching
        if watching is None:
            watching = session.watching = Watching(session)
        if len(watching.monitors) >= self._per_session:
            raise Refused(Reason.OVERALL_MONITOR_LIMIT_EXCEEDED)
        here = self._here(watched, number)
        if len(here) >= self._per_device and _living(here) >= self._per_device:
            raise Refused(Reason.OBJECT_MONITOR_LIMIT_EXCEEDED)
        wanted = request.requested_monitor_filter
        cross_ref_id = str(next(self._ids))
        suppressed = _suppressed(session, wanted)
        told_in = answer_namespace(namespace)
        monitor = Monitor(watching, told_in, suppressed, cross_ref_id.encode(), watched, number)
        self._keep(monitor, (*here, monitor))
        watching.monitors[monitor.cross_ref_id] = monitor
        self._count += 1
        return MonitorStartResponse(
            monitor_cross_ref_id=cross_ref_id, actual_monitor_filter=wanted, monitor_existing_calls=True
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
        monitor.suppressed = _suppressed(session, request.requested_filter_list)
        self._of[monitor.watched][monitor.number].changed()
        return ChangeMonitorFilterResponse(actual_filter_list=request.requested_filter_list)

    def _held(self, session: Session, cross_ref_id: str) -> Monitor:
        held = session.watching.monitors.get(cross_ref_id.encode()) if session.watching else None
        if held is None:
            raise Refused(Reason.INVALID_CROSS_REF_ID)
        return held

    def _remove(self, monitor: Monitor) -> None:
        self._forget(monitor)
        del monitor.watching.monitors[monitor.cross_ref_id]
        self._count -= 1

    def _forget(self, monitor: Monitor) -> None:
        here = self._here(monitor.watched, monitor.number)
        self._keep(monitor, tuple(other for other in here if other is not monitor))

    def _here(self, watched: Watched, number: str) -> tuple[Monitor, ...]:
        audience = self._of[watched].get(number)
        return audience.monitors if audience else ()

    def _keep(self, monitor: Monitor, here: tuple[Monitor, ...]) -> None:
        """From now on, what ``monitor`` watches is watched by those that are ``here``."""
        of = self._of[monitor.watched]
        if here:
            of[monitor.number] = here[0] if len(here) == 1 else Audience(here)
        else:
            del of[monitor.number]

    # Events

    def _of_device(self, event: DeviceEvent) -> None:
        self._report(Telling(event), self._at_devices.get(event.device), None)

    def _of_call(self, event: CallEvent) -> None:
        """What happens in a call; nobody is called otherwise afterwards."""
        telling = Telling(event)
        for device, local in event.states.items():
            audience = self._at_devices.get(device)
            if audience is not None:
                self._report(telling, audience, local)
        if self._at_calls:
            self._report(telling, self._at_calls.get(event.call), None)
            self._leave(event)

    def _of_joined(self, event: CallsJoined) -> None:
        telling = Telling(event)
        for device, local in event.states.items():
            self._report(telling, self._at_devices.get(device), local)
        for old in (event.primary, event.secondary):
            self._report(telling, self._at_calls.get(old), None)
        for old in (event.primary, event.secondary):
            self._follow(old, event.call)
        self._leave(event)

    def _report(self, telling: Telling, audience: Monitor | Audience | None, local: State | None) -> None:
        """Tell those who watch, their device being in state ``local``, what is to be told."""
        if audience is None:
            return
        flag = telling.flag
        namespace, show, start, tail = None, None, b"", b""
        for party in audience.parties:
            watching = party.watching
            if watching.over or flag in party.suppressed:
                continue
            session = watching.session
            if session.show is not show or party.namespace != namespace:
                namespace, show = party.namespace, session.show
                start, tail = telling.parts(local, namespace, show)
            try:
                session.client.send_event(start, party.cross_ref_ids, tail)
            except FrameTooLongError:
                self._counters["events too long"] += len(party.cross_ref_ids)

    def _follow(self, old: str, call: str) -> None:
        """Monitors of a call that was joined with another watch what has become of it."""
        if old == call:
            return
        for monitor in self._here(Watched.CALL, old):
            self._forget(monitor)
            monitor.number = call
            self._keep(monitor, (*self._here(Watched.CALL, call), monitor))

    def _leave(self, event: CallEvent) -> None:
        """Stop the monitors of a call in which there is no line any more that their sessions may monitor."""
        monitors = self._here(Watched.CALL, event.call)
        parties = _parties(event) if monitors else []
        if not parties:
            return  # nobody watches the call, or it is over, which is told next
        for monitor in monitors:
            if not monitor.watching.over and not access.may_watch(
                monitor.watching.session, self._switch, parties
            ):
                self._end(monitor)

    def _end_of_call(self, event: CallOver) -> None:
        """Nothing more will happen to the call: tell those who watch it, and stop their monitors."""
        for monitor in self._here(Watched.CALL, event.call):
            if monitor.watching.over:
                continue
            if CallControlEvents.CALL_CLEARED not in monitor.suppressed:
                start, tail = parted(csta.encode(call_cleared(event, ""), monitor.namespace))
                monitor.watching.session.client.send_event(start, monitor.cross_ref_ids, tail)
            self._end(monitor)

    def _end(self, monitor: Monitor) -> None:
        """Stop a monitor, and say so to its client."""
        self._remove(monitor)
        stop = MonitorStop(monitor_cross_ref_id=monitor.cross_ref_id.decode())
        monitor.watching.session.client.ask(stop, monitor.namespace)


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


def _living(monitors: Iterable[Monitor]) -> int:
    return sum(not monitor.watching.over for monitor in monitors)


def _suppressed(session: Session, wanted: MonitorFilter | None) -> frozenset[enum.Flag]:
    """The events that a monitor of ``session`` with the filter ``wanted`` does not report."""
    if wanted is None:
        return NOTHING if session.service_initiated else NOT_INITIATED
    groups = (
        wanted.callcontrol,
        wanted.call_associated,
        wanted.logical_device_feature,
        wanted.maintenance,
    )
    kept_away = frozenset(flag for group in groups if group is not None for flag in group)
    return kept_away if session.service_initiated else kept_away | NOT_INITIATED
