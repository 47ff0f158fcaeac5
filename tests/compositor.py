"""A server that keeps publications, for the tests of those who publish there."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

from ctigw.simple.publisher import Publisher
from ctigw.sip.digest import Digest, ha1
from ctigw.sip.digest import Outcome as Worth
from ctigw.sip.events import Done, Outcome
from ctigw.sip.message import Request, Response, parse
from ctigw.sip.timers import Timers


class Server:
    """An event state compositor (RFC 3903 §6), and a network that loses what the test says.

    ``plans``: what is answered to the next requests, before anything is done with them; None: nobody answers.
    """

    def __init__(self, **more: Any) -> None:
        self.time = 1_000.0
        self.timers = Timers(lambda: self.time)
        self.requests: list[Request] = []
        self.under_way: deque[tuple[Request, Done]] = deque()
        self.most_under_way = 0
        self.plans: deque[tuple[int, dict[str, str]] | None] = deque()
        self.down = False
        self.granted: int | None = None
        self.there: dict[str, bytes] = {}
        self.digest: Digest | None = None
        ids = count(1)
        self.etags = (f"e{number}" for number in count(1))
        self.publisher = Publisher(self.send, self.timers, lambda: f"t{next(ids)}", **more)

    def send(self, request: Request, done: Done) -> None:
        wire = Request(
            request.method, request.uri, {"Via": ["SIP/2.0/UDP x"], **request.headers}, request.body
        )
        assert parse(wire.write()) == wire
        self.requests.append(request)
        self.under_way.append((request, done))
        self.most_under_way = max(self.most_under_way, len(self.under_way))

    def answer(self) -> None:
        """Answer the first request that is under way."""
        request, done = self.under_way.popleft()
        done(self.judge(request))

    def settle(self) -> list[str]:
        """Answer everything; gives what has been asked since the last time, in short."""
        while self.under_way:
            self.answer()
        short = [shown(request) for request in self.requests]
        self.requests.clear()
        return short

    def passes(self, seconds: float) -> list[str]:
        self.time += seconds
        self.timers.fire()
        return self.settle()

    def judge(self, request: Request) -> Outcome:
        if self.down:
            return Outcome(408)
        if self.plans:
            plan = self.plans.popleft()
            if plan is None:
                return Outcome(503)
            status, headers = plan
            return Outcome(status, Response(status, "", {name: [text] for name, text in headers.items()}))
        if self.digest is not None and not self.proved(self.digest, request):
            return Outcome(401, Response(401, "", {"WWW-Authenticate": self.digest.challenges()}))
        return self.served(request)

    def proved(self, digest: Digest, request: Request) -> bool:
        lines = request.lines("Authorization")

        def lookup(_user: str, algorithm: str) -> str:
            return ha1("gateway", "example.com", "secret", algorithm)

        return digest.check(lines, request.method, request.uri, lookup).outcome is Worth.ACCEPTED

    def served(self, request: Request) -> Outcome:
        old = request.get("SIP-If-Match")
        if old and old not in self.there:
            return Outcome(412, Response(412, ""))
        body = self.there.pop(old) if old else b""
        expires = request.expires
        headers = {"Expires": [str(expires if self.granted is None else self.granted)]}
        if expires:
            etag = next(self.etags)
            self.there[etag] = request.body or body
            headers["SIP-ETag"] = [etag]
        return Outcome(200, Response(200, "OK", headers))

    def bodies(self) -> list[bytes]:
        return sorted(self.there.values())


def shown(request: Request) -> str:
    """A request in short: what it does, and with what."""
    etag, body = request.get("SIP-If-Match"), request.body.decode()
    if request.expires == 0:
        return f"remove {etag}"
    if not etag:
        return f"publish {body}"
    return f"modify {etag} {body}" if body else f"refresh {etag}"
