"""The control socket of a running simulator: one JSON object a line each way, over a local UNIX socket.

For whoever plays the people at the phones, `ctigw sim` for one.  Only the user that runs the simulator can
open the socket.  A request and what comes back::

    {"do": "behave", "line": "2003", "behaviour": "busy"}       {}
    {"do": "ring", "caller": "95551234", "called": "3000"}      {"error": "operation: invalidCalledDeviceID"}
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from functools import singledispatch
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IReactorUNIX
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from ctigw.errors import Refused
from simulators.behaviours import Seconds
from simulators.pbx import Pbx

SOCKET_FILE = "sim.sock"
LONGEST_REQUEST = 4096
LONGEST_REPLY = 16 * 1024 * 1024  # far more than the lines of any site
LONGEST_PATH = 107  # bytes, the system's bound
ONLY_THE_OWNER = 0o600


class Lines(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="lines"):
    """What every line does."""


class Behave(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="behave"):
    """A line is to behave otherwise from now on."""

    line: str
    behaviour: str


class Ring(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="ring"):
    """Somebody, outside or at a line, calls."""

    caller: str
    called: str


class PickUp(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="pick-up"):
    """The person at a line answers, or lifts the handset of a prompting phone."""

    line: str


class PutDown(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="put-down"):
    """The person at a line, or outside, hangs up."""

    line: str


class DropLink(Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="drop-link"):
    """The gateway loses the PBX for some seconds; for as long as the PBX is set to when it is not said."""

    seconds: Seconds | None = None


Request = Lines | Behave | Ring | PickUp | PutDown | DropLink


class Connection(Struct, frozen=True):
    """What a line does in one call, and who else is in it."""

    call: str
    state: str
    others: tuple[str, ...]


class LineNow(Struct, frozen=True):
    """A line as it is now."""

    number: str
    behaviour: str
    calls: tuple[Connection, ...]
    do_not_disturb: bool = False
    forwardings: tuple[str, ...] = ()


class Reply(Struct, frozen=True, omit_defaults=True):
    """What comes back: why not, or the lines that were asked for, or nothing more to say."""

    error: str = ""
    lines: tuple[LineNow, ...] = ()


_requests = msgspec.json.Decoder(Request)


def answered(pbx: Pbx, line: bytes) -> Reply:
    """What comes back for one ``line`` from a client."""
    try:
        return _obey(_requests.decode(line), pbx)
    except Refused as refused:
        return Reply(error=": ".join(refused.reason.value))
    except ValueError as error:  # msgspec's are, too
        return Reply(error=str(error))


@singledispatch
def _obey(request: Request, pbx: Pbx) -> Reply:
    raise NotImplementedError(request)


@_obey.register
def _(_request: Lines, pbx: Pbx) -> Reply:
    return Reply(
        lines=tuple(_line_now(pbx, number, behaviour) for number, behaviour in pbx.behaviour_names().items())
    )


@_obey.register
def _(request: Behave, pbx: Pbx) -> Reply:
    pbx.behave(request.line, request.behaviour)
    return Reply()


@_obey.register
def _(request: Ring, pbx: Pbx) -> Reply:
    pbx.ring(request.caller, request.called)
    return Reply()


@_obey.register
def _(request: PickUp, pbx: Pbx) -> Reply:
    pbx.pick_up(request.line)
    return Reply()


@_obey.register
def _(request: PutDown, pbx: Pbx) -> Reply:
    pbx.put_down(request.line)
    return Reply()


@_obey.register
def _(request: DropLink, pbx: Pbx) -> Reply:
    pbx.drop_link(request.seconds)
    return Reply()


def _line_now(pbx: Pbx, number: str, behaviour: str) -> LineNow:
    features = pbx.line_features(number)
    forwardings = tuple(f"{r.when.value} to {r.destination}" for r in features.forwarding if r.active)
    return LineNow(number, behaviour, _connections(pbx, number), features.do_not_disturb, forwardings)


def _connections(pbx: Pbx, number: str) -> tuple[Connection, ...]:
    return tuple(
        Connection(call.id, call.parties[number].value, tuple(p for p in call.parties if p != number))
        for call in pbx.calls(number)
    )


class ControlProtocol(LineOnlyReceiver):
    """One client of the socket."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_REQUEST

    def __init__(self, pbx: Pbx, clients: set[ControlProtocol]) -> None:
        self._pbx, self._clients = pbx, clients

    def connectionMade(self) -> None:
        self._clients.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._clients.discard(self)

    def lineReceived(self, line: bytes) -> None:
        assert self.transport is not None
        self.transport.write(msgspec.json.encode(answered(self._pbx, line)) + self.delimiter)


class ControlFactory(Factory):
    """Accepts the clients of the socket."""

    noisy = False

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self._clients: set[ControlProtocol] = set()

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return ControlProtocol(self._pbx, self._clients)

    def close(self) -> None:
        """Let every client go."""
        for client in tuple(self._clients):
            assert client.transport is not None
            client.transport.loseConnection()


def check(path: str) -> None:
    """Whether a socket may be at ``path``.  Raises `ValueError`, in one line."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ValueError(
            f"control: {path}: longer than the {LONGEST_PATH} bytes that a socket's name may have"
        )
    if not Path(path).parent.is_dir():
        raise ValueError(f"control: {path}: there is no such folder")


def listen(path: str, pbx: Pbx, reactor: IReactorUNIX) -> Callable[[], None]:
    """Take commands for ``pbx`` at ``path``; gives what ends it.  Raises `ValueError`, in one line."""
    check(path)
    try:
        _make_way(Path(path))
    except OSError as error:
        raise ValueError(f"control: {path}: {error.strerror}") from None
    factory = ControlFactory(pbx)
    try:
        port: Any = reactor.listenUNIX(path, factory, mode=ONLY_THE_OWNER)
    except CannotListenError as error:
        raise ValueError(f"control: {path}: {error.socketError.strerror}") from None

    def removed(failure: Failure) -> Failure | None:
        """Somebody has removed the file, over which Twisted does not come to closing the socket."""
        if not isinstance(failure.value, FileNotFoundError):
            return failure
        port.socket.close()
        return None

    def end() -> None:
        maybeDeferred(port.stopListening).addErrback(removed)  # it removes the file
        factory.close()

    return end


def _make_way(path: Path) -> None:
    """Remove what an earlier simulator left behind, and nothing else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):  # nor a link to one: it may be somebody else's
        raise ValueError(f"control: {path}: is there and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()  # nobody listens any more
            return
        except TimeoutError:
            """Somebody listens who is busy."""
    raise ValueError(f"control: {path}: another simulator listens there")
