"""Lists (RFC 4662): one subscription for many people, whose changes come together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from ctigw.means import Means
from ctigw.presence.engine import Presence, State, Watching
from ctigw.presence.errors import TooManyError
from ctigw.presence.filters import Filters
from ctigw.presence.lists import Instance, Rlmi
from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Body, Changed, Wanted
from ctigw.sip.errors import Rejected

# The contact list of alice@example.com is the resource alice-contacts@example.com.
CONTACTS = "-contacts"
NOBODY = Instance("terminated", "noresource")
TOO_MANY = Instance("terminated", "giveup")


class Lists:
    """The lists that there are: everybody's contact list, and those of the configuration (``fixed``)."""

    def __init__(
        self,
        presence: Presence,
        accounts: Accounts,
        fixed: Mapping[str, Iterable[str]],
        means: Means,
        *,
        seconds: float,
    ) -> None:
        self._presence, self._accounts = presence, accounts
        self._fixed = {uri: tuple(dict.fromkeys(members)) for uri, members in fixed.items()}
        self._after, self._token, self._seconds = means.after, means.token, seconds
        self._open: dict[str, set[ListWatch]] = {}
        accounts.changed.append(self._changed)

    def members(self, resource: str, watcher: str) -> tuple[str, ...] | None:
        """Who is in the list ``resource``; None when it is no list.

        Raises `Rejected`: 403, since a contact list is for its owner alone.
        """
        if resource in self._fixed:
            return self._fixed[resource]
        owner = owner_of(resource)
        person = self._accounts.get(owner) if owner else None
        if person is None:
            return None
        if watcher != owner:
            raise Rejected(403, "Only its owner may watch this list")
        return tuple(person.contacts)

    def watch(
        self, wanted: Wanted, members: tuple[str, ...], changed: Changed, filters: Filters
    ) -> ListWatch:
        """Watch everybody in a list; ``changed`` is called once for what changes within the interval."""
        watch = ListWatch(self._presence, self._accounts, wanted, changed, filters, self._token)
        watch.later = partial(self._after, self._seconds)
        watch.gone = partial(self._gone, wanted.resource)
        watch.set_members(members)
        self._open.setdefault(wanted.resource, set()).add(watch)
        return watch

    def _gone(self, resource: str, watch: ListWatch) -> None:
        same = self._open.get(resource, set())
        same.discard(watch)
        if not same:
            self._open.pop(resource, None)

    def _changed(self, aor: str) -> None:
        """Somebody's contacts may be others now, somebody may be there who was not, or may be watched by
        whom they refused.
        """
        user, _, domain = aor.partition("@")
        person = self._accounts.get(aor)
        for watch in tuple(self._open.get(f"{user}{CONTACTS}@{domain}", ())):
            if person is None:
                watch.end("noresource")
            else:
                watch.set_members(tuple(person.contacts))
        for watch in [watch for same in self._open.values() for watch in same]:
            watch.try_again(aor)


def owner_of(resource: str) -> str:
    """Whose contact list ``resource`` would be; "" when it is not called like one."""
    user, _, domain = resource.rpartition("@")
    return f"{user.removesuffix(CONTACTS)}@{domain}" if user.endswith(CONTACTS) else ""


class ListWatch:
    """One watcher's view of a list."""

    requires = "eventlist"

    def __init__(
        self,
        presence: Presence,
        accounts: Accounts,
        wanted: Wanted,
        changed: Changed,
        filters: Filters,
        token: Callable[[], str],
    ) -> None:
        self._presence, self._accounts, self._wanted = presence, accounts, wanted
        self._tell, self._filters = changed, filters
        self._rlmi = Rlmi(f"sip:{wanted.resource}", token(), wanted.resource.rpartition("@")[2])
        # An instance instead: there is no such person, or the watcher watches too many.
        self._members: dict[str, Watching | Instance] = {}
        # In the order in which they were touched.
        self._touched: dict[str, None] = {}
        self.state: State = "active"
        self.reason = ""
        self._others = self._waiting = self._closed = False
        self.later: Callable[[Callable[[], None]], object] = lambda call: call()
        self.gone: Callable[[ListWatch], None] = lambda _watch: None

    def set_members(self, members: tuple[str, ...]) -> None:
        """These are in the list now."""
        if tuple(self._members) == members:
            return
        before, self._members = self._members, {}
        for member in members:
            known = before.pop(member, None)
            self._members[member] = self._watching(member) if known is None else known
        for watching in before.values():
            self._leave(watching)
        self._others = True  # who left can only be told by a full list
        self._soon()

    def try_again(self, member: str) -> None:
        """Perhaps ``member`` can be watched now who could not."""
        known = self._members.get(member)
        if known is not None and known.state == "terminated":
            self._members[member] = self._watching(member)
            self._touch(member)

    def end(self, reason: str) -> None:
        """There is no such list any more."""
        self.state, self.reason = "terminated", reason
        self._tell()

    def _watching(self, member: str) -> Watching | Instance:
        if not self._accounts.exists(member):
            return NOBODY
        try:
            touch = partial(self._touch, member)
            accept, what = self._wanted.accept, self._filters.of(f"sip:{member}")
            return self._presence.watch(member, self._wanted.watcher, touch, what, accept)
        except TooManyError:
            return TOO_MANY

    def _touch(self, member: str) -> None:
        known = self._members.get(member)
        if isinstance(known, Watching) and known.state == "terminated":
            self._presence.leave(known, known.event)
        self._touched[member] = None
        self._soon()

    def _soon(self) -> None:
        """What changes within the interval goes into one NOTIFY."""
        if not self._waiting:
            self._waiting = True
            self.later(self._now)

    def _now(self) -> None:
        self._waiting = False
        if not self._closed and (self._touched or self._others):
            self._tell()

    def body(self, *, full: bool) -> Body | None:
        """Everybody, or those whose state has changed."""
        if self.state == "terminated":
            return None
        full = full or self._others
        told = self._members if full else {m: self._members[m] for m in self._touched if m in self._members}
        self._touched, self._others = {}, False
        instances = {f"sip:{member}": self._instance(watching) for member, watching in told.items()}
        notice = self._rlmi.notify(instances, full=full)
        return None if notice is None else Body(*notice)

    def _instance(self, watching: Watching | Instance) -> Instance:
        if isinstance(watching, Instance):
            return watching
        if watching.state == "terminated":
            return Instance("terminated", watching.reason)
        document = self._presence.document(watching)
        return Instance(watching.state, document=document if watching.state == "active" else None)

    def close(self, event: str) -> None:
        """The watcher leaves."""
        if not self._closed:
            self._closed = True
            members, self._members = self._members, {}
            for watching in members.values():
                self._leave(watching, event)
            self.gone(self)

    def _leave(self, watching: Watching | Instance, event: str = "timeout") -> None:
        if isinstance(watching, Watching):
            self._presence.leave(watching, event)
