"""Callbacks: telling endpoints that there is something to fetch, without waiting for any of them.

For each subscription there is one notice at a time.  What changes before it is sent is what it tells of; what
changes while it is under way is told by another one after it, since the client may have looked already.  One
that fails is tried again after a while, twice as long each time, a few times; then it is given up, and the
next change begins anew.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from ctigw.means import Means
from ctigw.soap.given import Fetch, NotReachedError, Spawn
from ctigw.values import named

log = structlog.get_logger(__name__)


@named
class Settings:
    """``tries`` of each notice; ``wait``: seconds before the second; ``at_once``: notices under way, of one
    endpoint ``per_endpoint``.
    """

    tries: int = 4
    wait: float = 1.0
    per_endpoint: int = 4
    at_once: int = 50


class _Notice:
    """One subscription's; ``again``: something has changed since it was sent."""

    __slots__ = ("again", "key", "line", "timer", "tries", "under_way", "url")

    def __init__(self, key: Hashable, line: _Line, url: str) -> None:
        self.key, self.line, self.url = key, line, url
        self.tries = 0
        self.under_way = self.again = False
        self.timer: Any = None


class _Line:
    """What is to be sent to one endpoint.  ``silent``: it did not answer the last time."""

    __slots__ = ("endpoint", "silent", "under_way", "waiting")

    def __init__(self, endpoint: Hashable) -> None:
        self.endpoint = endpoint
        self.waiting: deque[_Notice] = deque()
        self.under_way = 0
        self.silent = False


class Callbacks:
    """All notices that are to be sent.  ``spawn`` runs what nobody waits for."""

    def __init__(
        self, fetch: Fetch, spawn: Spawn, means: Means, settings: Settings, counters: Counter[str]
    ) -> None:
        self._fetch, self._spawn, self._after = fetch, spawn, means.after
        self._settings, self._counters = settings, counters
        self._notices: dict[Hashable, _Notice] = {}
        self._lines: dict[Hashable, _Line] = {}
        # Endpoints that have something waiting and room for it, in turn.
        self._ready: deque[_Line] = deque()
        self._under_way = 0
        self._starting = False

    def __len__(self) -> int:
        return len(self._notices)

    def tell(self, key: Hashable, endpoint: Hashable, url: str) -> None:
        """Fetch ``url``, soon: there is news for the subscription ``key`` at ``endpoint``."""
        notice = self._notices.get(key)
        if notice is not None:
            notice.again = notice.under_way
            notice.url = url
            return
        line = self._lines.get(endpoint)
        if line is None:
            line = self._lines[endpoint] = _Line(endpoint)
        notice = self._notices[key] = _Notice(key, line, url)
        self._queue(notice)

    def forget(self, key: Hashable) -> None:
        """The subscription ``key`` is no more: nothing of it is sent that is not under way."""
        notice = self._notices.pop(key, None)
        if notice is None:
            return
        if notice.timer is not None:
            notice.timer.cancel()
            notice.timer = None
        elif not notice.under_way:
            notice.line.waiting.remove(notice)

    def end(self, endpoint: Hashable) -> None:
        """``endpoint`` is no more."""
        line = self._lines.pop(endpoint, None)
        if line is None:
            return
        for key in [key for key, notice in self._notices.items() if notice.line is line]:
            self.forget(key)

    def close(self) -> None:
        """Send nothing more."""
        for endpoint in tuple(self._lines):
            self.end(endpoint)

    def _queue(self, notice: _Notice) -> None:
        notice.timer = None
        notice.line.waiting.append(notice)
        self._offer(notice.line)

    def _offer(self, line: _Line) -> None:
        """Let ``line`` take its turn, if it has something to send and may."""
        if line.waiting and line.under_way < self._settings.per_endpoint and line not in self._ready:
            self._ready.append(line)
        if self._ready and not self._starting:
            self._starting = True
            self._after(0.0, self._start)

    def _start(self) -> None:
        """Send as much as may be under way; in a turn of its own, so that who has caused it is answered."""
        self._starting = False
        while self._ready and self._under_way < self._settings.at_once:
            line = self._ready.popleft()
            if line.waiting:
                self._send(line.waiting.popleft())
                self._offer(line)

    def _send(self, notice: _Notice) -> None:
        notice.under_way = True
        self._under_way += 1
        notice.line.under_way += 1
        self._spawn(self._sent(notice))

    async def _sent(self, notice: _Notice) -> None:
        try:
            why = await self._failure(notice.url)
        except Exception:  # a bug: it must not cost others their places
            log.exception("callback failed")
            why = "the gateway has failed"
        line = notice.line
        notice.under_way = False
        self._under_way -= 1
        line.under_way -= 1
        self._note(line, notice.url, why)
        if self._notices.get(notice.key) is notice:
            self._next(notice, failed=bool(why))
        self._offer(line)

    async def _failure(self, url: str) -> str:
        """Why ``url`` could not be fetched; "" where it could."""
        try:
            status = await self._fetch(url)
        except NotReachedError as error:
            return str(error)
        if status // 100 == 2:  # noqa: PLR2004 - HTTP's successes
            return ""
        # A redirect is not followed: the client could send us wherever it likes.
        return f"HTTP status {status}"

    def _next(self, notice: _Notice, *, failed: bool) -> None:
        settings = self._settings
        if notice.again:
            notice.again, notice.tries = False, 0
            if not failed:
                self._queue(notice)
                return
        if failed:
            notice.tries += 1
            if notice.tries < settings.tries:
                wait = settings.wait * 2 ** (notice.tries - 1)
                notice.timer = self._after(wait, partial(self._queue, notice))
                return
            self._counters["callbacks given up"] += 1
        del self._notices[notice.key]

    def _note(self, line: _Line, url: str, why: str) -> None:
        """Count, and say when an endpoint begins to be silent, and when it answers again."""
        self._counters["callbacks failed" if why else "callbacks"] += 1
        if bool(why) is not line.silent:
            line.silent = bool(why)
            parts = urlsplit(url)  # what is behind the host may be a secret of the application's
            shown = f"{parts.scheme}://{parts.netloc}"
            if why:
                log.warning("endpoint does not answer", endpoint=shown, why=why)
            else:
                log.info("endpoint answers again", endpoint=shown)
