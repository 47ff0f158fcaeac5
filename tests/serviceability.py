"""The serviceability interface over values: a world that tests change, and a client of each age."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lxml import etree
from twisted.internet.task import Clock

from ctigw.directory.credentials import Principal
from ctigw.findings import Category, Finding, Outcome
from ctigw.means import Means
from ctigw.soap.contract import text
from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpRequest, HttpResponse, Routes
from ctigw.soap.serviceability import Given, routes
from ctigw.soap.serviceability.seen import ClientSeen, Counter, LineSeen, LogFile, ServiceSeen, Standing
from ctigw.xml.parsing import Element, local
from tests.done import done

NS = "http://schemas.cisco.com/ast/soap"
OLD = f"{NS}/"
ADMIN = Principal("webadmin", "application", (), (), administers=True)
# When the world begins: 14 November 2023, 22:13:20 UTC.
NOW = 1_700_000_000
PERFMON = "/perfmonservice/services/PerfmonPort"
RIS = "/realtimeservice/services/RisPort"
CONTROL = "/controlcenterservice/services/ControlCenterServicesPort"
LOGS = "/logcollectionservice/services/LogCollectionPort"
DIME = "/logcollectionservice/services/DimeGetFileService"
TROUBLE = "/TroubleshooterService/services/TroubleshooterPort"
CONTRACTS = {
    PERFMON: "perfmon",
    RIS: "ris",
    CONTROL: "control_center",
    LOGS: "log_collection",
    DIME: "dime_get_file",
    TROUBLE: "troubleshooter",
}


class FaultError(Exception):
    """The answer was a fault: its code, text and HTTP status."""

    def __init__(self, code: str, why: str, status: int) -> None:
        super().__init__(f"{code}: {why}")
        self.code, self.why, self.status = code, why, status


async def who(_peer: str, name: str, password: str) -> Principal | None:
    return ADMIN if (name, password) == ("webadmin", "demo") else None


@dataclass
class World:
    """What there is; tests change it, and see the answers change."""

    clock: Clock = field(default_factory=Clock)
    counters: dict[str, dict[str, dict[str, Counter]]] = field(default_factory=dict)
    lines: list[LineSeen] = field(default_factory=list)
    clients: list[ClientSeen] = field(default_factory=list)
    services: list[ServiceSeen] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    # By name: what is in the file, and when it was written; None: there are no files.
    files: dict[str, tuple[bytes, float]] | None = field(default_factory=dict)
    unreadable: str = ""
    offset: int = 0
    checked: int = 0

    def __post_init__(self) -> None:
        self.clock.rightNow = float(NOW)
        self._tokens = 0
        self.given = Given(
            who=who,
            means=Means(self.clock.seconds, self.clock.callLater, self._token),
            node="cup1.example.com",
            version="1.2.3",
            started=NOW - 3600.0,
            counters=lambda: self.counters,
            lines=lambda: self.lines,
            clients=lambda: self.clients,
            services=lambda: self.services,
            checks=self._checks,
            logs=self._logs,
            read_log=self._read,
            offset=lambda: self.offset,
            zone=lambda: "Somewhere",
        )
        self.routes = Routes(routes(self.given))

    def _token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    async def _checks(self) -> Sequence[Finding]:
        self.checked += 1
        return self.findings

    def _logs(self) -> list[LogFile] | None:
        if self.files is None:
            return None
        return [LogFile(name, len(data), at) for name, (data, at) in self.files.items()]

    async def _read(self, name: str) -> bytes:
        if self.unreadable:
            raise OSError(5, self.unreadable)
        assert self.files is not None
        return self.files[name][0]

    def http(
        self,
        path: str,
        body: bytes = b"",
        *,
        method: str = "POST",
        query: str = "",
        login: str = "webadmin:demo",
        **headers: str,
    ) -> HttpResponse:
        """The answer to a request as it is."""
        encoded = base64.b64encode(login.encode()).decode()
        request = HttpRequest(
            method=method,
            path=path,
            query=query,
            headers={"authorization": f"Basic {encoded}", **headers},
            body=body,
            peer="192.0.2.9",
            base="https://cup1.example.com:8443",
        )
        return done(self.routes.serve(request))

    def ask(
        self, path: str, operation: str, inside: str = "", version: Version = Version.SOAP_11, ns: str = NS
    ) -> Element:
        """What is in the body of the answer, which fits the contract.  Raises `FaultError`."""
        answer = self.http(path, envelope(f'<a:{operation} xmlns:a="{ns}">{inside}</a:{operation}>', version))
        assert answer.content_type == version.content_type
        found = payload(answer, version)
        if ns == NS:
            schema = contract(CONTRACTS[path])
            assert schema.validate(found), schema.error_log
        return found

    def old(self, path: str, operation: str, inside: str = "", beside: str = "") -> Element:
        """What a client of 2003 is answered."""
        body = f'<a:{operation} xmlns:a="{OLD}">{inside}</a:{operation}>{beside}'
        return payload(self.http(path, envelope(body)), Version.SOAP_11)


def envelope(body: str, version: Version = Version.SOAP_11) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{version.value}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:xsd="http://www.w3.org/2001/XMLSchema"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def q(fields: Mapping[str, Any]) -> str:
    """Qualified elements, as clients of today's contract write them; a list is the same element again."""
    return "".join(
        f"<a:{name}>{q(each) if isinstance(each, Mapping) else each}</a:{name}>"
        for name, value in fields.items()
        for each in (value if isinstance(value, list) else [value])
    )


def payload(answer: HttpResponse, version: Version) -> Element:
    """What is in the body.  Raises `FaultError`."""
    root = etree.fromstring(answer.body)
    assert root.tag == f"{{{version.value}}}Envelope"
    body = root.find(f"{{{version.value}}}Body")
    assert body is not None
    (found,) = body
    if local(found) != "Fault":
        assert answer.status == 200
        return found
    if version is Version.SOAP_11:
        raise FaultError(
            found.findtext("faultcode") or "", found.findtext("faultstring") or "", answer.status
        )
    soap = f"{{{version.value}}}"
    code = found.findtext(f"{soap}Code/{soap}Value") or ""
    raise FaultError(code, found.findtext(f"{soap}Reason/{soap}Text") or "", answer.status)


@lru_cache
def contract(name: str) -> etree.XMLSchema:
    """The schema in a WSDL file."""
    wsdl = etree.fromstring(text("serviceability", f"{name}.wsdl"))
    (schema,) = wsdl.iter("{http://www.w3.org/2001/XMLSchema}schema")
    # Written and read again: it is to have the prefixes that are declared above it.
    return etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


def plain(node: Element) -> Any:
    """An element as Python's values: its text, or what is in it by name; several of a name are a list."""
    if not len(node):
        return node.text or ""
    found: dict[str, Any] = {}
    for child in node:
        name, value = local(child), plain(child)
        if name in found:
            if not isinstance(found[name], list):
                found[name] = [found[name]]
            found[name].append(value)
        else:
            found[name] = value
    return found


def line(number: str, standing: Standing = Standing.REGISTERED, owner: str = "") -> LineSeen:
    return LineSeen(number, standing, owner)


def finding(category: Category, outcome: Outcome, name: str = "it", found: str = "as found") -> Finding:
    return Finding(category=category, name=name, outcome=outcome, found=found, remedy="do something")
