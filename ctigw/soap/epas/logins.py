"""login and logout: who a client is, and its session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ctigw.directory.credentials import may_act_for, vouching
from ctigw.logins import BusyError
from ctigw.soap.epas.operations import add, answer, boolean, children, content, text_of
from ctigw.soap.given import Changed, Run, Who
from ctigw.soap.sessions import Session, Sessions
from ctigw.xml.parsing import Element

INTERFACE = "epas"
WRONG = "Wrong username/password"
TAKEN = "A SOAP session has already been established."
# What a client publishes itself, for all devices of its user, by the id of the tuple.  Whose session ends
# with it may have that forgotten: user and tuple.
Withdraw = Callable[[str, str], Awaitable[None]]


class Logins:
    """``withdraw`` ends what was published with a tuple of that id."""

    def __init__(self, sessions: Sessions, who: Who, run: Run, withdraw: Withdraw, changed: Changed) -> None:
        self._sessions, self._who, self._run = sessions, who, run
        self._withdraw, self._changed = withdraw, changed

    async def login(self, peer: str, body: Element) -> Element:
        """A new session, or why there is none.  Raises `BusyError`: nobody has looked at the password.

        It is looked at before anything is said of a session that there is, which is nobody else's business.
        """
        name, client = text_of(body, "username"), body.get("client-type", "")[:64]
        key = text_of(body, "app-session-id")
        if key:
            session = await self._vouched(key, name, client)
        else:
            passwords = children(body, "password")
            found = await self._who(peer, name, content(passwords[0]) if passwords else "")
            session = None if found is None else Session(INTERFACE, found.name, found.kind, client=client)
        if session is None:
            return _refused(WRONG)
        if self._sessions.at(session) is not None:
            if not boolean(body.get("force")):
                return _refused(TAKEN)
        elif self._sessions.full:
            raise BusyError
        made = answer("login")
        add(add(made, "success"), "session-key", self._sessions.begin(session))
        return made

    async def _vouched(self, key: str, name: str, client: str) -> Session | None:
        """That of the user for whom an application vouches, if it may."""
        application = self._sessions.application(key)
        if application is None:
            return None
        users, user = await self._run(vouching, application.name, name)
        if users is None:  # it was removed
            self._sessions.end(application)
        # It may also have logged out meanwhile.
        if user is None or not may_act_for(users or (), user) or application not in self._sessions:
            return None
        return Session(INTERFACE, user, "user", client=client, application=application)

    async def logout(self, session: Session, body: Element) -> Element:
        """The session is over, and what its client has published with it, if it says so."""
        self._sessions.end(session)
        if tuple_id := body.get("tuple-id", ""):
            await self._withdraw(session.name, tuple_id)
            self._changed()
        made = answer("logout")
        add(made, "success")
        return made


def _refused(why: str) -> Element:
    made = answer("login")
    add(add(made, "failure"), "reason", why)
    return made
