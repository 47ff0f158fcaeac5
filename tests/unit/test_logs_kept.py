"""The call log and the audit log, and writing behind."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import pytest_twisted
import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from twisted.internet.task import Clock

from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.behind import MANY, RETRY, Behind
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database
from ctigw.store.tables import CallRow

FIRST = LoggedCall("1", "2001", "2001", "2002", 10.5, 12.0, 20.25, "normalClearing")
SECOND = LoggedCall("1", "2002", "2001", "2002", 10.5)
THIRD = LoggedCall("2", "2001", "2001", None, 30.0)


# Of no call: the database refuses it.
INCOMPLETE: Any = LoggedCall("incomplete", None, None, None, 0.0)  # type: ignore[arg-type] # that is its fault
# Nothing that a driver could say to a database.
UNSPEAKABLE: Any = LoggedCall("\ud800", "2001", None, None, 0.0)


def calls_behind(database: Database, clock: Clock, **settings: Any) -> Behind[LoggedCall]:
    return Behind(database, clock, call_log.record, **settings)


def numbered(count: int) -> list[LoggedCall]:
    return [LoggedCall(str(number), "2001", None, None, float(number)) for number in range(count)]


def in_order(session: Session) -> list[str]:
    """The calls in the order in which they were written."""
    return list(session.scalars(select(CallRow.call_id).order_by(CallRow.id)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [THIRD, SECOND, FIRST]),
        ({"device": "2001"}, [THIRD, FIRST]),
        ({"since": 10.6}, [THIRD]),
        ({"limit": 1}, [THIRD]),
        ({"device": "2"}, []),
    ],
)
def test_calls_are_found_newest_first(
    database: Database, asked: dict[str, Any], found: list[LoggedCall]
) -> None:
    database.run_now(call_log.record, (FIRST, SECOND, THIRD))
    assert database.run_now(call_log.calls, **asked) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [2, 1]),
        ({"who": "alice"}, [1]),
        ({"device": "2002"}, [2]),
        ({"since": 2}, [2]),
        ({"limit": 1}, [2]),
    ],
)
def test_requests_are_found_newest_first(database: Database, asked: dict[str, Any], found: list[int]) -> None:
    alice = Audited(1.0, "alice", "MakeCall", "done", "2001", "2002")
    database.run_now(audit.record, [alice, Audited(2.0, "bob", "ClearConnection", "refused", "2002")])
    assert [entry.at for entry in database.run_now(audit.entries, **asked)] == found


@pytest_twisted.ensureDeferred
async def test_entries_are_written_after_the_first_has_waited(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    behind.put(FIRST)
    clock.advance(0.1)
    behind.put(SECOND)
    assert await database.run(call_log.calls) == []
    clock.advance(0.1)
    assert await database.run(call_log.calls) == [SECOND, FIRST]
    behind.put(THIRD)
    clock.advance(0.2)
    assert len(await database.run(call_log.calls)) == 3


@pytest_twisted.ensureDeferred
async def test_the_end_writes_what_waits(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    behind.put(FIRST)
    await behind.close()
    assert database.run_now(call_log.calls) == [FIRST]
    assert clock.getDelayedCalls() == []
    behind.put(SECOND)
    assert behind.dropped == 1


@pytest_twisted.ensureDeferred
async def test_what_goes_beyond_the_bound_is_dropped_and_told_once(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock, bound=2)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    behind.put(FIRST)
    clock.advance(0.2)  # on its way, and still counted
    with structlog.testing.capture_logs() as logged:
        for entry in (SECOND, THIRD, THIRD):
            behind.put(entry)
    assert (behind.dropped, len(logged)) == (2, 1)
    free.set()
    await held
    await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]


@pytest_twisted.ensureDeferred
async def test_an_entry_that_cannot_be_written_is_lost_alone(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    for entry in (FIRST, INCOMPLETE, UNSPEAKABLE, SECOND):
        behind.put(entry)
    with structlog.testing.capture_logs():
        await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]
    assert behind.dropped == 2


@pytest_twisted.ensureDeferred
async def test_what_a_closed_database_is_given_is_counted(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    behind.put(FIRST)
    database.close()
    with structlog.testing.capture_logs() as logged:
        await behind.close()
    assert (behind.dropped, logged[0]["why"]) == (1, "the database is closed")


class Outage:
    """A database that takes nothing for a while."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.happening = True
        begin = database._sessions.begin

        def begun() -> Any:
            if self.happening:
                raise OSError("the server restarts")
            return begin()

        monkeypatch.setattr(database._sessions, "begin", begun)
        self._database = database

    async def passes(self) -> None:
        """What was asked for before is answered."""
        with contextlib.suppress(OSError):
            await self._database.run(lambda _session: None)


@pytest_twisted.ensureDeferred
async def test_what_could_not_be_committed_is_written_when_it_can_be(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = calls_behind(database, clock, bound=3)
    outage = Outage(database, monkeypatch)
    with structlog.testing.capture_logs() as logged:
        behind.put(FIRST)
        clock.advance(0.2)
        behind.put(SECOND)
        await outage.passes()
        for _ in range(2):
            clock.advance(RETRY)
            await outage.passes()
        behind.put(THIRD)
        behind.put(THIRD)  # beyond the bound
        outage.happening = False
        clock.advance(RETRY)
    found = await database.run(lambda session: list(session.scalars(select(CallRow).order_by(CallRow.id))))
    assert [(row.call_id, row.device) for row in found] == [("1", "2001"), ("1", "2002"), ("2", "2001")]
    assert (behind.dropped, len(logged), clock.getDelayedCalls()) == (1, 2, [])
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_each_outage_is_told_once(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = calls_behind(database, clock)
    outage = Outage(database, monkeypatch)
    with structlog.testing.capture_logs() as logged:
        for outages in (1, 2):
            behind.put(FIRST)
            outage.happening = True
            for _ in range(3):
                clock.advance(RETRY)
                await outage.passes()
            assert len(logged) == outages
            outage.happening = False
            clock.advance(RETRY)
            await outage.passes()
    assert logged[0]["why"] == "the server restarts"
    assert len(await database.run(call_log.calls)) == 2
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_a_steady_loss_is_told_once(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock, bound=1)
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            behind.put(FIRST)
            behind.put(SECOND)
            clock.advance(0.2)
            await database.run(call_log.calls)
        assert (behind.dropped, len(logged)) == (3, 1)
        for _ in range(2):
            behind.put(FIRST)
            clock.advance(0.2)
            await database.run(call_log.calls)
        behind.put(FIRST)
        behind.put(SECOND)
    assert (behind.dropped, len(logged)) == (4, 2)
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_lost_while_entries_are_written_loses_none(
    database: Database, clock: Clock
) -> None:
    lost: list[None] = []

    def lose_in_the_middle(session: Session, entries: Sequence[LoggedCall]) -> None:
        call_log.record(session, entries[:1])
        if not lost:
            lost.append(None)
            session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr] # it is there
        call_log.record(session, entries[1:])

    behind = Behind(database, clock, lose_in_the_middle)
    behind.put(FIRST)
    behind.put(SECOND)
    with structlog.testing.capture_logs():
        clock.advance(0.2)
        with contextlib.suppress(SQLAlchemyError):
            await database.run(call_log.calls)
        clock.advance(RETRY)
        assert await database.run(call_log.calls) == [SECOND, FIRST]
    assert behind.dropped == 0
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_the_end_tries_once_more(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = calls_behind(database, clock)
    outage = Outage(database, monkeypatch)
    behind.put(FIRST)
    with structlog.testing.capture_logs():
        clock.advance(0.2)
        await behind.close()
    assert (behind.dropped, clock.getDelayedCalls()) == (1, [])
    outage.happening = False
    assert database.run_now(call_log.calls) == []


@pytest_twisted.ensureDeferred
async def test_many_are_written_without_waiting_for_the_timer(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    many = numbered(2 * MANY + 3)
    for entry in many[: MANY - 1]:
        behind.put(entry)
    assert len(clock.getDelayedCalls()) == 1
    for entry in many[MANY - 1 :]:  # the second half gathers while the first is written
        behind.put(entry)
    assert clock.getDelayedCalls() == []
    while len(await database.run(in_order)) < 2 * MANY + 3:
        clock.advance(0.2)
    assert await database.run(in_order) == [entry.call_id for entry in many]
    assert (behind.dropped, clock.getDelayedCalls()) == (0, [])
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_the_next_goes_at_once_when_many_have_gathered_while_some_were_written(
    database: Database, clock: Clock
) -> None:
    behind = calls_behind(database, clock)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    for entry in numbered(MANY + MANY):
        behind.put(entry)
    free.set()
    await held
    while len(await database.run(in_order)) < 2 * MANY:  # no timer is needed
        pass
    assert clock.getDelayedCalls() == []
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_a_transaction_has_so_many_and_the_end_writes_all(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctigw.store.behind.BATCH", 10)
    sizes: list[int] = []

    def counted(session: Session, entries: Sequence[LoggedCall]) -> None:
        sizes.append(len(entries))
        call_log.record(session, entries)

    behind = Behind(database, clock, counted)
    for entry in numbered(25):
        behind.put(entry)
    await behind.close()
    assert sizes == [10, 10, 5]
    assert database.run_now(in_order) == [str(number) for number in range(25)]


@pytest_twisted.ensureDeferred
async def test_many_do_not_hurry_a_database_that_is_away(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = calls_behind(database, clock)
    outage = Outage(database, monkeypatch)
    with structlog.testing.capture_logs():
        behind.put(FIRST)
        clock.advance(0.2)
        await outage.passes()
        for entry in numbered(MANY + 1):
            behind.put(entry)
        assert [call.getTime() - clock.seconds() for call in clock.getDelayedCalls()] == [RETRY]
        outage.happening = False
        clock.advance(RETRY)
    assert await database.run(in_order) == ["1", *(entry.call_id for entry in numbered(MANY + 1))]
    await behind.close()


@pytest.mark.parametrize("at", [0, 7, 499, 500, 999])
@pytest_twisted.ensureDeferred
async def test_one_among_many_that_is_refused_is_lost_alone(
    database: Database, clock: Clock, at: int
) -> None:
    behind = calls_behind(database, clock)
    entries = numbered(1000)
    entries[at] = INCOMPLETE
    for entry in entries:
        behind.put(entry)
    await behind.close()
    assert database.run_now(in_order) == [str(number) for number in range(1000) if number != at]
    assert behind.dropped == 1


@pytest_twisted.ensureDeferred
async def test_when_all_are_refused_all_are_counted(database: Database, clock: Clock) -> None:
    behind = calls_behind(database, clock)
    with structlog.testing.capture_logs() as logged:
        for _ in range(9):
            behind.put(INCOMPLETE)
        await behind.close()
    assert behind.dropped == 9
    assert [entry["event"] for entry in logged if entry["log_level"] == "warning"] == [
        "entries of the logs are lost"
    ]


def test_what_waits_is_of_no_interest_to_the_garbage_collector(clock: Clock) -> None:
    database: Any = None
    behind = Behind(database, clock, call_log.record)
    behind.put(LoggedCall(str(clock), "2001", None, None, 0.0))
    gc.collect()
    assert not any(map(gc.is_tracked, behind._waiting))
