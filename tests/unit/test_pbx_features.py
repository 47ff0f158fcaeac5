"""What the lines of the simulated PBX are set to: forwarding for some calls only, after some rings; bars."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ctigw.errors import Reason
from ctigw.switch.driver import Cause, DoNotDisturb, Forwarding, ForwardRule, Kind, LineFeatures
from simulators.behaviours import EXTERNAL, INTERNAL, Limits
from tests.done import done
from tests.pbx_bench import Bench, Told, cleared, features, forward, waiting

K, C, F = Kind, Cause, Forwarding
CAUSES = {
    F.IMMEDIATE: C.CALL_FORWARD_IMMEDIATE,
    F.BUSY: C.CALL_FORWARD_BUSY,
    F.DO_NOT_DISTURB: C.CALL_FORWARD,
    F.NO_ANSWER: C.CALL_FORWARD_NO_ANSWER,
}
CALLED = {F.IMMEDIATE: "2002", F.BUSY: "2007", F.DO_NOT_DISTURB: "2009", F.NO_ANSWER: "2002"}
UNFORWARDED: Mapping[Forwarding, list[Told]] = {
    F.IMMEDIATE: [(K.DELIVER, "2002", C.NEW_CALL)],
    F.BUSY: [(K.FAIL, "2007", C.BUSY)],
    F.DO_NOT_DISTURB: [(K.FAIL, "2009", C.DO_NOT_DISTURB)],
    F.NO_ANSWER: [(K.FAIL, "2002", C.CALL_NOT_ANSWERED), *cleared("2002")],
}


def tried(bench: Bench, called: str, *, outside: bool, ringing: bool) -> list[Told]:
    """What becomes of a call, from outside or inside; of the ``ringing`` it is only the end that counts."""
    if outside:
        bench.pbx.ring_in("95551234", called)
    else:
        bench.call("2001", called)
    told = bench.told()[1 if outside else 2 :]
    return bench.told(30) if ringing else told


@pytest.mark.parametrize("outside", [False, True], ids=["from inside", "from outside"])
@pytest.mark.parametrize("table", [INTERNAL, EXTERNAL], ids=["internal", "external"])
@pytest.mark.parametrize("when", INTERNAL, ids=lambda when: when.value)
def test_forwarding_of_calls_of_one_origin(
    bench: Bench, when: Forwarding, table: Mapping[Forwarding, Forwarding], outside: bool
) -> None:
    forward(bench, CALLED[when], table[when], "2003")
    told = tried(bench, CALLED[when], outside=outside, ringing=when is F.NO_ANSWER)
    if outside == (table is EXTERNAL):
        cause = CAUSES[when]
        assert told == [(K.DIVERT, CALLED[when], cause), (K.DELIVER, "2003", cause)]
    else:
        assert told == UNFORWARDED[when]


@pytest.mark.parametrize(("outside", "rings"), [(False, "2004"), (True, "2003")])
def test_a_forwarding_for_one_origin_goes_before_one_for_all(bench: Bench, outside: bool, rings: str) -> None:
    forward(bench, "2002", F.IMMEDIATE, "2003")
    forward(bench, "2002", F.IMMEDIATE_INTERNAL, "2004")
    told = tried(bench, "2002", outside=outside, ringing=False)
    assert told[-1] == (K.DELIVER, rings, C.CALL_FORWARD_IMMEDIATE)


def test_after_some_rings() -> None:
    bench = Bench(limits=Limits(ring=4, no_answer=30))
    forward(bench, "2002", F.NO_ANSWER, "2003", rings=2)
    forward(bench, "2002", F.NO_ANSWER_EXTERNAL, "2004", rings=10)
    bench.call("2001", "2002")
    assert bench.told(7)[-1] == (K.DELIVER, "2002", C.NEW_CALL)
    assert bench.told(1)[-1] == (K.DELIVER, "2003", C.CALL_FORWARD_NO_ANSWER)
    bench.clear_everything()
    bench.pbx.ring_in("91", "2002")
    assert bench.told(39)[-1] == (K.DELIVER, "2002", C.NEW_CALL)
    assert bench.told(1)[-1] == (K.DELIVER, "2004", C.CALL_FORWARD_NO_ANSWER)


def test_a_forwarding_that_is_off_is_kept_and_not_followed(bench: Bench) -> None:
    forward(bench, "2002", F.IMMEDIATE, "2003")
    off = ForwardRule(F.IMMEDIATE, "2003", active=False)
    done(bench.pbx.set_forwarding("2002", off))
    assert done(bench.pbx.features("2002")) == LineFeatures(forwarding=(off,))
    bench.told()
    bench.call("2001", "2002")
    assert bench.told()[-1] == (K.DELIVER, "2002", C.NEW_CALL)


def test_forwardings_are_kept_in_one_order(bench: Bench) -> None:
    for when in (F.NO_ANSWER, F.BUSY_EXTERNAL, F.IMMEDIATE):
        forward(bench, "2002", when, "2003")
    together = features(dict.fromkeys((F.IMMEDIATE, F.NO_ANSWER, F.BUSY_EXTERNAL), "2003"))
    assert bench.pbx.line_features("2002") == together


def test_what_is_set_while_a_phone_rings_does_not_touch_that_call(bench: Bench) -> None:
    bench.call("2001", "2002")
    bench.told()
    done(bench.pbx.set_do_not_disturb("2002", on=True))
    assert bench.told() == [DoNotDisturb("2002", on=True)]
    forward(bench, "2002", F.IMMEDIATE, "2003")
    assert bench.pbx.phase("2002") != ()
    assert bench.told(29) == []


def test_forwarding_set_while_a_phone_rings_is_for_the_next_call(bench: Bench) -> None:
    forward(bench, "2003", F.NO_ANSWER, "2004")
    bench.call("2001", "2002")
    bench.call("2005", "2003")
    bench.told()
    forward(bench, "2002", F.NO_ANSWER, "2004")
    forward(bench, "2003", F.NO_ANSWER, "2006")
    told = bench.told(30)
    assert told[0] == (K.FAIL, "2002", C.CALL_NOT_ANSWERED)
    assert told[-1] == (K.DELIVER, "2004", C.CALL_FORWARD_NO_ANSWER)


def test_a_barred_line_forwards_nothing_outside(bench: Bench) -> None:
    refused = bench.refused(bench.pbx.set_forwarding("2020", ForwardRule(F.IMMEDIATE, "91")))
    assert refused is Reason.INVALID_FORWARDING_DESTINATION
    forward(bench, "2020", F.IMMEDIATE, "2003")


def test_features_of_a_slow_phone_take_their_time(bench: Bench) -> None:
    asked = waiting(bench.pbx.features("2012"))
    assert (bench.told(2.9), asked) == ([], [])
    assert (bench.told(0.2), asked) == ([], [LineFeatures()])
