"""The registrar (RFC 3261 §10): where users can be reached, each binding until it expires.

All changes of one address's bindings happen one after the other, each when the one before it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ctigw.expiring import Expiring
from ctigw.means import Means
from ctigw.simple.headers import Expiries
from ctigw.simple.reaching import way_back
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote, remote_of
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.uri import parse_name_addr, parse_uri
from ctigw.turns import WAITING, Turns
from ctigw.values import named, value

# Characters of a contact's URI: what is longer cannot be stored.
LONGEST = 1024


class Binding:
    """A contact of an address of record.  ``back``: see `reaching.way_back`."""

    __slots__ = ("aor", "back", "call_id", "cseq", "due", "expires", "q", "uri")

    def __init__(
        self, aor: str, uri: str, q: float, expires: float, call_id: str, cseq: int, back: Remote | None
    ) -> None:
        self.aor, self.uri, self.q, self.expires = aor, uri, q, expires
        self.call_id, self.cseq, self.back = call_id, cseq, back
        self.due = 0


@value
class Moved:
    """What is to be stored of a REGISTER: bindings that are new or renewed, and those that are gone."""

    put: tuple[Binding, ...]
    gone: tuple[Binding, ...]


# Stores a change and then says whether that went well, at once or later.
Keep = Callable[[Moved, Callable[[bool], None]], None]


def forgetful(_moved: Moved, done: Callable[[bool], None]) -> None:
    """Stores nothing."""
    done(True)


@named
class Settings:
    """``contacts``: how many bindings somebody may have."""

    expiries: Expiries
    contacts: int = 10


class Registrar:
    """The bindings of everybody.  ``reached`` is told who can be reached again, or in one more place."""

    def __init__(self, settings: Settings, means: Means, *, keep: Keep = forgetful) -> None:
        self._settings, self._now, self._keep = settings, means.now, keep
        self._of: dict[str, dict[str, Binding]] = {}
        self._turns = Turns()
        self._expiring: Expiring[Binding] = Expiring(means, self._over)
        self.reached: Callable[[str], None] = lambda _aor: None

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def bindings(self, aor: str) -> list[Binding]:
        """Where ``aor`` can be reached, best first."""
        return sorted(self._of.get(aor, {}).values(), key=lambda binding: -binding.q)

    def restore(self, bindings: Iterable[Binding]) -> None:
        """Take back what was stored."""
        for binding in bindings:
            self._put(binding)

    def register(self, incoming: Incoming, aor: str) -> None:
        """Serve a REGISTER for ``aor``: 200, 400, 403, 423, 500, 503."""
        if self._turns.waiting(aor) >= WAITING:
            incoming.respond(503, [("Retry-After", "5")])
        else:
            self._turns.take(aor, partial(self._begin, incoming, aor))

    def forget(self, aor: str) -> None:
        """There is nobody of that name any more."""
        self._turns.take(aor, partial(self._end, aor, lambda _binding: True))

    def _over(self, binding: Binding) -> None:
        """Its time is up, unless a change that is under way renews it."""
        self._turns.take(binding.aor, partial(self._end, binding.aor, lambda other: other is binding))

    def _end(self, aor: str, meant: Callable[[Binding], bool]) -> None:
        """Whatever the store says: it knows by itself until when a binding lasts."""
        gone = tuple(filter(meant, self._of.get(aor, {}).values()))
        for binding in gone:
            self._take(binding)
        if gone:
            self._keep(Moved((), gone), lambda _kept: self._turns.over(aor))
        else:
            self._turns.over(aor)

    def _begin(self, incoming: Incoming, aor: str) -> None:
        request = incoming.request
        try:
            contacts = request.values("Contact")
            clear = contacts == ["*"]
            moved = self._clear(request, aor) if clear else self._moved(incoming, aor, contacts)
        except Rejected as refusal:
            incoming.reject(refusal)
            self._turns.over(aor)
            return
        if moved.put or moved.gone:
            self._keep(moved, partial(self._kept, incoming, aor, moved))
        else:
            self._kept(incoming, aor, moved, True)

    def _kept(self, incoming: Incoming, aor: str, moved: Moved, kept: bool) -> None:
        try:
            if kept:
                self._moves(incoming, aor, moved)
            else:
                incoming.respond(503, [("Retry-After", "5")])
        finally:
            self._turns.over(aor)

    def _moves(self, incoming: Incoming, aor: str, moved: Moved) -> None:
        for binding in moved.gone:
            self._take(binding)
        for binding in moved.put:
            self._put(binding)
        incoming.respond(200, [("Contact", self._shown(binding)) for binding in self.bindings(aor)])
        if moved.put:
            self.reached(aor)

    def _clear(self, request: Request, aor: str) -> Moved:
        if request.get("Expires").strip() != "0":
            raise Rejected(400, "Contact * needs Expires 0")
        here = tuple(self._of.get(aor, {}).values())
        for binding in here:
            self._in_order(binding, request)
        return Moved((), here)

    def _moved(self, incoming: Incoming, aor: str, contacts: list[str]) -> Moved:
        request = incoming.request
        here = self._of.get(aor, {})
        put: list[Binding] = []
        gone: list[Binding] = []
        for text in contacts:
            contact = parse_name_addr(text)
            uri = parse_uri(contact.uri)
            if uri.scheme not in ("sip", "sips"):
                raise Rejected(400, "Contact is no SIP address")
            if len(contact.uri) > LONGEST:
                raise Rejected(400, "Contact is too long")
            if not contact.uri.isascii():  # the rest is to be escaped (§25.1)
                raise Rejected(400, "Bad Contact")
            old = here.get(contact.uri)
            if old is not None:
                self._in_order(old, request)
            seconds = self._settings.expiries.granted(request, contact.param("expires"))
            if seconds:
                back = way_back(incoming)
                if back is None:
                    remote_of(uri)  # refused now, and not when something is to be sent there
                q, expires = _q(contact.param("q")), self._now() + seconds
                call_id, cseq = request.get("Call-ID"), request.cseq
                put.append(Binding(aor, contact.uri, q, expires, call_id, cseq, back))
            elif old is not None:
                gone.append(old)
        if len({*here, *(binding.uri for binding in put)}) - len(gone) > self._settings.contacts:
            raise Rejected(403, "Too many contacts")
        return Moved(tuple(put), tuple(gone))

    def _in_order(self, binding: Binding, request: Request) -> None:
        """A REGISTER that was overtaken changes nothing (§10.3 step 7)."""
        if binding.call_id == request.get("Call-ID") and request.cseq <= binding.cseq:
            raise Rejected(500, "Out of order")

    def _shown(self, binding: Binding) -> str:
        left = max(0, round(binding.expires - self._now()))
        return f"<{binding.uri}>;q={binding.q:g};expires={left}"

    def _put(self, binding: Binding) -> None:
        here = self._of.setdefault(binding.aor, {})
        if binding.uri in here:
            self._expiring.drop(here[binding.uri])
        here[binding.uri] = binding
        self._expiring.set(binding, binding.expires)

    def _take(self, binding: Binding) -> None:
        here = self._of.get(binding.aor, {})
        here.pop(binding.uri, None)
        self._expiring.drop(binding)
        if not here:
            self._of.pop(binding.aor, None)


def _q(text: str | None) -> float:
    """§20.10: 0 to 1; 1 when it is not there."""
    if not text:
        return 1.0
    try:
        q = float(text)
    except ValueError:
        q = -1.0
    if not 0 <= q <= 1:
        raise Malformed(400, "Bad q")
    return q
