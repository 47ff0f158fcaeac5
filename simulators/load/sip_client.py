"""The SIP load client: one UDP socket, with many transactions in flight.

It never sends anything again: what is not answered is an error.  What it is sent a second time is answered
as it has to be, counted, and is no success.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Protocol

from simulators.load.client import Span, WrongAnswerError, spanned
from simulators.load.processes import Server
from simulators.load.sip_messages import (
    CALL,
    CONTACT,
    ETAG,
    NOTIFY,
    OK,
    TO,
    answer,
    call,
    documents,
    publish,
    subscribe,
    user,
)

READ = 1 << 16
# Seconds without anything after which something is lost.
LOST = 8.0
BUFFER = 32 << 20
FORCED = 33  # SO_RCVBUFFORCE
# Who publishes and is watched: as many as are named in turn.
USERS = 20_000
# Both the answer to a SUBSCRIBE and its NOTIFY are awaited.
ANSWER, TOLD = 1, 2

# No two calls of this process have one name: a server remembers them for a while.
SERIALS = count(1)


class SipWork(Protocol):
    """What the slots do.  ``port`` is where the client is; a slot is one call at a time."""

    done: int
    repeated: int

    def first(self, slot: int, port: int) -> bytes | None:
        """What a slot begins with; None: there is nothing left to do."""

    def next(self, slot: int, serial: int, message: bytes, port: int) -> bytes | None:
        """What follows what has come: a request; ``b""``: the slot is done; None: more is to come."""


class SipLoad:
    """``depth`` slots that work on one server, as fast as it answers."""

    def __init__(self, server: Server, depth: int) -> None:
        self._server, self.depth = server, depth
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        with suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, FORCED, BUFFER)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", server.sip_port))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._poll = select.epoll()
        self._poll.register(self.socket, select.EPOLLIN)

    def close(self) -> None:
        """Be gone."""
        self._poll.close()
        self.socket.close()

    def run(self, work: SipWork, seconds: float) -> Span:
        """Work for so long, or until there is nothing to do, then finish what is begun."""
        return spanned(self._server, work, lambda until: self._work(work, until), seconds)

    def _work(self, work: SipWork, until: float) -> None:
        send, port = self.socket.send, self.port
        active = 0
        for slot in range(self.depth):
            message = work.first(slot, port)
            if message is not None:
                active += 1
                send(message)
        while active:
            more = time.perf_counter() < until
            out = []
            for data in self.waiting():
                if data.startswith(NOTIFY):
                    out.append(answer(data))
                slot, serial = self.whose(data)
                message = work.next(slot, serial, data, port)
                if message == b"":
                    message = work.first(slot, port) if more else None
                    active -= message is None
                if message is not None:
                    out.append(message)
            for message in out:
                send(message)

    def waiting(self) -> list[bytes]:
        """What has come, once anything has."""
        if not self._poll.poll(LOST):
            raise WrongAnswerError("something was lost, which would be sent again: it is not here")
        receive, found = self.socket.recv, []
        with suppress(BlockingIOError):
            while True:
                found.append(receive(READ))
        return found

    @staticmethod
    def whose(data: bytes) -> tuple[int, int]:
        """The slot and the serial number that a message is about."""
        found = CALL.search(data)
        if found is None:
            raise WrongAnswerError(data)
        return int(found[1]), int(found[2])


class _Calls:
    """What all works share: pieces that are counted, and a new call for each turn of a slot.

    ``most``: so many calls in all.
    """

    def __init__(self, most: int | None = None, first_user: int = 0) -> None:
        self.done = self.repeated = 0
        self._left = -1 if most is None else most
        self._at = first_user
        self._now: dict[int, int] = {}
        self._who: dict[int, bytes] = {}

    def begin(self, slot: int) -> bytes | None:
        """The name of a new call of the slot, which has a user of its own."""
        if not self._left:
            return None
        self._left -= 1
        self._now[slot] = serial = next(SERIALS)
        self._who[slot] = user(self._at)
        self._at = (self._at + 1) % USERS
        return call(slot, serial)

    def is_new(self, slot: int, serial: int) -> bool:
        """Whether a message is about what the slot does now."""
        if self._now.get(slot) == serial:
            return True
        self.repeated += 1
        return False

    def is_done(self, slot: int, serial: int, answer: bytes) -> bool:
        """Whether the slot's request is answered, well and for the first time.

        Raises `WrongAnswerError`.
        """
        if not self.is_new(slot, serial):
            return False
        if not answer.startswith(OK):
            raise WrongAnswerError(answer)
        self.done += 1
        return True


class Publishing(_Calls):
    """An initial PUBLISH, eight that modify it, and its removal."""

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[bytes, list[bytes]] = {}
        self._step: dict[int, int] = {}

    def first(self, slot: int, port: int) -> bytes | None:
        """Publish something."""
        name = self.begin(slot)
        if name is None:
            return None
        self._step[slot] = 1
        who = self._who[slot]
        return publish(who, port, name, 1, body=self._of(who)[0])

    def next(self, slot: int, serial: int, message: bytes, port: int) -> bytes | None:
        """Change it, with the entity-tag that came."""
        if not self.is_done(slot, serial, message):
            return None
        step, who = self._step[slot], self._who[slot]
        self._step[slot] = step + 1
        told = self._of(who)
        if step > len(told):
            return b""
        etag = ETAG.search(message)
        if etag is None:
            raise WrongAnswerError(message)
        name = call(slot, serial)
        if step == len(told):
            return publish(who, port, name, step + 1, etag=etag[1], expires=0)
        return publish(who, port, name, step + 1, etag=etag[1], body=told[step])

    def _of(self, who: bytes) -> list[bytes]:
        """Made once, so that the client has less to do than the server."""
        found = self._documents.get(who)
        if found is None:
            found = self._documents[who] = documents(who)
        return found


class Subscribing(_Calls):
    """A SUBSCRIBE, its NOTIFY; with ``leave`` another one, that ends it, and its NOTIFY.

    A piece of work is one SUBSCRIBE.  ``whom``: who is watched, by default a user of the same name.
    """

    def __init__(
        self, *, leave: bool = True, most: int | None = None, whom: bytes = b"", first_user: int = 0
    ) -> None:
        super().__init__(most, first_user)
        self._leave, self._whom = leave, whom
        self._awaited: dict[int, int] = {}
        self._dialog: dict[int, tuple[bytes, bytes]] = {}
        self._step: dict[int, int] = {}

    def first(self, slot: int, port: int) -> bytes | None:
        """Begin to watch."""
        name = self.begin(slot)
        if name is None:
            return None
        self._step[slot], self._awaited[slot] = 1, ANSWER | TOLD
        who = self._who[slot]
        return subscribe(who, self._whom or who, port, name, 1, expires=3600)

    def next(self, slot: int, serial: int, message: bytes, port: int) -> bytes | None:
        """Leave again, once both have come."""
        if not self.is_new(slot, serial):
            return None
        come = TOLD if message.startswith(NOTIFY) else ANSWER
        if not self._awaited[slot] & come:
            self.repeated += 1
            return None
        if come is ANSWER:
            self._answered(slot, message)
        self._awaited[slot] &= ~come
        if self._awaited[slot]:
            return None
        self.done += 1
        self._step[slot] += 1
        if self._step[slot] > (2 if self._leave else 1):
            del self._now[slot]
            return b""
        self._awaited[slot] = ANSWER | TOLD
        (to, uri), who = self._dialog[slot], self._who[slot]
        return subscribe(who, self._whom or who, port, call(slot, serial), 2, to=to, uri=uri, expires=0)

    def _answered(self, slot: int, message: bytes) -> None:
        to, contact = TO.search(message), CONTACT.search(message)
        if not message.startswith(OK) or to is None or contact is None:
            raise WrongAnswerError(message)
        self._dialog[slot] = to[1], contact[1]


class Once(_Calls):
    """One request a piece, each of somebody else: what stays is to be looked at."""

    def __init__(self, request: Callable[[bytes, int, bytes], bytes], most: int, first_user: int = 0) -> None:
        super().__init__(most, first_user)
        self._request = request

    def first(self, slot: int, port: int) -> bytes | None:
        """The next one's."""
        name = self.begin(slot)
        return None if name is None else self._request(self._who[slot], port, name)

    def next(self, slot: int, serial: int, message: bytes, port: int) -> bytes | None:
        """It is answered."""
        return b"" if self.is_done(slot, serial, message) else None


def published(who: bytes, port: int, name: bytes) -> bytes:
    """A publication that stays."""
    return publish(who, port, name, 1, body=documents(who)[0])
