"""What changes in the directory, whoever changes it: the one place from which others hear of it.

Whatever changes is in the journal.  That is looked at every second, since the command line writes into it
beside the gateway; who has changed something in this process has it looked at as soon as that is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import structlog
from msgspec import MsgspecError, Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ctigw.directory import journal, long_term, people, system
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, Kind, SystemItem
from ctigw.directory.people import Profile
from ctigw.net.background import spawn
from ctigw.store.database import Database, DatabaseError
from ctigw.store.tables import User

# Seconds between two looks at what other processes have changed.
LOOK = 1.0
log = structlog.get_logger(__name__)


class Knowing(Protocol):
    """Whoever is to know all users: told profiles that are new or have changed, the name of who is no more,
    and a name and a long-term status, or None.
    """

    def put(self, profiles: Sequence[Profile], /) -> None: ...
    def gone(self, name: str, /) -> None: ...
    def long_term(self, name: str, body: bytes | None, /) -> None: ...


class Following:
    """Keeps those who are told of it as the directory is.

    ``knowing`` is told of people, if somebody is to know them.  Then those who `observe` are told each change
    once, in their order, and ``told`` that there may be something to send.  ``defaults``: settings of the
    site that were not set.
    """

    def __init__(
        self,
        database: Database,
        clock: IReactorTime,
        knowing: Knowing | None = None,
        *,
        told: Callable[[], None] = lambda: None,
        defaults: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._database, self._knowing, self._told, self._defaults = database, knowing, told, defaults
        self._observers: list[Callable[[Sequence[Change]], None]] = []
        # The number of the last change that all have been told of.
        self._last = 0
        # Those who want to know when the next look is over.
        self._asked: list[Deferred[None]] = []
        self._looking = self._running = False
        self._loop = LoopingCall(self.look)
        self._loop.clock = clock

    def start(self) -> None:
        """Load everybody who is to be known, which blocks, and then look again and again."""
        self._last = self._database.run_now(journal.last)
        if self._knowing is not None:
            found, unreadable = self._database.run_now(_everybody)
            statuses = [(name, body) for name, _, body in self._database.run_now(long_term.statuses)]
            self._know(self._knowing, _People([], found, unreadable, statuses))
        self._running = True
        self._loop.start(LOOK, now=False)

    def observe(self, changed: Callable[[Sequence[Change]], None]) -> None:
        """Have ``changed`` told each change."""
        self._observers.append(changed)

    def stop(self) -> None:
        """Look no more, and tell nothing of what is looked at now."""
        self._running = False
        if self._loop.running:
            self._loop.stop()

    def look(self) -> Deferred[None]:
        """Take over what has changed; fires when that is done, or cannot be done now.

        It may be called at any time.  While a look is under way, which may have missed what was committed
        since it began, there is another one after it.
        """
        done: Deferred[None] = Deferred()
        self._asked.append(done)
        if not self._looking:
            self._looking = True
            spawn(self._look())
        return done

    async def _look(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, []
            await self._catch_up()
            for done in asked:
                done.callback(None)
        self._looking = False

    async def _catch_up(self) -> None:
        more = True
        while more and self._running:
            try:
                news = await self._database.submit(
                    _news, self._last, self._defaults, with_people=self._knowing is not None
                )
            except DatabaseError as error:
                log.debug("the directory cannot be looked at", why=str(error))
                return
            except Exception:  # a bug: it must not end the looking
                log.exception("the directory cannot be looked at")
                return
            if news is None or not self._running:
                return
            more = self._take(news)

    def _take(self, news: _News) -> bool:
        """Tell all; whether there is more."""
        if self._knowing is not None and news.people is not None:
            self._know(self._knowing, news.people)
        for changed in self._observers:
            self._tell(changed, news.changes)
        self._last = news.last
        self._tell(self._told)
        return news.more

    def _know(self, knowing: Knowing, people: _People) -> None:
        for name in people.gone:
            self._tell(knowing.gone, name)
        for name in people.unreadable:
            log.error("what is kept of a user cannot be read", user=name)
        for profile in people.profiles:
            self._tell(knowing.put, (profile,))
        for name, body in people.long_term:
            self._tell(knowing.long_term, name, body)

    def _tell(self, function: Callable[..., None], *what: Any) -> None:
        """What fails is a bug, and must not cost the others what they have to know."""
        try:
            function(*what)
        except Exception:
            log.exception("a change of the directory is not taken over")


class _People(Struct):
    """Those of whom there is something new; ``gone`` are no more, or were not in between; of the
    ``unreadable`` nothing new can be known.
    """

    gone: list[str]
    profiles: list[Profile]
    unreadable: list[str]
    long_term: Sequence[tuple[str, bytes | None]]


class _News(Struct):
    """What has changed.  ``last``: the number of the last change; ``more``: there are others after it."""

    last: int
    more: bool
    changes: list[Change]
    people: _People | None


def _news(session: Session, after: int, defaults: Mapping[str, str], *, with_people: bool) -> _News | None:
    changes = journal.since(session, after)
    if not changes:
        return None
    return _News(
        last=changes[-1].number,
        more=len(changes) >= journal.MOST,
        changes=[told for change in changes for told in _as_told(session, change, defaults)],
        people=_people(session, changes) if with_people else None,
    )


def _people(session: Session, changes: Sequence[Change]) -> _People:
    """What ``changes`` have made of people."""
    # What belongs to the site is nobody's.
    names = dict.fromkeys(change.user for change in changes if change.user)
    found, unreadable = _profiles(session, names)
    here = {*(profile.name for profile in found), *unreadable}
    removed = dict.fromkeys(c.user for c in changes if c.kind is Kind.USER and c.old and not c.new)
    statuses = dict.fromkeys(c.user for c in changes if c.kind is Kind.LONG_TERM_STATUS)
    return _People(
        gone=[name for name in names if name in removed or name not in here],
        profiles=found,
        unreadable=unreadable,
        long_term=[(name, long_term.status(session, name) if name in here else None) for name in statuses],
    )


def _as_told(session: Session, change: Change, defaults: Mapping[str, str]) -> list[Change]:
    """``change``, with all that whoever is told of it may know: of settings, the values as they are now.

    Who has something of their own in the place of a setting of the site is told that after it.
    """
    item = change.new
    if not isinstance(item, SystemItem):
        return [change]
    whose = [change.user or None, *([] if change.user else system.with_their_own(session, item))]
    try:
        return [
            replace(change, user=user or "", new=system.told(session, item, user, defaults)) for user in whose
        ]
    except DirectoryError:  # the user is gone
        return []


def _everybody(session: Session) -> tuple[list[Profile], list[str]]:
    """The profiles of all, and the names of those whose own cannot be read."""
    try:
        return people.load(session), []
    except (ValueError, MsgspecError):  # somebody's; then one at a time
        return _profiles(session, session.scalars(select(User.name).order_by(User.name)).all())


def _profiles(session: Session, names: Sequence[str] | dict[str, None]) -> tuple[list[Profile], list[str]]:
    found, unreadable = [], []
    for name in names:
        try:
            profile = people.profile(session, name)
        except (ValueError, MsgspecError):  # somebody else wrote into the database
            unreadable.append(name)
        else:
            found += [] if profile is None else [profile]
    return found, unreadable
