"""Gateways as processes of their own, and a client without a reactor: for what must be seen from outside."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from ctigw.csta.association import CLIENT_IDS, Association, Event, Incoming, Request, Response

HERE = Path(__file__).parents[1]
# What decides about a command must not come from whoever runs it.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("CTIGW_")}
PATIENCE = 20.0
LISTENER = '[[listeners]]\nendpoint = "tcp:0:interface=127.0.0.1"\n'


class Gateway:
    """A gateway's process; ``config`` is TOML, ``folder`` has its file and its data.

    ``log`` is what it has said so far; ``ports`` are where it listens, ``sip`` where it speaks SIP, ``web``
    where HTTP.
    """

    def __init__(self, config: str, folder: Path) -> None:
        self.data = folder / "var"
        file = folder / "ctigw.toml"
        file.write_text(config + '\n[log]\nformat = "json"\n')
        self.log: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ctigw", "run", "--config", str(file), "--data", str(self.data)],
            cwd=HERE,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        self._said = self._process.stderr
        os.set_blocking(self._said.fileno(), False)
        self._rest, self._heard = b"", 0
        try:
            self.ports = [self._port(":") for _ in range(config.count("[[listeners]]"))]
            self.sip = [self._port(" ") for _ in range(config.count("[[sip.listeners]]"))]
            self.web = [self._port(":") for _ in range(config.count("[[web.listeners]]"))]
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def client(self, listener: int = 0, **settings: Any) -> Client:
        """A client of the ``listener``-th listener."""
        return Client(self.ports[listener], **settings)

    def says(self, event: str) -> dict[str, Any]:
        """The next thing that it logs as ``event``; what it has said before that is passed over."""
        end = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as selector:
            selector.register(self._said, selectors.EVENT_READ)
            while True:
                while self._heard < len(self.log):
                    self._heard += 1
                    if self.log[self._heard - 1]["event"] == event:
                        return self.log[self._heard - 1]
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise AssertionError(f"it does not say {event!r}: {self.log}")
                if not self.listen():
                    raise AssertionError(f"it ended without {event!r}: {self.log}")

    def said(self, event: str) -> int:
        """How often it has logged ``event`` since this was asked last."""
        self.listen()
        new, self._heard = self.log[self._heard :], len(self.log)
        return sum(entry["event"] == event for entry in new)

    def listen(self) -> bool:
        """Take into ``log`` what it has said; whether it may say more."""
        data = self._said.read()
        if data is None:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.log.extend(map(_entry, lines))
        return data != b""

    def sockets(self) -> int:
        """How many it has open."""
        open_files = Path(f"/proc/{self.pid}/fd").iterdir()
        return sum(_opened(file).startswith("socket:") for file in open_files)

    def terminate(self) -> int:
        """Have it shut down; its exit status."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(PATIENCE)
        self.listen()
        return status

    def kill(self) -> None:
        """It is gone, without a chance to do anything."""
        self._process.kill()
        self._process.wait(PATIENCE)
        self._said.close()

    def _port(self, before: str) -> int:
        return int(self.says("listening")["at"].rpartition(before)[2])


def _opened(file: Path) -> str:
    try:
        return file.readlink().name
    except FileNotFoundError:  # closed just now
        return ""


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:  # a traceback, say
        return {"event": line.decode()}
    return entry


@contextlib.contextmanager
def gateway(config: str, folder: Path) -> Iterator[Gateway]:
    """A gateway that is gone afterwards, whatever happens."""
    running = Gateway(config, folder)
    try:
        yield running
    finally:
        running.kill()


class Client:
    """One connection, which waits for what it reads: at most `PATIENCE` seconds.

    ``told``: what came of itself, while an answer was waited for.  ``receive_buffer`` (bytes) bounds what the
    system takes for a client that does not read.
    """

    def __init__(
        self, port: int, *, tls: ssl.SSLContext | None = None, receive_buffer: int | None = None
    ) -> None:
        self._association = Association(CLIENT_IDS)
        self._arrived: deque[Incoming] = deque()
        self.told: list[Any] = []
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(("127.0.0.1", port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self.socket.close()

    def send(self, *messages: object) -> list[int]:
        """Ask all at once; gives the invoke ids."""
        ids = [self._association.request(message) for message in messages]
        self.socket.sendall(b"".join(self._association.outgoing()))
        return ids

    def ask(self, message: object) -> Any:
        """The answer to ``message``."""
        (invoke_id,) = self.send(message)
        while True:
            incoming = self.next()
            if isinstance(incoming, Response) and incoming.invoke_id == invoke_id:
                return incoming.message
            self._keep(incoming)

    def until(self, wanted: type | Callable[[Any], bool]) -> Any:
        """The first thing told, from now or before, that is ``wanted``; what came before it is forgotten."""
        fits = (lambda message: isinstance(message, wanted)) if isinstance(wanted, type) else wanted
        while True:
            while self.told:
                message = self.told.pop(0)
                if fits(message):
                    return message
            self._keep(self.next())

    def next(self) -> Incoming:
        """What comes next.  Raises `EOFError` when the gateway has closed the connection."""
        while not self._arrived:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._arrived.extend(self._association.receive(data))
        return self._arrived.popleft()

    def rest(self) -> Iterator[Incoming]:
        """Whatever comes until the connection is closed or reset."""
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                yield self.next()

    def _keep(self, incoming: Incoming) -> None:
        if isinstance(incoming, (Event, Request)):
            self.told.append(incoming.message)
