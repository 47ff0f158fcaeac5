from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session
from twisted.internet.defer import DeferredList

from ctigw.store.database import HEAD, Database, DatabaseError, url_in
from ctigw.store.line_features import LineMemory, keep_features
from ctigw.store.migrations import settings
from ctigw.store.tables import Base, LineFeatures


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/x.sqlite")
    database.open()
    yield database
    database.close()


def test_a_new_database_is_brought_up_to_date(database: Database) -> None:
    assert database.revision() == HEAD


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(settings()).get_current_head() == HEAD


def test_the_migrations_make_the_tables(database: Database) -> None:
    with database._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_database_can_be_opened_again(tmp_path: Path) -> None:
    for expected in ({}, {"1": {"dnd": True}}):
        database = Database(f"sqlite:///{tmp_path}/x.sqlite")
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


def committed(path: str) -> list[str]:
    """The lines that another connection finds in the database."""
    with sqlite3.connect(path) as other:
        found = [number for (number,) in other.execute("SELECT number FROM line_features ORDER BY number")]
    other.close()
    return found


@pytest_twisted.ensureDeferred
async def test_what_waits_is_committed_at_once_and_what_fails_fails_alone(
    database: Database, tmp_path: Path
) -> None:
    commits: list[object] = []
    event.listen(database._engine, "commit", commits.append)
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    waiting: list[Any] = [database.submit(keep_features, "1", {}), database.submit(fails)]
    waiting += [database.submit(keep_features, str(number), {}) for number in (2, 3)]
    seen: list[list[str]] = []

    def look(outcome: Any) -> Any:
        seen.append(committed(f"{tmp_path}/x.sqlite"))
        return outcome

    for each in waiting:
        each.addBoth(look)
    free.set()
    outcomes: Any = await DeferredList([held, *waiting], consumeErrors=True)
    assert [fine for fine, _ in outcomes] == [True, True, False, True, True]
    assert seen == [["1", "2", "3"]] * 4
    assert len(commits) == 1


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
async def test_what_was_asked_for_before_the_end_is_done(database: Database, tmp_path: Path) -> None:
    free = threading.Event()
    held: Any = database.submit(lambda _session: free.wait())
    waiting: Any = database.submit(keep_features, "1", {})
    free.set()
    database.close()
    assert committed(f"{tmp_path}/x.sqlite") == ["1"]
    await DeferredList([held, waiting])
    with pytest.raises(DatabaseError, match="closed"):
        await database.run(keep_features, "2", {})


def test_a_database_of_a_newer_program_is_refused_in_one_line(database: Database, tmp_path: Path) -> None:
    database.run_now(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DatabaseError, match="9999") as refused:
        Database(url_in(tmp_path).set(database=f"{tmp_path}/x.sqlite")).open()
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
