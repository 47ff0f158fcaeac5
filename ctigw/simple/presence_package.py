"""The event package "presence" (RFC 3856), of people and of lists of people (RFC 4662)."""

from __future__ import annotations

import json
from typing import Literal

from ctigw.presence.engine import Presence, Watching
from ctigw.presence.errors import TooManyError
from ctigw.presence.filters import CONTENT_TYPE as FILTER
from ctigw.presence.filters import FilterError, Filters, read
from ctigw.presence.lists import PIDF, RLMI
from ctigw.simple.accounts import Accounts
from ctigw.simple.list_watch import Lists, ListWatch
from ctigw.simple.packages import Body, Changed, Wanted, chosen
from ctigw.simple.publishing import TYPES
from ctigw.sip.errors import Rejected

# Not a document for others: what the engine made a presentity's state of, for the presentity.
EXPLANATION = "application/vnd.ctigw.explanation+json"


class PresencePackage:
    """What others may see of ``presence``; ``lists`` knows which resources are lists."""

    name = "presence"
    types = TYPES

    def __init__(self, presence: Presence, accounts: Accounts, lists: Lists) -> None:
        self._presence, self._accounts, self._lists = presence, accounts, lists

    def open(self, wanted: Wanted, changed: Changed) -> PresenceWatch | ListWatch:
        """Raises `Rejected`: 403, 404, 406, 421, 488."""
        members = self._lists.members(wanted.resource, wanted.watcher)
        if members is not None:
            return self._open_list(wanted, members, changed)
        if not self._accounts.exists(wanted.resource):
            raise Rejected(404)
        content_type = chosen(wanted, (*self.types, EXPLANATION))
        if not content_type:
            raise Rejected(406, headers=(("Accept", ", ".join(self.types)),))
        if content_type == EXPLANATION and wanted.watcher != wanted.resource:
            raise Rejected(403, "Only the presentity is told")
        what = filters_in(wanted).of(f"sip:{wanted.resource}")
        try:
            accept = wanted.accept
            watching = self._presence.watch(wanted.resource, wanted.watcher, changed, what, accept)
        except TooManyError as error:
            raise Rejected(403, str(error).capitalize()) from None
        return PresenceWatch(self._presence, watching, content_type)

    def _open_list(self, wanted: Wanted, members: tuple[str, ...], changed: Changed) -> ListWatch:
        if "eventlist" not in wanted.supported:
            raise Rejected(421, headers=(("Require", "eventlist"),))
        if wanted.accept and RLMI not in wanted.accept and "*/*" not in wanted.accept:
            raise Rejected(406, headers=(("Accept", f"multipart/related, {RLMI}, {PIDF}"),))
        return self._lists.watch(wanted, members, changed, filters_in(wanted))


class PresenceWatch:
    """One watcher of one presentity."""

    __slots__ = ("_content_type", "_presence", "_told", "_watching")
    requires = ""

    def __init__(self, presence: Presence, watching: Watching, content_type: str) -> None:
        self._presence, self._watching, self._content_type = presence, watching, content_type
        # As hashes: what is shown may be large, and there are many who watch.
        self._told: int | None = None

    @property
    def state(self) -> Literal["active", "pending", "terminated"]:
        """As the presentity's rules have it."""
        return self._watching.state

    @property
    def reason(self) -> str:
        """Why it is terminated."""
        return self._watching.reason

    def body(self, *, full: bool) -> Body | None:
        """The document as this watcher sees it."""
        if self._watching.state == "terminated":
            return None
        document = self._presence.document(self._watching)
        if self._content_type == EXPLANATION:
            document = json.dumps(self._presence.explain(self._watching.presentity)).encode()
        # While the last NOTIFY was under way it may have become what it was before.
        before, self._told = self._told, hash((self._watching.state, document))
        if not full and before == self._told:
            return None
        return Body(self._content_type, document)

    def close(self, event: str) -> None:
        """The watcher leaves."""
        self._presence.leave(self._watching, event)


def filters_in(wanted: Wanted) -> Filters:
    """The filters that a SUBSCRIBE brings (RFC 4660).  Raises `Rejected`: 415, 488."""
    if not wanted.body:
        return Filters()
    if wanted.content_type != FILTER:
        raise Rejected(415, headers=(("Accept", FILTER),))
    try:
        return read(wanted.body)
    except FilterError as error:
        raise Rejected(488, f"Filter: {error}") from None
