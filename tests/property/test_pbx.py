"""Whatever is done to the simulated PBX, its books agree and its reports are possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctigw.errors import Refused
from ctigw.switch.driver import (
    AnyReport,
    CompletionFailure,
    Digits,
    Forwarding,
    ForwardRule,
    Kind,
    Link,
    Merge,
    Report,
    Service,
)
from ctigw.switch.switch import Switch
from simulators.behaviours import BEHAVIOURS, Limits, PhoneSettings
from simulators.calls import Phase
from simulators.pbx import Pbx

K = Kind
LINES = ("1", "2", "3", "4", "5")
NUMBERS = (*LINES, "91", "9000", "77")
HONEST = sorted(set(BEHAVIOURS) - {"lies-about-state"})
LINKED = sorted(set(HONEST) - {"drops-the-link"})

# What may be reported of a connection in a state, and what it is then.  "" is none.
POSSIBLE = {
    ("", K.INITIATE): "initiated",
    ("", K.ORIGINATE): "connected",
    ("initiated", K.ORIGINATE): "connected",
    ("", K.REACH_NETWORK): "",
    ("", K.DELIVER): "alerting",
    ("alerting", K.ESTABLISH): "connected",
    ("connected", K.HOLD): "hold",
    ("hold", K.RETRIEVE): "connected",
    ("", K.FAIL): "fail",
    ("alerting", K.FAIL): "fail",
    ("connected", K.FAIL): "fail",  # whoever calls the own number
    ("", K.DIVERT): "",
    ("alerting", K.DIVERT): "",
    **{(state, K.CLEAR): "" for state in ("initiated", "alerting", "connected", "hold", "fail")},
}


class Listener:
    """Keeps a picture from the reports alone, and does not accept an impossible one."""

    def __init__(self) -> None:
        self.picture: dict[tuple[str, str], str] = {}
        self.up = True
        # After the link was lost, until somebody looks at what there is: snapshots, to a switch.
        self.stale = False
        self.wrong: list[AnyReport] = []

    def hear(self, report: AnyReport) -> None:
        try:
            self._hear(report)
        except KeyError:
            self.wrong.append(report)

    def _hear(self, report: AnyReport) -> None:
        if isinstance(report, Link):
            if report.up == self.up:
                raise KeyError(report)
            self.up, self.stale = report.up, True
            return
        if not self.up:
            raise KeyError(report)
        if self.stale:
            return
        if isinstance(report, Report):
            key = (report.call, report.device)
            self._put(key, POSSIBLE[self.picture.get(key, ""), report.kind])
        elif isinstance(report, Merge):
            self._merge(report)
        elif isinstance(report, (CompletionFailure, Digits)):
            self.picture[report.call, report.device]
        elif (
            isinstance(report, Service)
            and not report.in_service
            and any(device == report.device for _, device in self.picture)
        ):
            raise KeyError(report)

    def _merge(self, report: Merge) -> None:
        for call in filter(None, (report.primary, report.secondary)):
            self.picture.pop((call, report.device))
            for old, device in [key for key in self.picture if key[0] == call]:
                self._put((report.call, device), self.picture.pop((old, device)))
        if report.kind is K.CONFERENCE:
            self._put((report.call, report.device), "connected")

    def _put(self, key: tuple[str, str], state: str) -> None:
        if state:
            self.picture[key] = state
        else:
            self.picture.pop(key, None)


class Books(RuleBasedStateMachine):
    """Commands, people and the clock in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        limits = Limits(
            no_answer=6, ring=2, tone=4, outside_answers=2, appearances=3, conference=4, link_lost=5
        )
        phones = (*(PhoneSettings(line) for line in LINES[:-1]), PhoneSettings("5", barred=("9",)))
        self.pbx = Pbx(self.clock, phones, limits=limits)
        self.listener = Listener()
        self.pbx.listen(self.listener.hear)
        self.broken: list[Failure] = []

    # What is there to choose from

    def legs(self, *phases: Phase) -> list[tuple[str, str]]:
        """The connections, those in ``phases`` first: most commands should be possible ones."""
        fitting: list[tuple[str, str]] = []
        others: list[tuple[str, str]] = []
        for call in self.pbx._exchange.calls.values():
            for party, phase in call.parties.items():
                (fitting if phase in phases else others).append((call.id, party))
        return fitting or others or [("c0", "1")]

    def run(self, command: Any) -> None:
        def failed(failure: Failure) -> None:
            if not isinstance(failure.value, Refused):
                self.broken.append(failure)

        ensureDeferred(command).addErrback(failed)

    def person(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (ValueError, Refused):
            """There was nothing to do."""

    def books(self) -> dict[tuple[str, str], str]:
        return {
            (call.id, party): phase.value
            for call in self.pbx._exchange.calls.values()
            for party, phase in call.parties.items()
        }

    # Commands

    @rule(caller=st.sampled_from(LINES), called=st.sampled_from(NUMBERS), prompt=st.booleans())
    def make_call(self, caller: str, called: str, prompt: bool) -> None:
        self.run(self.pbx.make_call(caller, called, prompt=prompt))

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.run(self.pbx.answer(*data.draw(st.sampled_from(self.legs(Phase.RINGING, Phase.PROMPTED)))))

    @rule(data=st.data(), name=st.sampled_from(["clear", "hold", "retrieve"]))
    def connection(self, data: st.DataObject, name: str) -> None:
        phase = Phase.HELD if name == "retrieve" else Phase.TALKING
        self.run(getattr(self.pbx, name)(*data.draw(st.sampled_from(self.legs(phase)))))

    @rule(data=st.data())
    def clear_call(self, data: st.DataObject) -> None:
        self.run(self.pbx.clear_call(data.draw(st.sampled_from(self.legs()))[0]))

    @rule(data=st.data(), called=st.sampled_from(NUMBERS))
    def consult(self, data: st.DataObject, called: str) -> None:
        self.run(self.pbx.consult(*data.draw(st.sampled_from(self.legs(Phase.TALKING))), called))

    @rule(data=st.data(), name=st.sampled_from(["alternate", "reconnect", "transfer", "conference"]))
    def pair(self, data: st.DataObject, name: str) -> None:
        held, device = data.draw(st.sampled_from(self.legs(Phase.HELD)))
        talking = [leg for leg in self.legs(Phase.TALKING) if leg[1] == device] or self.legs()
        active, _ = data.draw(st.sampled_from(talking))
        self.run(getattr(self.pbx, name)(held, active, device))

    @rule(data=st.data(), number=st.sampled_from(NUMBERS), conference=st.booleans())
    def single_step(self, data: st.DataObject, number: str, conference: bool) -> None:
        leg = data.draw(st.sampled_from(self.legs(Phase.TALKING)))
        if conference:
            self.run(self.pbx.single_step_conference(*leg, number, listen_only=False))
        else:
            self.run(self.pbx.single_step_transfer(*leg, number))

    @rule(data=st.data(), number=st.sampled_from(NUMBERS))
    def deflect(self, data: st.DataObject, number: str) -> None:
        self.run(self.pbx.deflect(*data.draw(st.sampled_from(self.legs(Phase.RINGING))), number))

    @rule(data=st.data())
    def digits(self, data: st.DataObject) -> None:
        self.run(self.pbx.generate_digits(*data.draw(st.sampled_from(self.legs(Phase.TALKING))), "1"))

    @rule(
        line=st.sampled_from(LINES),
        when=st.sampled_from(Forwarding),
        to=st.sampled_from(NUMBERS),
        active=st.booleans(),
        rings=st.sampled_from([None, 1, 2]),
    )
    def forward(self, line: str, when: Forwarding, to: str, active: bool, rings: int | None) -> None:
        self.run(self.pbx.set_forwarding(line, ForwardRule(when, to, active, rings)))

    @rule(line=st.sampled_from(LINES), on=st.booleans())
    def do_not_disturb(self, line: str, on: bool) -> None:
        self.run(self.pbx.set_do_not_disturb(line, on=on))

    @rule(devices=st.permutations(LINES), then=st.sampled_from(["transfer", "conference", ""]))
    def meet(self, devices: list[str], then: str) -> None:
        """What takes many steps by chance: one line talks to two others, and may join them."""
        one, two, three, *_ = devices
        self.run(self.pbx.make_call(one, two, prompt=False))
        self.pick_up(two)
        for held in [c for c in self.pbx._exchange.at(one) if c.parties[one] is Phase.TALKING]:
            self.run(self.pbx.consult(held.id, one, three))
            self.pick_up(three)
            for active in [c for c in self.pbx._exchange.at(one) if c.parties[one] is Phase.TALKING]:
                if then:
                    self.run(getattr(self.pbx, then)(held.id, active.id, one))

    # People and the world

    @rule(line=st.sampled_from(LINES))
    def pick_up(self, line: str) -> None:
        self.person(lambda: self.pbx.pick_up(line))

    @rule(number=st.sampled_from(NUMBERS))
    def put_down(self, number: str) -> None:
        self.person(lambda: self.pbx.put_down(number))

    @rule(called=st.sampled_from(LINES))
    def ring_in(self, called: str) -> None:
        self.person(lambda: self.pbx.ring_in("91", called))

    @rule(line=st.sampled_from(LINES), name=st.sampled_from(["normal"] * 8 + HONEST))
    def behave(self, line: str, name: str) -> None:
        self.pbx.behave(line, name)

    @rule(seconds=st.sampled_from([0, 0, 0, 1, 2, 3, 5]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pump([0] + [1] * seconds)

    # What must hold

    @invariant()
    def nothing_broke(self) -> None:
        assert (self.broken, self.listener.wrong) == ([], [])

    @invariant()
    def books_agree(self) -> None:
        exchange = self.pbx._exchange
        by_call = {(c.id, party) for c in exchange.calls.values() for party in c.parties}
        devices = exchange._call_at.keys() | exchange._calls_at.keys()
        by_device = {(c.id, device) for device in devices for c in exchange.at(device)}
        assert by_call == by_device
        assert not exchange._call_at.keys() & exchange._calls_at.keys()
        assert all(len(calls) > 1 for calls in exchange._calls_at.values())
        running = {timer for timers in exchange._timers._lasting.values() for timer in timers}
        assert running == {timer for call in exchange.calls.values() for timer in call.timers}
        for call in exchange.calls.values():
            assert exchange.calls[call.id] is call
            assert call.taking_part or {Phase.PROMPTED, Phase.FAILED} & set(call.parties.values())
            assert all(timer.call is call for timer in call.timers)
            assert {timer.of for timer in call.timers} <= {*call.parties, ""}
            waits = Phase.RINGING, Phase.FAILED, Phase.PROMPTED
            waited_for = {timer.of for timer in call.timers}
            # Whatever cannot last has a timer, and whatever can has none.
            for party, phase in call.parties.items():
                assert (of := "" if phase is Phase.FAILED else party) in waited_for or phase not in waits
                assert phase in waits or of not in waited_for
            alone = len(call.taking_part) == 1 and not call.ringing
            assert not alone or "" in waited_for

    @invariant()
    def a_line_talks_in_one_call(self) -> None:
        for line in LINES:
            assert self.pbx.phase(line).count(Phase.TALKING) <= 1

    @invariant()
    def appearances_are_enough(self) -> None:
        for line in LINES:
            assert self.pbx._exchange.taken(line) <= 3
        for call in self.pbx._exchange.calls.values():
            assert len(call.taking_part) <= 4

    @invariant()
    def the_picture_is_right(self) -> None:
        if self.pbx._outbox or not self.pbx.linked():
            return
        books = self.books()
        if self.listener.stale:
            self.listener.picture, self.listener.stale = books, False
        assert self.listener.picture == books

    def teardown(self) -> None:
        self.clock.pump([1] * 10)  # slow phones react, the link comes back
        for call in list(self.pbx._exchange.calls):
            self.run(self.pbx.clear_call(call))
        self.clock.pump([0, 1])
        self.nothing_broke()
        assert self.pbx.idle
        assert self.pbx.pending_timers == 0
        assert self.clock.getDelayedCalls() == []


class Watched(Books):
    """The same before a switch, which must believe every report and see what the PBX has.  The link stays."""

    def __init__(self) -> None:
        super().__init__()
        self._logs = structlog.testing.capture_logs()
        self.logged = self._logs.__enter__()
        self.switch = Switch(self.pbx, within=lambda command: (False, command), spawn=self.run)
        self.pbx.listen(self.hear)

    def hear(self, report: AnyReport) -> None:
        self.listener.hear(report)
        self.switch.apply(report)

    def shown(self) -> dict[tuple[str, str], str]:
        return {
            (call.driver_id, device): connection.state.value
            for call in self.switch.picture.calls.values()
            for device, connection in call.connections.items()
        }

    @rule(line=st.sampled_from(LINES), name=st.sampled_from(["normal"] * 8 + LINKED))
    def behave(self, line: str, name: str) -> None:
        self.pbx.behave(line, name)

    @invariant()
    def the_switch_sees_what_is_there(self) -> None:
        assert self.logged == []
        if self.pbx._outbox:
            return
        assert self.shown() == self.listener.picture
        calls = self.pbx._exchange.calls
        for call in self.switch.picture.calls.values():
            assert call.calling == calls[call.driver_id].caller

    def teardown(self) -> None:
        try:
            super().teardown()
            self.the_switch_sees_what_is_there()
        finally:
            self._logs.__exit__(None, None, None)


TestWatched = Watched.TestCase
TestWatched.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


class Lost(Watched):
    """The link is lost now and then: the switch sees what the PBX has when it has asked for it.

    But for calls that came meanwhile and that no line is in: there is nobody to ask for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unseen: set[str] = set()
        self.unknown: set[str] = set()

    @rule(line=st.sampled_from(LINES), name=st.sampled_from(["normal"] * 8 + HONEST))
    def behave(self, line: str, name: str) -> None:
        self.pbx.behave(line, name)

    @rule(seconds=st.sampled_from([1, 2, 9]))
    def drop_link(self, seconds: int) -> None:
        self.pbx.drop_link(seconds)

    @rule(
        called=st.sampled_from(LINES),
        lifted=st.lists(st.sampled_from(NUMBERS), max_size=2),
        put_down=st.lists(st.sampled_from(["91", *LINES]), max_size=2),
    )
    def meanwhile(self, called: str, lifted: list[str], put_down: list[str]) -> None:
        """Much happens while the link is lost, and then it is back."""
        self.time_passes(0)
        self.pbx.drop_link(1)
        self.ring_in(called)
        for number in lifted:
            self.pick_up(number)
        for number in put_down:
            self.put_down(number)
        self.the_switch_sees_what_is_there()
        self.time_passes(2)

    @invariant()
    def the_switch_sees_what_is_there(self) -> None:
        assert {entry["log_level"] for entry in self.logged} <= {"info", "warning"}
        calls = self.pbx._exchange.calls
        missed = {call for call in calls if self.switch.picture.known(call) is None}
        if not self.pbx.linked():
            self.unseen |= missed
        if self.pbx._outbox or not self.switch.linked:
            return
        self.unknown |= {call for call in missed & self.unseen if not set(LINES) & calls[call].parties.keys()}
        self.unseen.clear()
        seen = {key: state for key, state in self.shown().items() if key[0] not in self.unknown}
        assert seen == {key: state for key, state in self.books().items() if key[0] not in self.unknown}
        for call in self.switch.picture.calls.values():
            if call.driver_id not in self.unknown:
                assert call.calling == calls[call.driver_id].caller

    @invariant()
    def the_picture_is_right(self) -> None:
        """Not that of a listener who does not ask."""


TestLost = Lost.TestCase
TestLost.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class LiedTo(Watched):
    """Some lines lie: the switch believes none of it, and sees what the PBX has when it has asked."""

    def hear(self, report: AnyReport) -> None:
        self.switch.apply(report)

    @rule(line=st.sampled_from(LINES), name=st.sampled_from(["normal", "lies-about-state"]))
    def behave(self, line: str, name: str) -> None:
        self.pbx.behave(line, name)

    @invariant()
    def the_switch_sees_what_is_there(self) -> None:
        assert {entry["log_level"] for entry in self.logged} <= {"info", "warning"}
        if not self.pbx._outbox:
            assert self.shown() == self.books()

    @invariant()
    def the_picture_is_right(self) -> None:
        """Not that of a listener who believes everything."""


TestLiedTo = LiedTo.TestCase
TestLiedTo.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
