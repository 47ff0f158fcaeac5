from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    COMMANDS,
    AnyReport,
    Category,
    Cause,
    DoNotDisturb,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    Leg,
    LineFeatures,
    Report,
    offered,
)
from simulators.behaviours import Limits, PhoneSettings
from simulators.pbx import Pbx
from tests.done import done
from tests.pbx_bench import Bench, cleared, features, forward, placed

K, C, F = Kind, Cause, Forwarding


# The seam


def test_it_offers_what_it_can() -> None:
    assert offered(Bench().pbx) == set(COMMANDS)


def test_lines_and_numbering_plan() -> None:
    pbx = Bench().pbx
    lines = pbx.lines()
    assert list(lines) == [*(str(number) for number in range(2001, 2021)), "9"]
    assert [number for number, line in lines.items() if not line.in_service] == ["2013"]
    assert {number: line.category for number, line in lines.items() if number != "9"} == {
        str(number): Category.STATION for number in range(2001, 2021)
    }
    assert lines["9"].category is Category.NETWORK_INTERFACE
    called = ["2001", "2013", "91", "9000", "95551234", "9", "2021", "", "8555", "9a", "9\u0661"]
    assert [pbx.can_call(number) for number in called] == [True] * 5 + [False] * 6


def test_a_barred_line_cannot_call_outside(bench: Bench) -> None:
    called = ["91", "95551234", "9000", "2001", "2013"]
    assert [bench.pbx.can_call(number, "2020") for number in called] == [False] * 3 + [True] * 2
    assert all(bench.pbx.can_call(number, "2001") for number in called)
    command = bench.pbx.make_call("2020", "95551234", prompt=False)
    assert bench.refused(command) is Reason.INVALID_CALLED_DEVICE_ID
    assert bench.call("2020", "2001")


@pytest.mark.parametrize(
    "phones",
    [(PhoneSettings("1", "sleepy"),), (PhoneSettings("1"), PhoneSettings("1"))],
    ids=["unknown behaviour", "listed twice"],
)
def test_senseless_lines_are_an_error(phones: tuple[PhoneSettings, ...]) -> None:
    with pytest.raises(ValueError, match="line 1"):
        Pbx(Clock(), phones)


def test_reports_never_come_inside_the_command_and_a_step_in_one_turn(bench: Bench) -> None:
    bench.call("2001", "2002")
    assert bench.reports == []
    bench.pbx._outbox._flush()
    assert len(bench.reports) == 3
    bench.reports.clear()


def test_a_command_given_by_a_listener_is_reported_in_a_later_turn(bench: Bench) -> None:
    answered: list[int] = []

    def answer(report: AnyReport) -> None:
        bench.reports.append(report)
        if isinstance(report, Report) and report.kind is K.DELIVER:
            done(bench.pbx.answer(report.call, report.device))
            answered.append(len(bench.reports))

    bench.pbx.listen(answer)
    bench.call("2001", "2002")
    bench.pbx._outbox._flush()
    assert (answered, len(bench.reports)) == ([3], 3)
    assert bench.told()[3:] == [(K.ESTABLISH, "2002", C.NORMAL)]


def test_a_listener_that_raises_loses_only_its_report(bench: Bench) -> None:
    def fail(report: AnyReport) -> None:
        bench.reports.append(report)
        raise RuntimeError(report)

    bench.pbx.listen(fail)
    bench.call("2001", "2002")
    for _ in range(3):
        with pytest.raises(RuntimeError):
            bench.clock.advance(0)
    assert bench.told() == [*placed("2001"), (K.DELIVER, "2002", C.NEW_CALL)]
    bench.pbx.listen(bench.reports.append)


def test_without_a_listener_nothing_breaks() -> None:
    clock = Clock()
    pbx = Pbx(clock)
    done(pbx.make_call("2001", "2002", prompt=False))
    clock.advance(30)
    clock.advance(15)
    clock.advance(0)
    assert pbx.idle


# A call that succeeds


@pytest.mark.parametrize("prompt", [False, True])
def test_call_answer_and_clear(bench: Bench, prompt: bool) -> None:
    call = bench.call("2001", "2002", prompt=prompt)
    bench.clock.advance(0)
    assert bench.reports == [
        Report(K.INITIATE, call, "2001", C.MAKE_CALL, called="2002"),
        Report(K.ORIGINATE, call, "2001", C.NEW_CALL, called="2002"),
        Report(K.DELIVER, call, "2002", C.NEW_CALL),
    ]
    bench.reports.clear()
    done(bench.pbx.answer(call, "2002"))
    assert bench.told(3600) == [(K.ESTABLISH, "2002", C.NORMAL)]
    done(bench.pbx.clear(call, "2001"))
    assert bench.told() == cleared("2001", "2002")
    assert bench.nothing_left()


def test_the_called_party_clears(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.clear(call, "2002"))
    assert bench.told() == cleared("2002", "2001")
    assert bench.nothing_left()


def test_clear_call(bench: Bench) -> None:
    for answered in (True, False):
        call = bench.up("2001", "2002") if answered else bench.call("2001", "2002")
        bench.told()
        done(bench.pbx.clear_call(call))
        assert bench.told() == cleared("2001", "2002")
        assert bench.nothing_left()


def test_call_ids_are_never_used_again(bench: Bench) -> None:
    first = bench.call("2001", "2002")
    done(bench.pbx.clear_call(first))
    assert (first, bench.call("2001", "2002")) == ("c1", "c2")
    bench.told()


def test_auto_answer(bench: Bench) -> None:
    call = bench.call("2001", "2006")
    assert bench.told(0.9) == [*placed("2001"), (K.DELIVER, "2006", C.NEW_CALL)]
    assert bench.told(0.2) == [(K.ESTABLISH, "2006", C.NORMAL)]
    assert bench.pbx.pending_timers == 0
    assert bench.legs("2006") == (Leg(call, "connected", "2001", "2006", outside={}),)


def test_outside(bench: Bench) -> None:
    call = bench.call("2001", "95551234")
    delivered = [(K.REACH_NETWORK, "95551234", C.NEW_CALL), (K.DELIVER, "95551234", C.NEW_CALL)]
    assert bench.told() == placed("2001") + delivered
    assert bench.refused(bench.pbx.answer(call, "95551234")) is Reason.INVALID_DEVICE_ID
    assert bench.told(2) == [(K.ESTABLISH, "95551234", C.NORMAL)]
    done(bench.pbx.clear(call, "95551234"))
    assert bench.told() == cleared("95551234", "2001")
    assert bench.nothing_left()


def test_many_can_call_the_same_outside_number(bench: Bench) -> None:
    calls = [bench.call(caller, "91") for caller in ("2001", "2002", "2003")]
    assert [told for told in bench.told(2) if told[0] is K.ESTABLISH] == [(K.ESTABLISH, "91", C.NORMAL)] * 3
    assert bench.pbx.live_legs == 6
    assert len(calls) == 3


# A call that nobody takes


def test_the_caller_gives_up(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    bench.told()
    done(bench.pbx.clear(call, "2001"))
    assert bench.told() == [*cleared("2001"), (K.CLEAR, "2002", C.CALL_CANCELLED)]
    assert bench.nothing_left()


@pytest.mark.parametrize("called", ["2002", "2008"])
def test_nobody_answers(bench: Bench, called: str) -> None:
    bench.call("2001", called)
    assert bench.told(29) == [*placed("2001"), (K.DELIVER, called, C.NEW_CALL)]
    assert bench.told(1) == [(K.FAIL, called, C.CALL_NOT_ANSWERED), *cleared(called)]
    assert bench.told(14) == []
    assert bench.told(1) == cleared("2001")
    assert bench.nothing_left()


def test_the_called_party_rejects_by_command(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    bench.told()
    done(bench.pbx.clear(call, "2002"))
    assert bench.told(14) == cleared("2002")
    assert bench.told(1) == cleared("2001")
    assert bench.nothing_left()


def test_the_caller_does_not_wait_for_the_end_of_the_tone(bench: Bench) -> None:
    call = bench.call("2001", "2011")
    assert bench.told() == [*placed("2001"), (K.DELIVER, "2011", C.NEW_CALL), *cleared("2011")]
    done(bench.pbx.clear(call, "2001"))
    assert bench.told() == cleared("2001")
    assert bench.nothing_left()


def test_a_rejection_comes_in_a_turn_after_the_ringing() -> None:
    bench = Bench()
    bench.call("2001", "2011")
    bench.pbx._outbox._flush()
    (*_, last) = bench.reports
    assert isinstance(last, Report)
    assert last.kind is K.DELIVER
    assert bench.told()[-1:] == cleared("2011")


FAILURES = [
    ("2007", C.BUSY),
    ("2009", C.DO_NOT_DISTURB),
    ("2013", C.DEST_OUT_OF_ORDER),
    ("9000", C.DEST_NOT_OBTAINABLE),
]


@pytest.mark.parametrize(("called", "cause"), FAILURES)
def test_failure_and_tone(bench: Bench, called: str, cause: Cause) -> None:
    bench.call("2001", called)
    assert bench.told(14) == [*placed("2001"), (K.FAIL, called, cause)]
    assert bench.told(1) == cleared(called, "2001")
    assert bench.nothing_left()


@pytest.mark.parametrize(("called", "cause"), FAILURES)
def test_failure_cleared_by_the_caller(bench: Bench, called: str, cause: Cause) -> None:
    call = bench.call("2001", called)
    assert bench.told() == [*placed("2001"), (K.FAIL, called, cause)]
    done(bench.pbx.clear(call, "2001"))
    assert bench.told() == cleared("2001", called)
    assert bench.nothing_left()


def test_the_failed_connection_can_be_cleared_alone(bench: Bench) -> None:
    call = bench.call("2001", "2007")
    bench.told()
    done(bench.pbx.clear(call, "2007"))
    assert bench.told() == cleared("2007")
    assert bench.told(15) == cleared("2001")


def test_ones_own_number_is_busy(bench: Bench) -> None:
    call = bench.call("2001", "2001")
    assert bench.told() == [*placed("2001"), (K.FAIL, "2001", C.BUSY)]
    assert bench.legs("2001") == (Leg(call, "fail", "2001", "2001", outside={}),)
    assert bench.told(15) == cleared("2001")
    assert bench.nothing_left()


def test_a_line_with_all_appearances_taken_is_busy(bench: Bench) -> None:
    bench.up("2001", "2002")
    bench.up("2003", "2002")
    bench.call("2004", "2002")
    assert bench.told()[-1] == (K.FAIL, "2002", C.BUSY)
    assert [leg.state for leg in bench.legs("2002")] == ["hold", "connected", "fail"]


def test_a_failed_call_takes_no_appearance_of_the_called_line(bench: Bench) -> None:
    for caller in ("2001", "2003"):
        bench.call(caller, "2007")
    bench.told()
    assert bench.call("2007", "2004")
    assert bench.told()[-1] == (K.DELIVER, "2004", C.NEW_CALL)


# Forwarding


@pytest.mark.parametrize(
    ("called", "when", "cause"),
    [
        ("2002", F.IMMEDIATE, C.CALL_FORWARD_IMMEDIATE),
        ("2007", F.BUSY, C.CALL_FORWARD_BUSY),
        ("2009", F.DO_NOT_DISTURB, C.CALL_FORWARD),
    ],
)
def test_forwarding_of_a_line_that_does_not_ring(
    bench: Bench, called: str, when: Forwarding, cause: Cause
) -> None:
    forward(bench, called, when, "2003")
    call = bench.call("2001", called)
    bench.clock.advance(0)
    assert bench.reports[2] == Report(K.DIVERT, call, called, cause, destination="2003")
    assert bench.told()[2:] == [(K.DIVERT, called, cause), (K.DELIVER, "2003", cause)]
    assert bench.legs(called) == ()
    assert bench.legs("2003") == (Leg(call, "alerting", "2001", called, outside={}),)
    assert bench.refused(bench.pbx.answer(call, called)) is Reason.INVALID_CONNECTION_ID
    done(bench.pbx.answer(call, "2003"))
    assert bench.told() == [(K.ESTABLISH, "2003", C.NORMAL)]


def test_forwarding_on_no_answer(bench: Bench) -> None:
    forward(bench, "2002", F.NO_ANSWER, "2003")
    bench.call("2001", "2002")
    assert bench.told(29)[-1] == (K.DELIVER, "2002", C.NEW_CALL)
    no_answer = C.CALL_FORWARD_NO_ANSWER
    assert bench.told(1) == [(K.DIVERT, "2002", no_answer), (K.DELIVER, "2003", no_answer)]
    assert bench.told(29) == []
    assert bench.told(1) == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]


def test_a_chain_of_forwardings(bench: Bench) -> None:
    forward(bench, "2002", F.IMMEDIATE, "2007")
    forward(bench, "2007", F.BUSY, "2010")
    bench.call("2003", "2002")
    assert bench.told()[2:] == [
        (K.DIVERT, "2002", C.CALL_FORWARD_IMMEDIATE),
        (K.DIVERT, "2007", C.CALL_FORWARD_BUSY),
        (K.DIVERT, "2010", C.CALL_FORWARD_IMMEDIATE),
        (K.DELIVER, "2001", C.CALL_FORWARD_IMMEDIATE),
    ]


def test_a_loop_cannot_be_set(bench: Bench) -> None:
    forward(bench, "2002", F.IMMEDIATE, "2003")
    forward(bench, "2003", F.IMMEDIATE, "2004")
    for last in ("2002", "2003", "2004"):
        command = bench.pbx.set_forwarding("2004", ForwardRule(F.IMMEDIATE, last))
        assert bench.refused(command) is Reason.INVALID_FORWARDING_DESTINATION
    assert bench.pbx.line_features("2004") == LineFeatures()
    forward(bench, "2004", F.BUSY, "2002")  # not a loop: a call follows no forwarding twice


@pytest.mark.parametrize("when", [F.IMMEDIATE, F.IMMEDIATE_INTERNAL])
def test_a_loop_for_the_calls_of_one_origin_cannot_be_set(bench: Bench, when: Forwarding) -> None:
    forward(bench, "2002", F.IMMEDIATE_INTERNAL, "2003")
    command = bench.pbx.set_forwarding("2003", ForwardRule(when, "2002"))
    assert bench.refused(command) is Reason.INVALID_FORWARDING_DESTINATION
    forward(bench, "2003", F.IMMEDIATE_INTERNAL, "2004")  # goes before the one for all
    forward(bench, "2003", F.IMMEDIATE, "2002")  # so this one is for calls from outside, which stay at 2002
    forward(bench, "2002", F.IMMEDIATE_EXTERNAL, "2004")
    for last in (F.IMMEDIATE, F.IMMEDIATE_EXTERNAL):
        command = bench.pbx.set_forwarding("2004", ForwardRule(last, "2003"))
        assert bench.refused(command) is Reason.INVALID_FORWARDING_DESTINATION


def test_a_loop_ends_at_the_last_line() -> None:
    loop = {"2002": features({F.IMMEDIATE: "2003"}), "2003": features({F.IMMEDIATE: "2002"})}
    bench = Bench(saved=loop)
    bench.call("2001", "2002")
    failed = (K.FAIL, "2003", C.DEST_NOT_OBTAINABLE)
    assert bench.told()[2:] == [(K.DIVERT, "2002", C.CALL_FORWARD_IMMEDIATE), failed]
    assert bench.told(15) == cleared("2003", "2001")


def test_a_loop_through_a_line_that_rang(bench: Bench) -> None:
    forward(bench, "2002", F.NO_ANSWER, "2003")
    forward(bench, "2003", F.NO_ANSWER, "2002")
    bench.call("2001", "2002")
    bench.told(30)
    assert bench.told(30) == [(K.FAIL, "2003", C.DEST_NOT_OBTAINABLE)]
    assert bench.told(15) == cleared("2003", "2001")


def test_forwarding_back_to_the_caller_fails_at_the_line_that_forwards(bench: Bench) -> None:
    bench.call("2001", "2010")
    assert bench.told() == [*placed("2001"), (K.FAIL, "2010", C.DEST_NOT_OBTAINABLE)]
    assert [leg.state for leg in bench.legs("2001")] == ["connected"]
    assert bench.told(15) == cleared("2010", "2001")


@pytest.mark.parametrize(("target", "cause"), FAILURES)
def test_forwarding_to_where_the_call_fails(bench: Bench, target: str, cause: Cause) -> None:
    forward(bench, "2002", F.IMMEDIATE, target)
    bench.call("2001", "2002")
    assert bench.told()[2:] == [(K.DIVERT, "2002", C.CALL_FORWARD_IMMEDIATE), (K.FAIL, target, cause)]
    assert bench.told(15) == cleared(target, "2001")


def test_forwarding_outside(bench: Bench) -> None:
    forward(bench, "2002", F.IMMEDIATE, "95551234")
    bench.call("2001", "2002")
    cause = C.CALL_FORWARD_IMMEDIATE
    reached = [(K.REACH_NETWORK, "95551234", cause), (K.DELIVER, "95551234", cause)]
    assert bench.told()[2:] == [(K.DIVERT, "2002", cause), *reached]
    assert bench.told(2) == [(K.ESTABLISH, "95551234", C.NORMAL)]


def test_a_kept_forwarding_to_a_number_that_is_gone() -> None:
    bench = Bench(saved={"2002": features({F.IMMEDIATE: "3000"})})
    bench.call("2001", "2002")
    assert bench.told()[2:] == [(K.FAIL, "2002", C.DEST_NOT_OBTAINABLE)]


# Features


def off(when: Forwarding, destination: str) -> ForwardRule:
    return ForwardRule(when, destination, active=False)


def test_changes_are_saved_and_told_and_only_changes(bench: Bench) -> None:
    pbx = bench.pbx
    busy, immediate = ForwardRule(F.BUSY, "2003"), ForwardRule(F.IMMEDIATE, "2004")
    done(pbx.set_forwarding("2002", busy))
    done(pbx.set_forwarding("2002", busy))
    done(pbx.set_forwarding("2002", immediate))
    done(pbx.set_do_not_disturb("2002", on=True))
    done(pbx.set_do_not_disturb("2002", on=True))
    done(pbx.set_forwarding("2002", off(F.BUSY, "2003")))
    done(pbx.set_forwarding("2002", off(F.BUSY, "2003")))
    done(pbx.set_forwarding("2002", off(F.NO_ANSWER, "")))
    assert bench.saved == [
        ("2002", LineFeatures(forwarding=(busy,))),
        ("2002", LineFeatures(forwarding=(immediate, busy))),
        ("2002", LineFeatures(True, (immediate, busy))),
        ("2002", LineFeatures(True, (immediate, off(F.BUSY, "2003")))),
    ]
    assert bench.told() == [
        Forwarded("2002", busy),
        Forwarded("2002", immediate),
        DoNotDisturb("2002", on=True),
        Forwarded("2002", off(F.BUSY, "2003")),
    ]
    assert pbx.line_features("2002") == done(pbx.features("2002")) == bench.saved[-1][1]


def test_kept_features_win_over_the_configured_ones() -> None:
    bench = Bench(saved={"2009": LineFeatures(), "gone": LineFeatures(do_not_disturb=True)})
    bench.call("2001", "2009")
    assert bench.told()[-1] == (K.DELIVER, "2009", C.NEW_CALL)
    assert list(bench.pbx.lines())[-2:] == ["2020", "9"]


def test_what_cannot_be_saved_does_not_change() -> None:
    async def save(number: str, features: LineFeatures) -> None:
        raise OSError(number, features)

    clock = Clock()
    pbx = Pbx(clock, save=save)
    reports: list[AnyReport] = []
    pbx.listen(reports.append)
    with pytest.raises(OSError, match="2001"):
        done(pbx.set_do_not_disturb("2001", on=True))
    clock.advance(0)
    assert (pbx.line_features("2001"), reports) == (LineFeatures(), [])


# Refusals


def test_refused_calls(bench: Bench) -> None:
    reasons = {
        ("2013", "2001"): Reason.CALLING_DEVICE_OUT_OF_SERVICE,
        ("3000", "2001"): Reason.INVALID_CALLING_DEVICE_ID,
        ("9123", "2001"): Reason.INVALID_CALLING_DEVICE_ID,
        ("2001", "3000"): Reason.INVALID_CALLED_DEVICE_ID,
        ("2001", "9"): Reason.INVALID_CALLED_DEVICE_ID,
    }
    for (caller, called), reason in reasons.items():
        assert bench.refused(bench.pbx.make_call(caller, called, prompt=False)) is reason
    assert bench.nothing_left()


def test_no_appearance_left_to_call_from(bench: Bench) -> None:
    bench.up("2001", "2002")
    bench.call("2001", "2007")
    bench.told()
    assert bench.refused(bench.pbx.make_call("2001", "2003", prompt=False)) is Reason.RESOURCE_BUSY


def test_refused_connections(bench: Bench) -> None:
    pbx = bench.pbx
    call = bench.up("2001", "2002")
    for unknown in [("c99", "2002"), (call, "2003"), (call, "9123"), (call, "3000")]:
        assert bench.refused(pbx.answer(*unknown)) is Reason.INVALID_CONNECTION_ID
        assert bench.refused(pbx.clear(*unknown)) is Reason.INVALID_CONNECTION_ID
    assert bench.refused(pbx.clear_call("c99")) is Reason.INVALID_CONNECTION_ID
    for device in ("2001", "2002"):
        assert bench.refused(pbx.answer(call, device)) is Reason.INVALID_CONNECTION_STATE
    done(pbx.clear_call(call))
    assert bench.refused(pbx.clear(call, "2001")) is Reason.INVALID_CONNECTION_ID
    bench.told()


def test_refused_features_and_snapshots(bench: Bench) -> None:
    pbx = bench.pbx
    for destination in ("2002", "3000", "9", ""):
        command = pbx.set_forwarding("2002", ForwardRule(F.BUSY, destination))
        assert bench.refused(command) is Reason.INVALID_FORWARDING_DESTINATION
    for device, reason in {"3000": Reason.INVALID_DEVICE_ID, "2013": Reason.DEVICE_OUT_OF_SERVICE}.items():
        assert bench.refused(pbx.set_forwarding(device, off(F.BUSY, ""))) is reason
        assert bench.refused(pbx.features(device)) is reason
        assert bench.refused(pbx.set_do_not_disturb(device, on=True)) is reason
    assert bench.refused(pbx.snapshot("3000")) is Reason.INVALID_DEVICE_ID
    call = bench.call("2001", "2013")
    assert bench.refused(pbx.clear(call, "2013")) is Reason.DEVICE_OUT_OF_SERVICE
    assert bench.refused(pbx.answer(call, "2013")) is Reason.DEVICE_OUT_OF_SERVICE
    bench.told()
    assert bench.saved == []


# Snapshots


def test_a_snapshot_tells_what_was_reported_and_nothing_that_is_still_to_be(bench: Bench) -> None:
    seen: list[tuple[tuple[Leg, ...], list[Kind]]] = []

    def look(legs: tuple[Leg, ...]) -> None:
        seen.append((legs, [report.kind for report in bench.reports]))

    call = bench.call("2001", "2002")
    ensureDeferred(bench.pbx.snapshot("2002")).addCallback(look)
    done(bench.pbx.answer(call, "2002"))
    assert seen == []
    assert bench.told()[-1] == (K.ESTABLISH, "2002", C.NORMAL)
    assert seen == [
        ((Leg(call, "alerting", "2001", "2002", outside={}),), [K.INITIATE, K.ORIGINATE, K.DELIVER]),
    ]
    assert bench.legs("2001") == (Leg(call, "connected", "2001", "2002", outside={}),)
    assert bench.legs("2003") == ()


def test_a_snapshot_nobody_waits_for_any_more_holds_up_nothing(bench: Bench) -> None:
    snapshot = ensureDeferred(bench.pbx.snapshot("2001"))
    snapshot.addErrback(lambda _: None)
    bench.call("2001", "2002")
    snapshot.cancel()
    assert len(bench.told()) == 3


# The slow phone


def test_the_slow_phone_takes_its_time_for_every_command(bench: Bench) -> None:
    pbx = bench.pbx
    ids: list[str] = []
    ensureDeferred(pbx.make_call("2012", "2001", prompt=False)).addCallback(ids.append)
    assert bench.told(2.9) == []
    assert (ids, pbx.idle) == ([], False)
    assert bench.told(0.2) == [*placed("2012"), (K.DELIVER, "2001", C.NEW_CALL)]
    others: list[object] = []
    for command in (
        pbx.set_do_not_disturb("2012", on=True),
        pbx.set_forwarding("2012", ForwardRule(F.BUSY, "2001")),
        pbx.clear(ids[0], "2012"),
    ):
        ensureDeferred(command).addCallback(others.append)
    assert bench.told(2.9) == []
    assert (others, bench.saved) == ([], [])
    told = bench.told(0.2)
    assert told[:2] == [DoNotDisturb("2012", on=True), Forwarded("2012", ForwardRule(F.BUSY, "2001"))]
    assert told[2:] == [*cleared("2012"), (K.CLEAR, "2001", C.CALL_CANCELLED)]
    assert (len(others), len(bench.saved)) == (3, 2)


def test_what_the_slow_phone_was_told_may_be_too_late(bench: Bench) -> None:
    call = bench.call("2001", "2012")
    answers: list[Reason] = []

    def too_late(failure: Failure) -> None:
        assert isinstance(failure.value, Refused)
        answers.append(failure.value.reason)

    ensureDeferred(bench.pbx.answer(call, "2012")).addErrback(too_late)
    done(bench.pbx.clear(call, "2001"))
    bench.told(3)
    assert answers == [Reason.INVALID_CONNECTION_ID]


def test_a_command_to_the_slow_phone_can_be_given_up(bench: Bench) -> None:
    command = ensureDeferred(bench.pbx.make_call("2012", "2001", prompt=False))
    command.addErrback(lambda _: None)
    command.cancel()
    assert bench.nothing_left()


# Settings


def test_other_limits_and_lines() -> None:
    limits = Limits(no_answer=5, tone=1, outside_answers=7, appearances=1)
    bench = Bench(phones=[PhoneSettings("1"), PhoneSettings("2")], limits=limits)
    bench.call("1", "2")
    assert bench.told(5)[-2:] == [(K.FAIL, "2", C.CALL_NOT_ANSWERED), *cleared("2")]
    assert bench.refused(bench.pbx.make_call("1", "2", prompt=False)) is Reason.RESOURCE_BUSY
    assert bench.told(1) == cleared("1")
    bench.call("1", "91")
    assert bench.told(6)[-1][0] is K.DELIVER
    assert bench.told(1) == [(K.ESTABLISH, "91", C.NORMAL)]
    bench.call("2", "1")
    assert bench.told()[-1] == (K.FAIL, "1", C.BUSY)
