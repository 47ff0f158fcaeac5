"""Who watches somebody (RFC 3858), told to who may know: full at first, then what changes.

Changes are counted per subscription, so each has a `Watcherinfo` of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from ctigw.presence.lexical import escaped, quoted, uri
from ctigw.values import Enum, value
from ctigw.xml import DECLARATION
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import local, parse

NAMESPACE = "urn:ietf:params:xml:ns:watcherinfo"
CONTENT_TYPE = "application/watcherinfo+xml"
_MAX_DEPTH = 8


class Status(Enum):
    """Of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    TERMINATED = "terminated"


class Event(Enum):
    """What brought a subscription to its status."""

    SUBSCRIBE = "subscribe"
    APPROVED = "approved"
    DEACTIVATED = "deactivated"
    PROBATION = "probation"
    REJECTED = "rejected"
    TIMEOUT = "timeout"
    GIVEUP = "giveup"
    NORESOURCE = "noresource"


class NotWatcherinfoError(ValueError):
    """This is no watcherinfo document; the text says why, and quotes nothing of it."""


@value
class Watcher:
    """One subscription.  ``id``: the same while it lives; ``expiration``, ``subscribed``: in seconds."""

    id: str
    uri: str
    status: Status
    event: Event
    display_name: str = ""
    expiration: int | None = None
    subscribed: int | None = None


@value
class Told:
    """A document, read: who watches ``resource``, or (not ``full``) what of it has changed."""

    resource: str
    package: str
    version: int
    full: bool
    watchers: tuple[Watcher, ...]


def write(told: Told) -> bytes:
    """The document."""
    watchers = "".join([_watcher(each) for each in told.watchers])
    return (
        f'{DECLARATION}<watcherinfo xmlns="{NAMESPACE}" version="{told.version}" '
        f'state="{"full" if told.full else "partial"}"><watcher-list resource={quoted(uri(told.resource))} '
        f"package={quoted(told.package)}>{watchers}</watcher-list></watcherinfo>"
    ).encode()


def _watcher(watcher: Watcher) -> str:
    optional = {
        "display-name": watcher.display_name or None,
        "expiration": watcher.expiration,
        "duration-subscribed": watcher.subscribed,
    }
    having = "".join([f" {name}={quoted(str(each))}" for name, each in optional.items() if each is not None])
    return (
        f"<watcher id={quoted(watcher.id)} status={quoted(watcher.status.value)} "
        f"event={quoted(watcher.event.value)}{having}>{escaped(uri(watcher.uri))}</watcher>"
    )


def read(body: bytes) -> Told:
    """What a document tells, of its first list.  Raises `NotWatcherinfoError`."""
    try:
        root = parse(body, _MAX_DEPTH)
    except NotXmlError as error:
        raise NotWatcherinfoError(error.why) from None
    lists = [child for child in root if local(child) == "watcher-list"]
    if local(root) != "watcherinfo" or not lists:
        raise NotWatcherinfoError("there is no watcher-list")
    try:
        watchers = tuple(
            Watcher(
                str(each.get("id", "")),
                (each.text or "").strip(),
                Status(each.get("status")),
                Event(each.get("event")),
                str(each.get("display-name", "")),
                _seconds(each.get("expiration")),
                _seconds(each.get("duration-subscribed")),
            )
            for each in lists[0]
            if local(each) == "watcher"
        )
        version = int(str(root.get("version")))
    except ValueError:
        raise NotWatcherinfoError("a value is outside its type") from None
    resource, package = str(lists[0].get("resource", "")), str(lists[0].get("package", ""))
    return Told(resource, package, version, root.get("state") == "full", watchers)


def _seconds(text: object) -> int | None:
    return None if text is None else int(str(text))


class Watcherinfo:
    """What one subscription has been told of those who watch ``resource``."""

    __slots__ = ("_known", "_package", "_resource", "_version")

    def __init__(self, resource: str, package: str = "presence") -> None:
        self._resource, self._package = resource, package
        self._version = 0
        self._known: dict[str, tuple[Status, Event]] = {}

    def notify(self, watchers: Iterable[Watcher], *, full: bool = False) -> bytes | None:
        """The document to send; None where nothing has changed.  The first is full.

        ``watchers``: all there are, if it is to be full; else at least those that may have changed; and those
        that have just ended.  Times that pass are no change.
        """
        now = {each.id: each for each in watchers}
        full = full or not self._version
        if full:
            self._known = {}
        states = {name: (each.status, each.event) for name, each in now.items()}
        changed = tuple(each for name, each in now.items() if full or self._known.get(name) != states[name])
        for each in changed:
            if each.status is Status.TERMINATED:
                self._known.pop(each.id, None)
            else:
                self._known[each.id] = states[each.id]
        if not changed and not full:
            return None
        version, self._version = self._version, self._version + 1
        return write(Told(self._resource, self._package, version, full, changed))
