"""A gateway's process with programs that others have written: the call flows of Figures 3 to 6 of the
Interoperability Guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctigw.presence.lists import read as read_list
from ctigw.sip.message import Message, Request, Response
from tests.certificates import Authority
from tests.pidf import wrong
from tests.presence import pidf
from tests.processes import LISTENER, Gateway, gateway
from tests.sip_peers import Baresip, Peer, Sipp, free_port, needs_baresip, needs_sipp, people

TRANSPORTS = ("udp", "tcp", "tls")
SIP = LISTENER + '[sip]\ndomains = ["example.com"]\n'
OPEN = '[presence]\nwithout_rule = "all"\nlist_seconds = 0.02\n'
PIDF = "application/pidf+xml"


def listener(transport: str = "udp", *more: str) -> str:
    return "\n".join(("[[sip.listeners]]", f'transport = "{transport}"', "port = 0", *more, ""))


def prepared(folder: Path) -> Path:
    """A folder for a gateway that knows people."""
    people(folder)
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks everybody for a password, over each transport."""
    folder = prepared(tmp_path_factory.mktemp("house"))
    certificate, key = Authority(folder, "ours").issue("localhost")
    secure = listener("tls", f'tls_certificate = "{certificate}"', f'tls_key = "{key}"')
    with gateway(SIP + listener() + listener("tcp") + secure + OPEN, folder) as running:
        yield running
        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []


def at(house: Gateway, transport: str) -> int:
    return house.sip[TRANSPORTS.index(transport)]


def is_request(method: str, text: str = "") -> Callable[[Message], bool]:
    """Whether a message is such a request with this in its body."""
    return lambda message: (
        isinstance(message, Request) and message.method == method and text.encode() in message.body
    )


def is_yes(method: str) -> Callable[[Message], bool]:
    """Whether a message is the answer that a client wants to such a request."""
    return lambda message: (
        isinstance(message, Response) and message.cseq_method == method and 200 <= message.status < 300
    )


def notify(text: str = "") -> Callable[[Message], bool]:
    return is_request("NOTIFY", text)


# What a subscription is for, as SIPp is told it.
PRESENCE = {"event": "presence", "accept": PIDF, "supported": "path"}
WATCHERS = {"event": "presence.winfo", "accept": "application/watcherinfo+xml", "supported": "path"}
LIST = {
    "event": "presence",
    "accept": f"{PIDF}, application/rlmi+xml, multipart/related",
    "supported": "eventlist",
}


@dataclass
class Site:
    """SIPp's clients of a gateway, over one transport."""

    port: int
    transport: str
    folder: Path

    def watch(self, user: str, resource: str, what: dict[str, str], notifies: int) -> Sipp:
        keys = {"user": user, "resource": resource, **what}
        return Sipp("watch", self.port, self.folder, self.transport, keys, {"notifies": notifies})

    def publish(self, user: str) -> Sipp:
        return Sipp("publish", self.port, self.folder, self.transport, {"user": user, "resource": user})

    def register(self, user: str) -> Sipp:
        keys = {"user": user, "expires": "600"}
        return Sipp("register", self.port, self.folder, self.transport, keys)


@pytest.fixture(params=["udp", "tcp"])
def site(request: pytest.FixtureRequest, house: Gateway, tmp_path: Path) -> Site:
    return Site(at(house, request.param), request.param, tmp_path)


@needs_sipp
def test_a_client_logs_in(site: Site) -> None:
    """Figure 3: it registers, asks who watches its user, and watches the contact list."""
    with site.register("alice") as client:
        client.ends()
        challenge, yes = (message for is_own, message in client.messages if not is_own)
        assert challenge.get("WWW-Authenticate").startswith('Digest realm="example.com"')
        assert any(where.endswith(";expires=600") for where in yes.values("Contact"))
    with (
        site.watch("alice", "alice", WATCHERS, 2) as own,
        site.watch("alice", "alice-contacts", LIST, 1) as all_,
    ):
        all_.ends()
        told = all_.heard(notify())
        assert (told.get("Require"), told.get("Subscription-State")) == ("eventlist", "active;expires=600")
        listed = read_list(told.get("Content-Type"), told.body)
        contacts = [f"sip:{name}@example.com" for name in ("bob", "carol", "dave", "erin")]
        assert (listed.uri, listed.full, [uri for uri, _ in listed.resources]) == (
            *("sip:alice-contacts@example.com", True),
            contacts,
        )
        for _, each in listed.resources:
            assert each.state == "active"
            assert each.document is not None
            assert wrong(each.document) is None
        assert own.heard(notify('state="full"')).get("Event") == "presence.winfo"
        with site.watch("bob", "alice", PRESENCE, 1) as bob:
            bob.ends()
        own.ends()
        assert b"sip:bob@example.com" in own.heard(notify('state="partial"')).body


@needs_sipp
def test_a_change_that_one_client_publishes_is_told_to_another(site: Site) -> None:
    """Figure 4; what is refreshed is not told again."""
    client2 = "bob" if site.transport == "udp" else "carol"
    with site.watch("alice", client2, PRESENCE, 2) as client1:
        first = client1.heard(notify())
        assert b"busy" not in first.body
        with site.publish(client2) as publishing:
            publishing.ends()
        client1.ends()
        told = client1.heard(notify("busy"))
        assert told.get("Subscription-State").startswith("active;expires=")
        assert wrong(told.body) is None
        assert told.cseq == first.cseq + 1


def wanting(port: int, transport: str) -> str:
    """A gateway's listener for its own site, and the foreign server that knows joe."""
    return (
        SIP
        + listener("udp", 'authentication = "none"')
        + listener("tcp", 'authentication = "none"')
        + OPEN
        + '[[presence.foreign]]\nname = "cm"\n'
        + f'servers = ["sip:127.0.0.1:{port};transport={transport}"]\n'
        + 'users = [{ local = "joe@example.com", foreign = "sip:5555@cm.example.com" }]\n'
    )


@needs_sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_foreign_server_is_watched_while_somebody_watches(tmp_path: Path, transport: str) -> None:
    """Figure 5: in the name of the watcher, who is told what it says; it is left when the watcher leaves."""
    with (
        Sipp("foreign", None, tmp_path, transport) as foreign,
        gateway(wanting(foreign.port, transport), prepared(tmp_path)) as running,
        Peer("alice", running.sip[0]) as alice,
    ):
        subscribed = alice.ask("SUBSCRIBE", "joe", Event="presence", Expires="300", Accept=PIDF)
        assert subscribed.status == 200
        asked = foreign.heard(is_request("SUBSCRIBE"))
        assert asked.uri == "sip:5555@cm.example.com"
        assert asked.get("From").startswith("<sip:alice@example.com>;tag=")
        assert asked.get("P-Asserted-Identity") == "<sip:alice@example.com>"
        assert (asked.get("Event"), asked.get("Accept"), asked.get("Expires")) == ("presence", PIDF, "3600")
        told = alice.asked_for("NOTIFY", notify("on-the-phone"))
        assert b'entity="sip:joe@example.com"' in told.body
        assert b"5555" not in told.body.replace(b"cmp-1-5555", b"")
        assert wrong(told.body) is None
        assert alice.ask("SUBSCRIBE", "joe", **alice.within(subscribed), Expires="0").status == 200
        foreign.ends()
        left = foreign.heard(lambda message: is_request("SUBSCRIBE")(message) and message.expires == 0)
        assert (left.call_id, left.cseq) == (asked.call_id, asked.cseq + 1)
        state = alice.asked_for("NOTIFY").get("Subscription-State")
        assert state == "terminated;reason=timeout"


def test_two_gateways_share_what_they_know(tmp_path: Path) -> None:
    """Figure 5 with a second gateway, which trusts the first; it is killed, and there again."""
    (here, there) = (tmp_path / "here", tmp_path / "there")
    for folder in (here, there):
        folder.mkdir()
    port = free_port()
    their = LISTENER + '[sip]\ndomains = ["cm.example.com"]\nopen_domain = true\n'
    their += listener("tcp", 'trusted = ["127.0.0.1/32"]').replace("port = 0", f"port = {port}") + OPEN
    with (
        gateway(their, there) as far,
        gateway(wanting(port, "tcp"), prepared(here)) as near,
        Peer("alice", near.sip[1], transport="TCP") as alice,
        Peer("5555", port, transport="TCP", domain="cm.example.com") as joe,
    ):
        published = joe.ask("PUBLISH", "5555", pidf("open", "meeting"), Event="presence")
        assert published.status == 200
        assert alice.ask("SUBSCRIBE", "joe", Event="presence").status == 200
        told = alice.asked_for("NOTIFY", notify("meeting"))
        assert b'entity="sip:joe@example.com"' in told.body
        etag = published.get("SIP-ETag")
        joe.ask("PUBLISH", "5555", pidf("open", "vacation"), Event="presence", SIP_If_Match=etag)
        alice.asked_for("NOTIFY", notify("vacation"))
        far.kill()
        alice.asked_for("NOTIFY", lambda message: b"vacation" not in message.body)
        with gateway(their, there):
            alice.asked_for("NOTIFY", notify("vacation"))


# Figure 6, with a phone of today


ONLINE = "<status><basic>open</basic></status>"


@needs_baresip
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_phones_see_each_other_and_write_to_each_other(
    house: Gateway, tmp_path: Path, transport: str
) -> None:
    """Figure 6."""
    port = at(house, transport)
    with (
        Baresip("dave", port, tmp_path, transport, contacts=("erin",)) as dave,
        Baresip("erin", port, tmp_path, transport, contacts=("dave",)) as erin,
    ):
        for phone, other in ((dave, "erin"), (erin, "dave")):
            assert phone.heard(is_yes("REGISTER")).values("Contact")[-1].endswith(";expires=600")
            assert phone.heard(is_yes("PUBLISH")).get("SIP-ETag")
            assert phone.heard(is_yes("SUBSCRIBE")).get("Expires") == "600"
            # Its own word, beside what is known of its desk phone.
            said = phone.heard(notify(f"{ONLINE}<contact>sip:{other}@example.com</contact>"))
            assert wrong(said.body) is None
        dave.command("message", "are you there?")
        assert erin.heard(is_request("MESSAGE", "are you there?")).get("P-Asserted-Identity") == (
            "<sip:dave@example.com>"
        )
        assert dave.heard(is_yes("MESSAGE")).status == 200
        assert "Online" in dave.command("contacts")  # so it understands what it is told
        erin.command("presence_offline")
        dave.heard(notify(f"{ONLINE.replace('open', 'closed')}<contact>sip:erin@example.com</contact>"))
        erin.leaves()
        gone = erin.heard(lambda message: is_yes("PUBLISH")(message) and message.get("Expires") == "0")
        assert gone.status == 200
        dave.leaves()
