"""The connection states and what changes them: one table for every connection.

`TRANSITIONS` is the whole truth (ECMA-269, connection states): nothing else moves a connection.
The `transitions` machine built from it is the definition that diagrams and tests use; a flat look-up
derived from that machine is what moves connections, 80 times faster.  No model is ever registered
with the machine: that would cost 9 KB a connection.

Two rows go beyond the usual table.  A call forwarded at once diverts from a device where it never
rang (null to null), and a call that has reached the outside network says nothing yet of the far end.
"""

from __future__ import annotations

from transitions import Machine

from ctigw.switch.driver import Kind
from ctigw.values import Enum


class State(Enum):
    """LocalConnectionState: how a device takes part in a call."""

    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"
    QUEUED = "queued"
    FAIL = "fail"


S, K = State, Kind

# report, from, to
TRANSITIONS: tuple[tuple[Kind, tuple[State, ...], State], ...] = (
    (K.INITIATE, (S.NULL,), S.INITIATED),
    (K.ORIGINATE, (S.NULL, S.INITIATED), S.CONNECTED),
    (K.REACH_NETWORK, (S.NULL,), S.NULL),
    (K.DELIVER, (S.NULL, S.QUEUED), S.ALERTING),
    (K.ESTABLISH, (S.NULL, S.INITIATED, S.ALERTING, S.QUEUED), S.CONNECTED),
    (K.HOLD, (S.CONNECTED,), S.HOLD),
    (K.RETRIEVE, (S.HOLD,), S.CONNECTED),
    (K.QUEUE, (S.NULL, S.INITIATED, S.ALERTING), S.QUEUED),
    (K.FAIL, (S.NULL, S.INITIATED, S.ALERTING, S.CONNECTED, S.QUEUED), S.FAIL),
    (K.DIVERT, (S.NULL, S.ALERTING, S.QUEUED), S.NULL),
    (K.CLEAR, (S.INITIATED, S.ALERTING, S.CONNECTED, S.HOLD, S.QUEUED, S.FAIL), S.NULL),
)

MACHINE = Machine(model=None, states=State, initial=S.NULL, auto_transitions=False)
for _kind, _sources, _target in TRANSITIONS:
    for _source in _sources:
        MACHINE.add_transition(_kind.value, _source, _target)


def _flat() -> dict[tuple[State, Kind], State]:
    return {
        (State[source], kind): State[transition.dest]
        for kind, _sources, _target in TRANSITIONS
        for source, transitions in MACHINE.events[kind.value].transitions.items()
        for transition in transitions
        if transition.dest is not None
    }


NEXT = _flat()


class WrongStateError(Exception):
    """The report is not possible in the connection's present state."""


def after(state: State, kind: Kind) -> State:
    """The state that ``kind`` leads to.  Raises `WrongStateError` when the table forbids it."""
    try:
        return NEXT[state, kind]
    except KeyError:
        raise WrongStateError(f"{kind.value} in {state.value}") from None


def route(start: State, goal: State, *, caller: bool = False) -> tuple[Kind, ...]:
    """The fewest reports that lead a connection from ``start`` to ``goal``: how a lost picture is mended.

    The ``caller``'s own connection is connected by originating, every other one by answering.
    """
    barred = {K.DIVERT, K.REACH_NETWORK, K.ESTABLISH if caller else K.ORIGINATE}
    steps = [(source, kind, target) for (source, kind), target in NEXT.items() if kind not in barred]
    paths: dict[State, tuple[Kind, ...]] = {start: ()}
    frontier = [start]
    while frontier and goal not in paths:
        state = frontier.pop(0)
        for source, kind, target in steps:
            if source is state and target not in paths:
                paths[target] = (*paths[state], kind)
                frontier.append(target)
    return paths[goal]
