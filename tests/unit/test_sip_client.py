"""What a stack asks of others."""

from __future__ import annotations

import gc

import pytest

from ctigw.sip.errors import Rejected
from ctigw.sip.events import Answered, Outcome, Settings, Stray
from ctigw.sip.hops import Remote
from ctigw.sip.message import Message, Request, Response, parse
from tests.sip import FLOW, PEER, Node, answer_to, ours, wire

TCP = Remote("TCP", "192.0.2.15", 5060, 0, 1)


def done(outcome: Outcome) -> None:
    """Whoever asked."""


def outcomes(node: Node) -> list[int]:
    return [event.outcome.status for event in node.stack.events() if isinstance(event, Answered)]


def sent(node: Node) -> Message:
    ((_, message),) = node.sent()
    return message


def test_a_request_gets_a_via_and_an_end() -> None:
    node = Node()
    node.stack.request(ours(), PEER, done)
    request = sent(node)
    assert request.values("Via") == ["SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKt0"]
    assert request.get("Max-Forwards") == "70"
    data = answer_to(request)
    node.receive(data)
    response = parse(data)
    assert isinstance(response, Response)
    assert node.stack.events() == [Answered(done, Outcome(200, response))]
    node.receive(data)  # once more
    assert node.stack.events() == []
    assert node.stack.counters["repeated responses"] == 1
    node.passes(6.1)
    assert not node.stack._layer.clients
    assert node.stack.next_timeout() is None
    node.receive(data)
    assert node.stack.events() == [Stray(response, PEER)]


def test_what_the_caller_made_is_not_changed() -> None:
    node = Node()
    request = ours(Via="SIP/2.0/UDP old", Max_Forwards="10")
    before = {name: list(lines) for name, lines in request.headers.items()}
    node.stack.request(request, PEER, done)
    assert request.headers == before
    assert sent(node).values("Via") == ["SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKt0"]


def test_a_request_is_repeated_ever_more_slowly_and_given_up() -> None:
    node = Node()
    node.stack.request(ours(), PEER, done)
    node.stack.outgoing()
    times = []
    while (due := node.stack.next_timeout()) is not None and due < 1040:
        node.passes(due - node.clock.seconds)
        times += [node.clock.seconds - 1000] * len(node.stack.outgoing())
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert node.clock.seconds == 1032
    assert node.stack.events() == [Answered(done, Outcome(408))]
    assert not node.stack._layer.clients


def test_after_a_provisional_answer_it_is_repeated_every_four_seconds() -> None:
    node = Node()
    node.stack.request(ours(), PEER, done)
    node.receive(answer_to(sent(node), 100))
    assert node.stack.events() == []
    node.passes(0.5 + 4 + 4)
    assert len(node.stack.outgoing()) == 3
    node.passes(32)
    assert outcomes(node) == [408]


def test_over_a_connection_nothing_is_repeated() -> None:
    node = Node()
    node.stack.request(ours(), TCP, done)
    assert len(node.stack.outgoing()) == 1
    node.passes(31.9)
    assert node.stack.outgoing() == []
    node.passes(0.2)
    assert outcomes(node) == [408]
    assert not node.stack._layer._waiting


def test_a_connection_that_is_lost_fails_what_waits_at_it() -> None:
    node = Node()
    node.receive(b"\r\n", FLOW)  # it is there
    node.stack.request(ours(), FLOW, done)
    node.stack.request(ours(), TCP, done)
    assert [to for to, _ in node.sent()] == [FLOW, TCP]
    node.stack.lost(FLOW)
    assert outcomes(node) == [503]
    node.stack.lost(TCP)
    assert outcomes(node) == [503]
    assert not node.stack._layer.clients
    assert not node.stack._layer._waiting
    assert node.stack.next_timeout() is None or len(node.timers) == 0


def test_a_datagram_that_cannot_be_sent_fails_at_once() -> None:
    node = Node()
    node.stack.request(ours(), PEER, done)
    node.stack.request(ours(), Remote("UDP", "unknown.example.com", 5060), done)
    node.stack.lost(Remote("UDP", "unknown.example.com", 5060))
    assert outcomes(node) == [503]
    assert len(node.stack._layer.clients) == 1


def test_a_connection_that_we_opened_is_lost_by_its_number_too() -> None:
    node = Node()
    node.stack.request(ours(), TCP, done)
    node.stack.lost(Remote("TCP", TCP.host, TCP.port, 12, 1))
    assert outcomes(node) == [503]


def test_where_a_connection_is_gone_another_is_opened() -> None:
    node = Node()
    node.receive(b"\r\n", FLOW)
    node.stack.lost(FLOW)
    node.stack.request(ours(), FLOW, done)
    assert [to for to, _ in node.stack.outgoing()] == [Remote("TCP", FLOW.host, FLOW.port, 0, 1)]


def test_an_answer_over_a_connection_ends_everything() -> None:
    node = Node()
    node.stack.request(ours(), TCP, done)
    node.receive(answer_to(sent(node)), FLOW)
    assert outcomes(node) == [200]
    assert not node.stack._layer.clients
    assert not node.stack._layer._waiting


def test_what_is_too_long_for_a_datagram_goes_over_tcp() -> None:
    node = Node()
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    ((to, request),) = node.sent()
    assert to == TCP
    assert request.get("Via").startswith("SIP/2.0/TCP 192.0.2.1:5060;rport;branch=z9hG4bK")


def test_and_as_a_datagram_after_all_when_nobody_takes_the_connection() -> None:
    node = Node()
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    first = sent(node)
    node.stack.lost(TCP)
    ((to, again),) = node.sent()
    assert to == PEER
    assert again.get("Via") == first.get("Via").replace("TCP", "UDP")
    assert again.body == first.body
    node.passes(0.5)
    assert len(node.stack.outgoing()) == 1  # repeated as datagrams are
    node.receive(answer_to(again))
    assert outcomes(node) == [200]
    # The next one does not try, for a while.
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    assert [to for to, _ in node.stack.outgoing()] == [PEER]
    node.passes(700)
    assert not node.stack._no_tcp
    node.stack.outgoing()
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    assert [to for to, _ in node.stack.outgoing()] == [TCP]


def test_a_connection_that_was_open_and_is_closed_is_tried_again_for_the_next_request() -> None:
    node = Node()
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    node.stack.outgoing()
    opened = Remote("TCP", TCP.host, TCP.port, 12, 1)
    node.receive(b"\r\n", opened)
    assert node.stack.connected(opened)
    node.stack.lost(opened)
    node.stack.lost(TCP)
    assert not node.stack.connected(opened)
    assert [to for to, _ in node.stack.outgoing()] == [PEER]
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    assert [to for to, _ in node.stack.outgoing()] == [TCP]


def test_a_connection_that_others_ask_for_and_do_not_get_is_no_word_on_long_requests() -> None:
    node = Node()
    node.stack.request(ours(), TCP, done)
    node.stack.lost(TCP)
    assert outcomes(node) == [503]
    node.stack.outgoing()
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    assert [to for to, _ in node.stack.outgoing()] == [TCP]


def test_long_datagrams_can_be_allowed() -> None:
    node = Node(Settings(datagram_limit=0))
    node.stack.request(ours(body=b"x" * 1400), PEER, done)
    assert [to for to, _ in node.stack.outgoing()] == [PEER]


def test_a_request_that_cannot_be_written_is_not_begun() -> None:
    node = Node()
    with pytest.raises(ValueError, match="line break"):
        node.stack.request(ours(Subject="x\r\nRoute: <sip:evil>"), PEER, done)
    assert not node.stack._layer.clients
    assert node.stack.next_timeout() is None


def test_listeners_are_chosen_by_transport() -> None:
    node = Node()
    assert node.stack.local(Remote("TLS", "x", 5061)).port == 5061
    assert node.stack.local(PEER).transport == "UDP"
    node.stack.request(ours(), Remote("TLS", "x", 5061, 0, 9), done)
    ((to, request),) = node.sent()
    assert to.local == 2
    assert request.get("Via").startswith("SIP/2.0/TLS 192.0.2.1:5061;")


def test_a_request_is_passed_on_with_one_hop_less() -> None:
    node = Node()
    request = parse(wire("MESSAGE"))
    assert isinstance(request, Request)
    node.stack.forward(request, PEER, done)
    forwarded = sent(node)
    assert forwarded.values("Via") == [
        "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKt0",
        *request.values("Via"),
    ]
    assert forwarded.get("Max-Forwards") == "69"
    for status in (100, 180, 200):
        node.receive(answer_to(forwarded, status))
    assert outcomes(node) == [180, 200]
    request.set("Max-Forwards", "0")
    with pytest.raises(Rejected) as refused:
        node.stack.forward(request, PEER, done)
    assert refused.value.status == 483


def test_an_ack_is_passed_on_and_forgotten() -> None:
    node = Node()
    ack = parse(wire("ACK"))
    assert isinstance(ack, Request)
    assert node.stack.forward(ack, PEER, None) is None
    assert len(sent(node).values("Via")) == 2
    node.stack.send_ack(ours("ACK"), PEER)
    assert sent(node).get("Via") == "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKt1"
    assert not node.stack._layer.clients


# INVITE


def test_an_invite_is_repeated_until_somebody_tries() -> None:
    node = Node()
    node.stack.request(ours("INVITE"), PEER, done)
    invite = sent(node)
    node.passes(0.5 + 1 + 2)
    assert len(node.stack.outgoing()) == 3
    node.receive(answer_to(invite, 100))
    node.passes(60)
    assert node.stack.outgoing() == []


def test_who_rings_for_ever_is_told_to_stop_and_not_waited_for() -> None:
    node = Node()
    node.stack.request(ours("INVITE"), PEER, done)
    invite = sent(node)
    node.receive(answer_to(invite, 180))
    node.passes(180)
    node.receive(answer_to(invite, 180))
    node.passes(189)
    assert node.stack.outgoing() == []
    node.passes(1)
    cancel = sent(node)
    assert isinstance(cancel, Request)
    assert cancel.method == "CANCEL"
    node.receive(answer_to(cancel))
    for _ in range(4):  # it rings on
        node.passes(8)
        node.receive(answer_to(invite, 180))
    assert outcomes(node) == [408]
    assert node.stack.outgoing() == []
    node.passes(40)
    assert not node.stack._layer.clients
    assert not node.stack._layer._waiting


def test_an_invite_that_nobody_answers_is_given_up_after_32_seconds() -> None:
    node = Node()
    node.stack.request(ours("INVITE"), PEER, done)
    node.passes(32)
    assert len(node.stack.outgoing()) == 7  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5
    assert outcomes(node) == [408]


def test_a_refusal_of_an_invite_is_acknowledged_as_often_as_it_comes() -> None:
    node = Node()
    node.stack.request(ours("INVITE", Route="<sip:p;lr>"), PEER, done)
    invite = sent(node)
    node.receive(answer_to(invite, 486))
    ack = sent(node)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.get("CSeq")) == ("ACK", "sip:bob@192.0.2.15", "7 ACK")
    for name in ("Via", "From", "Call-ID", "Route"):
        assert ack.values(name) == invite.values(name)
    assert ack.to_tag == "9"
    node.receive(answer_to(invite, 486))
    assert sent(node) == ack
    assert outcomes(node) == [486]
    node.passes(32.1)
    assert not node.stack._layer.clients


def test_every_success_of_an_invite_is_shown() -> None:
    node = Node()
    node.stack.request(ours("INVITE"), PEER, done)
    invite = sent(node)
    node.receive(answer_to(invite, 200))
    node.receive(answer_to(invite, 200))
    node.receive(answer_to(invite, 200, to_tag="another"))
    assert outcomes(node) == [200, 200, 200]
    assert node.stack.outgoing() == []
    node.passes(32.1)
    assert not node.stack._layer.clients


def test_an_invite_is_cancelled_when_somebody_has_it() -> None:
    node = Node()
    client = node.stack.request(ours("INVITE"), PEER, done)
    invite = sent(node)
    node.stack.cancel(client)
    assert node.stack.outgoing() == []
    node.receive(answer_to(invite, 180))
    cancel = sent(node)
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.get("CSeq"), cancel.get("Via")) == ("CANCEL", "7 CANCEL", invite.get("Via"))
    node.receive(answer_to(cancel))
    node.stack.cancel(client)
    node.receive(answer_to(invite, 487))
    assert outcomes(node) == [487]
    node.passes(40)
    assert not node.stack._layer.clients


def test_a_cancelled_invite_does_not_ring_on() -> None:
    node = Node()
    client = node.stack.request(ours("INVITE"), PEER, done)
    invite = sent(node)
    node.receive(answer_to(invite, 180))
    node.stack.cancel(client)
    node.receive(answer_to(sent(node)))
    node.passes(33)
    assert outcomes(node) == [408]
    assert not node.stack._layer.clients


def test_nothing_that_has_ended_needs_the_collector() -> None:
    def ask() -> None:
        node = nodes[0]
        for number, target in enumerate((PEER, TCP, FLOW) * 5):
            for method in ("NOTIFY", "INVITE"):
                node.stack.request(ours(method, body=b"x" * 500 * (number % 4)), target, done)
        for to, request in node.sent():
            node.receive(answer_to(request, 486 if to.transport == "UDP" else 200), to)
        node.stack.lost(TCP)
        node.stack.lost(FLOW)
        node.stack.outgoing()
        node.passes(700)
        node.stack.events()
        node.stack.outgoing()

    nodes = [Node()]
    ask()
    gc.collect()
    gc.disable()
    try:
        ask()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert not nodes[0].stack._layer.clients
    assert not nodes[0].stack._layer._waiting
    assert len(nodes[0].timers) == 0
