from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ctigw.sip.errors import Malformed
from ctigw.sip.framing import Ping, StreamReader
from ctigw.sip.message import Message, Request, Response, parse
from ctigw.sip.uri import NameAddr, Uri, aor, parse_name_addr, parse_params, parse_uri, tag_of, write_params
from tests.sip import FLOW, PEER, Node, wire

tokens = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
words = st.text("abcXYZ019-_.", min_size=1, max_size=12)
# Anything but a line break; blanks at the ends are not a value's.
texts = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30
).map(lambda text: text.strip(" \t"))  # fmt: skip
users = st.text("abcXYZ019-_.!~*'()&=+$,;?/", max_size=12)
hosts = st.one_of(words.map(str.lower), st.just("[2001:db8::1]"))
params = st.lists(st.tuples(words.map(str.lower), words | st.just("")), max_size=3).map(tuple)
uris = st.builds(
    Uri, st.sampled_from(["sip", "sips", "pres", "im"]), users, hosts, st.integers(0, 65535), params
)
addresses = st.builds(NameAddr, st.text(max_size=12).map(str.strip), uris.map(str), params)
bodies = st.binary(max_size=60)
more = st.dictionaries(
    st.sampled_from(["Event", "Accept", "X-Own", "Subject", "Contact", "SIP-ETag"]),
    st.lists(texts, min_size=1, max_size=1),
    max_size=4,
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    method = draw(tokens)
    headers = {
        "Via": [f"SIP/2.0/UDP {draw(words)};branch=z9hG4bK{draw(words)}"],
        "From": [f"{NameAddr('', str(draw(uris)))};tag={draw(words)}"],
        "To": [str(NameAddr("", str(draw(uris))))],
        "Call-ID": [draw(words)],
        "CSeq": [f"{draw(st.integers(0, 2**31 - 1))} {method}"],
        **draw(more),
    }
    if draw(st.booleans()):
        return Response(draw(st.integers(100, 699)), draw(texts), headers, draw(bodies))
    return Request(method, str(draw(uris)), headers, draw(bodies))


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(messages())
def test_what_is_written_is_read_again(message: Message) -> None:
    assert parse(message.write()) == message


@given(st.lists(messages() | st.just(None), max_size=5), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_chunking_gives_the_same_messages(sent: list[Message | None], cuts: list[int]) -> None:
    stream = b"".join(b"\r\n\r\n" if message is None else message.write() for message in sent)
    reader = StreamReader()
    got = [item for piece in pieces(stream, cuts) for item in reader.feed(piece)]
    assert [item for item in got if not isinstance(item, Ping)] == [m for m in sent if m is not None]
    assert not reader.over
    assert len(reader._buffer) == 0


FRAGMENTS = st.sampled_from(
    [
        b"\r\n", b"\r", b"\n", b" ", b"\t", b"\0", b":", b";", b",", b"<", b">", b'"', b"\\", b"@", b"%",
        b"\xff", b"=", b"\xe2\x82\xac", b"SIP/2.0", b"SIP/7.0", b"OPTIONS", b"INVITE", b"sip:a@x", b"l: 5",
        b"Via: SIP/2.0/UDP x", b"Content-Length: -1", b"CSeq: 1 INVITE", b"To: <sip:a@x>", b"i: 1", b"99999",
        b"f: sip:a@x;tag=1", b"\r\n\r\n", b"200 OK", b"ACK", b"CANCEL", b";branch=z9hG4bK", b";rport",
        b";received=1.2.3.4", b"Max-Forwards: 70",
    ]
)  # fmt: skip
garbage = st.binary(max_size=200) | st.lists(FRAGMENTS, max_size=30).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good request with something in it that does not belong there, or without something that does."""
    method = draw(st.sampled_from(["INVITE", "ACK", "CANCEL", "PUBLISH", "SUBSCRIBE"]))
    data = wire(method, more="Contact: <sip:a@x>\r\nRecord-Route: <sip:p;lr>\r\n", body="hello")
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        data = data[:start] + draw(st.just(b"") | FRAGMENTS) + data[end:]
    return data


@given(garbage | damaged())
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        message = parse(data)
        assert parse(message.write()) == message
        assert message.cseq >= 0
        for read in ("contacts", "expires", "from_", "to", "from_tag", "to_tag", "address"):
            with suppress(Malformed):
                getattr(message, read, None)


@given(st.lists(garbage | damaged(), max_size=6), st.booleans())
def test_whatever_comes_a_stack_answers_only_who_sent_it(datagrams: list[bytes], stream: bool) -> None:
    node = Node()
    source = FLOW if stream else PEER
    for data in datagrams:
        node.receive(data, source)
        for event in node.stack.events():
            incoming = getattr(event, "incoming", None)
            if incoming is not None:
                incoming.respond(486)
    for to, data in node.stack.outgoing():
        assert (to.transport, to.host, to.flow) == (source.transport, source.host, source.flow)
        if data.strip():
            assert data.startswith(b"SIP/2.0 ")
            assert data.count(b"\r\n\r\n") == 1
    node.passes(200)
    assert not node.stack._layer.servers
    assert len(node.timers) == 0


@given(st.lists(garbage, max_size=6), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_chunking_of_anything_gives_the_same_items(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)

    def items(chunks: list[bytes]) -> list[object]:
        reader = StreamReader(max_head=300, max_body=100)
        got = [item for chunk in chunks for item in reader.feed(chunk)]
        return [repr(item) for item in got if not isinstance(item, Ping)] + [reader.over]

    assert items(pieces(stream, cuts)) == items([stream])


@given(st.text(max_size=40) | uris.map(str))
def test_any_text_is_a_uri_or_malformed(text: str) -> None:
    try:
        uri = parse_uri(text)
    except Malformed:
        return
    assert parse_uri(str(uri)) == parse_uri(str(parse_uri(str(uri))))
    if uri.host:
        # Who has an address of record has no other: nothing in it can be read as something else.
        form = aor(text)
        assert aor("sip:" + form) == form
        assert not set(form) & set("\r\n <>")


@given(uris)
def test_a_uri_is_written_as_it_is_read(uri: Uri) -> None:
    assert parse_uri(str(uri)) == uri


@given(addresses)
def test_an_address_is_written_as_it_is_read(address: NameAddr) -> None:
    assert parse_name_addr(str(address)) == address
    assert tag_of(str(address)) == address.tag


@given(
    st.text(max_size=60)
    | st.lists(FRAGMENTS, max_size=8).map(lambda parts: b"".join(parts).decode("latin-1"))
)
def test_any_text_is_an_address_or_malformed(text: str) -> None:
    try:
        address = parse_name_addr(text)
    except Malformed:
        return
    assert parse_name_addr(str(address)).uri == address.uri


@given(st.lists(st.tuples(words.map(str.lower), st.text(max_size=12)), max_size=4).map(tuple))
def test_parameters_are_written_as_they_are_read(pairs: tuple[tuple[str, str], ...]) -> None:
    assert parse_params(write_params(pairs)) == pairs
