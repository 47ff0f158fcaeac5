"""The section ``[presence_web]``: the Presence Web Service, in what it differs from other web interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ctigw.config.values import Positive, Seconds, network_faults


class PresenceWebLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what applications and users may take."""

    # Each is a place that the gateway calls; an application needs one.
    endpoints: Positive = 1_000
    endpoints_per_application: Positive = 100
    # Of a user, over all programs that they use, and of all users.
    subscriptions_per_user: Positive = 20
    subscriptions: Positive = 10_000
    # What the interface's own code for it says.  How many people a user watches altogether is bounded by
    # presence.limits.watched_per_watcher.
    contacts_per_subscription: Annotated[int, Meta(ge=1, le=5_000)] = 5_000
    # Requests of one session in a second: an application that logs its users in in the morning has many.
    requests_per_second: Positive = 200
    # Callbacks under way: of one endpoint, so that one that is slow does not take all, and of all.
    callbacks_per_endpoint: Positive = 4
    callbacks_at_once: Positive = 50


class PresenceWeb(Struct, frozen=True, forbid_unknown_fields=True):
    """SOAP and REST for presence."""

    # A REST login without force, of somebody who is logged in: "reuse" gives the key that there is, on which
    # clients of the field depend; "refuse" answers 409 with code 160.  SOAP refuses, always.
    repeated_login: Literal["reuse", "refuse"] = "reuse"
    # The HTTP status of SOAP faults: "ok" is 200, as its documents have it, but for 503 when clients are to
    # wait; "standard" is SOAP's own (400 and 500).
    fault_status: Literal["ok", "standard"] = "ok"
    # What a user has set lasts for its time, although they log out; otherwise it ends with the session.
    keep_presence: bool = True
    # Where callbacks may go.  Loopback alone until somebody says otherwise: whoever has the password of an
    # application could have the gateway call what they cannot reach themselves.
    callback_networks: tuple[str, ...] = ("127.0.0.0/8", "::1")
    # Who may say that the certificates of endpoints are true: a PEM file; empty: the system's authorities.
    callback_ca: str = ""
    # Seconds that a callback may take, its look-up and connection included: nothing in it needs thought.
    callback_seconds: Seconds = 5.0
    # How often one is tried, and the seconds before it is for the second time; then twice as long each time.
    callback_tries: Positive = 4
    callback_wait: Seconds = 1.0
    limits: PresenceWebLimits = PresenceWebLimits()


def faults(presence_web: PresenceWeb) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    for why in network_faults(presence_web.callback_networks):
        yield f"callback_networks: {why}"
