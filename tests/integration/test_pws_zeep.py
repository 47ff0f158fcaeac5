"""The Presence Web Service with a client that has its contract alone, in both versions, over sockets."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
import zeep
from lxml import etree

from tests.presence_web import URL, Bench
from tests.web_server import client, in_thread, listening

SERVICE = "/presence-service/soap"
PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" xmlns:so="urn:cisco:params:xml:ns:pidf:source" '
    'entity="sip:alice@example.com"><tuple id="pws-persistent"><status><basic>open</basic></status>'
    "<so:source>Presence Web Service</so:source></tuple>"
    '<dm:person id="alice"><r:activities><r:meeting/></r:activities></dm:person></presence>'
)
CONTACTS = {"contact": [{"contactURI": "alice@example.com"}, {"contactURI": "nobody@example.com"}]}
# Who asks, for what, and what comes of it.
CALLS: list[tuple[str, str, dict[str, Any], Any]] = [
    ("app", "registerEndPoint", {"url": URL, "endPointID": 0, "expiration": 86_400}, 1),
    ("app", "registerEndPoint", {"endPointID": 1, "expiration": 3600}, 1),
    (
        "user",
        "subscribe",
        {
            "contactsList": CONTACTS,
            "subscriptionType": "PRESENCE_NOTIFICATION",
            "expiration": 3600,
            "endPointID": 1,
            "subscriptionID": 0,
        },
        1,
    ),
    (
        "user",
        "setPresence",
        {
            "presenceType": "BASIC_PRESENCE",
            "presenceInfo": {"basicPresence": "AWAY", "override": False},
            "expiration": 3600,
        },
        "SUCCESS",
    ),
    (
        "user",
        "getSubscribedPresence",
        {"subscriptionID": 1, "presenceType": "BASIC_PRESENCE"},
        [("alice@example.com", "AWAY"), ("nobody@example.com", "UNKNOWN")],
    ),
    (
        "user",
        "setPresence",
        {
            "presenceType": "RICH_PRESENCE",
            "presenceInfo": {"richPresence": PIDF, "override": True},
            "expiration": 86_400,
        },
        "SUCCESS",
    ),
    (
        "user",
        "getPolledPresence",
        {"contactsList": CONTACTS, "presenceType": "RICH_PRESENCE"},
        [("sip:alice@example.com", ["meeting"]), ("sip:nobody@example.com", ["unknown"])],
    ),
    (
        "user",
        "unsubscribe",
        {"unsubscribeRequest": {"subscriptionID": 1, "contactsList": {"contact": CONTACTS["contact"][:1]}}},
        "SUCCESS",
    ),
    (
        "user",
        "unsubscribe",
        {"unsubscribeRequest": {"subscriptionID": 1, "unsubscribeAll": True}},
        "SUCCESS",
    ),
    ("app", "unregisterEndPoint", {"endPointID": 1}, "SUCCESS"),
    ("user", "logout", {}, "SUCCESS"),
    ("app", "logout", {}, "SUCCESS"),
]


def told(answer: Any) -> Any:
    """What is compared of an answer."""
    if not hasattr(answer, "presenceType"):
        return answer
    if answer.presenceType == "BASIC_PRESENCE":
        return [(each.contactURI, each.presenceStatus) for each in answer.basicPresenceList.contact]
    documents: list[etree._Element] = answer.richPresenceList._value_1
    return [
        (
            each.get("entity"),
            [etree.QName(activity).localname for activity in each.iterfind(".//{*}activities/*")],
        )
        for each in documents
    ]


@pytest.mark.parametrize("port", ["PresenceSoapPort", "PresenceSoap12Port"])
@pytest_twisted.ensureDeferred
async def test_a_client_that_has_the_contract_can_do_everything(port: str) -> None:
    bench = Bench()

    def work(base: str) -> list[Any]:
        service = client(f"{base}{SERVICE}?wsdl").bind("PresenceSoapService", port)
        key = {
            "app": service.login(username="webapp", password="secret", force=True)["success"]["session-key"]
        }
        by_application = {"username": "alice", "app-session-id": key["app"]}
        key["user"] = service.login(**by_application)["success"]["session-key"]
        with pytest.raises(zeep.exceptions.Fault) as refused:
            service.login(**by_application)
        assert (refused.value.message, code_in(refused.value)) == ("User is already logged in", "160")
        done = [
            told(getattr(service, operation)(_soapheaders={"session-key": key[who]}, **parts))
            for who, operation, parts, _expected in CALLS
        ]
        with pytest.raises(zeep.exceptions.Fault) as refused:
            service.logout(_soapheaders={"session-key": key["app"]})
        assert code_in(refused.value) == "101"
        return done

    async with listening(bench.routes.serve) as base:
        done = await in_thread(lambda: work(base))
    assert done == [expected for _who, _operation, _parts, expected in CALLS]
    bench.settle()
    assert bench.nothing_left()
    assert len(bench.sessions) == 0


def code_in(fault: Any) -> str:
    """The code in the detail of a fault."""
    return str(fault.detail.findtext(".//{urn:cisco:cup:presence:soap}code"))
