"""The SIP load client and its floor, without a network: what one sends, the other and the gateway serve."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from ctigw.app.sip import Kept, sip_side
from ctigw.config import parse as config
from ctigw.presence.documents import checked
from ctigw.sip.hops import Local, Remote
from ctigw.sip.message import Request, parse
from simulators.load import sip_messages
from simulators.load.bench import REFERENCE
from simulators.load.client import Span, WrongAnswerError
from simulators.load.judging import Measured
from simulators.load.sip_client import Once, Publishing, SipLoad, SipWork, Subscribing, published
from simulators.load.sip_floor import Bare
from simulators.load.sip_kamailio import missing
from simulators.load.sip_messages import NOTIFY, answer
from simulators.load.sip_requests import BARE, judged, sip_config

PORT = 40_000
Server = Callable[[list[bytes]], list[bytes]]


def bare() -> Server:
    """The floor, behind a function: what is sent for what has come."""
    sent: list[bytes] = []
    server = Bare(lambda data, _address: sent.append(data), 5060)

    def serve(come: list[bytes]) -> list[bytes]:
        for data in come:
            server.received(data, ("127.0.0.1", PORT))
        out, sent[:] = sent[:], []
        return out

    return serve


def gateway() -> Server:
    """The gateway's presence, in the same way."""
    local = Local("UDP", "127.0.0.1", 5060)
    node = sip_side(config(sip_config()), (local,), Clock(), Kept()).node

    def serve(come: list[bytes]) -> list[bytes]:
        for data in come:
            node.receive(data, Remote("UDP", "127.0.0.1", PORT, 0, 0))
        out: list[bytes] = []
        while some := node.outgoing():
            out += [data for _, data in some]
        return out

    return serve


SERVERS = pytest.mark.parametrize("server", [bare, gateway])


def work_on(serve: Server, work: SipWork, slots: int, rounds: int) -> int:
    """Each slot begins so many times; how many messages there were to read."""
    waiting = deque(filter(None, [work.first(slot, PORT) for slot in range(slots)]))
    left, read = slots * (rounds - 1), 0
    while waiting:
        out, waiting = serve(list(waiting)), deque()
        for data in out:
            read += 1
            if data.startswith(NOTIFY):
                waiting.append(answer(data))
            slot, serial = SipLoad.whose(data)
            message = work.next(slot, serial, data, PORT)
            if message == b"":
                message, left = (work.first(slot, PORT) if left else None), max(0, left - 1)
            if message is not None:
                waiting.append(message)
    return read


@SERVERS
def test_ten_publishes_make_a_round(server: Callable[[], Server]) -> None:
    work = Publishing()
    assert work_on(server(), work, slots=3, rounds=2) == 60
    assert (work.done, work.repeated) == (60, 0)


@SERVERS
def test_each_subscribe_has_its_notify(server: Callable[[], Server]) -> None:
    work = Subscribing()
    assert work_on(server(), work, slots=3, rounds=2) == 24
    assert (work.done, work.repeated) == (12, 0)


@SERVERS
def test_a_change_is_told_to_all_who_stay(server: Callable[[], Server]) -> None:
    serve = server()
    watching = Subscribing(leave=False, most=5, whom=b"star")
    work_on(serve, watching, slots=5, rounds=1)
    assert watching.done == 5
    body = sip_messages.document(b"star", b"open", b"meal")
    out = serve([sip_messages.publish(b"star", PORT, b"9.1", 1, body=body)])
    told = [parse(data) for data in out if data.startswith(NOTIFY)]
    assert len(told) == 5
    assert all(b"meal" in message.body for message in told)


def test_the_requests_are_what_a_server_can_read() -> None:
    body = sip_messages.document(b"u00000", b"open", b"away")
    assert len(body) == 629
    assert checked(body) == "sip:u00000@example.com"
    assert len(set(sip_messages.documents(b"u00000"))) == 9
    request = parse(sip_messages.publish(b"u00000", PORT, b"1.2", 3, etag=b"x", body=body))
    assert isinstance(request, Request)
    assert (request.method, request.cseq, request.body) == ("PUBLISH", 3, body)
    assert (request.get("SIP-If-Match"), request.call_id) == ("x", "1.2@127.0.0.1")
    other = parse(
        sip_messages.subscribe(b"a", b"b", PORT, b"1.2", 2, to=b"<sip:b@x>;tag=t", uri=b"sip:c", expires=0)
    )
    assert (other.to_tag, other.from_tag, other.expires) == ("t", "1.2", 0)
    assert parse(sip_messages.register(b"a", PORT, b"1.3")).contacts[0].uri.startswith("sip:a@127.0.0.1")


def test_an_answer_repeats_what_it_has_to() -> None:
    lines = ["Via: SIP/2.0/UDP a;branch=z9hG4bK1", "From: <sip:a@x>;tag=1", "To: <sip:b@x>;tag=2"]
    lines += ["Call-ID: 1.2", "CSeq: 7 NOTIFY", "Event: presence"]
    request = ("NOTIFY sip:b@x SIP/2.0\r\n" + "\r\n".join(lines) + "\r\n\r\nVia: no header").encode()
    said = answer(request).decode().split("\r\n")
    assert said == ["SIP/2.0 200 OK", *lines[:5], "Content-Length: 0", "", ""]


def test_what_comes_again_is_no_success() -> None:
    work, serve = Subscribing(leave=False), bare()
    request = work.first(0, PORT)
    assert request is not None
    accepted, told = serve([request])
    assert work.next(0, SipLoad.whose(told)[1], told, PORT) is None
    assert work.next(0, SipLoad.whose(told)[1], told, PORT) is None
    assert (work.done, work.repeated) == (0, 1)
    assert work.next(0, SipLoad.whose(accepted)[1], accepted, PORT) == b""
    assert work.next(0, SipLoad.whose(accepted)[1], accepted, PORT) is None
    assert (work.done, work.repeated) == (1, 2)


def test_a_refusal_is_no_success() -> None:
    for work in (Publishing(), Subscribing(), Once(published, 1)):
        work.first(0, PORT)
        serial = next(reversed(work._now.values()))
        refusal = b"SIP/2.0 503 No\r\nCall-ID: 0.%d@x\r\n\r\n" % serial
        with pytest.raises(WrongAnswerError):
            work.next(0, serial, refusal, PORT)


def test_so_many_and_no_more() -> None:
    work = Once(published, 3)
    assert work_on(gateway(), work, slots=2, rounds=9) == 3
    assert work.done == 3


def test_a_slow_floor_makes_a_row_void() -> None:
    spans = {BARE: [Span(1000, 1000 * 31e-6, 0.1, 0.1)]}
    assert "the bare responder took 31 µs" in judged(Measured((1.0,)), spans, REFERENCE, {}).void
    assert not judged(Measured((1.0,)), spans, REFERENCE * 1.1, {"note": 1.0}).void


def test_where_there_is_no_kamailio_it_is_said_why(tmp_path: Path) -> None:
    assert "not installed" in missing("", str(tmp_path))
    assert missing("/bin/true", str(tmp_path)) == "its module presence.so is not installed"
    for module in ("presence.so", "presence_xml.so"):
        (tmp_path / module).touch()
    assert not missing("/bin/true", f"/nowhere:{tmp_path}")
    assert missing("/bin/true", str(tmp_path), kept=True) == "its module db_sqlite.so is not installed"
