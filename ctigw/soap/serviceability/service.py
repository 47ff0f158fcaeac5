"""One service of the interface: its contract, and its operations, found by the first element of the body.

SOAPAction is ignored, as everywhere: what clients of this interface write there is often another service's.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from ctigw.soap.basic import administrator
from ctigw.soap.contract import placed
from ctigw.soap.envelope import Code, NotSoapError, Style, Version, answered, read, refused
from ctigw.soap.given import FAILED, Who
from ctigw.soap.http import Handler, HttpRequest, HttpResponse, plain
from ctigw.soap.serviceability.asking import MOST_BESIDE
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.telling import Fields, answer, is_old, old_answer
from ctigw.values import value
from ctigw.xml.parsing import Element, local

FOLDER = "serviceability"
log = structlog.get_logger(__name__)
STYLE = Style(prefix="soapenv")


@value
class Call:
    """A request that is to be done: the element that asks for it, by whom, in which version of SOAP."""

    body: Element
    name: str
    version: Version
    http: HttpRequest


# What the answer says, or the whole of it where it is more than an envelope.  Raises `Fault`.
Operation = Callable[[Call], Coroutine[Any, Any, Fields | HttpResponse]]


class Service:
    """``contract``: the WSDL file; ``operations`` by today's names.

    ``answers``: the names of answers that are not the operation's with "Response".
    """

    def __init__(
        self,
        who: Who,
        contract: str,
        operations: Mapping[str, Operation],
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self._who, self._contract = who, contract
        # The names of 2003 begin with a large letter.
        self._operations = {name.lower(): (name, serve) for name, serve in operations.items()}
        self._answers = answers or {}

    def at(self, path: str) -> Handler:
        """What serves ``path``."""

        async def handler(request: HttpRequest) -> HttpResponse:
            return await self._serve(path, request)

        return handler

    async def _serve(self, path: str, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return self._contract_for(path, request)
        if request.method != "POST":
            return plain(405, "SOAP is sent by POST", ("Allow", "GET, HEAD, POST"))
        admitted = await administrator(request, self._who)
        return admitted if isinstance(admitted, HttpResponse) else await self._soap(request)

    async def _soap(self, request: HttpRequest) -> HttpResponse:
        try:
            asked = read(request.body)
        except NotSoapError as error:
            return _refused(error.version, Fault(str(error)))
        if asked.body is None:
            return _refused(asked.version, Fault("there is nothing in the body"))
        if sum(1 for _ in asked.body.itersiblings()) > MOST_BESIDE:
            return _refused(asked.version, Fault("there is too much beside the operation"))
        try:
            return await self._do(Call(asked.body, local(asked.body), asked.version, request))
        except Fault as error:
            return _refused(asked.version, error)
        except Exception:  # a bug
            log.exception("operation failed", operation=local(asked.body)[:100])
            return _refused(asked.version, Fault(FAILED, Code.RECEIVER))

    async def _do(self, call: Call) -> HttpResponse:
        found = self._operations.get(call.name.lower())
        if found is None:
            raise Fault(f"there is no operation {call.name[:100]!r} here")
        name, serve = found
        said = await serve(call)
        if isinstance(said, HttpResponse):
            return said
        if is_old(call.body):
            payload = old_answer(call.body, said)
        else:
            payload = answer(self._answers.get(name, f"{name}Response"), said)
        return answered(call.version, payload, STYLE)

    def _contract_for(self, path: str, request: HttpRequest) -> HttpResponse:
        if not request.query.lower().startswith("wsdl"):
            return plain(200, "SOAP is served here; its contract is at ?wsdl")
        return placed(FOLDER, self._contract, request.base + path)


def _refused(version: Version, why: Fault) -> HttpResponse:
    return refused(version, why.code, why.text, STYLE)
