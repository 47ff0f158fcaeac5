"""What is written together is in a database, and what cannot be written costs nobody else anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred, DeferredList

from ctigw.store import grouped
from ctigw.store.bindings import Row, write
from ctigw.store.database import Database
from ctigw.store.grouped import BOUND, Grouped
from ctigw.store.tables import BindingRow

# A table's column has 255 characters, which PostgreSQL insists on; SQLite's driver insists on UTF-8.
TOO_LONG, NO_TEXT = "x" * 300, "\udcff"


class Bench:
    """Bindings by their addresses; ``groups`` are those that were written, with those that failed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.groups: list[int] = []
        self.told = 0
        self.grouped: Grouped[str] = Grouped(
            database, self._write, self._tell, later=lambda _seconds, call: call(), name="bindings"
        )

    def _tell(self) -> None:
        self.told += 1

    def _write(self, session: Session, items: Sequence[str]) -> list[bool]:
        self.groups.append(len(items))
        write(session, [Row(item, "sip:x", b"", 1.0) for item in items], [])
        return [not item.startswith("no ") for item in items]

    def put(self, item: str) -> Deferred[bool]:
        done: Deferred[bool] = Deferred()
        self.grouped.put(item, done.callback)
        return done

    async def all(self, items: Sequence[str]) -> list[bool]:
        """What each is told."""
        return [taken for _, taken in await DeferredList([self.put(item) for item in items])]

    def kept(self) -> set[str]:
        return set(self.database.run_now(lambda session: session.scalars(select(BindingRow.aor)).all()))


@pytest_twisted.ensureDeferred
async def test_what_comes_while_the_database_is_busy_is_written_in_one_transaction(
    database: Database,
) -> None:
    bench = Bench(database)
    names = [str(number) for number in range(50)]
    assert await bench.all(names) == [True] * 50
    assert bench.groups == [1, 49]
    assert bench.kept() == set(names)
    await database.run(lambda _session: None)
    assert bench.told == 2


@pytest_twisted.ensureDeferred
async def test_each_is_told_after_its_commit(database: Database) -> None:
    bench = Bench(database)
    seen: list[set[str]] = []
    done: Deferred[None] = Deferred()

    def told(_taken: bool) -> None:
        seen.append(bench.kept())
        done.callback(None)

    bench.grouped.put("a", told)
    await done
    assert seen == [{"a"}]


@pytest_twisted.ensureDeferred
async def test_who_is_told_may_put_the_next_one(database: Database) -> None:
    bench = Bench(database)
    found: list[bool] = []
    done: Deferred[None] = Deferred()

    def again(taken: bool) -> None:
        found.append(taken)
        if len(found) < 5:
            bench.grouped.put(str(len(found)), again)
        else:
            done.callback(None)

    bench.grouped.put("0", again)
    await done
    assert found == [True] * 5


@pytest_twisted.ensureDeferred
async def test_what_the_writer_does_not_take_is_told_so(database: Database) -> None:
    bench = Bench(database)
    assert await bench.all(["first", "yes", "no thanks"]) == [True, True, False]


@pytest.mark.parametrize("bad", [NO_TEXT, TOO_LONG])
@pytest_twisted.ensureDeferred
async def test_what_nobody_can_store_costs_those_beside_it_nothing(database: Database, bad: str) -> None:
    bench = Bench(database)
    names = ["first", *(str(number) for number in range(20)), bad, "last"]
    outcomes = dict(zip(names, await bench.all(names), strict=True))
    takes_it = bad == TOO_LONG and database._engine.dialect.name == "sqlite"
    assert outcomes.pop(bad) is takes_it
    assert all(outcomes.values())
    assert bench.kept() == {name for name in names if name != bad or takes_it}


@pytest_twisted.ensureDeferred
async def test_a_transaction_has_a_bounded_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "MOST", 4)
    bench = Bench(database)
    assert await bench.all([str(number) for number in range(10)]) == [True] * 10
    assert bench.groups == [1, 4, 4, 1]


@pytest_twisted.ensureDeferred
async def test_what_is_too_many_to_wait_is_refused_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouped, "BOUND", 3)
    bench = Bench(database)
    waiting = [bench.put(str(number)) for number in range(5)]
    assert waiting[4].called
    assert [taken for _, taken in await DeferredList(waiting)] == [True] * 4 + [False]
    assert BOUND > 10_000


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away_refuses_them_all_and_takes_the_next(database: Database) -> None:
    bench = Bench(database)
    bench.database.run_now(lambda session: session.execute(text("ALTER TABLE bindings RENAME TO elsewhere")))
    assert await bench.all(["a", "b", "c"]) == [False] * 3
    bench.database.run_now(lambda session: session.execute(text("ALTER TABLE elsewhere RENAME TO bindings")))
    assert await bench.all(["d"]) == [True]
    assert bench.kept() == {"d"}


@pytest_twisted.ensureDeferred
async def test_a_closed_database_takes_nothing(database: Database) -> None:
    bench = Bench(database)
    database.close()
    told: list[Any] = []
    answer: Callable[[bool], None] = told.append
    bench.grouped.put("a", answer)
    assert told == [False]
