"""A SIP user on the network, for the command line and tests: an `Agent` with sockets and awaits."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from ctigw.config.sip import Sip, SipListener
from ctigw.config.values import LAST_PORT
from ctigw.net.sip_agent import (
    RETRY,
    Account,
    Agent,
    Kept,
    Publication,
    Registration,
    Text,
    is_success,
    words,
)
from ctigw.net.sip_endpoint import SipEndpoint
from ctigw.net.sip_watch import PRESENCE, Notification, Watch
from ctigw.sip.events import Done, Outcome, Settings
from ctigw.sip.hops import DEFAULT_PORT, TLS_PORT, Local, Remote
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers
from ctigw.sip.tokens import tokens
from ctigw.sip.uri import parse_uri

PORTS = {"udp": DEFAULT_PORT, "tcp": DEFAULT_PORT, "tls": TLS_PORT}
# Seconds for what is said when a client leaves.
GOODBYE = 2.0
_AT = re.compile(r"(?:(udp|tcp|tls):)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.IGNORECASE)


class SipRefused(Exception):  # noqa: N818 - it is an answer
    """The server said no, or nothing; ``outcome`` is what it said, ``why`` it cannot be reached."""

    def __init__(self, outcome: Outcome, why: str = "") -> None:
        unheard = outcome.response is None and why
        super().__init__(f"{words(outcome)}: {why.rstrip('.')}" if unheard else words(outcome))
        self.outcome = outcome

    @property
    def status(self) -> int:
        """408: no answer; 503 without a response: it cannot be reached."""
        return self.outcome.status


def server_at(text: str) -> Remote:
    """Where ``udp:host:5060`` is (also tcp, tls; without: UDP; the port may be left out).

    Raises `ValueError`.
    """
    found = _AT.fullmatch(text)
    if found is None:
        raise ValueError("it has the form udp:host:port, tcp:host:port or tls:host:port")
    transport = (found[1] or "udp").lower()
    port = int(found[3] or PORTS[transport])
    if not 0 < port <= LAST_PORT:
        raise ValueError(f"the port must be a number from 1 to {LAST_PORT}")
    return Remote(transport.upper(), found[2].strip("[]"), port)


class SipClient:
    """One user at ``server``.  Raises `OSError` when there is no way to it.

    ``on_message`` is told each MESSAGE that comes; ``trouble`` what becomes of a refreshing that fails.
    """

    def __init__(
        self,
        reactor: Any,
        server: Remote,
        account: Account,
        *,
        on_message: Callable[[Text], None] = lambda _message: None,
        ask_password: Callable[[], str] = str,
        trouble: Callable[[str], None] = lambda _why: None,
        tls_ca: str = "",
        settings: Settings | None = None,
    ) -> None:
        self._reactor, self._trouble = reactor, trouble
        self._server = (server.host, server.port)
        address = _own_address(server)
        listeners = [SipListener("udp", address, 0)]
        if server.transport != "UDP":
            listeners.append(SipListener("tcp", address, 0))
        self._endpoint = SipEndpoint(Sip(listeners=tuple(listeners), tls_ca=tls_ca), reactor)
        locals_ = self._endpoint.open()
        if server.transport == "TLS":  # nobody can connect to it: the server has the connection that we open
            locals_ = (*locals_, Local("TLS", locals_[1].host, locals_[1].port))
        index = next(n for n, local in enumerate(locals_) if local.transport == server.transport)
        place = Remote(server.transport, server.host, server.port, 0, index)
        timers = Timers(reactor.seconds)
        token = tokens(secrets.token_bytes)
        stack = Stack(timers, token, locals_, settings)
        self.agent = Agent(
            stack,
            timers,
            account,
            place,
            token,
            on_message=on_message,
            ask_password=ask_password,
        )
        self._kept: list[Kept] = []
        self._closed: Deferred[None] | None = None
        self._endpoint.serve(_Node(stack, self.agent, self._lost))

    @property
    def uri(self) -> str:
        """The user's own address."""
        return self.agent.account.uri

    @property
    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._closed is not None

    async def register(self, expires: int = 3600) -> Registration:
        """Be reachable here, until `close`.  Raises `SipRefused`."""
        made = Registration(self.agent, expires, self._told)
        await self._asked(made.refresh)
        self._kept.append(made)
        return made

    async def publish(self, document: bytes, expires: int = 3600, uri: str = "") -> Publication:
        """Say ``document`` of this user (or of ``uri``) until `close`.  Raises `SipRefused`."""
        made = Publication(self.agent, uri or self.uri, expires, self._told)
        await self._asked(lambda done: made.put(document, done))
        self._kept.append(made)
        return made

    async def modify(self, publication: Publication, document: bytes) -> None:
        """Say ``document`` instead.  Raises `SipRefused`."""
        await self._asked(lambda done: publication.put(document, done))

    async def refresh(self, kept: Kept) -> None:
        """Have it for another time, before it would be by itself.  Raises `SipRefused`."""
        await self._asked(kept.refresh)

    async def remove(self, kept: Kept) -> None:
        """End it.  Raises `SipRefused`."""
        if kept in self._kept:
            self._kept.remove(kept)
        await self._asked(kept.end)

    def leave(self, kept: Kept) -> None:
        """Keep it no more, and say nothing: it ends by itself."""
        kept.stop()
        self._kept.remove(kept)

    async def watch(
        self,
        uri: str,
        on_notify: Callable[[Notification], None],
        expires: int = 3600,
        *,
        headers: tuple[tuple[str, str], ...] = PRESENCE,
        body: bytes = b"",
    ) -> Watch:
        """Be told of ``uri`` until `close`.  Raises `SipRefused`."""
        made = Watch(self.agent, uri, expires, self._told, on_notify, headers=headers, body=body)
        await self._asked(made.refresh)
        self._kept.append(made)
        return made

    async def fetch(
        self,
        uri: str,
        *,
        headers: tuple[tuple[str, str], ...] = PRESENCE,
        seconds: float = 10.0,
    ) -> Notification:
        """How it is now.  Raises `SipRefused`, `TimeoutError` when nothing is notified in time."""
        told: Deferred[Notification] = Deferred()

        def notified(notification: Notification) -> None:
            if not told.called:
                told.callback(notification)

        made = Watch(self.agent, uri, 0, lambda _outcome: None, notified, headers=headers)
        await self._asked(made.refresh)
        told.addTimeout(seconds, self._reactor, lambda _result, _seconds: _too_late(uri))
        return await told

    async def message(self, to: str, text: str) -> int:
        """Send a text: 200 is delivered, 202 is kept until its addressee is there.  Raises `SipRefused`."""
        outcome = await self._asked(lambda done: self.agent.message(to, text, done))
        return outcome.status

    def close(self) -> Deferred[None]:
        """End everything that is kept, as far as the server answers in time, and close.

        It may be called again; what it gives fires when all is closed.
        """
        if self._closed is None:
            self._closed = Deferred.fromCoroutine(self._close())
        waiting: Deferred[None] = Deferred()
        self._closed.chainDeferred(waiting)
        return waiting

    async def _close(self) -> None:
        kept, self._kept = self._kept, []
        endings = []
        for one in kept:
            if one.expires:
                ended: Deferred[Outcome] = Deferred()
                one.end(ended.callback)
                endings.append(ended)
        self._endpoint.flush()
        all_ended: Deferred[Any] = DeferredList(endings)
        all_ended.addTimeout(GOODBYE, self._reactor, lambda _result, _seconds: None)
        await all_ended
        await self._endpoint.stop()

    def _lost(self, remote: Remote) -> None:
        """Watchers hear nothing over a connection that is gone; those that others have opened are theirs."""
        is_ours = (remote.host, remote.port) == self._server and remote.transport != "UDP"
        if not is_ours or self.is_closing:
            return
        lost = [kept for kept in self._kept if kept.lost()]
        if lost:
            self._trouble(f"the connection is lost; the server is asked again every {RETRY:.0f} s")

    def _told(self, outcome: Outcome) -> None:
        if not is_success(outcome):
            self._trouble(words(outcome))

    async def _asked(self, start: Callable[[Done], None]) -> Outcome:
        answer: Deferred[Outcome] = Deferred()
        start(answer.callback)
        self._endpoint.flush()
        outcome = await answer
        self._endpoint.wake()  # whoever awaits this may go on to ask more
        if not is_success(outcome):
            raise SipRefused(outcome, self._endpoint.trouble)
        return outcome


class _Node:
    """The stack, and the agent that is told what it has heard."""

    def __init__(self, stack: Stack, agent: Agent, lost: Callable[[Remote], None]) -> None:
        self._stack, self._agent, self._lost = stack, agent, lost
        self.outgoing, self.next_timeout = stack.outgoing, stack.next_timeout

    def receive(self, data: bytes, source: Remote) -> None:
        self._stack.receive(data, source)
        self._agent.take()

    def connected(self, remote: Remote, names: tuple[str, ...]) -> None:
        """The server is who it says; Twisted would not have let it come so far otherwise."""

    def lost(self, remote: Remote) -> None:
        self._stack.lost(remote)
        self._agent.take()
        self._lost(remote)

    def timeout(self) -> None:
        self._stack.timeout()
        self._agent.take()


def address_of(name: str, domain: str) -> str:
    """``alice`` as the URI of a user of ``domain``; what has a host has it already.  Raises `ValueError`."""
    text = name if ":" in name else f"sip:{name}"
    if "@" not in text:
        text = f"{text}@{domain}"
    try:
        parse_uri(text)
    except Exception:  # noqa: BLE001 - Malformed speaks of messages
        raise ValueError(f"{name} is no address") from None
    return text


def _own_address(server: Remote) -> str:
    """The address of this machine by which ``server`` is reached.  Raises `OSError`."""
    family, kind, _, _, place = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(place)
        own: str = probe.getsockname()[0]
    return own


def _too_late(uri: str) -> Any:
    raise TimeoutError(f"nothing is notified of {uri}")
