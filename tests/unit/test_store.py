from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw.store.database import HEAD, Database, DatabaseError
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


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:////dev/null/x.sqlite", "unable to open database file"),
        ("nonsense", "Could not parse SQLAlchemy URL"),
        ("nonsense://somewhere", "Can't load plugin"),
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


def test_passwords_are_not_told() -> None:
    with pytest.raises(DatabaseError) as refused:
        Database("nonsense://user:secret@somewhere").open()
    assert "secret" not in str(refused.value)
