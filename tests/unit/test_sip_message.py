from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed
from ctigw.sip.fields import Via, header_name, parse_via, split_list
from ctigw.sip.message import Request, Response, parse
from ctigw.sip.uri import NameAddr
from tests.sip import wire


def refusal(data: bytes) -> Malformed:
    with pytest.raises(Malformed) as refused:
        parse(data)
    return refused.value


def test_a_request_is_cut_into_its_header_fields() -> None:
    request = parse(
        wire("PUBLISH", more="Event: presence\r\nAllow: INVITE, ACK\r\nallow: BYE\r\n", body="<x/>")
    )
    assert isinstance(request, Request)
    assert (request.method, request.uri) == ("PUBLISH", "sip:bob@example.com")
    assert request.headers == {
        "Via": ["SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1"],
        "Max-Forwards": ["70"],
        "To": ["<sip:bob@example.com>"],
        "From": ["<sip:alice@example.net>;tag=88sja8x"],
        "Call-ID": ["call-1"],
        "CSeq": ["1 PUBLISH"],
        "Event": ["presence"],
        "Allow": ["INVITE, ACK", "BYE"],
    }
    assert request.body == b"<x/>"
    assert request.values("Allow") == ["INVITE", "ACK", "BYE"]
    assert request.lines("Allow") == ["INVITE, ACK", "BYE"]
    assert (request.get("Event"), request.get("Accept"), request.values("Accept")) == ("presence", "", [])
    assert (request.call_id, request.cseq, request.cseq_method) == ("call-1", 1, "PUBLISH")
    assert (request.from_tag, request.to_tag) == ("88sja8x", "")
    assert request.from_.uri == "sip:alice@example.net"
    assert request.to == NameAddr("", "sip:bob@example.com")
    assert request.address.user == "bob"


def test_a_response_is_read() -> None:
    data = wire().replace(b"OPTIONS sip:bob@example.com SIP/2.0", b"SIP/2.0 489 Bad Event")
    response = parse(data)
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (489, "Bad Event")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("v", "Via"), ("F", "From"), ("i", "Call-ID"), ("CALL-ID", "Call-ID"), ("cseq", "CSeq"),
        ("l", "Content-Length"), ("o", "Event"), ("u", "Allow-Events"), ("sip-etag", "SIP-ETag"),
        ("SIP-IF-MATCH", "SIP-If-Match"), ("www-authenticate", "WWW-Authenticate"), ("To  \t", "To"),
        ("p-asserted-identity", "P-Asserted-Identity"), ("x-very-own", "X-Very-Own"), ("Csque", "Csque"),
    ],
)  # fmt: skip
def test_names_get_their_usual_spelling(written: str, name: str) -> None:
    assert header_name(written) == name


@pytest.mark.parametrize("written", ["", " To", "T o", "To\x00", "Té", "a(b)"])
def test_what_is_no_token_is_no_name(written: str) -> None:
    with pytest.raises(Malformed):
        header_name(written)


def test_lists_are_parted_at_commas_that_are_not_quoted_or_in_brackets() -> None:
    text = r'"Watson, \"W\"" <sip:a@x;y=1,2>;q=0.7 , sip:b@y,,<sip:c@z>'
    assert split_list(text) == [r'"Watson, \"W\"" <sip:a@x;y=1,2>;q=0.7', "sip:b@y", "<sip:c@z>"]
    assert split_list('"never closed, <sip:x') == ['"never closed', "<sip:x"]
    assert split_list("") == []


def test_header_fields_can_be_set_and_added() -> None:
    request = Request("OPTIONS", "sip:x", {})
    request.add("Via", "a")
    request.extend([("Via", "b"), ("Event", "presence")])
    request.set("Event")
    request.set("To", "<sip:x>")
    assert request.headers == {"Via": ["a", "b"], "To": ["<sip:x>"]}


def test_folded_lines_are_one_line_even_of_cseq_and_via() -> None:
    data = wire().replace(b"CSeq: 1 OPTIONS", b"CSeq: 1\r\n  OPTIONS")
    request = parse(data.replace(b"UDP 192", b"UDP\r\n\t192"))
    assert request.get("CSeq") == "1 OPTIONS"
    assert request.get("Via") == "SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1"


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    data = wire(more="Subject: \x01 €\r\n").replace(b"\x01", b"\xff\xfe")
    assert b"Subject: \xff\xfe \xe2\x82\xac\r\n" in parse(data).write()


def test_without_a_content_length_the_body_of_a_datagram_goes_to_its_end() -> None:
    data = wire(body="hello").replace(b"Content-Length: 5\r\n", b"")
    assert parse(data).body == b"hello"
    assert parse(wire(body="hello").replace(b"Length: 5", b"Length: 2")).body == b"he"


def test_line_breaks_before_a_message_are_nothing() -> None:
    assert parse(b"\r\n\r\n" + wire()) == parse(wire())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (wire(body="hello").replace(b"Length: 5", b"Length: 6"), "Content-Length too large"),
        (wire().replace(b"Length: 0", b"Length: -1"), "Bad Content-Length"),
        (wire(more="Content-Length: 7\r\n"), "Bad Content-Length"),
        (wire()[:-4], "No end of the header"),
        (wire()[:120], "No end of the header"),
        (wire(more="Bad Name: x\r\n"), "Bad header field name"),
        (wire(more="no colon\r\n"), "Bad header field name"),
        (wire(more="nocolon\r\n"), "Bad header field"),
        (wire(more="To: <sip:c@x>\r\n"), "More than one To"),
        (wire(more="Call-ID: 2\r\n"), "More than one Call-ID"),
        (wire(cseq="1 INVITE"), "CSeq of another method"),
        (wire(cseq="2147483648 OPTIONS"), "Bad CSeq"),
        (wire(cseq="-1 OPTIONS"), "Bad CSeq"),
        (wire(cseq="OPTIONS"), "Bad CSeq"),
        (wire(call_id=""), "Bad Call-ID"),
        (wire().replace(b"Call-ID: call-1\r\n", b""), "Missing Call-ID"),
        (wire().replace(b"Forwards: 70", b"Forwards: 256"), "Bad Max-Forwards"),
        (wire().replace(b"Forwards: 70", b"Forwards: many"), "Bad Max-Forwards"),
        (wire(to="bob"), "Bad address"),
        (wire(uri="bob"), "Bad URI"),
        (wire(via="SIP/3.0/UDP x"), "Bad Via"),
        (wire(via="SIP/2.0/UDP x, y"), "Bad Via"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(data: bytes, why: str) -> None:
    error = refusal(data)
    assert (error.status, error.why) == (400, why)
    assert error.message is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\r\n\r\n", b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 20 OK\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", wire().replace(b"call-1", b"call\n1"),
        wire().replace(b"call-1", b"call\r1"), wire(more="A: b\r\n" * 300), b"OPTIONS\r\n\r\n",
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_without_a_request(data: bytes) -> None:
    assert refusal(data).message is None


def test_of_a_request_that_is_refused_all_is_kept_that_could_be_read() -> None:
    request = refusal(wire(more="Bad Name: x\r\nSubject:\r\n folded\r\n")).message
    assert request is not None
    assert request.get("Subject") == "folded"
    assert request.get("Via") == "SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKa1"


def test_no_header_field_can_bring_another_with_it() -> None:
    request = Request("OPTIONS", "sip:x", {"Subject": ["a\r\nRoute: <sip:evil>"]})
    with pytest.raises(ValueError, match="line break"):
        request.write()
    with pytest.raises(ValueError, match="line break"):
        Response(200, "O\nK", {}).write()


def test_numbers_are_read_when_somebody_asks() -> None:
    request = parse(wire(more="Expires: 3600\r\nMin-Expires: soon\r\n"))
    assert request.expires == 3600
    assert request.number("Retry-After") is None
    with pytest.raises(Malformed, match="Bad Min-Expires"):
        request.number("Min-Expires")


def test_contacts_are_addresses_or_all() -> None:
    request = parse(wire(more='m: "J" <sip:j@x>;q=0.5, sip:k@x\r\n'))
    assert [contact.uri for contact in request.contacts] == ["sip:j@x", "sip:k@x"]
    assert parse(wire(more="Contact: *\r\n")).contacts == [NameAddr("", "*")]


@pytest.mark.parametrize(
    ("text", "via"),
    [
        ("SIP/2.0/UDP x:5060;branch=z9hG4bK1", Via("UDP", "x", 5060, (("branch", "z9hG4bK1"),))),
        ("SIP / 2.0 / tcp  [2001:DB8::1] ; rport", Via("TCP", "[2001:db8::1]", 0, (("rport", ""),))),
        ("SIP/2.0/TDP 10.1.1.1;received=10.1.1.2", Via("TDP", "10.1.1.1", 0, (("received", "10.1.1.2"),))),
    ],
)
def test_a_via_in_parts(text: str, via: Via) -> None:
    assert parse_via(text) == via
    assert via.branch == (via.param("branch") or "")


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/2.0/UDP x:99999", "SIP/2.0/UDP x y", "SIP/2.0/UDP x;;"]
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="Bad Via"):
        parse_via(text)
