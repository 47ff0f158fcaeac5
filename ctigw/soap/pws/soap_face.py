"""The Presence Web Service in SOAP: envelopes to operations, and back, in the version that was asked with.

A request is looked at in the order in which clients know the codes: is it XML, which operation, whose session
it is, are its values right; at last, does it fit the schema.  SOAPAction says nothing that the body does not.
"""

from __future__ import annotations

import structlog

from ctigw.soap import envelope
from ctigw.soap.contract import Contract
from ctigw.soap.envelope import XSD, XSI, Asked, NotSoapError, Style, Version
from ctigw.soap.http import HttpRequest, HttpResponse, plain
from ctigw.soap.pws import reading, writing
from ctigw.soap.pws.errors import BUSY, Code, PwsError
from ctigw.soap.pws.logging_in import Login
from ctigw.soap.pws.service import Service
from ctigw.soap.pws.soap_operations import OPERATIONS
from ctigw.soap.pws.writing import NAMESPACE, PREFIX
from ctigw.xml.parsing import Element, local, name_of

WSDL, SCHEMA = "presence.wsdl", "presence.xsd"
STYLE = Style(prefix="SOAP-ENV", encoding="SOAP-ENC", more={"xsi": XSI, "xsd": XSD, PREFIX: NAMESPACE})
# From here on it is not the client's fault.
OURS = 200
log = structlog.get_logger(__name__)


def contract() -> Contract:
    """The files that describe the service."""
    return Contract("pws", SCHEMA, WSDL, SCHEMA)


class SoapFace:
    """``fault_status``: "ok", 200 for all faults but those of `BUSY`, or "standard"."""

    def __init__(self, service: Service, files: Contract, *, fault_status: str = "ok") -> None:
        self._service, self._contract, self._status = service, files, fault_status

    async def schema(self, request: HttpRequest) -> HttpResponse:
        """The schema of the messages."""
        return self._contract.serve(SCHEMA, request)

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """An envelope, or the WSDL."""
        if request.method == "GET" and request.query.lower().startswith("wsdl"):
            return self._contract.serve(WSDL, request)
        if request.method != "POST":
            return plain(405, "POST an envelope, or GET ?wsdl", ("Allow", "GET, POST"))
        version = Version.SOAP_11
        try:
            asked = _envelope(request.body)
            version = asked.version
            return HttpResponse(body=await self._answer(request, asked), content_type=version.content_type)
        except NotSoapError as error:
            return self._fault(error.version, PwsError(Code.NOT_XML))
        except PwsError as error:
            return self._fault(version, error)
        except Exception:  # a bug
            log.exception("request failed", path=request.path)
            return self._fault(version, PwsError(Code.SERVER_ERROR))

    async def _answer(self, request: HttpRequest, asked: Asked) -> bytes:
        body = asked.body
        name, namespace = ("", "") if body is None else name_of(body)
        if body is None or namespace != NAMESPACE or not (name == "login" or name in OPERATIONS):
            raise PwsError(Code.WRONG_ROOT)
        if name == "login":
            return await self._login(request, asked.version, body)
        session = self._service.session(_key(asked))
        operation = OPERATIONS[name]
        wanted = operation.read(body)
        self._fits(body)
        told = await operation.do(self._service, session, wanted)
        answer = writing.element(f"{name}Response")
        if told.seen is None:
            writing.element(told.name, answer).text = told.text
            return envelope.write(asked.version, answer, STYLE, header=())
        writing.presence(told.seen, answer)
        return writing.complete(envelope.write(asked.version, answer, STYLE, header=()), told.seen)

    async def _login(self, request: HttpRequest, version: Version, body: Element) -> bytes:
        force = reading.boolean(body.get("force"), Code.NOT_XML)
        password = reading.child(body, "password")
        login = Login(
            peer=request.peer,
            name=reading.text(body, "username") or "",
            password=None if password is None else password.text or "",
            application_key=reading.text(body, "app-session-id"),
            force=force,
        )
        if login.name and (login.password or login.application_key):
            self._fits(body)
        answer = writing.element("loginResponse")
        key = await self._service.login(login)
        writing.element("session-key", writing.element("success", answer)).text = key
        return envelope.write(version, answer, STYLE)

    def _fits(self, body: Element) -> None:
        if not self._contract.fits(body):
            log.info("request does not fit the schema", what=local(body), why=self._contract.complaint())
            raise PwsError(Code.NOT_XML)

    def _fault(self, version: Version, error: PwsError) -> HttpResponse:
        detail = writing.element("error")
        writing.element("code", detail).text = str(error.code.value)
        writing.element("message", detail).text = error.message
        whose = envelope.Code.RECEIVER if error.code.value >= OURS else envelope.Code.SENDER
        status = 200 if self._status == "ok" else None
        retry: tuple[tuple[str, str], ...] = ()
        if error.code in BUSY:
            status, retry = error.status, (("Retry-After", "1"),)
        return envelope.refused(version, whose, error.message, STYLE, [detail], status=status, headers=retry)


def _envelope(body: bytes) -> Asked:
    if not body.strip():
        raise PwsError(Code.NO_BODY)
    return envelope.read(body)


def _key(asked: Asked) -> str:
    """The session key, known by its name: the cookbook prints another namespace for it than the WSDL has."""
    return next(((entry.text or "").strip() for entry in asked.header if local(entry) == "session-key"), "")
