"""The database: plain functions over a Session, in transactions, in a thread of their own.

A synchronous engine in a thread is faster here than any asynchronous one.  What waits when the thread is
free goes into one transaction: a commit costs the same for one setting and for hundreds.  There is one
thread, for PostgreSQL too, so that everything is committed in the order in which it was asked for.
Functions return plain values, never live rows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from ctigw.errors import Reason, Refused

P = ParamSpec("P")
T = TypeVar("T")
# A function that waits for its turn, and who waits for its result.
_Asked = tuple[Callable[[Session], Any], Deferred[Any]]
# The newest migration.  Compared here, so that alembic (slow to import) is loaded only when there is work.
HEAD = "0005"
FILE = "ctigw.sqlite"
# Classes of PostgreSQL's codes: the connection, means that are exhausted, an operator, the system.
TROUBLE = frozenset(("08", "53", "57", "58"))
log = structlog.get_logger(__name__)
# wal_autocheckpoint: 16 MiB, four times the default.  The pages at the end of each log are in every
# transaction; they are moved to the database a fourth as often.
PRAGMAS = (
    *("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"),
    "wal_autocheckpoint=4096",
)


class DatabaseError(Exception):
    """The database cannot be used; the text is one line and has no password in it."""


class AwayError(DatabaseError, Refused):
    """The database cannot be reached, or takes nothing now; whoever needs it is told resourceOutOfService."""

    def __init__(self, why: str) -> None:
        Refused.__init__(self, Reason.RESOURCE_OUT_OF_SERVICE)
        self.args = (why,)


def is_trouble(error: BaseException) -> bool:
    """Whether the database cannot serve now, whatever it is asked: its connection is lost, its disk is full.

    PostgreSQL calls a row that is too long operational, too: that is not the database's trouble.
    """
    if not isinstance(error, DBAPIError):
        return False
    # SQLite has no such codes, and neither has a server that does not answer.
    code = getattr(error.orig, "sqlstate", None)
    in_trouble = code is None or code[:2] in TROUBLE
    return error.connection_invalidated or (in_trouble and isinstance(error, OperationalError))


def url_in(folder: Path) -> URL:
    """Where settings are kept when the configuration names no database."""
    return URL.create("sqlite", database=str(folder / FILE))


class Database:
    """``url`` is SQLAlchemy's.  `open` before use, `close` at the end."""

    def __init__(self, url: str | URL) -> None:
        try:
            self._engine: Engine = _engine(url)
        except (SQLAlchemyError, ImportError) as error:
            raise DatabaseError(_one_line(error)) from None
        except ValueError:
            # Its text shows the part that is not a number, which may be half of a password.
            raise DatabaseError("the port, or another number in the URL, is not a number") from None
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._pool = ThreadPool(0, 1, name="database")
        self._waiting: list[_Asked] = []
        self._busy = self._closed = self._away = False

    def open(self) -> None:
        """Bring the tables up to date and start the thread.  Raises `DatabaseError`; nothing is open then."""
        try:
            self.migrate()
        except DatabaseError:
            self._engine.dispose()
            raise
        self._pool.start()

    def close(self) -> None:
        """Finish everything that was asked for and let the database go."""
        self._closed = True
        if self._pool.started:
            self._pool.stop()
        group, self._waiting = self._waiting, []
        _tell(group, self._commit(group))
        self._engine.dispose()

    def run_now(self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function(session, …)`` in one transaction, in this thread, which it blocks."""
        with self._sessions.begin() as session:
            return function(session, *args, **kwargs)

    async def run(
        self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """``function(session, …)`` in the thread; returns after its commit, which it may share with others.

        When it raises, it leaves nothing behind, and the others do not notice.
        """
        return await self.submit(function, *args, **kwargs)

    def submit(
        self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """`run` for those who do not wait: it is done even if nobody awaits the result."""
        result: Deferred[T] = Deferred()
        if self._closed:
            result.errback(DatabaseError("the database is closed"))
            return result
        self._waiting.append((lambda session: function(session, *args, **kwargs), result))
        self._next()
        return result

    def _next(self) -> None:
        """Hand what waits to the thread, unless it is busy.  Here and in `_done`: the reactor's thread."""
        if self._busy or not self._waiting:
            return
        from twisted.internet import reactor

        group, self._waiting, self._busy = self._waiting, [], True
        # untyped: Twisted's stub does not know its own reactor
        in_thread: Any = deferToThreadPool
        in_thread(reactor, self._pool, self._commit, group).addCallback(self._done, group)

    def _done(self, outcomes: list[Any], group: list[_Asked]) -> None:
        self._busy = False
        self._say(outcomes)
        if not self._closed:
            self._next()
        _tell(group, outcomes)

    def _say(self, outcomes: list[Any]) -> None:
        """Log an outage once, and its end."""
        away = [o.value for o in outcomes if isinstance(o, Failure) and isinstance(o.value, AwayError)]
        if away and not self._away:
            log.warning("the database is away", why=str(away[0]))
        elif self._away and not away:
            log.info("the database is back")
        self._away = bool(away)

    def _commit(self, group: list[_Asked]) -> list[Any]:
        """What came of each function of ``group``: its result or a Failure.  Raises nothing."""
        if not group:
            return []
        try:
            with self._sessions.begin() as session:
                return [_attempt(session, function) for function, _ in group]
        except DBAPIError as error:
            return [_failure(AwayError(_one_line(error)))] * len(group)
        except BaseException:  # noqa: BLE001 - whatever kept the commit from happening is everybody's answer
            return [_failure()] * len(group)

    def revision(self) -> str | None:
        """The migration that the tables are at; None before the first.  Raises `DatabaseError`."""
        try:
            with self._engine.connect() as connection:
                return _revision(connection)
        except SQLAlchemyError as error:
            raise DatabaseError(_one_line(error)) from None

    def migrate(self) -> None:
        """Bring the tables up to date.  Raises `DatabaseError`."""
        if self.revision() == HEAD:
            return
        from alembic.util import CommandError

        from ctigw.store.migrations import upgrade

        try:
            with self._engine.begin() as connection:
                upgrade(connection, HEAD)
        except (SQLAlchemyError, CommandError) as error:
            raise DatabaseError(_one_line(error)) from None


def _attempt(session: Session, function: Callable[[Session], Any]) -> Any:
    """The function's result, or the Failure that it ended in; its changes are undone then."""
    try:
        with session.begin_nested():
            return function(session)
    except BaseException as error:  # noqa: BLE001 - told to whoever asked
        return _failure(AwayError(_one_line(error))) if is_trouble(error) else _failure()


def _failure(error: BaseException | None = None) -> Failure:
    """``error``, or the exception being handled, for another thread."""
    make: Any = Failure  # untyped in Twisted
    failure: Failure = make(error)
    return failure


def _tell(group: list[_Asked], outcomes: list[Any]) -> None:
    for (_, result), outcome in zip(group, outcomes, strict=True):
        result.callback(outcome)  # which a Failure makes an errback


def _engine(url: str | URL) -> Engine:
    url = make_url(url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)  # a server may have been restarted since
    engine = create_engine(url)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's module begins transactions by itself, too late for a SAVEPOINT; see _begin_sqlite.
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and then writes is refused, however patient it is, when
    # another process (the command line beside the gateway) wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _one_line(error: BaseException) -> str:
    """The driver's own words; SQLAlchemy adds statements and links, and a URL would show its password."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
