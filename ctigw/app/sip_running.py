"""SIP, running: sockets, what was stored, and who is known, joined with one `SipSide`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from twisted.internet import defer
from twisted.internet.defer import Deferred

from ctigw.app.sip import Kept, SipSide, join, sip_side
from ctigw.app.site import system_defaults
from ctigw.config import Config, ConfigError
from ctigw.following import Following
from ctigw.net.sip_endpoint import SipEndpoint, SipError
from ctigw.sip.hops import Local
from ctigw.soft_state import SoftState
from ctigw.store.database import Database
from ctigw.switch.switch import Switch

# Seconds that removing what is published elsewhere may take in the end.
REMOVING = 5.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SipRunning:
    """``addresses``: what each listener is known as.

    ``following`` has the directory's changes; whoever has committed one calls its `look`.
    """

    side: SipSide
    endpoint: SipEndpoint
    addresses: tuple[Local, ...]
    following: Following

    def figures(self) -> dict[str, int]:
        """How many there are of everything now, and what was counted since the start."""
        endpoint = self.endpoint
        return {"SIP connections": endpoint.connections, **endpoint.counters, **self.side.figures()}


def start_sip(
    config: Config, database: Database, reactor: Any, switch: Switch, ending: AsyncExitStack
) -> SipRunning:
    """Open the listeners and serve; ``ending`` gets what has to be done in the end.

    Raises `ConfigError`; nothing stays open then.
    """
    endpoint = SipEndpoint(config.sip, reactor)
    try:
        addresses = endpoint.open()
    except SipError as error:
        raise ConfigError(str(error)) from None
    ending.push_async_callback(endpoint.stop)
    state = SoftState(
        database,
        reactor,
        endpoint.wake,
        days=config.presence.store_days,
        most=config.presence.limits.stored_messages_per_user,
    )
    kept = Kept(publication=state.publication, binding=state.registered)
    if config.presence.store_messages:
        kept.mailbox = state
    if config.presence.recent_messages:
        kept.history = state.remember
    side = sip_side(config, addresses, reactor, kept)
    published, bound = state.restored()
    side.presence.restore(published)
    side.registrar.restore(bound)
    following = Following(
        database,
        reactor,
        side,
        told=endpoint.wake,
        defaults=system_defaults(config),
    )
    following.observe(side.changed)
    following.start()
    ending.callback(following.stop)
    state.start()
    ending.callback(state.stop)
    join(side, switch, config, partial(reactor.callLater, 0), endpoint.wake)
    ending.push_async_callback(_close, side, endpoint, reactor)
    endpoint.serve(side.node)
    return SipRunning(side, endpoint, addresses, following)


async def _close(side: SipSide, endpoint: SipEndpoint, reactor: Any) -> None:
    """Say that it is over, to watchers and servers; of what is published elsewhere the removal is waited
    for, but not for long.
    """
    side.close()
    endpoint.flush()
    if side.publisher is None:
        return
    removed: Deferred[None] = Deferred()
    removed.addTimeout(REMOVING, reactor)
    side.publisher.close(lambda: removed.callback(None))
    endpoint.flush()
    try:
        await removed
    except defer.TimeoutError:
        log.warning("some publications stay until they expire", of=len(side.publisher))
