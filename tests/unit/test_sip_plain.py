"""Answers of which only the status matters are told by it, and by nothing else."""

from __future__ import annotations

import pytest

from ctigw.sip.events import Answered, Outcome
from ctigw.sip.message import Request, parse
from ctigw.sip.plain import branch_in
from ctigw.sip.ready import Ready
from tests.sip import PEER, Node, answer_to

VIA = b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;branch=z9hG4bKabc1;received=192.0.2.1"
REST = (
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def answered(node: Node) -> list[Outcome]:
    return [event.outcome for event in node.stack.events() if isinstance(event, Answered)]


def notified(node: Node) -> Request:
    """A NOTIFY that is on its way."""
    fields = "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 NOTIFY\r\n"
    node.stack.send(Ready("NOTIFY", "sip:c@192.0.2.15", fields, 4), PEER, lambda _outcome: None)
    ((_, request),) = node.sent()
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    "start",
    [
        b"SIP/2.0 200 OK\r\n" + VIA,
        b"SIP/2.0 200 \r\nVia:SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKabc1",
        b"SIP/2.0 200 Fine\r\nv: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKabc1;x=y",
    ],
)
def test_a_plain_answer_is_known_by_its_branch(start: bytes) -> None:
    assert branch_in(start + b"\r\n" + REST) == "z9hG4bKabc1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SIP/2.0 200 OK",
        b"SIP/2.0 202 Accepted\r\n" + VIA + b"\r\n" + REST,
        b"SIP/2.0 200 OK\r\n" + REST,
        b"SIP/2.0 200 OK\r\nFrom: <sip:a@b>;tag=1\r\n" + VIA + b"\r\n" + REST,
        b"SIP/2.0 200 OK\r\n" + VIA + b"\r\n ;folded\r\n" + REST,
        b"SIP/2.0 200 OK\r\n" + VIA + b", SIP/2.0/UDP other;branch=z9hG4bKother\r\n" + REST,
        b"SIP/2.0 200 OK\r\n" + VIA + b"\r\n" + VIA + b"\r\n" + REST,
        b"SIP/2.0 200 OK\r\n" + VIA + b"\r\nFrom: <sip:a@b>\r\n" + VIA + b"\r\n" + REST,
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n" + REST,
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=old\r\n" + REST,
    ],
)
def test_whatever_looks_otherwise_is_for_the_parser(data: bytes) -> None:
    assert branch_in(data) == ""


def test_a_plain_answer_ends_its_request_once() -> None:
    node = Node()
    request = notified(node)
    answer = answer_to(request)
    assert branch_in(answer)
    node.receive(answer)
    assert [outcome.status for outcome in answered(node)] == [200]
    node.receive(answer)
    assert answered(node) == []
    assert node.stack.counters["repeated responses"] == 1
    node.passes(60)
    assert node.sent() == []


def test_what_is_no_success_is_read_in_full() -> None:
    node = Node()
    node.receive(answer_to(notified(node), 481, "Gone"))
    (outcome,) = answered(node)
    assert outcome.status == 481
    assert outcome.response is not None
    assert outcome.response.headers


def test_who_asked_for_the_whole_answer_gets_it() -> None:
    node = Node()
    request = parse(
        b"MESSAGE sip:c@192.0.2.15 SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\n\r\n"
    )
    assert isinstance(request, Request)
    node.stack.request(request, PEER, lambda _outcome: None)
    ((_, sent),) = node.sent()
    node.receive(answer_to(sent))
    (outcome,) = answered(node)
    assert outcome.response is not None
    assert outcome.response.get("Call-ID") == "x"


def test_a_branch_of_nobody_is_a_stray() -> None:
    node = Node()
    node.receive(b"SIP/2.0 200 OK\r\n" + VIA + b"\r\n" + REST)
    assert node.stack.counters["stray responses"] == 1
