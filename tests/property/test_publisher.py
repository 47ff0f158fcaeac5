"""Whatever happens on the way, in the end there is at the server what was put last, and nothing else."""

from __future__ import annotations

from typing import Any

import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.compositor import Server

lines = st.sampled_from(["1", "2", "3"])
states = st.sampled_from([b"a", b"b", b"c", None])
refusals = st.sampled_from([(500, {}), (503, {"Retry-After": "30"}), (401, {}), (412, {}), (403, {})])
steps = st.one_of(
    st.tuples(st.just("put"), lines, states),
    st.tuples(st.just("answer")),
    st.tuples(st.just("pass"), st.integers(1, 4000)),
    st.tuples(st.just("fail"), st.none() | refusals),
    st.tuples(st.just("lose")),
)


def do(server: Server, step: Any, wanted: dict[str, bytes]) -> None:
    match step:
        case ("put", line, state):
            body = None if state is None else line.encode() + state
            server.publisher.put("a@b", line, body)
            wanted.pop(line, None)
            if body is not None:
                wanted[line] = body
        case ("answer",) if server.under_way:
            server.answer()
        case ("pass", seconds):
            server.time += seconds
            server.timers.fire()
        case ("fail", plan):
            server.plans.append(plan)
        case ("lose",):
            server.there.clear()


@given(st.lists(steps, max_size=40), st.sampled_from([1, 2, 50]))
def test_in_the_end_there_is_what_was_put_last(happens: list[Any], at_once: int) -> None:
    server = Server(at_once=at_once)
    wanted: dict[str, bytes] = {}
    with structlog.testing.capture_logs():
        for step in happens:
            do(server, step, wanted)
        server.plans.clear()
        for _ in range(3):  # what was lost without our knowing it comes back by a refresh
            server.passes(4000)
    assert server.bodies() == sorted(wanted.values())
    assert len(server.publisher) == len(wanted)
    assert server.publisher.paused == 0
    over: list[bool] = []
    server.publisher.close(lambda: over.append(True))
    server.settle()
    assert (over, server.bodies(), server.timers.next()) == ([True], [], None)
