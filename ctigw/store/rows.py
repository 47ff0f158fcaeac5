"""Many rows in few statements: sqlite3 lets go of the GIL in each, and a busy reactor keeps it for 5 ms then.

So a statement for each row (the ORM's way, or executemany) makes 200 rows a second beside a reactor that has
enough to do, and one for two thousand rows makes 200,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

# Rows in the largest statement.  What it binds is bound with the GIL held: 1 to 2 ms for these.  Half as many
# make half the rows beside a busy reactor, since each statement takes 8 ms then, however small.
# SQLite takes 32,766 values in a statement, PostgreSQL 65,535; a row has 8 at most.
MOST = 2048
# Rows in a statement: powers of two, and halfway between them.  The driver keeps every statement that it has
# prepared (128 of them, of up to 2 MiB), so there must not be one for each number of rows; a few more than
# powers of two halve the statements.
SIZES = tuple(
    sorted(
        {size for n in range(12) for size in (1 << n, 3 << n >> 1)} & set(range(1, MOST + 1)), reverse=True
    )
)


def insert(session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add ``rows``, values in the order of ``columns``, to ``table`` in their order.

    All or none if the session is in a transaction of its own for them.  Raises what the database raises.
    """
    _insert(session, table, columns, rows, "")


def insert_counted(
    session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[int]:
    """As `insert`, into a table that counts its rows by ``id``: their numbers, in their order."""
    # Rows of one statement are counted in their order, but may come back in another one.
    return sorted(number for (number,) in _insert(session, table, columns, rows, " RETURNING id"))


def upsert(
    session: Session,
    table: str,
    columns: Sequence[str],
    key: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """As `insert`, but a row whose ``key`` is there already takes the other one's place.

    No two of ``rows`` may have one key: PostgreSQL refuses that.
    """
    others = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in key)
    _insert(session, table, columns, rows, f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {others}")


def delete(session: Session, table: str, key: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Remove what has one of the keys ``rows``, values in the order of ``key``."""
    connection = session.connection()
    which = f"DELETE FROM {table} WHERE {key[0]} IN ("  # noqa: S608 - names of our own
    one, all_of_it = _row(connection, key[:1]), _row(connection, key)
    for part in _parts(rows):
        # The first column alone, since SQLite finds no index for several at once.
        statement = f"{which}{','.join([one] * len(part))})"
        values = [row[0] for row in part]
        if len(key) > 1:
            statement += f" AND ({', '.join(key)}) IN (VALUES {','.join([all_of_it] * len(part))})"
            values += chain.from_iterable(part)
        connection.exec_driver_sql(statement, tuple(values))


def delete_expired(session: Session, table: str, now: float) -> int:
    """Remove what ``expires`` at ``now`` or did before; how many rows there were.  Looks at all of them."""
    connection = session.connection()
    which = f"DELETE FROM {table} WHERE expires <= "  # noqa: S608 - names of our own
    return connection.exec_driver_sql(which + _row(connection, ("expires",)), (now,)).rowcount


def text(said: str, most: int) -> str:
    """What somebody else ``said``, as every database takes it, cut to ``most`` characters.

    PostgreSQL has no NUL, and neither has surrogates, which stand for bytes that are no UTF-8.
    """
    return said[:most].replace("\x00", "?").encode(errors="replace").decode()


def _insert(
    session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], end: str
) -> list[Any]:
    """Insert with ``end`` after the values; what comes back."""
    connection = session.connection()
    into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - names of our own
    row = _row(connection, columns)
    returned: list[Any] = []
    for part in _parts(rows):
        values = ",".join([row] * len(part))
        done = connection.exec_driver_sql(into + values + end, tuple(chain.from_iterable(part)))
        if done.returns_rows:
            returned += done.all()
    return returned


def _row(connection: Connection, columns: Sequence[str]) -> str:
    """The marks of one row's values in a statement."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return f"({', '.join(mark for _ in columns)})"


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """``rows`` in pieces of `SIZES`, the largest first."""
    at, sizes = 0, iter(SIZES)
    size = next(sizes)
    while at < len(rows):
        while size > len(rows) - at:
            size = next(sizes)
        yield rows[at : at + size]
        at += size
