"""Many rows in few statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database, url_in
from ctigw.store.rows import MOST, _parts, delete
from ctigw.store.tables import AuditRow, CallRow

# Values in one statement: SQLite's bound, which is the lower one.
VALUES = 32_766


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, []),
        (1, [1]),
        (7, [6, 1]),
        (63, [48, 12, 3]),
        (MOST, [MOST]),
        (2 * MOST + 5, [MOST, MOST, 4, 1]),
        (2 * MOST - 1, [MOST, *(3 << power for power in range(9, -1, -2)), 1]),
    ],
)
def test_rows_are_cut_into_few_sizes(count: int, sizes: list[int]) -> None:
    rows = [(number,) for number in range(count)]
    parts = list(_parts(rows))
    assert [len(part) for part in parts] == sizes
    assert [row for part in parts for row in part] == rows


@pytest.mark.parametrize("entry", [Audited, LoggedCall])
def test_no_statement_has_too_many_values(entry: Any) -> None:
    assert MOST * len(entry._fields) <= VALUES


@pytest.mark.parametrize(("entry", "row"), [(Audited, AuditRow), (LoggedCall, CallRow)])
def test_an_entry_has_all_columns_but_the_number(entry: Any, row: Any) -> None:
    assert {"id", *entry._fields} == {column.name for column in row.__table__.columns}


def test_everything_arrives_in_its_order_in_few_statements(database: Database) -> None:
    statements: list[int] = []

    def count(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        statements.append(text.startswith("INSERT"))

    event.listen(database._engine, "before_cursor_execute", count)
    calls = [
        LoggedCall(str(n), f"{n}\"'%s?", None if n % 2 else "2001", "2002", n + 0.5, n or None, None, "busy")
        for n in range(2 * MOST + 1)
    ]
    asked = [Audited(n + 0.5, "Zoë", "MakeCall", "ok", None, f"{n}") for n in range(2 * MOST + 1)]
    database.run_now(call_log.record, calls)
    database.run_now(audit.record, asked)
    assert sum(statements) == 6
    assert database.run_now(call_log.calls, limit=9999) == calls[::-1]
    assert database.run_now(audit.entries, limit=9999) == asked[::-1]
    numbers = database.run_now(
        lambda session: list(session.scalars(select(CallRow.id).order_by(CallRow.started)))
    )
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("table", "key"),
    [("publications", ("publication",)), ("bindings", ("aor", "contact")), ("bindings", ("aor",))],
)
def test_what_is_removed_is_found_by_an_index(tmp_path: Path, table: str, key: tuple[str, ...]) -> None:
    database = Database(url_in(tmp_path))
    database.migrate()
    asked: list[Any] = []
    event.listen(database._engine, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    database.run_now(delete, table, key, [("a", "b")[: len(key)]] * 3)
    plans = [
        database.run_now(
            lambda s, q: s.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {q[0]}", q[1]).all(), q
        )
        for q in list(asked)
    ]
    database.close()
    steps = [step[-1] for plan in plans for step in plan]
    assert len(asked) >= 2
    assert any(step.startswith(f"SEARCH {table} USING INDEX") for step in steps)
    assert not any(step.startswith(f"SCAN {table}") for step in steps)


def test_what_is_refused_leaves_nothing(database: Database) -> None:
    incomplete: Any = Audited(1.0, "alice", "MakeCall", None)  # type: ignore[arg-type] # that is its fault
    with pytest.raises(IntegrityError):
        database.run_now(audit.record, [Audited(1.0, "alice", "MakeCall", "ok")] * MOST + [incomplete])
    assert database.run_now(audit.entries) == []
