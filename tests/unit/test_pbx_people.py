"""People, phones and lines to the simulated PBX that do as they please, without anybody's command."""

from __future__ import annotations

import pytest
from twisted.internet.defer import ensureDeferred

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import AnyReport, Cause, DoNotDisturb, Kind, Leg, LineFeatures, Link, Report, Service
from simulators.behaviours import BEHAVIOURS, Limits
from simulators.calls import Phase
from tests.done import done
from tests.pbx_bench import Bench, cleared, placed, waiting

K, C = Kind, Cause


# Prompting


def test_a_phone_prompts_until_a_command_lifts_its_handset(bench: Bench) -> None:
    call = bench.call("2008", "2002", prompt=True)
    assert bench.told(29) == [(K.INITIATE, "2008", C.MAKE_CALL)]
    assert bench.legs("2008") == (Leg(call, "initiated", "2008", "2002", outside={}),)
    done(bench.pbx.answer(call, "2008"))
    assert bench.told(29) == [(K.ORIGINATE, "2008", C.NEW_CALL), (K.DELIVER, "2002", C.NEW_CALL)]


def test_nobody_lifts_the_handset(bench: Bench) -> None:
    bench.call("2008", "2002", prompt=True)
    assert bench.told(29) == [(K.INITIATE, "2008", C.MAKE_CALL)]
    assert bench.told(1) == [(K.CLEAR, "2008", C.TIMEOUT)]
    assert bench.nothing_left()


def test_a_prompting_phone_is_cleared(bench: Bench) -> None:
    call = bench.call("2008", "2002", prompt=True)
    bench.told()
    done(bench.pbx.clear(call, "2008"))
    assert bench.told() == cleared("2008")
    assert bench.nothing_left()


def test_without_prompting_nobody_needs_to_be_there(bench: Bench) -> None:
    bench.call("2008", "2002")
    assert bench.told() == [*placed("2008"), (K.DELIVER, "2002", C.NEW_CALL)]


# People at the phones


def test_picking_up_and_putting_down(bench: Bench) -> None:
    bench.call("2001", "2002")
    bench.told()
    bench.pbx.pick_up("2002")
    assert bench.told() == [(K.ESTABLISH, "2002", C.NORMAL)]
    bench.pbx.put_down("2001")
    assert bench.told() == cleared("2001", "2002")
    for line in ("2001", "2002", "3000"):
        with pytest.raises(ValueError, match=f"^nothing rings at {line}$"):
            bench.pbx.pick_up(line)
        with pytest.raises(ValueError, match=f"^{line} is in no call$"):
            bench.pbx.put_down(line)


def test_picking_up_a_prompting_phone(bench: Bench) -> None:
    bench.call("2008", "2002", prompt=True)
    bench.told()
    bench.pbx.pick_up("2008")
    assert bench.told() == [(K.ORIGINATE, "2008", C.NEW_CALL), (K.DELIVER, "2002", C.NEW_CALL)]


def test_a_person_on_the_phone_picks_up_another_call(bench: Bench) -> None:
    bench.up("2001", "2002")
    bench.call("2003", "2002")
    bench.told()
    bench.pbx.pick_up("2002")
    assert bench.told() == [(K.HOLD, "2002", C.NORMAL), (K.ESTABLISH, "2002", C.NORMAL)]
    with pytest.raises(ValueError, match="nothing rings at 2002"):
        bench.pbx.pick_up("2002")


def test_the_call_that_is_talked_in_is_put_down_first(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    bench.pbx.put_down("2001")
    assert bench.told() == cleared("2001", "2003")
    assert bench.states(held) == {"2001": "hold", "2002": "connected"}
    bench.pbx.put_down("2001")
    assert bench.told() == cleared("2001", "2002")
    assert active not in bench.pbx._exchange.calls


def test_a_person_who_talks_does_not_answer_another_call(bench: Bench) -> None:
    bench.up("2001", "2006")
    bench.call("2002", "2006")
    assert bench.told(29)[-1] == (K.DELIVER, "2006", C.NEW_CALL)


def test_a_person_dials(bench: Bench) -> None:
    assert bench.pbx.dial("2012", "2002") == "c1"  # a slow phone is slow to obey, not to be used
    assert bench.told() == [*placed("2012"), (K.DELIVER, "2002", C.NEW_CALL)]
    for caller, called, reason in (
        ("3000", "2001", Reason.INVALID_CALLING_DEVICE_ID),
        ("2013", "2001", Reason.CALLING_DEVICE_OUT_OF_SERVICE),
        ("2001", "3000", Reason.INVALID_CALLED_DEVICE_ID),
        ("2020", "91", Reason.INVALID_CALLED_DEVICE_ID),
    ):
        with pytest.raises(Refused) as refusal:
            bench.pbx.dial(caller, called)
        assert refusal.value.reason is reason


# The outside world


def test_an_outside_caller(bench: Bench) -> None:
    call = bench.pbx.ring_in("95551234", "2001")
    bench.clock.advance(0)
    assert bench.reports == [
        Report(K.ORIGINATE, call, "95551234", C.NEW_CALL, called="2001"),
        Report(K.DELIVER, call, "2001", C.NEW_CALL),
    ]
    bench.reports.clear()
    assert bench.legs("2001") == (
        Leg(call, "alerting", "95551234", "2001", outside={"95551234": "connected"}),
    )
    bench.pbx.pick_up("2001")
    assert bench.told(3600) == [(K.ESTABLISH, "2001", C.NORMAL)]
    bench.pbx.put_down("95551234")
    assert bench.told() == cleared("95551234", "2001")
    assert bench.nothing_left()


def test_an_outside_caller_gives_up(bench: Bench) -> None:
    bench.pbx.ring_in("95551234", "2001")
    bench.told()
    bench.pbx.put_down("95551234")
    assert bench.told() == [*cleared("95551234"), (K.CLEAR, "2001", C.CALL_CANCELLED)]


def test_an_outside_caller_hears_a_tone(bench: Bench) -> None:
    bench.pbx.ring_in("95551234", "2007")
    assert bench.told(14) == [(K.ORIGINATE, "95551234", C.NEW_CALL), (K.FAIL, "2007", C.BUSY)]
    assert bench.told(1) == cleared("2007", "95551234")


def test_nobody_here_can_tell_an_outside_phone_what_to_do(bench: Bench) -> None:
    call = bench.pbx.ring_in("91", "2001")
    pbx = bench.pbx
    for command in (
        pbx.hold(call, "91"),
        pbx.consult(call, "91", "2002"),
        pbx.generate_digits(call, "91", "1"),
        pbx.single_step_transfer(call, "91", "2002"),
    ):
        assert bench.refused(command) is Reason.INVALID_DEVICE_ID
    done(pbx.clear(call, "91"))  # but hang up on it
    bench.told()


@pytest.mark.parametrize(
    ("caller", "called", "reason"),
    [
        ("2001", "2002", Reason.INVALID_CALLING_DEVICE_ID),
        ("5551234", "2002", Reason.INVALID_CALLING_DEVICE_ID),
        ("9", "2002", Reason.INVALID_CALLING_DEVICE_ID),
        ("91", "3000", Reason.INVALID_CALLED_DEVICE_ID),
        ("91", "92", Reason.INVALID_CALLED_DEVICE_ID),
    ],
)
def test_who_cannot_ring_in(bench: Bench, caller: str, called: str, reason: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        bench.pbx.ring_in(caller, called)
    assert refusal.value.reason is reason


# Behaviours set while it runs


def test_behaving_otherwise(bench: Bench) -> None:
    assert set(bench.pbx.behaviour_names().values()) <= set(BEHAVIOURS)
    bench.pbx.behave("2003", "busy")
    assert bench.pbx.behaviour_names()["2003"] == "busy"
    bench.call("2001", "2003")
    assert bench.told()[-1] == (K.FAIL, "2003", C.BUSY)
    bench.pbx.behave("2003", "auto-answer")
    bench.call("2002", "2003")
    assert bench.told(1)[-1] == (K.ESTABLISH, "2003", C.NORMAL)


def test_a_new_behaviour_is_told_to_nobody(bench: Bench) -> None:
    for name in set(BEHAVIOURS) - {"out-of-service"}:
        bench.pbx.behave("2003", name)
    assert bench.told() == []


def test_behaviours_and_lines_that_are_not_there(bench: Bench) -> None:
    with pytest.raises(ValueError, match="no behaviour is called 'sleepy'"):
        bench.pbx.behave("2003", "sleepy")
    with pytest.raises(ValueError, match="there is no line 3000"):
        bench.pbx.behave("3000", "busy")
    assert bench.pbx.behaviour_names()["2003"] == "normal"


def test_going_out_of_service_with_calls_up(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    bench.call("2004", "2005")
    bench.told()
    bench.pbx.behave("2001", "out-of-service")
    told = bench.told()
    assert told == [*cleared("2001", "2002"), *cleared("2001", "2003"), Service("2001", in_service=False)]
    assert not bench.pbx.lines()["2001"].in_service
    assert {held, active}.isdisjoint(bench.pbx._exchange.calls)
    assert bench.pbx.live_calls == 1
    refused = bench.refused(bench.pbx.make_call("2001", "2002", prompt=False))
    assert refused is Reason.CALLING_DEVICE_OUT_OF_SERVICE


def test_a_ringing_phone_goes_out_of_service(bench: Bench) -> None:
    bench.call("2001", "2002")
    bench.told()
    bench.pbx.behave("2002", "out-of-service")
    assert bench.told() == [*cleared("2002"), Service("2002", in_service=False)]
    assert bench.told(15) == cleared("2001")


def test_a_prompting_phone_goes_out_of_service(bench: Bench) -> None:
    bench.call("2008", "2002", prompt=True)
    bench.told()
    bench.pbx.behave("2008", "out-of-service")
    assert bench.told() == [*cleared("2008"), Service("2008", in_service=False)]
    assert bench.nothing_left()


def test_coming_back_into_service(bench: Bench) -> None:
    bench.pbx.behave("2013", "normal")
    assert bench.told() == [Service("2013", in_service=True)]
    assert bench.pbx.lines()["2013"].in_service
    bench.call("2001", "2013")
    assert bench.told()[-1] == (K.DELIVER, "2013", C.NEW_CALL)


def test_a_slow_phone_that_is_gone_before_it_reacts(bench: Bench) -> None:
    answer = waiting(bench.pbx.make_call("2012", "2001", prompt=False))
    bench.pbx.behave("2012", "out-of-service")
    assert bench.told(3) == [Service("2012", in_service=False)]
    assert answer == [Reason.CALLING_DEVICE_OUT_OF_SERVICE]


# Phones that lie, keep silent, or bring the link down


def test_a_line_that_lies(bench: Bench) -> None:
    bench.pbx.behave("2002", "lies-about-state")
    call = bench.call("2001", "2002")
    assert bench.told() == [
        *placed("2001"),
        (K.DELIVER, "2002", C.NEW_CALL),
        (K.RETRIEVE, "2002", C.NORMAL),  # what rings was never held
    ]
    assert bench.states(call)["2002"] == "alerting"
    done(bench.pbx.answer(call, "2002"))
    assert bench.told() == [(K.ESTABLISH, "2002", C.NORMAL), (K.DELIVER, "2002", C.NORMAL)]
    assert bench.legs("2002") == (Leg(call, "connected", "2001", "2002", outside={}),)


def test_a_silent_phone_never_answers_a_command(bench: Bench) -> None:
    bench.pbx.behave("2001", "silent")
    pbx = bench.pbx
    answers = [
        waiting(command)
        for command in (
            pbx.make_call("2001", "2002", prompt=False),
            pbx.set_do_not_disturb("2001", on=True),
            pbx.features("2001"),
        )
    ]
    assert bench.told(3600) == []
    assert answers == [[], [], []]
    assert bench.pbx.idle


def test_a_silent_phone_rings_and_is_answered_by_its_person(bench: Bench) -> None:
    bench.pbx.behave("2002", "silent")
    call = bench.call("2001", "2002")
    assert waiting(bench.pbx.answer(call, "2002")) == []
    bench.told()
    bench.pbx.pick_up("2002")
    assert bench.told() == [(K.ESTABLISH, "2002", C.NORMAL)]


def test_a_phone_that_drops_the_link(bench: Bench) -> None:
    bench.pbx.behave("2003", "drops-the-link")
    heard: list[AnyReport] = []
    bench.pbx.listen(heard.append)
    call = bench.up("2001", "2002")
    heard.clear()
    done(bench.pbx.hold(call, "2001"))  # not told before the link is lost, and so never
    refused = bench.refused(bench.pbx.make_call("2003", "2001", prompt=False))
    assert (refused, bench.pbx.linked()) == (Reason.RESOURCE_OUT_OF_SERVICE, False)
    assert heard == []  # not within the command
    bench.clock.advance(9)
    assert heard == [Link(up=False)]
    bench.clock.advance(1)
    bench.clock.advance(0)
    assert heard == [Link(up=False), Link(up=True)]
    assert bench.pbx.linked()
    assert bench.legs("2001") == (Leg(call, "hold", "2001", "2002", outside={}),)
    bench.pbx.listen(bench.reports.append)


# The link


def test_nothing_is_told_while_the_link_is_lost(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    ringing = bench.call("2003", "2004")
    bench.told()
    bench.pbx.drop_link(60)
    assert bench.told() == [Link(up=False)]
    bench.pbx.put_down("2001")
    bench.pbx.ring_in("91", "2005")
    bench.pbx.behave("2009", "out-of-service")
    assert [bench.told(30), bench.told(15), bench.told(14)] == [[]] * 3  # nor what happens by itself
    assert bench.told(1) == [Link(up=True)]
    assert {call, ringing}.isdisjoint(bench.pbx._exchange.calls)
    bench.call("2001", "2002")
    assert bench.told()[:2] == placed("2001")


def test_every_command_is_refused_while_the_link_is_lost(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    outside = bench.call("2003", "91")
    bench.told(2)
    pbx = bench.pbx
    pbx.drop_link(1)
    for command in (
        pbx.make_call("2004", "2005", prompt=False),
        pbx.hold(call, "2001"),
        pbx.clear(call, "2001"),
        pbx.clear(outside, "91"),
        pbx.clear_call(call),
        pbx.snapshot("2001"),
        pbx.features("2001"),
        pbx.set_do_not_disturb("2001", on=True),
    ):
        assert bench.refused(command) is Reason.RESOURCE_OUT_OF_SERVICE
    assert bench.told(1) == [Link(up=False), Link(up=True)]
    assert (pbx.live_calls, pbx.line_features("2001")) == (2, LineFeatures())


def test_a_link_that_is_lost_already_is_lost_from_now_on() -> None:
    bench = Bench(limits=Limits(link_lost=5))
    bench.pbx.drop_link()
    assert bench.told(4) == [Link(up=False)]
    bench.pbx.drop_link(60)
    assert bench.told(59) == []
    assert bench.told(1) == [Link(up=True)]
    assert bench.nothing_left()


def test_a_snapshot_asked_for_before_the_link_was_lost_is_not_told(bench: Bench) -> None:
    snapshot = waiting(bench.pbx.snapshot("2001"))
    bench.pbx.drop_link(1)
    assert bench.told(1) == [Link(up=False), Link(up=True)]
    assert snapshot == []


def test_a_slow_phone_reacts_into_a_lost_link(bench: Bench) -> None:
    answer = waiting(bench.pbx.set_do_not_disturb("2012", on=True))
    bench.pbx.drop_link()
    bench.told(3)
    assert answer == [Reason.RESOURCE_OUT_OF_SERVICE]
    bench.told(7)


def test_stopping_lets_everything_go() -> None:
    bench = Bench()
    bench.call("2001", "2002")
    bench.call("2003", "2007")
    bench.pbx.drop_link()
    bench.pbx.stop()
    assert bench.clock.getDelayedCalls() == []
    assert bench.reports == []


def test_a_change_is_told_when_it_was_made_by_a_slow_phone_too(bench: Bench) -> None:
    done_at: list[float] = []
    change = ensureDeferred(bench.pbx.set_do_not_disturb("2012", on=True))
    change.addCallback(lambda _: done_at.append(bench.clock.seconds()))
    assert bench.told(3) == [DoNotDisturb("2012", on=True)]
    assert done_at == [3]


def test_phases_are_those_of_the_calls(bench: Bench) -> None:
    bench.consulted("2001", "2002", "2003", answered=False)
    assert bench.pbx.phase("2001") == (Phase.HELD, Phase.TALKING)
    assert bench.pbx.phase("2003") == (Phase.RINGING,)
    assert bench.pbx.phase("2004") == ()
