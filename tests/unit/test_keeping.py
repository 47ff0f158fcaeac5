"""What a gateway keeps, in both databases."""

from __future__ import annotations

import pytest
import pytest_twisted
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from twisted.internet.task import Clock

from ctigw.directory import applications, lines, users
from ctigw.keeping import BATCH, DAY, PAUSE, InDatabase
from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database
from ctigw.store.tables import AuditRow, CallRow


@pytest_twisted.ensureDeferred
async def test_who_is_known_has_the_rights_of_the_directory(database: Database) -> None:
    keeping = InDatabase(database, Clock(), 90)
    await database.run(users.add, "alice@example.com", "wonder")
    await database.run(applications.add, "board", "secret")
    await database.run(applications.grant, "board", "monitor", "20*")
    alice = await keeping.verify("Alice", "wonder")
    board = await keeping.verify("board", "secret")
    assert alice is not None
    assert board is not None
    assert (alice.name, alice.monitor("2001"), alice.control("2001")) == ("alice@example.com", False, False)
    assert (board.name, board.monitor("2001"), board.control("2001")) == ("board", True, False)
    for name, password in (("alice", "wander"), ("bob", "wonder"), ("", "")):
        assert await keeping.verify(name, password) is None
    await keeping.close()


@pytest_twisted.ensureDeferred
async def test_rights_that_were_taken_back_are_gone(database: Database) -> None:
    keeping = InDatabase(database, Clock(), 90)
    await database.run(users.add, "alice@example.com", "wonder")
    for number in ("2001", "2002"):
        await database.run(lines.add, number, "alice@example.com")
    await database.run(applications.add, "board", "secret")
    await database.run(applications.grant, "board", "monitor", "20*")
    alice = await keeping.verify("alice", "wonder")
    board = await keeping.verify("board", "secret")
    assert alice is not None
    assert board is not None
    assert [await keeping.again(alice), await keeping.again(board)] == [alice, board]
    await database.run(applications.grant, "board", "control", "2005")
    more = await keeping.again(board)
    assert more is not None
    assert (more.name, more.monitor("2001"), more.control("2005")) == ("board", True, True)
    await database.run(applications.revoke, "board", "monitor", "20*")
    assert await keeping.again(more) is None
    await database.run(lines.assign, "2002", None)
    assert await keeping.again(alice) is None
    again = await keeping.verify("alice", "wonder")
    assert again is not None
    await database.run(users.remove, "alice@example.com")
    assert await keeping.again(again) is None
    # Another one whose first part is the name of an application that is gone is somebody else.
    await database.run(applications.remove, "board")
    await database.run(users.add, "board@example.com", "x")
    assert await keeping.again(more) is None
    await keeping.close()


@pytest_twisted.ensureDeferred
async def test_rights_stay_while_nobody_can_be_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("begin", {}, OSError("the server restarts"))

    keeping = InDatabase(database, Clock(), 90)
    await database.run(users.add, "alice@example.com", "wonder")
    alice = await keeping.verify("alice", "wonder")
    assert alice is not None
    with monkeypatch.context() as changed, structlog.testing.capture_logs() as logged:
        changed.setattr(database._sessions, "begin", away)
        assert await keeping.again(alice) is alice
    assert [(entry["event"], entry.get("name")) for entry in logged] == [
        ("the database is away", None),
        ("rights cannot be looked up, they stay", "alice@example.com"),
    ]
    await keeping.close()


@pytest_twisted.ensureDeferred
async def test_the_logs_are_written_behind_and_go_back_so_many_days(database: Database) -> None:
    clock = Clock()
    clock.advance(100 * DAY)
    keeping = InDatabase(database, clock, 90)
    for day in (5, 50, 99):
        keeping.call(LoggedCall(str(day), "2001", "2001", "2002", started=day * DAY))
        keeping.asked(Audited(day * DAY, "alice", "MakeCall", "ok", target=str(day)))
    clock.advance(0.2)
    assert [e.call_id for e in await database.run(call_log.calls)] == ["99", "50", "5"]
    clock.advance(DAY)
    assert [e.call_id for e in await database.run(call_log.calls)] == ["99", "50"]
    assert [e.target for e in await database.run(audit.entries)] == ["99", "50"]
    await keeping.close()
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_refusals_push_out_neither_commands_nor_calls(database: Database) -> None:
    clock = Clock()
    keeping = InDatabase(database, clock, 90)
    with structlog.testing.capture_logs() as logged:
        for _ in range(20_000):
            keeping.asked(Audited(1, "[10.0.0.66]", "SnapshotDevice", "generic"))
    keeping.asked(Audited(2, "alice", "MakeCall", "ok", "2001"))
    keeping.call(LoggedCall("1", "2001", "2001", "2002", started=1))
    assert (keeping.dropped, [entry["of"] for entry in logged]) == (19_000, ["refusals"])
    clock.advance(0.2)
    assert len(await database.run(audit.entries, who="alice")) == 1
    assert len(await database.run(call_log.calls)) == 1
    await keeping.close()


@pytest_twisted.ensureDeferred
async def test_what_is_old_goes_little_by_little(database: Database) -> None:
    def fill(session: Session) -> None:
        for number in range(2 * BATCH + 10):
            call_log.record(session, [LoggedCall(str(number), "2001", None, None, started=number)])
            audit.record(session, [Audited(number, "alice", "MakeCall", "ok")])
        call_log.record(session, [LoggedCall("new", "2001", None, None, started=95 * DAY)])

    def left(session: Session) -> tuple[int, int]:
        counted = (select(func.count()).select_from(table) for table in (CallRow, AuditRow))
        calls, requests = (session.scalar(query) or 0 for query in counted)
        return calls, requests

    clock = Clock()
    clock.advance(100 * DAY)
    await database.run(fill)
    keeping = InDatabase(database, clock, 90)
    sizes = []
    for _ in range(4):
        sizes.append(await database.run(left))
        clock.advance(PAUSE)
    assert sizes == [(BATCH + 11, BATCH + 10), (11, 10), (1, 0), (1, 0)]
    assert len(clock.getDelayedCalls()) == 1  # the next day's
    await keeping.close()


@pytest_twisted.ensureDeferred
async def test_a_sweep_ends_with_the_gateway(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctigw.keeping.BATCH", 1)
    clock = Clock()
    clock.advance(100 * DAY)
    for number in range(3):
        await database.run(audit.record, [Audited(number, "alice", "MakeCall", "ok")])
    keeping = InDatabase(database, clock, 90)
    await database.run(audit.entries)
    assert len(clock.getDelayedCalls()) == 2
    await keeping.close()
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_a_sweep_that_fails_is_tried_the_next_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_session: Session, _before: float, _most: int) -> int:
        raise OSError("the disk is slow")

    clock = Clock()
    monkeypatch.setattr(audit, "forget", fails)
    keeping = InDatabase(database, clock, 90)
    with structlog.testing.capture_logs() as logged:
        await database.run(audit.entries)
        clock.advance(DAY)
        await database.run(audit.entries)
    assert [entry["why"] for entry in logged] == ["the disk is slow"] * 2
    await keeping.close()
