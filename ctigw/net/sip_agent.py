"""A SIP user without sockets: what it asks is answered to a callback, what it is asked it answers.

`Agent` is the user: credentials, numbers, who is told what arrives.  `Registration`, `Publication` and
`Watch` (sip_watch) are what it keeps at a server; each refreshes itself in good time until it is ended.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ctigw.sip import digest
from ctigw.sip.errors import Malformed, Rejected, reason_of
from ctigw.sip.events import Answered, Asked, Done, Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, Response
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timer, Timers
from ctigw.sip.uri import aor, parse_uri
from ctigw.values import value

# What is kept at a server is refreshed when so much of its time is over, and once more before it ends.
REFRESH = 0.8
# A challenge is answered, and once more when it says that only the nonce was too old.
CHALLENGES = 2
# After so many seconds a server is asked again that could not be reached, or was not well.
RETRY = 30.0
_FOR_NOW = frozenset((408, 500, 503, 504))
NO_SUCH_ETAG, TOO_BRIEF = 412, 423
_ALLOWED = (("Allow", "MESSAGE, NOTIFY, OPTIONS"),)
Make = Callable[[], Request]


def is_success(outcome: Outcome) -> bool:
    """Whether it was done."""
    return 200 <= outcome.status < 300  # noqa: PLR2004 - 2xx


@value
class Account:
    """Who speaks: an address, and what it takes to prove that; ``user``: the name that the password is of."""

    uri: str
    user: str = ""
    password: str = ""


@value
class Text:
    """A message that has come; ``sender`` is a URI."""

    sender: str
    content_type: str
    body: bytes


class Agent:
    """One user, who sends everything to ``server``.

    ``on_message`` is told each MESSAGE; ``ask_password`` is asked for what the account does not have, once a
    server wants it ("": there is none).
    """

    def __init__(
        self,
        stack: Stack,
        timers: Timers,
        account: Account,
        server: Remote,
        token: Callable[[], str],
        *,
        on_message: Callable[[Text], None] = lambda _message: None,
        ask_password: Callable[[], str] = str,
    ) -> None:
        self.stack, self.timers, self.account, self.token = stack, timers, account, token
        self._server, self._on_message = server, on_message
        self.tag = token()
        self.contact = f"<{stack.local(server).uri(parse_uri(account.uri).user)}>"
        # By Call-ID, what wants the NOTIFYs of it.  Raises `Rejected`.
        self.watches: dict[str, Callable[[Incoming], None]] = {}
        self._ask_password = ask_password
        # There is one once a server has asked for it.
        self._login: digest.Login | None = None

    def send(self, make: Make, done: Done) -> None:
        """Ask what ``make`` makes, and again with the password when that is wanted.

        It is called for each attempt, since each has a CSeq of its own.
        """
        self._attempt(make, done, CHALLENGES)

    def request(self, method: str, uri: str, call_id: str, cseq: int) -> Request:
        """A request of this user outside of dialogs; To is whom it is for."""
        return Request(
            method,
            uri,
            {
                "From": [f"<{self.account.uri}>;tag={self.tag}"],
                "To": [f"<{uri}>"],
                "Call-ID": [call_id],
                "CSeq": [f"{cseq} {method}"],
                "User-Agent": ["ctigw"],
            },
        )

    def message(self, to: str, text: str, done: Done, content_type: str = "text/plain;charset=UTF-8") -> None:
        """Send a text to ``to``: 200 is delivered, 202 is kept for later."""
        call_id, number = self.token(), Numbers()

        def make() -> Request:
            made = self.request("MESSAGE", to, call_id, number.next())
            made.set("Content-Type", content_type)
            made.body = text.encode()
            return made

        self.send(make, done)

    def take(self) -> None:
        """Handle what the stack tells."""
        for event in self.stack.events():
            if isinstance(event, Answered):
                event.done(event.outcome)
            elif isinstance(event, Asked):
                self._asked(event.incoming)

    def _attempt(self, make: Make, done: Done, left: int) -> None:
        request = make()
        if self._login is not None:
            request.extend(self._login.headers(request.method, request.uri))
        self.stack.request(request, self._server, partial(self._answered, make, done, left))

    def _answered(self, make: Make, done: Done, left: int, outcome: Outcome) -> None:
        if left and outcome.response is not None and self._proves(outcome.response):
            self._attempt(make, done, left - 1)
        else:
            done(outcome)

    def _proves(self, response: Response) -> bool:
        """Whether the request is worth another attempt, with a password."""
        if response.status not in digest.AUTHENTICATES:
            return False
        if self._login is None:
            password = self.account.password or self._ask_password()
            if not password:
                return False
            self._login = digest.Login(self.account.user, password, self.token)
        return self._login.learn(response.status, response.lines(digest.AUTHENTICATES[response.status]))

    def _asked(self, incoming: Incoming) -> None:
        try:
            self._serve(incoming)
        except Rejected as error:
            incoming.reject(error)

    def _serve(self, incoming: Incoming) -> None:
        """Raises `Rejected`."""
        request = incoming.request
        if request.method == "NOTIFY":
            wants = self.watches.get(request.call_id)
            if wants is None:
                raise Rejected(481)
            wants(incoming)
        elif request.method == "MESSAGE":
            sender = request.from_.uri
            incoming.respond(200)
            self._on_message(Text(sender, request.get("Content-Type"), request.body))
        elif request.method == "OPTIONS":
            incoming.respond(200, headers=_ALLOWED)
        elif request.method != "ACK":
            raise Rejected(405, headers=_ALLOWED)


class Numbers:
    """CSeq, from 1."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        """One more than before."""
        self._last += 1
        return self._last


class Kept:
    """Something at a server that lasts for a time, and is refreshed.

    ``told`` is called with the outcome of each attempt that nobody else waits for.
    """

    def __init__(self, agent: Agent, expires: int, told: Done) -> None:
        self._agent, self._told = agent, told
        self._timer: Timer | None = None
        self._is_retrying = False
        self.expires = expires

    def _make(self) -> Request:
        raise NotImplementedError

    def _taken(self, response: Response) -> None:
        """The server has agreed."""

    def _refused(self, outcome: Outcome) -> bool:
        """The server has not agreed; whether another attempt would be another matter."""
        return False

    def end(self, done: Done) -> None:
        """Take it away; a subscription tells its last word still."""
        self.expires = 0
        self.refresh(done)

    def refresh(self, done: Done | None = None) -> None:
        """Have it for another time."""
        self.stop()
        self._agent.send(self._make, partial(self._answered, done or self._told, again=True))

    def _answered(self, done: Done, outcome: Outcome, *, again: bool) -> None:
        response = outcome.response
        if response is not None and is_success(outcome):
            self._taken(response)
            try:
                granted = response.expires
            except Malformed:
                granted = None
            if self.expires and granted is not None:
                self.expires = granted
            self._start()
        elif again and response is not None and self._tries_again(outcome):
            self._agent.send(self._make, partial(self._answered, done, again=False))
            return
        elif outcome.status in _FOR_NOW and done is self._told:
            self._retry()
        else:
            self._failed()
        done(outcome)

    def lost(self) -> bool:
        """The connection to the server is gone, and perhaps what it keeps: ask soon.

        False where that is so already, or an answer is awaited still.
        """
        if self._timer is None or self._is_retrying:
            return False
        self._retry()
        return True

    def _retry(self) -> None:
        self.stop()
        self._is_retrying = True
        self._timer = self._agent.timers.after(RETRY, self._again)

    def _failed(self) -> None:
        """The server will not."""

    def _tries_again(self, outcome: Outcome) -> bool:
        if outcome.status == TOO_BRIEF and self.expires and outcome.response is not None:
            try:
                least = outcome.response.number("Min-Expires")
            except Malformed:
                return False
            if least is None or least <= self.expires:
                return False
            self.expires = least
            return True
        return self._refused(outcome)

    def _start(self) -> None:
        self.stop()
        if self.expires:
            self._timer = self._agent.timers.after(self.expires * REFRESH, self._again)

    def stop(self) -> None:
        """Refresh it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_retrying = False

    def _again(self) -> None:
        self._timer, self._is_retrying = None, False
        self.refresh()


class Registration(Kept):
    """This agent's contact at its registrar (RFC 3261 §10)."""

    def __init__(self, agent: Agent, expires: int, told: Done) -> None:
        super().__init__(agent, expires, told)
        self._call_id, self._numbers = agent.token(), Numbers()

    def _make(self) -> Request:
        agent = self._agent
        own = parse_uri(agent.account.uri)
        made = agent.request("REGISTER", f"{own.scheme}:{own.host}", self._call_id, self._numbers.next())
        made.set("To", f"<{agent.account.uri}>")
        made.set("Contact", agent.contact)
        made.set("Expires", str(self.expires))
        return made

    def _taken(self, response: Response) -> None:
        """The time of our contact stands at it, where there are several (§10.3)."""
        if not self.expires:
            return
        own = aor(self._agent.contact.strip("<>"))
        for contact in response.contacts:
            text = contact.param("expires")
            if text and text.isdigit() and aor(contact.uri) == own:
                self.expires = int(text)


class Publication(Kept):
    """A document about this agent's user, or whom ``uri`` names (RFC 3903)."""

    def __init__(
        self,
        agent: Agent,
        uri: str,
        expires: int,
        told: Done,
        *,
        content_type: str = "application/pidf+xml",
        event: str = "presence",
    ) -> None:
        super().__init__(agent, expires, told)
        self._uri, self._content_type, self._event = uri, content_type, event
        self._call_id, self._numbers = agent.token(), Numbers()
        self._document = b""
        self._is_new = False
        self.etag = ""

    def put(self, document: bytes, done: Done | None = None) -> None:
        """Publish ``document``: for the first time, or in the place of the one before."""
        self._document, self._is_new = document, True
        self.refresh(done)

    def _make(self) -> Request:
        made = self._agent.request("PUBLISH", self._uri, self._call_id, self._numbers.next())
        made.set("Event", self._event)
        made.set("Expires", str(self.expires))
        if self.etag:
            made.set("SIP-If-Match", self.etag)
        if self.expires and (self._is_new or not self.etag):
            made.set("Content-Type", self._content_type)
            made.body = self._document
        return made

    def _taken(self, response: Response) -> None:
        self.etag, self._is_new = response.get("SIP-ETag"), False

    def _refused(self, outcome: Outcome) -> bool:
        """The server has forgotten it: it is published anew, as a whole (§4.1)."""
        if outcome.status != NO_SUCH_ETAG or not self.etag:
            return False
        self.etag = ""
        return self.expires > 0


def words(outcome: Outcome) -> str:
    """What became of a request, for people."""
    if outcome.response is None:
        return "no answer" if outcome.status == 408 else "the server cannot be reached"  # noqa: PLR2004
    return f"{outcome.status} {outcome.response.reason or reason_of(outcome.status)}"
