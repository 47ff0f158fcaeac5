"""Who asks, and what they may do: passwords, certificates, and the word of trusted peers."""

from __future__ import annotations

from typing import Any

import pytest

from ctigw.sip.digest import AUTHENTICATES, answer, challenges_of, ha1
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response
from tests.presence import OPEN, Bench, pidf
from tests.sip import PEER

DIGEST = """
[sip]
domains = ["example.com", "example.org"]
aliases = {"sip.example.com" = "example.com"}
nonce_seconds = 100
routes = [{domain = "example.net", next_hop = "sip:192.0.2.99"}]
[[sip.listeners]]
trusted = ["192.0.2.200/32", "2001:db8::/64"]
[[sip.listeners]]
transport = "tcp"
"""
CERTIFICATE = OPEN.replace(
    'port = 5061\nauthentication = "none"',
    'port = 5061\nauthentication = "certificate"\ntls_client_ca = "ca"',
).replace(
    'transport = "tcp"\nport = 5061', 'transport = "tls"\nport = 5061\ntls_certificate = "a"\ntls_key = "b"'
)
TRUSTED = Remote("UDP", "192.0.2.200", 5060)
TLS = Remote("TLS", "192.0.2.15", 40001, 7, 2)
WATCHING: dict[str, Any] = {"Event": "presence", "Contact": "<sip:192.0.2.15>", "Expires": "0"}
PUBLISHING: dict[str, Any] = {
    "Event": "presence",
    "Content_Type": "application/pidf+xml",
    "body": pidf("open", "busy"),
}


class User:
    """Somebody with a password, who is asked for it once."""

    def __init__(
        self, bench: Bench, name: str, password: str = "secret", domain: str = "example.com"
    ) -> None:
        self.bench, self.name, self.password, self.domain = bench, name, password, domain
        self.challenge: Response | None = None
        self.count = 0

    def learn(self, challenge: Response) -> None:
        """The next requests answer this."""
        self.challenge, self.count = challenge, 0

    def ask(self, method: str, whom: str, *, said: str = "", count: int = 0, **more: Any) -> Response:
        """``said``: the name in From, if another; ``count``: of the nonce, if not the next."""
        assert self.challenge is not None
        self.count = count or self.count + 1
        status = self.challenge.status
        uri = more.pop("uri", f"sip:{whom}@{self.domain}")
        proved = answer(
            status,
            self.challenge.lines(AUTHENTICATES[status]),
            method,
            more.pop("proved_uri", uri),
            user=self.name,
            password=self.password,
            nc=self.count,
            cnonce="once",
        )
        assert proved is not None
        more = {proved[0].replace("-", "_"): proved[1], "uri": uri, **more}
        return self.bench.ask(method, said or self.name, whom, PEER, **more)


def challenged(bench: Bench, name: str = "bob", password: str = "secret") -> User:
    user = User(bench, name, password)
    user.learn(bench.ask("SUBSCRIBE", name, "alice", PEER, **WATCHING))
    return user


def watchers(bench: Bench, presentity: str = "alice@example.com") -> list[str]:
    return [watching.watcher for watching in bench.side.presence.watchings(presentity)]


# Passwords


@pytest.mark.parametrize(
    ("method", "whom", "headers", "status"),
    [
        ("SUBSCRIBE", "alice", WATCHING, 401),
        ("PUBLISH", "bob", PUBLISHING, 401),
        ("REGISTER", "bob", {"Contact": "<sip:192.0.2.15>"}, 401),
        ("MESSAGE", "alice", {"Content_Type": "text/plain", "body": "hi"}, 407),
        ("MESSAGE", "dave", {"uri": "sip:dave@example.net", "body": "hi"}, 407),
    ],
)
def test_a_password_is_asked_for_by_the_server_and_by_the_proxy(
    method: str, whom: str, headers: dict[str, str], status: int
) -> None:
    bench = Bench(DIGEST)
    refused = bench.ask(method, "bob", whom, PEER, **headers)
    assert refused.status == status
    (challenge, *_) = challenges_of(refused.lines(AUTHENTICATES[status]))
    assert (challenge.realm, challenge.stale, challenge.counted) == ("example.com", False, True)
    assert not any(refused.lines(name) for other, name in AUTHENTICATES.items() if other != status)
    assert bench.mail == []


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_nobody_is_asked_for_a_password_where_none_is_needed(method: str) -> None:
    assert Bench(DIGEST).ask(method, "bob", "alice").status in (200, 405)


def test_a_right_password_opens_and_every_use_of_the_nonce_is_another_one() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    assert [bob.ask("SUBSCRIBE", "alice", **WATCHING).status for _ in range(3)] == [200] * 3


@pytest.mark.parametrize(
    ("name", "password"), [("bob", "wrong"), ("bob", ""), ("nobody", "secret"), ("bob@example.com", "secret")]
)
def test_a_wrong_password_and_an_unknown_name_are_asked_again_and_look_the_same(
    name: str, password: str
) -> None:
    bench = Bench(DIGEST)
    stranger = User(bench, name, password)
    stranger.learn(bench.ask("SUBSCRIBE", "bob", "alice", PEER, **WATCHING))
    refused = stranger.ask("SUBSCRIBE", "alice", said="bob", **WATCHING)
    assert refused.status == 401
    assert not any(each.stale for each in challenges_of(refused.lines("WWW-Authenticate")))


def test_what_was_proved_once_is_worth_nothing_a_second_time() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    assert bob.ask("SUBSCRIBE", "alice", count=5, **WATCHING).status == 200
    for count in (5, 4, 1):
        refused = bob.ask("SUBSCRIBE", "alice", count=count, **WATCHING)
        assert refused.status == 401
        assert all(each.stale for each in challenges_of(refused.lines("WWW-Authenticate")))
    assert bob.ask("SUBSCRIBE", "alice", count=6, **WATCHING).status == 200


def test_what_was_proved_for_one_method_or_one_presentity_is_not_for_another() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    assert bob.ask("SUBSCRIBE", "alice", proved_uri="sip:carol@example.com", **WATCHING).status == 401
    (header, proof) = answer(  # type: ignore[misc] # there is one
        401,
        bob.challenge.lines("WWW-Authenticate"),  # type: ignore[union-attr] # there is one
        "REGISTER",
        "sip:alice@example.com",
        user="bob",
        password="secret",
        cnonce="once",
    )
    assert bench.ask("SUBSCRIBE", "bob", "alice", PEER, **{header: proof}, **WATCHING).status == 401


def test_a_nonce_that_is_too_old_is_exchanged_without_asking_the_user() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    assert bob.ask("SUBSCRIBE", "alice", **WATCHING).status == 200
    bench.mail.clear()
    bench.passes(101)
    refused = bob.ask("SUBSCRIBE", "alice", **WATCHING)
    assert refused.status == 401
    assert all(each.stale for each in challenges_of(refused.lines("WWW-Authenticate")))
    bob.learn(refused)
    assert bob.ask("SUBSCRIBE", "alice", **WATCHING).status == 200


def test_a_nonce_of_another_server_is_stale() -> None:
    bob = challenged(Bench(DIGEST))
    bob.bench = Bench(DIGEST)
    refused = bob.ask("SUBSCRIBE", "alice", **WATCHING)
    assert all(each.stale for each in challenges_of(refused.lines("WWW-Authenticate")))


def test_a_proof_for_the_proxy_is_none_for_the_server() -> None:
    bench = Bench(DIGEST)
    bob = User(bench, "bob")
    bob.learn(bench.ask("MESSAGE", "bob", "alice", Content_Type="text/plain", body="hi"))
    assert bob.ask("SUBSCRIBE", "alice", **WATCHING).status == 401
    assert bob.ask("MESSAGE", "alice", Content_Type="text/plain", body="hi").status == 480


def test_beside_a_password_that_is_right_nobody_elses_can_be_guessed() -> None:
    bench = Bench(DIGEST)
    lines = challenged(bench).challenge.lines("WWW-Authenticate")  # type: ignore[union-attr] # there is one
    uri = "sip:alice@example.com"

    def proof(user: str, nc: int) -> str:
        given = answer(401, lines, "SUBSCRIBE", uri, user=user, password="secret", nc=nc, cnonce="once")
        assert given is not None
        return given[1]

    both = f"{proof('bob', 1)}\r\nAuthorization: {proof('carol', 2)}"
    assert bench.ask("SUBSCRIBE", "bob", "alice", PEER, Authorization=both, **WATCHING).status == 200
    unknown = f"{proof('nobody', 3)}\r\nAuthorization: {proof('carol', 4)}"
    assert bench.ask("SUBSCRIBE", "bob", "alice", PEER, Authorization=unknown, **WATCHING).status == 401
    elsewhere = 'Digest username="nobody", realm="example.net", nonce="1", uri="sip:x", response="0"'
    mine = f"{elsewhere}\r\nAuthorization: {proof('bob', 5)}"
    assert bench.ask("SUBSCRIBE", "bob", "alice", PEER, Authorization=mine, **WATCHING).status == 200


def test_each_domain_has_its_own_passwords() -> None:
    bench = Bench(DIGEST)
    bench.receive(
        "SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKorg\r\n"
        "From: <sip:bob@EXAMPLE.org>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: org\r\n"
        "CSeq: 1 SUBSCRIBE\r\nEvent: presence\r\nContact: <sip:192.0.2.15>\r\n\r\n"
    )
    challenges = challenges_of(bench.answer("org").lines("WWW-Authenticate"))
    assert {challenge.realm for challenge in challenges} == {"example.org"}


# What who has proved who they are may do


def test_who_watches_is_who_has_proved_it_and_not_who_is_named_in_from() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    assert bob.ask("SUBSCRIBE", "alice", said="carol", **{**WATCHING, "Expires": "600"}).status == 200
    assert watchers(bench) == ["bob@example.com"]


def test_nobody_publishes_for_somebody_else() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    for said in ("bob", "alice"):
        assert bob.ask("PUBLISH", "alice", said=said, **PUBLISHING).status == 403
    assert bob.ask("PUBLISH", "bob", said="alice", **PUBLISHING).status == 200
    assert bench.side.presence.explain("alice@example.com") == []


def test_an_entity_tag_of_somebody_elses_is_worth_nothing() -> None:
    bench = Bench(DIGEST)
    alice, bob = challenged(bench, "alice"), challenged(bench)
    etag = alice.ask("PUBLISH", "alice", **PUBLISHING).get("SIP-ETag")
    assert bob.ask("PUBLISH", "bob", SIP_If_Match=etag, **PUBLISHING).status == 412
    assert bob.ask("PUBLISH", "bob", Event="presence", SIP_If_Match=etag, Expires="0").status == 412
    assert len(bench.side.presence.explain("alice@example.com")) == 1


def test_nobody_registers_for_somebody_else() -> None:
    bench = Bench(DIGEST)
    bob = challenged(bench)
    registering: dict[str, Any] = {"uri": "sip:example.com", "Contact": "<sip:192.0.2.15>"}
    assert bob.ask("REGISTER", "alice", **registering).status == 403
    assert bob.ask("REGISTER", "bob", said="alice", **registering).status == 200
    assert len(bench.side.registrar) == 1


def test_nobody_writes_in_somebody_elses_name() -> None:
    bench = Bench(DIGEST)
    bob = User(bench, "bob")
    bob.learn(bench.ask("MESSAGE", "bob", "alice", body="hi"))
    assert bob.ask("MESSAGE", "alice", said="carol", body="hi").status == 403
    assert bob.ask("MESSAGE", "alice", body="hi").status == 480


def test_a_subscription_is_refreshed_by_who_began_it_alone() -> None:
    bench = Bench(DIGEST)
    bob, carol = challenged(bench), challenged(bench, "carol")
    assert bob.ask("SUBSCRIBE", "alice", **{**WATCHING, "Expires": "600"}).status == 200
    (notify,) = bench.notified()
    bench.clock.advance(1)
    for user, status in ((carol, 403), (bob, 200)):
        proved = answer(
            401,
            user.challenge.lines("WWW-Authenticate"),  # type: ignore[union-attr] # there is one
            "SUBSCRIBE",
            "sip:192.0.2.1:5060",
            user=user.name,
            password="secret",
            nc=9,
            cnonce="once",
        )
        assert proved is not None
        bench.receive(
            f"SUBSCRIBE sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;"
            f"branch=z9hG4bK{user.name}\r\n"
            f"From: {notify.get('To')}\r\nTo: {notify.get('From')}\r\nCall-ID: {notify.call_id}\r\n"
            f"CSeq: 7 SUBSCRIBE\r\nEvent: presence\r\n{': '.join(proved)}\r\nExpires: 0\r\n\r\n"
        )
        assert bench.answer(notify.call_id).status == status


# Certificates


@pytest.mark.parametrize(
    ("names", "who", "status"),
    [
        (("sip:bob@example.com",), "bob", 200),
        (("bob@EXAMPLE.com",), "bob", 200),
        (("sips:bob@example.com", "other.example.com"), "bob", 200),
        (("sip:bob@sip.example.com",), "bob", 403),
        (("sip:example.com",), "bob", 403),
        (("example.com",), "bob", 403),
        (("sip:carol@example.com",), "bob", 403),
        (("example.net",), "bob", 403),
        (("bob",), "bob", 403),
        ((), "bob", 403),
    ],
)
def test_a_certificate_is_for_the_users_that_it_names(names: tuple[str, ...], who: str, status: int) -> None:
    bench = Bench(CERTIFICATE)
    bench.side.node.connected(TLS, names)
    assert bench.ask("SUBSCRIBE", who, "alice", TLS, **WATCHING).status == status


def test_a_certificate_is_forgotten_with_its_connection() -> None:
    bench = Bench(CERTIFICATE)
    bench.side.node.connected(TLS, ("sip:bob@example.com",))
    bench.side.node.lost(TLS)
    assert bench.ask("SUBSCRIBE", "bob", "alice", TLS, **WATCHING).status == 403


def test_a_certificate_is_that_of_its_own_connection() -> None:
    bench = Bench(CERTIFICATE)
    bench.side.node.connected(TLS, ("sip:bob@example.com",))
    other = Remote("TLS", "192.0.2.15", 40002, 8, 2)
    assert bench.ask("SUBSCRIBE", "bob", "alice", other, **WATCHING).status == 403


# Trusted peers


@pytest.mark.parametrize(
    ("headers", "watcher"),
    [
        ({"P-Asserted-Identity": "<sip:carol@example.com>"}, "carol@example.com"),
        ({"P-Asserted-Identity": "< sip:carol@example.com:5060;transport=tcp >"}, "carol@example.com"),
        ({"P-Asserted-Identity": '"C" <tel:+491234>, <sip:carol@example.com>'}, "carol@example.com"),
        ({"P-Asserted-Identity": "<sip:carol@sip.example.com>"}, "carol@example.com"),
        ({"P-Asserted-Identity": "<sip:zoe@example.net>"}, "zoe@example.net"),
        (
            {"P-Asserted-Identity": "<sip:carol@example.com>", "Remote-Party-ID": "<sip:dave@example.com>"},
            "carol@example.com",
        ),
        ({"Remote-Party-ID": '"C" <sip:carol@example.com>;party=calling;screen=yes'}, "carol@example.com"),
        ({"P-Asserted-Identity": "<tel:+491234>"}, "bob@example.com"),
        ({"P-Asserted-Identity": "<http://example.com>"}, "bob@example.com"),
        ({}, "bob@example.com"),
    ],
)
def test_a_trusted_peer_says_who_asks(headers: dict[str, str], watcher: str) -> None:
    bench = Bench(DIGEST)
    more: dict[str, str] = {**WATCHING, "Expires": "600", **headers}
    assert bench.ask("SUBSCRIBE", "bob", "alice", TRUSTED, **more).status == 200
    assert watchers(bench) == [watcher]


@pytest.mark.parametrize("host", ["2001:db8::15", "::ffff:192.0.2.200"])
def test_a_trusted_peer_may_have_an_address_of_either_kind(host: str) -> None:
    bench = Bench(DIGEST)
    bench.receive(
        f"SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [{host}];branch=z9hG4bKsix\r\n"
        "From: <sip:bob@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: six\r\n"
        "CSeq: 1 SUBSCRIBE\r\nEvent: presence\r\nContact: <sip:192.0.2.15>\r\n\r\n",
        Remote("UDP", host, 5060),
    )
    assert bench.answer("six").status == 200


@pytest.mark.parametrize("name", ["P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"])
def test_whoever_is_not_trusted_asserts_nothing(name: str) -> None:
    asserted: dict[str, Any] = {name: "<sip:alice@example.com>"}
    bench = Bench(DIGEST)
    assert bench.ask("PUBLISH", "alice", "alice", PEER, **PUBLISHING, **asserted).status == 401
    bob = challenged(bench)
    assert bob.ask("PUBLISH", "alice", **PUBLISHING, **asserted).status == 403
    bench = Bench(OPEN)
    assert bench.ask("PUBLISH", "bob", "alice", PEER, **PUBLISHING, **asserted).status == 403


def test_trust_is_that_of_the_listener_by_which_a_peer_comes() -> None:
    bench = Bench(DIGEST)
    by_tcp = Remote("TCP", TRUSTED.host, 5060, 9, 1)
    asserted: dict[str, Any] = {"P-Asserted-Identity": "<sip:alice@example.com>"}
    assert bench.ask("PUBLISH", "alice", "alice", TRUSTED, **PUBLISHING, **asserted).status == 200
    assert bench.ask("PUBLISH", "alice", "alice", by_tcp, **PUBLISHING, **asserted).status == 401


def test_a_trusted_peer_publishes_for_whom_it_asserts_and_for_nobody_else() -> None:
    bench = Bench(DIGEST)
    asserted: dict[str, Any] = {"P-Asserted-Identity": "<sip:carol@example.com>"}
    assert bench.ask("PUBLISH", "alice", "alice", TRUSTED, **PUBLISHING, **asserted).status == 403


@pytest.mark.parametrize("text", ["<sip:carol@example.com", "no address", "<sip:>"])
def test_what_a_trusted_peer_asserts_must_be_an_address(text: str) -> None:
    bench = Bench(DIGEST)
    refused = bench.ask("SUBSCRIBE", "bob", "alice", TRUSTED, P_Asserted_Identity=text, **WATCHING)
    assert refused.status in (400, 416)


def test_what_a_sender_says_of_itself_is_not_passed_on() -> None:
    bench = Bench(OPEN)
    bench.ask("REGISTER", "alice", "alice", Contact="<sip:alice@192.0.2.16>")
    bench.receive(
        "MESSAGE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKm\r\n"
        "From: <sip:bob@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: m\r\n"
        "CSeq: 1 MESSAGE\r\n"
        "P-Asserted-Identity: <sip:carol@example.com>\r\nRemote-Party-ID: <sip:carol@example.com>\r\n"
        "P-Preferred-Identity: <sip:carol@example.com>\r\n\r\n"
    )
    ((to, request),) = bench.mail
    assert to.host == "192.0.2.16"
    assert isinstance(request, Request)
    assert request.lines("P-Asserted-Identity") == ["<sip:bob@example.com>"]
    assert b"carol" not in request.write()


def test_what_is_kept_of_a_password_is_of_its_domain() -> None:
    """Or the realm of a challenge would let a stranger's server use it for others."""
    assert ha1("bob", "example.com", "secret", "MD5") != ha1("bob", "example.org", "secret", "MD5")


def test_a_server_that_is_known_by_its_name_is_not_trusted_for_it() -> None:
    named = Remote("TCP", "cm.example.net", 5060, 9, 0)
    assert Bench(DIGEST).ask("MESSAGE", "bob", "alice", named, body="hi").status == 407
