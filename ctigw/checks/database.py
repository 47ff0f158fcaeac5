"""The database: whether it answers, and has the tables of this version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ctigw.checks.running import Wrong
from ctigw.config import Config
from ctigw.store.database import HEAD, Database, DatabaseError, url_in
from ctigw.store.tables import User

T = TypeVar("T")


class About(NamedTuple):
    """Of a database: which migration its tables are at, how many users there are, one of them."""

    revision: str
    users: int
    somebody: str


def about(session: Session) -> About:
    """What the database says of itself."""
    revision = session.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    users = session.scalar(select(func.count()).select_from(User)) or 0
    return About(str(revision), users, session.scalar(select(User.name).order_by(User.name).limit(1)) or "")


async def check_database(look: Callable[[], Awaitable[About]]) -> str:
    """``look`` asks the database.  Raises `Wrong`."""
    try:
        found = await look()
    except (DatabaseError, SQLAlchemyError) as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise Wrong(
            said[0] if said else type(error).__name__,
            "see [store] url, --data, and whether the database's server runs and its disk has room",
        ) from None
    if found.revision != HEAD:
        raise Wrong(
            f"its tables are at revision {found.revision}, and this version needs {HEAD}",
            "`ctigw db upgrade`, or the next start of the gateway, brings them up to date",
        )
    return f"answers: revision {found.revision}, {found.users} users"


def beside(config: Config, data: Path, reactor: Any) -> Callable[[], Awaitable[About]]:
    """What asks the database of a gateway that is another process."""

    async def look() -> About:
        return await in_daemon(reactor, lambda: _look(config, data))

    return look


def _look(config: Config, data: Path) -> About:
    """Raises `DatabaseError`."""
    file = Path(str(url_in(data).database))
    if not (config.store.url or file.exists()):  # asking would make it
        raise DatabaseError(f"there is no {file}")
    database = Database(config.store.url or url_in(data))
    try:
        return database.run_now(about)
    finally:
        database.close()


def in_daemon(reactor: Any, work: Callable[[], T]) -> Deferred[T]:
    """The result of ``work``, in a thread that nobody waits for at the end: it may hang in a connection."""
    result: Deferred[T] = Deferred()
    failure: Any = Failure  # untyped in Twisted

    def run() -> None:
        try:
            found = work()
        except BaseException:  # noqa: BLE001 - told to whoever asked
            reactor.callFromThread(result.errback, failure())
        else:
            reactor.callFromThread(result.callback, found)

    Thread(target=run, name="check", daemon=True).start()
    return result
