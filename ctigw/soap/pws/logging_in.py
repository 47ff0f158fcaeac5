"""Logging in and out, and whose request it is: the keys are the same for SOAP and REST.

Nobody is told whether a user exists without a key: a wrong name and a wrong password are the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from ctigw.directory.credentials import may_act_for
from ctigw.errors import Refused
from ctigw.logins import BusyError
from ctigw.means import Means
from ctigw.soap.given import Who
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.sessions import Session, Sessions
from ctigw.values import named

INTERFACE = "pws"
log = structlog.get_logger(__name__)


@named
class People:
    """What is known of people.

    ``vouching``: `credentials.vouching`, of an application and a user.  Raises `Refused`.
    """

    who: Who
    vouching: Callable[[str, str], Awaitable[tuple[Sequence[str] | None, str | None]]]


@named
class Login:
    """``password``: None where none is given, so is ``application_key``, the session of an application.

    ``force``: end a session that there is; ``reuse``: or give its key again.  Otherwise it is in the way.
    """

    peer: str
    name: str
    password: str | None = None
    application_key: str | None = None
    force: bool = False
    reuse: bool = False


class LoggingIn:
    """Who may do something here, and whose request it is.  ``per_second``: requests of one session."""

    def __init__(self, sessions: Sessions, people: People, means: Means, *, per_second: int) -> None:
        self._sessions, self._people, self._now = sessions, people, means.now
        self._per_second = per_second
        # The second of a session's last request, and how many there were in it.
        self._asked: dict[Session, tuple[int, int]] = {}

    async def login(self, login: Login) -> str:
        """The key of a session.

        Raises `PwsError`: INVALID_KEY, NO_PASSWORD, LOGIN_TYPE, USERNAME, LOGIN_FAILED, NOT_AN_APPLICATION,
        LOGGED_IN_ALREADY, LOGIN_NOT_POSSIBLE, TOO_MANY_REQUESTS.
        """
        if not login.name.strip():
            raise PwsError(Code.USERNAME)
        if login.password == "":
            raise PwsError(Code.NO_PASSWORD)
        if login.password is None and not login.application_key:
            raise PwsError(Code.LOGIN_TYPE)
        try:
            if login.password is None:
                session = await self._by_application(login.name, login.application_key or "")
            else:
                session = await self._by_password(login.peer, login.name, login.password)
        except Refused:  # there is no database
            raise PwsError(Code.LOGIN_NOT_POSSIBLE) from None
        return self._begun(session, login)

    async def _by_password(self, peer: str, name: str, password: str) -> Session:
        try:
            principal = await self._people.who(peer, name, password)
        except BusyError:
            raise PwsError(Code.TOO_MANY_REQUESTS) from None
        if principal is None:
            raise PwsError(Code.LOGIN_FAILED)
        return Session(INTERFACE, principal.name, principal.kind)

    async def _by_application(self, name: str, key: str) -> Session:
        application = self._application(key)
        self._count(application)
        users, user = await self._people.vouching(application.name, name)
        if users is None:  # it was removed
            self._sessions.end(application)
        if application not in self._sessions:  # or it has logged out meanwhile
            raise PwsError(Code.INVALID_KEY)
        if user is None:
            raise PwsError(Code.USERNAME)
        if not may_act_for(users or (), user):
            log.info("no right to act for a user", application=application.name, user=user)
            raise PwsError(Code.LOGIN_FAILED)
        return Session(INTERFACE, user, "user", application=application)

    def _application(self, key: str) -> Session:
        application = self._sessions.application(key)
        if application is None:
            there = self._sessions.used(key, INTERFACE) is not None
            raise PwsError(Code.NOT_AN_APPLICATION if there else Code.INVALID_KEY)
        return application

    def _begun(self, session: Session, login: Login) -> str:
        before = self._sessions.at(session)
        if before is None and self._sessions.full:
            raise PwsError(Code.LOGIN_NOT_POSSIBLE)
        if before is None or login.force:
            return self._sessions.begin(session)
        # What one application was given is not another one's.
        if login.reuse and before.application is session.application:
            self._sessions.used(before.key, INTERFACE)
            return before.key
        raise PwsError(Code.LOGGED_IN_ALREADY)

    def session(self, key: str) -> Session:
        """Whose request it is.  Raises `PwsError`: NO_KEY, INVALID_KEY, TOO_MANY_REQUESTS."""
        if not key:
            raise PwsError(Code.NO_KEY)
        session = self._sessions.used(key, INTERFACE)
        if session is None:
            raise PwsError(Code.INVALID_KEY)
        self._count(session)
        return session

    def _count(self, session: Session) -> None:
        now = int(self._now())
        second, count = self._asked.get(session, (now, 0))
        count = count + 1 if second == now else 1
        self._asked[session] = now, count
        if count > self._per_second:
            raise PwsError(Code.TOO_MANY_REQUESTS)

    def log_out(self, session: Session) -> None:
        """``session`` is over."""
        self._sessions.end(session)

    def ended(self, session: Session) -> None:
        """``session`` is over, however that came."""
        self._asked.pop(session, None)
