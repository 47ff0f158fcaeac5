"""The event package of the change notifier (UCCN): what changes of a user's own settings, and of the site's.

Neither its name nor how it is subscribed to is documented by anybody.  A resource is a user, who alone may
subscribe to it.  The first NOTIFY, and those that refreshes cause, have no body; then there is one for each
change, in their order, with the document that tells it, which others have made.  One that the subscriber
answers with an error counts as told, unless that ends the subscription.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Literal

from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Body, Changed, Wanted, chosen
from ctigw.sip.errors import Rejected
from ctigw.values import named

# What the documents may be called.
TYPES = ("application/xml", "text/xml", "application/uccn+xml")
EVERYBODY = ""


@named
class Bounds:
    """Of what waits for one subscriber: notices, and bytes in them."""

    notices: int
    octets: int


class Notices:
    """Who is to be told of changes."""

    def __init__(self, bounds: Bounds, counters: Counter[str]) -> None:
        self.bounds, self._counters = bounds, counters
        self._watches: dict[str, dict[NoticesWatch, None]] = {}

    def hears(self, user: str) -> bool:
        """Whether `tell` would tell anybody: if not, there need be no document."""
        return user in self._watches if user != EVERYBODY else bool(self._watches)

    def tell(self, user: str, document: bytes) -> None:
        """Tell ``user``, or `EVERYBODY`, what has changed."""
        watches = self._watches.values() if user == EVERYBODY else (self._watches.get(user, {}),)
        for watch in [watch for of_user in watches for watch in of_user]:
            if not watch.put(document):
                self._counters["subscribers overrun by changes"] += 1

    def open(self, user: str, watch: NoticesWatch) -> None:
        """``watch`` is told from now on."""
        self._watches.setdefault(user, {})[watch] = None

    def close(self, user: str, watch: NoticesWatch) -> None:
        """It is told no more."""
        of_user = self._watches[user]
        del of_user[watch]
        if not of_user:
            del self._watches[user]


class UccnPackage:
    """``notices`` under the name ``name``; several packages may share them.

    ``content_type``: what the documents are called for those who take any.
    """

    def __init__(self, name: str, notices: Notices, accounts: Accounts, *, content_type: str) -> None:
        self.name, self._notices, self._accounts = name, notices, accounts
        self.types: tuple[str, ...] = tuple(dict.fromkeys((content_type, *TYPES)))

    def open(self, wanted: Wanted, changed: Changed) -> NoticesWatch:
        """Raises `Rejected`: 403, 404, 406."""
        if not self._accounts.exists(wanted.resource):
            raise Rejected(404)
        if wanted.watcher != wanted.resource:
            raise Rejected(403, "Only the user is told")
        content_type = chosen(wanted, self.types)
        if not content_type:
            raise Rejected(406, headers=(("Accept", ", ".join(self.types)),))
        return NoticesWatch(self._notices, wanted.resource, content_type, changed)


class NoticesWatch:
    """What one subscriber has still to be told.

    More than is allowed ends it: whoever does not keep up is told less by everything at once, which they
    fetch when they subscribe again.
    """

    __slots__ = ("_changed", "_content_type", "_notices", "_octets", "_user", "_waiting", "reason", "state")
    requires = ""

    def __init__(self, notices: Notices, user: str, content_type: str, changed: Changed) -> None:
        self._notices, self._user, self._content_type, self._changed = notices, user, content_type, changed
        self.state: Literal["active", "terminated"] = "active"
        self.reason = ""
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        notices.open(user, self)

    def put(self, document: bytes) -> bool:
        """Tell it after all others; whether that can be."""
        if self.state == "terminated":
            return True
        bounds = self._notices.bounds
        self._waiting.append(document)
        self._octets += len(document)
        fits = len(self._waiting) <= bounds.notices and self._octets <= bounds.octets
        if not fits:
            self.state, self.reason = "terminated", "deactivated"
            self._waiting.clear()
        self._changed()
        return fits

    def body(self, *, full: bool) -> Body | None:
        """The next notice; None when there is none."""
        if not self._waiting:
            return None
        document = self._waiting.popleft()
        self._octets -= len(document)
        if self._waiting:  # which is for a NOTIFY of its own
            self._changed()
        return Body(self._content_type, document)

    def close(self, _event: str) -> None:
        """Nobody wants to know any more."""
        self._notices.close(self._user, self)
