"""The event package "dialog" (RFC 4235): the lamp fields of desk phones.

A resource is a line (2001@example.com), or a user: then all of the user's lines.  Others than the owner see
what the owner's rules let them see: everything, or that there is a call, but not with whom; or nothing,
where those exclude what the phone tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from ctigw.presence.dialog_info import CONTENT_TYPE as DIALOG_INFO
from ctigw.presence.dialog_info import Dialog, dialog_info
from ctigw.presence.engine import STATES, Presence, State
from ctigw.presence.sources import PHONE
from ctigw.rules import Visibility
from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Body, Changed, Wanted, chosen
from ctigw.sip.errors import Rejected


class Watched(Protocol):
    """What `Lamps.watch` gives."""

    def close(self) -> None:
        """Tell no more."""


class Lamps(Protocol):
    """The calls at lines; `bridge.Lamps` is it."""

    def dialogs(self, line: str) -> Iterable[Dialog]:
        """The calls that it is in."""

    def watch(self, line: str, changed: Callable[[], None]) -> Watched:
        """Call ``changed`` when they are others."""


class DialogPackage:
    """Lamps for lines (``has`` tells which there are, ``owner`` whose they are) and for people."""

    name = "dialog"
    types = (DIALOG_INFO,)

    def __init__(
        self,
        lamps: Lamps,
        accounts: Accounts,
        presence: Presence,
        *,
        has: Callable[[str], bool],
        owner: Callable[[str], str | None],
    ) -> None:
        self._lamps, self._accounts, self._presence = lamps, accounts, presence
        self._has, self._owner = has, owner
        # By their lines, and by whose those are: what one person's change may matter to.
        self._open: dict[str, dict[DialogWatch, None]] = {}
        accounts.changed.append(self._reviewed)

    def open(self, wanted: Wanted, changed: Changed) -> DialogWatch:
        """Raises `Rejected`: 403, 404, 406."""
        lines = self._lines(wanted.resource)
        if not chosen(wanted, self.types):
            raise Rejected(406, headers=(("Accept", DIALOG_INFO),))
        watch = DialogWatch(self._lamps, wanted.resource, lines, wanted.watcher, changed)
        self._decide(watch)
        if watch.state == "terminated":
            raise Rejected(403)
        watch.gone = self._forget
        self._remember(watch)
        watch.begin()
        return watch

    def _remember(self, watch: DialogWatch) -> None:
        for key in watch.keys:
            self._open.setdefault(key, {})[watch] = None

    def _forget(self, watch: DialogWatch) -> None:
        for key in watch.keys:
            same = self._open.get(key, {})
            same.pop(watch, None)
            if not same:
                self._open.pop(key, None)

    def _decide(self, watch: DialogWatch) -> None:
        watch.owners = frozenset(map(self._owner, watch.lines))
        watch.seen = min((self._seen(line, watch.watcher) for line in watch.lines), key=_openness)

    def _reviewed(self, aor: str) -> None:
        """The rules of ``aor``, or whose a line is, may have changed: lamps that are lit know at once."""
        person = self._accounts.get(aor)
        keys = (aor, *(person.lines if person is not None else ()))
        for watch in {watch: None for key in keys for watch in self._open.get(key, ())}:
            before = watch.seen
            self._forget(watch)
            self._decide(watch)
            self._remember(watch)
            if watch.seen is not before:
                watch.tell()

    def _lines(self, resource: str) -> tuple[str, ...]:
        user = resource.partition("@")[0]
        person = self._accounts.get(resource)
        if person is not None and person.lines:
            return tuple(person.lines)
        if self._has(user):
            return (user,)
        raise Rejected(404)

    def _seen(self, line: str, watcher: str) -> Visibility:
        owner = self._owner(line)
        # Nobody's line: there is nobody whose calls would be told, so that it is used is no secret.
        return self._presence.visibility(owner, watcher, PHONE) if owner else Visibility.ALL


# How much a watcher sees, the least first.
_ORDER = (
    Visibility.BLOCK,
    Visibility.CONFIRM,
    Visibility.POLITE_BLOCK,
    Visibility.REACHABILITY_ONLY,
    Visibility.ALL,
)


def _openness(visibility: Visibility) -> int:
    return _ORDER.index(visibility)


class DialogWatch:
    """One lamp.

    Always full state, with a version of its own: lamps do not cope with less (RFC 4235 §3.6).  ``owners``:
    whose the lines are; ``seen``: how much of them, as `DialogPackage` decides.
    """

    requires = ""

    def __init__(
        self, lamps: Lamps, resource: str, lines: tuple[str, ...], watcher: str, tell: Changed
    ) -> None:
        self._lamps, self._resource, self.lines, self.watcher, self.tell = (
            *(lamps, resource, lines),
            *(watcher, tell),
        )
        self.owners: frozenset[str | None] = frozenset()
        self.seen = Visibility.BLOCK
        self.gone: Callable[[DialogWatch], None] = lambda _watch: None
        self._version = 0
        self._told: tuple[str, list[Dialog]] | None = None
        self._handles: list[Watched] = []

    @property
    def keys(self) -> tuple[str, ...]:
        """Its lines, and whose they are."""
        return (*self.lines, *filter(None, self.owners))

    def begin(self) -> None:
        """Be told of calls."""
        self._handles = [self._lamps.watch(line, self._changed) for line in self.lines]

    def _changed(self) -> None:
        # Whoever sees nothing must not even see that something happens.
        if self.seen in (Visibility.ALL, Visibility.REACHABILITY_ONLY):
            self.tell()

    @property
    def state(self) -> State:
        """Pending until the owner decides."""
        return STATES[self.seen]

    @property
    def reason(self) -> str:
        """Why it is terminated."""
        return "rejected" if self.seen is Visibility.BLOCK else ""

    def body(self, *, full: bool) -> Body | None:
        """All dialogs of the lines, as far as this watcher may know of them."""
        if self.state == "terminated":
            return None
        dialogs = [dialog for line in self.lines for dialog in self._lamps.dialogs(line)]
        if self.seen is Visibility.REACHABILITY_ONLY:
            dialogs = [replace(dialog, remote="") for dialog in dialogs]
        elif self.seen is not Visibility.ALL:
            dialogs = []
        if not full and self._told == (self.state, dialogs):
            return None
        self._told = (self.state, dialogs)
        document = dialog_info(f"sip:{self._resource}", self._version, dialogs)
        self._version += 1
        return Body(DIALOG_INFO, document)

    def close(self, _event: str) -> None:
        """The lamp is gone."""
        self.gone(self)
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.close()
