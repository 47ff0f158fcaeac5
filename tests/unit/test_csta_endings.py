"""How connections end, on Twisted's own transports: nothing may keep one open, and nothing grow meanwhile."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from ctigw.app import Gateway, gateway
from ctigw.config import Application, Config, Limits, Listener
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.system import RequestSystemStatus, RequestSystemStatusResponse
from ctigw.csta.types import csta
from ctigw.net.csta_connection import ENDING, CstaConnection
from ctigw.net.csta_server import GOODBYE, CstaFactory
from ctigw.net.tls import secured
from ctigw.services.session import EVERYTHING
from simulators.pbx import Pbx
from tests.certificates import Authority, tls
from tests.pipes import Loop, Pipe, TlsPeer

GARBAGE = b"GET / HTTP/1.1\r\n\r\n"
STATUS = Frame(1, b"<RequestSystemStatus/>").encode()
CAPS = Frame(1, b"<GetSwitchingFunctionCaps/>").encode()


class Bench:
    """One gateway with one listener, of TLS if there is an ``authority``."""

    def __init__(
        self, listener: Listener | None = None, authority: Authority | None = None, **limits: Any
    ) -> None:
        listener = listener or Listener()
        self.authority = authority
        if authority is not None:
            certificate, key = authority.issue("localhost")
            listener = replace(listener, tls_certificate=str(certificate), tls_key=str(key))
        self.loop = Loop()
        config = Config(limits=Limits(**limits), application=(Application("wallboard"),))
        self.gateway: Gateway = gateway(config, Pbx(self.loop), self.loop)
        self.factory: CstaFactory = self.gateway.factory(listener)
        self._outer = secured(listener, self.factory, self.loop)

    def pipe(self) -> Pipe:
        return Pipe(self.loop, self._outer.buildProtocol(None))

    def tls_peer(self, name: str = "") -> TlsPeer:
        """A client over TLS, with a certificate of ``name`` if that is given."""
        assert self.authority is not None
        return TlsPeer(self.pipe(), tls(self.authority, self.authority.issue(name) if name else None))

    @property
    def connection(self) -> CstaConnection:
        (connection,) = self.factory._open
        return connection

    def nothing_is_left(self) -> bool:
        return not (self.factory._open or self.loop.readers or self.loop.writers or self.timers())

    def timers(self) -> list[Any]:
        return [call for call in self.loop.getDelayedCalls() if call.active()]


@pytest.fixture
def secure(tmp_path: Path) -> Bench:
    return Bench(authority=Authority(tmp_path, "ours"))


def names(data: bytes) -> list[str]:
    return [type(csta.decode(frame.body).message).__name__ for frame in FrameReader().feed(data)]


def stuffed(bench: Bench) -> Pipe:
    """A connection whose client has stopped to read: the transport has asked for a pause."""
    pipe = bench.pipe()
    pipe.room = 0
    while not bench.connection._paused:
        pipe.deliver(CAPS)
        pipe.turn()
    return pipe


def crash(bench: Bench, deliver: Callable[[bytes], None]) -> None:
    async def nonsense(*_: object) -> object:
        return object()

    bench.gateway.dispatcher.serve_with({RequestSystemStatus: nonsense})
    with structlog.testing.capture_logs():
        deliver(STATUS)


def garbage(_bench: Bench, deliver: Callable[[bytes], None]) -> None:
    deliver(GARBAGE)


def close(bench: Bench, _deliver: Callable[[bytes], None]) -> None:
    bench.connection.close()


ENDS = pytest.mark.parametrize("end", [garbage, crash, close])


# Plain TCP


@ENDS
def test_a_client_that_reads_is_closed_at_once(end: Callable[..., None]) -> None:
    bench = Bench()
    pipe = bench.pipe()
    end(bench, pipe.deliver)
    pipe.turn()
    assert (pipe.disconnected, pipe.aborted) == (1, False)
    assert bench.nothing_is_left()


@ENDS
def test_who_reads_late_gets_everything_and_is_closed(end: Callable[..., None]) -> None:
    bench = Bench()
    pipe = stuffed(bench)
    end(bench, pipe.deliver)
    pipe.turn()
    assert not pipe.disconnected
    pipe.room = 1 << 30
    pipe.turn(10)
    assert (pipe.disconnected, pipe.aborted) == (1, False)
    assert set(names(bytes(pipe.taken))) == {"GetSwitchingFunctionCapsResponse"}
    assert bench.nothing_is_left()


@ENDS
def test_who_never_reads_is_closed_all_the_same(end: Callable[..., None]) -> None:
    bench = Bench()
    pipe = stuffed(bench)
    end(bench, pipe.deliver)
    bench.loop.advance(ENDING - 0.1)
    assert not pipe.disconnected
    bench.loop.advance(0.1)
    pipe.turn()
    assert (pipe.disconnected, pipe.aborted) == (1, True)
    assert bench.gateway.counters["closed without goodbye"] == 1
    assert bench.nothing_is_left()


def test_a_client_that_is_full_is_closed_too() -> None:
    bench = Bench(send_queue=1000)
    pipe = stuffed(bench)
    while not bench.connection._full:
        pipe.deliver(CAPS)
    assert not pipe.reads
    bench.connection.close()
    pipe.room = 1 << 30
    pipe.turn(10)
    assert (pipe.disconnected, pipe.aborted) == (1, False)
    assert bench.nothing_is_left()


def test_what_comes_behind_a_bad_prefix_is_dropped() -> None:
    bench = Bench()
    pipe = stuffed(bench)
    pipe.deliver(GARBAGE)
    served = bench.gateway.counters["requests"]
    for _ in range(100):
        bench.connection.dataReceived(STATUS)  # what TLS had in hand, say
    assert bench.gateway.counters["requests"] == served
    assert bench.gateway.counters["bad prefixes"] == 1
    assert len(bench.connection._association._reader._buffer) == 0


# TLS


@ENDS
def test_over_tls_goodbyes_are_exchanged(secure: Bench, end: Callable[..., None]) -> None:
    peer = secure.tls_peer()
    end(secure, peer.send)
    assert peer.read() is None
    peer.close()
    assert (peer.pipe.disconnected, peer.pipe.aborted) == (1, False)
    assert secure.nothing_is_left()


@ENDS
def test_over_tls_who_says_no_goodbye_is_closed_in_the_end(secure: Bench, end: Callable[..., None]) -> None:
    peer = secure.tls_peer()
    end(secure, peer.send)
    connection = secure.connection
    for _ in range(50):
        peer.send(STATUS * 100)  # it goes on and on
    assert peer.read() is None
    assert len(connection._association._reader._buffer) == 0
    assert secure.gateway.counters["requests"] <= 1
    secure.loop.advance(ENDING)
    peer.pipe.turn()
    assert (peer.pipe.disconnected, peer.pipe.aborted) == (1, True)
    assert secure.nothing_is_left()


def test_over_tls_a_lost_stream_s_requests_are_answered_first(secure: Bench) -> None:
    peer = secure.tls_peer()
    peer.send(STATUS * 3 + GARBAGE)
    peer.pipe.turn(10)
    assert names(peer.read() or b"") == [RequestSystemStatusResponse.__name__] * 3
    assert peer.read() is None


def test_over_tls_the_end_of_the_gateway_needs_no_abort(secure: Bench) -> None:
    peer = secure.tls_peer()
    for _ in range(3):
        peer.send(CAPS * 20)
    closed = secure.factory.close()
    assert len(names(peer.read() or b"")) == 60
    assert peer.read() is None
    peer.close()
    assert closed.called
    assert (peer.pipe.disconnected, peer.pipe.aborted) == (1, False)
    assert secure.nothing_is_left()


def test_over_tls_a_client_that_is_full_hears_the_end_of_the_gateway(tmp_path: Path) -> None:
    bench = Bench(authority=Authority(tmp_path, "ours"), send_queue=100_000)
    peer = bench.tls_peer()
    peer.pipe.room = 0
    while not bench.connection._full:
        peer.send(CAPS * 10)
    closed = bench.factory.close()
    peer.pipe.room = 1 << 30
    peer.pipe.turn(20)
    assert set(names(peer.read() or b"")) == {"GetSwitchingFunctionCapsResponse"}
    assert peer.read() is None
    peer.close()
    assert closed.called
    assert not peer.pipe.aborted
    assert bench.nothing_is_left()


def test_over_tls_the_end_of_the_gateway_waits_for_nobody_for_long(secure: Bench) -> None:
    peer = secure.tls_peer()
    closed = secure.factory.close()
    secure.loop.advance(GOODBYE)
    peer.pipe.turn()
    assert closed.called
    assert peer.pipe.aborted
    assert secure.nothing_is_left()


def test_over_tls_who_is_gone_leaves_nothing_to_the_garbage_collector(secure: Bench) -> None:
    peer = secure.tls_peer()
    peer.send(STATUS + STATUS[:-1])  # the second never ends
    peer.read()
    gone = weakref.ref(secure.connection)
    gc.collect()
    gc.disable()
    try:
        peer.close()
        peer.pipe.turn(5)
        assert secure.nothing_is_left()
        del peer
        assert gone() is None
    finally:
        gc.enable()


def test_who_does_not_even_shake_hands_is_closed(secure: Bench) -> None:
    pipe = secure.pipe()
    secure.connection.close()
    pipe.turn()
    assert pipe.disconnected
    assert secure.nothing_is_left()


def test_over_tls_nobody_is_built_for_a_client_that_is_refused(tmp_path: Path) -> None:
    bench = Bench(authority=Authority(tmp_path, "ours"), connections=1)
    pipe = bench.pipe()
    assert bench._outer.buildProtocol(None) is None
    assert bench.gateway.counters["connections refused"] == 1
    pipe.closes()
    assert bench._outer.buildProtocol(None) is not None


# What a client asks for while it reads nothing


def test_a_client_that_does_not_read_takes_no_more_room_than_it_has(tmp_path: Path) -> None:
    bench = Bench(authority=Authority(tmp_path, "ours"), send_queue=100_000)
    peer = bench.tls_peer()
    peer.pipe.room = 0
    asked = 0
    while peer.pipe.reads:
        peer.send(CAPS * 50)
        asked += 50
    connection = bench.connection
    assert connection._association.waiting < 110_000
    waiting = len(connection._association._reader._buffer)
    assert 0 < waiting <= len(CAPS) * 50
    served = bench.gateway.counters["requests"]
    assert served < asked
    peer.pipe.room = 1 << 30
    peer.pipe.turn(20)
    assert len(names(peer.read() or b"")) == asked
    assert peer.pipe.reads
    peer.pipe.closes()
    assert bench.nothing_is_left()


# Clients that do not say who they are


IN_SESSIONS = Listener(authentication="session")


def test_who_does_not_log_in_is_closed() -> None:
    bench = Bench(IN_SESSIONS)
    pipe = bench.pipe()
    for _ in range(29):
        bench.loop.advance(1)
        pipe.deliver(STATUS)  # to ask for something is no way to stay
    assert not pipe.disconnected
    with structlog.testing.capture_logs() as logged:
        bench.loop.advance(1)
    pipe.turn()
    assert (pipe.disconnected, pipe.aborted) == (1, False)
    assert [entry["event"] for entry in logged] == ["nobody has logged in, closing"]
    assert bench.gateway.counters["closed for not logging in"] == 1
    assert bench.nothing_is_left()


def test_who_logs_in_in_time_stays() -> None:
    bench = Bench(IN_SESSIONS)
    pipe = bench.pipe()
    bench.connection._session.rights = EVERYTHING  # as a session gives them
    bench.loop.advance(31)
    assert not pipe.disconnected
    bench.connection._session.rights = None  # its time is up: it may come back
    bench.loop.advance(31)
    assert not pipe.disconnected
    pipe.closes()
    assert bench.nothing_is_left()


def test_who_goes_away_before_it_must_have_logged_in_leaves_no_timer() -> None:
    bench = Bench(IN_SESSIONS)
    bench.pipe().closes()
    assert bench.nothing_is_left()


@pytest.mark.parametrize(("listener", "seconds"), [(IN_SESSIONS, 0.0), (Listener(), 30.0)])
def test_nobody_has_to_log_in_where_that_is_not_asked_for(listener: Listener, seconds: float) -> None:
    bench = Bench(listener, login_seconds=seconds)
    pipe = bench.pipe()
    assert bench.timers() == []
    pipe.closes()


@pytest.mark.filterwarnings("ignore:X509.get_subject:DeprecationWarning")  # how its name is read
def test_over_tls_a_certificate_says_who_a_client_is(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    listener = Listener(authentication="certificate", tls_client_ca=str(ours.file))
    bench = Bench(listener, ours, login_seconds=10)
    known, unknown = bench.tls_peer("wallboard").pipe, bench.tls_peer("somebody").pipe
    silent = bench.pipe()  # it does not even shake hands
    bench.loop.advance(10)
    bench.loop.advance(ENDING)
    for pipe in (known, unknown, silent):
        pipe.turn()
    assert [pipe.disconnected for pipe in (known, unknown, silent)] == [0, 1, 1]
    known.closes()
    assert bench.nothing_is_left()
