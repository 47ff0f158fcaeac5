"""Many rows in few statements: sqlite3 lets go of the GIL in each, and a busy reactor keeps it for 5 ms then.

So a statement for each row (the ORM's way, or executemany) makes 200 rows a second beside a reactor that has
enough to do, and one for two thousand rows makes 200,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy.orm import Session

# Rows in the largest statement.  What it binds is bound with the GIL held: 1 to 2 ms for these.  Half as many
# make half the rows beside a busy reactor, since each statement takes 8 ms then, however small.
# SQLite takes 32,766 values in a statement, PostgreSQL 65,535; a row has 8 at most.
MOST = 2048


def insert(session: Session, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add ``rows``, values in the order of ``columns``, to ``table`` in their order.

    All or none if the session is in a transaction of its own for them.  Raises what the database raises.
    """
    connection = session.connection()
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - names of our own
    row = f"({', '.join(mark for _ in columns)})"
    for part in _parts(rows):
        values = ",".join([row] * len(part))
        connection.exec_driver_sql(into + values, tuple(chain.from_iterable(part)))


def _parts(rows: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """``rows`` in pieces of `MOST`; what is left over in powers of two, the largest first.

    The driver keeps every statement that it has prepared (128 of them, of up to 2 MiB): there must not be
    one for each number of rows.
    """
    at, size = 0, MOST
    while at < len(rows):
        while size > len(rows) - at:
            size //= 2
        yield rows[at : at + size]
        at += size
