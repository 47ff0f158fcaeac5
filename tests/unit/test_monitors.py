from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.csta.events import OriginatedEvent, ServiceInitiatedEvent
from ctigw.csta.monitoring import (
    CallControlEvents,
    ChangeMonitorFilter,
    LogicalDeviceFeatureEvents,
    MonitorFilter,
    MonitorObject,
    MonitorStart,
    MonitorStop,
)
from ctigw.csta.types import ED3, ConnectionID
from ctigw.errors import Refused
from ctigw.services.monitors import Monitors
from ctigw.services.session import Session, Watched
from ctigw.switch.driver import Cause, DoNotDisturb, Kind, Merge, Report, Service
from ctigw.switch.switch import Switch
from simulators.pbx import Pbx
from tests.clients import Remembering

ED4 = ED3[:-1] + "4"


class Bench:
    def __init__(self, *, per_session: int = 10, per_device: int = 10) -> None:
        self.later: deque[Callable[[], None]] = deque()
        self.switch = Switch(
            Pbx(Clock()), within=lambda command: (False, command), spawn=lambda work: work.close()
        )
        self.monitors = Monitors(
            self.switch, per_session=per_session, per_device=per_device, later=self.later.append
        )
        self.told: list[tuple[str, str, str]] = []
        self.asked: list[tuple[str, object, str]] = []
        self.messages: list[Any] = []

    def session(self, name: str, *, service_initiated: bool = True) -> Session:
        def told(message: Any, namespace: str) -> None:
            self.told.append((name, message.monitor_cross_ref_id, namespace))
            self.messages.append(message)
            self.last = message

        def asked(message: Any, namespace: str) -> None:
            self.asked.append((name, message, namespace))

        return Session(Remembering(told, asked, asked), name, service_initiated=service_initiated)

    def ask(self, session: Session, request: object, namespace: str = ED3) -> Any:
        results: list[Any] = []
        handler = self.monitors.handlers()[type(request)]
        work: Any = handler(session, request, namespace)
        Deferred.fromCoroutine(work).addBoth(results.append)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def start(self, session: Session, device: str, namespace: str = ED3) -> str:
        request = MonitorStart(monitor_object=MonitorObject(device_object=device))
        reference: str = self.ask(session, request, namespace).monitor_cross_ref_id
        return reference

    def report(self, kind: Kind, device: str, call: str = "x") -> None:
        self.switch.apply(Report(kind, call, device, Cause.NORMAL))


def test_each_monitor_has_its_reference_and_its_copy_of_an_event() -> None:
    bench = Bench()
    one, two = bench.session("one"), bench.session("two")
    assert [bench.start(one, "2001"), bench.start(one, "2001"), bench.start(two, "2001", ED4)] == list("123")
    bench.report(Kind.ORIGINATE, "2001")
    assert bench.told == [("one", "1", ED3), ("one", "2", ED3), ("two", "3", ED4)]


def test_a_monitor_sees_the_calls_that_its_device_takes_part_in() -> None:
    bench = Bench()
    session = bench.session("one")
    bench.start(session, "2002")
    bench.report(Kind.ORIGINATE, "2001")
    assert bench.told == []
    bench.report(Kind.DELIVER, "2002")
    bench.report(Kind.CLEAR, "2001")
    assert len(bench.told) == 2
    assert bench.last.releasing_device.device_identifier == "2001"


def test_service_initiated_can_be_kept_from_a_session() -> None:
    bench = Bench()
    bench.start(bench.session("with"), "2001")
    bench.start(bench.session("without", service_initiated=False), "2001")
    bench.report(Kind.INITIATE, "2001")
    assert isinstance(bench.last, ServiceInitiatedEvent)
    bench.report(Kind.ORIGINATE, "2001")
    assert isinstance(bench.last, OriginatedEvent)
    assert [name for name, _, _ in bench.told] == ["with", "with", "without"]


def test_a_session_that_ends_takes_its_monitors_along() -> None:
    bench = Bench()
    one, two = bench.session("one"), bench.session("two")
    for session, device in ((one, "2001"), (one, "2002"), (two, "2001")):
        bench.start(session, device)
    bench.monitors.end(one)
    bench.report(Kind.ORIGINATE, "2001")
    assert bench.told == [("two", "3", ED3)]
    assert (len(bench.monitors), one.watching) == (1, None)
    bench.monitors.end(two)
    assert not any(bench.monitors._of.values())


@pytest.mark.parametrize(
    ("per_session", "per_device", "why"),
    [(2, 10, "overallMonitorLimitExceeded"), (10, 2, "objectMonitorLimitExceeded")],
)
def test_monitors_are_bounded(per_session: int, per_device: int, why: str) -> None:
    bench = Bench(per_session=per_session, per_device=per_device)
    session = bench.session("one")
    first, _ = (bench.start(session, "2001") for _ in range(2))
    with pytest.raises(Refused, match=why):
        bench.start(session, "2001")
    bench.ask(session, MonitorStop(monitor_cross_ref_id=first))
    bench.start(session, "2001")


def test_a_refused_monitor_leaves_nothing() -> None:
    bench = Bench()
    with pytest.raises(Refused, match="invalidDeviceID"):
        bench.start(bench.session("one"), "2099")
    assert not len(bench.monitors)
    assert not any(bench.monitors._of.values())


# Monitors of calls


def watch_call(bench: Bench, session: Session, call: str) -> str:
    request = MonitorStart(monitor_object=MonitorObject(call_object=ConnectionID(call_id=call)))
    reference: str = bench.ask(session, request).monitor_cross_ref_id
    return reference


def names(bench: Bench) -> list[str]:
    return [type(message).__name__ for message in bench.messages]


def test_a_monitor_of_a_call_sees_that_call_and_no_other() -> None:
    bench = Bench()
    bench.report(Kind.ORIGINATE, "2001")
    watch_call(bench, bench.session("one"), "1")
    bench.report(Kind.DELIVER, "2002")
    bench.report(Kind.ORIGINATE, "2003", "y")
    assert names(bench) == ["DeliveredEvent"]
    assert bench.last.local_connection_info is None


def test_a_monitor_of_a_call_ends_with_it_and_its_client_is_told() -> None:
    bench = Bench()
    session = bench.session("one")
    bench.report(Kind.ORIGINATE, "2001")
    reference = watch_call(bench, session, "1")
    bench.report(Kind.CLEAR, "2001")
    assert names(bench) == ["ConnectionClearedEvent", "CallClearedEvent"]
    assert bench.asked == [("one", MonitorStop(monitor_cross_ref_id=reference), ED3)]
    assert session.watching is not None
    assert (len(bench.monitors), session.watching.monitors) == (0, {})
    assert not any(bench.monitors._of.values())
    with pytest.raises(Refused, match="invalidCrossRefID"):
        bench.ask(session, MonitorStop(monitor_cross_ref_id=reference))


def test_a_monitor_of_a_call_follows_it_when_calls_are_joined() -> None:
    bench = Bench()
    for call, other in (("x", "2002"), ("y", "2003")):
        bench.report(Kind.ORIGINATE, "2001", call)
        bench.report(Kind.DELIVER, other, call)
        bench.report(Kind.ESTABLISH, other, call)
        bench.report(Kind.HOLD, "2001", call)
    bench.report(Kind.RETRIEVE, "2001", "y")
    session = bench.session("one")
    references = [watch_call(bench, session, call) for call in "12"]
    bench.switch.apply(Merge(Kind.TRANSFER, "z", "2001", Cause.TRANSFER, "x", "y", "2003"))
    assert [reference for _, reference, _ in bench.told] == references
    bench.report(Kind.HOLD, "2002", "z")
    assert [reference for _, reference, _ in bench.told] == references * 2
    assert list(bench.monitors._of[Watched.CALL]) == ["3"]


CALL = ConnectionID(call_id="1")


@pytest.mark.parametrize(
    ("monitored", "why"),
    [
        (MonitorObject(), "invalidMonitorObjectType"),
        (
            MonitorObject(device_object="2001", call_object=ConnectionID(call_id="1")),
            "invalidMonitorObjectType",
        ),
        (MonitorObject(device_object="9"), "invalidMonitorObjectType"),
        (MonitorObject(call_object=ConnectionID(call_id="7")), "invalidConnectionID"),
        (MonitorObject(call_object=ConnectionID()), "invalidParameterValue"),
        (MonitorObject(device_object=""), "invalidParameterValue"),
    ],
)
def test_what_cannot_be_monitored(monitored: MonitorObject, why: str) -> None:
    bench = Bench()
    with pytest.raises(Refused, match=why):
        bench.ask(bench.session("one"), MonitorStart(monitor_object=monitored))


# Filters


AWAY = MonitorFilter(
    callcontrol=CallControlEvents.ORIGINATED | CallControlEvents.BRIDGED,
    logical_device_feature=LogicalDeviceFeatureEvents.DO_NOT_DISTURB,
)


def test_a_flag_that_is_set_keeps_its_events_away() -> None:
    bench = Bench()
    request = MonitorStart(monitor_object=MonitorObject(device_object="2001"), requested_monitor_filter=AWAY)
    response = bench.ask(bench.session("one"), request)
    assert response.actual_monitor_filter == AWAY
    bench.report(Kind.ORIGINATE, "2001")
    bench.switch.apply(DoNotDisturb("2001", on=True))
    bench.switch.apply(Service("2001", in_service=False))
    bench.report(Kind.DELIVER, "2002")
    assert names(bench) == ["OutOfServiceEvent", "DeliveredEvent"]


def test_a_filter_can_be_changed() -> None:
    bench = Bench()
    session = bench.session("one")
    reference = bench.start(session, "2001")
    change = ChangeMonitorFilter(monitor_cross_ref_id=reference, requested_filter_list=AWAY)
    assert bench.ask(session, change).actual_filter_list == AWAY
    bench.report(Kind.ORIGINATE, "2001")
    nothing = ChangeMonitorFilter(monitor_cross_ref_id=reference, requested_filter_list=MonitorFilter())
    bench.ask(session, nothing)
    bench.report(Kind.CLEAR, "2001")
    assert names(bench) == ["ConnectionClearedEvent"]
    with pytest.raises(Refused, match="invalidCrossRefID"):
        bench.ask(bench.session("two"), change)


# Many monitors


def test_monitors_of_one_line_are_told_in_the_order_in_which_they_came() -> None:
    bench = Bench(per_session=500, per_device=500)
    one, two, plain = (
        bench.session("one"),
        bench.session("two"),
        bench.session("plain", service_initiated=False),
    )
    wanted = [("one", ED3)] * 70 + [("two", ED3)] * 2 + [("one", ED4)] * 40 + [("two", ED3)]
    sessions = {"one": one, "two": two}
    started = [
        (name, bench.start(sessions[name], "2001", namespace), namespace) for name, namespace in wanted
    ]
    bench.start(plain, "2001")
    bench.report(Kind.INITIATE, "2001")
    assert bench.told == started
    changed = started.pop(10)
    request = ChangeMonitorFilter(monitor_cross_ref_id=changed[1], requested_filter_list=AWAY)
    bench.ask(one, request)
    bench.ask(two, MonitorStop(monitor_cross_ref_id=started.pop(-1)[1]))
    bench.told.clear()
    bench.report(Kind.ORIGINATE, "2001")
    assert [told for told in bench.told if told[0] != "plain"] == started


def test_a_session_with_many_monitors_goes_bit_by_bit() -> None:
    bench = Bench(per_session=5000, per_device=5000)
    many, other = bench.session("many"), bench.session("other")
    for _ in range(1200):
        bench.start(many, "2001")
        bench.start(many, "2002")
    bench.start(other, "2001")
    assert len(bench.monitors) == 2401
    bench.monitors.end(many)
    assert len(bench.monitors) == 1
    assert len(bench.later) == 1  # there is more to do than one turn is for
    bench.report(Kind.ORIGINATE, "2001")  # nobody who is over is told anything meanwhile
    assert [name for name, _, _ in bench.told] == ["other"]
    again = bench.session("many")
    bench.start(again, "2002")  # and it is nobody's limit
    turns = 0
    while bench.later:
        bench.later.popleft()()
        turns += 1
    assert turns > 1
    left = [
        monitor for of in bench.monitors._of.values() for here in of.values() for monitor in here.monitors
    ]
    assert sorted(monitor.number for monitor in left) == ["2001", "2002"]
    assert len(bench.monitors) == 2


def test_those_who_are_over_count_for_no_limit() -> None:
    bench = Bench(per_session=3000, per_device=1500)
    many = bench.session("many")
    for _ in range(1500):
        bench.start(many, "2001")
    bench.monitors.end(many)
    bench.start(bench.session("next"), "2001")
    assert len(bench.monitors) == 1


def test_two_sessions_that_end_at_once_are_both_removed() -> None:
    bench = Bench(per_session=3000, per_device=3000)
    one, two = bench.session("one"), bench.session("two")
    for session in (one, two):
        for _ in range(900):
            bench.start(session, "2001")
    bench.monitors.end(one)
    bench.monitors.end(two)
    while bench.later:
        bench.later.popleft()()
    assert not any(bench.monitors._of.values())
