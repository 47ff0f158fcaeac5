"""What each kind of report does to the picture, and the events that tell of it."""

from __future__ import annotations

import pytest

from ctigw.switch.driver import (
    AnyReport,
    Cause,
    CompletionFailure,
    Digits,
    DoNotDisturb,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    Line,
    Merge,
    Report,
    Service,
)
from ctigw.switch.events import (
    AnyEvent,
    CallOver,
    CallsJoined,
    CompletionFailed,
    DigitsSent,
    DoNotDisturbSet,
    ForwardingSet,
    Moved,
    ServiceChanged,
)
from ctigw.switch.picture import Picture
from ctigw.switch.reports import applied
from ctigw.switch.states import State, WrongStateError

K, S = Kind, State


class Bench:
    """A picture of the lines 1 to 4, in which 1 holds 2 (call 1, "x") and talks to 3 (call 2, "y")."""

    def __init__(self) -> None:
        self.picture = Picture({number: Line(number) for number in "1234"}, lambda number: number == "out")
        for report in (
            Report(K.ORIGINATE, "x", "2", Cause.NEW_CALL, called="1"),
            Report(K.DELIVER, "x", "1", Cause.NEW_CALL),
            Report(K.ESTABLISH, "x", "1", Cause.NORMAL),
            Report(K.HOLD, "x", "1", Cause.CONSULTATION),
            Report(K.ORIGINATE, "y", "1", Cause.CONSULTATION, called="3"),
            Report(K.DELIVER, "y", "3", Cause.CONSULTATION),
            Report(K.ESTABLISH, "y", "3", Cause.NORMAL),
        ):
            applied(self.picture, report)

    def tell(self, report: AnyReport) -> list[AnyEvent]:
        return applied(self.picture, report)

    def states(self) -> dict[str, dict[str, str]]:
        calls = self.picture.calls.values()
        return {call.id: {device: s.value for device, s in call.states().items()} for call in calls}

    def at(self, device: str) -> list[str]:
        return [connection.call.id for connection in self.picture.connections(device)]


def merge(kind: Kind, call: str = "z", secondary: str = "y", other: str = "3") -> Merge:
    return Merge(kind, call, "1", Cause.TRANSFER, "x", secondary, other)


def test_a_transfer_joins_the_others_in_a_new_call() -> None:
    bench = Bench()
    (joined,) = bench.tell(merge(K.TRANSFER))
    assert bench.states() == {"3": {"2": "connected", "3": "connected"}}
    assert [bench.at(device) for device in "123"] == [[], ["3"], ["3"]]
    assert joined == CallsJoined(
        K.TRANSFER, "3", "1", Cause.TRANSFER, "1", "2", "3",
        (Moved("2", "3", "1"), Moved("3", "3", "2")),
        {"1": S.NULL, "2": S.CONNECTED, "3": S.CONNECTED},
    )  # fmt: skip
    call = bench.picture.calls["3"]
    assert (call.calling, call.called) == ("2", "3")


def test_a_conference_has_whoever_made_it_in_it() -> None:
    bench = Bench()
    (joined,) = bench.tell(merge(K.CONFERENCE))
    assert bench.states() == {"3": {"1": "connected", "2": "connected", "3": "connected"}}
    assert list(bench.picture.calls["3"].connections) == ["1", "2", "3"]
    assert isinstance(joined, CallsJoined)
    assert joined.connections == (Moved("1", "3", "1"), Moved("2", "3", "1"), Moved("3", "3", "2"))
    assert joined.states["1"] is S.CONNECTED


@pytest.mark.parametrize("call", ["x", "z"])
def test_who_redirected_a_call_is_told_in_its_conference_but_not_to_whom_it_is_transferred(call: str) -> None:
    for kind, redirected in ((K.CONFERENCE, "4"), (K.TRANSFER, "")):
        bench = Bench()
        bench.picture.calls["1"].redirected_by = "4"
        (joined,) = bench.tell(merge(kind, call=call))
        assert isinstance(joined, CallsJoined)
        assert bench.picture.calls[joined.call].redirected_by == redirected


def test_whoever_called_is_still_told_when_a_call_gets_one_more_party() -> None:
    bench = Bench()
    bench.tell(merge(K.CONFERENCE))
    bench.tell(Report(K.CLEAR, "z", "2", Cause.NORMAL_CLEARING))
    bench.tell(Merge(K.CONFERENCE, "z", "1", Cause.SINGLE_STEP_CONFERENCE, "z", other="4"))
    (call,) = bench.picture.calls.values()
    assert (call.calling, call.called) == ("2", "1")


def test_parties_keep_their_states() -> None:
    bench = Bench()
    bench.tell(Report(K.HOLD, "x", "2", Cause.NORMAL))
    bench.tell(merge(K.TRANSFER))
    assert bench.states() == {"3": {"2": "hold", "3": "connected"}}


def test_the_resulting_call_may_be_one_of_the_two() -> None:
    bench = Bench()
    (joined,) = bench.tell(merge(K.TRANSFER, call="x"))
    assert bench.states() == {"1": {"2": "connected", "3": "connected"}}
    assert isinstance(joined, CallsJoined)
    assert (joined.call, joined.primary, joined.secondary) == ("1", "1", "2")


def test_a_single_step_has_no_second_call_and_its_target_is_yet_to_come() -> None:
    bench = Bench()
    bench.tell(Report(K.RETRIEVE, "x", "1", Cause.NORMAL))
    (joined,) = bench.tell(merge(K.TRANSFER, call="x", secondary="", other="4"))
    assert bench.states()["1"] == {"2": "connected"}
    assert isinstance(joined, CallsJoined)
    assert joined.connections == (Moved("2", "1", "1"), Moved("4", "1", ""))
    bench.tell(Report(K.DELIVER, "x", "4", Cause.SINGLE_STEP_TRANSFER))
    assert bench.states()["1"] == {"2": "connected", "4": "alerting"}


def test_who_has_left_by_a_transfer_is_known_to_have_been_there() -> None:
    bench = Bench()
    bench.tell(merge(K.TRANSFER))
    assert {("1", "1"), ("2", "1"), ("1", "2"), ("2", "3")} <= set(bench.picture._left)


@pytest.mark.parametrize(
    "report",
    [
        Merge(K.TRANSFER, "z", "1", Cause.TRANSFER, "gone", "y", "3"),
        Merge(K.TRANSFER, "z", "4", Cause.TRANSFER, "x", "y", "3"),
        CompletionFailure("gone", "1", Cause.BUSY),
        CompletionFailure("x", "4", Cause.BUSY),
        Digits("x", "4", "1"),
        Report(K.HOLD, "x", "1", Cause.NORMAL),
        Report(K.CLEAR, "gone", "1", Cause.NORMAL),
    ],
)
def test_what_cannot_be_true_changes_nothing(report: AnyReport) -> None:
    bench = Bench()
    before = bench.states()
    with pytest.raises(WrongStateError):
        bench.tell(report)
    assert bench.states() == before


def test_what_changes_no_call() -> None:
    bench = Bench()
    before = bench.states()
    rule = ForwardRule(Forwarding.BUSY, "2")
    happened: list[tuple[AnyReport, AnyEvent]] = [
        (
            CompletionFailure("y", "1", Cause.BUSY),
            CompletionFailed(
                K.COMPLETION_FAILURE, "2", "1", Cause.BUSY, {"1": S.CONNECTED, "3": S.CONNECTED}
            ),
        ),
        (Digits("y", "1", "5"), DigitsSent(K.DIGITS, "2", "1", "5", {"1": S.CONNECTED, "3": S.CONNECTED})),
        (DoNotDisturb("4", on=True), DoNotDisturbSet(K.DO_NOT_DISTURB, "4", on=True)),
        (Forwarded("4", rule), ForwardingSet(K.FORWARDING, "4", rule)),
        (Service("4", in_service=False), ServiceChanged(K.OUT_OF_SERVICE, "4", Cause.MAINTENANCE)),
        (Service("4", in_service=True), ServiceChanged(K.BACK_IN_SERVICE, "4", Cause.MAINTENANCE)),
    ]
    for report, event in happened:
        assert bench.tell(report) == [event]
    assert bench.states() == before


def test_a_line_that_is_as_it_was_is_not_told_of() -> None:
    bench = Bench()
    assert bench.tell(Service("4", in_service=True)) == []
    assert bench.tell(Service("unknown", in_service=False)) == []


def test_the_last_to_leave_ends_the_call() -> None:
    bench = Bench()
    assert len(bench.tell(Report(K.CLEAR, "y", "1", Cause.NORMAL_CLEARING))) == 1
    _, over = bench.tell(Report(K.CLEAR, "y", "3", Cause.NORMAL_CLEARING))
    assert over == CallOver("2", Cause.NORMAL_CLEARING)
    assert bench.states() == {"1": {"2": "connected", "1": "hold"}}
