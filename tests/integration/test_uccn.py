"""A change of the directory reaches clients, whoever made it: a gateway's process, real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from ctigw import app
from ctigw.config import parse
from ctigw.directory import contacts, groups, journal, properties, rules
from ctigw.directory.journal import Change, Kind, PropertyItem, SystemItem
from ctigw.net.sip_agent import Account
from ctigw.net.sip_client import SipClient
from ctigw.net.sip_watch import Notification
from ctigw.rules import Rule
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from ctigw.store.database import Database, url_in
from tests.integration.test_cli import ctigw
from tests.processes import LISTENER, Gateway, gateway
from tests.sip_peers import Peer, people
from tests.turns import until
from tests.uccn import said, wrong

ALICE, BOB = "alice@example.com", "bob@example.com"
SIP = """
[sip]
domains = ["example.com"]
[[sip.listeners]]
port = 0
[[sip.listeners]]
transport = "tcp"
port = 0
"""
MANY = 300
WATCH = (("Event", "uccn"), ("Accept", "application/xml"))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks everybody for a password."""
    folder = tmp_path_factory.mktemp("uccn")
    people(folder)
    with gateway(LISTENER + SIP, folder) as running:
        yield running
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []


@pytest.fixture
def beside(house: Gateway) -> Iterator[Database]:
    """Another connection to its database."""
    database = Database(url_in(house.data))
    yield database
    database.close()


def subscribed(peer: Peer) -> Peer:
    """It has subscribed to what is its user's, and has been told so."""
    answer = peer.ask("SUBSCRIBE", peer.user, Event="uccn", Accept="application/xml", Expires="600")
    assert answer.status == 200
    assert peer.asked_for("NOTIFY").body == b""
    return peer


def notice(peer: Peer) -> tuple[str, list[str]]:
    """What the next notice says, which is a valid one."""
    request: Request = peer.asked_for("NOTIFY")
    assert request.get("Content-Type") == "application/xml"
    assert wrong(request.body) is None
    return said(request.body)


def test_what_the_command_line_changes_is_told_to_whom_it_concerns(house: Gateway, beside: Database) -> None:
    with Peer("alice", house.sip[0]) as alice, Peer("bob", house.sip[1], transport="TCP") as bob:
        for peer in (alice, bob):
            subscribed(peer)
        data = ("--data", str(house.data))
        assert ctigw("group", "add", ALICE, "friends", *data).returncode == 0
        assert notice(alice) == ("insert-group", ["insert-group", "", "friends", "2.0000000000", ""])
        added = ctigw("contact", "add", ALICE, BOB, "--group", "friends", "--nickname", "Bobby", *data)
        assert added.returncode == 0
        action, texts = notice(alice)
        assert action == "insert-contact"
        assert texts[2:] == ["friends", "2.0", "", "1.0000000000", "Bobby", "bob", "TRUE", "FALSE"]
        assert ctigw("rule", "set", BOB, "mine", "--visibility", "block", *data).returncode == 0
        assert notice(bob)[0] == "add-presence-rules"
        change = Change(Kind.SYSTEM, "", None, SystemItem("CUPSystemCfg", (("IM.enable", "TRUE"),)))
        beside.run_now(journal.record, [change])
        action = "update-cupssystemcfg"
        assert notice(alice) == notice(bob) == (action, [action, "IM.enable", "TRUE"])


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_many_changes_at_once_are_each_told_in_their_order(
    house: Gateway, beside: Database, transport: str
) -> None:
    names = [f"{transport}{number}" for number in range(MANY)]
    with Peer("carol", house.sip[transport == "TCP"], transport=transport) as carol:
        subscribed(carol)
        items = [PropertyItem(name, "x", is_public=False) for name in names]
        beside.run_now(properties.set_properties, "carol@example.com", items)
        beside.run_now(properties.delete_properties, "carol@example.com", names)
        found = [notice(carol) for _ in range(2 * MANY)]
    assert [action for action, _ in found] == ["insert-endusercfg"] * MANY + ["delete-endusercfg"] * MANY
    assert [texts[1] for _, texts in found] == names * 2


def test_what_is_somebody_elses_is_refused_and_so_is_who_does_not_say_who_they_are(house: Gateway) -> None:
    with Peer("erin", house.sip[0]) as erin:
        assert erin.ask("SUBSCRIBE", "dave", Event="uccn").status == 403
        assert erin.answer(erin.send("SUBSCRIBE", "erin", Event="uccn")).status == 401


@pytest_twisted.ensureDeferred
async def test_who_changes_something_in_the_gateway_has_it_told_at_once(tmp_path: Path) -> None:
    """Without the second that passes until what other processes have changed is looked for."""
    people(tmp_path)
    running = await app.start(parse(LISTENER + SIP), tmp_path / "var", reactor)
    assert running.sip is not None
    client, found = None, list[Notification]()
    beside = Database(url_in(tmp_path / "var"))
    try:
        following = running.sip.following
        following._loop.stop()  # nothing is looked for unless it is asked for
        local = running.sip.addresses[1]
        account = Account(f"sip:{ALICE}", "alice", "demo")
        client = SipClient(reactor, Remote("TCP", local.host, local.port), account)
        await client.watch(f"sip:{ALICE}", found.append, headers=WATCH)
        await until(lambda: len(found) == 1)
        beside.run_now(groups.add, ALICE, [groups.Wanted("friends")])
        beside.run_now(contacts.add, ALICE, [contacts.Wanted("friends", BOB)])
        await following.look()
        beside.run_now(rules.set_rules, ALICE, [Rule("mine")])
        await following.look()
        await until(lambda: len(found) == 4)
        assert [said(each.body)[0] for each in found[1:]] == [
            "insert-group",
            "insert-contact",
            "add-presence-rules",
        ]
    finally:
        beside.close()
        if client is not None:
            await client.close()
        await running.stop()
