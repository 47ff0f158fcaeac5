"""The Presence Web Service in REST: paths and methods to operations, and back.

A user's resources are the user's whose session it is: a key that is somebody else's is no valid one there.
What the interface has for several nodes is not here: a gateway is one node, so nobody is sent on with 307.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote

import structlog
from lxml import etree

from ctigw.soap.http import HttpRequest, HttpResponse, plain
from ctigw.soap.pws import reading, writing
from ctigw.soap.pws.errors import BUSY, Code, PwsError
from ctigw.soap.pws.logging_in import Login
from ctigw.soap.pws.numbers import number
from ctigw.soap.pws.requests import (
    NOTIFICATION,
    Kind,
    RegisterEndPoint,
    Seen,
    SetPresence,
    Subscribe,
    Unsubscribe,
)
from ctigw.soap.pws.service import Service
from ctigw.soap.sessions import Session
from ctigw.xml import DECLARATION
from ctigw.xml.parsing import Element

BASE = "/presence-service"
KEY, EXPIRY, OVERRIDE = "presence-session-key", "presence-expiry", "presence-override"
# As the table of codes has it: in the case that is written here.
_OVERRIDES = {"true": True, "false": False}
# Characters of a path that are logged.
LOGGED = 200
log = structlog.get_logger(__name__)
_KINDS = {"basic": Kind.BASIC, "rich": Kind.RICH}


class RestFace:
    """``reuse``: whoever logs in again without force gets the key that there is."""

    def __init__(self, service: Service, *, reuse: bool = True) -> None:
        self._service, self._reuse = service, reuse

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """A request for whatever is below the base."""
        parts = request.parts()[1:]
        found = [route for route in ROUTES if len(route.path) == len(parts) and _fits(route, parts)]
        if not found:
            return plain(404, "not found")
        route = next((route for route in found if route.method == request.method), None)
        if route is None:
            methods = ", ".join(sorted(route.method for route in found))
            return plain(405, "not with this method", ("Allow", methods))
        names = [part for part, wanted in zip(parts, route.path, strict=True) if wanted == ANY]
        try:
            return await route.serve(self, request, *names)
        except PwsError as error:
            return _refusal(error)
        except Exception:  # a bug
            log.exception("request failed", path=request.path[:LOGGED])
            return _refusal(PwsError(Code.SERVER_ERROR))

    def _session(self, request: HttpRequest, user: str | None = None) -> Session:
        """Whose request it is; ``user``: whose it has to be."""
        session = self._service.session(request.headers.get(KEY, "").strip())
        if user is not None and not _is(session, user):
            raise PwsError(Code.INVALID_KEY)
        return session

    # Sessions

    async def log_in(self, request: HttpRequest, user: str) -> HttpResponse:
        """POST /users/{user}/sessions"""
        return await self._log_in(request, user, force=False)

    async def log_in_by_force(self, request: HttpRequest, user: str) -> HttpResponse:
        """PUT /users/{user}/session"""
        return await self._log_in(request, user, force=True)

    async def _log_in(self, request: HttpRequest, user: str, *, force: bool) -> HttpResponse:
        body = reading.root(request.body, "session") if request.body.strip() else None
        password = reading.child(body, "password")
        login = Login(
            peer=request.peer,
            name=user,
            password=None if password is None else password.text or "",
            application_key=request.headers.get(KEY, "").strip(),
            force=force,
            reuse=self._reuse,
        )
        answer = etree.Element("session")
        etree.SubElement(answer, "sessionKey").text = await self._service.login(login)
        return _answer(201, answer)

    async def log_out(self, request: HttpRequest, user: str) -> HttpResponse:
        """DELETE /users/{user}/session"""
        self._service.logout(self._session(request, user))
        return HttpResponse()

    # Endpoints

    async def register(self, request: HttpRequest) -> HttpResponse:
        """POST /endpoints"""
        return self._register(request, 0)

    async def renew(self, request: HttpRequest, endpoint: str) -> HttpResponse:
        """PUT /endpoints/{endpoint}"""
        return self._register(request, _numbered(endpoint, Code.NO_SUCH_ENDPOINT))

    def _register(self, request: HttpRequest, endpoint: int) -> HttpResponse:
        session = self._session(request)
        body = reading.root(request.body, "endpoint") if request.body.strip() else None
        asked = RegisterEndPoint(
            url=reading.text(body, "url") or "",
            number=endpoint,
            seconds=_expiry(request, body),
            repeated=True,
        )
        made = self._service.register_end_point(session, asked)
        return HttpResponse(status=201, headers=_location(request, f"/endpoints/{made}"))

    async def unregister(self, request: HttpRequest, endpoint: str) -> HttpResponse:
        """DELETE /endpoints/{endpoint}"""
        session = self._session(request)
        self._service.unregister_end_point(session, _numbered(endpoint, Code.NO_SUCH_ENDPOINT))
        return HttpResponse()

    # Subscriptions

    async def subscribe(self, request: HttpRequest, user: str) -> HttpResponse:
        """POST /users/{user}/subscriptions"""
        return self._subscribe(request, user, 0)

    async def extend(self, request: HttpRequest, user: str, subscription: str) -> HttpResponse:
        """PUT /users/{user}/subscriptions/{subscription}"""
        return self._subscribe(request, user, _numbered(subscription, Code.NO_SUCH_SUBSCRIPTION))

    def _subscribe(self, request: HttpRequest, user: str, subscription: int) -> HttpResponse:
        session = self._session(request, user)
        # To renew one, its time alone is needed.
        is_needed = subscription == 0 or request.body.strip()
        body = reading.root(request.body, "subscription") if is_needed else None
        said = reading.text(body, "subscriptionType")
        asked = Subscribe(
            contacts=reading.contacts(body),
            type=NOTIFICATION if said is None and subscription else said or "",
            endpoint=reading.whole(body, "endPointID"),
            seconds=_expiry(request, body),
            number=subscription,
        )
        made = self._service.subscribe(session, asked)
        return HttpResponse(
            status=201, headers=_location(request, f"/users/{quote(user)}/subscriptions/{made}")
        )

    async def unsubscribe(self, request: HttpRequest, user: str, subscription: str) -> HttpResponse:
        """DELETE /users/{user}/subscriptions/{subscription}"""
        session = self._session(request, user)
        subscribed = _numbered(subscription, Code.NO_SUCH_SUBSCRIPTION)
        self._service.unsubscribe(session, Unsubscribe(number=subscribed, all=True))
        return HttpResponse()

    # Presence

    async def set_presence(self, request: HttpRequest, user: str, kind: str) -> HttpResponse:
        """PUT /users/{user}/presence/{kind}"""
        session, wanted = self._session(request, user), _kind(kind)
        override = _override(request)
        body = reading.root(request.body, "presence")
        is_word = wanted is Kind.BASIC
        asked = SetPresence(
            kind=wanted,
            basic=(body.text or "").strip() if is_word else None,
            rich=None if is_word else request.body,
            override=override,
            seconds=_expiry(request, None),
        )
        await self._service.set_presence(session, asked)
        return HttpResponse()

    async def subscribed(self, request: HttpRequest, user: str, kind: str, subscription: str) -> HttpResponse:
        """GET /users/{user}/presence/{kind}/subscriptions/{subscription}"""
        session, wanted = self._session(request, user), _kind(kind)
        subscribed = _numbered(subscription, Code.NO_SUCH_SUBSCRIPTION)
        return _seen(await self._service.subscribed_presence(session, subscribed, wanted))

    async def polled(self, request: HttpRequest, user: str, kind: str, contact: str) -> HttpResponse:
        """GET /users/{user}/presence/{kind}/contacts/{contact}"""
        session, wanted = self._session(request, user), _kind(kind)
        return _seen(await self._service.polled_presence(session, [contact], wanted))


class Route(NamedTuple):
    """A method of a path; ``ANY``: a part that is a name."""

    method: str
    path: tuple[str, ...]
    serve: Callable[..., Awaitable[HttpResponse]]


ANY = "{}"
_SESSIONS, _SESSION = ("users", ANY, "sessions"), ("users", ANY, "session")
_SUBSCRIPTIONS = ("users", ANY, "subscriptions")
_PRESENCE = ("users", ANY, "presence", ANY)
ROUTES = (
    Route("POST", _SESSIONS, RestFace.log_in),
    Route("PUT", _SESSION, RestFace.log_in_by_force),
    Route("DELETE", _SESSION, RestFace.log_out),
    Route("POST", ("endpoints",), RestFace.register),
    Route("PUT", ("endpoints", ANY), RestFace.renew),
    Route("DELETE", ("endpoints", ANY), RestFace.unregister),
    Route("POST", _SUBSCRIPTIONS, RestFace.subscribe),
    Route("PUT", (*_SUBSCRIPTIONS, ANY), RestFace.extend),
    Route("DELETE", (*_SUBSCRIPTIONS, ANY), RestFace.unsubscribe),
    Route("PUT", _PRESENCE, RestFace.set_presence),
    Route("GET", (*_PRESENCE, "subscriptions", ANY), RestFace.subscribed),
    Route("GET", (*_PRESENCE, "contacts", ANY), RestFace.polled),
)


def _fits(route: Route, parts: tuple[str, ...]) -> bool:
    return all(wanted in (ANY, part) for wanted, part in zip(route.path, parts, strict=True))


def _is(session: Session, user: str) -> bool:
    """Whether ``session`` is that of ``user``, who may be called without the domain."""
    name = user.strip().lower()
    return name in (session.name, session.name.partition("@")[0])


def _numbered(text: str, code: Code) -> int:
    """The number of something that is there, so not 0."""
    found = number(text)
    if not found:
        raise PwsError(code)
    return found


def _kind(text: str) -> Kind:
    found = _KINDS.get(text)
    if found is None:
        raise PwsError(Code.PRESENCE_TYPE)
    return found


def _override(request: HttpRequest) -> bool:
    found = _OVERRIDES.get(request.headers.get(OVERRIDE, "false").strip())
    if found is None:
        raise PwsError(Code.OVERRIDE_PARAMETER)
    return found


def _expiry(request: HttpRequest, body: Element | None) -> int | None:
    """What the header says, or, as in older clients, the body."""
    said = request.headers.get(EXPIRY, "").strip()
    return number(said) if said else reading.whole(body, "expiration")


def _location(request: HttpRequest, path: str) -> tuple[tuple[str, str], ...]:
    """Where a thing is; its number comes last, with nothing behind it."""
    return (("Location", f"{request.base}{BASE}{path}"),)


def _answer(status: int, body: Element) -> HttpResponse:
    xml = etree.tostring(body, xml_declaration=False, encoding="UTF-8")
    return HttpResponse(status=status, body=DECLARATION.encode() + xml)


def _seen(seen: Seen) -> HttpResponse:
    answer = _answer(200, writing.presence(seen, namespace=""))
    return HttpResponse(body=writing.complete(answer.body, seen, namespace=""))


def _refusal(error: PwsError) -> HttpResponse:
    body = etree.Element("error")
    etree.SubElement(body, "code").text = str(error.code.value)
    etree.SubElement(body, "message").text = error.message
    headers: Mapping[str, str] = {"Retry-After": "1"} if error.code in BUSY else {}
    answer = _answer(error.status, body)
    return HttpResponse(status=answer.status, body=answer.body, headers=tuple(headers.items()))
