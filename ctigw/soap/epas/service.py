"""Where an EPAS request goes: envelope, contract, session, operation, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial

import structlog
from sqlalchemy.orm import Session as DatabaseSession

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.errors import Refused
from ctigw.logins import BusyError
from ctigw.soap import envelope
from ctigw.soap.contract import Contract
from ctigw.soap.envelope import Asked, Code, NotSoapError, Version
from ctigw.soap.epas import contacts, rules, settings, statuses
from ctigw.soap.epas.logins import INTERFACE, Logins
from ctigw.soap.epas.operations import EPAS, Call, InvalidError, Operation, Settings
from ctigw.soap.given import FAILED, NO_DATABASE, Changed, Run
from ctigw.soap.http import Handler, HttpRequest, HttpResponse, plain
from ctigw.soap.sessions import Session, Sessions
from ctigw.values import value
from ctigw.xml.parsing import Element, local, name_of

INVALID = "Invalid request."
BUSY = "Too many logins at once, or too many that have failed; try again later."
# Seconds after which a client that was told to come again may do so.
AGAIN = "2"
OPERATIONS: Mapping[str, Operation] = {
    **contacts.OPERATIONS,
    **rules.OPERATIONS,
    **settings.OPERATIONS,
    **statuses.OPERATIONS,
}
# Parts of everything that are asked for at once.
MOST_PARTS = 100
# Those that change nothing: nobody has to look whether something is new.
_READS = frozenset(name for name in OPERATIONS if name.startswith("get-"))
CONTRACT = Contract(
    "epas",
    "epas-soap-interface.xsd",
    *("epas.wsdl", "epas-soap-interface.xsd", "presence-rules.xsd"),
)
_KNOWN = frozenset((name, EPAS) for name in ("login", "logout", *OPERATIONS))
SERVICE = "/EPASSoap/service"
RELEASES = ("", "/v70", "/v80", "/v105", "/latest")
log = structlog.get_logger(__name__)


@value
class _Trouble(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A fault, and the HTTP status that it has even where faults have 200 (0: none)."""

    code: Code
    text: str
    status: int = 0


class Epas:
    """``faults_ok``: faults have the HTTP status 200."""

    def __init__(
        self,
        *,
        run: Run,
        logins: Logins,
        sessions: Sessions,
        settings: Settings,
        now: Callable[[], float],
        changed: Changed,
        faults_ok: bool = False,
    ) -> None:
        self._run, self._logins, self._sessions = run, logins, sessions
        self._settings, self._now, self._changed, self._faults_ok = settings, now, changed, faults_ok

    def routes(self) -> dict[str, Handler]:
        """The product's addresses: of the service, of each release, and of the schemas."""
        schemas = ("epas-soap-interface.xsd", "presence-rules.xsd")
        return {
            **{f"{SERVICE}{release}": self.serve for release in RELEASES},
            **{f"/EPASSoap/{name}": partial(_file, name) for name in schemas},
        }

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request; GET is for the contract, whatever a client asks it for."""
        if request.method in ("GET", "HEAD"):
            return CONTRACT.serve("epas.wsdl", request)
        if request.method != "POST":
            return plain(405, "POST, or GET for the WSDL", ("Allow", "GET, HEAD, POST"))
        try:
            asked = envelope.read(request.body)
        except NotSoapError as error:
            log.info("not a SOAP request", peer=request.peer, why=str(error))
            return self._fault(error.version, _Trouble(Code.SENDER, INVALID))
        try:
            made = await self._made(request, asked)
        except _Trouble as trouble:
            return self._fault(asked.version, trouble)
        return envelope.answered(asked.version, made)

    async def _made(self, request: HttpRequest, asked: Asked) -> Element:
        """What is in the body of the answer.  Raises `_Trouble`."""
        body = _checked(asked, request.peer)
        name = local(body)
        try:
            if name == "login":
                return await self._logins.login(request.peer, body)
            session = self._session(asked)
            if name == "logout":
                return await self._logins.logout(session, body)
            return await self._done(session, name, body)
        except (InvalidError, DirectoryError):
            raise _Trouble(Code.SENDER, INVALID) from None
        except BusyError:
            raise _Trouble(Code.RECEIVER, BUSY, 503) from None
        except Refused:
            raise _Trouble(Code.RECEIVER, NO_DATABASE) from None
        except Exception as error:
            log.exception("operation failed", operation=name)
            raise _Trouble(Code.RECEIVER, FAILED) from error

    def _session(self, asked: Asked) -> Session:
        """The session whose key is in the header.  Raises `InvalidError`."""
        session = self._sessions.used(asked.headed(EPAS, "session-key") or "", INTERFACE)
        if session is None:
            raise InvalidError
        return session

    async def _done(self, session: Session, name: str, body: Element) -> Element:
        """What ``name`` comes to, which is an operation; users alone have what these are about."""
        if session.kind != "user":
            raise InvalidError
        made = await self._run(_worked, OPERATIONS[name], session.name, self._now(), self._settings, body)
        if name not in _READS:
            self._changed()
        return made

    def _fault(self, version: Version, trouble: _Trouble) -> HttpResponse:
        return envelope.refused(
            version,
            trouble.code,
            trouble.text,
            status=trouble.status or (200 if self._faults_ok else None),
            headers=(("Retry-After", AGAIN),) if trouble.status else (),
        )


def _checked(asked: Asked, peer: str) -> Element:
    """The element in the body, which is a message of the contract.  Raises `_Trouble`."""
    body = asked.body
    known = body is not None and name_of(body) in _KNOWN
    if body is None or not known or not CONTRACT.fits(_without_unknown(body)):
        log.info("request is not valid", peer=peer, why=CONTRACT.complaint() if known else "not one of ours")
        raise _Trouble(Code.SENDER, INVALID)
    return body


def _without_unknown(body: Element) -> Element:
    """``body`` as the contract has it: newer clients ask for more parts of everything than there are."""
    if local(body) != "get-all-config" or len(body) > MOST_PARTS:
        return body
    known = deepcopy(body)
    for part in list(known):
        if local(part) not in settings.ALL:
            known.remove(part)
    return known


def _worked(
    session: DatabaseSession, operation: Operation, user: str, now: float, given: Settings, body: Element
) -> Element:
    names.user(session, user)  # who is removed may have a session for a moment still
    return operation(Call(session=session, user=user, now=now, settings=given), body)


async def _file(name: str, request: HttpRequest) -> HttpResponse:
    return CONTRACT.serve(name, request)
