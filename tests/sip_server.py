"""A SIP server for tests of clients: it believes everything, and does the least that is right."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ctigw.config.sip import Sip, SipListener
from ctigw.net.sip_endpoint import SipEndpoint
from ctigw.sip.events import Answered, Asked
from ctigw.sip.hops import Local, Remote, remote_of
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers
from ctigw.sip.uri import aor, parse_uri

CHALLENGE = 'Digest realm="example.com", nonce="abc", algorithm=SHA-256, qop="auth"'


class Server:
    """Registrar, presence server and proxy of messages, for whoever asks.

    ``wants_password``: of everybody; any will do.  ``bodies`` are what is notified, by Accept; else what was
    published, or that somebody is not there.
    """

    def __init__(self, reactor: Any, *listeners: SipListener, wants_password: bool = False) -> None:
        self._endpoint = SipEndpoint(Sip(listeners=listeners), reactor)
        self.locals: tuple[Local, ...] = self._endpoint.open()
        self._timers = Timers(reactor.seconds)
        self._stack = Stack(self._timers, lambda: secrets.token_hex(8), self.locals)
        self.outgoing, self.next_timeout = self._stack.outgoing, self._stack.next_timeout
        self.wants_password = wants_password
        self.asked: list[Request] = []
        self.contacts: dict[str, Remote] = {}
        self.published: dict[str, bytes] = {}
        self.bodies: dict[str, tuple[str, bytes]] = {}
        self._watchers: dict[str, tuple[Request, Remote, str, list[int]]] = {}
        self._endpoint.serve(self)

    def at(self, transport: str = "udp", host: str = "127.0.0.1") -> str:
        """As the option --at says it."""
        local = next(local for local in self.locals if local.transport == transport.upper())
        return f"{transport}:{host}:{local.port}"

    async def stop(self) -> None:
        await self._endpoint.stop()

    # Node

    def receive(self, data: bytes, source: Remote) -> None:
        self._stack.receive(data, source)
        self._serve()

    def connected(self, remote: Remote, names: tuple[str, ...]) -> None:
        """Nobody is asked for certificates."""

    def lost(self, remote: Remote) -> None:
        self._stack.lost(remote)
        self._serve()

    def timeout(self) -> None:
        self._stack.timeout()
        self._serve()

    def _serve(self) -> None:
        for event in self._stack.events():
            if isinstance(event, Answered):
                event.done(event.outcome)
            elif isinstance(event, Asked) and event.incoming.request.method != "ACK":
                self._take(event.incoming)

    def _take(self, incoming: Incoming) -> None:
        request = incoming.request
        self.asked.append(request)
        if self.wants_password and "Authorization" not in request.headers:
            incoming.respond(401, (("WWW-Authenticate", CHALLENGE),))
            return
        served: dict[str, Callable[[Incoming, Request], None]] = {
            "REGISTER": self._register,
            "PUBLISH": self._publish,
            "SUBSCRIBE": self._subscribe,
            "MESSAGE": self._message,
        }
        served[request.method](incoming, request)

    def _register(self, incoming: Incoming, request: Request) -> None:
        who = aor(request.to.uri)
        if request.expires == 0:
            self.contacts.pop(who, None)
        else:
            self.contacts[who] = self._back(incoming)
        incoming.respond(200, (("Expires", str(request.expires)),))

    def _publish(self, incoming: Incoming, request: Request) -> None:
        who = aor(request.uri)
        if request.expires == 0:
            self.published.pop(who, None)
        elif request.body:
            self.published[who] = request.body
        incoming.respond(200, (("SIP-ETag", secrets.token_hex(4)), ("Expires", str(request.expires))))
        for key, (first, *_) in tuple(self._watchers.items()):
            if aor(first.uri) == who:
                self._notify(key, "active;expires=600")

    def _subscribe(self, incoming: Incoming, request: Request) -> None:
        if parse_uri(request.uri).user == "nobody":
            incoming.respond(404)
            return
        key = request.call_id
        incoming.respond(200, (("Expires", str(request.expires)), ("Contact", self._contact(incoming))))
        if key not in self._watchers:
            self._watchers[key] = (request, self._back(incoming), incoming.tag, [0])
        self._notify(key, "active;expires=600" if request.expires else "terminated;reason=timeout")
        if not request.expires:
            del self._watchers[key]

    def _message(self, incoming: Incoming, request: Request) -> None:
        contact = self.contacts.get(aor(request.uri))
        if contact is None:
            incoming.respond(202 if parse_uri(request.uri).user == "absent" else 480)
            return
        passed = Request("MESSAGE", request.uri, {**request.headers}, request.body)
        del passed.headers["Via"]
        self._stack.request(passed, contact, lambda outcome: incoming.respond(outcome.status))

    def _notify(self, key: str, state: str) -> None:
        first, back, tag, numbers = self._watchers[key]
        numbers[0] += 1
        empty = f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{first.uri}"/>'.encode()
        kind, body = self.bodies.get(
            first.get("Accept"), ("application/pidf+xml", self.published.get(aor(first.uri), empty))
        )
        headers = {
            "From": [f"{first.get('To')};tag={tag}"],
            "To": [first.get("From")],
            "Call-ID": [key],
            "CSeq": [f"{numbers[0]} NOTIFY"],
            "Contact": [f"<{self._stack.local(back).uri()}>"],
            "Event": [first.get("Event")],
            "Subscription-State": [state],
            "Content-Type": [kind],
        }
        self._stack.request(Request("NOTIFY", first.contacts[0].uri, headers, body), back, None)

    def _contact(self, incoming: Incoming) -> str:
        return f"<{self._stack.local(incoming.source).uri()}>"

    def _back(self, incoming: Incoming) -> Remote:
        """Over the connection that it came by, else where the contact says."""
        if incoming.source.flow:
            return incoming.source
        return remote_of(parse_uri(incoming.request.contacts[0].uri), 0, incoming.source.local)
