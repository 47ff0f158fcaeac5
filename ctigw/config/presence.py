"""The section ``[presence]``: whose word counts, how long, for whom, and what it may cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from ctigw.config.values import HOP, Expires, Positive, Seconds, expires_faults, is_hop, wildcard

Priority = Annotated[int, Meta(ge=0, le=1_000_000)]

# First that the phone is in use, which nobody has to remember to say; then what programs say of their user;
# then what other servers say, and what was once said for good; last that there is a phone, of which simple
# clients would take that its user is there.  (What a user says for all devices is above all of them.)
PRIORITIES = {"phone": 700, "publication": 500, "foreign": 400, "long-term": 300, "phone-idle": 200}


class PresenceList(Struct, frozen=True, forbid_unknown_fields=True):
    """A resource list of the site (RFC 4662), beside the contact list that every user has."""

    uri: Annotated[str, Meta(pattern=r"^sips?:[^@\s]+@[^@\s]+$")]
    members: tuple[str, ...]


class ForeignUser(Struct, frozen=True, forbid_unknown_fields=True):
    """Under which address a user of ours is known to a foreign server; ``*`` stands for the same in both."""

    local: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$")]
    foreign: Annotated[str, Meta(pattern=r"^sips?:[^@\s]+@[^@\s]+$")]

    def uri(self, aor: str) -> str | None:
        """The foreign address of the local ``aor`` (alice@example.com); None: this is not for it."""
        found = wildcard(self.local).fullmatch(aor)
        if found is None:
            return None
        return self.foreign.replace("*", found[1] if found.groups() else "", 1)


class Foreign(Struct, frozen=True, forbid_unknown_fields=True):
    """A server that knows more of some users: it is subscribed to while somebody watches them."""

    name: Annotated[str, Meta(min_length=1)]
    # Next hops in the order in which they are tried.
    servers: tuple[str, ...]
    users: tuple[ForeignUser, ...]
    # Seconds to subscribe for.
    expires: Positive = 3600
    # The User-Agent of its NOTIFYs, when it is not to be told by where they come from: "Cisco-CUCM*".
    user_agent: str = ""
    # None: that of the source "foreign".
    priority: Priority | None = None
    # For servers that ask for a password: the first line of a file.
    user: str = ""
    password_file: str = ""


class Bridge(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the state of the phones goes."""

    # "internal": into this gateway's own presence.  "sip:host:port": published to that server.
    # "off": nowhere.
    target: str = "internal"
    # The domain of the users for whom it is published; empty: the first of sip.domains.
    domain: str = ""
    # For a server that asks for a password, which is the first line of the file.
    user: str = ""
    password_file: str = ""


class PresenceLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what watchers and presentities may take."""

    # A client without lists subscribes to each contact, from each of its devices.
    subscriptions_per_watcher: Positive = 1_000
    # People whom one watcher watches by all of them: each member of a list counts, on each device.
    watched_per_watcher: Positive = 20_000
    # As many colleagues as may have the head of a large company in their lists.
    subscriptions_per_presentity: Positive = 10_000
    # A program that publishes anew instead of refreshing must not grow its user's document.
    publications_per_presentity: Positive = 20
    # Of a document that is published or notified to us; usual ones have one or two kilobytes.
    document_bytes: Positive = 64 * 1024
    # Contacts of a list: each costs every subscriber of the list a back-end subscription.
    list_members: Positive = 1_000
    # Messages for one user who is not there; beyond them they are refused, so that their sender knows.
    stored_messages_per_user: Positive = 100


class Presence(Struct, frozen=True, forbid_unknown_fields=True):
    """The presence engine."""

    # What watchers see of a user who has no rule at all.  "confirm": they wait until the user says.
    without_rule: Literal["all", "reachability-only", "polite-block", "block", "confirm"] = "confirm"
    # An hour is RFC 3856's default.  Shorter than a minute, refreshing would cost more than the changes.
    subscription_expires: Expires = Expires()
    publication_expires: Expires = Expires()
    # By name of the source: what a document says in <source>, else what `user_agents` makes of its sender,
    # else of what kind it is: one of these five.
    priorities: dict[str, Priority] = field(default_factory=lambda: dict(PRIORITIES))
    # Patterns of User-Agent, and the source that it means: the first that fits.
    user_agents: dict[str, str] = field(default_factory=dict)
    # Seconds between two NOTIFYs of one subscription.  RFC 3856 (6.10) speaks of 5, of a time when watchers
    # were few and links slow; a lamp that lags by that is of no use.
    notify_seconds: Annotated[float, Meta(ge=0)] = 0.0
    # Changes of a list's members are gathered for so long: one NOTIFY then carries them all.
    list_seconds: Annotated[float, Meta(ge=0)] = 0.1
    lists: tuple[PresenceList, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    bridge: Bridge = Bridge()
    # Keep messages for users who are not there until they are.
    store_messages: bool = True
    # For so many days: who comes back after that is told other ways.
    store_days: Seconds = 30.0
    # Messages enter the "recent communications" of who sent and got them: whom, when, never what.
    recent_messages: bool = False
    limits: PresenceLimits = PresenceLimits()

    def source(self, kind: str, said: str = "", user_agent: str = "") -> tuple[str, int]:
        """The name of a component's source, and its priority.

        ``kind``: one of `PRIORITIES`.  ``said``: the text of the document's <source>.
        """
        named = said or next(
            (name for pattern, name in self.user_agents.items() if wildcard(pattern).fullmatch(user_agent)),
            kind,
        )
        if kind == "phone-idle":  # a phone all the same, but not by its priority
            named, said = said or "phone", kind
        number = self.priorities.get(said or named, self.priorities.get(kind))
        return named, PRIORITIES[kind] if number is None else number


def faults(presence: Presence) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    for name in ("subscription_expires", "publication_expires"):
        for fault in expires_faults(getattr(presence, name)):
            yield f"{name}.{fault}"
    yield from _lists_faults(presence)
    yield from _foreign_faults(presence.foreign)
    for fault in _bridge_faults(presence.bridge):
        yield f"bridge.{fault}"


def _bridge_faults(bridge: Bridge) -> Iterator[str]:
    here = bridge.target in ("internal", "off")
    if not here and not is_hop(bridge.target):
        yield f'target: is "internal", "off" or has the form {HOP}'
    if bridge.user and here:
        yield "user: nobody asks for it; only a SIP server as the target does"
    if bool(bridge.user) != bool(bridge.password_file):
        yield "user: needs password_file as well, and the other way round"


def _lists_faults(presence: Presence) -> Iterator[str]:
    for index, one in enumerate(presence.lists):
        if one.uri in [other.uri for other in presence.lists[:index]]:
            yield f"lists[{index}].uri: {one.uri!r} is there twice"
        if len(one.members) > presence.limits.list_members:
            yield f"lists[{index}].members: more than limits.list_members"


def _foreign_faults(foreign: tuple[Foreign, ...]) -> Iterator[str]:
    for index, server in enumerate(foreign):
        if server.name in [other.name for other in foreign[:index]]:
            yield f"foreign[{index}].name: {server.name!r} is there twice"
        for fault in _server_faults(server):
            yield f"foreign[{index}].{fault}"


def _server_faults(server: Foreign) -> Iterator[str]:
    if not server.servers:
        yield "servers: at least one is needed"
    for index, hop in enumerate(server.servers):
        if not is_hop(hop):
            yield f"servers[{index}]: has the form {HOP}"
    if not server.users:
        yield "users: at least one is needed"
    for index, user in enumerate(server.users):
        if max(user.local.count("*"), user.foreign.count("*")) > 1 or (
            "*" in user.foreign and "*" not in user.local
        ):
            yield f"users[{index}]: one * at most, which stands for the same in both"
    if bool(server.user) != bool(server.password_file):
        yield "user: needs password_file as well, and the other way round"
