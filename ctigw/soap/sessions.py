"""Who has logged in, by the key that was given out.

A key is a UUID's text of 128 random bits.  Keys are found by their hash: how long it takes to look one up
says nothing of those that there are.  They live in memory: after a restart everybody logs in again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from ctigw.expiring import Expiring
from ctigw.means import Means

# Sessions of one name at an interface: types of clients are called as clients like.
EACH = 20


def session_key() -> str:
    """A new key."""
    return str(UUID(bytes=secrets.token_bytes(16)))


class Session:
    """Somebody's session at one interface.

    ``interface``: "epas", "pws"; ``kind``: "user" or "application"; ``client``: the type of client, since
    each may have its own ("" for those that do not say); ``application``: the session of the application
    that has logged this user in, with which it ends.
    """

    __slots__ = ("application", "client", "due", "hash", "interface", "key", "kind", "name")

    def __init__(
        self,
        interface: str,
        name: str,
        kind: str,
        *,
        client: str = "",
        application: Session | None = None,
    ) -> None:
        self.interface, self.name, self.kind, self.client = interface, name, kind, client
        self.application = application
        self.key, self.hash, self.due = "", b"", 0

    @property
    def place(self) -> tuple[str, str, str, str]:
        """There is one session in each."""
        return (*self.owner, self.client)

    @property
    def owner(self) -> tuple[str, str, str]:
        """There are `EACH` sessions of one."""
        return self.interface, self.kind, self.name


class Sessions:
    """All sessions of all interfaces.  One that is not used for ``seconds`` is over.

    ``ended`` is told of each that is over, however that came.
    """

    def __init__(
        self,
        means: Means,
        *,
        seconds: float,
        most: int,
        ended: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        self._means, self._seconds, self._most, self.ended = means, seconds, most, ended
        self._by_hash: dict[bytes, Session] = {}
        self._by_place: dict[tuple[str, str, str, str], Session] = {}
        # The one that was used last comes last.
        self._by_owner: dict[tuple[str, str, str], dict[Session, None]] = {}
        self._expiring: Expiring[Session] = Expiring(means, self.end)

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, session: Session) -> bool:
        """Whether it is not over."""
        return self._by_hash.get(session.hash) is session

    @property
    def full(self) -> bool:
        """Whether there are as many as there may be."""
        return len(self) >= self._most

    def at(self, session: Session) -> Session | None:
        """The session that is in the place of ``session``."""
        return self._by_place.get(session.place)

    def begin(self, session: Session) -> str:
        """The key of the new ``session``; one in its place ends, or of too many that not used for longest."""
        if (before := self.at(session)) is not None:
            self.end(before)
        same = self._by_owner.get(session.owner, {})
        if len(same) >= EACH:
            self.end(next(iter(same)))
        session.key = key = self._means.token()
        session.hash = _hash(key)
        self._by_hash[session.hash] = self._by_place[session.place] = session
        self._touch(session)
        return key

    def used(self, key: str, interface: str) -> Session | None:
        """The session of ``key`` at ``interface``, which lasts longer now; None: there is no such one."""
        session = self._by_hash.get(_hash(key))
        if session is None or session.interface != interface:
            return None
        self._touch(session)
        return session

    def application(self, key: str) -> Session | None:
        """The session of the application that has ``key``, at whichever interface; None: there is none."""
        session = self._by_hash.get(_hash(key))
        if session is None or session.kind != "application":
            return None
        self._touch(session)
        return session

    def _touch(self, session: Session) -> None:
        same = self._by_owner.setdefault(session.owner, {})
        same.pop(session, None)
        same[session] = None
        self._expiring.set(session, self._means.now() + self._seconds)

    def end(self, session: Session) -> None:
        """``session`` is over, and with that of an application those of its users; a second time does
        nothing.
        """
        if self._by_hash.pop(session.hash, None) is None:
            return
        del self._by_place[session.place]
        same = self._by_owner[session.owner]
        del same[session]
        if not same:
            del self._by_owner[session.owner]
        self._expiring.drop(session)
        self.ended(session)
        if session.kind == "application":
            self._end_all(lambda other: other.application is session)

    def forget(self, name: str) -> None:
        """There is nobody called ``name`` any more, or their password is another one."""
        self._end_all(lambda session: session.name == name)

    def _end_all(self, which: Callable[[Session], bool]) -> None:
        for session in [session for session in self._by_hash.values() if which(session)]:
            self.end(session)


def _hash(key: str) -> bytes:
    return sha256(key.encode(errors="replace")).digest()
