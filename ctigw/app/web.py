"""The web half of the gateway: listeners, and the interfaces that are served at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import structlog
from sqlalchemy.orm import Session
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread

from ctigw.app.inside import Inside
from ctigw.app.presence_web import PresenceWebSide, presence_web, trust
from ctigw.app.sip import SipSide
from ctigw.app.sip_running import SipRunning
from ctigw.app.site import node, system_defaults
from ctigw.config import Config, ConfigError
from ctigw.config.values import place
from ctigw.config.web import Interface, WebListener
from ctigw.directory import long_term
from ctigw.directory.credentials import Principal
from ctigw.directory.journal import Change, Kind
from ctigw.following import Following
from ctigw.keeping import InDatabase
from ctigw.logins import Logins
from ctigw.means import Means
from ctigw.net.tls import TlsError, secured
from ctigw.net.web import WebFactory
from ctigw.patience import Patience
from ctigw.presence.documents import read
from ctigw.rules import Visibility
from ctigw.soap import axl, serviceability
from ctigw.soap.epas.logins import Logins as EpasLogins
from ctigw.soap.epas.operations import Settings
from ctigw.soap.epas.service import Epas
from ctigw.soap.given import Changed, Who
from ctigw.soap.http import Handler, Routes
from ctigw.soap.sessions import Sessions, session_key
from ctigw.store.database import Database, DatabaseError

if TYPE_CHECKING:
    from ctigw.app import Gateway

P = ParamSpec("P")
T = TypeVar("T")
BACKLOG = 1024
# Characters of a name that are logged.
NAMED = 64
log = structlog.get_logger(__name__)


class _Asker:
    """One attempt to log in, which is compared with no other."""

    def __init__(self, peer: str) -> None:
        self.peer = peer


@dataclass(slots=True)
class WebSide:
    """Everything behind the listeners.  ``who`` says who has a name and a password."""

    sessions: Sessions
    counters: Counter[str]
    who: Who
    routes: dict[Interface, Mapping[str, Handler]]
    presence: PresenceWebSide | None = None

    def close(self) -> None:
        """Call nobody back any more."""
        if self.presence is not None:
            self.presence.close()

    def figures(self) -> dict[str, int]:
        """How many there are of everything now, and what was counted since the start."""
        presence = self.presence.service.figures() if self.presence is not None else {}
        return {"web sessions": len(self.sessions), **presence, **self.counters}

    def told(self, changes: Sequence[Change]) -> None:
        """The directory has changed: who is no user any more, or has a new password, logs in again."""
        for change in changes:
            if change.kind is Kind.PASSWORD or (change.kind is Kind.USER and change.new is None):
                self.sessions.forget(change.user)


@dataclass(slots=True)
class WebRunning:
    """``addresses``: where each configured listener is; ``inside``: what is seen of the gateway there."""

    side: WebSide
    factories: list[WebFactory] = field(default_factory=list)
    addresses: list[Any] = field(default_factory=list)
    inside: Inside | None = None

    def figures(self) -> dict[str, int]:
        """How many there are of everything now, and what was counted since the start."""
        return {
            "web connections": sum(factory.connections for factory in self.factories),
            **self.side.figures(),
        }


def web_side(
    config: Config,
    clock: IReactorTime,
    database: Database,
    keeping: InDatabase,
    patience: Patience,
    *,
    sip: SipSide | None = None,
    wake: Callable[[], None] = lambda: None,
    changed: Changed = lambda: None,
) -> WebSide:
    """All interfaces, on ``clock``.  ``sip``: what is said by SIP, where it is on; ``wake`` has it sent.

    ``changed`` is told after each change of the directory.  Raises `ConfigError`.
    """
    counters: Counter[str] = Counter()
    means = Means(clock.seconds, clock.callLater, session_key)
    web = config.web
    sessions = Sessions(means, seconds=web.session_seconds, most=web.limits.sessions)
    logins: Logins[Principal] = Logins(patience, keeping.principal, Deferred)
    who = partial(_who, logins)
    epas = Epas(
        run=database.run,
        logins=EpasLogins(sessions, who, database.run, partial(_withdraw, sip, wake, database), changed),
        sessions=sessions,
        settings=_settings(config),
        now=clock.seconds,
        changed=changed,
        faults_ok=web.fault_status == "ok",
    )
    given = axl.Given(run=database.run, who=who, changed=changed, in_thread=_in_thread, settings=config.axl)
    site = axl.Site(
        domain=config.sip.domains[0],
        node=node(config),
        description=config.axl.description,
        defaults=system_defaults(config),
    )
    administration = axl.routes(given, sessions, site)
    side = WebSide(sessions, counters, who, {"epas": epas.routes(), "axl": administration})
    if sip is not None:
        side.presence = presence_web(
            config, clock, sip, sessions, who, database.run, means, wake=wake, counters=counters
        )
        side.routes["presence"] = side.presence.routes
    return side


async def _who(logins: Logins[Principal], peer: str, name: str, password: str) -> Principal | None:
    """`given.Who`; who is not known is in the log."""
    found = await logins.who(_Asker(peer), name, password)
    if found is None:
        log.info("login refused", peer=peer, name=name[:NAMED])
    return found


async def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await deferToThread(function, *args, **kwargs)


def _settings(config: Config) -> Settings:
    """What EPAS knows of the site: at which domains there are people who are no users here."""
    routed = (route.domain.lower() for route in config.sip.routes)
    served = (user.local.lower() for server in config.presence.foreign for user in server.users)
    return Settings(
        foreign=frozenset({*routed, *(local.partition("@")[2] for local in served)}),
        system=system_defaults(config),
        without_rule=Visibility(config.presence.without_rule),
    )


async def _withdraw(
    sip: SipSide | None, wake: Callable[[], None], database: Database, user: str, tuple_id: str
) -> None:
    """End what ``user`` has published with a tuple of that id, by SIP or for long."""
    if sip is not None:
        published = sip.presence.publications
        for publication in [each for each in published.of(user) if _has_tuple(each.body, tuple_id)]:
            published.over(publication)
        wake()
    try:
        await database.run(_unpublish, user, tuple_id)
    except DatabaseError as error:  # the session is over all the same
        log.warning("a long-term status stays", user=user, why=str(error))


def _unpublish(session: Session, user: str, tuple_id: str) -> None:
    body = long_term.status(session, user)
    if body is not None and _has_tuple(body, tuple_id):
        long_term.unpublish(session, user)


def _has_tuple(body: bytes, tuple_id: str) -> bool:
    return any(part.key == tuple_id for part in read(body).tuples)


def start_web(
    config: Config,
    database: Database,
    reactor: Any,
    gateway: Gateway,
    keeping: InDatabase,
    sip: SipRunning | None,
    ending: AsyncExitStack,
    data: Path,
    csta: Sequence[Any],
) -> WebRunning:
    """Open the listeners and serve; ``ending`` gets what has to be done in the end.

    ``data``: the folder for settings; ``csta``: the addresses of the CSTA listeners.  Raises `ConfigError`.
    """
    following = sip.following if sip else _following(database, reactor, ending)
    side = web_side(
        config,
        reactor,
        database,
        keeping,
        gateway.patience,
        sip=sip.side if sip else None,
        wake=sip.endpoint.wake if sip else _nothing,
        changed=following.look,
    )
    following.observe(side.told)
    ending.callback(side.close)
    running = WebRunning(side)
    running.inside = inside = Inside(config, data, database, reactor, gateway, csta, sip, running)
    side.routes["serviceability"] = serviceability.routes(inside.given(side.who))
    for index, listener in enumerate(config.web.listeners):
        factory = WebFactory(_routes(side, listener).serve, config.web.limits, reactor, side.counters)
        protected = _protected(index, listener, factory, reactor)
        ending.push_async_callback(maybeDeferred, factory.close)
        port = _listen(index, listener, protected, reactor)
        ending.push_async_callback(maybeDeferred, port.stopListening)
        running.factories.append(factory)
        running.addresses.append(port.getHost())
    return running


def _following(database: Database, reactor: Any, ending: AsyncExitStack) -> Following:
    """What has the directory's changes where SIP is off, and nobody needs to know who there is."""
    following = Following(database, reactor)
    following.start()
    ending.callback(following.stop)
    return following


def check_web(config: Config, clock: IReactorTime) -> None:
    """Look whether the listeners could be opened as they are set.  Raises `ConfigError`."""
    trust(config)
    for index, listener in enumerate(config.web.listeners):
        _protected(index, listener, Factory(), clock)


def _nothing() -> None:
    """There is nobody to tell."""


def _routes(side: WebSide, listener: WebListener) -> Routes:
    return Routes(*(side.routes[interface] for interface in listener.serves))


def _protected(index: int, listener: WebListener, factory: Factory, clock: IReactorTime) -> Any:
    try:
        return secured(listener, factory, clock, (b"http/1.1",))
    except TlsError as error:
        raise ConfigError(f"web.listeners[{index}].tls_certificate: {error}") from None


def _listen(index: int, listener: WebListener, protected: Any, reactor: Any) -> Any:
    try:
        port = reactor.listenTCP(listener.port, protected, backlog=BACKLOG, interface=listener.address)
    except CannotListenError as error:
        raise ConfigError(f"web.listeners[{index}].port: {error}") from None
    here = port.getHost()
    log.info("listening", serves=" ".join(listener.serves), at=place(here.host, here.port))
    return port
