"""The notifier (RFC 6665): subscriptions to any event package, and their NOTIFYs.

There is one NOTIFY under way for each subscription; what changes meanwhile is in the next one.  So a
subscriber gets them in order, the newest state wins over those that nobody would see any more, and no
sequence number is used twice.  (A watch of which each change counts says one at a time, and that there is
more.)
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from functools import partial

import structlog

from ctigw.expiring import Expiring
from ctigw.means import Means
from ctigw.simple.headers import Expiries, accepted, media_type, option_tags
from ctigw.simple.packages import Package, Wanted, Watch
from ctigw.simple.reaching import contact, towards, way_back
from ctigw.sip.dialog import Dialog, Key, key_of
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.events import Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.stack import Stack
from ctigw.values import named

# What a NOTIFY can be answered that ends its subscription (RFC 6665 §4.2.2, RFC 5057 §5.1), beside a timeout.
ENDING = frozenset({404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604})
# NOTIFYs that are written before they are sent.
PORTION = 64
# As the stack says that there is no way to the watcher.
UNREACHABLE = 503
log = structlog.get_logger(__name__)


@named
class Settings:
    """``expiries``: seconds that a subscription may last; ``notify_seconds``: the least between two
    NOTIFYs; ``per_watcher``: subscriptions, of all packages.
    """

    expiries: Expiries
    per_watcher: int = 5_000
    notify_seconds: float = 0.0


class Subscription:
    """A dialog, and what its NOTIFYs tell."""

    __slots__ = (
        *("back", "dialog", "due", "event", "expires", "full", "package", "sent"),
        *("counted", "ended", "in_flight", "listed", "open", "pending", "watch", "watcher"),
    )

    # While it is open.
    watch: Watch

    def __init__(self, dialog: Dialog, watcher: str, event: str, package: str, back: Remote | None) -> None:
        self.dialog, self.watcher = dialog, watcher
        self.event, self.package, self.back = event, package, back
        self.due = 0
        # Whether `watch` is still to be closed.
        self.open = True
        # Whether it is among its watcher's: until the last NOTIFY is answered, which may take half a minute.
        self.counted = False
        self.expires = 0.0
        # Whether the next NOTIFY has to say everything.
        self.full = True
        self.sent = 0.0
        # A NOTIFY is under way; another is to be sent.
        self.in_flight = self.pending = False
        # It is among those that have something to say.
        self.listed = False
        # The reason of the last NOTIFY, once it is to be sent.
        self.ended = ""


class Subscriptions:
    """All of them, by their dialogs.  `flush` sends what is to be sent, at the end of a turn, in portions."""

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        packages: Mapping[str, Package],
        means: Means,
        counters: Counter[str],
    ) -> None:
        self._stack, self._settings, self._packages = stack, settings, packages
        self._now, self._after, self._token = means.now, means.after, means.token
        self._counters = counters
        self._by_dialog: dict[Key, Subscription] = {}
        self._expiring: Expiring[Subscription] = Expiring(means, partial(self._end, reason="timeout"))
        self._due: deque[Subscription] = deque()
        # How many each watcher has.
        self._watchers: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_dialog)

    @property
    def waiting(self) -> bool:
        """Whether `flush` has more to do."""
        return bool(self._due)

    # SUBSCRIBE

    def initial(self, incoming: Incoming, resource: str, watcher: str) -> None:
        """Serve a SUBSCRIBE outside of a dialog.  Raises `Rejected`."""
        request = incoming.request
        package = self._package(request)
        seconds = self._settings.expiries.granted(request)
        if self._watchers[watcher] >= self._settings.per_watcher:
            raise Rejected(403, "Too many subscriptions")
        tag = self._token()
        dialog = Dialog.uas(request, tag, contact(self._stack, incoming.source))
        event, back = request.get("Event"), way_back(incoming)
        subscription = Subscription(dialog, watcher, event, package.name, back)
        wanted = Wanted(
            resource=resource,
            watcher=watcher,
            accept=accepted(request),
            supported=option_tags(request, "Supported"),
            content_type=media_type(request.get("Content-Type")),
            body=request.body,
        )
        subscription.watch = package.open(wanted, partial(self._changed, subscription))
        if subscription.watch.state == "terminated":
            self._unwatch(subscription, "rejected")
            raise Rejected(403)
        incoming.respond(200, _granted(subscription, seconds), tag=tag)
        self._by_dialog[dialog.key] = subscription
        self._watchers[watcher] += 1
        subscription.counted = True
        self._counters[f"subscriptions to {package.name}"] += 1
        self._extend(subscription, seconds)

    def refresh(self, incoming: Incoming, watcher: str) -> None:
        """Serve a SUBSCRIBE within a dialog: it changes when the subscription ends, and nothing else.

        Raises `Rejected`: 481 when there is none, 403 when it is somebody else's.
        """
        request = incoming.request
        subscription = self._of(request)
        if watcher != subscription.watcher:
            raise Rejected(403, "Not Your Subscription")
        if package_name(request) != subscription.package:
            raise Rejected(489, headers=self._allow_events())
        seconds = self._settings.expiries.granted(request)
        subscription.dialog.check(request)
        subscription.back = way_back(incoming)
        incoming.respond(200, _granted(subscription, seconds))
        self._extend(subscription, seconds)

    def _extend(self, subscription: Subscription, seconds: float) -> None:
        subscription.full = True
        if not seconds:
            self._end(subscription, "timeout")
            return
        subscription.expires = self._now() + seconds
        self._expiring.set(subscription, subscription.expires)
        self._changed(subscription)

    def _package(self, request: Request) -> Package:
        package = self._packages.get(package_name(request))
        if package is None:
            raise Rejected(489, headers=self._allow_events())
        return package

    def _allow_events(self) -> tuple[tuple[str, str], ...]:
        return (("Allow-Events", ", ".join(self._packages)),)

    def _of(self, request: Request) -> Subscription:
        subscription = self._by_dialog.get(key_of(request))
        if subscription is None or subscription.ended:
            raise Rejected(481)
        return subscription

    def forget(self, watcher: str) -> None:
        """There is nobody of that name any more: what it watches is no longer its to see."""
        if watcher not in self._watchers:
            return
        for subscription in tuple(self._by_dialog.values()):
            if subscription.watcher == watcher and subscription.watch.state != "terminated":
                self._end(subscription, "rejected")

    # NOTIFY

    def _changed(self, subscription: Subscription) -> None:
        if not subscription.listed:
            subscription.listed = True
            self._due.append(subscription)

    def flush(self) -> None:
        """Send what is to be said, unless a NOTIFY is under way or was just now; a portion of it, if it is
        much: the first of many watchers have theirs before the last one's is written.
        """
        for _ in range(min(PORTION, len(self._due))):
            subscription = self._due.popleft()
            subscription.listed = False
            try:
                self._say(subscription)
            except Exception:  # a bug: it must not cost the others what they wait for
                log.exception("not notified", watcher=subscription.watcher)
                self._give_up(subscription)

    def _say(self, subscription: Subscription) -> None:
        if subscription.in_flight:
            subscription.pending = True
        elif (wait := self._too_soon(subscription)) > 0:
            self._later(subscription, wait)
        else:
            self._notify(subscription)

    def _too_soon(self, subscription: Subscription) -> float:
        """Seconds until the next NOTIFY may be sent; one that was asked for, or is the last, may always."""
        if not self._settings.notify_seconds or subscription.full or subscription.ended:
            return 0
        return subscription.sent + self._settings.notify_seconds - self._now()

    def _later(self, subscription: Subscription, seconds: float) -> None:
        if not subscription.pending:
            subscription.pending = True
            self._after(seconds, partial(self._again, subscription))

    def _again(self, subscription: Subscription) -> None:
        if subscription.pending and not subscription.in_flight:
            subscription.pending = False
            self._changed(subscription)

    def _notify(self, subscription: Subscription) -> None:
        if not subscription.open:
            return
        watch = subscription.watch
        if watch.state == "terminated" and not subscription.ended:
            self._over(subscription, watch.reason or "noresource")
        # Who is rejected is told nothing more, whatever there still was.
        body = None if subscription.ended == "rejected" else watch.body(full=subscription.full)
        if body is None and not subscription.full and not subscription.ended:
            return
        subscription.full = subscription.pending = False
        fields = [
            ("Event", subscription.event),
            ("Subscription-State", self._state(subscription)),
            *_required(subscription),
        ]
        data = b""
        if body is not None:
            fields.append(("Content-Type", body.content_type))
            data = body.data
        request = subscription.dialog.ready("NOTIFY", fields, data)
        try:
            target = towards(self._stack, subscription.dialog, subscription.back)
        except Malformed as error:  # the connection is gone, and the Contact was of no use
            self._gone(subscription, error.status)
            return
        subscription.in_flight, subscription.sent = True, self._now()
        if subscription.ended:
            self._close(subscription, subscription.ended)
        self._counters["NOTIFYs sent"] += 1
        self._stack.send(request, target, partial(self._answered, subscription))

    def _state(self, subscription: Subscription) -> str:
        if subscription.ended:
            return f"terminated;reason={subscription.ended}"
        left = max(0, round(subscription.expires - self._now()))
        return f"{subscription.watch.state};expires={left}"

    def _answered(self, subscription: Subscription, outcome: Outcome) -> None:
        subscription.in_flight = False
        if not subscription.open:
            self._release(subscription)
        elif outcome.status in ENDING or (outcome.response is None and outcome.status == UNREACHABLE):
            self._gone(subscription, outcome.status)
        elif subscription.pending:
            subscription.pending = False
            self._changed(subscription)

    def _gone(self, subscription: Subscription, status: int) -> None:
        log.info("watcher is gone", watcher=subscription.watcher, status=status)
        self._counters["watchers gone"] += 1
        self._give_up(subscription)

    # The end

    def _end(self, subscription: Subscription, reason: str) -> None:
        """The last NOTIFY says why; that of one whose time is up, everything once more."""
        subscription.full = subscription.full or reason == "timeout"
        self._over(subscription, reason)
        self._changed(subscription)

    def _over(self, subscription: Subscription, reason: str) -> None:
        """No SUBSCRIBE renews it any more; a NOTIFY is to be sent still."""
        subscription.ended = reason
        self._expiring.drop(subscription)
        self._by_dialog.pop(subscription.dialog.key, None)

    def _give_up(self, subscription: Subscription) -> None:
        """There is nobody, or nothing, for another NOTIFY."""
        if subscription.open:
            self._over(subscription, subscription.ended or "noresource")
            self._close(subscription, "giveup")
        self._release(subscription)

    def _close(self, subscription: Subscription, event: str) -> None:
        """Nothing is to be sent any more."""
        subscription.open = False
        self._unwatch(subscription, event)

    def _release(self, subscription: Subscription) -> None:
        if not subscription.counted:
            return
        subscription.counted = False
        self._watchers[subscription.watcher] -= 1
        if not self._watchers[subscription.watcher]:
            del self._watchers[subscription.watcher]

    def _unwatch(self, subscription: Subscription, event: str) -> None:
        """What is watched tells the subscription, which must not keep it then: who has ended is no ring for
        the collector to find.
        """
        watch = subscription.watch
        del subscription.watch
        watch.close(event)

    def close(self) -> None:
        """End them all, now: whoever wants to know more has to subscribe again.

        There is no time to wait until those NOTIFYs are answered that are under way.
        """
        for subscription in tuple(self._by_dialog.values()):
            subscription.in_flight = False
            self._end(subscription, "deactivated")


def package_name(request: Request) -> str:
    """The event package that a SUBSCRIBE, a PUBLISH or a NOTIFY is about."""
    return request.get("Event").partition(";")[0].strip().lower()


def _granted(subscription: Subscription, seconds: float) -> list[tuple[str, str]]:
    dialog = subscription.dialog
    return [("Expires", str(int(seconds))), ("Contact", dialog.contact), *_required(subscription)]


def _required(subscription: Subscription) -> list[tuple[str, str]]:
    """What the subscriber must know, in answers as in NOTIFYs (RFC 4662 §4.1)."""
    requires = subscription.watch.requires
    return [("Require", requires)] if requires else []
