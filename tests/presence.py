"""A whole SIP server in memory: messages in, messages out, and a clock that passes when a test says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock

from ctigw.app.sip import Kept, SipSide, sip_side
from ctigw.config import Config, parse
from ctigw.directory.people import Group, Profile
from ctigw.rules import Rule, Visibility
from ctigw.sip.digest import ha1
from ctigw.sip.errors import Malformed
from ctigw.sip.hops import Remote
from ctigw.sip.message import Message, Request, Response
from ctigw.sip.message import parse as read
from tests.sip import LOCALS, PEER, tokens

# Figures of what there is until it ends.
LASTING = ("subscriptions", "bindings", "back-end subscriptions", "publications", "presentities", "watchings")
ALL = Rule("everybody", Visibility.ALL)
# What most tests are about: nobody is asked for a password, and everybody may see everything.
OPEN = """
[sip]
domains = ["example.com"]
[[sip.listeners]]
authentication = "none"
[[sip.listeners]]
transport = "tcp"
authentication = "none"
[[sip.listeners]]
transport = "tcp"
port = 5061
authentication = "none"
"""
PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@example.com">'
    '<tuple id="{id}"><status><basic>{basic}</basic></status></tuple>'
    '<dm:person id="alice"><r:activities><r:{activity}/></r:activities></dm:person></presence>'
)


def pidf(basic: str = "open", activity: str = "away", tuple_id: str = "t1") -> str:
    """A document that says little."""
    return PIDF.format(basic=basic, activity=activity, id=tuple_id)


def person(
    name: str, *, rules: Sequence[Rule] = (ALL,), contacts: Sequence[str] = (), **more: Any
) -> Profile:
    """Somebody at example.com whose password is "secret"."""
    hashes = {algorithm: ha1(name, "example.com", "secret", algorithm) for algorithm in ("MD5", "SHA-256")}
    groups = (Group("", tuple(f"{contact}@example.com" for contact in contacts)),) if contacts else ()
    return Profile(
        f"{name}@example.com",
        name.capitalize(),
        hashes["MD5"],
        hashes["SHA-256"],
        rules=tuple(rules),
        groups=groups,
        **more,
    )


class Bench:
    """``alice``, ``bob`` and ``carol`` are known; ``settings`` is a configuration in TOML."""

    def __init__(self, settings: str = OPEN, kept: Kept | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.config: Config = parse(settings)
        self.side: SipSide = sip_side(self.config, LOCALS, self.clock, kept or Kept(), token=tokens())
        self.side.put([person(name) for name in ("alice", "bob", "carol")])
        self._numbers = 0
        # What was sent to each, until it was looked at.
        self.mail: list[tuple[Remote, Message]] = []
        # What cannot be read, since what it answers could not.
        self.fragments: list[tuple[Remote, bytes]] = []

    def receive(self, data: bytes | str, source: Remote = PEER) -> None:
        """Something arrives, and is served."""
        self.side.node.receive(data.encode() if isinstance(data, str) else data, source)
        self.turn()

    def turn(self) -> None:
        """What is to be sent is sent."""
        while out := self.side.node.outgoing():
            for to, data in out:
                self._send(to, data)

    def _send(self, to: Remote, data: bytes) -> None:
        try:
            if data.strip():  # else a keep-alive, or the end of a connection
                self.mail.append((to, read(data)))
        except Malformed:  # the answer to what lacks what an answer needs
            assert data.startswith(b"SIP/2.0 4")
            self.fragments.append((to, data))

    def passes(self, seconds: float) -> None:
        """Let time pass, every timer at its time."""
        node = self.side.node
        end = self.clock.seconds() + seconds
        while (due := node.next_timeout()) is not None and due <= end:
            self.clock.advance(max(0.0, due - self.clock.seconds()))
            node.timeout()
            self.turn()
        self.clock.advance(end - self.clock.seconds())

    def taken(self) -> list[Message]:
        """All that was sent since the last time."""
        mail, self.mail = self.mail, []
        return [message for _, message in mail]

    def ask(self, method: str, who: str, whom: str, source: Remote = PEER, /, **headers: str) -> Response:
        """What a request outside of dialogs is answered; a header ``body`` is the body."""
        self._numbers += 1
        number = self._numbers
        body = headers.pop("body", "")
        uri = headers.pop("uri", f"sip:{whom}@example.com")
        more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        self.receive(
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/{source.transport} {source.host}:{source.port};branch=z9hG4bKask{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{who}@example.com>;tag=from{number}\r\n"
            f"To: <sip:{whom}@example.com>\r\nCall-ID: call{number}\r\nCSeq: 1 {method}\r\n"
            f"{more}Content-Length: {len(body.encode())}\r\n\r\n{body}",
            source,
        )
        return self.answer(f"call{number}")

    def answer(self, call_id: str) -> Response:
        """The final answer in ``call_id``, which is taken out of the mail."""
        for index, (_, message) in enumerate(self.mail):
            if isinstance(message, Response) and message.call_id == call_id and message.status >= 200:
                del self.mail[index]
                return message
        raise AssertionError(f"no answer in {call_id}: {self.mail}")

    def publish(self, who: str = "alice", body: str = "", **headers: str) -> Response:
        """PUBLISH of one's own state; with a document unless ``body`` is given."""
        content = {"Content_Type": "application/pidf+xml"} if body else {}
        more = {"Event": "presence", "Expires": "600", **content, **headers, "body": body}
        return self.ask("PUBLISH", who, who, PEER, **more)

    def subscribe(self, who: str = "bob", whom: str = "alice", **headers: str) -> Response:
        """SUBSCRIBE; see `notified` for what comes of it."""
        more = {"Event": "presence", "Expires": "600", "Contact": "<sip:192.0.2.15:5060>", **headers}
        return self.ask("SUBSCRIBE", who, whom, PEER, **more)

    def asked(self, method: str) -> list[tuple[Remote, Request]]:
        """The requests of ours with this method, which are taken out of the mail, and where they went.

        What was sent again because time has passed is among them once.
        """
        sent = [(to, m) for to, m in self.mail if isinstance(m, Request) and m.method == method]
        found: dict[str, tuple[Remote, Request]] = {}
        for to, request in sent:
            found.setdefault(request.get("Via"), (to, request))
        self.mail = [(to, m) for to, m in self.mail if not (isinstance(m, Request) and m.method == method)]
        return list(found.values())

    def register(self, who: str = "alice", *contacts: str, **headers: str) -> Response:
        """REGISTER of contacts, each as it stands in Contact."""
        more = {"Contact": ", ".join(contacts)} if contacts else {}
        return self.ask("REGISTER", who, who, PEER, **{"uri": "sip:example.com", **more, **headers})

    def notified(self, status: int = 200) -> list[Request]:
        """The NOTIFYs that came, those that answering them (with ``status``) causes among them."""
        found: list[Request] = []
        while requests := [m for _, m in self.mail if isinstance(m, Request) and m.method == "NOTIFY"]:
            self.mail = [(to, m) for to, m in self.mail if m not in requests]
            for request in requests:
                # What was sent again because time has passed is no other one.
                if all(request.get("Via") != other.get("Via") for other in found):
                    found.append(request)
                    self.receive(answer(request, status))
        return found


def answer(request: Request, status: int = 200, **headers: str) -> str:
    """What somebody answers to ``request``."""
    to = request.get("To") + ("" if request.to_tag else ";tag=theirs")
    more = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    vias = "".join(f"Via: {via}\r\n" for via in request.values("Via"))
    return (
        f"SIP/2.0 {status} Whatever\r\n{vias}From: {request.get('From')}\r\nTo: {to}\r\n"
        f"Call-ID: {request.call_id}\r\nCSeq: {request.get('CSeq')}\r\n{more}Content-Length: 0\r\n\r\n"
    )
