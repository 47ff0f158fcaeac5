"""The call log and the audit log, and writing behind."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import pytest_twisted
import structlog
from sqlalchemy.orm import Session
from twisted.internet.task import Clock

from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.behind import Behind
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database
from ctigw.store.tables import CallRow

FIRST = LoggedCall("1", "2001", "2001", "2002", 10.5, 12.0, 20.25, "normalClearing")
SECOND = LoggedCall("1", "2002", "2001", "2002", 10.5)
THIRD = LoggedCall("2", "2001", "2001", None, 30.0)


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
    behind.put(call_log.row(FIRST))
    clock.advance(0.1)
    behind.put(lambda session: call_log.record(session, SECOND))
    assert await database.run(call_log.calls) == []
    clock.advance(0.1)
    assert await database.run(call_log.calls) == [SECOND, FIRST]
    behind.put(call_log.row(THIRD))
    clock.advance(0.2)
    assert len(await database.run(call_log.calls)) == 3


@pytest_twisted.ensureDeferred
async def test_the_end_writes_what_waits(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock)
    behind.put(call_log.row(FIRST))
    await behind.close()
    assert database.run_now(call_log.calls) == [FIRST]
    assert clock.getDelayedCalls() == []
    behind.put(call_log.row(SECOND))
    assert behind.dropped == 1


@pytest_twisted.ensureDeferred
async def test_what_goes_beyond_the_bound_is_dropped_and_told_once(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock, bound=2)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    behind.put(call_log.row(FIRST))
    clock.advance(0.2)  # on its way, and still counted
    with structlog.testing.capture_logs() as logged:
        for entry in (SECOND, THIRD, THIRD):
            behind.put(call_log.row(entry))
    assert (behind.dropped, len(logged)) == (2, 1)
    free.set()
    await held
    await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]


@pytest_twisted.ensureDeferred
async def test_an_entry_that_cannot_be_written_is_lost_alone(database: Database, clock: Clock) -> None:
    def fails(_session: Session) -> None:
        raise ZeroDivisionError

    behind = Behind(database, clock)
    for entry in (call_log.row(FIRST), CallRow(call_id="incomplete"), fails, call_log.row(SECOND)):
        behind.put(entry)
    with structlog.testing.capture_logs():
        await behind.close()
    assert database.run_now(call_log.calls) == [SECOND, FIRST]
    assert behind.dropped == 2


@pytest_twisted.ensureDeferred
async def test_what_a_closed_database_is_given_is_counted(database: Database, clock: Clock) -> None:
    behind = Behind(database, clock)
    behind.put(call_log.row(FIRST))
    database.close()
    with structlog.testing.capture_logs() as logged:
        await behind.close()
    assert (behind.dropped, logged[0]["why"]) == (1, "the database is closed")
