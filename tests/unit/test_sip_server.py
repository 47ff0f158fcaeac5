"""What others ask of a stack."""

from __future__ import annotations

import gc

import pytest

from ctigw.sip.errors import Rejected
from ctigw.sip.events import Asked, Cancelled, Settings
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Response
from tests.sip import FLOW, PEER, Node, answer_to, wire

INVITE_ACK = {"method": "ACK", "cseq": "1 ACK"}


def incoming(node: Node) -> Incoming:
    (event,) = node.stack.events()
    assert isinstance(event, Asked)
    return event.incoming


def asked(data: bytes, source: Remote = PEER, settings: Settings | None = None) -> tuple[Node, Incoming]:
    node = Node(settings)
    node.receive(data, source)
    return node, incoming(node)


def test_a_request_is_shown_once_and_answered_as_often_as_it_comes() -> None:
    node, first = asked(wire("PUBLISH"))
    node.receive(wire("PUBLISH"))
    assert node.stack.outgoing() == []  # nobody has answered yet
    first.respond(200, [("SIP-ETag", "1")])
    ((to, data),) = node.stack.outgoing()
    assert to == PEER
    node.receive(wire("PUBLISH"))
    assert node.stack.outgoing() == [(PEER, data)]
    assert node.stack.events() == []
    assert node.stack.counters["repeated requests"] == 2


def test_a_provisional_answer_is_repeated_too() -> None:
    node, first = asked(wire("MESSAGE"))
    first.respond(100)
    node.receive(wire("MESSAGE"))
    first.respond(202)
    node.receive(wire("MESSAGE"))
    assert node.statuses() == [100, 100, 202, 202]


def test_after_32_seconds_nothing_is_left_of_a_request() -> None:
    node, first = asked(wire("PUBLISH"))
    first.respond(200)
    node.passes(31.9)
    assert len(node.stack._layer.servers) == 1
    node.passes(1.2)
    assert not node.stack._layer.servers
    assert not node.stack._layer.copies
    assert node.stack.next_timeout() is None


def test_over_a_connection_nothing_is_kept() -> None:
    node, first = asked(wire("PUBLISH"), FLOW)
    first.respond(200)
    assert [to for to, _ in node.stack.outgoing()] == [FLOW]
    assert not node.stack._layer.servers
    assert not node.stack._layer.copies
    assert node.stack.next_timeout() is None


def test_the_oldest_answers_make_room_for_new_ones() -> None:
    node = Node(Settings(max_kept=3))
    for number in range(5):
        node.receive(wire(via=f"SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK{number}", call_id=str(number)))
        incoming(node).respond(200)
    assert len(node.stack._layer.servers) == 3
    assert node.stack.counters["answers forgotten early"] == 2
    node.stack.outgoing()
    node.receive(wire(via="SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK4", call_id="4"))
    assert node.statuses() == [200]


def test_more_than_can_be_served_are_told_to_come_later() -> None:
    node = Node(Settings(max_live=2))
    for number in range(3):
        node.receive(wire(via=f"SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK{number}", call_id=str(number)))
    events = node.stack.events()
    assert len(events) == 2
    ((_, response),) = node.sent()
    assert isinstance(response, Response)
    assert (response.status, response.get("Retry-After")) == (503, "5")
    assert isinstance(events[0], Asked)
    events[0].incoming.respond(200)
    node.receive(wire(via="SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK9", call_id="9"))
    assert len(node.stack.events()) == 1


def test_the_to_tag_of_all_answers_is_the_same_and_none_of_trying() -> None:
    node, first = asked(wire("SUBSCRIBE"))
    first.respond(100)
    first.respond(180)
    first.respond(200)
    assert [message.to_tag for _, message in node.sent()] == ["", first.tag, first.tag]
    _, given = asked(wire("SUBSCRIBE"))
    given.respond(200, tag="mine")
    assert given.tag == "mine"
    _, inside = asked(wire("SUBSCRIBE", to="<sip:b@x>;tag=7"))
    assert inside.tag == "7"


def test_what_is_raised_while_a_request_is_served_becomes_the_answer() -> None:
    node, first = asked(wire("SUBSCRIBE"))
    first.reject(Rejected(489, headers=[("Allow-Events", "presence")]))
    ((_, response),) = node.sent()
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.get("Allow-Events")) == (489, "Bad Event", "presence")


def test_a_second_final_answer_goes_nowhere() -> None:
    node, first = asked(wire())
    first.respond(200)
    first.respond(500)
    assert node.statuses() == [200]
    assert node.stack.counters["answers too late"] == 1


@pytest.mark.parametrize(("method", "merged"), [("PUBLISH", True), ("MESSAGE", False)])
def test_a_copy_that_came_by_another_way_is_a_loop_to_who_serves_it(method: str, *, merged: bool) -> None:
    node, first = asked(wire(method))
    other = wire(method, via="SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKother")
    node.receive(other)
    assert node.statuses() == ([482] if merged else [])
    assert len(node.stack.events()) == (0 if merged else 1)
    node.receive(other)
    assert node.statuses() == ([482] if merged else [])  # and that again
    first.respond(200)
    node.receive(wire(method, via="SIP/2.0/UDP 192.0.2.98;branch=z9hG4bKthird"))
    assert node.statuses() == ([200, 482] if merged else [200])
    node.passes(40)
    assert not node.stack._layer.copies
    if merged:
        assert not node.stack._layer.servers


def test_the_next_request_of_a_client_is_no_copy() -> None:
    node, first = asked(wire("PUBLISH"))
    first.respond(401)
    node.receive(wire("PUBLISH", cseq=2, via="SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK2"))
    assert incoming(node).request.cseq == 2


def test_a_response_never_goes_where_only_a_via_points() -> None:
    node, first = asked(
        wire(via="SIP/2.0/UDP 198.51.100.1:53;branch=z9hG4bKevil;received=198.51.100.1;rport=53")
    )
    first.respond(200)
    node.receive(wire(via="SIP/2.0/UDP 198.51.100.1:53", cseq="x"))
    assert [to for to, _ in node.stack.outgoing()] == [PEER, PEER]


def test_what_others_answered_is_passed_back_without_their_vias() -> None:
    node, first = asked(wire("MESSAGE", via="SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK1"))
    theirs = answer_to(Response(200, "OK", dict(first.request.headers)), 202, "Later")
    node.stack.events()
    other = Node()
    other.receive(theirs)
    (stray,) = other.stack.events()
    response = getattr(stray, "response", None)
    assert isinstance(response, Response)
    response.set("Via", "SIP/2.0/UDP 192.0.2.1;branch=ours", *response.lines("Via"))
    first.relay(response)
    ((to, sent),) = node.sent()
    assert to == PEER
    assert isinstance(sent, Response)
    assert (sent.status, sent.reason) == (202, "Later")
    assert sent.values("Via") == ["SIP/2.0/UDP 10.0.0.1;rport=5060;received=192.0.2.15;branch=z9hG4bK1"]


def test_a_ping_is_answered_and_a_stream_that_is_lost_is_closed() -> None:
    node = Node()
    node.receive(b"\r\n\r\n", FLOW)
    assert node.stack.outgoing() == [(FLOW, b"\r\n")]
    node.receive(wire().replace(b"Content-Length: 0\r\n", b""), FLOW)
    (_, refusal), closing = node.stack.outgoing()
    assert refusal.startswith(b"SIP/2.0 400 Missing Content-Length\r\n")
    assert closing == (FLOW, b"")
    node.receive(wire(), FLOW)
    assert node.stack.outgoing() == []
    assert node.stack.events() == []
    node.stack.lost(FLOW)
    assert not node.stack._readers


def test_a_message_in_pieces_is_one_message() -> None:
    node = Node()
    for byte in wire(body="hello"):
        node.receive(bytes([byte]), FLOW)
    assert incoming(node).request.body == b"hello"


# INVITE


def test_an_invite_that_is_not_answered_at_once_is_being_tried() -> None:
    node, _ = asked(wire("INVITE"))
    node.passes(0.19)
    assert node.stack.outgoing() == []
    node.passes(0.02)
    assert node.statuses() == [100]
    node.receive(wire("INVITE"))
    assert node.statuses() == [100]


def test_a_refused_invite_is_answered_until_the_ack_comes() -> None:
    node, first = asked(wire("INVITE"))
    first.respond(486)
    assert node.statuses() == [486]
    node.passes(0.5 + 1 + 2 + 4)
    assert node.statuses() == [486] * 4
    node.receive(wire("ACK"))
    node.receive(wire("ACK"))
    node.receive(wire("INVITE"))
    assert node.stack.outgoing() == []
    assert node.stack.events() == []
    node.passes(5)
    assert not node.stack._layer.servers
    assert node.stack.next_timeout() is None


def test_a_refused_invite_without_ack_ends_all_the_same() -> None:
    node, first = asked(wire("INVITE"))
    first.respond(486)
    node.passes(32)
    # At 0, 0.5, 1.5, 3.5, 7.5 and every 4 seconds then.
    assert node.statuses() == [486] * 11
    assert node.stack.counters["answers without ACK"] == 1
    assert not node.stack._layer.servers


def test_over_a_connection_a_refusal_of_an_invite_is_sent_once() -> None:
    node, first = asked(wire("INVITE"), FLOW)
    first.respond(486)
    node.passes(10)
    assert node.statuses() == [486]
    node.receive(wire("ACK"), FLOW)
    assert not node.stack._layer.servers


def test_an_accepted_invite_is_answered_by_those_above_and_they_see_the_ack() -> None:
    node, first = asked(wire("INVITE"))
    first.respond(200)
    node.receive(wire("INVITE"))
    assert node.statuses() == [200]
    first.respond(200)
    assert node.statuses() == [200]
    node.receive(wire("ACK"))
    ack = incoming(node)
    assert ack.request.method == "ACK"
    ack.respond(200)
    assert node.stack.outgoing() == []
    node.passes(32.1)
    assert not node.stack._layer.servers
    node.receive(wire("ACK", via="SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKown"))
    assert incoming(node).request.method == "ACK"


def test_a_cancel_is_answered_and_told() -> None:
    node, first = asked(wire("INVITE"))
    first.respond(180)
    node.receive(wire("CANCEL"))
    node.receive(wire("CANCEL"))
    assert node.stack.events() == [Cancelled(first)]
    first.respond(487)
    assert node.statuses() == [180, 200, 200, 487]
    node.receive(wire("CANCEL", via="SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKwhat"))
    assert node.statuses() == [481]
    node.receive(wire("CANCEL", via="SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1"))
    assert node.stack.events() == []


def test_nothing_that_has_ended_needs_the_collector() -> None:
    def serve() -> None:
        node = nodes[0]
        for number in range(20):
            for source in (PEER, FLOW):
                for method in ("PUBLISH", "INVITE", "CANCEL", "MESSAGE"):
                    via = f"SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK{number}{source.flow}"
                    node.receive(wire(method, via=via, call_id=f"{number}{source.flow}"), source)
                for wrong in (wire(cseq="x"), wire(more="Bad Name: x\r\n"), wire(to='"x'), b"x\r\n\r\n"):
                    node.receive(wrong, source)
        for event in node.stack.events():
            if isinstance(event, Asked):
                event.incoming.respond(486)
        node.stack.outgoing()
        node.passes(100)

    nodes = [Node()]
    serve()
    gc.collect()
    gc.disable()
    try:
        serve()
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert not nodes[0].stack._layer.servers
    assert len(nodes[0].timers) == 0


def test_a_message_that_does_not_end_closes_its_connection() -> None:
    node = Node()
    whole = wire("OPTIONS")
    node.receive(whole[:100], FLOW)
    node.passes(20)
    node.receive(whole[100:-1], FLOW)  # slowly, which is as bad
    assert node.stack.outgoing() == []
    node.passes(20)
    assert node.stack.outgoing() == [(FLOW, b"")]
    assert node.stack.counters["messages without an end"] == 1


def test_a_connection_on_which_messages_end_stays_open() -> None:
    node = Node()
    whole = wire("OPTIONS")
    node.receive(whole[:50], FLOW)
    for _ in range(10):  # always in the midst of one
        node.receive(whole[50:] + whole[:50], FLOW)
        node.passes(20)
    assert (FLOW, b"") not in node.stack.outgoing()
    node.receive(whole[50:], FLOW)
    node.passes(100)
    assert (FLOW, b"") not in node.stack.outgoing()
    assert node.stack.counters["messages without an end"] == 0


def test_nothing_is_closed_that_is_gone() -> None:
    node = Node()
    node.receive(wire("OPTIONS")[:100], FLOW)
    node.stack.lost(FLOW)
    node.passes(100)
    assert node.stack.outgoing() == []
