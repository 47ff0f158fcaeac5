"""What the gateway keeps and looks up: who clients are, what calls there were, who asked for what.

The database's thread is for the database: passwords, whose work is long, are looked at in another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThread

from ctigw.directory import credentials
from ctigw.directory.passwords import needs_rehash
from ctigw.patterns import matcher
from ctigw.services.session import Rights
from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.behind import Behind
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database


class Keeping:
    """Nothing is known and nothing is kept: what a gateway has without a database."""

    async def verify(self, _name: str, _password: str) -> Rights | None:
        """Who has this name and password; None: nobody."""
        return None

    def call(self, entry: LoggedCall) -> None:
        """Somebody's share in a call is over."""

    def asked(self, entry: Audited) -> None:
        """Somebody has asked for something."""


class InDatabase(Keeping):
    """Everything is in ``database``, which is open.  The logs are written behind, on ``clock``."""

    def __init__(self, database: Database, clock: IReactorTime) -> None:
        self._database = database
        self._behind = Behind(database, clock)

    async def close(self) -> None:
        """Write what is still to be written."""
        await self._behind.close()

    async def verify(self, name: str, password: str) -> Rights | None:
        candidate = await self._database.run(credentials.look_up, name)
        in_thread: Callable[..., Any] = deferToThread  # untyped in Twisted
        principal: credentials.Principal | None = await in_thread(credentials.check, candidate, password)
        if principal is None:
            return None
        if candidate.password_hash and needs_rehash(candidate.password_hash):
            await self._database.run(credentials.renew, principal, password)
        return Rights(principal.name, matcher(principal.monitor), matcher(principal.control))

    def call(self, entry: LoggedCall) -> None:
        self._behind.put(call_log.row(entry))

    def asked(self, entry: Audited) -> None:
        self._behind.put(audit.row(entry))
