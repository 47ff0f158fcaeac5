"""The simulated PBX with more than one call at a line: hold, consult, transfer, conference, single steps."""

from __future__ import annotations

import pytest

from ctigw.errors import Reason
from ctigw.switch.driver import Cause, CompletionFailure, Digits, Forwarding, Kind, Leg, Merge
from simulators.behaviours import Limits
from tests.done import done
from tests.pbx_bench import Bench, cleared, consulting, features, forward

K, C, F = Kind, Cause, Forwarding


# Hold and retrieve


def test_hold_and_retrieve(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.hold(call, "2001"))
    assert bench.told() == [(K.HOLD, "2001", C.NORMAL)]
    assert bench.legs("2001") == (Leg(call, "hold", "2001", "2002", outside={}),)
    assert bench.legs("2002") == (Leg(call, "connected", "2001", "2002", outside={}),)
    assert bench.refused(bench.pbx.hold(call, "2001")) is Reason.INVALID_CONNECTION_STATE
    done(bench.pbx.retrieve(call, "2001"))
    assert bench.told() == [(K.RETRIEVE, "2001", C.NORMAL)]
    assert bench.refused(bench.pbx.retrieve(call, "2001")) is Reason.INVALID_CONNECTION_STATE


def test_both_may_hold(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.hold(call, "2001"))
    done(bench.pbx.hold(call, "2002"))
    bench.told(3600)
    assert bench.states(call) == {"2001": "hold", "2002": "hold"}


def test_whoever_waits_on_hold_can_hang_up(bench: Bench) -> None:
    for device, other in (("2001", "2002"), ("2002", "2001")):
        call = bench.up("2001", "2002")
        done(bench.pbx.hold(call, "2001"))
        done(bench.pbx.clear(call, device))
        assert bench.told() == [(K.HOLD, "2001", C.NORMAL), *cleared(device, other)]
        assert bench.nothing_left()


def test_a_ringing_phone_holds_nothing_and_its_caller_may_hold(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    bench.told()
    assert bench.refused(bench.pbx.hold(call, "2002")) is Reason.INVALID_CONNECTION_STATE
    done(bench.pbx.hold(call, "2001"))
    assert bench.told(29) == [(K.HOLD, "2001", C.NORMAL)]
    assert bench.told(1) == [(K.FAIL, "2002", C.CALL_NOT_ANSWERED), *cleared("2002")]
    assert bench.told(15) == cleared("2001")


def test_answering_another_call_holds_the_one_that_is_talked_in(bench: Bench) -> None:
    first = bench.up("2001", "2002")
    second = bench.call("2003", "2002")
    bench.told()
    done(bench.pbx.answer(second, "2002"))
    assert bench.told() == [(K.HOLD, "2002", C.NORMAL), (K.ESTABLISH, "2002", C.NORMAL)]
    assert (bench.states(first)["2002"], bench.states(second)["2002"]) == ("hold", "connected")


def test_retrieving_another_call_holds_the_one_that_is_talked_in(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    done(bench.pbx.retrieve(held, "2001"))
    assert bench.told() == [(K.HOLD, "2001", C.NORMAL), (K.RETRIEVE, "2001", C.NORMAL)]
    assert (bench.states(held)["2001"], bench.states(active)["2001"]) == ("connected", "hold")


@pytest.mark.parametrize("prompt", [False, True])
def test_placing_another_call_holds_the_one_that_is_talked_in(bench: Bench, prompt: bool) -> None:
    first = bench.up("2001", "2002")
    bench.call("2001", "2003", prompt=prompt)
    assert bench.told()[:2] == [(K.HOLD, "2001", C.NORMAL), (K.INITIATE, "2001", C.MAKE_CALL)]
    assert bench.states(first) == {"2001": "hold", "2002": "connected"}


def test_lifting_the_handset_of_a_prompting_phone_holds_the_call_that_is_talked_in(bench: Bench) -> None:
    first = bench.up("2008", "2002")
    second = bench.call("2008", "2003", prompt=True)
    assert bench.told() == [(K.INITIATE, "2008", C.MAKE_CALL)]
    assert bench.states(first) == {"2008": "connected", "2002": "connected"}
    done(bench.pbx.answer(second, "2008"))
    assert bench.told()[:2] == [(K.HOLD, "2008", C.NORMAL), (K.ORIGINATE, "2008", C.NEW_CALL)]


def test_an_outside_number_is_as_many_people_as_it_has_calls(bench: Bench) -> None:
    first, second = bench.call("2001", "91"), bench.call("2002", "91")
    bench.told(2)
    assert [bench.states(call)["91"] for call in (first, second)] == ["connected", "connected"]


# Consultation


def test_consult(bench: Bench) -> None:
    held = bench.up("2001", "2002")
    active = done(bench.pbx.consult(held, "2001", "2003"))
    assert active != held
    assert bench.told() == [*consulting("2001"), (K.DELIVER, "2003", C.CONSULTATION)]
    done(bench.pbx.answer(active, "2003"))
    assert bench.told() == [(K.ESTABLISH, "2003", C.NORMAL)]
    assert bench.legs("2001") == (
        Leg(held, "hold", "2001", "2002", outside={}),
        Leg(active, "connected", "2001", "2003", outside={}),
    )


def test_consult_outside(bench: Bench) -> None:
    held = bench.up("2001", "2002")
    done(bench.pbx.consult(held, "2001", "91"))
    reached = [(K.REACH_NETWORK, "91", C.CONSULTATION), (K.DELIVER, "91", C.CONSULTATION)]
    assert bench.told() == [*consulting("2001"), *reached]
    assert bench.told(2) == [(K.ESTABLISH, "91", C.NORMAL)]


def test_a_consultation_that_fails_leaves_the_held_call(bench: Bench) -> None:
    held = bench.up("2001", "2002")
    active = done(bench.pbx.consult(held, "2001", "2007"))
    assert bench.told() == [*consulting("2001"), (K.FAIL, "2007", C.BUSY)]
    for join in (bench.pbx.transfer, bench.pbx.conference):
        assert bench.refused(join(held, active, "2001")) is Reason.INVALID_CONNECTION_STATE
    assert bench.told(15) == cleared("2007", "2001")
    assert bench.states(held) == {"2001": "hold", "2002": "connected"}


def test_refused_consultations(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    consult = bench.pbx.consult
    assert bench.refused(consult(call, "2001", "3000")) is Reason.INVALID_CALLED_DEVICE_ID
    assert bench.refused(consult("c99", "2001", "2003")) is Reason.INVALID_CONNECTION_ID
    assert bench.refused(consult(call, "2003", "2004")) is Reason.INVALID_CONNECTION_ID
    done(consult(call, "2001", "2003"))
    assert bench.refused(consult(call, "2001", "2004")) is Reason.INVALID_CONNECTION_STATE
    third = bench.call("2004", "2002")
    assert bench.refused(consult(call, "2002", "2005")) is Reason.RESOURCE_BUSY
    done(bench.pbx.clear_call(third))
    barred = bench.up("2005", "2020")
    assert bench.refused(consult(barred, "2020", "91")) is Reason.INVALID_CALLED_DEVICE_ID
    bench.told()


def test_alternate(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    done(bench.pbx.alternate(held, active, "2001"))
    assert bench.told() == [(K.HOLD, "2001", C.ALTERNATE), (K.RETRIEVE, "2001", C.ALTERNATE)]
    assert (bench.states(held)["2001"], bench.states(active)["2001"]) == ("connected", "hold")
    assert bench.refused(bench.pbx.alternate(held, active, "2001")) is Reason.INVALID_CONNECTION_STATE
    done(bench.pbx.alternate(active, held, "2001"))
    assert (bench.states(held)["2001"], bench.states(active)["2001"]) == ("hold", "connected")
    bench.told()


@pytest.mark.parametrize("answered", [True, False])
def test_reconnect(bench: Bench, answered: bool) -> None:
    held, active = bench.consulted("2001", "2002", "2003", answered=answered)
    done(bench.pbx.reconnect(held, active, "2001"))
    gone = (K.CLEAR, "2003", C.NORMAL_CLEARING if answered else C.CALL_CANCELLED)
    assert bench.told() == [*cleared("2001"), gone, (K.RETRIEVE, "2001", C.NORMAL)]
    assert bench.states(held) == {"2001": "connected", "2002": "connected"}


def test_reconnect_from_a_tone(bench: Bench) -> None:
    held = bench.up("2001", "2002")
    active = done(bench.pbx.consult(held, "2001", "2007"))
    bench.told()
    done(bench.pbx.reconnect(held, active, "2001"))
    assert bench.told() == [*cleared("2001", "2007"), (K.RETRIEVE, "2001", C.NORMAL)]


def test_what_needs_two_calls_needs_the_right_two(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    pbx = bench.pbx
    for command in (pbx.alternate, pbx.reconnect, pbx.transfer, pbx.conference):
        assert bench.refused(command(active, held, "2001")) is Reason.INVALID_CONNECTION_STATE
        assert bench.refused(command(held, held, "2001")) is Reason.INVALID_CONNECTION_STATE
        assert bench.refused(command(held, active, "2002")) is Reason.INVALID_CONNECTION_ID
        assert bench.refused(command("c99", active, "2001")) is Reason.INVALID_CONNECTION_ID
        assert bench.refused(command(held, "c99", "2001")) is Reason.INVALID_CONNECTION_ID
    assert bench.told() == []


# Transfer


def test_transfer(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    joined = done(bench.pbx.transfer(held, active, "2001"))
    assert joined not in (held, active)
    assert bench.told() == [Merge(K.TRANSFER, joined, "2001", C.TRANSFER, held, active, "2003")]
    assert bench.states(joined) == {"2002": "connected", "2003": "connected"}
    assert bench.legs("2001") == ()
    assert bench.legs("2003") == (Leg(joined, "connected", "2002", "2003", outside={}),)
    assert bench.refused(bench.pbx.clear(held, "2002")) is Reason.INVALID_CONNECTION_ID
    done(bench.pbx.clear(joined, "2003"))
    assert bench.told() == cleared("2003", "2002")
    assert bench.nothing_left()


def test_a_transfer_by_the_called_party_keeps_the_caller(bench: Bench) -> None:
    held = bench.up("2001", "2002")
    active = done(bench.pbx.consult(held, "2002", "2003"))
    done(bench.pbx.answer(active, "2003"))
    joined = done(bench.pbx.transfer(held, active, "2002"))
    assert bench.legs("2001") == (Leg(joined, "connected", "2001", "2003", outside={}),)
    bench.told()


def test_a_transfer_while_it_rings(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003", answered=False)
    bench.told(10)
    joined = done(bench.pbx.transfer(held, active, "2001"))
    assert bench.told() == [Merge(K.TRANSFER, joined, "2001", C.TRANSFER, held, active, "2003")]
    assert bench.states(joined) == {"2002": "connected", "2003": "alerting"}
    done(bench.pbx.answer(joined, "2003"))
    assert bench.told(3600) == [(K.ESTABLISH, "2003", C.NORMAL)]
    done(bench.pbx.clear(joined, "2002"))
    assert bench.told() == cleared("2002", "2003")


def test_whoever_rings_when_transferred_gives_up_in_its_time(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003", answered=False)
    bench.told(20)
    done(bench.pbx.transfer(held, active, "2001"))
    assert len(bench.told(9)) == 1
    assert bench.told(1) == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]
    assert bench.told(14) == []
    assert bench.told(1) == cleared("2002")
    assert bench.nothing_left()


def test_whoever_rings_when_transferred_may_forward_in_its_time(bench: Bench) -> None:
    forward(bench, "2003", F.NO_ANSWER, "2004", rings=3)
    held, active = bench.consulted("2001", "2002", "2003", answered=False)
    bench.told(10)
    joined = done(bench.pbx.transfer(held, active, "2001"))
    cause = C.CALL_FORWARD_NO_ANSWER
    assert bench.told(5)[1:] == [(K.DIVERT, "2003", cause), (K.DELIVER, "2004", cause)]
    assert bench.states(joined) == {"2002": "connected", "2004": "alerting"}


def test_the_person_at_a_ringing_phone_answers_after_a_transfer_too(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2006", answered=False)
    joined = done(bench.pbx.transfer(held, active, "2001"))
    assert bench.told(1)[1:] == [(K.ESTABLISH, "2006", C.NORMAL)]
    assert bench.states(joined) == {"2002": "connected", "2006": "connected"}


def test_whoever_was_transferred_gives_up(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003", answered=False)
    joined = done(bench.pbx.transfer(held, active, "2001"))
    bench.told()
    done(bench.pbx.clear(joined, "2002"))
    assert bench.told() == [*cleared("2002"), (K.CLEAR, "2003", C.CALL_CANCELLED)]
    assert bench.nothing_left()


def test_whoever_held_the_transferring_party_still_holds(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    done(bench.pbx.hold(held, "2002"))
    joined = done(bench.pbx.transfer(held, active, "2001"))
    bench.told()
    assert bench.states(joined) == {"2002": "hold", "2003": "connected"}


def test_there_must_be_somebody_to_transfer(bench: Bench) -> None:
    held = bench.call("2001", "2002")  # rings on while it is held
    done(bench.pbx.hold(held, "2001"))
    active = bench.call("2001", "2003")
    done(bench.pbx.answer(active, "2003"))
    for join in (bench.pbx.transfer, bench.pbx.conference):
        assert bench.refused(join(held, active, "2001")) is Reason.INVALID_CONNECTION_STATE


@pytest.mark.parametrize("other", ["2002", "91"])
def test_two_calls_with_the_same_other_party_are_not_joined(bench: Bench, other: str) -> None:
    held = bench.call("2001", other)
    bench.told(2)
    if other == "2002":
        done(bench.pbx.answer(held, other))
    active = done(bench.pbx.consult(held, "2001", other))
    bench.told(2)
    for join in (bench.pbx.transfer, bench.pbx.conference):
        assert bench.refused(join(held, active, "2001")) is Reason.INVALID_CONNECTION_STATE
    assert bench.pbx.live_calls == 2


# Conference


def conference(bench: Bench, *others: str) -> str:
    """2001 and ``others``, the first of whom it called; they all talk."""
    call = bench.up("2001", others[0])
    for other in others[1:]:
        second = done(bench.pbx.consult(call, "2001", other))
        done(bench.pbx.answer(second, other))
        call = done(bench.pbx.conference(call, second, "2001"))
    bench.told()
    return call


def test_conference(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003")
    joined = done(bench.pbx.conference(held, active, "2001"))
    assert joined not in (held, active)
    assert bench.told() == [Merge(K.CONFERENCE, joined, "2001", C.CONFERENCE, held, active, "2003")]
    assert bench.states(joined) == dict.fromkeys(("2001", "2002", "2003"), "connected")
    assert bench.legs("2001") == (Leg(joined, "connected", "2001", "2002", outside={}),)
    assert bench.pbx.live_calls == 1


def test_a_conference_while_it_rings(bench: Bench) -> None:
    held, active = bench.consulted("2001", "2002", "2003", answered=False)
    bench.told(20)
    joined = done(bench.pbx.conference(held, active, "2001"))
    assert bench.states(joined) == {"2001": "connected", "2002": "connected", "2003": "alerting"}
    assert len(bench.told(9)) == 1
    assert bench.told(1) == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]
    assert bench.told(3600) == []  # the two still have each other, and hear no tone
    assert bench.states(joined) == {"2001": "connected", "2002": "connected"}


@pytest.mark.parametrize("leaves", ["2001", "2002", "2003"])
def test_a_member_leaves_a_conference_and_the_last_two_go_together(bench: Bench, leaves: str) -> None:
    call = conference(bench, "2002", "2003")
    done(bench.pbx.clear(call, leaves))
    assert bench.told(3600) == cleared(leaves)
    last, but_one = (device for device in ("2001", "2002", "2003") if device != leaves)
    done(bench.pbx.clear(call, last))
    assert bench.told() == cleared(last, but_one)
    assert bench.nothing_left()


def test_clearing_a_conference(bench: Bench) -> None:
    call = conference(bench, "2002", "2003", "2004")
    done(bench.pbx.clear_call(call))
    told = bench.told()
    assert sorted(device for _, device, _ in told) == ["2001", "2002", "2003", "2004"]
    assert {(kind, cause) for kind, _, cause in told} == {(K.CLEAR, C.NORMAL_CLEARING)}


def test_a_member_holds_and_the_others_talk_on(bench: Bench) -> None:
    call = conference(bench, "2002", "2003")
    done(bench.pbx.hold(call, "2002"))
    assert bench.told(3600) == [(K.HOLD, "2002", C.NORMAL)]
    assert bench.states(call) == {"2001": "connected", "2002": "hold", "2003": "connected"}


def test_the_limit_of_a_conference() -> None:
    bench = Bench(limits=Limits(conference=3))
    call = conference(bench, "2002", "2003")
    second = done(bench.pbx.consult(call, "2001", "2004"))
    done(bench.pbx.answer(second, "2004"))
    pbx = bench.pbx
    limit = Reason.CONFERENCE_MEMBER_LIMIT_EXCEEDED
    assert bench.refused(pbx.conference(call, second, "2001")) is limit
    assert bench.refused(pbx.single_step_conference(call, "2002", "2005", listen_only=False)) is limit
    done(pbx.transfer(call, second, "2001"))  # 2001 makes room


def test_a_transfer_exceeds_the_limit_no_more_than_a_conference() -> None:
    bench = Bench(limits=Limits(conference=3, appearances=3))
    call = conference(bench, "2002", "2003")
    second = done(bench.pbx.consult(call, "2001", "2004"))
    done(bench.pbx.answer(second, "2004"))
    third = done(bench.pbx.consult(second, "2004", "2005"))
    done(bench.pbx.answer(third, "2005"))
    other = done(bench.pbx.conference(second, third, "2004"))  # 2001, 2004, 2005
    refused = bench.refused(bench.pbx.transfer(call, other, "2001"))
    assert refused is Reason.CONFERENCE_MEMBER_LIMIT_EXCEEDED


def test_whoever_left_a_conference_can_be_called_into_it_again(bench: Bench) -> None:
    call = conference(bench, "2002", "2003")
    done(bench.pbx.clear(call, "2001"))  # who placed it
    done(bench.pbx.single_step_conference(call, "2002", "2001", listen_only=False))
    assert bench.told()[-1] == (K.DELIVER, "2001", C.SINGLE_STEP_CONFERENCE)


# Single steps


def test_single_step_transfer(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    assert done(bench.pbx.single_step_transfer(call, "2001", "2003")) == call
    cause = C.SINGLE_STEP_TRANSFER
    assert bench.told() == [
        Merge(K.TRANSFER, call, "2001", cause, call, other="2003"),
        (K.DELIVER, "2003", cause),
    ]
    assert bench.legs("2001") == ()
    assert bench.legs("2003") == (Leg(call, "alerting", "2002", "2003", outside={}),)
    done(bench.pbx.answer(call, "2003"))
    assert bench.told() == [(K.ESTABLISH, "2003", C.NORMAL)]


def test_a_single_step_transfer_that_nobody_answers(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.single_step_transfer(call, "2001", "2003"))
    assert len(bench.told(29)) == 2
    assert bench.told(1) == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]
    assert bench.told(15) == cleared("2002")
    assert bench.nothing_left()


FAILURES = [("2007", C.BUSY), ("2009", C.DO_NOT_DISTURB), ("2013", C.DEST_OUT_OF_ORDER)]


@pytest.mark.parametrize(("called", "cause"), [*FAILURES, ("9000", C.DEST_NOT_OBTAINABLE)])
@pytest.mark.parametrize("kind", [K.TRANSFER, K.CONFERENCE])
def test_a_single_step_that_comes_to_nothing(bench: Bench, called: str, cause: Cause, kind: Kind) -> None:
    call = bench.up("2001", "2002")
    pbx = bench.pbx
    if kind is K.TRANSFER:
        assert done(pbx.single_step_transfer(call, "2001", called)) == call
    else:
        assert done(pbx.single_step_conference(call, "2001", called, listen_only=False)) == call
    assert bench.told(3600) == [CompletionFailure(call, "2001", cause)]
    assert bench.states(call) == {"2001": "connected", "2002": "connected"}


def test_a_single_step_follows_forwardings(bench: Bench) -> None:
    forward(bench, "2007", F.BUSY, "2003")
    call = bench.up("2001", "2002")
    done(bench.pbx.single_step_transfer(call, "2001", "2007"))
    told = bench.told()
    assert told[1:] == [(K.DIVERT, "2007", C.CALL_FORWARD_BUSY), (K.DELIVER, "2003", C.CALL_FORWARD_BUSY)]
    assert bench.states(call) == {"2002": "connected", "2003": "alerting"}


def test_a_single_step_follows_forwardings_of_whose_call_it_will_be(bench: Bench) -> None:
    forward(bench, "2009", F.DO_NOT_DISTURB_EXTERNAL, "2003")
    call = bench.call("2001", "91")
    bench.told(2)
    done(bench.pbx.single_step_transfer(call, "2001", "2009"))
    assert bench.told()[1:] == [(K.DIVERT, "2009", C.CALL_FORWARD), (K.DELIVER, "2003", C.CALL_FORWARD)]


def test_single_step_conference(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    assert done(bench.pbx.single_step_conference(call, "2001", "2003", listen_only=False)) == call
    cause = C.SINGLE_STEP_CONFERENCE
    assert bench.told() == [
        Merge(K.CONFERENCE, call, "2001", cause, call, other="2003"),
        (K.DELIVER, "2003", cause),
    ]
    done(bench.pbx.answer(call, "2003"))
    assert bench.told() == [(K.ESTABLISH, "2003", C.NORMAL)]
    done(bench.pbx.clear(call, "2001"))
    assert bench.told() == cleared("2001")
    assert bench.states(call) == {"2002": "connected", "2003": "connected"}


def test_a_single_step_conference_that_nobody_answers_leaves_the_two(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.single_step_conference(call, "2001", "2003", listen_only=False))
    told = bench.told(30)
    assert told[2:] == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]
    assert bench.told(3600) == []
    assert bench.states(call) == {"2001": "connected", "2002": "connected"}


def forwards_to_the_busy(bench: Bench) -> None:
    """2004 forwards to 2007, so that a single step to it is tried and fails there."""
    forward(bench, "2004", F.IMMEDIATE, "2007")


def test_a_conference_goes_on_without_the_one_who_could_not_be_had(bench: Bench) -> None:
    forwards_to_the_busy(bench)
    call = bench.up("2001", "2002")
    done(bench.pbx.single_step_conference(call, "2001", "2004", listen_only=False))
    assert bench.told()[-1] == (K.FAIL, "2007", C.BUSY)
    assert bench.told(14) == []
    assert bench.told(1) == cleared("2007")
    assert bench.told(3600) == []
    assert bench.states(call) == {"2001": "connected", "2002": "connected"}


def test_what_failed_in_a_conference_is_cleared_though_somebody_else_answers(bench: Bench) -> None:
    forwards_to_the_busy(bench)
    call = bench.up("2001", "2002")
    for joining in ("2003", "2004"):
        done(bench.pbx.single_step_conference(call, "2001", joining, listen_only=False))
    bench.told(5)
    done(bench.pbx.answer(call, "2003"))
    assert bench.told(9) == [(K.ESTABLISH, "2003", C.NORMAL)]
    assert bench.told(1) == cleared("2007")
    assert bench.states(call) == dict.fromkeys(("2001", "2002", "2003"), "connected")


def test_what_failed_in_a_conference_is_cleared_though_calls_are_joined(bench: Bench) -> None:
    forwards_to_the_busy(bench)
    call = bench.up("2001", "2002")
    done(bench.pbx.single_step_conference(call, "2001", "2004", listen_only=False))
    active = done(bench.pbx.consult(call, "2001", "2003"))
    done(bench.pbx.answer(active, "2003"))
    bench.told(5)
    joined = done(bench.pbx.conference(call, active, "2001"))
    assert len(bench.told(9)) == 1
    assert bench.told(1) == cleared("2007")
    assert bench.states(joined) == dict.fromkeys(("2001", "2002", "2003"), "connected")


def test_the_end_of_a_tone_does_not_end_what_still_rings(bench: Bench) -> None:
    forwards_to_the_busy(bench)
    call = bench.up("2001", "2002")
    for joining in ("2003", "2004"):
        done(bench.pbx.single_step_conference(call, "2001", joining, listen_only=False))
    done(bench.pbx.clear(call, "2002"))
    bench.told()
    assert bench.told(15) == cleared("2007")
    done(bench.pbx.answer(call, "2003"))
    assert bench.told(3600) == [(K.ESTABLISH, "2003", C.NORMAL)]
    assert bench.states(call) == {"2001": "connected", "2003": "connected"}


def test_refused_single_steps(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    transfer = bench.pbx.single_step_transfer
    assert bench.refused(transfer(call, "2001", "2003")) is Reason.INVALID_CONNECTION_STATE
    assert bench.refused(transfer(call, "2002", "2003")) is Reason.INVALID_CONNECTION_STATE
    done(bench.pbx.answer(call, "2002"))
    assert bench.refused(transfer(call, "2001", "3000")) is Reason.INVALID_DESTINATION
    for party in ("2001", "2002"):
        assert bench.refused(transfer(call, "2001", party)) is Reason.INVALID_DESTINATION_DEVICE_OBJECT
    done(bench.pbx.hold(call, "2001"))
    assert bench.refused(transfer(call, "2001", "2003")) is Reason.INVALID_CONNECTION_STATE
    bench.told()


# Deflection and digits


def test_deflect(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    bench.told(20)
    done(bench.pbx.deflect(call, "2002", "2003"))
    assert bench.told(29) == [(K.DIVERT, "2002", C.REDIRECTED), (K.DELIVER, "2003", C.REDIRECTED)]
    assert bench.states(call) == {"2001": "connected", "2003": "alerting"}
    assert bench.told(1) == [(K.FAIL, "2003", C.CALL_NOT_ANSWERED), *cleared("2003")]


@pytest.mark.parametrize(("destination", "cause"), [*FAILURES, ("9000", C.DEST_NOT_OBTAINABLE)])
def test_deflect_to_where_the_call_fails(bench: Bench, destination: str, cause: Cause) -> None:
    call = bench.call("2001", "2002")
    bench.told()
    done(bench.pbx.deflect(call, "2002", destination))
    assert bench.told(14) == [(K.DIVERT, "2002", C.REDIRECTED), (K.FAIL, destination, cause)]
    assert bench.told(1) == cleared(destination, "2001")


def test_deflect_to_a_line_that_forwards(bench: Bench) -> None:
    forward(bench, "2003", F.IMMEDIATE, "2004")
    call = bench.call("2001", "2002")
    bench.told()
    done(bench.pbx.deflect(call, "2002", "2003"))
    immediate = C.CALL_FORWARD_IMMEDIATE
    assert bench.told() == [
        (K.DIVERT, "2002", C.REDIRECTED),
        (K.DIVERT, "2003", immediate),
        (K.DELIVER, "2004", immediate),
    ]


def test_refused_deflections(bench: Bench) -> None:
    call = bench.call("2001", "2002")
    deflect = bench.pbx.deflect
    assert bench.refused(deflect(call, "2001", "2003")) is Reason.INVALID_CONNECTION_STATE
    assert bench.refused(deflect(call, "2003", "2004")) is Reason.INVALID_CONNECTION_ID
    assert bench.refused(deflect(call, "2002", "3000")) is Reason.INVALID_DESTINATION
    for party in ("2001", "2002"):
        assert bench.refused(deflect(call, "2002", party)) is Reason.INVALID_DESTINATION_DEVICE_OBJECT
    done(bench.pbx.answer(call, "2002"))
    assert bench.refused(deflect(call, "2002", "2003")) is Reason.INVALID_CONNECTION_STATE
    outside = bench.call("2003", "91")
    assert bench.refused(deflect(outside, "91", "2004")) is Reason.INVALID_DEVICE_ID
    bench.told()


def test_digits(bench: Bench) -> None:
    call = bench.up("2001", "2002")
    done(bench.pbx.generate_digits(call, "2001", "12#"))
    assert bench.told() == [Digits(call, "2001", "12#")]
    done(bench.pbx.hold(call, "2001"))
    refused = bench.refused(bench.pbx.generate_digits(call, "2001", "1"))
    assert refused is Reason.INVALID_CONNECTION_STATE
    bench.told()


def test_a_loop_kept_from_earlier_ends_a_single_step() -> None:
    loop = {"2003": features({F.IMMEDIATE: "2004"}), "2004": features({F.IMMEDIATE: "2003"})}
    other = Bench(saved=loop)
    call = other.up("2001", "2002")
    done(other.pbx.single_step_transfer(call, "2001", "2003"))
    assert other.told()[1:] == [
        (K.DIVERT, "2003", C.CALL_FORWARD_IMMEDIATE),
        (K.FAIL, "2004", C.DEST_NOT_OBTAINABLE),
    ]
    assert other.told(15) == cleared("2004", "2002")
    assert other.nothing_left()
