"""Instant messages (RFC 3428): to every contact of the user, kept for those who are away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import structlog

from ctigw.means import Means
from ctigw.simple.accounts import Accounts
from ctigw.simple.headers import date, media_type
from ctigw.simple.proxy import Branch, Fork, Proxy, relayed
from ctigw.simple.reaching import reachable
from ctigw.simple.registrar import Binding, Registrar
from ctigw.sip.errors import Rejected
from ctigw.sip.events import Outcome
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.stack import Stack
from ctigw.values import value

# What says that a user is away, rather than that the message is no good.
AWAY = frozenset({404, 408, 410, 430, 480, 481, 500, 503, 504})
# What says nothing to a person, and is not kept: notices about other messages.
FLEETING = frozenset({"application/im-iscomposing+xml", "message/imdn+xml"})
SUCCESS = range(200, 300)
log = structlog.get_logger(__name__)


@value
class Note:
    """A message that waits for ``recipient``; ``at`` in seconds since 1970, ``id`` for `Mailbox.remove`."""

    id: str
    recipient: str
    sender: str
    at: float
    content_type: str
    body: bytes


class Mailbox(Protocol):
    """Where messages wait for those who are away."""

    def put(self, note: Note, done: Callable[[bool], None]) -> None:
        """Keep it, and then say whether that was possible."""

    def waiting(self, recipient: str, done: Callable[[list[Note]], None]) -> None:
        """Those for ``recipient``, the oldest first."""

    def remove(self, note: Note) -> None:
        """It is delivered."""


# Told the sender, the recipient and the time of a message that was delivered, or is kept.
History = Callable[[str, str, float], None]


def no_history(_sender: str, _recipient: str, _at: float) -> None:
    """Nobody wants to know."""


class Messaging:
    """``mailbox`` None: who is away does not get messages, and the sender is told so."""

    def __init__(
        self,
        stack: Stack,
        proxy: Proxy,
        accounts: Accounts,
        registrar: Registrar,
        means: Means,
        *,
        mailbox: Mailbox | None = None,
        history: History = no_history,
    ) -> None:
        self._stack, self._proxy, self._accounts, self._registrar = stack, proxy, accounts, registrar
        self._now, self._token = means.now, means.token
        self._mailbox, self._history = mailbox, history
        # Those whose waiting messages are on their way, and whether they have registered again since.
        self._delivering: dict[str, bool] = {}
        registrar.reached = self._reached

    def message(self, incoming: Incoming, sender: str, recipient: str) -> None:
        """Serve a MESSAGE.  Raises `Rejected`: 404, 480, 482, 483."""
        if not self._accounts.exists(recipient):
            raise Rejected(404)
        branches, tried = self._branches(recipient), self._registrar.bindings(recipient)
        if branches:
            done = partial(self._answered, incoming, sender, recipient, tried)
            self._proxy.send(incoming, branches, sender, done)
        elif self._keeps(incoming.request):
            self._keep(incoming, sender, recipient, tried)
        else:
            raise Rejected(480)

    def _branches(self, recipient: str) -> list[Branch]:
        """Where the recipient can be reached, best first."""
        return [
            Branch(binding.uri, target)
            for binding in self._registrar.bindings(recipient)
            if (target := reachable(self._stack, binding.uri, binding.back)) is not None
        ]

    def _answered(
        self, incoming: Incoming, sender: str, recipient: str, tried: Sequence[Binding], outcome: Outcome
    ) -> None:
        if outcome.status in AWAY and self._keeps(incoming.request):
            self._keep(incoming, sender, recipient, tried)
            return
        if outcome.status in SUCCESS:
            self._remember(sender, recipient, incoming.request.get("Content-Type"))
        relayed(incoming, outcome)

    def _keeps(self, request: Request) -> bool:
        return self._mailbox is not None and media_type(request.get("Content-Type")) not in FLEETING

    def _keep(self, incoming: Incoming, sender: str, recipient: str, tried: Sequence[Binding]) -> None:
        assert self._mailbox is not None
        request = incoming.request
        content_type = request.get("Content-Type") or "text/plain"
        note = Note(self._token(), recipient, sender, self._now(), content_type, request.body)
        self._mailbox.put(note, partial(self._kept, incoming, note, tried))

    def _kept(self, incoming: Incoming, note: Note, tried: Sequence[Binding], kept: bool) -> None:
        if kept:
            self._remember(note.sender, note.recipient, note.content_type)
        incoming.respond(202 if kept else 480)
        # Who has registered since then was asked for what waits when this did not: half a minute, perhaps.
        if kept and not set(tried).issuperset(self._registrar.bindings(note.recipient)):
            self._reached(note.recipient)

    def _remember(self, sender: str, recipient: str, content_type: str) -> None:
        if media_type(content_type) not in FLEETING:
            self._history(sender, recipient, self._now())

    # Those who come back

    def _reached(self, aor: str) -> None:
        if self._mailbox is None:
            return
        if aor in self._delivering:
            self._delivering[aor] = True
        else:
            self._delivering[aor] = False
            self._mailbox.waiting(aor, partial(self._deliver, aor))

    def _stop(self, aor: str) -> None:
        if self._delivering.pop(aor):
            self._reached(aor)

    def _deliver(self, aor: str, notes: list[Note]) -> None:
        """One after the other, so that they arrive in order; the first that does not stops them."""
        branches = self._branches(aor)
        if not notes or not branches:
            self._stop(aor)
            return
        note = self._request(notes[0])
        copies = [
            (Request(note.method, branch.uri, note.headers, note.body), branch.target) for branch in branches
        ]
        Fork(self._stack, partial(self._delivered, aor, notes)).send(copies)

    def _delivered(self, aor: str, notes: list[Note], outcome: Outcome) -> None:
        if outcome.status in AWAY:
            self._stop(aor)
            return
        if outcome.status not in SUCCESS:
            log.info("a kept message was refused", recipient=aor, status=outcome.status)
        assert self._mailbox is not None
        self._mailbox.remove(notes[0])
        self._deliver(aor, notes[1:])

    def _request(self, note: Note) -> Request:
        headers = {
            "From": [f"<sip:{note.sender}>;tag={self._token()}"],
            "To": [f"<sip:{note.recipient}>"],
            "Call-ID": [self._token()],
            "CSeq": ["1 MESSAGE"],
            "P-Asserted-Identity": [f"<sip:{note.sender}>"],
            "Date": [date(note.at)],
            "Content-Type": [note.content_type],
        }
        return Request("MESSAGE", f"sip:{note.recipient}", headers, note.body)
