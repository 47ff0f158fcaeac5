"""What clients of HTTP send who mean no good, or know no better: everybody else is served all the same."""

from __future__ import annotations

import contextlib
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from lxml import etree

from ctigw.csta.system import RequestSystemStatus, RequestSystemStatusResponse
from ctigw.directory.demo import PASSWORD
from ctigw.soap.epas.operations import EPAS
from tests.processes import LISTENER, PATIENCE, Gateway, gateway
from tests.sip_peers import people
from tests.soap import SOAP_11, SOAP_12, envelope

CONNECTIONS = 10_000
AT_ONCE = 200
SETTINGS = (
    LISTENER
    + '[sip]\ndomains = ["example.com"]\n'
    + '[[web.listeners]]\nport = 0\nserves = ["epas"]\n'
    + f"[web.limits]\nconnections = {AT_ONCE}\nrequest_seconds = 2.0\nidle_seconds = 30.0\n"
)
LOGIN = f"<login force='true'><username>alice</username><password>{PASSWORD}</password></login>"
# Each would be some gigabytes once it is expanded.
LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 100}">' for n in range(9)
)  # fmt: skip
BOMBS = [
    f"<!DOCTYPE a [{LAUGHS}]>".encode() + envelope("<get-acl>&l8;</get-acl>", EPAS),
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + envelope("<get-acl>&b;</get-acl>", EPAS),
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd">' + envelope("<get-acl/>", EPAS),
    envelope("<a>" * 100_000 + "</a>" * 100_000, EPAS),
    envelope("<add-group>" + '<group name="a"/>' * 40_000 + "</add-group>", EPAS),
    envelope("<get-acl " + " ".join(f'a{n}=""' for n in range(50_000)) + "/>", EPAS),
    envelope("<get-acl " + " ".join(f'xmlns:a{n}="{n}"' for n in range(30_000)) + "/>", EPAS),
]


def connected(running: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.web[0]), PATIENCE)


def ask(running: Gateway, body: bytes) -> tuple[int, bytes]:
    """Status and body of an answer."""
    with connected(running) as connection:
        head = (
            "POST /EPASSoap/service HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
        )
        with contextlib.suppress(ConnectionError):
            connection.sendall(head.format(len(body)).encode() + body)
        return parted(rest(connection))


def rest(connection: socket.socket) -> bytes:
    """What comes until the gateway closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 16):
            said += data
    return said


def parted(answer: bytes) -> tuple[int, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def served(running: Gateway) -> None:
    """alice can log in, and so can clients of CSTA be served."""
    status, body = ask(running, envelope(LOGIN, EPAS))
    assert (status, b"session-key" in body) == (200, True)
    with running.client() as client:
        assert isinstance(client.ask(RequestSystemStatus()), RequestSystemStatusResponse)


def resident(running: Gateway) -> int:
    """Bytes of memory."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.mark.timeout(180)
def test_others_are_served_whatever_somebody_sends(tmp_path: Path) -> None:
    people(tmp_path)
    with gateway(SETTINGS, tmp_path) as running:
        served(running)
        for bomb in BOMBS:
            for version in (SOAP_11, SOAP_12):
                status, body = ask(running, bomb.replace(SOAP_12.encode(), version.encode()))
                assert status in (400, 413, 500)
                fault = etree.fromstring(body)[0][0] if status != 413 else None
                assert fault is None or "Invalid request." in "".join(fault.itertext())
        served(running)
        before = resident(running)
        for _ in range(5):
            assert ask(running, b"x" * 10_000_000)[0] == 413
        served(running)
        crowd(running)
        served(running)
        assert resident(running) - before < 40_000_000
        slow(running)
        served(running)
        assert running.said("served") == 0  # of level debug
        assert all("error" not in entry.get("level", "") for entry in running.log)


def crowd(running: Gateway) -> None:
    """Many thousand connections, of which as many are open at once as the gateway lets be."""
    found: list[socket.socket] = []
    try:
        for _ in range(CONNECTIONS):
            found.append(connected(running))
            found[-1].setblocking(False)
            if len(found) > 2 * AT_ONCE:
                found = [each for each in found if is_open(each)]
        assert running.sockets() < AT_ONCE + 50
    finally:
        for connection in found:
            connection.close()
    end = time.monotonic() + PATIENCE
    while running.sockets() > 50:  # until it has noticed that they are gone
        assert time.monotonic() < end
        time.sleep(0.01)


def is_open(connection: socket.socket) -> bool:
    """Whether the gateway has not closed it; if it has, so is this end."""
    try:
        if connection.recv(1):
            return True
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    connection.close()
    return False


def slow(running: Gateway) -> None:
    """Those who send a byte now and then have their time, and no more."""
    with ExitStack() as open_:
        slow_ones = [open_.enter_context(connected(running)) for _ in range(20)]
        for connection in slow_ones:
            connection.sendall(b"POST /EPASSoap/service HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while True:
                slow_ones[0].sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - begun < 15
        assert all(rest(connection) == b"" for connection in slow_ones[1:])
