"""What is passed on: to whom, for whom, and what comes back (RFC 3261 §16)."""

from __future__ import annotations

import pytest

from ctigw.sip.digest import Login
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response, parse
from tests.presence import OPEN, Bench, answer
from tests.sip import PEER

ROUTES = """
[[sip.routes]]
domain = "Partner.example"
next_hop = "sip:203.0.113.1:5080;transport=udp"
"""
EVERYWHERE = '[[sip.routes]]\ndomain = "*"\nnext_hop = "sip:203.0.113.2"\n'
DIGEST = OPEN.replace('"none"', '"digest"')
TEXT = {"Content_Type": "text/plain", "body": "hello"}
PARTNER = Remote("UDP", "203.0.113.1", 5080)


def send(
    bench: Bench,
    uri: str = "sip:joe@partner.example",
    *,
    method: str = "MESSAGE",
    sender: str = "sip:alice@example.com",
    source: Remote = PEER,
    hops: int | None = 70,
    more: str = "",
) -> None:
    """A request arrives; what comes of it is in the mail."""
    bench._numbers += 1
    forwards = "" if hops is None else f"Max-Forwards: {hops}\r\n"
    bench.receive(
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKp{bench._numbers}\r\n"
        f"{forwards}From: <{sender}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: {bench._numbers}\r\n"
        f"CSeq: 1 {method}\r\n{more}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
        source,
    )


def status(bench: Bench) -> int:
    """Of the only answer that was sent."""
    (response,) = [message for message in bench.taken() if isinstance(message, Response)]
    return response.status


def forwarded(bench: Bench, method: str = "MESSAGE") -> tuple[Remote, Request]:
    """The only request that was passed on."""
    (sent,) = bench.asked(method)
    return sent


# Other domains


def test_another_domain_is_reached_by_its_route_and_its_answer_comes_back() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench)
    to, request = forwarded(bench)
    assert to == PARTNER
    assert request.uri == "sip:joe@partner.example"
    assert request.get("Max-Forwards") == "69"
    assert [via.partition(";")[0] for via in request.values("Via")] == [
        "SIP/2.0/UDP 192.0.2.1:5060",
        "SIP/2.0/UDP 192.0.2.15:5060",
    ]
    assert request.body == b"hello"
    bench.receive(answer(request, 200, X_Remark="theirs"), to)
    (response,) = bench.taken()
    assert isinstance(response, Response)
    assert (response.status, response.get("X-Remark"), response.to_tag) == (200, "theirs", "theirs")
    assert len(response.values("Via")) == 1


def test_a_domain_without_a_route_is_not_found() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, "sip:joe@elsewhere.example")
    assert status(bench) == 404


def test_the_star_is_for_every_domain_without_a_route_of_its_own() -> None:
    bench = Bench(OPEN + ROUTES + EVERYWHERE)
    send(bench, "sip:joe@elsewhere.example")
    assert forwarded(bench)[0] == Remote("UDP", "203.0.113.2", 5060)
    send(bench, "sip:joe@PARTNER.example:5099;x=y")
    assert forwarded(bench)[0] == PARTNER


def test_requests_without_max_forwards_get_it() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, hops=None)
    assert forwarded(bench)[1].get("Max-Forwards") == "70"


def test_a_request_that_has_gone_far_enough_is_refused() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, hops=0)
    assert status(bench) == 483
    send(bench, hops=1)
    assert forwarded(bench)[1].get("Max-Forwards") == "0"


def test_a_request_that_comes_back_is_a_loop() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench)
    _, request = forwarded(bench)
    bench.receive(request.write("Via: SIP/2.0/UDP 203.0.113.1:5080;branch=z9hG4bKback"), PARTNER)
    assert status(bench) == 482


def test_a_request_that_comes_round_for_somebody_else_is_none() -> None:
    bench = Bench(OPEN + ROUTES)
    bench.register("bob", "<sip:bob@203.0.113.77>")
    send(bench)
    _, request = forwarded(bench)
    request.uri = "sip:bob@example.com"  # as whom the partner knows Joe
    bench.receive(request.write("Via: SIP/2.0/UDP 203.0.113.1:5080;branch=z9hG4bKround"), PARTNER)
    to, round_again = forwarded(bench)
    assert to.host == "203.0.113.77"
    assert round_again.get("Max-Forwards") == "68"
    assert len(round_again.values("Via")) == 4


def test_a_contact_that_leads_back_here_is_a_loop() -> None:
    bench = Bench()
    here = "<sip:alice@example.com>"
    bench.register("alice", here)
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com")
    ((to, request),) = bench.asked("MESSAGE")
    assert to.host == "example.com"  # which is us
    bench.receive(request.write(), Remote("UDP", "192.0.2.1", 5060))
    assert 482 in [m.status for m in bench.taken() if isinstance(m, Response)]


def test_contacts_that_lead_back_here_under_other_names_do_not_multiply() -> None:
    bench = Bench()
    for number in range(10):
        bench.register("alice", f"<sip:alice@example.com;way={number}>")
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com")
    here, sent = Remote("UDP", "192.0.2.1", 5060), 0
    while copies := bench.asked("MESSAGE"):
        sent += len(copies)
        assert sent < 100
        for _, request in copies:
            bench.receive(request.write(), here)
    assert 440 in [m.status for m in bench.taken() if isinstance(m, Response)]


@pytest.mark.parametrize(("breadth", "contacts", "left"), [("", 2, "30"), ("7", 2, "3"), ("999", 1, "60")])
def test_what_is_forked_may_be_forked_less(breadth: str, contacts: int, left: str) -> None:
    bench = Bench()
    for number in range(contacts):
        bench.register("alice", f"<sip:alice@203.0.113.{number}>")
    more = f"Max-Breadth: {breadth}\r\n" if breadth else ""
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com", more=more)
    assert {request.get("Max-Breadth") for _, request in bench.asked("MESSAGE")} == {left}


@pytest.mark.parametrize(("breadth", "expected"), [("0", 440), ("x", 400)])
def test_what_may_go_nowhere_is_refused(breadth: str, expected: int) -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, more=f"Max-Breadth: {breadth}\r\n")
    assert status(bench) == expected


@pytest.mark.parametrize("method", ["OPTIONS", "INFO", "SUBSCRIBE", "PUBLISH", "NOTIFY"])
def test_whatever_is_answered_at_once_is_passed_on(method: str) -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, method=method)
    assert forwarded(bench, method)[1].method == method


def test_calls_are_not() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, method="INVITE")
    (response,) = [m for m in bench.taken() if isinstance(m, Response)]
    assert response.status == 405
    assert "INVITE" not in response.get("Allow")


def test_what_a_proxy_must_know_and_we_do_not_is_refused() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, more="Proxy-Require: privacy, sec-agree\r\n")
    (response,) = [m for m in bench.taken() if isinstance(m, Response)]
    assert (response.status, response.get("Unsupported")) == (420, "privacy, sec-agree")


@pytest.mark.parametrize("uri", ["tel:+4930123", "mailto:a@b.example", "http://example.com"])
def test_other_schemes_are_refused(uri: str) -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, uri)
    assert status(bench) == 416


# Routes


@pytest.mark.parametrize(
    "route",
    [
        "<sip:example.com;lr>",
        "<sip:example.com:5060;lr>",
        "<sip:192.0.2.1;lr>",
        "<sip:192.0.2.1:5060;lr>",
        "<sips:192.0.2.1;lr>",
        "<sip:192.0.2.1;transport=tls;lr>",
        "<sip:example.com;lr>, <sip:192.0.2.1;lr>",
    ],
)
def test_a_route_that_only_leads_here_is_taken_away(route: str) -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, more=f"Route: {route}\r\n")
    to, request = forwarded(bench)
    assert to == PARTNER
    assert request.values("Route") == []
    send(bench, "sip:nobody@example.com", more=f"Route: {route}\r\n")
    assert status(bench) == 404


def test_a_route_names_its_transport_in_any_case() -> None:
    bench = Bench(OPEN + ROUTES)
    bench.side.server._places.discard(("192.0.2.1", 5060))
    send(bench, more="Route: <sip:192.0.2.1;transport=TLS;lr>\r\n")
    assert forwarded(bench)[1].values("Route") == []


def test_a_route_that_leads_elsewhere_is_followed() -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, more="Route: <sip:example.com;lr>, <sip:203.0.113.9:5071;lr>\r\n")
    to, request = forwarded(bench)
    assert to == Remote("UDP", "203.0.113.9", 5071)
    assert request.values("Route") == ["<sip:203.0.113.9:5071;lr>"]
    assert request.uri == "sip:joe@partner.example"
    send(bench, "sip:bob@example.com", more="Route: <sip:partner.example;lr>\r\n")
    assert forwarded(bench)[0] == PARTNER


@pytest.mark.parametrize("route", ["<sip:>", "<sip:x;transport=smoke;lr>", "nonsense"])
def test_a_route_that_cannot_be_read_is_refused(route: str) -> None:
    bench = Bench(OPEN + ROUTES)
    send(bench, more=f"Route: {route}\r\n")
    assert status(bench) == 400


# Who may


def test_strangers_are_not_passed_on() -> None:
    bench = Bench(OPEN + ROUTES + EVERYWHERE)
    for sender in ("sip:eve@evil.example", "sip:eve@example.com", "sip:partner.example"):
        send(bench, sender=sender)
        assert status(bench) == 403


def test_who_has_a_password_is_asked_for_it_before_anything_is_passed_on() -> None:
    bench = Bench(DIGEST + ROUTES)
    send(bench)
    (response,) = bench.taken()
    assert isinstance(response, Response)
    assert response.status == 407
    login = Login("alice", "secret", lambda: "cnonce")
    assert login.learn(407, response.lines("Proxy-Authenticate"))
    ((name, text),) = login.headers("MESSAGE", "sip:joe@partner.example")
    other = 'Proxy-Authorization: Digest username="a", realm="partner.example", nonce="n", response="r"\r\n'
    send(bench, more=f"{name}: {text}\r\n{other}")
    _, request = forwarded(bench)
    assert [line.split('"')[3] for line in request.lines("Proxy-Authorization")] == ["partner.example"]
    assert request.get("P-Asserted-Identity") == "<sip:alice@example.com>"


def test_credentials_for_us_are_told_to_nobody() -> None:
    bench = Bench(OPEN + ROUTES)
    ours = 'Digest username="alice", realm="example.com", nonce="n", uri="u", response="r"'
    send(
        bench,
        more=f"Authorization: {ours}\r\nProxy-Authorization: {ours}\r\nProxy-Authorization: Basic eA==\r\n",
    )
    _, request = forwarded(bench)
    assert request.lines("Authorization") == request.lines("Proxy-Authorization") == []


def test_whom_a_stranger_claims_to_speak_for_is_not_passed_on() -> None:
    bench = Bench(OPEN + ROUTES)
    send(
        bench,
        more="P-Asserted-Identity: <sip:boss@example.com>\r\nRemote-Party-ID: <sip:boss@example.com>\r\n",
    )
    _, request = forwarded(bench)
    assert request.lines("P-Asserted-Identity") == ["<sip:alice@example.com>"]
    assert request.lines("Remote-Party-ID") == []


def test_peers_that_are_trusted_speak_for_whom_they_say() -> None:
    trusting = OPEN.replace(
        'authentication = "none"', 'authentication = "digest"\ntrusted = ["192.0.2.15/32"]'
    )
    bench = Bench(trusting + ROUTES)
    send(bench, sender="sip:x@y.example", more="P-Asserted-Identity: <sip:eve@other.example>\r\n")
    assert forwarded(bench)[1].get("P-Asserted-Identity") == "<sip:eve@other.example>"
    send(bench, source=Remote("UDP", "192.0.2.16", 5060))
    assert status(bench) == 407


def test_one_sender_cannot_have_more_under_way_than_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctigw.simple.proxy.WAITING", 2)
    bench = Bench(OPEN + ROUTES)
    for _ in range(2):
        send(bench)
    ((_, first), _) = bench.asked("MESSAGE")
    send(bench)
    assert status(bench) == 503
    send(bench, sender="sip:bob@example.com")
    assert len(bench.asked("MESSAGE")) == 1
    bench.receive(answer(first), PARTNER)
    assert status(bench) == 200
    send(bench)
    assert len(bench.asked("MESSAGE")) == 1
    bench.passes(40)
    assert bench.side.server._parts.proxy._waiting == {}


# Several contacts


def fork(contacts: int) -> tuple[Bench, list[tuple[Remote, Request]]]:
    """Bob's message to Alice, who has so many contacts, is on its way."""
    bench = Bench()
    for number in range(contacts):
        bench.register("alice", f"<sip:alice@203.0.113.{number}>")
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com")
    sent = bench.asked("MESSAGE")
    assert len(sent) == contacts
    return bench, sent


def answered(bench: Bench, sent: tuple[Remote, Request], status: int, **headers: str) -> list[Response]:
    """What the sender gets when one of the contacts has answered."""
    bench.receive(answer(sent[1], status, **headers), sent[0])
    return [message for message in bench.taken() if isinstance(message, Response)]


def test_all_contacts_get_it_at_once_each_under_its_own_uri() -> None:
    bench, sent = fork(3)
    assert [request.uri for _, request in sent] == [f"sip:alice@203.0.113.{number}" for number in range(3)]
    assert len({request.values("Via")[0] for _, request in sent}) == 3
    assert {request.body for _, request in sent} == {b"hello"}
    assert {request.get("P-Asserted-Identity") for _, request in sent} == {"<sip:bob@example.com>"}
    assert bench.taken() == []


def test_the_first_success_is_the_answer_and_what_comes_later_is_nobodys() -> None:
    bench, sent = fork(3)
    assert answered(bench, sent[0], 486) == []
    assert [response.status for response in answered(bench, sent[1], 200)] == [200]
    assert answered(bench, sent[2], 200) == []


@pytest.mark.parametrize(
    ("statuses", "best"),
    [
        ((404, 486), 404),
        ((486, 603), 603),
        ((500, 404), 404),
        ((500, 501), 500),
        ((302, 404), 302),
        ((486, 401), 401),
        ((404, 415), 415),
        ((503, 503), 500),
        ((503, 486), 486),
        ((486, 200), 200),
        ((603, 202), 202),
    ],
)
def test_of_failures_the_best_is_the_answer(statuses: tuple[int, int], best: int) -> None:
    for order in (statuses, statuses[::-1]):
        bench, sent = fork(2)
        responses = [r for each, code in zip(sent, order, strict=True) for r in answered(bench, each, code)]
        assert [response.status for response in responses] == [best]


def test_a_provisional_answer_is_not_the_answer() -> None:
    bench, sent = fork(1)
    assert answered(bench, sent[0], 100) == answered(bench, sent[0], 183) == []
    assert [response.status for response in answered(bench, sent[0], 200)] == [200]


def test_somebody_who_says_no_counts_more_than_somebody_who_says_nothing() -> None:
    bench, sent = fork(2)
    answered(bench, sent[1], 488)
    bench.passes(33)
    assert [m.status for m in bench.taken() if isinstance(m, Response)] == [488]


def test_nobody_answers_at_all() -> None:
    bench, _ = fork(2)
    bench.passes(33)
    assert [m.status for m in bench.taken() if isinstance(m, Response)] == [408]


def test_all_who_ask_for_a_password_are_answered_at_once() -> None:
    bench, sent = fork(3)
    answered(bench, sent[0], 401, WWW_Authenticate='Digest realm="a", nonce="1"')
    answered(bench, sent[1], 407, Proxy_Authenticate='Digest realm="b", nonce="2"')
    (response,) = answered(bench, sent[2], 401, WWW_Authenticate='Digest realm="c", nonce="3"')
    assert response.status == 401
    assert response.lines("WWW-Authenticate") == [
        'Digest realm="a", nonce="1"',
        'Digest realm="c", nonce="3"',
    ]
    assert response.lines("Proxy-Authenticate") == ['Digest realm="b", nonce="2"']


def test_the_sender_that_asks_again_is_not_passed_on_again() -> None:
    bench, sent = fork(1)
    bench._numbers -= 1
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com")
    assert bench.asked("MESSAGE") == []
    answered(bench, sent[0], 200)
    bench._numbers -= 1
    send(bench, "sip:alice@example.com", sender="sip:bob@example.com")
    assert bench.asked("MESSAGE") == []
    assert status(bench) == 200


def test_what_is_sent_on_can_be_read_again() -> None:
    _, sent = fork(1)
    assert parse(sent[0][1].write()).body == b"hello"
