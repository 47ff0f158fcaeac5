"""What the gateway relies on in a driver, as tests that the author of one runs.

::

    class TestOfficePbx(DriverContract):
        @pytest.fixture
        def bench(self):
            clock = Clock()
            return Bench(OfficePbx(clock), lines=("100", "101", "102"), nowhere="999", advance=clock.advance)

What the driver does not offer is skipped.  `ctigw.switch.driver` has the promises in words.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    AnyReport,
    Category,
    Cause,
    CompletionFailure,
    Digits,
    DoNotDisturb,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    LineFeatures,
    Link,
    Merge,
    Report,
)
from ctigw.testing.probe import LINK_SECONDS, Bench, Probe, probing

__all__ = ["Bench", "DriverContract"]

K, C, F = Kind, Cause, Forwarding
NO_CALL = "no-such-call"
NO_FEATURES = LineFeatures()


class DriverContract:
    """Tests of a driver: have a fixture ``bench`` of your own, a fresh `Bench` for every test."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError(
            "define a fixture `bench` that returns a ctigw.testing.driver_contract.Bench"
        )

    @pytest.fixture
    def probe(self, bench: Bench) -> Iterator[Probe]:
        """The driver, started; every call is cleared at the end."""
        with probing(bench) as probe:
            yield probe

    # What is there

    def test_lines_and_numbers(self, probe: Probe) -> None:
        driver, lines = probe.driver, probe.driver.lines()
        for number, line in lines.items():
            assert line.number == number, f"lines() has {line} under {number!r}: it must be by number"
        for number in probe.lines:
            assert number in lines, f"lines() does not have {number!r}, a line of the bench"
            assert lines[number].category is Category.STATION, f"{number} must be a STATION, to be commanded"
            assert lines[number].in_service, f"{number} is not in service, by lines()"
        for number in probe.lines[1:]:
            assert driver.can_call(number, probe.lines[0]), (
                f"can_call({number!r}, {probe.lines[0]!r}) is false"
            )
        for device in ("", probe.lines[0]):
            called = driver.can_call(probe.bench.nowhere, device)
            assert not called, f"can_call({probe.bench.nowhere!r}, {device!r}) is true"

    # One call

    def test_a_call_is_placed(self, probe: Probe) -> None:
        a, b, _ = probe.lines
        call = probe.places("make_call", a, b)
        told = probe.saw((K.ORIGINATE, call, a, C.NEW_CALL), (K.DELIVER, call, b, C.NEW_CALL))
        _dialled(told, b, C.MAKE_CALL)
        probe.stands(call, {a: "connected", b: "alerting"})

    def test_a_prompted_caller_is_initiated(self, probe: Probe) -> None:
        probe.needs("answer")
        a, b, _ = probe.lines
        call = _prompted(probe)
        probe.does("answer", call, a)
        _dialled(
            probe.saw((K.ORIGINATE, call, a, C.NEW_CALL), (K.DELIVER, call, b, C.NEW_CALL)), b, C.MAKE_CALL
        )
        probe.stands(call, {a: "connected", b: "alerting"})

    def test_a_prompted_caller_may_lift_the_handset_by_hand(self, probe: Probe) -> None:
        pick_up = probe.has("pick_up")
        a, b, _ = probe.lines
        call = _prompted(probe)
        pick_up(a)
        probe.saw((K.ORIGINATE, call, a, C.NEW_CALL), (K.DELIVER, call, b, C.NEW_CALL))

    def test_a_call_is_answered(self, probe: Probe) -> None:
        probe.needs("answer")
        a, b, _ = probe.lines
        call = _ringing(probe)
        probe.does("answer", call, b)
        probe.saw((K.ESTABLISH, call, b, C.NORMAL))
        probe.stands(call, {a: "connected", b: "connected"})

    def test_a_call_is_answered_by_hand(self, probe: Probe) -> None:
        pick_up = probe.has("pick_up")
        a, b, _ = probe.lines
        call = _ringing(probe)
        pick_up(b)
        probe.saw((K.ESTABLISH, call, b, C.NORMAL))
        probe.stands(call, {a: "connected", b: "connected"})

    @pytest.mark.parametrize("who", [0, 1], ids=["caller", "called"])
    def test_a_party_is_cleared(self, probe: Probe, who: int) -> None:
        probe.needs("answer", "clear")
        call = _talking(probe)
        probe.does("clear", call, probe.lines[who])
        probe.saw((K.CLEAR, call, probe.lines[who], C.NORMAL_CLEARING))

    def test_a_caller_gives_up(self, probe: Probe) -> None:
        probe.needs("clear")
        a, b, _ = probe.lines
        call = _ringing(probe)
        probe.does("clear", call, a)
        told = probe.told()
        _cleared(told, call, a, C.NORMAL_CLEARING)
        _cleared(told, call, b, C.CALL_CANCELLED, C.NORMAL_CLEARING)
        probe.agree()
        probe.stands(call, {})

    def test_a_call_is_cleared_for_everybody(self, probe: Probe) -> None:
        probe.needs("answer", "clear_call")
        a, b, _ = probe.lines
        call = _talking(probe)
        probe.does("clear_call", call)
        told = probe.told()
        for device in (a, b):
            _cleared(told, call, device, C.NORMAL_CLEARING)
        probe.agree()
        probe.stands(call, {})

    def test_ids_are_not_used_again(self, probe: Probe) -> None:
        if probe.offered.isdisjoint({"clear", "clear_call"}):
            pytest.skip("the driver offers neither clear nor clear_call")
        for _ in range(3):  # `places` judges the id
            _ringing(probe)
            probe.clear_everything()

    def test_a_call_to_the_outside_world(self, probe: Probe) -> None:
        outside = probe.has("outside")
        a = probe.lines[0]
        assert probe.driver.can_call(outside, a), f"can_call({outside!r}, {a!r}) is false"
        call = probe.places("make_call", a, outside)
        told = probe.saw((K.ORIGINATE, call, a, C.NEW_CALL))
        lines = probe.driver.lines()
        for report in told:
            if isinstance(report, Report) and report.kind is K.REACH_NETWORK:
                line = lines.get(report.network)
                known = line is not None and line.category is Category.NETWORK_INTERFACE
                assert known, f"{report}: its network must be a NETWORK_INTERFACE in lines()"

    def test_digits_are_sent(self, probe: Probe) -> None:
        probe.needs("answer", "generate_digits")
        a = probe.lines[0]
        call = _talking(probe)
        probe.does("generate_digits", call, a, "12#")
        _heard_if_told(probe, K.DIGITS, Digits(call, a, "12#"))

    # One call and another

    def test_a_call_is_held_and_retrieved(self, probe: Probe) -> None:
        probe.needs("answer", "hold", "retrieve")
        a, b, _ = probe.lines
        call = _talking(probe)
        probe.does("hold", call, a)
        probe.saw((K.HOLD, call, a, C.NORMAL))
        probe.stands(call, {a: "hold", b: "connected"})
        probe.does("retrieve", call, a)
        probe.saw((K.RETRIEVE, call, a, C.NORMAL))
        probe.stands(call, {a: "connected", b: "connected"})

    def test_a_consultation(self, probe: Probe) -> None:
        probe.needs("answer", "consult")
        a, b, c = probe.lines
        held = _talking(probe)
        active = probe.places("consult", held, a, c)
        told = probe.saw(
            (K.HOLD, held, a, C.CONSULTATION),
            (K.ORIGINATE, active, a, C.CONSULTATION),
            (K.DELIVER, active, c, C.CONSULTATION),
        )
        _dialled(told, c, C.CONSULTATION)
        probe.stands(held, {a: "hold", b: "connected"})
        probe.stands(active, {a: "connected", c: "alerting"})

    def test_two_calls_alternate(self, probe: Probe) -> None:
        probe.needs("answer", "consult", "alternate")
        a, b, c = probe.lines
        held, active = _consulting(probe)
        probe.does("alternate", held, active, a)
        probe.saw((K.HOLD, active, a, C.ALTERNATE), (K.RETRIEVE, held, a, C.ALTERNATE))
        probe.stands(held, {a: "connected", b: "connected"})
        probe.stands(active, {a: "hold", c: "connected"})

    def test_the_held_call_is_reconnected(self, probe: Probe) -> None:
        probe.needs("answer", "consult", "reconnect")
        a, b, _ = probe.lines
        held, active = _consulting(probe)
        probe.does("reconnect", held, active, a)
        probe.saw((K.CLEAR, active, a, C.NORMAL_CLEARING), (K.RETRIEVE, held, a, C.NORMAL))
        probe.stands(held, {a: "connected", b: "connected"})

    def test_a_transfer(self, probe: Probe) -> None:
        probe.needs("answer", "consult", "transfer")
        a, b, c = probe.lines
        held, active = _consulting(probe)
        call = probe.does("transfer", held, active, a)
        probe.heard(Merge(K.TRANSFER, call, a, C.TRANSFER, held, active, c))
        probe.stands(call, {b: "connected", c: "connected"})

    def test_a_transfer_to_a_phone_that_rings(self, probe: Probe) -> None:
        """A PBX may refuse this; then everything stays as it was."""
        probe.needs("answer", "consult", "transfer")
        a, b, c = probe.lines
        held = _talking(probe)
        active = probe.places("consult", held, a, c)
        probe.told()
        try:
            call = probe.does("transfer", held, active, a)
        except Refused:
            probe.refuses(Reason.INVALID_CONNECTION_STATE, f"{c} only rings", transfer=(held, active, a))
            probe.agree()
            probe.stands(active, {a: "connected", c: "alerting"})
            return
        probe.heard(Merge(K.TRANSFER, call, a, C.TRANSFER, held, active, c))
        probe.stands(call, {b: "connected", c: "alerting"})
        probe.does("answer", call, c)
        probe.saw((K.ESTABLISH, call, c, C.NORMAL))
        probe.stands(call, {b: "connected", c: "connected"})

    def test_a_conference(self, probe: Probe) -> None:
        probe.needs("answer", "consult", "conference")
        a, b, c = probe.lines
        held, active = _consulting(probe)
        call = probe.does("conference", held, active, a)
        probe.heard(Merge(K.CONFERENCE, call, a, C.CONFERENCE, held, active, c))
        probe.stands(call, {a: "connected", b: "connected", c: "connected"})

    def test_a_conference_goes_on_without_one_party(self, probe: Probe) -> None:
        probe.needs("answer", "consult", "conference", "clear")
        a, b, c = probe.lines
        call = probe.does("conference", *_consulting(probe), a)
        probe.told()
        probe.does("clear", call, c)
        probe.saw((K.CLEAR, call, c, C.NORMAL_CLEARING))
        probe.stands(call, {a: "connected", b: "connected"})

    # In a single step

    def test_a_single_step_transfer(self, probe: Probe) -> None:
        probe.needs("answer", "single_step_transfer")
        a, b, c = probe.lines
        before = _talking(probe)
        call = probe.does("single_step_transfer", before, a, c)
        cause = C.SINGLE_STEP_TRANSFER
        told = probe.saw((K.TRANSFER, call, a, cause), (K.DELIVER, call, c, cause))
        _is_among(told, Merge(K.TRANSFER, call, a, cause, before, other=c))
        probe.stands(call, {b: "connected", c: "alerting"})

    def test_a_single_step_conference(self, probe: Probe) -> None:
        probe.needs("answer", "single_step_conference")
        a, b, c = probe.lines
        before = _talking(probe)
        call = probe.does("single_step_conference", before, a, c)
        cause = C.SINGLE_STEP_CONFERENCE
        told = probe.saw((K.CONFERENCE, call, a, cause), (K.DELIVER, call, c, cause))
        _is_among(told, Merge(K.CONFERENCE, call, a, cause, before, other=c))
        probe.stands(call, {a: "connected", b: "connected", c: "alerting"})

    @pytest.mark.parametrize("command", ["single_step_transfer", "single_step_conference"])
    def test_a_single_step_comes_to_nothing(self, probe: Probe, command: str) -> None:
        """To somebody who does not want to be disturbed; a PBX may refuse it at once."""
        probe.needs("answer", command, "set_do_not_disturb")
        a, b, c = probe.lines
        probe.does("set_do_not_disturb", c, on=True)
        probe.told()
        call = _talking(probe)
        try:
            probe.does(command, call, a, c)
        except Refused:
            probe.saw()
        else:
            _failed(probe.saw(), call, a)
        probe.stands(call, {a: "connected", b: "connected"})
        probe.does("set_do_not_disturb", c, on=False)

    def test_a_ringing_call_is_deflected(self, probe: Probe) -> None:
        probe.needs("deflect")
        a, b, c = probe.lines
        call = _ringing(probe)
        probe.does("deflect", call, b, c)
        told = probe.saw((K.DIVERT, call, b, C.REDIRECTED), (K.DELIVER, call, c, C.REDIRECTED))
        _is_among(told, Report(K.DIVERT, call, b, C.REDIRECTED, destination=c))
        probe.stands(call, {a: "connected", c: "alerting"})

    # What lines are set to

    def test_a_line_is_not_disturbed(self, probe: Probe) -> None:
        probe.needs("set_do_not_disturb")
        _, b, _ = probe.lines
        probe.does("set_do_not_disturb", b, on=True)
        _heard_if_told(probe, K.DO_NOT_DISTURB, DoNotDisturb(b, on=True))
        _must_be_set(probe, b, LineFeatures(do_not_disturb=True))
        probe.does("set_do_not_disturb", b, on=True)
        again = probe.told()
        assert not again, f"do not disturb was on already, nothing has changed, and yet there is {again}"
        probe.does("set_do_not_disturb", b, on=False)
        _heard_if_told(probe, K.DO_NOT_DISTURB, DoNotDisturb(b, on=False))
        _must_be_set(probe, b, NO_FEATURES)

    def test_a_line_that_is_not_disturbed_does_not_ring(self, probe: Probe) -> None:
        probe.needs("make_call", "set_do_not_disturb")
        _, b, _ = probe.lines
        probe.does("set_do_not_disturb", b, on=True)
        probe.told()
        told = _tried(probe)
        rang = [r for r in told if isinstance(r, Report) and (r.kind, r.device) == (K.DELIVER, b)]
        assert not rang, f"do not disturb is on at {b}, and yet it rings: {rang}"
        causes = {r.cause for r in told if isinstance(r, Report) and (r.kind, r.device) == (K.FAIL, b)}
        assert causes <= {C.DO_NOT_DISTURB}, f"a call failed at {b}, with do not disturb on, for {causes}"
        probe.does("set_do_not_disturb", b, on=False)

    def test_forwardings_are_kept(self, probe: Probe) -> None:
        probe.needs("set_forwarding")
        a, b, c = probe.lines
        first = ForwardRule(F.IMMEDIATE, c)
        _forward(probe, b, first)
        _must_be_set(probe, b, LineFeatures(forwarding=(first,)))
        _must_be_set(probe, a, NO_FEATURES)
        changed = ForwardRule(F.IMMEDIATE, a)
        _forward(probe, b, changed)
        _must_be_set(probe, b, LineFeatures(forwarding=(changed,)))
        probe.does("set_forwarding", b, changed)
        again = probe.told()
        assert not again, f"that forwarding was set already, nothing has changed, and yet there is {again}"
        second = ForwardRule(F.NO_ANSWER, c, rings=3)
        try:
            _forward(probe, b, second)
        except Refused:
            return  # a PBX need not have every kind of forwarding, nor count rings
        _must_be_set(probe, b, LineFeatures(forwarding=(changed, second)))

    def test_a_forwarding_is_followed_until_it_is_off(self, probe: Probe) -> None:
        probe.needs("make_call", "set_forwarding")
        a, b, c = probe.lines
        rule = ForwardRule(F.IMMEDIATE, c)
        _forward(probe, b, rule)
        call = probe.places("make_call", a, b)
        cause = C.CALL_FORWARD_IMMEDIATE
        told = probe.saw((K.DIVERT, call, b, cause), (K.DELIVER, call, c, cause))
        _is_among(told, Report(K.DIVERT, call, b, cause, destination=c))
        probe.stands(call, {a: "connected", c: "alerting"})
        probe.clear_everything()
        _forward(probe, b, ForwardRule(F.IMMEDIATE, c, active=False))
        _must_be_set(probe, b, NO_FEATURES)
        _ringing(probe)

    # What is refused

    def test_an_unknown_line_is_refused(self, probe: Probe) -> None:
        nowhere, a = probe.bench.nowhere, probe.lines[0]
        why = f"there is no line {nowhere}"
        if "make_call" in probe.offered:
            probe.refuses(Reason.INVALID_CALLING_DEVICE_ID, why, make_call=(nowhere, a))
        probe.refuses(
            Reason.INVALID_DEVICE_ID,
            why,
            set_forwarding=(nowhere, ForwardRule(F.IMMEDIATE, a)),
            set_do_not_disturb=(nowhere,),
            features=(nowhere,),
            snapshot=(nowhere,),
        )

    def test_a_number_that_cannot_be_called_is_refused(self, probe: Probe) -> None:
        nowhere, a = probe.bench.nowhere, probe.lines[0]
        why = f"{nowhere} cannot be called"
        probe.refuses(Reason.INVALID_CALLED_DEVICE_ID, why, make_call=(a, nowhere))

    def test_a_second_call_to_nowhere_is_refused(self, probe: Probe) -> None:
        probe.needs("answer")
        nowhere, a = probe.bench.nowhere, probe.lines[0]
        call = _talking(probe)
        probe.refuses(Reason.INVALID_CALLED_DEVICE_ID, "it cannot be called", consult=(call, a, nowhere))
        probe.stands(call, dict.fromkeys(probe.lines[:2], "connected"))

    def test_a_call_cannot_be_sent_to_nowhere(self, probe: Probe) -> None:
        probe.needs("answer")
        nowhere, (a, b, _) = probe.bench.nowhere, probe.lines
        why = f"{nowhere} cannot be called"
        call = _ringing(probe)
        if "deflect" in probe.offered:
            probe.refuses(Reason.INVALID_DESTINATION, why, deflect=(call, b, nowhere))
        probe.does("answer", call, b)
        probe.told()
        probe.refuses(
            Reason.INVALID_DESTINATION,
            why,
            single_step_transfer=(call, a, nowhere),
            single_step_conference=(call, a, nowhere),
        )

    def test_a_party_cannot_come_in_again(self, probe: Probe) -> None:
        probe.needs("answer")
        a, b, _ = probe.lines
        why = "the destination is in the call already"
        call = _ringing(probe)
        if "deflect" in probe.offered:
            probe.refuses(Reason.INVALID_DESTINATION_DEVICE_OBJECT, why, deflect=(call, b, a))
        probe.does("answer", call, b)
        probe.told()
        probe.refuses(
            Reason.INVALID_DESTINATION_DEVICE_OBJECT,
            why,
            single_step_transfer=(call, a, b),
            single_step_conference=(call, a, b),
        )

    def test_forwarding_nowhere_and_to_oneself_is_refused(self, probe: Probe) -> None:
        probe.needs("set_forwarding")
        a = probe.lines[0]
        for to, why in ((probe.bench.nowhere, "it cannot be called"), (a, "it would come back for ever")):
            rule = ForwardRule(F.IMMEDIATE, to)
            probe.refuses(Reason.INVALID_FORWARDING_DESTINATION, why, set_forwarding=(a, rule))
            _must_be_set(probe, a, NO_FEATURES)

    def test_an_unknown_call_is_refused(self, probe: Probe) -> None:
        a, _, c = probe.lines
        _refused_at(probe, NO_CALL, a, c, "there is no such call")

    def test_a_call_that_is_over_is_refused(self, probe: Probe) -> None:
        if probe.offered.isdisjoint({"clear", "clear_call"}):
            pytest.skip("the driver offers neither clear nor clear_call")
        a, _, c = probe.lines
        call = _ringing(probe)
        probe.clear_everything()
        _refused_at(probe, call, a, c, "that call is over")

    def test_a_device_outside_the_call_is_refused(self, probe: Probe) -> None:
        probe.needs("answer")
        a, _, c = probe.lines
        call = _talking(probe)
        probe.refuses(
            Reason.INVALID_CONNECTION_ID,
            f"{c} is not in that call",
            answer=(call, c),
            clear=(call, c),
            hold=(call, c),
            retrieve=(call, c),
            consult=(call, c, a),
            generate_digits=(call, c, "1"),
            deflect=(call, c, a),
        )

    def test_a_ringing_phone_cannot_do_what_a_talking_one_can(self, probe: Probe) -> None:
        _, b, c = probe.lines
        call = _ringing(probe)
        probe.refuses(
            Reason.INVALID_CONNECTION_STATE,
            f"{b} only rings",
            hold=(call, b),
            retrieve=(call, b),
            consult=(call, b, c),
            generate_digits=(call, b, "1"),
            single_step_transfer=(call, b, c),
            single_step_conference=(call, b, c),
        )

    def test_a_talking_phone_cannot_do_what_a_ringing_one_can(self, probe: Probe) -> None:
        probe.needs("answer")
        a, b, c = probe.lines
        call = _talking(probe)
        probe.refuses(
            Reason.INVALID_CONNECTION_STATE,
            "it is connected, it neither rings nor holds",
            answer=(call, b),
            deflect=(call, b, c),
            retrieve=(call, a),
        )

    def test_a_phone_that_holds_cannot_do_what_a_talking_one_can(self, probe: Probe) -> None:
        probe.needs("answer", "hold")
        a, b, c = probe.lines
        call = _talking(probe)
        probe.does("hold", call, a)
        probe.saw((K.HOLD, call, a, C.NORMAL))
        probe.refuses(
            Reason.INVALID_CONNECTION_STATE,
            f"{a} has that call on hold",
            answer=(call, a),
            hold=(call, a),
            consult=(call, a, c),
            generate_digits=(call, a, "1"),
            single_step_transfer=(call, a, c),
            single_step_conference=(call, a, c),
        )
        probe.stands(call, {a: "hold", b: "connected"})

    def test_two_calls_are_not_taken_for_each_other(self, probe: Probe) -> None:
        probe.needs("answer", "consult")
        a = probe.lines[0]
        held, active = _consulting(probe)
        probe.refuses(
            Reason.INVALID_CONNECTION_STATE,
            "the first call must be the held one, the second the active one",
            alternate=(active, held, a),
            reconnect=(active, held, a),
            transfer=(active, held, a),
            conference=(active, held, a),
        )

    # Snapshots (every test compares them with the reports, where they are offered)

    def test_a_snapshot_says_who_calls_whom(self, probe: Probe) -> None:
        probe.needs("snapshot")
        a, b, _ = probe.lines
        _ringing(probe)
        for line in (a, b):
            [leg] = probe.does("snapshot", line)
            assert (leg.calling, leg.called) == (a, b), (
                f"the snapshot of {line} has {leg}: {a} is calling and called {b}, "
                "and the gateway mends what it has lost by that"
            )

    def test_a_snapshot_does_not_run_ahead_of_reports(self, probe: Probe) -> None:
        probe.needs("snapshot")
        a, b, _ = probe.lines
        probe.places("make_call", a, b)
        probe.agree()  # at once: the call may have to be reported yet
        if "answer" in probe.offered:
            [call] = {r.call for r in probe.told() if isinstance(r, Report)}
            probe.does("answer", call, b)
            probe.agree()

    # The link

    def test_nothing_can_be_commanded_while_the_link_is_down(self, probe: Probe) -> None:
        probe.needs("answer")
        a, b, c = probe.lines
        call = _talking(probe)
        _lose_link(probe)
        probe.refuses(
            Reason.RESOURCE_OUT_OF_SERVICE,
            "the PBX cannot be reached",
            make_call=(c, a),
            clear_call=(call,),
            clear=(call, a),
            hold=(call, a),
            consult=(call, a, c),
            generate_digits=(call, a, "1"),
            single_step_transfer=(call, a, c),
            single_step_conference=(call, b, c),
            set_forwarding=(c, ForwardRule(F.IMMEDIATE, a)),
            set_do_not_disturb=(c,),
            features=(c,),
            snapshot=(a,),
        )
        _mend_link(probe)

    def test_calls_can_be_placed_when_the_link_is_back(self, probe: Probe) -> None:
        _lose_link(probe)
        _mend_link(probe)
        _ringing(probe)

    def test_snapshots_say_what_happened_while_the_link_was_down(self, probe: Probe) -> None:
        probe.needs("snapshot")
        pick_up = probe.has("pick_up")
        b = probe.lines[1]
        call = _ringing(probe)
        _lose_link(probe)
        pick_up(b)
        assert not probe.told(), "nothing may be reported while the link is down"
        _mend_link(probe)
        states = [leg.state for leg in probe.does("snapshot", b) if leg.call == call]
        assert states == ["connected"], f"{b} was answered while the link was down; its snapshot has {states}"

    # The end

    def test_nothing_is_reported_after_stop(self, probe: Probe) -> None:
        a, b, _ = probe.lines
        probe.places("make_call", a, b)
        probe.stop()  # while what the call causes is on its way
        probe.told()


# How a test gets where it begins


def _ringing(probe: Probe) -> str:
    """The first line has called the second one, which rings."""
    a, b, _ = probe.lines
    call = probe.places("make_call", a, b)
    probe.saw((K.DELIVER, call, b, C.NEW_CALL))
    return call


def _talking(probe: Probe) -> str:
    """The first line has called the second one, which has answered."""
    b = probe.lines[1]
    call = _ringing(probe)
    probe.does("answer", call, b)
    probe.saw((K.ESTABLISH, call, b, C.NORMAL))
    return call


def _consulting(probe: Probe) -> tuple[str, str]:
    """The first line has the second one on hold and talks to the third: the held call and the active one."""
    a, _, c = probe.lines
    held = _talking(probe)
    active = probe.places("consult", held, a, c)
    probe.saw((K.DELIVER, active, c, C.CONSULTATION))
    probe.does("answer", active, c)
    probe.saw((K.ESTABLISH, active, c, C.NORMAL))
    return held, active


def _prompted(probe: Probe) -> str:
    """The first line is asked to lift the handset, for a call to the second one."""
    a, b, _ = probe.lines
    call = probe.places("make_call", a, b, prompt=True)
    _dialled(probe.saw((K.INITIATE, call, a, C.MAKE_CALL)), b, C.MAKE_CALL)
    probe.stands(call, {a: "initiated"})
    return call


def _tried(probe: Probe) -> list[AnyReport]:
    """What comes of a call from the first line to the second, if it is accepted at all."""
    a, b, _ = probe.lines
    try:
        probe.places("make_call", a, b)
    except Refused:
        """It may know beforehand that nothing would come of it."""
    return probe.told()


def _lose_link(probe: Probe) -> None:
    drop = probe.has("drop_link")
    probe.has("mend_link")
    drop()
    lost = probe.passes(lambda: not probe.up, LINK_SECONDS)
    assert lost, "the PBX was lost, and Link(up=False) is not reported"
    probe.told()


def _mend_link(probe: Probe) -> None:
    probe.has("mend_link")()
    back = probe.passes(lambda: probe.up, LINK_SECONDS)
    assert back, "the PBX is there again, and Link(up=True) is not reported"
    told = [report for report in probe.told() if not isinstance(report, Link)]
    assert not told, (
        f"what happened while the link was down is for snapshots to tell, and yet there is {told}"
    )
    probe.take_snapshots()


# What a test looks at


def _is_among(told: list[AnyReport], wanted: AnyReport) -> None:
    assert wanted in told, f"to be reported was {wanted}; reported was: {told}"


def _cleared(told: list[AnyReport], call: str, device: str, *causes: Cause) -> None:
    """``device`` has left ``call``, and it was told why: one of ``causes``."""
    why = [
        r.cause
        for r in told
        if isinstance(r, Report) and (r.kind, r.call, r.device) == (K.CLEAR, call, device)
    ]
    assert why, f"{device} has left {call}, and that is to be reported (clear); reported was: {told}"
    wanted = " or ".join(cause.value for cause in causes)
    assert why[0] in causes, f"{device} has left {call}: the cause must be {wanted}, not {why[0].value}"


def _heard_if_told(probe: Probe, kind: Kind, report: AnyReport) -> None:
    """What a driver without such reports need not tell."""
    if kind in probe.kinds:
        probe.heard(report)
    else:
        probe.saw()


def _dialled(told: list[AnyReport], called: str, initiated: Cause) -> None:
    """The reports of the caller name the number that was dialled; one that begins the call says why."""
    for report in told:
        if isinstance(report, Report) and report.kind in (K.INITIATE, K.ORIGINATE):
            assert report.called == called, f"{report}: `called` must be the number dialled, {called!r}"
            right = report.kind is K.ORIGINATE or report.cause is initiated
            assert right, f"{report}: its cause must be {initiated}"


def _failed(told: list[AnyReport], call: str, device: str) -> None:
    """A single step came to nothing, and that was told."""
    failures = [report for report in told if isinstance(report, CompletionFailure)]
    wanted = f"a CompletionFailure of {device} in {call}"
    assert failures, f"nobody answers the single step: {wanted} is to be reported; reported was: {told}"
    for failure in failures:
        assert (failure.call, failure.device) == (call, device), f"{wanted} is to be reported, not {failure}"
        why = (C.DO_NOT_DISTURB, C.BUSY, C.DEST_NOT_OBTAINABLE)
        assert failure.cause in why, f"{failure}: do not disturb is on there, its cause must be one of {why}"


def _forward(probe: Probe, line: str, rule: ForwardRule) -> None:
    probe.does("set_forwarding", line, rule)
    _heard_if_told(probe, K.FORWARDING, Forwarded(line, rule))


def _must_be_set(probe: Probe, line: str, features: LineFeatures) -> None:
    """``line`` is set to ``features``, whatever rules it keeps that are off, and in any order."""
    if "features" not in probe.offered:
        return
    shown = probe.does("features", line)
    assert isinstance(shown, LineFeatures), f"features({line!r}) gave {shown!r}: it must give LineFeatures"
    on = {rule for rule in shown.forwarding if rule.active}
    agrees = (shown.do_not_disturb, on) == (features.do_not_disturb, set(features.forwarding))
    assert agrees, f"{line} was set to {features}, and features({line!r}) gives {shown}"


def _refused_at(probe: Probe, call: str, a: str, c: str, why: str) -> None:
    """Every command for a call is refused for ``call``, which is none."""
    probe.refuses(
        Reason.INVALID_CONNECTION_ID,
        why,
        answer=(call, a),
        clear=(call, a),
        clear_call=(call,),
        hold=(call, a),
        retrieve=(call, a),
        consult=(call, a, c),
        alternate=(call, call, a),
        reconnect=(call, call, a),
        transfer=(call, call, a),
        conference=(call, call, a),
        single_step_transfer=(call, a, c),
        single_step_conference=(call, a, c),
        deflect=(call, a, c),
        generate_digits=(call, a, "1"),
    )
