"""The switch before a driver that does what the test says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import pytest
import structlog
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.errors import Reason, Refused
from ctigw.net.background import within
from ctigw.switch import picture as picture_module
from ctigw.switch.driver import AnyReport, Cause, Driver, Kind, Leg, Line, Link, Report
from ctigw.switch.events import CLASSES, AnyEvent, CallOver, LinkChanged
from ctigw.switch.states import State
from ctigw.switch.switch import ANSWERABLE, CLEARABLE, Switch


class Scripted(Driver):
    """Obeys everything; what happens is for the test to report."""

    def __init__(self) -> None:
        self.up = True
        self.refusal: Refused | None = None
        self.truth: dict[str, tuple[Leg, ...]] = {}
        self.commands: list[tuple[str, ...]] = []
        self.out_of_service: set[str] = set()
        self.report: Callable[[AnyReport], None] = lambda _report: None

    def listen(self, report: Callable[[AnyReport], None]) -> None:
        self.report = report

    def lines(self) -> Mapping[str, Line]:
        return {number: Line(number, number not in self.out_of_service) for number in ("1", "2", "3")}

    def can_call(self, number: str, device: str = "") -> bool:
        return number != "77"

    def linked(self) -> bool:
        return self.up

    def obey(self, *command: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        self.obey("make_call", caller, called, str(prompt))
        return "x"

    async def answer(self, call: str, device: str) -> None:
        self.obey("answer", call, device)

    async def clear(self, call: str, device: str) -> None:
        self.obey("clear", call, device)

    async def snapshot(self, device: str) -> tuple[Leg, ...]:
        self.commands.append(("snapshot", device))
        return self.truth.get(device, ())


class Bench:
    """A switch, its driver, and what its observers have seen."""

    def __init__(self) -> None:
        self.driver = Scripted()
        self.spawned: list[Coroutine[Any, Any, None]] = []
        self.switch = Switch(self.driver, within=lambda command: (False, command), spawn=self.spawned.append)
        self.events: list[Any] = []
        self.switch.observe(dict.fromkeys(CLASSES, self.events.append))

    def report(
        self, kind: Kind, device: str, call: str = "x", cause: Cause = Cause.NORMAL, **more: str
    ) -> None:
        self.driver.report(Report(kind, call, device, cause, **more))

    def link(self, *, up: bool) -> None:
        self.driver.up = up
        self.driver.report(Link(up))

    def ringing(self) -> None:
        """1 calls 2, which rings: call "x" of the driver is call "1" to clients."""
        self.report(Kind.ORIGINATE, "1", called="2")
        self.report(Kind.DELIVER, "2")

    def talking(self) -> None:
        self.ringing()
        self.report(Kind.ESTABLISH, "2")

    def picture(self) -> dict[str, dict[str, str]]:
        return {
            call.id: {device: c.state.value for device, c in call.connections.items()}
            for call in self.switch.picture.calls.values()
        }

    def mend(self) -> None:
        for work in self.spawned:
            run(work)
        self.spawned.clear()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    results: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for work in bench.spawned:  # what a test has no interest in
        work.close()


# Commands


def test_a_call_is_known_to_clients_by_a_number(bench: Bench) -> None:
    assert run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True)).id == "1"
    assert bench.driver.commands == [("make_call", "1", "2", "True")]
    bench.ringing()
    assert bench.picture() == {"1": {"1": "connected", "2": "alerting"}}


def test_commands_name_the_call_as_the_driver_does(bench: Bench) -> None:
    bench.ringing()
    run(bench.switch.answer(bench.switch.picture.connection("1", "2", ANSWERABLE, Reason.GENERIC)))
    run(bench.switch.clear(bench.switch.picture.connection("1", "1", CLEARABLE, Reason.GENERIC)))
    assert bench.driver.commands == [("answer", "x", "2"), ("clear", "x", "1")]


@pytest.mark.parametrize("kind", [Kind.INITIATE, Kind.ORIGINATE])
def test_a_line_that_dials_or_talks_places_no_call(bench: Bench, kind: Kind) -> None:
    bench.report(kind, "1")
    with pytest.raises(Refused, match="connectedCallExists"):
        run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))


def test_a_line_whose_call_is_yet_to_be_reported_places_no_other(bench: Bench) -> None:
    run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))
    with pytest.raises(Refused, match="connectedCallExists"):
        run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))
    bench.report(Kind.ORIGINATE, "1")
    bench.report(Kind.CLEAR, "1")
    run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))


def test_a_line_whose_call_was_refused_may_place_another(bench: Bench) -> None:
    bench.driver.refusal = Refused(Reason.RESOURCE_BUSY)
    for _ in range(2):
        with pytest.raises(Refused, match="resourceBusy"):
            run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))


class Unanswering(Scripted):
    """It has no snapshots, and MakeCall is answered when the test does that."""

    snapshot = Driver.snapshot

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Deferred[str]] = []

    async def make_call(self, caller: str, called: str, *, prompt: bool) -> str:
        self.asked.append(Deferred())
        return await self.asked[-1]


class Dialling:
    """Line 1 of a PBX that may not answer, and what its client is told of each call that it wants."""

    def __init__(self) -> None:
        self.clock, self.driver = Clock(), Unanswering()
        self.switch = Switch(self.driver, within=within(self.clock, 5), spawn=lambda work: work.close())
        self.told: list[str] = []

    def dials(self) -> None:
        Deferred.fromCoroutine(self._dial())

    async def _dial(self) -> None:
        try:
            call = await self.switch.make_call(self.switch.picture.line("1"), "2", prompt=True)
            self.told.append(call.id)
        except Refused as refused:
            self.told.append(refused.reason.value_name)


def test_a_line_whose_call_is_never_answered_may_place_another() -> None:
    line = Dialling()
    line.dials()
    line.dials()
    line.clock.advance(5)
    assert line.told == ["connectedCallExists", "resourceBusy"]
    line.dials()
    line.dials()
    assert len(line.driver.asked) == 2
    line.driver.asked[0].errback(Refused(Reason.RESOURCE_BUSY))  # late: of the first call, not of this one
    line.dials()
    line.driver.asked[1].callback("x")
    assert line.told[2:] == ["connectedCallExists"] * 2 + ["1"]


def test_a_line_whose_call_is_accepted_late_has_it_when_it_is_reported() -> None:
    line = Dialling()
    line.dials()
    line.clock.advance(5)
    line.driver.asked[0].callback("x")
    line.driver.report(Report(Kind.ORIGINATE, "x", "1", Cause.NEW_CALL))
    line.dials()
    assert line.told == ["resourceBusy", "connectedCallExists"]


def test_a_line_whose_call_is_never_reported_may_place_another_at_the_second_attempt() -> None:
    line = Dialling()
    line.dials()
    line.driver.asked[0].callback("x")
    line.dials()
    line.dials()
    line.driver.asked[1].callback("y")
    assert line.told == ["1", "connectedCallExists", "2"]


@pytest.mark.parametrize(
    ("command", "value"), [("answer", "noCallToAnswer"), ("clear", "noConnectionToClear")]
)
def test_a_connection_that_is_gone_when_the_pbx_looks(bench: Bench, command: str, value: str) -> None:
    bench.ringing()
    connection = bench.switch.picture.connection("1", "2", CLEARABLE, Reason.GENERIC)
    bench.driver.refusal = Refused(Reason.INVALID_CONNECTION_ID)
    with pytest.raises(Refused, match=value):
        run(getattr(bench.switch, command)(connection))
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2"),)}
    bench.mend()  # what the PBX does not know any more, the picture does not either
    assert bench.picture() == {"1": {"1": "connected"}}


def test_a_line_with_a_call_on_hold_or_ringing_may_place_one(bench: Bench) -> None:
    bench.report(Kind.ORIGINATE, "1", "a")
    bench.report(Kind.HOLD, "1", "a")
    bench.report(Kind.DELIVER, "1", "b")
    run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))


def test_a_number_outside_the_plan_is_not_called(bench: Bench) -> None:
    with pytest.raises(Refused, match="invalidCalledDeviceID"):
        run(bench.switch.make_call(bench.switch.picture.line("1"), "77", prompt=True))
    assert bench.driver.commands == []


def test_without_its_pbx_nothing_is_commanded(bench: Bench) -> None:
    bench.ringing()
    bench.link(up=False)
    with pytest.raises(Refused, match="resourceOutOfService"):
        run(bench.switch.answer(bench.switch.picture.connection("1", "2", ANSWERABLE, Reason.GENERIC)))
    assert bench.driver.commands == []


def test_what_is_offered_is_what_the_driver_overrides(bench: Bench) -> None:
    assert bench.switch.offered == {"make_call", "answer", "clear", "snapshot"}


# What a client named


@pytest.mark.parametrize(
    ("call", "device", "reason"),
    [
        ("9", "2", Reason.INVALID_CONNECTION_ID),
        ("9", None, Reason.INVALID_CONNECTION_ID),
        ("1", "3", Reason.INVALID_CONNECTION_ID),
        ("1", "77", Reason.INVALID_CONNECTION_ID),
        ("1", "outside", Reason.INVALID_CONNECTION_ID),
        (None, "99", Reason.INVALID_DEVICE_ID),
        (None, "3", Reason.NO_CALL_TO_ANSWER),
        ("1", "1", Reason.INVALID_CONNECTION_STATE),
        ("3", None, Reason.INVALID_CONNECTION_STATE),  # nobody rings there
        ("1", None, None),
        ("1", "2", None),
        (None, "2", None),
    ],
)
def test_a_connection_is_found_or_refused(
    bench: Bench, call: str | None, device: str | None, reason: Reason | None
) -> None:
    bench.ringing()
    bench.report(Kind.ORIGINATE, "3", "y")
    bench.report(Kind.CLEAR, "3", "y")
    bench.report(Kind.ORIGINATE, "outside", "z")
    if reason is None:
        found = bench.switch.picture.connection(call, device, ANSWERABLE, Reason.NO_CALL_TO_ANSWER)
        assert (found.call.id, found.device) == ("1", "2")
        return
    with pytest.raises(Refused) as refused:
        bench.switch.picture.connection(call, device, ANSWERABLE, Reason.NO_CALL_TO_ANSWER)
    assert refused.value.reason is reason


def test_a_connection_that_has_left_is_told_from_one_that_never_was(bench: Bench) -> None:
    bench.talking()
    bench.report(Kind.CLEAR, "1")
    for device, value in (("1", "noConnectionToClear"), ("3", "invalidConnectionID")):
        with pytest.raises(Refused, match=value):
            bench.switch.picture.connection("1", device, CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR)


def test_of_several_connections_none_is_meant(bench: Bench) -> None:
    bench.talking()
    bench.report(Kind.DELIVER, "2", "y")
    for call, device in (("1", None), (None, "2")):
        with pytest.raises(Refused, match="invalidConnectionID"):
            bench.switch.picture.connection(call, device, CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR)


def test_only_so_many_connections_that_are_over_are_remembered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_module, "REMEMBERED", 2)
    for call in "abcdef":
        bench.report(Kind.ORIGINATE, "1", call)
        bench.report(Kind.CLEAR, "1", call)
    told = []
    for call in "123456":
        with pytest.raises(Refused) as refused:
            bench.switch.picture.connection(call, "1", CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR)
        told.append(refused.value.reason)
    never, left = Reason.INVALID_CONNECTION_ID, Reason.NO_CONNECTION_TO_CLEAR
    assert told == [never, never, never, left, left, left]


# Reports


def test_an_event_says_what_it_meant_for_each_party(bench: Bench) -> None:
    bench.talking()
    bench.report(Kind.CLEAR, "2", cause=Cause.NORMAL_CLEARING)
    assert [event.states for event in bench.events] == [
        {"1": State.CONNECTED},
        {"1": State.CONNECTED, "2": State.ALERTING},
        {"1": State.CONNECTED, "2": State.CONNECTED},
        {"1": State.CONNECTED, "2": State.NULL},
    ]
    last = bench.events[-1]
    assert (last.kind, last.call, last.device, last.cause) == (Kind.CLEAR, "1", "2", Cause.NORMAL_CLEARING)
    assert (last.calling, last.called) == ("1", "2")


def test_a_diverted_call_remembers_who_redirected_it(bench: Bench) -> None:
    bench.report(Kind.ORIGINATE, "1", called="2")
    bench.report(Kind.DIVERT, "2", destination="3")
    bench.report(Kind.DELIVER, "3")
    bench.report(Kind.DIVERT, "3", destination="4")
    bench.report(Kind.DELIVER, "4")
    told = [(event.device, event.redirected_by, event.destination) for event in bench.events]
    # Who diverts is not yet who diverted last: that is whoever did before.
    assert told == [("1", "", ""), ("2", "", "3"), ("3", "2", ""), ("3", "2", "4"), ("4", "3", "")]


def test_nothing_is_left_of_a_call_that_is_over(bench: Bench) -> None:
    bench.talking()
    bench.report(Kind.CLEAR, "1")
    bench.report(Kind.CLEAR, "2")
    assert bench.picture() == {}
    assert (bench.switch.picture._by_driver_id, bench.switch.picture._at) == ({}, {})


def test_ids_are_not_used_again_and_the_last_to_leave_ends_the_call(bench: Bench) -> None:
    for _ in range(2):
        bench.report(Kind.ORIGINATE, "1")
        bench.report(Kind.CLEAR, "1", cause=Cause.TIMEOUT)
    assert [event.call for event in bench.events] == ["1", "1", "1", "2", "2", "2"]
    assert bench.events[2] == CallOver("1", Cause.TIMEOUT)


def test_an_observer_that_fails_harms_nobody(bench: Bench) -> None:
    def fail(_event: AnyEvent) -> None:
        raise ZeroDivisionError

    seen: list[AnyEvent] = []
    bench.switch.observe(dict.fromkeys(CLASSES, fail))
    bench.switch.observe(dict.fromkeys(CLASSES, seen.append))
    with structlog.testing.capture_logs() as logged:
        bench.report(Kind.ORIGINATE, "1")
    assert len(seen) == 1
    assert [entry["event"] for entry in logged] == ["observer failed"]


# Mending


@pytest.mark.parametrize(
    ("kind", "device", "call"),
    [
        (Kind.DELIVER, "1", "x"),
        (Kind.ORIGINATE, "2", "x"),
        (Kind.RETRIEVE, "2", "x"),
        (Kind.CLEAR, "3", "x"),
        (Kind.CLEAR, "1", "unknown"),
        (Kind.DIVERT, "1", "unknown"),
    ],
)
def test_a_report_that_cannot_be_true_changes_nothing(
    bench: Bench, kind: Kind, device: str, call: str
) -> None:
    bench.ringing()
    before = bench.picture()
    bench.report(kind, device, call)
    assert bench.picture() == before
    assert len(bench.events) == 2
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2"),), "2": (Leg("x", "alerting", "1", "2"),)}
    bench.mend()
    assert bench.driver.commands == [("snapshot", device)]
    assert bench.picture() == before


def test_a_lost_picture_is_mended_with_events(bench: Bench) -> None:
    bench.ringing()
    # The establishing of 2 was lost; then 2 is said to be held, which the table forbids while it rings.
    bench.driver.truth = {"2": (Leg("x", "hold", "1", "2"),)}
    bench.report(Kind.HOLD, "2")
    bench.mend()
    assert bench.picture() == {"1": {"1": "connected", "2": "hold"}}
    assert [event.kind for event in bench.events[2:]] == [Kind.ESTABLISH, Kind.HOLD]


def test_a_call_that_is_over_is_cleared_and_one_that_was_missed_appears(bench: Bench) -> None:
    bench.ringing()
    bench.driver.truth = {"2": (Leg("x", "null"), Leg("y", "connected", "2", "3"), Leg("z", "null"))}
    run(bench.switch.mending.resynchronise("2"))
    assert bench.picture() == {"1": {"1": "connected"}, "2": {"2": "connected"}}
    told = [(event.kind, event.call, event.cause) for event in bench.events[2:]]
    assert told == [(Kind.CLEAR, "1", Cause.NORMAL_CLEARING), (Kind.ORIGINATE, "2", Cause.NORMAL)]
    assert (bench.events[-1].calling, bench.events[-1].called) == ("2", "3")


def test_a_device_is_asked_for_once_at_a_time(bench: Bench) -> None:
    bench.ringing()
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2"),)}
    bench.report(Kind.DELIVER, "1")
    bench.report(Kind.DELIVER, "1")
    assert len(bench.spawned) == 1
    bench.mend()
    bench.report(Kind.DELIVER, "1")
    bench.mend()
    assert bench.driver.commands == [("snapshot", "1")] * 2


def test_parties_that_are_no_lines_are_not_asked_for(bench: Bench) -> None:
    bench.report(Kind.CLEAR, "outside")
    assert bench.spawned == []


def test_who_calls_is_known_of_a_call_that_was_missed(bench: Bench) -> None:
    bench.driver.truth = {"1": (Leg("x", "alerting", "2", "1"),)}
    run(bench.switch.mending.resynchronise("1"))
    [delivered] = bench.events
    assert (delivered.kind, delivered.calling, delivered.called) == (Kind.DELIVER, "2", "1")


@pytest.mark.parametrize("outside", [None, {"out": "connected"}])
def test_a_caller_from_outside_is_in_the_call_that_was_missed(
    bench: Bench, outside: dict[str, str] | None
) -> None:
    bench.driver.truth = {"1": (Leg("x", "alerting", "out", "1", outside),)}
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == {"1": {"out": "connected", "1": "alerting"}}
    told = [(event.kind, event.device, event.calling) for event in bench.events]
    assert told == [(Kind.ORIGINATE, "out", "out"), (Kind.DELIVER, "1", "out")]
    bench.report(Kind.CLEAR, "out")  # nothing is wrong with that
    assert bench.spawned == []


def test_what_parties_outside_did_is_told(bench: Bench) -> None:
    bench.talking()
    for device in ("out", "gone"):
        bench.report(Kind.DELIVER, device)
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2", {"out": "connected", "new": "alerting"}),)}
    told = len(bench.events)
    run(bench.switch.mending.resynchronise("1"))
    parties = {"1": "connected", "2": "connected", "out": "connected", "new": "alerting"}
    assert bench.picture() == {"1": parties}
    told_of = [(event.kind, event.device) for event in bench.events[told:]]
    assert sorted(told_of, key=str) == [(Kind.CLEAR, "gone"), (Kind.DELIVER, "new"), (Kind.ESTABLISH, "out")]


def test_what_parties_outside_do_stays_where_the_pbx_does_not_say(bench: Bench) -> None:
    bench.report(Kind.ORIGINATE, "out", called="1")
    bench.report(Kind.HOLD, "out")
    bench.report(Kind.DELIVER, "1")
    bench.driver.truth = {"1": (Leg("x", "connected", "out", "1"),)}
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == {"1": {"out": "hold", "1": "connected"}}


def test_a_line_is_not_outside(bench: Bench) -> None:
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2", {"1": "hold", "2": "alerting"}),)}
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == {"1": {"1": "connected"}}


def outside_only(bench: Bench) -> None:
    """A call whose line has left it to two parties outside."""
    bench.report(Kind.ORIGINATE, "1", called="out")
    for device in ("out", "far"):
        bench.report(Kind.DELIVER, device)
        bench.report(Kind.ESTABLISH, device)


GOES_ON = {"out": "connected", "far": "hold"}


def test_a_call_that_its_last_line_has_left_may_go_on_outside(bench: Bench) -> None:
    outside_only(bench)
    bench.driver.truth = {"out": (Leg("x", "connected", "1", "out", GOES_ON),)}
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == {"1": GOES_ON}


def test_a_call_that_its_last_line_has_left_is_over_unless_the_pbx_says_otherwise(bench: Bench) -> None:
    outside_only(bench)
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == {}
    assert bench.driver.commands == [("snapshot", device) for device in ("1", "out", "far")]


@pytest.mark.parametrize(
    ("refusal", "left"),
    [(Reason.INVALID_DEVICE_ID, {}), (Reason.RESOURCE_BUSY, {"1": {"out": "connected", "far": "connected"}})],
)
def test_a_pbx_that_does_not_tell_of_parties_outside(
    bench: Bench, refusal: Reason, left: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def snapshot(device: str) -> tuple[Leg, ...]:
        if device not in bench.driver.lines():
            raise Refused(refusal)
        return ()

    outside_only(bench)
    monkeypatch.setattr(bench.driver, "snapshot", snapshot)
    run(bench.switch.mending.resynchronise("1"))
    assert bench.picture() == left


# The link


def test_while_its_pbx_is_lost_the_picture_stays(bench: Bench) -> None:
    bench.ringing()
    bench.link(up=False)
    assert not bench.switch.linked
    assert bench.events[-1] == LinkChanged(up=False)
    assert bench.picture() == {"1": {"1": "connected", "2": "alerting"}}


def test_a_link_that_is_back_asks_for_every_line_before_it_is_up(bench: Bench) -> None:
    bench.ringing()
    bench.link(up=False)
    bench.link(up=False)  # said twice, told once
    told = len(bench.events)
    bench.driver.truth = {"1": (Leg("x", "connected", "1", "2"),), "2": (Leg("x", "connected", "1", "2"),)}
    bench.link(up=True)
    assert (bench.switch.linked, len(bench.events)) == (False, told)
    bench.mend()
    assert sorted(bench.driver.commands) == [("snapshot", number) for number in "123"]
    assert bench.switch.linked
    up, established = bench.events[told:]
    assert up == LinkChanged(up=True)
    assert (established.kind, established.device) == (Kind.ESTABLISH, "2")


def test_a_link_that_is_up_twice_is_told_once(bench: Bench) -> None:
    bench.link(up=False)
    for _ in range(2):
        bench.link(up=True)
        bench.mend()
    assert bench.events == [LinkChanged(up=False), LinkChanged(up=True)]


def test_lines_whose_snapshots_fail_keep_nobody_from_recovering(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def snapshot(device: str) -> tuple[Leg, ...]:
        if device == "1":
            raise ZeroDivisionError
        return (Leg("x", "asleep" if device == "2" else "connected", "1", "3"),)

    bench.link(up=False)
    monkeypatch.setattr(bench.driver, "snapshot", snapshot)
    bench.link(up=True)
    with structlog.testing.capture_logs() as logged:
        bench.mend()
    told = [(entry["event"], entry["device"], entry["log_level"]) for entry in logged]
    assert told == [("not brought up to date", device, "error") for device in "12"]
    assert bench.switch.linked
    assert bench.picture() == {"1": {"3": "connected"}}


def test_calls_of_nobody_whose_line_can_be_asked_for_are_over(bench: Bench) -> None:
    bench.report(Kind.ORIGINATE, "1", called="outside")
    bench.report(Kind.DELIVER, "outside")
    bench.link(up=False)
    bench.link(up=True)
    bench.mend()
    assert bench.picture() == {}
    told = [type(event).__name__ for event in bench.events[-4:]]
    assert told == ["LinkChanged", "Event", "Event", "CallOver"]


def test_calls_of_parties_outside_are_asked_for_when_the_lines_are_known(bench: Bench) -> None:
    outside_only(bench)
    bench.report(Kind.ORIGINATE, "2", "y", called="lost")
    bench.report(Kind.DELIVER, "lost", "y")
    bench.report(Kind.CLEAR, "2", "y")
    bench.link(up=False)
    # 1 has gone, 3 has come: the call has lines all the time.
    bench.driver.truth = {"3": (Leg("x", "connected", "3", "out", GOES_ON),)}
    bench.link(up=True)
    bench.mend()
    assert bench.driver.commands == [("snapshot", device) for device in ("1", "2", "3", "lost")]
    assert bench.switch.linked
    assert bench.picture() == {"1": {**GOES_ON, "3": "connected"}}


def test_a_call_that_was_accepted_and_never_reported_is_forgotten(bench: Bench) -> None:
    run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))
    bench.link(up=False)
    bench.link(up=True)
    bench.mend()
    assert bench.picture() == {}
    assert bench.events[-2:] == [LinkChanged(up=True), CallOver("1", Cause.NORMAL)]
    run(bench.switch.make_call(bench.switch.picture.line("1"), "2", prompt=True))


def test_a_link_lost_again_while_lines_are_asked_for_stays_down(bench: Bench) -> None:
    bench.link(up=False)
    bench.link(up=True)
    first, bench.spawned[:] = list(bench.spawned), []
    bench.link(up=False)
    for work in first:
        run(work)
    assert not bench.switch.linked
    bench.link(up=True)
    bench.mend()
    assert bench.switch.linked
    assert bench.events == [LinkChanged(up=False), LinkChanged(up=True)]


def test_lines_that_went_out_of_service_meanwhile(bench: Bench) -> None:
    bench.link(up=False)
    bench.driver.out_of_service.add("2")
    bench.link(up=True)
    bench.mend()
    assert [(event.kind, event.device) for event in bench.events[2:]] == [(Kind.OUT_OF_SERVICE, "2")]
    assert not bench.switch.picture.line("2").in_service
