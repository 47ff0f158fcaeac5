"""What all services of the interface have in common: who may ask, contracts, envelopes, faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ctigw.findings import Category, Outcome
from ctigw.soap.contract import text
from ctigw.soap.envelope import Version, read
from ctigw.soap.http import Routes
from ctigw.soap.serviceability import asking, routes
from ctigw.soap.serviceability.seen import ClientSeen, Counter, ServiceSeen
from tests.serviceability import (
    CONTRACTS,
    CONTROL,
    DIME,
    LOGS,
    NS,
    PERFMON,
    RIS,
    TROUBLE,
    FaultError,
    World,
    envelope,
    finding,
    line,
    payload,
    plain,
)

# Every URL of INTERFACES 4.2, and which contract is there.
URLS = {
    **CONTRACTS,
    "/perfmonservice2/services/PerfmonService": "perfmon",
    "/realtimeservice2/services/RISService": "ris",
    "/realtimeservice2/services/RISService70": "ris",
    "/controlcenterservice2/services/ControlCenterServices": "control_center",
    "/logcollectionservice2/services/LogCollectionPortTypeService": "log_collection",
    "/logcollectionservice2/services/DimeGetFileService": "dime_get_file",
}
# What clients bind to.
NAMES = {
    "perfmon": (NS, "PerfmonBinding", 9),
    "ris": (NS, "RisBinding", 4),
    "control_center": (NS, "ControlCenterServicesBinding", 5),
    "log_collection": (NS, "LogCollectionPortSoapBinding", 4),
    "dime_get_file": ("http://cisco.com/ccm/serviceability/soap/LogCollection/GetFile/", "GetFileBinding", 1),
    "troubleshooter": (NS, "TroubleshooterBinding", 1),
}
W = "{http://schemas.xmlsoap.org/wsdl/}"
X = "{http://www.w3.org/2001/XMLSchema}"
LISTED = "<a:perfmonListCounter xmlns:a='x'/>"


@pytest.mark.parametrize(("path", "name"), URLS.items())
@pytest.mark.parametrize("query", ["wsdl", "WSDL", "wsdl=wsdl"])
def test_each_contract_is_served_at_its_urls_to_everybody(path: str, name: str, query: str) -> None:
    answer = World().http(path, method="GET", query=query, login="nobody:knows")
    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
    root = etree.fromstring(answer.body)
    binding = root.find(f"{W}binding")
    assert binding is not None
    namespace, bound, operations = NAMES[name]
    assert (root.get("targetNamespace"), binding.get("name")) == (namespace, bound)
    assert len(binding.findall(f"{W}operation")) == operations
    (address,) = root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == f"https://cup1.example.com:8443{path}"


def test_an_address_cannot_break_the_contract() -> None:
    world = World()
    request = world.http(f"{RIS}/", method="GET", query="wsdl")
    assert request.status == 200
    assert etree.fromstring(request.body) is not None


@pytest.mark.parametrize("path", URLS)
def test_all_else_is_for_administrators(path: str) -> None:
    world = World()
    assert world.http(path, envelope(LISTED), login="alice:demo").status == 401
    assert world.http(path, b"", login="webadmin:wrong").status == 401
    assert world.http(path, envelope("<nonsense/>")).status == 500


def test_the_monitor_of_the_soap_engine_says_what_it_is() -> None:
    path = "/realtimeservice/services/SOAPMonitorService"
    for query in ("", "wsdl"):
        answer = World().http(path, method="GET", query=query)
        assert (answer.status, answer.content_type) == (404, "text/plain; charset=utf-8")
        assert b"no contract" in answer.body


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [
        ("GET", "", 200),
        ("HEAD", "wsdl", 200),
        ("PUT", "", 405),
        ("DELETE", "wsdl", 405),
        ("POST", "wsdl", 200),
    ],
)
def test_methods(method: str, query: str, status: int) -> None:
    assert World().http(PERFMON, envelope(LISTED), method=method, query=query).status == status


@pytest.mark.parametrize("version", Version)
def test_the_answer_is_in_the_version_that_was_asked_with(version: Version) -> None:
    found = World().ask(PERFMON, "perfmonOpenSession", version=version)
    assert plain(found) == {"perfmonOpenSessionReturn": "token-1"}


@pytest.mark.parametrize("action", ['"urn:whatever"', "", "perfmonCloseSession"])
def test_what_soapaction_says_does_not_matter(action: str) -> None:
    answer = World().http(PERFMON, envelope(LISTED), soapaction=action)
    assert payload(answer, Version.SOAP_11).tag == f"{{{NS}}}perfmonListCounterResponse"


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [(Version.SOAP_11, 500, "soapenv:Client"), (Version.SOAP_12, 400, "soapenv:Sender")],
)
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "nothing in the body"),
        ("<nonsense/>", "no operation 'nonsense'"),
        (f'<a:selectCmDevice xmlns:a="{NS}"/>', "no operation 'selectCmDevice'"),
    ],
)
def test_faults(version: Version, status: int, code: str, body: str, why: str) -> None:
    answer = World().http(PERFMON, envelope(body, version))
    assert answer.content_type == version.content_type
    with pytest.raises(FaultError, match=why) as fault:
        payload(answer, version)
    assert (fault.value.code, fault.value.status) == (code, status)


@pytest.mark.parametrize("path", [PERFMON, RIS, CONTROL, LOGS, DIME, TROUBLE])
@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"no xml",
        b"<s:Envelope",
        b"<nonsense/>",
        b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>',
        b"\x00\xff",
        b"<a>" * 200 + b"</a>" * 200,
    ],
)
def test_what_is_no_soap_is_told_so(path: str, xml: bytes) -> None:
    with pytest.raises(FaultError) as fault:
        payload(World().http(path, xml), Version.SOAP_12)
    assert fault.value.code == "soapenv:Sender"


@pytest.mark.parametrize(
    "body",
    [
        "<a:perfmonAddCounter xmlns:a='x'><ArrayOfCounter>"
        + "<c href='#id1'/>" * 20_000
        + "</ArrayOfCounter></a:perfmonAddCounter>"
        + "<multiRef/>" * 2_000,
        "<a:perfmonAddCounter xmlns:a='x'><ArrayOfCounter href='#id1'/></a:perfmonAddCounter>"
        + "<multiRef/>" * 60_000,
        "<a:perfmonAddCounter xmlns:a='x'><ArrayOfCounter href='#id1'/></a:perfmonAddCounter>"
        "<multiRef id='id1'>" + "<c href='#id1'/>" * 900 + "</multiRef>",
    ],
)
def test_references_are_bounded(body: str) -> None:
    with pytest.raises(FaultError):
        payload(World().http(PERFMON, envelope(body)), Version.SOAP_11)


def test_references_are_looked_for_in_the_body_alone() -> None:
    """There may be as much as one likes in the rest of an envelope."""
    asked = "<a:perfmonAddCounter xmlns:a='x'><SessionHandle href='#id1'/></a:perfmonAddCounter>"
    beside = "<multiRef id='id1'>in the body</multiRef>"
    header = "<s:Header><multiRef id='id1'>in the header</multiRef></s:Header>"
    around = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{}<s:Body>{}</s:Body></s:Envelope>'
    )
    body = read(around.format(header, asked + beside).encode()).body
    assert body is not None
    assert asking.text(body, "SessionHandle") == "in the body"


WSDLS = {path: etree.fromstring(text("serviceability", f"{name}.wsdl")) for path, name in CONTRACTS.items()}
FULL = World(
    counters={"a": {"": {"b": Counter(1, "c")}, "d": {"b": Counter(2, "c")}}},
    lines=[line("2001")],
    clients=[ClientSeen(id="1", user="alice", address="192.0.2.1", since=0.0, controlled=("2001",))],
    services=[ServiceSeen(name="a", on=True, checked=("AXL/",))],
    findings=[finding(Category.AXL, Outcome.FAILED)],
    files={"ctigw.log": (b"a", 0.0)},
)
OPERATIONS = [
    (path, each.get("name") or "") for path, wsdl in WSDLS.items() for each in wsdl.iter(f"{W}operation")
]
names = st.sampled_from(
    sorted({each.get("name") or "" for wsdl in WSDLS.values() for each in wsdl.iter(f"{X}element")})
)
texts = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=40).map(
    lambda text: text.replace("&", "&amp;").replace("<", "&lt;")
)
trees = st.recursive(
    texts,
    lambda inside: st.lists(st.tuples(names, inside), max_size=4).map(
        lambda fields: "".join(f"<a:{name}>{value}</a:{name}>" for name, value in fields)
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.sampled_from(OPERATIONS), trees)
def test_whatever_is_asked_is_answered_as_the_contract_says_or_refused(
    operation: tuple[str, str], inside: str
) -> None:
    """Not even nonsense gets an answer that is none."""
    path, name = operation
    answer = FULL.http(path, envelope(f'<a:{name} xmlns:a="{NS}">{inside}</a:{name}>'), accept="*/*")
    assert answer.status in (200, 500)
    assert answer.content_type == "text/xml; charset=utf-8"
    etree.fromstring(answer.body)


def test_a_bug_is_told_as_one_and_logged() -> None:
    def broken() -> Any:
        raise RuntimeError("with a secret")

    world = World()
    world.routes = Routes(routes(replace(world.given, lines=broken)))
    with structlog.testing.capture_logs() as logged, pytest.raises(FaultError, match="The server has failed"):
        world.ask(RIS, "selectCmDevice")
    assert [entry["event"] for entry in logged] == ["operation failed"]
