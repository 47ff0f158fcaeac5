"""Publishing at another SIMPLE server: an event publication agent (RFC 3903 §4).

For each (address, line) there is one publication there.  It is kept like what was put last, refreshed before
it expires, and removed in the end.  Of one publication one request is under way at a time: what is put
meanwhile waits, and of all that waits only the newest is sent.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable

import structlog

from ctigw.sip.digest import AUTHENTICATES, Login
from ctigw.sip.events import Done, Outcome
from ctigw.sip.message import Headers, Request, Response
from ctigw.sip.timers import Timer, Timers

PIDF = "application/pidf+xml"
# Seconds that a publication is to last, unless the server says otherwise.
EXPIRES = 3600
# Nobody's minimum is longer than this (seconds, a week): what asks for more is a mistake.
LONGEST_EXPIRES = 7 * 86_400
# When a publication is refreshed, as a part of the time for which it was granted.
REFRESHED = 0.8
# Pauses (seconds) before trying again: the first one, each next one twice as long, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
# Requests under way: what a server with one process answers within the time of a retransmission.
AT_ONCE = 50
# Answers to challenges without a success between them: a nonce that got too old is one, a proxy's another.
MOST_ANSWERS = 3
_SUCCESS = range(200, 300)
_CONDITION_FAILED, _TOO_BRIEF = 412, 423
# What is as good as a removal.
_GONE = (404, _CONDITION_FAILED)
_DIGITS = re.compile(r"\d{1,9}(?=[ ;(]|\Z)", re.ASCII)
log = structlog.get_logger(__name__)


# Has the stack send a request to the server; what becomes of it is told once.
Send = Callable[[Request, Done], object]


class _Publication:
    """``wanted``: what is to be there; None: nothing.  ``there``: what is, as far as we know.

    ``etag``: what the server calls it, "" when it has none of ours.  ``expires``: seconds to ask for.
    """

    __slots__ = (
        "answers",
        "aor",
        "busy",
        "call_id",
        "cseq",
        "etag",
        "expires",
        "line",
        "pause",
        "tag",
        "there",
        "timer",
        "told",
        "wanted",
    )  # fmt: skip

    def __init__(self, aor: str, line: str, call_id: str, tag: str, expires: int) -> None:
        self.aor, self.line = aor, line
        self.call_id, self.tag, self.cseq = call_id, tag, 0
        self.wanted: bytes | None = None
        self.there: bytes | None = None
        self.etag = ""
        self.expires = expires
        # Whether a request is under way or about to be.
        self.busy = False
        self.timer: Timer | None = None
        # Seconds before the last attempt that was paused for; 0: all is well.
        self.pause = 0.0
        self.answers = 0
        # What the login had been told when the last request was made.
        self.told = 0


class Publisher:
    """``send`` sends a request to the server and says later what became of it.

    ``token`` gives a random word each time.  ``login`` answers a server that asks for a password; without it
    such a server is one that refuses.  ``asserted``: say in P-Asserted-Identity, too, whose state it is, for
    servers that trust us.  ``counters``: where what happens is counted.
    """

    def __init__(
        self,
        send: Send,
        timers: Timers,
        token: Callable[[], str],
        *,
        login: Login | None = None,
        expires: int = EXPIRES,
        content_type: str = PIDF,
        asserted: bool = False,
        at_once: int = AT_ONCE,
        counters: Counter[str] | None = None,
    ) -> None:
        self._send, self._timers, self._token = send, timers, token
        self._login, self._expires = login, expires
        self._content_type, self._asserted, self._at_once = content_type, asserted, at_once
        self.counters: Counter[str] = Counter() if counters is None else counters
        self._publications: dict[tuple[str, str], _Publication] = {}
        self._ready: deque[_Publication] = deque()
        # Those that wait because nobody answered.
        self._unreached: dict[_Publication, None] = {}
        self._under_way = 0
        self._sending = False
        self._closed: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._publications)

    @property
    def paused(self) -> int:
        """How many publications wait to be tried again."""
        return sum(p.pause > 0 for p in self._publications.values())

    def put(self, aor: str, line: str, body: bytes | None) -> None:
        """The state of ``line`` of ``aor`` ("alice@example.com") is ``body`` now; None: it has none."""
        if self._closed is not None:
            return
        publication = self._publications.get((aor, line))
        if publication is None:
            if body is None:
                return
            publication = _Publication(aor, line, self._token(), self._token(), self._expires)
            self._publications[aor, line] = publication
        publication.wanted = body
        if body is None and not publication.etag and not publication.busy:
            self._forget(publication)
        elif publication.pause == 0 and body != publication.there:
            self._soon(publication)

    def close(self, done: Callable[[], None]) -> None:
        """Remove every publication; ``done`` is called when each was, or could not be.

        That may take as long as a request does.  Nothing is tried twice any more.
        """
        if self._closed is not None:
            return
        self._closed = done
        for publication in tuple(self._publications.values()):
            publication.wanted = None
            if publication.etag or publication.busy:
                self._soon(publication)
            else:
                self._forget(publication)
        self._end()

    # Requests

    def _soon(self, publication: _Publication) -> None:
        """Send what is to be sent of a publication, when its turn comes."""
        if publication.timer is not None:
            publication.timer.cancel()
            publication.timer = None
        self._unreached.pop(publication, None)
        if not publication.busy:
            publication.busy = True
            self._ready.append(publication)
            self._go_on()

    def _go_on(self) -> None:
        if self._sending:
            return  # an answer came at once
        self._sending = True
        try:
            while self._ready and self._under_way < self._at_once:
                self._publish(self._ready.popleft())
        finally:
            self._sending = False

    def _publish(self, publication: _Publication) -> None:
        body, etag = publication.wanted, publication.etag
        if body is None and not etag:  # it was taken back before it was sent
            self._forget(publication)
            self._end()
            return
        expires = publication.expires if body is not None else 0
        shown = body is not None and (not etag or body != publication.there)
        request = self._request(publication, expires, body if shown else None)
        publication.told = self._login.told if self._login is not None else 0
        self._under_way += 1

        def answered(outcome: Outcome) -> None:
            self._under_way -= 1
            publication.busy = False
            if outcome.response is not None and self._unreached:
                self._reached()
            self._answered(publication, body, outcome, initial=not etag)
            self._go_on()
            self._end()

        self._send(request, answered)

    def _request(self, publication: _Publication, expires: int, body: bytes | None) -> Request:
        """The next PUBLISH; without ``body`` a refresh or removal (RFC 3903 §4.1)."""
        publication.cseq += 1
        uri = f"sip:{publication.aor}"
        headers: Headers = {
            "From": [f"<{uri}>;tag={publication.tag}"],
            "To": [f"<{uri}>"],
            "Call-ID": [publication.call_id],
            "CSeq": [f"{publication.cseq} PUBLISH"],
            "Event": ["presence"],
            "Expires": [str(expires)],
        }
        if publication.etag:
            headers["SIP-If-Match"] = [publication.etag]
        if body is not None:
            headers["Content-Type"] = [self._content_type]
        if self._asserted:
            headers["P-Asserted-Identity"] = [f"<{uri}>"]
        request = Request("PUBLISH", uri, headers, body or b"")
        if self._login is not None:
            request.extend(self._login.headers("PUBLISH", uri))
        return request

    # Answers

    def _answered(
        self, publication: _Publication, body: bytes | None, outcome: Outcome, *, initial: bool
    ) -> None:
        """``body``: what was wanted when the request was sent."""
        status, response = outcome.status, outcome.response
        if response is not None and status in _SUCCESS:
            self._succeeded(publication, body, response)
        elif body is None and status in _GONE:
            self._gone(publication)
        elif status == _CONDITION_FAILED and not initial:
            self.counters["publications lost"] += 1
            publication.etag, publication.there = "", None
            self._soon(publication)
        elif response is not None and self._may_ask_again(publication, status, response):
            self._soon(publication)
        else:
            self._failed(publication, status, response)

    def _succeeded(self, publication: _Publication, body: bytes | None, response: Response) -> None:
        publication.pause, publication.answers = 0.0, 0
        if body is None:
            self._gone(publication)
            return
        self.counters["publications"] += 1
        publication.etag, publication.there = response.get("SIP-ETag"), body
        if publication.wanted != body:
            self._soon(publication)
            return
        granted = min(_seconds(response, "Expires") or publication.expires, LONGEST_EXPIRES)
        publication.timer = self._timers.after(granted * REFRESHED, lambda: self._soon(publication))

    def _reached(self) -> None:
        """The server answers: those that it did not answer to need not wait any longer."""
        unreached, self._unreached = self._unreached, {}
        for publication in unreached:
            publication.pause = 0.0
            self._soon(publication)

    def _gone(self, publication: _Publication) -> None:
        """There is nothing of ours at the server; something new may have been put meanwhile."""
        publication.etag, publication.there = "", None
        publication.pause, publication.answers = 0.0, 0
        if publication.wanted is None:
            self._forget(publication)
        else:
            self._soon(publication)

    def _may_ask_again(self, publication: _Publication, status: int, response: Response) -> bool:
        """Whether the server has said what it would take instead."""
        if status == _TOO_BRIEF:
            least = _seconds(response, "Min-Expires")
            if publication.expires < least <= LONGEST_EXPIRES:
                publication.expires = least
                return True
        if status in AUTHENTICATES and self._login is not None:
            publication.answers += 1
            asked = response.lines(AUTHENTICATES[status])
            return publication.answers <= MOST_ANSWERS and self._login.learn(status, asked, publication.told)
        return False

    def _failed(self, publication: _Publication, status: int, response: Response | None) -> None:
        """Try again after a pause, with what is wanted then."""
        self.counters["publications refused" if response else "publications unanswered"] += 1
        publication.answers = 0
        if self._closed is not None or (publication.wanted is None and not publication.etag):
            self._forget(publication)
            return
        if publication.pause == 0:
            log.warning("not published", aor=publication.aor, line=publication.line, status=status)
        publication.pause = min(publication.pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        asked = _seconds(response, "Retry-After") if response else 0
        if response is None:
            self._unreached[publication] = None
        pause = max(publication.pause, min(asked, LONGEST_PAUSE))
        publication.timer = self._timers.after(pause, lambda: self._soon(publication))

    def _forget(self, publication: _Publication) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
            publication.timer = None
        self._unreached.pop(publication, None)
        publication.busy = False
        self._publications.pop((publication.aor, publication.line), None)

    def _end(self) -> None:
        if self._closed is not None and not self._publications:
            done, self._closed = self._closed, _nothing
            done()


def _nothing() -> None:
    """Everything is over already."""


def _seconds(response: Response, name: str) -> int:
    """A header field of seconds, which may have a comment or parameters behind it; 0 when it has none."""
    match = _DIGITS.match(response.get(name))
    return int(match[0]) if match else 0
