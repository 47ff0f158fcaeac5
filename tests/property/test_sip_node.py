"""Whatever arrives: answered to whoever sent it or not at all; nothing breaks, and nothing is left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ctigw.sip.hops import Remote
from ctigw.sip.message import Response
from tests.presence import LASTING, OPEN, Bench, pidf
from tests.sip import PEER

STREAM = Remote("TCP", "192.0.2.15", 40_001, 7, 1)
DIGEST = OPEN.replace('authentication = "none"', 'authentication = "digest"')
FILTERS = (
    '<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"><filter id="1"><what>'
    "<include>/*</include></what></filter></filter-set>"
)
# More than anything lasts by default, and than any transaction.
LONG = 4 * 3600.0


def request(method: str, more: str = "", body: str = "", to_tag: str = "") -> bytes:
    return (
        f"{method} sip:alice@example.com SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKx1\r\nMax-Forwards: 70\r\n"
        f"From: <sip:alice@example.com>;tag=f\r\nTo: <sip:alice@example.com>{to_tag}\r\n"
        f"Call-ID: c1\r\nCSeq: 1 {method}\r\nContact: <sip:192.0.2.15:5060>\r\n"
        f"{more}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKt1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:b@c>;tag=2\r\nCall-ID: c1\r\nCSeq: 1 NOTIFY\r\n\r\n"
)
WHOLE = (
    request("REGISTER", "Expires: 600\r\n"),
    request("PUBLISH", "Event: presence\r\nExpires: 600\r\nContent-Type: application/pidf+xml\r\n", pidf()),
    request("PUBLISH", "Event: presence\r\nSIP-If-Match: t1\r\nExpires: 0\r\n"),
    request("SUBSCRIBE", "Event: presence\r\nExpires: 600\r\nAccept: application/pidf+xml\r\n"),
    request("SUBSCRIBE", "Event: presence.winfo\r\nExpires: 600\r\n"),
    request("SUBSCRIBE", "Event: presence\r\nSupported: eventlist\r\n").replace(
        b"sip:alice@example.com SIP", b"sip:alice-contacts@example.com SIP"
    ),
    request("SUBSCRIBE", "Event: presence\r\nContent-Type: application/simple-filter+xml\r\n", FILTERS),
    request("SUBSCRIBE", "Event: presence\r\nExpires: 0\r\n", to_tag=";tag=t0"),
    request("NOTIFY", "Event: presence\r\nSubscription-State: active\r\n", to_tag=";tag=t0"),
    request("MESSAGE", "Content-Type: text/plain\r\n", "Hello"),
    request("OPTIONS", "Route: <sip:192.0.2.1;lr>, <sip:elsewhere.example.net;lr>\r\n"),
    request("INVITE"),
    request("CANCEL"),
    ANSWER,
)
PIECES = (
    *(b"", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"<", b">", b'"', b"\\", b"\x00", b"\xff"),
    *(b"99999999999999999999", b"-1", b"0", b"*", b"%00", b";tag=", b"tel:+1", b"sip:", b"[::1]", b"=", b"&"),
    *(b"Route: <sip:x;lr>\r\n", b"Require: nothing\r\n", b'Authorization: Digest username="alice"\r\n'),
    b"<!DOCTYPE x>",
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message that is nearly right."""
    data = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 4, 40, 4000))))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)))
        how = draw(st.sampled_from(("replace", "double", "insert")))
        if how == "replace":
            data = data[:start] + piece + data[end:]
        elif how == "double":
            data = data[:end] + data[start:end] + data[end:]
        else:
            data = data[:start] + piece + data[start:]
    return data


@given(
    st.lists(st.tuples(damaged(), st.booleans(), st.integers(0, 40)), min_size=1, max_size=8),
    st.sampled_from((OPEN, DIGEST)),
)
def test_whatever_arrives_breaks_nothing_and_leaves_nothing(
    arriving: list[tuple[bytes, bool, int]], settings: str
) -> None:
    bench = Bench(settings)
    for data, as_stream, seconds in arriving:
        bench.receive(data, STREAM if as_stream else PEER)
        bench.passes(seconds)
    answers = [to for to, message in bench.mail if isinstance(message, Response)]
    assert {to.host for to in (*answers, *(to for to, _ in bench.fragments))} <= {PEER.host}
    bench.side.node.lost(STREAM)
    bench.turn()
    bench.passes(LONG)
    figures = bench.side.figures()
    assert {name: figures[name] for name in LASTING} == dict.fromkeys(LASTING, 0)
    assert bench.side.node.next_timeout() is None


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_at_all_break_nothing(data: bytes, as_stream: bool) -> None:
    bench = Bench()
    bench.receive(data, STREAM if as_stream else PEER)
    bench.receive(WHOLE[1], PEER)
    assert bench.answer("c1").status == 200
