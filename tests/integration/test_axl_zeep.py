"""AXL with a client that is given the served contract alone, in both versions of SOAP, over sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import requests
import zeep
from zeep.helpers import serialize_object

from ctigw.soap.axl.service import SERVED
from ctigw.soap.axl.settings import SERVICE
from ctigw.soap.axl.site import guid
from tests.axl import ADMIN, SECRET, Axl
from tests.web_server import client, in_thread, listening

API = "http://www.cisco.com/AXLAPIService/"
BINDINGS = ["AXLAPIBinding", "AXLAPIBinding12"]
NORA = {
    "firstname": "Nora",
    "lastname": "Nix",
    "userid": "nora",
    "password": "secret",
    "associatedDevices": {"device": ["2002"]},
}
NAMED = {"name": "Presence.Domain", "processNodeName": "cups1", "service": SERVICE}
NODE = {"name": "cups1", "description": "the gateway", "uuid": guid("node", "cups1")}
# What each operation is asked, in an order in which each finds what it needs, and what comes of it.
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("addUser", {"newUser": NORA, "sequence": 7}, guid("user", "nora@example.com")),
    ("getUser", {"userid": "nora"}, ("Nora", "Nix", "nora", ["2002"], None)),
    ("doAuthenticateUser", {"userid": "nora", "password": "secret"}, True),
    ("doAuthenticateUser", {"userid": "nora", "password": "wrong"}, False),
    ("updateUser", {"userid": "nora", "lastname": "Noon"}, "true"),
    (
        "listUserByName",
        {"firstname": "%", "lastname": "N%", "searchLimit": 5},
        [("nora", "Nora", "Noon")],
    ),
    ("updateLicenseCapabilities", {"userid": "nora", "enableUPC": False}, "true"),
    ("getLicenseCapabilities", {"userid": "nora"}, ("nora", True, False)),
    ("removeUser", {"userid": "nora"}, "true"),
    ("updateServiceParameter", {**NAMED, "newValue": "cisco.com"}, "true"),
    ("getServiceParameter", NAMED, "cisco.com"),
    ("getProcessNode", {"name": "cups1"}, NODE),
    ("listAllProcessNodes", {}, [NODE]),
    (
        "executeSQLQuery",
        {"sql": "select userid, department from enduser order by 1"},
        [["erin", None], ["tttt", "Sales"]],
    ),
    ("updateAppUser", {"userid": ADMIN, "password": SECRET}, "true"),
]


def plain(value: Any) -> Any:
    return serialize_object(value, dict)


def told(operation: str, answer: Any) -> Any:
    """What is compared of an answer's <return>."""
    parts: dict[str, Any] = {
        "getUser": lambda user: (
            *(user[name] for name in ("firstname", "lastname", "userid")),
            user["associatedDevices"]["device"],
            user["password"],
        ),
        "listUserByName": lambda found: [
            tuple(user[name] for name in ("userid", "firstname", "lastname")) for user in found
        ],
        "getLicenseCapabilities": lambda found: tuple(plain(found).values()),
        "getServiceParameter": lambda found: found["value"],
        "getProcessNode": plain,
        "listAllProcessNodes": plain,
        "executeSQLQuery": lambda rows: [[column.text for column in row] for row in rows],
    }
    if isinstance(answer, str):
        return answer
    (inside,) = [answer[name] for name in answer]
    return parts.get(operation, lambda found: found)(inside)


@pytest.mark.parametrize("binding", BINDINGS)
@pytest_twisted.ensureDeferred
async def test_a_client_that_has_the_contract_can_do_everything(tmp_path: Path, binding: str) -> None:
    bench = Axl(tmp_path)

    def work(base: str) -> list[Any]:
        found = client(f"{base}/axl/?wsdl", password=(ADMIN, SECRET))
        service = found.create_service(f"{{{API}}}{binding}", f"{base}/axl/")
        done = []
        for operation, parts, _expected in CALLS:
            answer = getattr(service, operation)(**parts)
            assert answer["sequence"] == parts.get("sequence")
            done.append((operation, told(operation, answer["return"])))
        with pytest.raises(zeep.exceptions.Fault) as fault:
            service.getUser(userid="nora")
        assert fault.value.message == "Item not valid: The specified User was not found"
        assert [each.text for each in fault.value.detail[0]] == ["5007", fault.value.message, "getUser"]
        with pytest.raises(zeep.exceptions.Fault, match="disabled"):
            service.executeSQLUpdate(sql="delete from enduser")
        return done

    try:
        async with listening(bench.routes.serve) as base:
            done = await in_thread(lambda: work(base))
    finally:
        bench.close()
    assert done == [(operation, expected) for operation, _parts, expected in CALLS]
    assert {operation for operation, _ in done} == SERVED
    assert bench.changes == 6


@pytest_twisted.ensureDeferred
async def test_the_contract_has_the_product_s_names(tmp_path: Path) -> None:
    bench = Axl(tmp_path)

    def work(base: str) -> Any:
        found = client(f"{base}/axl/?wsdl")
        (service,) = found.wsdl.services.values()
        ports = {name: port.binding.name.localname for name, port in service.ports.items()}
        operations = [sorted(port.binding._operations) for port in service.ports.values()]
        with pytest.raises(zeep.exceptions.TransportError) as refused:
            found.service.listAllProcessNodes()
        return service.name, ports, operations, refused.value.status_code

    try:
        async with listening(bench.routes.serve) as base:
            name, ports, operations, status = await in_thread(lambda: work(base))
    finally:
        bench.close()
    assert name == "AXLAPIService"
    assert ports == {"AXLPort": "AXLAPIBinding", "AXLPort12": "AXLAPIBinding12"}
    assert operations == [sorted({*SERVED, "executeSQLUpdate"})] * 2
    assert status == 401


@pytest_twisted.ensureDeferred
async def test_a_body_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Before anybody is asked who they are."""
    bench = Axl(tmp_path)

    def work(base: str) -> int:
        body = b"<" * 10_000_000
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{base}/axl/", data=body, auth=(ADMIN, SECRET), timeout=20).status_code

    try:
        async with listening(bench.routes.serve) as base:
            status = await in_thread(lambda: work(base))
    finally:
        bench.close()
    assert (status, bench.passwords) == (413, 0)
