"""The database: plain functions over a Session, each in one transaction, in a pool's thread.

A synchronous engine in threads is faster here than any asynchronous one.  SQLite has one writer, so its
pool has one thread; functions return plain values, never live rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from twisted.internet import threads
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")
# The newest migration.  Compared here, so that alembic (slow to import) is loaded only when there is work.
HEAD = "0002"
POSTGRESQL_THREADS = 8
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON")


class DatabaseError(Exception):
    """The database cannot be used; the text is one line and has no password in it."""


class Database:
    """``url`` is SQLAlchemy's.  `open` before use, `close` at the end."""

    def __init__(self, url: str) -> None:
        try:
            self._engine: Engine = create_engine(make_url(url))
        except (SQLAlchemyError, ImportError) as error:
            raise DatabaseError(_one_line(error)) from None
        lite = self._engine.dialect.name == "sqlite"
        if lite:
            event.listen(self._engine, "connect", _prepare_sqlite)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._pool = ThreadPool(0, 1 if lite else POSTGRESQL_THREADS, name="database")

    def open(self) -> None:
        """Bring the tables up to date and start the threads.  Raises `DatabaseError`."""
        try:
            self._migrate()
        except SQLAlchemyError as error:
            raise DatabaseError(_one_line(error)) from None
        self._pool.start()

    def close(self) -> None:
        """Finish what is being done and let the database go."""
        if self._pool.started:
            self._pool.stop()
        self._engine.dispose()

    def run_now(self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(session, …)`` in one transaction, in this thread, which it blocks."""
        with self._sessions.begin() as session:
            return function(session, *args, **kwargs)

    async def run(
        self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``function(session, …)`` in one transaction, in a thread; returns after its commit."""
        from twisted.internet import reactor

        # untyped: Twisted's stub knows neither its own reactor nor a ParamSpec here
        in_thread: Any = threads.deferToThreadPool
        result: T = await in_thread(reactor, self._pool, self.run_now, function, *args, **kwargs)
        return result

    def revision(self) -> str | None:
        """The migration that the tables are at; None before the first."""
        with self._engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return found

    def _migrate(self) -> None:
        if self.revision() == HEAD:
            return
        from ctigw.store.migrations import upgrade

        with self._engine.begin() as connection:
            upgrade(connection, HEAD)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _one_line(error: Exception) -> str:
    """The driver's own words; SQLAlchemy adds statements and links, and a URL would show its password."""
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
