"""The call log and the audit log, and writing behind."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
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
from ctigw.store.behind import RETRY, Behind
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database
from ctigw.store.tables import CallRow

FIRST = LoggedCall("1", "2001", "2001", "2002", 10.5, 12.0, 20.25, "normalClearing")
SECOND = LoggedCall("1", "2002", "2001", "2002", 10.5)
THIRD = LoggedCall("2", "2001", "2001", None, 30.0)


def kept(entry: LoggedCall) -> Callable[[Session], None]:
    return lambda session: call_log.record(session, entry)


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
    for entry in (FIRST, SECOND, THIRD):
        database.run_now(call_log.record, entry)
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
    database.run_now(audit.record, Audited(1.0, "alice", "MakeCall", "done", "2001", "2002"))
    database.run_now(audit.record, Audited(2.0, "bob", "ClearConnection", "refused", "2002"))
    assert [entry.at for entry in database.run_now(audit.entries, **asked)] == found


@pytest_twisted.ensureDeferred
async def test_entries_are_written_after_the_first_has_waited(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock)
    behind.put(kept(FIRST))
    clock.advance(0.1)
    behind.put(kept(SECOND))
    assert await database.run(call_log.calls) == []
    clock.advance(0.1)
    assert await database.run(call_log.calls) == [SECOND, FIRST]
    behind.put(kept(THIRD))
    clock.advance(0.2)
    assert len(await database.run(call_log.calls)) == 3


@pytest_twisted.ensureDeferred
async def test_the_end_writes_what_waits(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock)
    behind.put(kept(FIRST))
    await behind.close()
    assert database.run_now(call_log.calls) == [FIRST]
    assert clock.getDelayedCalls() == []
    behind.put(kept(SECOND))
    assert behind.dropped == 1


@pytest_twisted.ensureDeferred
async def test_what_goes_beyond_the_bound_is_dropped_and_told_once(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock, bound=2)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    behind.put(kept(FIRST))
    clock.advance(0.2)  # on its way, and still counted
    with structlog.testing.capture_logs() as logged:
        for entry in (SECOND, THIRD, THIRD):
            behind.put(kept(entry))
    assert (behind.dropped, len(logged)) == (2, 1)
    free.set()
    await held
    await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]


@pytest_twisted.ensureDeferred
async def test_an_entry_that_cannot_be_written_is_lost_alone(database: Database, clock: Clock) -> None:
    def fails(_session: Session) -> None:
        raise ZeroDivisionError

    def incomplete(session: Session) -> None:
        session.add(CallRow(call_id="incomplete"))

    behind = Behind(database, clock)
    for entry in (kept(FIRST), incomplete, fails, kept(SECOND)):
        behind.put(entry)
    with structlog.testing.capture_logs():
        await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]
    assert behind.dropped == 2


@pytest_twisted.ensureDeferred
async def test_what_a_closed_database_is_given_is_counted(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock)
    behind.put(kept(FIRST))
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
    behind = Behind(database, clock, bound=3)
    outage = Outage(database, monkeypatch)
    with structlog.testing.capture_logs() as logged:
        behind.put(kept(FIRST))
        clock.advance(0.2)
        behind.put(kept(SECOND))
        await outage.passes()
        for _ in range(2):
            clock.advance(RETRY)
            await outage.passes()
        behind.put(kept(THIRD))
        behind.put(kept(THIRD))  # beyond the bound
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
    behind = Behind(database, clock)
    outage = Outage(database, monkeypatch)
    with structlog.testing.capture_logs() as logged:
        for outages in (1, 2):
            behind.put(kept(FIRST))
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
    behind = Behind(database, clock, bound=1)
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            behind.put(kept(FIRST))
            behind.put(kept(SECOND))
            clock.advance(0.2)
            await database.run(call_log.calls)
        assert (behind.dropped, len(logged)) == (3, 1)
        for _ in range(2):
            behind.put(kept(FIRST))
            clock.advance(0.2)
            await database.run(call_log.calls)
        behind.put(kept(FIRST))
        behind.put(kept(SECOND))
    assert (behind.dropped, len(logged)) == (4, 2)
    await behind.close()


@pytest_twisted.ensureDeferred
async def test_a_connection_that_is_lost_while_entries_are_written_loses_none(
    database: Database, clock: Clock
) -> None:
    lost: list[None] = []

    def lose(session: Session) -> None:
        if not lost:
            lost.append(None)
            session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr] # it is there
        call_log.record(session, SECOND)

    behind = Behind(database, clock)
    behind.put(kept(FIRST))
    behind.put(lose)
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
    behind = Behind(database, clock)
    outage = Outage(database, monkeypatch)
    behind.put(kept(FIRST))
    with structlog.testing.capture_logs():
        clock.advance(0.2)
        await behind.close()
    assert (behind.dropped, clock.getDelayedCalls()) == (1, [])
    outage.happening = False
    assert database.run_now(call_log.calls) == []
