"""Back-end subscriptions (the Guide's Table 4): foreign servers that know more of some presentities.

While anybody watches a presentity, there is one subscription at each foreign server that has it, for all its
watchers; it ends when the last of them leaves.  What a server notifies is a source like others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

import structlog

from ctigw.means import Means
from ctigw.presence.engine import Presence, Watching
from ctigw.simple.headers import parameters
from ctigw.simple.publishing import TYPES, acceptable, well_formed
from ctigw.simple.reaching import contact, towards
from ctigw.simple.subscriptions import package_name
from ctigw.sip.dialog import Dialog
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.events import Done, Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, Response
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timer
from ctigw.values import named

# Of the time that a subscription lasts, when it is refreshed.
REFRESH = 0.8
# Seconds until all servers are tried again when none would have us; each time twice as long, up to the
# longest.
PAUSE, LONGEST_PAUSE = 5.0, 600.0
# Why a server ends a subscription so that it is no use to ask again (RFC 6665 §4.1.3).
FINAL = frozenset({"rejected", "noresource", "invariant"})
# Why it does that although it would have us again.
AT_ONCE = frozenset({"deactivated", "timeout"})
SUCCESS = range(200, 300)
# What an answer that makes no dialog is taken for.
BAD_GATEWAY = 502
log = structlog.get_logger(__name__)


@named
class Foreign:
    """A foreign server.  ``servers``: its next hops, best first.  ``uri`` gives its name for a presentity
    of ours, "" when it does not know that one.  ``agent``: the User-Agent that picks the source, if not
    that of its NOTIFYs.  ``ask`` sends requests, with a password when it is asked for one; None: it is not.
    """

    name: str
    servers: Sequence[Remote]
    uri: Callable[[str], str]
    expires: int = 3600
    agent: str = ""
    ask: Callable[[Request, Remote, Done], None] | None = None


class _Subscription:
    """One presentity at one foreign server.

    ``asked``: the request that began its dialog, or is to; None: there is none, and none is to be.
    ``steady``: it has lasted so long that it was refreshed.
    """

    __slots__ = (
        *("accept", "asked", "dialog", "foreign", "pause", "presentity"),
        *("server", "steady", "timer", "uri", "watcher"),
    )

    def __init__(self, foreign: Foreign, uri: str, watching: Watching) -> None:
        self.foreign, self.uri = foreign, uri
        self.presentity, self.watcher, self.accept = watching.presentity, watching.watcher, watching.accept
        self.asked: Request | None = None
        self.steady = True
        self.server = 0
        self.pause = PAUSE
        self.dialog: Dialog | None = None
        self.timer: Timer | None = None

    @property
    def hop(self) -> Remote:
        """The server whose turn it is."""
        return self.foreign.servers[self.server]

    @property
    def key(self) -> str:
        """What its state is contributed under."""
        return f"foreign {self.foreign.name}"


class Backend:
    """All back-end subscriptions; the engine tells who wants one, and who does not any more."""

    def __init__(
        self,
        stack: Stack,
        presence: Presence,
        foreign: Iterable[Foreign],
        means: Means,
        counters: Counter[str],
        *,
        longest: int = 65_536,
    ) -> None:
        self._stack, self._presence, self._foreign = stack, presence, tuple(foreign)
        self._after, self._token = means.after, means.token
        self._counters, self._longest = counters, longest
        self._of: dict[str, list[_Subscription]] = {}
        # A NOTIFY may come before the answer does, and CallManager's have no To tag.
        self._by_call: dict[str, _Subscription] = {}
        self._places = {_place(hop) for server in self._foreign for hop in server.servers}
        if self._foreign:
            presence.first, presence.last = self._wants, self._leaves

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def _wants(self, watching: Watching) -> None:
        """Somebody watches a presentity that nobody watched."""
        found = [
            _Subscription(foreign, uri, watching)
            for foreign in self._foreign
            if (uri := foreign.uri(watching.presentity))
        ]
        if found:
            self._of[watching.presentity] = found
        for subscription in found:
            self._begin(subscription)

    def _leaves(self, presentity: str) -> None:
        """Nobody watches it any more."""
        for subscription in self._of.pop(presentity, ()):
            dialog = subscription.dialog
            self._let_go(subscription)
            self._presence.contribute(presentity, subscription.key, None, "foreign")
            if dialog is not None:
                self._end(subscription, dialog)

    def close(self) -> None:
        """End them all."""
        for presentity in tuple(self._of):
            self._leaves(presentity)

    def lost(self, remote: Remote) -> None:
        """A connection is gone, maybe with a server that knows nothing of us when it is there again, and will
        not say so: ask soon, which finds that out.
        """
        if not remote.flow or _place(remote) not in self._places:
            return
        for subscriptions in self._of.values():
            for subscription in subscriptions:
                if subscription.dialog is not None and _place(subscription.hop) == _place(remote):
                    self._later(subscription, PAUSE, partial(self._refresh, subscription))

    # SUBSCRIBE

    def _begin(self, subscription: _Subscription) -> None:
        """A new dialog with the server whose turn it is."""
        headers = {
            "From": [f"<sip:{subscription.watcher}>;tag={self._token()}"],
            "To": [f"<{subscription.uri}>"],
            "Call-ID": [self._token()],
            "CSeq": ["1 SUBSCRIBE"],
            "Contact": [contact(self._stack, subscription.hop)],
        }
        asked = subscription.asked = Request("SUBSCRIBE", subscription.uri, headers)
        self._by_call[asked.call_id] = subscription
        done = partial(self._answered, subscription, asked, asked)
        self._send(subscription, asked, subscription.hop, subscription.foreign.expires, done)

    def _refresh(self, subscription: _Subscription) -> None:
        assert subscription.dialog is not None
        assert subscription.asked is not None
        dialog = subscription.dialog
        request = dialog.request("SUBSCRIBE")
        done = partial(self._answered, subscription, subscription.asked, request)
        try:
            target = towards(self._stack, dialog, None)
        except Malformed as error:  # its Contact was of no use
            self._refused(subscription, error.status)
            return
        self._send(subscription, request, target, subscription.foreign.expires, done)

    def _end(self, subscription: _Subscription, dialog: Dialog) -> None:
        """Whatever comes of it: it is over for us."""
        request = dialog.request("SUBSCRIBE")
        with suppress(Malformed):
            target = towards(self._stack, dialog, None)
            self._send(subscription, request, target, 0, lambda _outcome: None)

    def _send(
        self, subscription: _Subscription, request: Request, target: Remote, seconds: int, done: Done
    ) -> None:
        request.set("Event", "presence")
        request.set("Expires", str(seconds))
        # As the watcher has it (Table 4), unless nothing of it is for us to read: a list, an explanation.
        accept = subscription.accept if set(TYPES).intersection(subscription.accept) else TYPES
        request.set("Accept", ", ".join(accept))
        request.set("P-Asserted-Identity", f"<sip:{subscription.watcher}>")
        if subscription.foreign.ask is None:
            self._stack.request(request, target, done)
        else:
            subscription.foreign.ask(request, target, done)

    def _answered(
        self, subscription: _Subscription, asked: Request, request: Request, outcome: Outcome
    ) -> None:
        """``request`` began the dialog, then it is ``asked``, or was sent in it."""
        response = outcome.response
        accepted = response is not None and outcome.status in SUCCESS
        if subscription.asked is not asked:  # it is over for us
            if accepted and response is not None and request is asked:
                with suppress(Rejected):
                    self._end(subscription, Dialog.uac(asked, response))
        elif response is None or not accepted:
            self._refused(subscription, outcome.status)
        else:
            self._accepted(subscription, request, response)

    def _accepted(self, subscription: _Subscription, request: Request, response: Response) -> None:
        assert subscription.asked is not None
        try:
            if subscription.dialog is None:
                subscription.dialog = Dialog.uac(subscription.asked, response)
            seconds = response.expires or subscription.foreign.expires
        except Rejected:
            self._refused(subscription, BAD_GATEWAY)
            return
        dialog = subscription.dialog
        dialog.local_seq = max(dialog.local_seq, request.cseq)  # a password may have taken some more
        dialog.answered(response, "SUBSCRIBE")
        subscription.steady = request is not subscription.asked or subscription.steady
        subscription.pause = PAUSE
        refresh = partial(self._refresh, subscription)
        self._later(subscription, min(seconds, subscription.foreign.expires) * REFRESH, refresh)

    def _refused(self, subscription: _Subscription, status: int) -> None:
        """The next server, and after the last one a pause."""
        self._counters["back-end subscriptions refused"] += 1
        name, presentity = subscription.foreign.name, subscription.presentity
        log.info("a foreign server refuses", server=name, presentity=presentity, status=status)
        self._let_go(subscription)
        subscription.server += 1
        if subscription.server < len(subscription.foreign.servers):
            self._begin(subscription)
            return
        subscription.server = 0
        self._presence.contribute(presentity, subscription.key, None, "foreign")
        self._later(subscription, subscription.pause, partial(self._begin, subscription))
        subscription.pause = min(subscription.pause * 2, LONGEST_PAUSE)

    def _later(self, subscription: _Subscription, seconds: float, call: Callable[[], None]) -> None:
        if subscription.timer is not None:
            subscription.timer.cancel()
        subscription.timer = self._after(seconds, call)

    def _let_go(self, subscription: _Subscription) -> None:
        """What comes in its dialog now is nobody's."""
        if subscription.asked is not None:
            self._by_call.pop(subscription.asked.call_id, None)
        subscription.asked = subscription.dialog = None
        if subscription.timer is not None:
            subscription.timer.cancel()
            subscription.timer = None

    # NOTIFY

    def notified(self, incoming: Incoming) -> None:
        """Serve a NOTIFY.  Raises `Rejected`: 400, 413, 415, 481, 489."""
        request = incoming.request
        subscription = self._by_call.get(request.call_id)
        asked = subscription.asked if subscription else None
        if subscription is None or asked is None or request.to_tag not in ("", asked.from_tag):
            raise Rejected(481)
        if package_name(request) != "presence":
            raise Rejected(489, headers=(("Allow-Events", "presence"),))
        if request.body:
            acceptable(request, self._longest)
            well_formed(request.body)
        if subscription.dialog is None:  # it overtook the answer to the SUBSCRIBE
            subscription.dialog = Dialog.notified(asked, request)
        else:
            subscription.dialog.check(request)
        incoming.respond(200)
        self._take(subscription, request)

    def _take(self, subscription: _Subscription, request: Request) -> None:
        presentity, agent = subscription.presentity, subscription.foreign.agent or request.get("User-Agent")
        state = request.get("Subscription-State")
        if state.partition(";")[0].strip().lower() == "terminated":
            self._presence.contribute(presentity, subscription.key, None, "foreign")
            self._ended(subscription, parameters(state))
        elif request.body:
            self._presence.contribute(presentity, subscription.key, request.body, subscription.key, agent)

    def _ended(self, subscription: _Subscription, why: dict[str, str]) -> None:
        """The server has had enough; whether and when to ask again, it says (RFC 6665 §4.1.3)."""
        self._let_go(subscription)
        reason, wait = why.get("reason", "").lower(), why.get("retry-after", "")
        if reason in FINAL:
            return
        # But not again and again: a server that takes us only to send us away would do nothing else.
        at_once, subscription.steady = reason in AT_ONCE and subscription.steady, False
        pause = 0.0 if at_once else subscription.pause
        if wait.isascii() and wait.isdigit():
            pause = max(pause, float(wait[:6]))
        self._later(subscription, pause, partial(self._begin, subscription))


def _place(remote: Remote) -> tuple[str, str, int]:
    return remote.transport, remote.host.lower(), remote.port
