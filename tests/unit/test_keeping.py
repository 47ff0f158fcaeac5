"""What a gateway keeps, in both databases."""

from __future__ import annotations

import pytest_twisted
import structlog
from twisted.internet.task import Clock

from ctigw.directory import applications, users
from ctigw.keeping import DAY, InDatabase
from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database


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
