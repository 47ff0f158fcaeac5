"""What the gateway keeps and looks up: who clients are, what calls there were, who asked for what.

The database's thread is for the database: passwords, whose work is long, are looked at in another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from ctigw.directory import credentials, journal
from ctigw.patterns import matcher
from ctigw.services.audit import OK, is_refusal
from ctigw.services.session import Rights
from ctigw.store import audit, call_log
from ctigw.store.audit import Audited
from ctigw.store.behind import Behind
from ctigw.store.call_log import LoggedCall
from ctigw.store.database import Database, DatabaseError

DAY = 86_400
# Old entries of each log that are removed at once, a few ms of work, and the seconds until the next ones are.
BATCH = 500
PAUSE = 0.1
# Refusals that may wait to be written: fewer than commands and calls, since strangers can cause them.
REFUSALS = 1_000
log = structlog.get_logger(__name__)


def _forget(session: Session, before: float) -> bool:
    """Remove a few old entries of each log; whether there may be more."""
    logs = (call_log.forget, audit.forget, journal.forget)
    return max(forget(session, before, BATCH) for forget in logs) == BATCH


def _rights(principal: credentials.Principal) -> Rights:
    monitor, control = principal.monitor, principal.control
    return Rights(principal.name, matcher(monitor), matcher(control), (monitor, control))


class Keeping:
    """Nothing is known and nothing is kept: what a gateway has without a database."""

    async def verify(self, _name: str, _password: str) -> Rights | None:
        """Who has this name and password; None: nobody."""
        return None

    async def again(self, rights: Rights) -> Rights | None:
        """The rights that somebody who has logged in with ``rights`` has now.

        None: they are gone, or have lost a right.
        """
        return rights

    def call(self, entry: LoggedCall) -> None:
        """Somebody's share in a call is over."""

    def asked(self, entry: Audited) -> None:
        """Somebody has asked for something."""

    @property
    def dropped(self) -> int:
        """How many entries of the logs were lost."""
        return 0


class InDatabase(Keeping):
    """Everything is in ``database``, which is open.

    The logs are written behind, on ``clock``; what is older than ``log_days`` is removed once a day.
    Refusals, which strangers can cause, wait apart: they push out neither commands nor calls.
    """

    def __init__(self, database: Database, clock: IReactorTime, log_days: int) -> None:
        self._database, self._clock = database, clock
        self._calls = Behind(database, clock, call_log.record, name="calls")
        self._commands = Behind(database, clock, audit.record, name="commands")
        self._refusals = Behind(database, clock, audit.record, bound=REFUSALS, name="refusals")
        self._seconds = log_days * DAY
        self._sweeping: IDelayedCall | None = None
        self._closed = False
        self._sweep()

    async def close(self) -> None:
        """Write what is still to be written."""
        self._closed = True
        self._next.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for behind in self._all_behind:
            await behind.close()

    @property
    def dropped(self) -> int:
        return sum(behind.dropped for behind in self._all_behind)

    @property
    def _all_behind(self) -> tuple[Behind[LoggedCall] | Behind[Audited], ...]:
        return self._calls, self._commands, self._refusals

    def _sweep(self) -> None:
        """Begin to remove what is too old, unless that still goes on."""
        self._next = self._clock.callLater(DAY, self._sweep)
        if self._sweeping is None:
            self._sweep_some(self._clock.seconds() - self._seconds)

    def _sweep_some(self, before: float) -> None:
        """A little at a time, since logins and settings wait for the same thread."""
        self._sweeping = None
        self._database.submit(_forget, before).addCallbacks(self._swept, self._not_swept, (before,))

    def _swept(self, more: bool, before: float) -> None:
        if more and not self._closed and self._sweeping is None:
            self._sweeping = self._clock.callLater(PAUSE, self._sweep_some, before)

    def _not_swept(self, failure: Failure) -> None:
        log.warning("old entries of the logs stay", why=failure.getErrorMessage())

    async def verify(self, name: str, password: str) -> Rights | None:
        principal = await self.principal(name, password)
        return None if principal is None else _rights(principal)

    async def principal(self, name: str, password: str) -> credentials.Principal | None:
        """Who has this name and password, as the directory knows them; None: nobody."""
        candidate = await self._database.run(credentials.look_up, name)
        in_thread: Callable[..., Any] = deferToThread  # untyped in Twisted
        principal: credentials.Principal | None = await in_thread(credentials.check, candidate, password)
        if principal is not None and credentials.outdated(candidate):
            await self._database.run(credentials.renew, principal, password)
        return principal

    async def again(self, rights: Rights) -> Rights | None:
        try:
            principal = await self._database.run(credentials.known, rights.name)
        except (SQLAlchemyError, DatabaseError) as error:
            # Who works must not be thrown out because nobody can be asked just now.
            log.warning("rights cannot be looked up, they stay", name=rights.name, why=str(error))
            return rights
        if principal is None:
            return None
        now = (principal.monitor, principal.control)
        if now == rights.granted:  # the usual case, without the work of making matchers
            return rights
        lost = any(set(before) - set(after) for before, after in zip(rights.granted, now, strict=True))
        return None if lost else _rights(principal)

    def call(self, entry: LoggedCall) -> None:
        self._calls.put(entry)

    def asked(self, entry: Audited) -> None:
        # The usual case at once, without a call.
        behind = self._refusals if entry.outcome != OK and is_refusal(entry) else self._commands
        behind.put(entry)
