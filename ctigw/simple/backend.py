"""Back-end subscriptions (the Guide's Table 4): foreign servers that know more of some presentities.

While anybody watches a presentity, there is one subscription at each foreign server that has it, for all its
watchers; it ends when the last of them leaves.  What a server notifies is a source like others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import structlog

from ctigw.expiring import After
from ctigw.presence.documents import NotPidfError, checked
from ctigw.presence.engine import Presence, Watching
from ctigw.simple.headers import media_type, parameters
from ctigw.simple.publishing import TYPES
from ctigw.simple.subscriptions import package_name
from ctigw.sip.dialog import Dialog
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response
from ctigw.sip.stack import Incoming, Outcome, Stack
from ctigw.sip.timers import Timer
from ctigw.values import named

# Of the time that a subscription lasts, when it is refreshed.
REFRESH = 0.8
# Seconds until all servers are tried again when none would have us; each time twice as long, up to the longest.
PAUSE, LONGEST_PAUSE = 5.0, 600.0
# Why a server ends a subscription so that it is no use to ask again (RFC 6665 §4.1.3).
FINAL = frozenset({"rejected", "noresource", "invariant"})
log = structlog.get_logger(__name__)


@named
class Foreign:
    """A foreign server.  ``servers``: its next hops, best first.  ``uri`` gives its name for a presentity of ours,
    "" when it does not know that one.  ``agent``: the User-Agent that picks the source, if not that of its NOTIFYs."""

    name: str
    servers: Sequence[Remote]
    uri: Callable[[str], str]
    expires: int = 3600
    agent: str = ""


class _Subscription:
    """One presentity at one foreign server."""

    __slots__ = (
        *("accept", "call_id", "dialog", "foreign", "pause", "presentity", "server"),
        *("seq", "tag", "timer", "uri", "wanted", "watcher"),
    )

    def __init__(self, foreign: Foreign, uri: str, watching: Watching) -> None:
        self.foreign, self.uri = foreign, uri
        self.presentity, self.watcher, self.accept = watching.presentity, watching.watcher, watching.accept
        self.wanted = True
        self.server = 0
        self.pause = PAUSE
        self.seq = 0
        self.call_id = self.tag = ""
        self.dialog: Dialog | None = None
        self.timer: Timer | None = None


class Backend:
    """All back-end subscriptions; `wants` and `leaves` are told by the engine."""

    def __init__(
        self,
        stack: Stack,
        presence: Presence,
        foreign: Iterable[Foreign],
        *,
        after: After,
        token: Callable[[], str],
        counters: Counter[str],
        longest: int = 65_536,
    ) -> None:
        self._stack, self._presence, self._foreign = stack, presence, tuple(foreign)
        self._after, self._token, self._counters, self._longest = after, token, counters, longest
        self._of: dict[str, list[_Subscription]] = {}
        self._by_call: dict[tuple[str, str], _Subscription] = {}
        if self._foreign:
            presence.first, presence.last = self.wants, self.leaves

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def wants(self, watching: Watching) -> None:
        """Somebody watches a presentity that nobody watched."""
        found = list(self._subscriptions(watching))
        if found:
            self._of[watching.presentity] = found
        for subscription in found:
            self._begin(subscription)

    def _subscriptions(self, watching: Watching) -> Iterator[_Subscription]:
        for foreign in self._foreign:
            uri = foreign.uri(watching.presentity)
            if uri:
                yield _Subscription(foreign, uri, watching)

    def leaves(self, presentity: str) -> None:
        """Nobody watches it any more."""
        for subscription in self._of.pop(presentity, ()):
            subscription.wanted = False
            self._stop(subscription)
            self._forget(subscription)
            if subscription.dialog is not None:
                self._send(subscription, 0)

    # SUBSCRIBE

    def _begin(self, subscription: _Subscription) -> None:
        """A new dialog with the server whose turn it is."""
        subscription.dialog, subscription.seq = None, 0
        subscription.call_id, subscription.tag = self._token(), self._token()
        self._by_call[subscription.call_id, subscription.tag] = subscription
        self._send(subscription, subscription.foreign.expires)

    def _send(self, subscription: _Subscription, seconds: int) -> None:
        server = subscription.foreign.servers[subscription.server]
        dialog = subscription.dialog
        request = dialog.request("SUBSCRIBE") if dialog else self._outside(subscription)
        request.set("Event", "presence")
        request.set("Expires", str(seconds))
        request.set("Accept", ", ".join(subscription.accept or TYPES))
        request.set("P-Asserted-Identity", f"<sip:{subscription.watcher}>")
        target = self._stack.towards(request, server) if dialog else server
        request.set("Contact", self._stack.contact(target))
        self._stack.request(request, target, partial(self._answered, subscription, subscription.call_id))

    def _outside(self, subscription: _Subscription) -> Request:
        subscription.seq += 1
        headers = {
            "From": [f"<sip:{subscription.watcher}>;tag={subscription.tag}"],
            "To": [f"<{subscription.uri}>"],
            "Call-ID": [subscription.call_id],
            "CSeq": [f"{subscription.seq} SUBSCRIBE"],
        }
        return Request("SUBSCRIBE", subscription.uri, headers)

    def _answered(self, subscription: _Subscription, call_id: str, outcome: Outcome) -> None:
        if not subscription.wanted or subscription.call_id != call_id:
            return
        response = outcome.response
        if response is None or outcome.status >= 300:  # noqa: PLR2004 - not a success
            self._refused(subscription, outcome)
            return
        subscription.pause = PAUSE
        if subscription.dialog is None:
            try:
                subscription.dialog = self._dialog(subscription, response)
            except Malformed:
                self._refused(subscription, Outcome(502, None))
                return
        self._refresh_later(subscription, _granted(response, subscription.foreign.expires))

    def _dialog(self, subscription: _Subscription, response: Response) -> Dialog:
        return Dialog.uac(self._outside_again(subscription), response)

    def _outside_again(self, subscription: _Subscription) -> Request:
        subscription.seq -= 1
        return self._outside(subscription)

    def _refresh_later(self, subscription: _Subscription, seconds: float) -> None:
        self._stop(subscription)
        refresh = partial(self._send, subscription, subscription.foreign.expires)
        subscription.timer = self._after(seconds * REFRESH, refresh)

    def _refused(self, subscription: _Subscription, outcome: Outcome) -> None:
        """The next server, and after the last one a pause."""
        self._counters["back-end subscriptions refused"] += 1
        log.info(
            "a foreign server refuses",
            server=subscription.foreign.name,
            presentity=subscription.presentity,
            status=outcome.status,
        )
        self._forget(subscription)
        if outcome.status == 423 and outcome.response is not None:  # noqa: PLR2004 - Interval Too Brief
            pass
        subscription.server += 1
        if subscription.server < len(subscription.foreign.servers):
            self._begin(subscription)
            return
        subscription.server = 0
        self._presence.contribute(subscription.presentity, _key(subscription), None, "foreign")
        self._again_later(subscription, subscription.pause)
        subscription.pause = min(subscription.pause * 2, LONGEST_PAUSE)

    def _again_later(self, subscription: _Subscription, seconds: float) -> None:
        self._stop(subscription)
        subscription.timer = self._after(seconds, partial(self._begin, subscription))

    def _stop(self, subscription: _Subscription) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None

    def _forget(self, subscription: _Subscription) -> None:
        self._by_call.pop((subscription.call_id, subscription.tag), None)

    # NOTIFY

    def notified(self, incoming: Incoming) -> None:
        """Serve a NOTIFY.  Raises `Rejected`: 400, 413, 415, 481, 489."""
        request = incoming.request
        subscription = self._by_call.get((request.call_id, request.to_tag))
        if subscription is None:
            raise Rejected(481)
        if package_name(request) != "presence":
            raise Rejected(489, headers=(("Allow-Events", "presence"),))
        if subscription.dialog is None:  # it overtook the answer to the SUBSCRIBE
            subscription.dialog = Dialog.uas(request, subscription.tag, "")
        subscription.dialog.check(request)
        if request.body:
            self._judge(request)
        incoming.respond(200)
        self._take(subscription, request)

    def _judge(self, request: Request) -> None:
        if media_type(request.get("Content-Type")) not in TYPES:
            raise Rejected(415, headers=(("Accept", ", ".join(TYPES)),))
        if len(request.body) > self._longest:
            raise Rejected(413)
        try:
            checked(request.body)
        except NotPidfError:
            raise Rejected(400, "Not a presence document") from None

    def _take(self, subscription: _Subscription, request: Request) -> None:
        presentity, key = subscription.presentity, _key(subscription)
        agent = subscription.foreign.agent or request.get("User-Agent")
        if request.body:
            self._presence.contribute(presentity, key, request.body, "foreign", agent)
        state = request.get("Subscription-State")
        if state.partition(";")[0].strip().lower() == "terminated":
            self._presence.contribute(presentity, key, None, "foreign")
            self._ended(subscription, parameters(state))

    def _ended(self, subscription: _Subscription, why: dict[str, str]) -> None:
        """The server has had enough; whether and when to ask again, it says (RFC 6665 §4.1.3)."""
        self._stop(subscription)
        self._forget(subscription)
        subscription.dialog = None
        reason = why.get("reason", "")
        if reason not in FINAL:
            wait = why.get("retry-after", "")
            at_once = reason in ("deactivated", "timeout")
            pause = float(wait[:6]) if wait.isdigit() else 0.0 if at_once else subscription.pause
            self._again_later(subscription, pause)

    def close(self) -> None:
        """End them all."""
        for presentity in tuple(self._of):
            self.leaves(presentity)


def _key(subscription: _Subscription) -> str:
    return f"foreign {subscription.foreign.name}"


def _granted(response: Response, asked: int) -> float:
    seconds = response.expires
    return float(min(seconds, asked) if seconds else asked)
