"""Who may use AXL: whoever administers the gateway, and says so with a password or with the cookie of before.

The product sets two cookies.  JSESSIONID is a session's key, which is as good as the password that it was
got with, for the time that `soap.sessions` gives it: until then neither the password is another one, nor the
right lost.  JSESSIONIDSSO is there since clients may look for it, and opens nothing: it also goes to
whatever else is served on this host, and not only over TLS.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session as Transaction

from ctigw.directory import credentials
from ctigw.errors import Refused
from ctigw.soap import basic
from ctigw.soap.given import Run, Who
from ctigw.soap.http import HttpRequest, HttpResponse
from ctigw.soap.sessions import Session, Sessions

INTERFACE = "axl"
COOKIE, OTHER_COOKIE = "JSESSIONID", "JSESSIONIDSSO"
# Cookies of one name that are looked at: a client may have kept some of other paths.
MOST_COOKIES = 4


class Admitted(NamedTuple):
    """``name``: who asks; ``headers``: what the answer has for it."""

    name: str
    headers: tuple[tuple[str, str], ...] = ()


class _Session(Session):
    """``password``: what was kept of the password then; ``proof``: of what the client had sent."""

    __slots__ = ("password", "proof")

    def __init__(self, name: str, kind: str, password: bytes) -> None:
        super().__init__(INTERFACE, name, kind)
        self.password, self.proof = password, b""


class Access:
    """Looks at everybody who asks."""

    def __init__(self, run: Run, who: Who, sessions: Sessions) -> None:
        self._run, self._who, self._sessions = run, who, sessions

    async def admitted(self, request: HttpRequest) -> Admitted | HttpResponse:
        """Who has sent ``request``; or the answer, if that is nobody who may."""
        if basic.is_elsewhere(request):
            return basic.ELSEWHERE
        try:
            if (admitted := await self._again(request)) is not None:
                return admitted
            principal = await basic.administrator(request, self._who)
            if isinstance(principal, HttpResponse):
                return principal
            return Admitted(principal.name, await self._begun(request, principal))
        except Refused:
            return basic.AWAY

    def forget(self, name: str) -> None:
        """``name`` has another password, or is no more."""
        self._sessions.forget(name)

    async def _again(self, request: HttpRequest) -> Admitted | None:
        """Who has sent the cookie in ``request``, if they still may."""
        for key in islice(_cookies(request.headers), MOST_COOKIES):
            session = self._sessions.used(key, INTERFACE)
            if not isinstance(session, _Session):
                continue
            # A client that sends a password as well means that; it costs nothing if it is the one of before.
            said = request.headers.get("authorization")
            if said is not None and not hmac.compare_digest(_proof(key, said), session.proof):
                continue
            if await self._run(_password, session.name) == session.password:
                return Admitted(session.name)
            self._sessions.end(session)
        return None

    async def _begun(
        self, request: HttpRequest, principal: credentials.Principal
    ) -> tuple[tuple[str, str], ...]:
        """The cookies for ``principal``, who has just sent a password; none when there are too many."""
        password = await self._run(_password, principal.name)
        if password is None:
            return ()
        said = request.headers.get("authorization", "")
        session = _Session(principal.name, principal.kind, password)
        before = self._sessions.at(session)
        # Programs that share a name share its session: none of them ends another's.
        if (
            isinstance(before, _Session)
            and before.password == password
            and hmac.compare_digest(_proof(before.key, said), before.proof)
        ):
            key = before.key
            self._sessions.used(key, INTERFACE)
        elif before is None and self._sessions.full:
            return ()
        else:
            key = self._sessions.begin(session)
            session.proof = _proof(key, said)
        other = sha256(f"not {key}".encode()).hexdigest()[:32].upper()
        return (
            ("Set-Cookie", f"{OTHER_COOKIE}={other}; Path=/; HttpOnly; SameSite=Strict"),
            ("Set-Cookie", f"{COOKIE}={key}; Path=/axl; Secure; HttpOnly; SameSite=Strict"),
        )


def _password(transaction: Transaction, name: str) -> bytes | None:
    """What tells the password of ``name`` from every other one; None: they administer nothing any more."""
    found = credentials.look_up(transaction, name)
    if found.principal is None or found.principal.name != name or not found.principal.administers:
        return None
    return sha256((found.password_hash or "").encode()).digest()


def _proof(key: str, said: str) -> bytes:
    """What tells that ``said`` was sent when ``key`` was given out, and is of no use without it."""
    return hmac.digest(key.encode(), said.encode(errors="replace"), "sha256")


def _cookies(headers: Mapping[str, str]) -> Iterator[str]:
    """The keys in the cookies; more than one header of them comes joined by a comma."""
    for part in headers.get("cookie", "").replace(",", ";").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals and name == COOKIE:
            yield value.strip().strip('"')
