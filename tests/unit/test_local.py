"""The clock of a gateway inside a test's process."""

from __future__ import annotations

from twisted.internet.task import Clock

from simulators.local import StandingClock


def test_what_is_due_now_happens_in_a_turn_of_the_reactor() -> None:
    reactor = Clock()
    happened: list[str] = []
    clock = StandingClock(reactor)
    clock.callLater(0, happened.append, "now")
    clock.callLater(1, happened.append, "later")
    assert happened == []
    reactor.advance(0)
    assert happened == ["now"]
    reactor.advance(3600)
    assert happened == ["now"]


def test_everything_happens_at_its_own_time() -> None:
    clock = StandingClock(Clock())
    happened: list[float] = []

    def again() -> None:
        happened.append(clock.seconds())
        clock.callLater(0.7, again)

    clock.callLater(0.7, again)
    clock.passes(2)
    assert [round(when, 3) for when in happened] == [0.7, 1.4]
    assert clock.seconds() == 2
    clock.passes(0.1)
    assert [round(when, 3) for when in happened] == [0.7, 1.4, 2.1]
    clock.passes(0)
    assert clock.seconds() == 2.1


def test_what_was_put_off_no_longer_happens() -> None:
    clock = StandingClock(Clock())
    happened: list[str] = []
    clock.callLater(1, happened.append, "cancelled").cancel()
    clock.passes(2)
    assert happened == []
