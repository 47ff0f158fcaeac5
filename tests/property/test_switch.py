"""The switch under any sequence of reports, and in step with a PBX under any sequence of commands."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import AnyReport, Cause, Driver, Line, Report
from ctigw.switch.events import CLASSES, AnyEvent, CallOver, Event
from ctigw.switch.states import TRANSITIONS, State, WrongStateError, after
from ctigw.switch.switch import ANSWERABLE, CLEARABLE, Switch
from simulators.behaviours import Limits
from simulators.pbx import Pbx

LINES = ("1", "2", "3")
reports = st.builds(
    Report,
    st.sampled_from([kind for kind, _, _ in TRANSITIONS]),
    st.sampled_from("xyz"),
    st.sampled_from((*LINES, "outside")),
    st.sampled_from(Cause),
    called=st.sampled_from(("", "2")),
    destination=st.just("3"),
)


class Mute(Driver):
    """A PBX that can only report."""

    def listen(self, report: Callable[[AnyReport], None]) -> None:
        self.report = report

    def lines(self) -> Mapping[str, Line]:
        return {number: Line(number) for number in LINES}


def picture(switch: Switch) -> dict[str, tuple[Any, ...]]:
    return {
        call.driver_id: (
            call.id,
            call.calling,
            call.called,
            call.redirected_by,
            {device: connection.state for device, connection in call.connections.items()},
        )
        for call in switch.picture.calls.values()
    }


def check_books(switch: Switch) -> None:
    """Every index says the same, and nothing is kept that is over."""
    assert {call.driver_id for call in switch.picture.calls.values()} == set(switch.picture._by_driver_id)
    connections = [c for call in switch.picture.calls.values() for c in call.connections.values()]
    assert all(call.connections for call in switch.picture.calls.values())
    assert all(connection.state is not State.NULL for connection in connections)
    at_lines = {
        (c.call.id, c.device) for line in switch.picture.lines for c in switch.picture.connections(line)
    }
    assert at_lines == {(c.call.id, c.device) for c in connections if c.device in switch.picture.lines}
    assert all(switch.picture._at.values())


@given(st.lists(reports, max_size=40))
@settings(max_examples=200, deadline=None)
def test_reports_change_what_the_table_allows_and_nothing_else(happened: list[Report]) -> None:
    switch = Switch(Mute(), within=lambda command: (False, command), spawn=lambda work: work.close())
    events: list[AnyEvent] = []
    switch.observe(dict.fromkeys(CLASSES, events.append))
    for report in happened:
        before, told = picture(switch), len(events)
        call = switch.picture._by_driver_id.get(report.call)
        connection = call.connections.get(report.device) if call else None
        start = connection.state if connection else State.NULL
        switch.apply(report)
        check_books(switch)
        try:
            goal = after(start, report.kind)
            allowed = call is not None or goal is not State.NULL
        except WrongStateError:
            allowed = False
        if not allowed:
            assert (picture(switch), len(events)) == (before, told)
            continue
        first, *more = events[told:]
        assert isinstance(first, Event)
        assert first.states[report.device] is goal
        over = not switch.picture.known(report.call)
        assert more == ([CallOver(first.call, report.cause)] if over else [])


class InStep(RuleBasedStateMachine):
    """Clients command lines at random; whatever they do, the switch shows what the PBX has."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pbx = Pbx(self.clock, limits=Limits(no_answer=30, tone=15, outside_answers=2, appearances=2))
        self.refused: list[str] = []
        self.switch = Switch(self.pbx, within=lambda command: (False, command), spawn=self.run)

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a command; a refusal is an answer like any other."""
        Deferred.fromCoroutine(work).addErrback(self._note)

    def _note(self, failure: Any) -> None:
        failure.trap(Refused)
        self.refused.append(str(failure.value))

    async def _answer(self, line: str) -> None:
        await self.switch.answer(
            self.switch.picture.connection(None, line, ANSWERABLE, Reason.NO_CALL_TO_ANSWER)
        )

    async def _clear(self, line: str) -> None:
        await self.switch.clear(
            self.switch.picture.connection(None, line, CLEARABLE, Reason.NO_CONNECTION_TO_CLEAR)
        )

    lines = st.sampled_from(("2001", "2002", "2003", "2006", "2007", "2010", "2011", "2012", "2013"))

    @rule(caller=lines, called=lines | st.sampled_from(("95550142", "9000", "77")), prompt=st.booleans())
    def call(self, caller: str, called: str, prompt: bool) -> None:
        self.run(self.switch.make_call(self.switch.picture.line(caller), called, prompt=prompt))

    @rule(line=lines)
    def answer(self, line: str) -> None:
        self.run(self._answer(line))

    @rule(line=lines)
    def clear(self, line: str) -> None:
        self.run(self._clear(line))

    @rule(seconds=st.sampled_from((0, 0.5, 1, 3, 15, 30)))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: not self.pbx._outbox)
    @invariant()
    def shows_what_is_there(self) -> None:
        check_books(self.switch)
        pbx = {
            (call.id, device): phase.value
            for call in self.pbx._exchange.calls.values()
            for device, phase in call.parties.items()
        }
        shown = {
            (call.driver_id, device): connection.state.value
            for call in self.switch.picture.calls.values()
            for device, connection in call.connections.items()
        }
        assert shown == pbx

    def teardown(self) -> None:
        for _ in range(3):  # slow phones answer first; a line may have two calls
            self.clock.advance(5)
            for line in self.switch.picture.lines:
                for connection in self.switch.picture.connections(line):
                    self.run(self.switch.clear(connection))
        self.clock.advance(60)
        assert self.pbx.idle
        assert (self.switch.picture.calls, self.switch.picture._at, self.switch.picture._by_driver_id) == (
            {},
            {},
            {},
        )


TestInStep = InStep.TestCase
TestInStep.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
