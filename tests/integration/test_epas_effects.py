"""What is set by SOAP shows in SIP at once: presence, who may see it, and the notices of what has changed."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from ctigw.directory import users
from ctigw.directory.demo import PASSWORD
from ctigw.soap.epas.operations import EPAS
from ctigw.store.database import Database, url_in
from tests.presence import pidf
from tests.processes import LISTENER, PATIENCE, Gateway, gateway
from tests.sip_peers import Peer, people
from tests.soap import envelope

SETTINGS = (
    LISTENER
    + '[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\nport = 0\nauthentication = "none"\n'
    + '[presence]\nwithout_rule = "all"\n'
    + '[[web.listeners]]\nport = 0\nserves = ["epas"]\n'
)
WITHOUT_SIP = LISTENER + '[sip]\ndomains = ["example.com"]\n[[web.listeners]]\nport = 0\nserves = ["epas"]\n'
# bob is away for long.
VACATION = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    ' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@example.com">'
    '<tuple id="cupc-override"><status><basic>closed</basic></status></tuple>'
    '<dm:person id="bob"><r:activities><r:vacation/></r:activities></dm:person></presence>'
)


class Client:
    """A client of EPAS that is logged in."""

    def __init__(self, running: Gateway, name: str) -> None:
        self._port, self.key = running.web[0], ""
        login = f"<login force='true'><username>{name}</username><password>{PASSWORD}</password></login>"
        self.key = self.ask(login).findtext(f".//{{{EPAS}}}session-key")

    def ask(self, body: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.request("POST", "/EPASSoap/service", envelope(body, EPAS, key=self.key))
        answer = etree.fromstring(connection.getresponse().read())
        connection.close()
        return answer[0][0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("effects")
    people(folder)
    with gateway(SETTINGS, folder) as running:
        yield running
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []


@pytest.fixture
def alice(house: Gateway) -> Iterator[Peer]:
    """She watches bob."""
    with Peer("alice", house.sip[0]) as peer:
        assert peer.ask("SUBSCRIBE", "bob", Event="presence").status == 200
        peer.asked_for("NOTIFY")
        yield peer


def test_a_long_term_status_is_seen_until_it_is_taken_back(house: Gateway, alice: Peer) -> None:
    bob = Client(house, "bob")
    bob.ask(f"<publish-pres-status>{VACATION}</publish-pres-status>")
    alice.asked_for("NOTIFY", lambda told: b"vacation" in told.body)
    bob.ask("<unpublish-pres-status/>")
    alice.asked_for("NOTIFY", lambda told: b"vacation" not in told.body)


def test_what_a_client_has_published_ends_with_its_session_if_it_says_so(house: Gateway, alice: Peer) -> None:
    bob = Client(house, "bob")
    bob.ask(f"<publish-pres-status>{VACATION}</publish-pres-status>")
    with Peer("bob", house.sip[0]) as phone:
        assert phone.ask("PUBLISH", "bob", pidf("open", "meeting", "mine"), Event="presence").status == 200
    alice.asked_for("NOTIFY", lambda told: b"vacation" in told.body and b"mine" in told.body)
    bob.ask('<logout tuple-id="cupc-override"/>')
    alice.asked_for("NOTIFY", lambda told: b"vacation" not in told.body and b"meeting" in told.body)


def test_a_rule_silences_a_watcher_at_once_and_a_list_lets_them_see_again(
    house: Gateway, alice: Peer
) -> None:
    bob = Client(house, "bob")
    rule = "<presence-rule name='{}'><rule><visibility>{}</visibility></rule></presence-rule>"
    rules = rule.format("nobody", "confirm") + rule.format("friends", "all")
    bob.ask(f"<set-presence-rules>{rules}</set-presence-rules>")
    bob.ask("<add-acl><rule name='friends'><watcher>carol</watcher></rule></add-acl>")
    told = alice.asked_for("NOTIFY", lambda told: told.get("Subscription-State").startswith("pending"))
    assert b"meeting" not in told.body
    bob.ask("<add-acl><rule name='friends'><watcher>alice</watcher></rule></add-acl>")
    alice.asked_for("NOTIFY", lambda told: told.get("Subscription-State").startswith("active"))
    bob.ask(f"<set-presence-rules>{rule.format('friends', 'block')}</set-presence-rules>")
    alice.asked_for("NOTIFY", lambda told: told.get("Subscription-State") == "terminated;reason=rejected")
    deleted = "".join(f"<rule name='{name}'/>" for name in ("nobody", "friends"))
    bob.ask(f"<delete-presence-rules>{deleted}</delete-presence-rules>")


def test_a_contact_is_told_to_who_subscribes_to_changes(house: Gateway) -> None:
    bob = Client(house, "bob")
    with Peer("bob", house.sip[0]) as phone:
        assert phone.ask("SUBSCRIBE", "bob", Event="uccn").status == 200
        phone.asked_for("NOTIFY")
        bob.ask("<add-group><group name='work'/></add-group>")
        bob.ask("<add-contact><group name='work'><persona-id>erin</persona-id></group></add-contact>")
        found = [phone.asked_for("NOTIFY").body for _ in range(2)]
    actions = [etree.fromstring(body).findtext("{*}action") for body in found]
    assert actions == ["insert-group", "insert-contact"]
    assert b">erin<" in found[1]


def test_who_has_a_new_password_is_logged_out(house: Gateway) -> None:
    erin = Client(house, "erin")
    assert erin.ask("<get-acl/>").tag.endswith("get-acl-resp")
    beside = Database(url_in(house.data))
    beside.run_now(users.set_display_name, "erin@example.com", "Erin E.")
    beside.run_now(users.set_password, "erin@example.com", "another")
    beside.close()
    deadline = time.monotonic() + PATIENCE
    while not erin.ask("<get-acl/>").tag.endswith("Fault"):
        assert time.monotonic() < deadline


def test_who_is_removed_is_logged_out(house: Gateway) -> None:
    dave = Client(house, "dave")
    assert dave.ask("<get-acl/>").tag.endswith("get-acl-resp")
    beside = Database(url_in(house.data))
    beside.run_now(users.remove, "dave@example.com")
    beside.close()
    assert dave.ask("<get-acl/>").tag.endswith("Fault")


def test_who_is_removed_is_logged_out_where_sip_is_off_too(tmp_path: Path) -> None:
    people(tmp_path)
    with gateway(WITHOUT_SIP, tmp_path) as running:
        bob = Client(running, "bob")
        assert bob.ask("<get-acl/>").tag.endswith("get-acl-resp")
        beside = Database(url_in(running.data))
        # Somebody else of that name is not who has logged in.
        beside.run_now(users.remove, "bob@example.com")
        beside.run_now(users.add, "bob@example.com", "another")
        beside.close()
        deadline = time.monotonic() + PATIENCE
        while not bob.ask("<get-acl/>").tag.endswith("Fault"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
