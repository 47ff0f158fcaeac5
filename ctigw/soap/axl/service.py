"""AXL as it is asked: who it is, which version, which operation, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from ctigw.config.axl import Axl as Settings
from ctigw.directory.errors import DirectoryError
from ctigw.errors import Refused
from ctigw.logins import BusyError
from ctigw.soap import basic
from ctigw.soap.axl import messages, settings, users, versions
from ctigw.soap.axl.access import Access, Admitted
from ctigw.soap.axl.errors import GENERIC, INVALID_VALUE, UNAVAILABLE, UNEXPECTED, UNKNOWN_REQUEST, AxlError
from ctigw.soap.axl.messages import Part, Request, Return, Sent, Unreadable
from ctigw.soap.axl.site import Site
from ctigw.soap.axl.sql import query, tables
from ctigw.soap.axl.sql.errors import SqlError
from ctigw.soap.axl.sql.query import Bounds
from ctigw.soap.contract import Contract
from ctigw.soap.envelope import Code
from ctigw.soap.given import FAILED, NO_DATABASE, Changed, InThread, Run, Who
from ctigw.soap.http import HttpRequest, HttpResponse, plain
from ctigw.values import named

CONTRACT = Contract("axl", "AXLSoap.xsd", "AXLAPI.wsdl", "AXLSoap.xsd")
# Of the headers of a request, what is repeated in the answer.
REPEATED = re.compile(r"[\x20-\x7e]{1,256}")
# How the operations of the product are called, of which there are hundreds.
_OPERATION = re.compile(r"(?:get|add|update|remove|list|do|execute|create|apply|reset|restart)[A-Z]\w*")
DISABLED = "this is for a Communications Manager: such requests are disabled here"
# Questions in SQL that are worked on at once.
QUESTIONS = 2
log = structlog.get_logger(__name__)


class Operation(NamedTuple):
    """``work`` is done in one transaction.  ``changes``: it changes the directory.

    ``ends``: whose sessions are over after it, since their password is another one, or they are no more;
    asked before, in the same transaction.
    """

    work: Callable[[Session, Site, Sent], Return]
    changes: bool = False
    ends: Callable[[Session, Site, Sent], str] = lambda _session, _site, _sent: ""


OPERATIONS: Mapping[str, Operation] = {
    "getUser": Operation(users.get_user),
    "addUser": Operation(users.add_user, changes=True),
    "updateUser": Operation(users.update_user, changes=True, ends=users.with_new_password),
    "removeUser": Operation(users.remove_user, changes=True, ends=users.to_remove),
    "listUserByName": Operation(users.list_user_by_name),
    "getLicenseCapabilities": Operation(settings.get_license_capabilities),
    "updateLicenseCapabilities": Operation(settings.update_license_capabilities, changes=True),
    "updateAppUser": Operation(settings.update_app_user, changes=True, ends=settings.application),
    "getProcessNode": Operation(settings.get_process_node),
    "listAllProcessNodes": Operation(settings.list_all_process_nodes),
    "getServiceParameter": Operation(settings.get_service_parameter),
    "updateServiceParameter": Operation(settings.update_service_parameter, changes=True),
}
AUTHENTICATE, QUERY = "doAuthenticateUser", "executeSQLQuery"
SERVED = frozenset((*OPERATIONS, AUTHENTICATE, QUERY))


@named
class Given:
    """What AXL is given from outside."""

    run: Run
    who: Who
    changed: Changed
    in_thread: InThread
    settings: Settings = Settings()


class Axl:
    """Serves everything below /axl/."""

    def __init__(self, given: Given, access: Access, site: Site) -> None:
        self._given, self._access, self._site = given, access, site
        settings = given.settings
        self._bounds = Bounds(
            seconds=settings.query_seconds, rows=settings.query_rows, memory=settings.query_memory
        )
        # Questions in SQL that are worked on.
        self._questions = 0

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """The answer to ``request``."""
        below = request.parts()[1:]
        if request.method in ("GET", "HEAD"):
            if not below and request.query.lower().startswith("wsdl"):
                return CONTRACT.serve("AXLAPI.wsdl", request)
            return CONTRACT.serve(below[0], request) if len(below) == 1 else plain(404, "not found")
        if below:
            return plain(404, "not found")
        if request.method != "POST":
            return plain(405, "post a request", ("Allow", "GET, HEAD, POST"))
        admitted = await self._access.admitted(request)
        if isinstance(admitted, HttpResponse):
            return admitted
        answer = await self._versioned(request, admitted)
        return HttpResponse(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=(*answer.headers, *admitted.headers, *_repeated(request)),
        )

    async def _versioned(self, request: HttpRequest, admitted: Admitted) -> HttpResponse:
        action = versions.action(request.headers)
        if not versions.is_supported(action):
            log.info("axl", by=admitted.name, refused="version", version=versions.asked(action))
            return plain(versions.UNSUPPORTED, versions.WHY_UNSUPPORTED)
        try:
            asked = messages.read(request.body)
        except Unreadable as error:
            log.info("axl", by=admitted.name, refused=str(error.why))
            return messages.fault(error.request, error.why)
        return await self._asked(request, admitted, asked)

    async def _asked(self, request: HttpRequest, admitted: Admitted, asked: Request) -> HttpResponse:
        try:
            _check(asked)
            answer = await self._done(request, asked)
        except AxlError as error:
            log.info("axl", by=admitted.name, operation=asked.operation[:64], code=error.code)
            return messages.fault(asked, error)
        except BusyError:
            return basic.BUSY
        log.info("axl", by=admitted.name, operation=asked.operation)
        return answer

    async def _done(self, request: HttpRequest, asked: Request) -> HttpResponse:
        """What comes of ``asked``, which is valid.  Raises `AxlError`, and `BusyError`."""
        try:
            if asked.operation == QUERY:
                return await self._queried(asked)
            if asked.operation == AUTHENTICATE:
                return messages.answer(asked, await self._authenticated(request, asked.sent))
            return messages.answer(asked, await self._worked(OPERATIONS[asked.operation], asked.sent))
        except DirectoryError as error:
            raise AxlError(INVALID_VALUE, str(error)) from None
        except SqlError as error:
            raise AxlError(error.code, str(error)) from None
        except Refused:
            raise AxlError(UNAVAILABLE, NO_DATABASE, Code.RECEIVER) from None
        except (AxlError, BusyError):
            raise
        except Exception as error:
            log.exception("operation failed", operation=asked.operation)
            raise AxlError(GENERIC, FAILED, Code.RECEIVER) from error

    async def _worked(self, operation: Operation, sent: Sent) -> Return:
        given = self._given
        returned, over = await given.run(_work, operation, self._site, sent)
        if over:
            self._access.forget(over)
        if operation.changes:
            given.changed()
        return returned

    async def _authenticated(self, request: HttpRequest, sent: Sent) -> Return:
        """doAuthenticateUser.  A PIN is nobody's, and takes as long."""
        name = await self._given.run(users.meant, self._site, sent.text("userid"))
        # What somebody gets wrong is not held against everybody for whom this client asks.
        peer = f"{request.peer} for {name}"
        found = await self._given.who(peer, name, sent.raw("password"))
        is_user = found is not None and found.kind == "user"
        return [Part("userAuthenticated", "true" if is_user else "false")]

    async def _queried(self, asked: Request) -> HttpResponse:
        """executeSQLQuery"""
        if self._questions >= QUESTIONS:
            raise AxlError(UNAVAILABLE, "too many questions at once; ask again", Code.RECEIVER)
        self._questions += 1
        given, sql = self._given, asked.sent.raw("sql")
        try:
            wanted = await given.in_thread(query.tables_of, sql, tables.COLUMNS)
            kept = await given.run(tables.read, wanted, given.settings.table_rows)
            return await given.in_thread(_answered, asked, sql, self._site, kept, self._bounds)
        finally:
            self._questions -= 1


def _work(session: Session, operation: Operation, site: Site, sent: Sent) -> tuple[Return, str]:
    """What comes of ``operation``, and whose sessions are over; "": nobody's."""
    over = operation.ends(session, site, sent)
    return operation.work(session, site, sent), over


def _check(asked: Request) -> None:
    """Raises `AxlError`: ``asked`` is not served, or not what the schema says."""
    assert asked.element is not None
    if asked.operation not in SERVED:
        known = _OPERATION.fullmatch(asked.operation) is not None
        raise AxlError(UNKNOWN_REQUEST, DISABLED if known else "there is no such request")
    if not CONTRACT.fits(asked.element):
        raise AxlError(UNEXPECTED, f"the request is not as the schema says: {CONTRACT.complaint()}")


def _answered(asked: Request, sql: str, site: Site, kept: tables.Kept, bounds: Bounds) -> HttpResponse:
    """The answer to a question: all the work with it, for a thread."""
    columns = {name: tables.COLUMNS[name] for name in kept}
    answer = query.ask(sql, columns, tables.made(site, kept), bounds)
    names = [_element_name(column) for column in answer.columns]
    rows = (
        Part("row", [Part(name, text or "") for name, text in zip(names, row, strict=True)])
        for row in answer.rows
    )
    return messages.answer(asked, tuple(rows))


def _element_name(column: str) -> str:
    """What a column is called in an answer: what has no name by that of its function, "count(*)" by count."""
    found = re.match(r"[a-z_][a-z0-9_]*(?=\(|$)", column.strip().lower())
    return found[0] if found else "expression"


def _repeated(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """The header SOAPAction, which the product repeats."""
    said = request.headers.get("soapaction", "")
    return (("SOAPAction", said),) if REPEATED.fullmatch(said) else ()
