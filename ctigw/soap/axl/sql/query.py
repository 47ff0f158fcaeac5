"""A question asked, of a database that is there for it alone.

What may happen is said by an authorizer, which SQLite asks when it compiles a statement: reading of our
tables, and functions that do little.  How long it may take, and how much memory, is looked at while it runs;
since nothing can be looked at within one step of it, no value is long.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from mmap import PAGESIZE
from typing import Any, NamedTuple

from ctigw.soap.axl.sql.errors import AMBIGUOUS, GENERIC, NO_COLUMN, NO_FUNCTION, NO_TABLE, SYNTAX, SqlError
from ctigw.soap.axl.sql.text import ONLY_SELECT, prepared
from ctigw.values import named

Columns = Mapping[str, Sequence[str]]
Rows = Mapping[str, Iterable[tuple[Any, ...]]]

# What takes no time and makes nothing long of something short.
FUNCTIONS = frozenset(
    (
        *("abs", "avg", "coalesce", "count", "ifnull", "length", "like", "lower", "ltrim", "max", "min"),
        *("nullif", "nvl", "round", "rtrim", "substr", "substring", "sum", "total", "trim", "upper"),
    )
)
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 8_192,  # bytes of a value and of a row; ours have some hundred
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 32_768,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 50,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 16,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 64,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# Steps of SQLite's machine between two looks at the clock: far less than a millisecond's work, usually.
STEPS = 1_000
# Values in one statement that fills a table.
VALUES = 8_000
_WRONG = (
    (re.compile(r"no such table: (\S{1,80})"), NO_TABLE, "there is no table {}"),
    (re.compile(r"no such column: (\S{1,80})"), NO_COLUMN, "there is no column {}"),
    (re.compile(r"ambiguous column name: (\S{1,80})"), AMBIGUOUS, "more than one table has a column {}"),
    (re.compile(r"no such function: (\S{1,80})"), NO_FUNCTION, "there is no function {}"),
    (re.compile(r"one statement at a time"), SYNTAX, "one question at a time"),
    (re.compile(r"too big|too large|too many|too much|too complex|too long"), GENERIC, "that is too much"),
)


@named
class Bounds:
    """``seconds`` for the question; ``rows`` and ``octets`` of its answer; ``memory``: octets that it may
    take beside its tables.
    """

    seconds: float = 5.0
    rows: int = 10_000
    octets: int = 4 * 1024 * 1024
    memory: int = 128 * 1024 * 1024


class Answer(NamedTuple):
    """The names of the columns, and the rows, each with a text for each column; None: there is no value."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


class _Judge:
    """What a statement may do, and why it may not; ``read``: the tables that it reads."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.read: set[str] = set()
        self.why: SqlError | None = None

    def __call__(
        self, action: int, first: str | None, second: str | None, base: str | None, _trigger: str | None
    ) -> int:
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            table = (first or "").lower()
            # No base: of the table only the number of its rows matters.
            if table in self._columns and base in (None, "main"):
                self.read.add(table)
                return sqlite3.SQLITE_OK
            self.why = self.why or SqlError(NO_TABLE, f"there is no table {first}")
        elif action == sqlite3.SQLITE_FUNCTION:
            if (second or "").lower() in FUNCTIONS:
                return sqlite3.SQLITE_OK
            self.why = self.why or SqlError(NO_FUNCTION, f"there is no function {second}")
        else:
            self.why = self.why or SqlError(SYNTAX, ONLY_SELECT)
        return sqlite3.SQLITE_DENY


def tables_of(sql: str, columns: Columns) -> frozenset[str]:
    """Which of the tables, by the names of their ``columns``, the question ``sql`` reads.

    Raises `SqlError`: it is none that can be asked.
    """
    with _database(columns, {}) as database, _judged(database, columns) as judge:
        database.execute(f"EXPLAIN {prepared(sql)}").close()
        return frozenset(judge.read)


def ask(sql: str, columns: Columns, rows: Rows, bounds: Bounds) -> Answer:
    """What comes of the question ``sql`` when the tables have ``rows``.  Raises `SqlError`."""
    with _database(columns, rows) as database, _judged(database, columns):
        watch = _Watch(bounds)
        database.set_progress_handler(watch, STEPS)
        try:
            with closing(database.execute(prepared(sql))) as cursor:
                return _fetched(cursor, bounds)
        except sqlite3.Error:
            if watch.why is not None:
                raise watch.why from None
            raise


class _Watch:
    """Looked at every `STEPS`: anything but 0 ends the question."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._until, self._before = time.monotonic() + bounds.seconds, memory()
        self.why: SqlError | None = None

    def __call__(self) -> int:
        if time.monotonic() > self._until:
            self.why = SqlError(GENERIC, f"it takes longer than {self._bounds.seconds:g} seconds")
        elif memory() - self._before > self._bounds.memory:
            self.why = SqlError(GENERIC, "it takes too much memory")
        return int(self.why is not None)


def memory() -> int:
    """The octets of memory that this process has; 0 where that cannot be told.

    Of all of it, since SQLite tells nobody what one of its databases has.
    """
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - some hundred times a second
            return int(file.read().split()[1]) * PAGESIZE
    except (OSError, IndexError, ValueError):
        return 0


@contextmanager
def _database(columns: Columns, rows: Rows) -> Iterator[sqlite3.Connection]:
    """A database in memory with ``columns`` by their tables, and ``rows`` in these."""
    with closing(sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)) as database:
        for pragma in ("temp_store=MEMORY", "trusted_schema=OFF", "journal_mode=OFF"):
            database.execute(f"PRAGMA {pragma}")
        for table, names in columns.items():
            database.execute(f"CREATE TABLE {table} ({', '.join(names)})")
            _fill(database, table, len(names), rows.get(table, ()))
        yield database


def _fill(database: sqlite3.Connection, table: str, width: int, rows: Iterable[tuple[Any, ...]]) -> None:
    """Many in one statement: see `store.rows`."""
    most, part = max(1, VALUES // width), list[tuple[Any, ...]]()
    one = f"({', '.join('?' * width)})"

    def put() -> None:
        into = f"INSERT INTO {table} VALUES {', '.join([one] * len(part))}"  # noqa: S608 - names of our own
        database.execute(into, [value for row in part for value in row])
        part.clear()

    for row in rows:
        part.append(row)
        if len(part) == most:
            put()
    if part:
        put()


@contextmanager
def _judged(database: sqlite3.Connection, columns: Columns) -> Iterator[_Judge]:
    """From here on ``database`` does what a `_Judge` lets it; what goes wrong is a `SqlError`."""
    judge = _Judge(columns)
    database.create_function(
        "nvl", 2, lambda value, other: other if value is None else value, deterministic=True
    )
    database.text_factory = lambda octets: octets.decode(errors="replace")
    database.execute("PRAGMA query_only=ON")
    for limit, most in LIMITS.items():
        database.setlimit(limit, most)
    database.set_authorizer(judge)
    try:
        yield judge
    except (sqlite3.Error, sqlite3.Warning, UnicodeEncodeError, ValueError) as error:
        if isinstance(error, SqlError):
            raise
        raise judge.why or _wrong(error) from None


def _wrong(error: Exception) -> SqlError:
    """What SQLite says, as we say it: its words may be of things that no client has asked about."""
    said = str(error)
    for form, code, text in _WRONG:
        if found := form.search(said):
            return SqlError(code, text.format(*found.groups()))
    return SqlError(SYNTAX, "there is an error in its syntax")


def _fetched(cursor: sqlite3.Cursor, bounds: Bounds) -> Answer:
    columns = tuple(column[0] for column in cursor.description)
    rows, octets = list[tuple[str | None, ...]](), 0
    for row in cursor:
        texts = tuple(map(_text, row))
        octets += sum(len(text or "") for text in texts) + 8 * len(texts)
        if len(rows) >= bounds.rows or octets > bounds.octets:
            raise SqlError(GENERIC, f"there are more rows than can be told; ask for the FIRST {len(rows)}")
        rows.append(texts)
    return Answer(columns, tuple(rows))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)
