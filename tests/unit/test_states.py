"""The state table against one written by hand, from the standard's descriptions of connection states."""

from __future__ import annotations

from itertools import product

import pytest

from ctigw.switch.driver import Kind
from ctigw.switch.states import MACHINE, NEXT, TRANSITIONS, State, WrongStateError, after, route

#                 report            null     initiated alerting connected hold     queued   fail
BY_HAND = """
                  initiate          initiated -        -        -         -        -        -
                  originate         connected connected -       -         -        -        -
                  reach_network     null     -         -        -         -        -        -
                  deliver           alerting -         -        -         -        alerting -
                  establish         connected connected connected -       -        connected -
                  hold              -        -         -        hold      -        -        -
                  retrieve          -        -         -        -         connected -       -
                  queue             queued   queued    queued   -         -        -        -
                  fail              fail     fail      fail     fail      -        fail     -
                  divert            null     -         null     -         -        null     -
                  clear             -        null      null     null      null     null     null
"""
STATES = ("null", "initiated", "alerting", "connected", "hold", "queued", "fail")
EXPECTED = {
    (State(state), Kind[line.split()[0].upper()]): cell
    for line in BY_HAND.split("\n")
    if line.strip()
    for state, cell in zip(STATES, line.split()[1:], strict=True)
}


KINDS = [kind for kind, _sources, _target in TRANSITIONS]


@pytest.mark.parametrize(("state", "kind"), list(product(State, KINDS)), ids=str)
def test_every_pair_of_state_and_report(state: State, kind: Kind) -> None:
    expected = EXPECTED[state, kind]
    if expected != "-":
        assert after(state, kind) is State(expected)
        return
    with pytest.raises(WrongStateError, match=f"{kind.value} in {state.value}"):
        after(state, kind)


@pytest.mark.parametrize(("start", "goal", "caller"), list(product(State, State, (False, True))), ids=str)
def test_a_route_leads_from_any_state_to_any_other(start: State, goal: State, caller: bool) -> None:
    state = start
    for kind in route(start, goal, caller=caller):
        state = after(state, kind)
    assert state is goal


@pytest.mark.parametrize(
    ("start", "goal", "caller", "kinds"),
    [
        (State.NULL, State.NULL, False, ()),
        (State.NULL, State.CONNECTED, True, (Kind.ORIGINATE,)),
        (State.NULL, State.CONNECTED, False, (Kind.ESTABLISH,)),
        (State.ALERTING, State.NULL, False, (Kind.CLEAR,)),
        (State.NULL, State.HOLD, False, (Kind.ESTABLISH, Kind.HOLD)),
        (State.ALERTING, State.HOLD, False, (Kind.ESTABLISH, Kind.HOLD)),
    ],
)
def test_a_route_is_what_would_have_happened(
    start: State, goal: State, caller: bool, kinds: tuple[Kind, ...]
) -> None:
    assert route(start, goal, caller=caller) == kinds


def test_the_look_up_is_the_machine() -> None:
    transitions = [
        (State[t.source], Kind(trigger), State[str(t.dest)])
        for trigger, event in MACHINE.events.items()
        for group in event.transitions.values()
        for t in group
    ]
    assert {(source, kind): target for source, kind, target in transitions} == NEXT
    assert len(transitions) == len(NEXT)
