from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.services.call_log import CallLog
from ctigw.store.call_log import LoggedCall
from ctigw.switch.driver import Cause, Kind, Report
from ctigw.switch.events import CallOver, CallsJoined
from ctigw.switch.switch import Switch
from simulators.pbx import Pbx


class Bench:
    """A PBX, whose calls are logged."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pbx = Pbx(self.clock)
        self.entries: list[LoggedCall] = []
        self.log = CallLog(self.entries.append, self.clock.seconds)
        self.switch = Switch(
            self.pbx, within=lambda command: (False, command), spawn=lambda work: work.close()
        )
        self.switch.observe(self.log.observers())

    def do(self, command: Coroutine[Any, Any, Any], seconds: float = 0) -> Any:
        results: list[Any] = []
        Deferred.fromCoroutine(command).addCallback(results.append)
        self.clock.advance(0)
        self.clock.advance(seconds)
        return results[0]

    def told(self) -> list[tuple[Any, ...]]:
        return [
            (e.call_id, e.device, e.calling, e.called, e.started, e.answered, e.ended, e.cause)
            for e in self.entries
        ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_call_has_an_entry_for_each_party(bench: Bench) -> None:
    call = bench.do(bench.pbx.make_call("2001", "2002", prompt=False), 4)
    bench.do(bench.pbx.answer(call, "2002"), 60)
    assert (bench.entries, len(bench.log)) == ([], 2)
    bench.do(bench.pbx.clear(call, "2001"))
    assert bench.told() == [
        ("1", "2001", "2001", "2002", 0, 4, 64, "normalClearing"),
        ("1", "2002", "2001", "2002", 0, 4, 64, "normalClearing"),
    ]
    assert (len(bench.log), bench.log._open, bench.log._failed) == (0, {}, {})


def test_a_call_that_failed_says_why(bench: Bench) -> None:
    bench.do(bench.pbx.make_call("2001", "2007", prompt=False), 15)
    assert [(e.device, e.answered, e.cause) for e in bench.entries] == [
        ("2007", None, "busy"),
        ("2001", None, "busy"),
    ]
    assert bench.log._failed == {}


def test_a_forwarded_call_is_an_entry_where_it_was_forwarded(bench: Bench) -> None:
    call = bench.do(bench.pbx.make_call("2003", "2010", prompt=False), 5)
    bench.do(bench.pbx.answer(call, "2001"), 5)
    bench.do(bench.pbx.clear(call, "2001"))
    assert bench.told() == [
        ("1", "2010", "2003", "2010", 0, None, 0, "callForwardImmediate"),
        ("1", "2001", "2003", "2010", 0, 5, 10, "normalClearing"),
        ("1", "2003", "2003", "2010", 0, 5, 10, "normalClearing"),
    ]


def test_a_transferred_party_has_a_share_in_both_calls(bench: Bench) -> None:
    first = bench.do(bench.pbx.make_call("2001", "2002", prompt=False))
    bench.do(bench.pbx.answer(first, "2002"), 10)
    second = bench.do(bench.pbx.consult(first, "2001", "2003"), 5)
    joined = bench.do(bench.pbx.transfer(first, second, "2001"), 5)
    bench.do(bench.pbx.answer(joined, "2003"), 10)
    bench.do(bench.pbx.clear(joined, "2003"))
    assert [(e.call_id, e.device, e.started, e.answered, e.ended, e.cause) for e in bench.entries] == [
        ("1", "2001", 0, 0, 15, "transfer"),
        ("1", "2002", 0, 0, 15, "transfer"),
        ("2", "2001", 10, None, 15, "transfer"),
        ("2", "2003", 10, None, 15, "transfer"),
        ("3", "2003", 15, 20, 30, "normalClearing"),
        ("3", "2002", 15, 15, 30, "normalClearing"),
    ]
    assert (bench.log._open, bench.log._failed) == ({}, {})


def test_a_single_step_keeps_the_shares_of_who_stays(bench: Bench) -> None:
    call = bench.do(bench.pbx.make_call("2001", "2002", prompt=False))
    bench.do(bench.pbx.answer(call, "2002"), 10)
    bench.do(bench.pbx.single_step_transfer(call, "2001", "2003"), 5)
    bench.do(bench.pbx.answer(call, "2003"), 5)
    bench.do(bench.pbx.clear_call(call))
    assert [(e.device, e.started, e.answered, e.ended, e.cause) for e in bench.entries] == [
        ("2001", 0, 0, 10, "singleStepTransfer"),
        ("2002", 0, 0, 20, "normalClearing"),
        ("2003", 10, 15, 20, "normalClearing"),
    ]


def test_what_goes_on_when_the_gateway_stops_has_no_end(bench: Bench) -> None:
    bench.do(bench.pbx.make_call("2001", "2002", prompt=False), 5)
    bench.log.close()
    assert bench.told() == [
        ("1", "2001", "2001", "2002", 0, None, None, None),
        ("1", "2002", "2001", "2002", 0, None, None, None),
    ]
    assert len(bench.log) == 0


def test_who_was_outside_and_never_heard_of_again_leaves_with_the_call(bench: Bench) -> None:
    apply = bench.switch.apply
    for number in range(1000):
        call = f"x{number}"
        apply(Report(Kind.ORIGINATE, call, "2001", Cause.NEW_CALL, called="95551"))
        apply(Report(Kind.REACH_NETWORK, call, "95551", Cause.NEW_CALL, network="9"))
        bench.clock.advance(1)
        apply(Report(Kind.CLEAR, call, "2001", Cause.NORMAL_CLEARING))
    assert (len(bench.log), bench.log._open, bench.log._failed) == (0, {}, {})
    assert len(bench.entries) == 2000
    assert bench.told()[:2] == [
        ("1", "2001", "2001", "95551", 0, None, 1, "normalClearing"),
        ("1", "95551", "2001", "95551", 0, None, 1, "normalClearing"),
    ]


def test_the_end_of_a_call_that_is_not_known_is_no_trouble(bench: Bench) -> None:
    told = bench.log.observers()
    told[CallOver](CallOver("77", Cause.NORMAL))
    joined = CallsJoined(Kind.TRANSFER, "77", "2001", Cause.TRANSFER, "77", "", "2003", (), {})
    told[CallsJoined](joined)
    assert (bench.entries, bench.log._open) == ([], {})
