from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed
from ctigw.sip.framing import PING, StreamReader
from ctigw.sip.message import Request, parse
from tests.sip import wire


def test_messages_are_cut_by_their_content_length() -> None:
    one, two = wire(body="hello"), wire("MESSAGE", body="wor\r\n\r\nld")
    assert StreamReader().feed(one + two) == [parse(one), parse(two)]


def test_a_message_waits_for_its_end() -> None:
    reader = StreamReader()
    data = wire(body="hello")
    for at in range(len(data) - 1):
        assert reader.feed(data[at : at + 1]) == []
    assert reader.feed(data[-1:]) == [parse(data)]


def test_two_line_breaks_are_a_ping_and_one_is_nothing() -> None:
    reader = StreamReader()
    assert reader.feed(b"\r\n") == []
    assert reader.feed(b"\r\n") == [PING]
    assert reader.feed(b"\r\n\r") == []
    assert reader.feed(b"\n" + wire()) == [PING, parse(wire())]
    assert reader.feed(b"\r\n" * 1000) == [PING]
    assert len(reader._buffer) == 0


def refusal(reader: StreamReader, data: bytes) -> Malformed:
    (item,) = reader.feed(data)
    assert isinstance(item, Malformed)
    return item


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (wire().replace(b"Content-Length: 0\r\n", b""), 400, "Missing Content-Length"),
        (wire().replace(b"Length: 0", b"Length: x"), 400, "Bad Content-Length"),
        (wire(more="Content-Length: 5\r\n"), 400, "Bad Content-Length"),
        (wire().replace(b"Length: 0", b"Length: 1000"), 513, "Body too large"),
    ],
)
def test_where_the_end_of_a_message_is_not_known_the_stream_is_over(
    data: bytes, status: int, why: str
) -> None:
    reader = StreamReader(max_body=999)
    error = refusal(reader, data + wire())
    assert (error.status, error.why) == (status, why)
    assert isinstance(error.message, Request)
    assert reader.over
    assert reader.feed(wire()) == []
    assert len(reader._buffer) == 0


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\rX", b"\r\r\n", b"\x16\x03\x01" + b"\0" * 2000]
)
def test_what_is_no_sip_ends_the_stream(data: bytes) -> None:
    reader = StreamReader(max_head=1000)
    assert refusal(reader, data).message is None
    assert reader.over


def test_a_header_that_does_not_end_is_not_waited_for() -> None:
    reader = StreamReader(max_head=1000)
    assert reader.feed(b"OPTIONS sip:x SIP/2.0\r\n" + b"A: b\r\n" * 100) == []
    assert refusal(reader, b"A: b\r\n" * 100).status == 513
    assert refusal(StreamReader(max_head=100), wire()).status == 513


def test_a_request_that_is_wrong_leaves_the_stream_where_its_length_is_right() -> None:
    reader = StreamReader()
    wrong, error = reader.feed(wire(cseq="x", body="hello") + wire("MESSAGE"))[::-1]
    assert wrong == parse(wire("MESSAGE"))
    assert isinstance(error, Malformed)
    assert error.why == "Bad CSeq"
    assert not reader.over
