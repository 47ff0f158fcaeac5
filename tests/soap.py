"""What tests of the SOAP interfaces share: requests and answers as values, on a database in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from lxml import etree
from sqlalchemy.orm import Session as DatabaseSession
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.directory import contact_list, credentials, users
from ctigw.directory.credentials import Principal
from ctigw.errors import Reason, Refused
from ctigw.logins import Logins
from ctigw.means import Means
from ctigw.patience import Patience
from ctigw.soap.http import Handler, HttpRequest, HttpResponse
from ctigw.soap.sessions import Sessions, session_key
from ctigw.store.database import Database
from ctigw.store.tables import User
from tests.done import done

P = ParamSpec("P")
T = TypeVar("T")
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
PASSWORD = "12345"


class Bench:
    """A directory and who may log in; everything is done at once."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.database = Database(f"sqlite:///{folder / 'soap.sqlite'}")
        self.database.migrate()
        self.away = False
        # How often somebody was told that the directory was changed.
        self.changes = 0
        self.means = Means(self.clock.seconds, self.clock.callLater, session_key)
        self.sessions = Sessions(self.means, seconds=3600, most=100)
        self._logins: Logins[Principal] = Logins(Patience(self.clock), self._principal, Deferred)

    async def run(
        self, function: Callable[Concatenate[DatabaseSession, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self.away:
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
        return self.database.run_now(function, *args, **kwargs)

    async def who(self, peer: str, name: str, password: str) -> Principal | None:
        return await self._logins.who(_Asker(peer), name, password)

    async def _principal(self, name: str, password: str) -> Principal | None:
        candidate = await self.run(credentials.look_up, name)
        return credentials.check(candidate, password)

    def changed(self) -> None:
        self.changes += 1

    def people(self, *names: str, password: str = PASSWORD) -> None:
        """Users; one password is worked on once."""
        first, *others = names
        self.database.run_now(users.add, first, password)
        for name in others:
            self.database.run_now(_like, name, first)

    def close(self) -> None:
        self.database.close()


class _Asker:
    def __init__(self, peer: str) -> None:
        self.peer = peer


def _like(session: DatabaseSession, name: str, other: str) -> None:
    """A user with the password of ``other``, but for SIP."""
    found = session.get(User, other)
    assert found is not None
    session.add(User(name=name, display_name="", password_hash=found.password_hash, calendaring=False))
    session.flush()
    contact_list.start(session, name)


def served(handler: Handler, request: HttpRequest) -> HttpResponse:
    """The answer, which is there at once."""
    return done(handler(request))


def envelope(body: str, namespace: str, *, key: str = "", version: str = SOAP_12) -> bytes:
    """A request as clients write it, with ``namespace`` as the default one."""
    header = f"<s:Header><session-key> {key} </session-key></s:Header>" if key else ""
    return (
        f'<s:Envelope xmlns:s="{version}" xmlns="{namespace}">{header}<s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def post(body: bytes, path: str = "/", peer: str = "192.0.2.1", **headers: str) -> HttpRequest:
    return HttpRequest(method="POST", path=path, body=body, peer=peer, headers=headers)


def canonical(xml: bytes) -> str:
    """``xml`` without what says nothing: blanks between elements, comments, declarations not needed."""
    root = etree.fromstring(xml)
    for element in root.iter():
        if isinstance(element.tag, str) and len(element):
            element.text = (element.text or "").strip() or None
        element.tail = (element.tail or "").strip() or None
    return etree.tostring(root, method="c14n", exclusive=True, with_comments=False).decode()


def inside(response: HttpResponse) -> Any:
    """What is in the body of an answer."""
    root = etree.fromstring(response.body)
    return root.find("{*}Body")[0]  # type: ignore[index] # there is one


def texts(element: Any) -> Iterator[tuple[dict[str, str], str]]:
    """Attributes and text of each child."""
    for child in element:
        yield dict(child.attrib), child.text or ""
