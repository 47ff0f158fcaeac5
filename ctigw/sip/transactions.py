"""All transactions of a stack: by what they are found, what waits for them, and what they send.

What they do is in the tables of `ctigw.sip.machines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from ctigw.sip.events import Answered, Event, Outcome, Settings
from ctigw.sip.hops import Remote
from ctigw.sip.machines import GONE, SERVER_INVITE, Client, Gone, Incoming, Input, Kept, State, within
from ctigw.sip.message import Response
from ctigw.sip.timers import Timers

# §17.2.1: a user that needs longer than this is spoken for.
SILENCE = 0.2


def place_of(remote: Remote) -> Hashable:
    """What names a connection: its number, or before it has one, where it leads."""
    return remote.flow or (remote.transport, remote.host, remote.port)


class Transactions:
    """``token`` gives random text; `events` and `out` are taken by the stack."""

    __slots__ = (
        "_kept", "_left", "_waiting", "clients", "copies", "counters", "events", "lifetime", "out", "servers",
        "settings", "timers", "token",
    )  # fmt: skip

    def __init__(
        self, timers: Timers, token: Callable[[], str], settings: Settings, counters: Counter[str]
    ) -> None:
        self.timers, self.token = timers, token
        self.settings, self.counters = settings, counters
        self.clients: dict[str, Client | Gone] = {}
        self.servers: dict[str, Incoming | Kept] = {}
        # Requests outside a dialog by what every copy of them has: where the first is found.
        self.copies: dict[int, str] = {}
        self.events: list[Event] = []
        self.out: list[tuple[Remote, bytes]] = []
        self.lifetime = 64 * settings.t1
        self._kept = timers.lane(self.lifetime, self._forget_kept)
        self._left = timers.lane(settings.t4, self._forget_left)
        # Clients by where they wait.
        self._waiting: dict[Hashable, dict[str, Client]] = {}
        timers.often(settings.t1, 2 * settings.t1, settings.t2, settings.t4, self.lifetime, SILENCE)

    @property
    def live(self) -> int:
        """How many requests wait for an answer of ours."""
        return len(self.servers) - len(self._kept)

    def fire(self, it: Any, happened: Input, response: Response | bytes | None = None) -> bool:
        """Do what the table says with a `Transaction`; False: it says nothing."""
        step = it.machine.get((it.state, happened))
        if step is None:
            return False
        actions, after = step
        if it.state is not after:
            it.state = after
        for action in actions:
            action(self, it, response)
        return True

    def send(self, to: Remote, data: bytes) -> None:
        """Have it sent."""
        self.out.append((to, data))

    # Requests of others

    def open(self, it: Incoming) -> None:
        """A request has come that is no copy of another."""
        self.servers[it.key] = it
        if it.copy:
            self.copies[it.copy] = it.key
        if it.request.method == "INVITE":
            it.machine, it.state = SERVER_INVITE, State.PROCEEDING
            it.timer = self.timers.after(SILENCE, partial(self._silent, it))

    def keep(self, it: Incoming) -> None:
        """It was answered, and may come again: not over a connection."""
        if it.to.flow:
            self.end(it)
            return
        self.servers[it.key] = Kept(it.to, it.sent, it.copy)
        self._kept.add(self.timers.now(), it.key)
        if len(self._kept) > self.settings.max_kept:
            self.counters["answers forgotten early"] += 1
            self._kept.drop()

    def _silent(self, it: Incoming) -> None:
        if not it.sent:
            self.fire(it, Input.SILENT)

    def _forget_kept(self, key: str) -> None:
        kept = self.servers.pop(key)
        if kept.copy:
            del self.copies[kept.copy]

    # Requests of ours

    def start(self, it: Client, data: bytes) -> None:
        """Send it, and wait for what comes of it."""
        it.sent = data
        self.clients[it.key] = it
        self._wait(it)
        self.fire(it, Input.REQUEST)

    def unreachable(self, it: Client) -> None:
        """There is no connection: as a datagram then, if that is how it was meant to go (§18.1.1)."""
        self._part(it)
        if it.fallback is None:
            self.fail(it, 503)
            return
        (it.to, it.via, it.sent), it.fallback = it.fallback, None
        self._wait(it)
        self.fire(it, Input.REQUEST)

    def fail(self, it: Client, status: int) -> None:
        """It has come to its end without a response."""
        self.end(it)
        if it.done is not None:
            self.events.append(Answered(it.done, Outcome(status)))

    def leave(self, it: Client) -> None:
        """It was answered; answers that come again are expected for a while: not over a connection."""
        if it.to.transport != "UDP":
            self.end(it)
            return
        if it.timer is not None:
            it.timer.cancel()
        self._part(it)
        self.clients[it.key] = GONE
        self._left.add(self.timers.now(), it.key)

    def cancel(self, it: Client) -> None:
        """Stop an INVITE, as soon as there is somebody to tell (§9.1)."""
        it.cancelling = True
        if it.state is not State.PROCEEDING or it.request is None or it.cancelled:
            return
        it.cancelled = True
        whole = within(it.request, "CANCEL", it.via, it.request.headers["To"])
        client = Client(whole, it.to, it.via, None, it.key.removesuffix("INVITE") + "CANCEL")
        self.start(client, whole.write())
        # A server that does not know what 487 is (§9.1) must not keep it waiting.
        it.deadline = self.timers.now() + self.lifetime
        self.arm(it)

    def lost(self, remote: Remote) -> bool:
        """What goes there is lost; whether anything went as a datagram instead."""
        fell_back = False
        for place in (remote.flow, place_of(Remote(remote.transport, remote.host, remote.port))):
            for it in list(self._waiting.pop(place, {}).values()):
                fell_back = fell_back or it.fallback is not None
                self.fire(it, Input.LOST)
        return fell_back

    def _wait(self, it: Client) -> None:
        self._waiting.setdefault(place_of(it.to), {})[it.key] = it

    def _part(self, it: Client) -> None:
        place = place_of(it.to)
        waiting = self._waiting.get(place)
        if waiting is not None:
            waiting.pop(it.key, None)
            if not waiting:
                del self._waiting[place]

    def _forget_left(self, key: str) -> None:
        del self.clients[key]

    # Both

    def arm(self, it: Incoming | Client) -> None:
        """Wait until it is to be sent again, or until its time is over, whichever comes first."""
        if it.timer is not None:
            it.timer.cancel()
        left = it.deadline - self.timers.now()
        if it.to.transport != "UDP" or it.interval >= left:
            left = round(max(0.0, left), 6)  # as long as others are, where it is
            it.timer = self.timers.after(left, partial(self.fire, it, Input.EXPIRED))
        else:
            it.timer = self.timers.after(it.interval, partial(self.fire, it, Input.AGAIN))

    def stay(self, it: Incoming | Client, seconds: float, *, reliable_too: bool = False) -> None:
        """Wait for what may come again; over a connection nothing does, but what other servers send."""
        if it.timer is not None:
            it.timer.cancel()
        if it.to.transport != "UDP" and not reliable_too:
            self.end(it)
        else:
            it.timer = self.timers.after(seconds, partial(self.fire, it, Input.OVER))

    def end(self, it: Incoming | Client) -> None:
        """Nothing is left of it."""
        it.state = State.TERMINATED
        if it.timer is not None:
            it.timer.cancel()
        if isinstance(it, Client):
            self.clients.pop(it.key, None)
            self._part(it)
        else:
            self.servers.pop(it.key, None)
            if it.copy:
                self.copies.pop(it.copy, None)
