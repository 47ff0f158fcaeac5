"""What is set by SOAP and REST reaches SIP watchers and endpoints, and outlives the gateway's process."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ctigw.directory.demo import PASSWORD
from ctigw.soap.envelope import Version
from tests.presence import pidf
from tests.processes import LISTENER, PATIENCE, Gateway, gateway
from tests.sip_peers import Peer, people
from tests.soap import envelope

SETTINGS = (
    LISTENER
    + '[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\nport = 0\nauthentication = "none"\n'
    + '[presence]\nwithout_rule = "all"\n'
    + '[[web.listeners]]\nport = 0\nserves = ["presence"]\n'
)
CUP = "urn:cisco:cup:presence:soap"


class Client:
    """Speaks REST and SOAP with a gateway."""

    def __init__(self, running: Gateway) -> None:
        self.port = running.web[0]

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, Any, str]:
        """Status, the root of the body, and Location; names of headers with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/presence-service{path}", body, names)
        answer = connection.getresponse()
        found = answer.read()
        connection.close()
        return answer.status, etree.fromstring(found) if found else None, answer.headers.get("Location", "")

    def log_in(self, name: str, body: str = "", **headers: str) -> str:
        status, session, _ = self.ask("PUT", f"/users/{name}/session", body, **headers)
        assert status == 201
        return str(session.findtext("sessionKey"))

    def soap(self, key: str, body: str) -> Any:
        request = envelope(body, CUP, key=key, version=Version.SOAP_11.value).decode()
        return self.ask("POST", "/soap", request)[1][-1][0]


class Endpoint:
    """A small server of a client's own; ``called`` are the paths that were asked for."""

    def __init__(self) -> None:
        called: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                called.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_words: Any) -> None:
                """Nobody reads it."""

        self.called = called
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.timeout = PATIENCE
        self.url = f"http://127.0.0.1:{self._server.server_port}/pws"

    def wait(self) -> str:
        """The next path that it is asked for."""
        self._server.handle_request()
        return self.called.pop(0)

    def close(self) -> None:
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


SECRET = f"<session><password>{PASSWORD}</password></session>"
SUBSCRIPTION = (
    '<subscription><contactsList><contact contactURI="bob"/></contactsList>'
    "<subscriptionType>PRESENCE_NOTIFICATION</subscriptionType><endPointID>1</endPointID></subscription>"
)
SET = (
    "<setPresence><presenceType>BASIC_PRESENCE</presenceType><presenceInfo><basicPresence>{}</basicPresence>"
    "<override>{}</override></presenceInfo><expiration>3600</expiration></setPresence>"
)


def test_what_is_set_by_soap_reaches_watchers_and_endpoints(tmp_path: Path, endpoint: Endpoint) -> None:
    people(tmp_path)
    with gateway(SETTINGS, tmp_path) as running, Peer("carol", running.sip[0]) as carol:
        assert carol.ask("SUBSCRIBE", "bob", Event="presence").status == 200
        carol.asked_for("NOTIFY")
        client = Client(running)
        application = client.log_in("webapp", SECRET)
        alice, bob = (client.log_in(name, Presence_Session_Key=application) for name in ("alice", "bob"))
        url = f"<endpoint><url>{endpoint.url}</url></endpoint>"
        headers = {"Presence_Session_Key": application, "Presence_Expiry": "3600"}
        status, _, location = client.ask("POST", "/endpoints", url, **headers)
        assert (status, location[-1]) == (201, "1")
        headers["Presence_Session_Key"] = alice
        status, _, location = client.ask("POST", "/users/alice/subscriptions", SUBSCRIPTION, **headers)
        assert (status, location[-1]) == (201, "1")
        assert endpoint.wait() == "/pws?id=1&eventType=PRESENCE_NOTIFICATION"
        path = "/users/alice/presence/basic/subscriptions/1"

        def seen() -> str:
            root = client.ask("GET", path, Presence_Session_Key=alice)[1]
            return str(root.find(".//contact").get("presenceStatus"))

        # His phone is there.
        assert seen() == "AVAILABLE"
        # SOAP to SIP and to the endpoint.
        assert client.soap(bob, SET.format("DND", "true")).findtext(f"{{{CUP}}}status") == "SUCCESS"
        carol.asked_for("NOTIFY", lambda told: b"<ce:dnd/>" in told.body and b"pws-override" in told.body)
        assert endpoint.wait() == "/pws?id=1&eventType=PRESENCE_NOTIFICATION"
        assert seen() == "DND"
        client.soap(bob, SET.format("AVAILABLE", "false"))
        carol.asked_for("NOTIFY", lambda told: b"<ce:available/>" in told.body and b"cisco-pws" in told.body)
        endpoint.wait()
        assert seen() == "AVAILABLE"
        # SIP to the endpoint.
        with Peer("bob", running.sip[0]) as phone:
            assert (
                phone.ask("PUBLISH", "bob", pidf("open", "meeting", "mine"), Event="presence").status == 200
            )
        endpoint.wait()
        assert seen() == "BUSY"
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []


def test_what_is_set_outlives_the_process_and_can_be_changed_after_that(tmp_path: Path) -> None:
    people(tmp_path)
    with gateway(SETTINGS, tmp_path) as running:
        client = Client(running)
        bob = client.log_in("bob", SECRET)
        client.soap(bob, SET.format("VACATION", "true"))
        running.kill()
    with gateway(SETTINGS, tmp_path) as running:
        client = Client(running)
        assert client.ask("DELETE", "/users/bob/session", Presence_Session_Key=bob)[0] == 401
        bob = client.log_in("bob", SECRET)
        path = "/users/bob/presence/rich/contacts/bob"
        for change, tuples in (("", ["pws-override"]), (SET.format("AWAY", "false"), ["cisco-pws"])):
            if change:
                client.soap(bob, change)
            root = client.ask("GET", path, Presence_Session_Key=bob)[1]
            assert [each.get("id") for each in root.iterfind(".//{*}tuple")] == [*tuples, "cmp-2002"]
        assert running.terminate() == 0


def test_callbacks_go_nowhere_else_and_the_gateway_ends_although_one_is_under_way(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    people(tmp_path)
    with gateway(SETTINGS, tmp_path) as running:
        client = Client(running)
        application = client.log_in("webapp", SECRET)
        headers = {"Presence_Session_Key": application, "Presence_Expiry": "3600"}
        refused = client.ask(
            "POST", "/endpoints", "<endpoint><url>http://192.0.2.1/</url></endpoint>", **headers
        )
        assert (refused[0], refused[1].findtext("code")) == (500, "209")
        url = f"<endpoint><url>{endpoint.url}</url></endpoint>"
        assert client.ask("POST", "/endpoints", url, **headers)[0] == 201
        headers["Presence_Session_Key"] = client.log_in("alice", Presence_Session_Key=application)
        assert client.ask("POST", "/users/alice/subscriptions", SUBSCRIPTION, **headers)[0] == 201
        # Nobody accepts at the endpoint: the callback is under way.
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []
