from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, parse
from ctigw.sip.replies import back_of, branch_of, cancelled_key, key_of, reply
from tests.sip import FLOW, PEER, wire

NAT = Remote("UDP", "203.0.113.9", 61000)


def came(data: bytes) -> Request:
    request = parse(data)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("via", "source", "back", "marked"),
    [
        # It is where it says.
        ("SIP/2.0/UDP 192.0.2.15:5060;branch=b", PEER, PEER, "SIP/2.0/UDP 192.0.2.15:5060;branch=b"),
        ("SIP/2.0/UDP 192.0.2.15;branch=b", PEER, PEER, "SIP/2.0/UDP 192.0.2.15;branch=b"),
        # It sends from one port and listens on another.
        ("SIP/2.0/UDP 192.0.2.15:5070", PEER, Remote("UDP", "192.0.2.15", 5070),
         "SIP/2.0/UDP 192.0.2.15:5070"),
        # It wants the answer where it sent from.
        ("SIP/2.0/UDP 192.0.2.15:5070;rport;branch=b", PEER, PEER,
         "SIP/2.0/UDP 192.0.2.15:5070;rport=5060;received=192.0.2.15;branch=b"),
        # It is behind a translation of addresses, and knows of rport, or does not.
        ("SIP/2.0/UDP 10.0.0.1:5060;rport;branch=b", NAT, NAT,
         "SIP/2.0/UDP 10.0.0.1:5060;rport=61000;received=203.0.113.9;branch=b"),
        ("SIP/2.0/UDP 10.0.0.1:5060;branch=b", NAT, NAT,
         "SIP/2.0/UDP 10.0.0.1:5060;branch=b;received=203.0.113.9"),
        ("SIP/2.0/UDP pc33.example.com", NAT, NAT, "SIP/2.0/UDP pc33.example.com;received=203.0.113.9"),
        # What it says of where it came from is not believed.
        ("SIP/2.0/UDP 198.51.100.1:53;Received=198.51.100.1;rport=53;maddr=198.51.100.1", PEER, PEER,
         "SIP/2.0/UDP 198.51.100.1:53;rport=5060;received=192.0.2.15;maddr=198.51.100.1"),
        ("SIP/2.0/UDP 192.0.2.15;rEceived=198.51.100.1", PEER, PEER, "SIP/2.0/UDP 192.0.2.15"),
        ("SIP/2.0/UDP 192.0.2.15:0", PEER, PEER, "SIP/2.0/UDP 192.0.2.15:0"),
        # Over a connection it goes back on that.
        ("SIP/2.0/TCP 192.0.2.15:5060", FLOW, FLOW, "SIP/2.0/TCP 192.0.2.15:5060"),
        ("SIP/2.0/TCP 198.51.100.1", FLOW, FLOW, "SIP/2.0/TCP 198.51.100.1;received=192.0.2.15"),
        ("SIP/2.0/UDP [2001:DB8::1]", Remote("UDP", "2001:db8::1", 5060), Remote("UDP", "2001:db8::1", 5060),
         "SIP/2.0/UDP [2001:DB8::1]"),
    ],
)  # fmt: skip
def test_an_answer_goes_to_nobody_but_the_sender(via: str, source: Remote, back: Remote, marked: str) -> None:
    request = came(wire(via=via))
    assert back_of(request, source) == back
    assert request.headers["Via"] == [marked]


def test_of_vias_in_one_line_only_the_first_is_ours_to_change() -> None:
    request = came(wire(via="SIP/2.0/UDP 10.0.0.1;branch=b, SIP/2.0/UDP 10.0.0.2;received=10.0.0.3"))
    back_of(request, NAT)
    assert request.headers["Via"] == [
        "SIP/2.0/UDP 10.0.0.1;branch=b;received=203.0.113.9",
        "SIP/2.0/UDP 10.0.0.2;received=10.0.0.3",
    ]


@pytest.mark.parametrize("via", ["SIP/2.0/UDP", "x", ""])
def test_nobody_is_answered_by_a_via_that_cannot_be_read(via: str) -> None:
    request = Request("OPTIONS", "sip:x", {"Via": [via]})
    with pytest.raises(Malformed, match="Bad Via"):
        back_of(request, PEER)


def test_a_request_is_known_by_its_branch_and_sender() -> None:
    key = key_of(came(wire("INVITE")))
    assert key_of(came(wire("INVITE", call_id="other"))) == key
    assert key_of(came(wire("ACK"))) == key
    assert cancelled_key(key_of(came(wire("CANCEL")))) == key
    assert key_of(came(wire("CANCEL"))) != key
    for other in (
        "SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa2",
        "SIP/2.0/UDP 192.0.2.15:5061;branch=z9hG4bKa1",
    ):
        assert key_of(came(wire("INVITE", via=other))) != key


def test_a_request_of_the_old_kind_is_known_by_what_it_says() -> None:
    for via in (
        "SIP/2.0/UDP 192.0.2.15",
        "SIP/2.0/UDP 192.0.2.15;branch=1",
        "SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK",
    ):
        key = key_of(came(wire("INVITE", via=via)))
        assert key_of(came(wire("ACK", via=via, to="<sip:bob@example.com>;tag=new"))) == key
        assert key_of(came(wire("INVITE", via=via, call_id="other"))) != key
        assert key_of(came(wire("INVITE", via=via, cseq=2))) != key
        assert key_of(came(wire("INVITE", via=via, sender="<sip:a@x>;tag=other"))) != key
        assert cancelled_key(key_of(came(wire("CANCEL", via=via)))) == key


def test_the_branch_of_a_via() -> None:
    assert branch_of("SIP/2.0/UDP x ; Branch = 7 ;rport") == "7"
    assert branch_of("SIP/2.0/UDP x, SIP/2.0/UDP y;branch=7") == ""


def test_an_answer_repeats_what_it_must() -> None:
    more = "Via: SIP/2.0/UDP 10.0.0.2;branch=2\r\nRecord-Route: <sip:p;lr>\r\nTimestamp: 54\r\nEvent: x\r\n"
    request = came(wire(more=more))
    data = reply(request, 202, headers=[("Expires", "60")], body=b"text", tag="our-tag")
    assert data == (
        b"SIP/2.0 202 Accepted\r\nVia: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1\r\n"
        b"Via: SIP/2.0/UDP 10.0.0.2;branch=2\r\nFrom: <sip:alice@example.net>;tag=88sja8x\r\n"
        b"To: <sip:bob@example.com>;tag=our-tag\r\nCall-ID: call-1\r\nCSeq: 1 OPTIONS\r\n"
        b"Record-Route: <sip:p;lr>\r\nExpires: 60\r\nContent-Length: 4\r\n\r\ntext"
    )
    assert b"\r\nTimestamp: 54\r\n" in reply(request, 100)
    assert b"\r\nTo: <sip:bob@example.com>\r\n" in reply(request, 100)


def test_a_tag_that_is_there_is_not_doubled() -> None:
    assert b"To: <sip:b@x>;tag=1\r\n" in reply(came(wire(to="<sip:b@x>;tag=1")), 200, tag="2")


def test_no_answer_brings_a_header_field_that_was_not_meant() -> None:
    for text in ("x\r\nVia: evil", "x\nVia: evil", "x\rVia: evil"):
        with pytest.raises(ValueError, match="line break"):
            reply(came(wire()), 200, headers=[("Contact", text)])
