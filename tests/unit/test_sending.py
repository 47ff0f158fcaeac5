from __future__ import annotations

import socket
from typing import Any

import pytest
import structlog
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport

from ctigw.net import sending
from ctigw.net.sending import Turn, can_send_at_once, send


class Transport:
    """As much of a TCP transport of Twisted's as `send` looks at, on a real socket."""

    def __init__(self, near: Any) -> None:
        self.socket = near
        self.connected, self.disconnecting, self._writeDisconnected = 1, False, False
        self.dataBuffer = b""
        self._tempDataBuffer: list[bytes] = []
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.fixture
def ends() -> Any:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    yield near, far
    near.close()
    far.close()


def test_the_socket_gets_it_at_once(ends: Any) -> None:
    near, far = ends
    transport = Transport(near)
    send(transport, b"hello")
    assert (far.recv(100), transport.written) == (b"hello", b"")


@pytest.mark.parametrize(
    "state",
    [
        {"dataBuffer": b"earlier"},
        {"_tempDataBuffer": [b"earlier"]},
        {"disconnecting": True},
        {"_writeDisconnected": True},
        {"connected": 0},
    ],
)
def test_what_waits_already_goes_first(ends: Any, state: dict[str, Any]) -> None:
    near, far = ends
    transport = Transport(near)
    vars(transport).update(state)
    send(transport, b"hello")
    assert transport.written == b"hello"
    with pytest.raises(BlockingIOError):
        far.recv(100)


def test_what_the_socket_does_not_take_is_the_transports(ends: Any) -> None:
    near, far = ends
    transport = Transport(near)
    data = bytes(range(256)) * 40_000
    send(transport, data)
    assert 0 < len(transport.written) < len(data)
    send(transport, b"more")  # the socket is full
    taken = b""
    while len(taken) + len(transport.written) < len(data) + 4:
        taken += far.recv(1 << 20)
    assert taken + transport.written == data + b"more"


def test_a_lost_connection_is_found_by_the_transport(ends: Any) -> None:
    near, far = ends
    transport = Transport(near)
    far.close()
    send(transport, b"hello")
    assert transport.written == b"hello"


def test_the_private_parts_are_still_there() -> None:
    """What `send` knows of Twisted's TCP transports."""
    anything: Any = object()
    with socket.socket() as own:
        connection: Any = Connection(own, anything, anything)
        state = (connection.disconnecting, connection._writeDisconnected, connection.connected)
        assert not any(state)
        assert (connection.dataBuffer, connection._tempDataBuffer) == (b"", [])
        assert connection.socket is own
        assert can_send_at_once(connection)


def test_it_can_be_switched_off_and_is_for_tcp_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_send_at_once(StringTransport())
    monkeypatch.setattr(sending, "AT_ONCE", False)
    with socket.socket() as own:
        anything: Any = object()
        assert not can_send_at_once(Connection(own, anything, anything))


class Sender:
    def __init__(self, name: str, log: list[str], then: Any = None) -> None:
        self._name, self._log, self._then = name, log, then

    def flush(self) -> None:
        self._log.append(self._name)
        if self._then is not None:
            self._then()

    def abort(self) -> None:
        self._log.append(f"{self._name} is closed")


def test_everybody_sends_at_the_end_of_the_turn() -> None:
    clock, log = Clock(), list[str]()
    turn = Turn(clock)
    late = Sender("late", log)
    turn.add(Sender("one", log, then=lambda: turn.add(late)))
    turn.add(Sender("two", log))
    assert (log, len(clock.getDelayedCalls())) == ([], 1)
    clock.advance(0)
    assert log == ["one", "two", "late"]
    assert clock.getDelayedCalls() == []


def test_a_turn_is_quiet_after_one_with_a_single_sender() -> None:
    clock, log = Clock(), list[str]()
    turn = Turn(clock)
    assert turn.quiet
    for count in (1, 2, 3, 1):
        for number in range(count):
            turn.add(Sender(str(number), log))
        clock.advance(0)
        assert turn.quiet == (count == 1)


def test_who_fails_costs_nobody_else_anything() -> None:
    clock, log = Clock(), list[str]()
    turn = Turn(clock)

    def fails() -> None:
        raise ZeroDivisionError

    turn.add(Sender("one", log, then=fails))
    turn.add(Sender("two", log))
    with structlog.testing.capture_logs() as logged:
        clock.advance(0)
    assert log == ["one", "one is closed", "two"]
    assert [entry["event"] for entry in logged] == ["not sent, closing"]
