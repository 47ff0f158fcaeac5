"""The calls of lines, for lamp fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from ctigw.bridge.lamps import Lamps, Watching
from ctigw.presence.dialog_info import Dialog
from ctigw.switch.driver import Cause, Kind, Report
from tests.phones import Phones


class Lit(Phones):
    """Lamps, and what those who watch have been told."""

    def __init__(self) -> None:
        super().__init__()
        self.lamps = Lamps(self.switch, self.put_off.append)
        self.switch.observe(self.lamps.observers())
        self.told: list[str] = []

    def watch(self, line: str, name: str = "") -> Watching:
        return self.lamps.watch(line, lambda: self.told.append(name or line))

    def states(self, line: str) -> list[tuple[str, str]]:
        self.turns()
        return [(dialog.id, dialog.state) for dialog in self.lamps.dialogs(line)]


@pytest.fixture
def lit() -> Lit:
    return Lit()


# The dialogs of a line


def test_an_idle_line_has_none(lit: Lit) -> None:
    assert lit.lamps.dialogs("2001") == ()
    assert lit.lamps.dialogs("no such line") == ()


def test_a_call_that_rings_is_early_at_both_ends(lit: Lit) -> None:
    lit.ring("2001", "2002")
    assert lit.lamps.dialogs("2001") == (
        Dialog(id="1", state="early", direction="initiator", local="2001", remote="2002"),
    )
    assert lit.lamps.dialogs("2002") == (
        Dialog(id="1", state="early", direction="recipient", local="2002", remote="2001"),
    )


def test_a_call_that_is_answered_is_confirmed_and_holding_it_is_seen_where_it_is_held(lit: Lit) -> None:
    call = lit.talk("2001", "2002")
    lit.do(lit.pbx.hold(call, "2002"))
    (at_caller,), (at_called,) = lit.lamps.dialogs("2001"), lit.lamps.dialogs("2002")
    assert (at_caller.state, at_caller.held) == ("confirmed", False)
    assert (at_called.state, at_called.held) == ("confirmed", True)


def test_a_phone_that_is_to_be_lifted_is_trying(lit: Lit) -> None:
    lit.switch.apply(Report(Kind.INITIATE, "x", "2001", Cause.MAKE_CALL, called="2002"))
    (dialog,) = lit.lamps.dialogs("2001")
    assert (dialog.state, dialog.direction, dialog.remote) == ("trying", "initiator", "2002")


def test_a_call_on_its_way_is_proceeding(lit: Lit) -> None:
    lit.switch.apply(Report(Kind.ORIGINATE, "x", "2001", Cause.NEW_CALL, called="95551234"))
    assert lit.lamps.dialogs("2001") == (
        Dialog(id="1", state="proceeding", direction="initiator", local="2001", remote="95551234"),
    )


def test_a_call_that_fails_at_a_line_is_seen_at_the_caller_only(lit: Lit) -> None:
    lit.ring("2001", "2007")
    assert lit.states("2001") == [("1", "proceeding")]
    assert lit.states("2007") == []


def test_a_line_that_listens_to_a_tone_is_taken(lit: Lit) -> None:
    lit.switch.apply(Report(Kind.DELIVER, "x", "2002", Cause.NEW_CALL))
    lit.switch.apply(Report(Kind.FAIL, "x", "2002", Cause.BUSY))
    assert lit.states("2002") == [("1", "confirmed")]


def test_a_line_may_be_in_two_calls(lit: Lit) -> None:
    first = lit.talk("2001", "2002")
    lit.do(lit.pbx.consult(first, "2001", "2003"))
    assert lit.lamps.dialogs("2001") == (
        Dialog(id="1", state="confirmed", direction="initiator", local="2001", remote="2002", held=True),
        Dialog(id="2", state="early", direction="initiator", local="2001", remote="2003"),
    )


def test_in_a_conference_the_other_party_is_whom_the_call_was_between(lit: Lit) -> None:
    first = lit.talk("2001", "2002")
    second = lit.do(lit.pbx.consult(first, "2001", "2003"))
    lit.do(lit.pbx.answer(second, "2003"))
    lit.do(lit.pbx.conference(first, second, "2001"))
    (at_1,), (at_2,) = lit.lamps.dialogs("2001"), lit.lamps.dialogs("2002")
    assert (at_1.state, at_1.remote) == ("confirmed", "2002")
    assert (at_2.state, at_2.remote) == ("confirmed", "2001")


def test_nobody_is_the_other_party_of_himself(lit: Lit) -> None:
    lit.switch.apply(Report(Kind.ORIGINATE, "x", "2001", Cause.NEW_CALL, called="2001"))
    assert lit.lamps.dialogs("2001")[0].remote == ""


# Who watches


def test_who_watches_is_told_once_for_all_that_happens_in_a_turn(lit: Lit) -> None:
    lit.watch("2002")
    lit.talk("2001", "2002")
    assert lit.told == []
    assert lit.turns() == 1
    assert lit.told == ["2002"]


def test_who_watches_is_told_nothing_that_changes_nothing(lit: Lit) -> None:
    lit.watch("2001")
    call = lit.talk("2001", "2002")
    lit.turns()
    lit.do(lit.pbx.hold(call, "2002"))
    lit.do(lit.pbx.generate_digits(call, "2001", "1"))
    lit.do(lit.pbx.retrieve(call, "2002"))
    lit.turns()
    assert lit.told == ["2001"]


def test_calls_of_lines_that_nobody_watches_put_nothing_off(lit: Lit) -> None:
    lit.watch("2003")
    lit.talk("2001", "2002")
    assert lit.put_off == []


def test_everybody_who_watches_is_told_until_he_does_not(lit: Lit) -> None:
    first, second = lit.watch("2001", "first"), lit.watch("2001", "second")
    call = lit.ring("2001", "2002")
    lit.turns()
    first.close()
    first.close()
    lit.do(lit.pbx.answer(call, "2002"))
    lit.turns()
    assert lit.told == ["first", "second", "second"]
    assert len(lit.lamps) == 1
    second.close()
    assert (len(lit.lamps), lit.lamps._lamps) == (0, {})
    lit.do(lit.pbx.clear(call, "2002"))
    assert lit.put_off == []


def test_who_closes_another_while_told_keeps_that_from_being_told(lit: Lit) -> None:
    watching: list[Watching] = []

    def close_the_other() -> None:
        watching.pop().close()

    lit.lamps.watch("2001", close_the_other)
    watching.append(lit.watch("2001"))
    lit.ring("2001", "2002")
    lit.turns()
    assert lit.told == []


def test_one_who_fails_to_be_told_keeps_no_other_from_it(lit: Lit) -> None:
    def broken() -> None:
        raise RuntimeError

    tell: Callable[[], None] = broken
    lit.lamps.watch("2001", tell)
    lit.watch("2001")
    lit.ring("2001", "2002")
    with structlog.testing.capture_logs() as logged:
        lit.turns()
    assert lit.told == ["2001"]
    assert [entry["log_level"] for entry in logged] == ["error"]


# Ends


def test_a_call_that_ended_is_terminated_until_the_next_change(lit: Lit) -> None:
    lit.watch("2001")
    call = lit.talk("2001", "2002")
    lit.turns()
    lit.do(lit.pbx.hold(call, "2001"))
    lit.turns()
    lit.do(lit.pbx.clear(call, "2001"))
    assert lit.states("2001") == [("1", "terminated")]
    assert not lit.lamps.dialogs("2001")[0].held
    lit.ring("2003", "2001")
    assert lit.states("2001") == [("2", "early")]


def test_a_call_that_became_another_is_terminated_beside_it(lit: Lit) -> None:
    lit.watch("2002")
    lit.watch("2003")
    first = lit.talk("2001", "2002")
    second = lit.do(lit.pbx.consult(first, "2001", "2003"))
    lit.do(lit.pbx.answer(second, "2003"))
    lit.turns()
    lit.do(lit.pbx.transfer(first, second, "2001"))
    told = {line: dict(lit.states(line)) for line in ("2002", "2003")}
    assert [sorted(states.values()) for states in told.values() if len(states) == 2] == (
        [["confirmed", "terminated"]] * sum(len(states) == 2 for states in told.values())
    )
    assert any(len(states) == 2 for states in told.values())


def test_what_ended_is_not_said_of_a_line_that_nobody_watches(lit: Lit) -> None:
    lit.do(lit.pbx.clear(lit.talk("2001", "2002"), "2001"))
    assert lit.states("2001") == []


def test_who_comes_while_a_call_is_on_sees_it_and_is_told_of_its_end(lit: Lit) -> None:
    call = lit.talk("2001", "2002")
    lit.watch("2001")
    lit.do(lit.pbx.clear(call, "2001"))
    assert lit.states("2001") == [("1", "terminated")]
    assert lit.told == ["2001"]


def test_lamps_are_off_while_the_pbx_cannot_be_reached(lit: Lit) -> None:
    lit.talk("2001", "2002")
    lit.watch("2001")
    lit.lose_link(10)
    assert lit.states("2001") == [("1", "terminated")]
    lit.pass_time(10)
    assert lit.states("2001") == [("1", "confirmed")]
    assert lit.told == ["2001", "2001"]


def test_after_closing_nobody_is_told(lit: Lit) -> None:
    watching = lit.watch("2001")
    lit.ring("2001", "2002")
    lit.lamps.close()
    lit.turns()
    watching.close()
    assert lit.told == []
