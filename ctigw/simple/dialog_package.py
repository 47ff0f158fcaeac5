"""The event package "dialog" (RFC 4235): the lamp fields of desk phones.

A resource is a line (2001@example.com), or a user: then all of the user's lines.  Others than the owner see
what the owner's rules let them see: everything, or that there is a call, but not with whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal, Protocol

from ctigw.presence.dialog_info import CONTENT_TYPE as DIALOG_INFO
from ctigw.presence.dialog_info import Dialog, dialog_info
from ctigw.presence.engine import Presence
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

    def open(self, wanted: Wanted, changed: Changed) -> DialogWatch:
        """Raises `Rejected`: 403, 404, 406."""
        lines = self._lines(wanted.resource)
        if not chosen(wanted, self.types):
            raise Rejected(406, headers=(("Accept", DIALOG_INFO),))
        seen = min((self._seen(line, wanted.watcher) for line in lines), key=_openness)
        if seen is Visibility.BLOCK:
            raise Rejected(403)
        return DialogWatch(self._lamps, wanted.resource, lines, seen, changed)

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
        return self._presence.visibility(owner, watcher) if owner else Visibility.ALL


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

    Always full state, with a version of its own: lamps do not cope with less (RFC 4235 §3.6).
    """

    reason = requires = ""

    def __init__(
        self, lamps: Lamps, resource: str, lines: tuple[str, ...], seen: Visibility, changed: Changed
    ) -> None:
        self._lamps, self._resource, self._lines, self._seen = lamps, resource, lines, seen
        self._version = 0
        self._handles = [lamps.watch(line, changed) for line in lines]

    @property
    def state(self) -> Literal["active", "pending"]:
        """Pending until the owner decides."""
        return "pending" if self._seen is Visibility.CONFIRM else "active"

    def body(self, *, full: bool) -> Body | None:
        """All dialogs of the lines, as far as this watcher may know of them."""
        dialogs = [dialog for line in self._lines for dialog in self._lamps.dialogs(line)]
        if self._seen is Visibility.REACHABILITY_ONLY:
            dialogs = [replace(dialog, remote="") for dialog in dialogs]
        elif self._seen is not Visibility.ALL:
            dialogs = []
        document = dialog_info(f"sip:{self._resource}", self._version, dialogs)
        self._version += 1
        return Body(DIALOG_INFO, document)

    def close(self, _event: str) -> None:
        """The lamp is gone."""
        for handle in self._handles:
            handle.close()
