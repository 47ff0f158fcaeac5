from __future__ import annotations

import pytest

from ctigw.sip.machines import CLIENT, CLIENT_INVITE, SERVER, SERVER_INVITE, Input, State, Table, input_of

TABLES = {"server": SERVER, "server INVITE": SERVER_INVITE, "client": CLIENT, "client INVITE": CLIENT_INVITE}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_state_that_is_reached_is_left_again_or_the_last(table: Table) -> None:
    left = {state for state, _ in table}
    reached = {after for _, after in table.values()}
    # What becomes of these stands in a lane: a kept answer, a name that is still known.
    assert reached - left <= {State.TERMINATED, State.COMPLETED}
    assert State.TERMINATED not in left


@pytest.mark.parametrize("table", [CLIENT, CLIENT_INVITE], ids=["client", "client INVITE"])
def test_whoever_waits_for_an_answer_stops_waiting_at_some_time(table: Table) -> None:
    for state in {state for state, happened in table if happened is Input.PROVISIONAL}:
        # Who rings is cancelled first, and ends when that has no end: see the tests of clients.
        _, after = table[state, Input.EXPIRED]
        last = State.PROCEEDING if (table, state) == (CLIENT_INVITE, State.PROCEEDING) else State.TERMINATED
        assert after is last
        assert (state, Input.LOST) in table


@pytest.mark.parametrize(
    ("status", "happened"),
    [(100, Input.PROVISIONAL), (199, Input.PROVISIONAL), (200, Input.SUCCESS), (299, Input.SUCCESS),
     (300, Input.FAILURE), (699, Input.FAILURE)],
)  # fmt: skip
def test_responses_are_of_three_kinds(status: int, happened: Input) -> None:
    assert input_of(status) is happened


def test_no_state_of_a_server_answers_twice() -> None:
    for state in (State.COMPLETED, State.CONFIRMED):
        for table in (SERVER, SERVER_INVITE):
            assert (state, Input.SUCCESS) not in table
            assert (state, Input.FAILURE) not in table
