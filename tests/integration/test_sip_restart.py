"""What a gateway remembers when it is killed, and how it says goodbye."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import URL

from tests.certificates import Authority, tls
from tests.presence import pidf
from tests.processes import LISTENER, gateway
from tests.sip_peers import Peer, free_port, people

PUBLICATIONS = 300


def settings(port: int, url: URL | None = None) -> str:
    """At the same port over UDP and TCP, where everybody is whom they say."""
    store = f'[store]\nurl = "{written(url)}"\n' if url else ""
    listeners = "".join(
        f'[[sip.listeners]]\ntransport = "{transport}"\nport = {port}\nauthentication = "none"\n'
        for transport in ("udp", "tcp")
    )
    return f'{LISTENER}{store}[sip]\ndomains = ["example.com"]\n{listeners}[presence]\nwithout_rule = "all"\n'


def written(url: URL) -> str:
    """As text, in which the folder of a socket is no host."""
    is_socket = (url.host or "").startswith("/")
    return str(url.set(host="").update_query_dict({"host": url.host or ""}) if is_socket else url)


def test_what_was_said_is_still_known_after_a_kill(tmp_path: Path, url: URL) -> None:
    people(tmp_path, url)
    config = settings(free_port(), url)
    with ExitStack() as ending:

        def peer(user: str, port: int) -> Peer:
            return ending.enter_context(Peer(user, port))

        with gateway(config, tmp_path) as running:
            alice, bob, carol, dave = (
                peer(name, running.sip[0]) for name in ("alice", "bob", "carol", "dave")
            )
            published = alice.ask("PUBLISH", "alice", pidf("open", "busy"), Event="presence", Expires="600")
            gone = dave.ask("PUBLISH", "dave", pidf("open", "away"), Event="presence", Expires="600")
            etag = gone.get("SIP-ETag")
            assert dave.ask("PUBLISH", "dave", Event="presence", Expires="0", SIP_If_Match=etag).status == 200
            assert bob.ask("REGISTER", "bob", Expires="600").status == 200
            assert carol.ask("SUBSCRIBE", "alice", Event="presence", Expires="600").status == 200
            before = carol.asked_for("NOTIFY").body
            assert b"busy" in before
            assert bob.ask("MESSAGE", "erin", "until later", Content_Type="text/plain").status == 202
            running.kill()
        with gateway(config, tmp_path) as running:
            tag = published.get("SIP-ETag")
            again = alice.ask("PUBLISH", "alice", Event="presence", Expires="600", SIP_If_Match=tag)
            assert (again.status, again.get("Expires")) == (200, "600")
            stale = dave.ask("PUBLISH", "dave", Event="presence", Expires="600", SIP_If_Match=etag)
            assert stale.status == 412
            assert carol.ask("SUBSCRIBE", "alice", Event="presence", Expires="600").status == 200
            assert carol.asked_for("NOTIFY").body == before
            sent = carol.send("MESSAGE", "bob", "still there?", Content_Type="text/plain")
            assert bob.asked_for("MESSAGE").body == b"still there?"
            assert carol.answer(sent).status == 200
            erin = peer("erin", running.sip[0])
            assert erin.ask("REGISTER", "erin").status == 200
            kept = erin.asked_for("MESSAGE")
            assert (kept.body, kept.get("P-Asserted-Identity")) == (b"until later", "<sip:bob@example.com>")
            # What is taken back is gone from the database as well.
            tag = again.get("SIP-ETag")
            assert (
                alice.ask("PUBLISH", "alice", Event="presence", Expires="0", SIP_If_Match=tag).status == 200
            )
            assert b"busy" not in carol.asked_for("NOTIFY").body
            running.kill()
        with gateway(config, tmp_path):
            assert carol.ask("SUBSCRIBE", "alice", Event="presence").status == 200
            assert b"busy" not in carol.asked_for("NOTIFY").body


def test_what_was_acknowledged_is_stored_whenever_the_gateway_is_killed(tmp_path: Path) -> None:
    config = settings(free_port()).replace("[sip]", "[sip]\nopen_domain = true")
    with gateway(config, tmp_path) as running, Peer("", running.sip[1], transport="TCP") as peer:
        for number in range(PUBLICATIONS):
            peer.user = f"user{number}"
            call = peer.send("PUBLISH", peer.user, pidf(), Event="presence", Call_ID=peer.user)
            if number == PUBLICATIONS // 3:
                peer.answers.append(peer.answer(call))
        running.kill()
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                peer.take()
        acknowledged = {answer.call_id: answer.get("SIP-ETag") for answer in peer.answers}
    assert len(acknowledged) > PUBLICATIONS // 3
    with gateway(config, tmp_path) as running, Peer("", running.sip[1], transport="TCP") as peer:
        for user, etag in acknowledged.items():
            peer.user = user
            assert peer.ask("PUBLISH", user, Event="presence", SIP_If_Match=etag).status == 200


def test_watchers_are_told_that_it_ends_and_the_ports_are_given_back(tmp_path: Path) -> None:
    people(tmp_path)
    ours = Authority(tmp_path, "ours")
    certificate, key = ours.issue("localhost")
    config = settings(free_port()) + (
        f'[[sip.listeners]]\ntransport = "tls"\nport = {free_port()}\nauthentication = "none"\n'
        f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    )
    with ExitStack() as ending:
        with gateway(config, tmp_path) as running:
            watchers = [
                ending.enter_context(Peer("alice", running.sip[0])),
                ending.enter_context(Peer("carol", running.sip[1], transport="TCP")),
                ending.enter_context(Peer("dave", running.sip[2], transport="TLS", tls=tls(ours))),
            ]
            for watcher in watchers:
                assert watcher.ask("SUBSCRIBE", "bob", Event="presence").status == 200
                assert watcher.asked_for("NOTIFY").get("Subscription-State").startswith("active")
            assert running.terminate() == 0
            for watcher in watchers:
                state = watcher.asked_for("NOTIFY").get("Subscription-State")
                assert state == "terminated;reason=deactivated"
            assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []
            figures = next(entry for entry in reversed(running.log) if entry["event"] == "figures")
            assert figures["NOTIFYs sent"] == 2 * len(watchers)
        with gateway(config, tmp_path) as running:
            assert watchers[0].ask("SUBSCRIBE", "bob", Event="presence").status == 200
