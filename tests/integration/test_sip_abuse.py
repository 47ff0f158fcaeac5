"""What peers send who do not know SIP, or know it too well: everybody else is served all the same."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.presence import pidf
from tests.processes import LISTENER, PATIENCE, Gateway, gateway
from tests.sip_peers import HERE, Peer, people

GARBAGE = 5_000
SETTINGS = (
    LISTENER
    + '[sip]\ndomains = ["example.com"]\nt1 = 0.05\n'
    + "[sip.limits]\nconnections = 40\nheader_bytes = 4096\nstream_bytes = 16384\nsilent_seconds = 1.0\n"
    + "".join(
        f'[[sip.listeners]]\ntransport = "{transport}"\nport = 0\nauthentication = "none"\n'
        for transport in ("udp", "tcp")
    )
    + '[presence]\nwithout_rule = "all"\n'
)


def request(
    method: str = "OPTIONS", uri: str = "sip:example.com", body: bytes = b"", **headers: str
) -> bytes:
    """A request that is right but for what ``headers`` say; an empty one is left out."""
    lines = {
        "Via": "SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKabuse{}",
        "From": "<sip:mallory@example.com>;tag=1",
        "To": "<sip:bob@example.com>",
        "Call-ID": "abuse{}",
        "CSeq": f"1 {method}",
        "Max-Forwards": "70",
        "Content-Length": str(len(body)),
    } | {name.replace("_", "-"): text for name, text in headers.items()}
    text = f"{method} {uri} SIP/2.0\r\n" + "".join(f"{n}: {t}\r\n" for n, t in lines.items() if t) + "\r\n"
    number = f"{random.getrandbits(64):x}"
    return text.replace("{}", number).encode() + body


# What is answered, and how.
ANSWERED = [
    (request(), 200),
    (request("INVITE", "sip:bob@example.com"), 405),
    (request("FROB", "sip:bob@example.com"), 405),
    (request("OPTIONS", "gopher:example.com"), 416),
    (request("OPTIONS", Require="frobbing"), 420),
    (request("OPTIONS", "sip::5060"), 400),
    (request("OPTIONS", CSeq="1 PUBLISH"), 400),
    (request("OPTIONS", CSeq="99999999999 OPTIONS"), 400),
    (request("OPTIONS", Content_Length="9999"), 400),
    (request("OPTIONS", Content_Length="-1"), 400),
    (request("OPTIONS", To="<sip:bob@example.com"), 400),
    (request("OPTIONS").replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505),
    (request("NOTIFY", "sip:bob@example.com", Event="presence"), 481),
    (request("SUBSCRIBE", "sip:bob@example.com", Event="frobs", Contact="<sip:a@127.0.0.1:9>"), 489),
    (request("SUBSCRIBE", "sip:bob@example.com", Event="presence"), 400),
    (request("PUBLISH", "sip:mallory@example.com", b"<presence", Event="presence"), 404),
    (request("OPTIONS", X=","), 200),
    (request("OPTIONS", Subject="\N{BELL}" * 3000), 200),
]
# What nobody could answer, or nobody should.
SILENT = [
    b"",
    b"\0" * 100,
    b"\xff\xfe" * 2000,
    b"x" * 65_000,
    b"\r\n" * 1000,
    b"OPTIONS",
    b"OPTIONS sip:example.com SIP/2.0\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKnever\r\n\r\n",
    request().replace(b"OPTIONS", b"ACK"),
    request("OPTIONS", Via=""),
]


def datagrams(port: int, ending: ExitStack) -> socket.socket:
    made = ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.settimeout(PATIENCE)
    made.connect((HERE, port))
    return made


def served(alice: Peer, bob: Peer, etag: str, activity: str) -> str:
    """Bob says something else, and alice is told; gives the new entity-tag."""
    answer = bob.ask("PUBLISH", "bob", pidf("open", activity), Event="presence", SIP_If_Match=etag)
    assert answer.status == 200
    alice.asked_for("NOTIFY", lambda told: activity.encode() in told.body)
    return answer.get("SIP-ETag")


def resident(running: Gateway) -> int:
    """Bytes of memory."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def closed(connection: socket.socket) -> bytes:
    """What comes until the gateway closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            said += data
    return said


def test_others_are_served_whatever_somebody_sends(tmp_path: Path) -> None:
    people(tmp_path)
    with gateway(SETTINGS, tmp_path) as running, ExitStack() as ending:
        alice = ending.enter_context(Peer("alice", running.sip[0]))
        bob = ending.enter_context(Peer("bob", running.sip[1], transport="TCP"))
        published = bob.ask("PUBLISH", "bob", pidf("open", "working"), Event="presence")
        assert alice.ask("SUBSCRIBE", "bob", Event="presence").status == 200
        alice.asked_for("NOTIFY")
        etag = published.get("SIP-ETag")

        mallory = datagrams(running.sip[0], ending)
        for data in SILENT:
            mallory.send(data)
        for data, status in ANSWERED:
            mallory.send(data)
            answer = mallory.recv(1 << 16)
            assert (answer[:11], data) == (b"SIP/2.0 %d" % status, data)
        etag = served(alice, bob, etag, "away")

        warm = resident(running)
        flood(mallory)
        mallory.send(request())
        until_answered(mallory)
        etag = served(alice, bob, etag, "busy")

        streams(running, ending)
        etag = served(alice, bob, etag, "meeting")
        assert resident(running) - warm < 40e6

        assert running.terminate() == 0
        assert [entry for entry in running.log if entry["level"] in ("error", "critical")] == []
        figures = next(entry for entry in reversed(running.log) if entry["event"] == "figures")
        assert figures["messages without an end"] == 2
        assert figures["NOTIFYs sent"] >= 4
        assert "SIP node failures" not in figures


def flood(mallory: socket.socket) -> None:
    """Thousands of datagrams: noise, and messages with something changed in them."""
    chance = random.Random(6665)
    document = pidf().encode()
    for number in range(GARBAGE):
        if number % 2:
            data = chance.randbytes(chance.randrange(1, 1200))
        else:
            good = request("PUBLISH", "sip:bob@example.com", document, Event="presence")
            changed = bytearray(good)
            for _ in range(chance.randrange(1, 20)):
                changed[chance.randrange(len(good))] = chance.randrange(256)
            data = bytes(changed)
        with contextlib.suppress(ConnectionError):
            mallory.send(data)


def until_answered(mallory: socket.socket) -> None:
    """Take what is answered until it is 200 to what was asked last."""
    while True:
        answer = mallory.recv(1 << 16)
        if answer.startswith(b"SIP/2.0 200 ") and b" OPTIONS\r\n" in answer:
            return


def streams(running: Gateway, ending: ExitStack) -> None:
    """Connections that send too much, too little, too slowly, or nothing."""

    def connection() -> socket.socket:
        made = ending.enter_context(socket.create_connection((HERE, running.sip[1]), PATIENCE))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    before = running.sockets()
    silent, half, head = (connection() for _ in range(3))
    half.sendall(request()[:50])
    head.sendall(request(Content_Length="1000"))
    slow = connection()
    for byte in request():
        slow.sendall(bytes([byte]))
    assert slow.recv(4096).startswith(b"SIP/2.0 200 ")
    for data, status in (
        (request(Subject="x" * 5000), b""),
        (request(Content_Length="100000"), b"513"),
        (request(Content_Length=""), b"400"),
        (request(Via="SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa", To="<sip:bob"), b"400"),
        (b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", b""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 5000, b""),
        (b"x" * 10_000, b""),
    ):
        made = connection()
        made.sendall(data)
        made.shutdown(socket.SHUT_WR)
        said = closed(made)
        assert said[8:11] == status, (data[:100], said)
    assert closed(silent) == b""
    # Within 64 * T1.
    assert closed(half) == closed(head) == b""
    slow.sendall(request())
    assert slow.recv(4096).startswith(b"SIP/2.0 200 ")
    slow.close()
    until(lambda: running.sockets() == before)


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)
