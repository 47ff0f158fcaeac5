"""The event package "presence.winfo" (RFC 3857): who watches me, told to the presentity alone."""

from __future__ import annotations

from typing import Literal

from ctigw.presence.engine import Presence, Watching
from ctigw.presence.watcherinfo import CONTENT_TYPE, Event, Status, Watcher, Watcherinfo
from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Body, Changed, Wanted, chosen
from ctigw.sip.errors import Rejected


class WatcherPackage:
    """The watchers of the presentities of ``presence``."""

    name = "presence.winfo"
    types = (CONTENT_TYPE,)

    def __init__(self, presence: Presence, accounts: Accounts) -> None:
        self._presence, self._accounts = presence, accounts

    def open(self, wanted: Wanted, changed: Changed) -> WatchersWatch:
        """Raises `Rejected`: 403, 404, 406."""
        if not self._accounts.exists(wanted.resource):
            raise Rejected(404)
        if wanted.watcher != wanted.resource:
            raise Rejected(403, "Only the presentity is told who watches it")
        if not chosen(wanted, self.types):
            raise Rejected(406, headers=(("Accept", CONTENT_TYPE),))
        return WatchersWatch(self._presence, wanted.resource, changed)


class WatchersWatch:
    """The presentity's view of its watchers: first all of them, then those of whom something changes."""

    state: Literal["active"] = "active"
    reason = requires = ""

    def __init__(self, presence: Presence, presentity: str, changed: Changed) -> None:
        self._presence, self._presentity, self._tell = presence, presentity, changed
        self._told = Watcherinfo(f"sip:{presentity}")
        # Those of whom something has changed, and those that are over, until that is told.
        self._changed: dict[str, Watching] = {}
        self._over: dict[str, Watcher] = {}
        self._end = presence.observe(presentity, self._observe)

    def _observe(self, watching: Watching) -> None:
        if watching.state == "terminated":
            self._changed.pop(watching.id, None)
            self._over[watching.id] = _watcher(watching)
        else:
            self._changed[watching.id] = watching
        self._tell()

    def body(self, *, full: bool) -> Body | None:
        """RFC 3858; None when nothing has changed."""
        watchings = self._presence.watchings(self._presentity) if full else self._changed.values()
        here = [_watcher(watching) for watching in watchings if watching.state != "terminated"]
        over, self._over, self._changed = self._over, {}, {}
        document = self._told.notify((*here, *over.values()), full=full)
        return None if document is None else Body(CONTENT_TYPE, document)

    def close(self, _event: str) -> None:
        """It wants to know no more."""
        self._end()


def _watcher(watching: Watching) -> Watcher:
    uri = f"sip:{watching.watcher}"
    return Watcher(watching.id, uri, Status(watching.state), Event(watching.event))
