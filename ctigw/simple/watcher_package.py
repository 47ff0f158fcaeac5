"""The event package "presence.winfo" (RFC 3857): who watches me, told to the presentity alone."""

from __future__ import annotations

from typing import Literal

from ctigw.presence.engine import Presence, Watching
from ctigw.presence.watcherinfo import Watcher, watcherinfo
from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Body, Changed, Wanted, chosen
from ctigw.sip.errors import Rejected

WATCHERINFO = "application/watcherinfo+xml"


class WatcherPackage:
    """The watchers of the presentities of ``presence``."""

    name = "presence.winfo"
    types = (WATCHERINFO,)

    def __init__(self, presence: Presence, accounts: Accounts) -> None:
        self._presence, self._accounts = presence, accounts

    def open(self, wanted: Wanted, changed: Changed) -> WatchersWatch:
        """Raises `Rejected`: 403, 404, 406."""
        if not self._accounts.exists(wanted.resource):
            raise Rejected(404)
        if wanted.watcher != wanted.resource:
            raise Rejected(403, "Only the presentity is told who watches it")
        if not chosen(wanted, self.types):
            raise Rejected(406, headers=(("Accept", WATCHERINFO),))
        return WatchersWatch(self._presence, wanted.resource, changed)


class WatchersWatch:
    """The presentity's view of its watchers: first all of them, then those of whom something changes."""

    state: Literal["active"] = "active"
    reason = ""

    def __init__(self, presence: Presence, presentity: str, changed: Changed) -> None:
        self._presence, self._presentity, self._tell = presence, presentity, changed
        self._version = 0
        # The latest of each watching that has changed; with who is gone among them.
        self._changes: dict[str, Watcher] = {}
        self._end = presence.observe(presentity, self._observe)

    def _observe(self, watching: Watching) -> None:
        self._changes[watching.id] = _watcher(watching)
        self._tell()

    def body(self, *, full: bool) -> Body | None:
        """RFC 3858; the version grows by one with each document."""
        if full:
            here = [_watcher(watching) for watching in self._presence.watchings(self._presentity)]
            told = [*here, *(w for w in self._changes.values() if w.status == "terminated")]
        else:
            told = list(self._changes.values())
        self._changes = {}
        document = watcherinfo(f"sip:{self._presentity}", self._version, told, full=full)
        self._version += 1
        return Body(WATCHERINFO, document)

    def close(self, _event: str) -> None:
        """It wants to know no more."""
        self._end()


def _watcher(watching: Watching) -> Watcher:
    return Watcher(watching.id, f"sip:{watching.watcher}", watching.state, watching.event)
