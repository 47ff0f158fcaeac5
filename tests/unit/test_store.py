from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import structlog
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, event, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from twisted.internet.defer import DeferredList

from ctigw.errors import Reason, Refused
from ctigw.store import audit
from ctigw.store.audit import Audited
from ctigw.store.database import HEAD, AwayError, Database, DatabaseError
from ctigw.store.line_features import LineMemory, all_features, keep_features
from ctigw.store.migrations import settings
from ctigw.store.tables import Base, LineFeatures
from tests.postgresql import Unavailable, server


def test_a_new_database_is_brought_up_to_date(database: Database) -> None:
    assert database.revision() == HEAD


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(settings()).get_current_head() == HEAD


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_database_can_be_opened_again(url: URL) -> None:
    for expected in ({}, {"1": {"dnd": True}}):
        database = Database(url)
        database.open()
        assert LineMemory(database).saved() == expected
        database.run_now(keep_features, "1", {"dnd": True})
        database.close()


@pytest_twisted.ensureDeferred
async def test_features_are_replaced_line_by_line(database: Database) -> None:
    memory = LineMemory(database)
    await memory.save("1", {"forwarding": [["busy", "2"]]})
    await memory.save("2", {"dnd": True})
    await memory.save("1", {"dnd": False})
    assert memory.saved() == {"1": {"dnd": False}, "2": {"dnd": True}}


@pytest_twisted.ensureDeferred
async def test_work_is_done_in_another_thread(database: Database) -> None:
    assert await database.run(lambda _session: threading.get_ident()) != threading.get_ident()


@pytest_twisted.ensureDeferred
async def test_what_fails_leaves_nothing(database: Database) -> None:
    def half(session: Session) -> None:
        keep_features(session, "1", {})
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(half)
    assert await database.run(lambda session: session.scalar(select(func.count(LineFeatures.number)))) == 0


def fails(session: Session) -> None:
    keep_features(session, "half", {})
    session.flush()
    raise ZeroDivisionError


def committed(url: URL) -> list[str]:
    """The lines that another connection finds in the database."""
    other = Database(url)
    found = sorted(other.run_now(all_features))
    other.close()
    return found


@pytest_twisted.ensureDeferred
async def test_what_waits_is_committed_at_once_and_what_fails_fails_alone(
    database: Database, url: URL
) -> None:
    commits: list[object] = []
    event.listen(database._engine, "commit", commits.append)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    waiting: list[Any] = [database.submit(keep_features, "1", {}), database.submit(fails)]
    waiting += [database.submit(keep_features, str(number), {}) for number in (2, 3)]
    seen: list[list[str]] = []

    def look(outcome: Any) -> Any:
        seen.append(committed(url))
        return outcome

    for each in waiting:
        each.addBoth(look)
    free.set()
    outcomes: Any = await DeferredList([held, *waiting], consumeErrors=True)
    assert [fine for fine, _ in outcomes] == [True, True, False, True, True]
    assert seen == [["1", "2", "3"]] * 4
    assert len(commits) == 1


@pytest_twisted.ensureDeferred
async def test_whatever_is_raised_is_told_and_work_goes_on(database: Database) -> None:
    def leave(_session: Session) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        await database.run(leave)
    await database.run(keep_features, "1", {})


@pytest_twisted.ensureDeferred
async def test_a_burst_is_kept_in_the_order_in_which_it_was_asked_for(database: Database) -> None:
    burst: list[Any] = [database.submit(keep_features, str(turn % 3), {"turn": turn}) for turn in range(100)]
    await DeferredList(burst, fireOnOneErrback=True)
    assert await database.run(all_features) == {str(turn % 3): {"turn": turn} for turn in (97, 98, 99)}


@pytest_twisted.ensureDeferred
async def test_a_lost_connection_fails_all_that_shared_it(database: Database) -> None:
    free = threading.Event()

    def lose(session: Session) -> None:
        session.connection().connection.dbapi_connection.close()  # type: ignore[union-attr] # it is there

    waiting: list[Any] = [
        database.submit(lambda _session: free.wait()),
        database.submit(keep_features, "1", {}),
    ]
    waiting += [database.submit(lose), database.submit(keep_features, "2", {})]
    free.set()
    outcomes: Any = await DeferredList(waiting, consumeErrors=True)
    assert [fine for fine, _ in outcomes] == [True, False, False, False]
    assert await database.run(lambda session: session.scalar(select(func.count(LineFeatures.number)))) == 0


@pytest_twisted.ensureDeferred
async def test_a_server_that_is_stopped_under_us_is_away() -> None:
    with ExitStack() as ending, ExitStack() as running:
        try:
            database = Database(running.enter_context(server()))
        except Unavailable as why:
            pytest.skip(str(why))
        database.open()
        ending.callback(database.close)
        await database.run(keep_features, "1", {})
        running.close()
        with structlog.testing.capture_logs() as logged:
            for _ in range(3):
                asked: list[Any] = [database.submit(keep_features, str(number), {}) for number in range(3)]
                for _fine, outcome in await DeferredList(asked, consumeErrors=True):
                    assert isinstance(outcome.value, AwayError), outcome
        assert [entry["event"] for entry in logged] == ["the database is away"]


@pytest_twisted.ensureDeferred
async def test_who_needs_a_database_that_is_away_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("begin", {}, OSError("connection refused\nat once"))

    with structlog.testing.capture_logs() as logged:
        with monkeypatch.context() as changed:
            changed.setattr(database._sessions, "begin", away)
            for _ in range(2):
                with pytest.raises(Refused, match=r"^connection refused$") as refused:
                    await database.run(keep_features, "1", {})
                assert refused.value.reason is Reason.RESOURCE_OUT_OF_SERVICE
        await database.run(keep_features, "1", {})
        await database.run(keep_features, "2", {})
    assert [entry["event"] for entry in logged] == ["the database is away", "the database is back"]


@pytest_twisted.ensureDeferred
async def test_what_was_asked_for_before_the_end_is_done(database: Database, url: URL) -> None:
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    waiting: Any = database.submit(keep_features, "1", {})
    free.set()
    database.close()
    assert committed(url) == ["1"]
    await DeferredList([held, waiting])
    with pytest.raises(DatabaseError, match="closed"):
        await database.run(keep_features, "2", {})


def test_a_database_of_a_newer_program_is_refused_in_one_line(database: Database, url: URL) -> None:
    database.run_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DatabaseError, match="9999") as refused:
        Database(url).open()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////dev/null/x.sqlite", "unable to open database file"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("nonsense://somewhere", "Can't load plugin"),
        ("postgresql://somewhere:port/x", "is not a number"),
    ],
)
def test_a_database_that_cannot_be_used_says_why_in_one_line(url: str, why: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        Database(url).open()
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(DatabaseError, match=r"^file is not a database$"):
        Database(f"sqlite:///{tmp_path}/x.sqlite").open()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense://user:secret@somewhere",
        "postgresql://user@host:secret/x",
        "postgresql://user:secret@127.0.0.1:1/x",
    ],
)
def test_passwords_are_not_told(url: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        Database(url).open()
    assert "secret" not in str(refused.value)


def test_what_is_old_goes_whatever_stands_before_it(database: Database) -> None:
    """A clock may have been wrong: rows are not in the order of their times for sure."""
    times = [99.0, 99.0, *range(10), 99.0, 3.0]
    rows = [Audited(float(at), "a", "MakeCall", "ok") for at in times]

    database.run_now(audit.record, rows)
    gone = [database.run_now(audit.forget, 50.0, 4) for _ in range(4)]
    assert gone == [4, 4, 3, 0]
    assert [entry.at for entry in database.run_now(audit.entries)] == [99.0] * 3
