"""EPAS with a client that is given the served contract alone, in both versions of SOAP, over sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import zeep
from lxml import etree

from ctigw.soap.epas.operations import EPAS
from ctigw.soap.epas.service import OPERATIONS, RELEASES, SERVICE
from ctigw.soap.http import Routes
from tests.epas import Epas
from tests.web_server import client, in_thread, listening

BINDINGS = ["EpasSoapServiceBinding", "EpasSoap11ServiceBinding"]
PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">'
    '<tuple id="a"><status><basic>open</basic></status></tuple></presence>'
)
RULE = {"name": "work", "rule": {"visibility": "all"}}
PEOPLE = {"name": "work", "persona-id": [{"_value_1": "bob", "nickname": "Bobby", "index": 3}]}
# What each operation is asked, in an order in which each finds what it needs, and what comes of it.
CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("add_group", {"group": [{"name": "work"}, {"name": "work"}]}, ["succeeded", "failed"]),
    ("add_contact", {"group": [PEOPLE]}, ["succeeded"]),
    ("modify_contact", {"group": [{**PEOPLE, "persona-id": [{"_value_1": "bob"}]}]}, ["succeeded"]),
    ("get_contact_list", {}, [("work", 1, [("bob", "Bobby", 3, False)])]),
    ("delete_contact", {"group": [PEOPLE]}, ["succeeded"]),
    ("modify_group", {"group": [{"old-name": "work", "new-name": "play"}]}, ["succeeded"]),
    ("delete_group", {"group": [{"name": "play"}]}, ["succeeded"]),
    ("get_contact_list", {}, []),
    ("set_presence_rules", {"presence-rule": [RULE]}, ["succeeded"]),
    ("get_presence_rules", {}, [("work", "all")]),
    ("add_acl", {"rule": [{"name": "work", "watcher": ["bob", "x"]}]}, [["succeeded", "failed"]]),
    ("get_acl", {"rule": [{"name": "work"}]}, [["sip:bob@example.com"]]),
    ("delete_acl", {"rule": [{"name": "work", "watcher": ["bob"]}]}, [["succeeded"]]),
    (
        "delete_presence_rules",
        {"rule": [{"name": "work"}, {"name": "x"}]},
        ["succeeded", "Invalid Policy name"],
    ),
    ("get_system_config", {}, 79),
    ("set_user_config", {"property": [{"name": "a", "_value_1": "b"}]}, [("a", 0)]),
    ("get_user_config", {}, [("CallControl.Lineid", None), ("a", "b")]),
    ("get_licensing_features", {}, (True, True, True, False)),
    ("get_dialing_rules", {}, []),
    ("set_calendaring", {"_value": True}, "succeeded"),
    ("get_calendaring", {}, True),
    ("publish_pres_status", {"_value_1": [PIDF]}, 0),
    ("unpublish_pres_status", {}, 0),
    ("add_recent_comm", {"timestamp": "2006-03-24", "type": "2", "data": {}}, ("2006-03-24", 0)),
    ("get_recent_comm", {}, [("2006-03-24", "2")]),
    ("get_all_config", {"system-config": {}, "licensing-features": {}}, (True, True, False)),
]


def told(operation: str, answer: Any) -> Any:
    """What is compared of an answer."""
    parts: dict[str, Any] = {
        "get_contact_list": lambda a: [
            (
                g["name"],
                g["index"],
                [(p["_value_1"], p["nickname"], p["index"], p["display-on-phone"]) for p in g["persona-id"]],
            )
            for g in a
        ],
        "get_presence_rules": lambda a: [(each["name"], each["rule"]["visibility"]) for each in a],
        "add_acl": lambda a: [[each["_value_1"] for each in rule["status"]] for rule in a],
        "delete_acl": lambda a: [[each["_value_1"] for each in rule["status"]] for rule in a],
        "get_acl": lambda a: [rule["acl"] for rule in a],
        "get_system_config": len,
        "set_user_config": lambda a: [(each["name"], each["status-code"]) for each in a],
        "get_user_config": lambda a: [(each["name"], each["_value_1"]) for each in a],
        "get_licensing_features": lambda a: (a["base"], a["im"], a["audio"], a["video"]),
        "get_recent_comm": lambda a: [(each["timestamp"], each["type"]) for each in a],
        "add_recent_comm": lambda a: (a["timestamp"], a["status-code"]),
        "get_all_config": lambda a: tuple(
            a[part] is not None
            for part in ("get-system-config-resp", "get-licensing-features-resp", "get-user-config-resp")
        ),
    }
    if operation in parts:
        return parts[operation](answer or [])
    if isinstance(answer, list):
        return [each["_value_1"] for each in answer]
    return answer


def as_asked(parts: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """``parts`` as zeep takes them: what stands by itself, and what has a name."""
    named = dict(parts)
    if "_value" in named:
        return [named.pop("_value")], named
    if "_value_1" in named:
        named["_value_1"] = [etree.fromstring(xml) for xml in named["_value_1"]]
    return [], named


@pytest.mark.parametrize("binding", BINDINGS)
@pytest_twisted.ensureDeferred
async def test_a_client_that_has_the_contract_can_do_everything(tmp_path: Path, binding: str) -> None:
    bench = Epas(tmp_path)
    bench.people("alice@example.com", "bob@example.com")
    routes = Routes(bench.service.routes())

    def work(base: str) -> list[Any]:
        found = client(f"{base}{SERVICE}/latest?wsdl=wsdl")
        service = found.create_service(f"{{{EPAS}}}{binding}", f"{base}{SERVICE}/v80?wsdl")
        key = service.login(**{"username": "alice", "password": "12345", "client-type": "CUPC"})
        header = {"session-key": key["success"]["session-key"]}
        done = []
        for operation, parts, _expected in CALLS:
            bare, named = as_asked(parts)
            answer = getattr(service, operation)(*bare, _soapheaders=header, **named)
            done.append((operation, told(operation, answer)))
        service.logout(**{"tuple-id": "cupc-override", "_soapheaders": header})
        with pytest.raises(zeep.exceptions.Fault, match="Invalid request"):
            service.get_contact_list(_soapheaders=header)
        return done

    try:
        async with listening(routes.serve) as base:
            done = await in_thread(lambda: work(base))
    finally:
        bench.close()
    assert done == [(operation, expected) for operation, _parts, expected in CALLS]
    assert bench.withdrawn == [("alice@example.com", "cupc-override")]
    assert {operation.replace("_", "-") for operation, _ in done} == set(OPERATIONS)


@pytest_twisted.ensureDeferred
async def test_the_contract_can_be_had_at_every_address(tmp_path: Path) -> None:
    bench = Epas(tmp_path)
    routes = Routes(bench.service.routes())

    def work(base: str) -> list[list[str]]:
        found = []
        for release in RELEASES:
            contract = client(f"{base}{SERVICE}{release}?wsdl")
            found.append(
                sorted(
                    name
                    for binding in BINDINGS
                    for name in contract.wsdl.bindings[f"{{{EPAS}}}{binding}"]._operations
                )
            )
        return found

    try:
        async with listening(routes.serve) as base:
            names = await in_thread(lambda: work(base))
    finally:
        bench.close()
    expected = sorted(2 * [*(name.replace("-", "_") for name in OPERATIONS), "login", "logout"])
    assert names == [expected] * len(RELEASES)
