"""The composition root: configuration in, one running gateway out.  The only module that knows everybody."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.orm import Session as DatabaseSession
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from ctigw.config import Config, ConfigError, Listener, with_key
from ctigw.config.values import place
from ctigw.csta.system import SystemStatusValue
from ctigw.csta.validation import validator
from ctigw.keeping import InDatabase, Keeping
from ctigw.logins import Logins
from ctigw.net.background import spawn, within
from ctigw.net.csta_server import CstaFactory
from ctigw.net.figures import Figures
from ctigw.net.serving import InHand, Serving, logging_inspector
from ctigw.net.tls import secured
from ctigw.patience import Patience
from ctigw.patterns import matcher
from ctigw.services.application_sessions import ApplicationSessions
from ctigw.services.associated import associated
from ctigw.services.audit import Audit
from ctigw.services.call_control import CallControl
from ctigw.services.call_log import CallLog
from ctigw.services.capability import capability
from ctigw.services.dispatcher import Dispatcher
from ctigw.services.logical import logical
from ctigw.services.monitors import Monitors
from ctigw.services.session import EVERYTHING, Rights, Session
from ctigw.services.snapshot import snapshot
from ctigw.services.system import Registrations, status
from ctigw.store.database import Database, DatabaseError, url_in
from ctigw.store.line_features import LineMemory
from ctigw.switch.driver import Driver, Memory
from ctigw.switch.switch import Switch

if TYPE_CHECKING:
    from ctigw.app.sip_running import SipRunning
    from ctigw.app.web import WebRunning

LOCK = "gateway.lock"
# Linux takes no more than net.core.somaxconn, which is 4096 unless set otherwise.
BACKLOG = 4096
NOTHING_KEPT = Keeping()
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Gateway:
    """The parts that outlive a request, joined."""

    config: Config
    clock: IReactorTime
    keeping: Keeping
    driver: Driver
    switch: Switch
    monitors: Monitors
    registrations: Registrations
    applications: ApplicationSessions
    calls: CallLog
    dispatcher: Dispatcher
    counters: Counter[str]
    in_hand: InHand
    # With whoever fails to say who they are; one for all who ask for passwords.
    patience: Patience
    factories: list[CstaFactory] = field(default_factory=list)
    # The figures of SIP and of the web, where they are on.
    more_figures: list[Callable[[], Mapping[str, int]]] = field(default_factory=list)

    def own_figures(self) -> dict[str, int]:
        """The figures of CSTA and the PBX."""
        return {
            "connections": sum(factory.connections for factory in self.factories),
            "sessions": len(self.applications),
            "monitors": len(self.monitors),
            "registrations": len(self.registrations),
            "calls": len(self.switch.picture.calls),
            "log entries dropped": self.keeping.dropped,
            **self.counters,
        }

    def figures(self) -> dict[str, int]:
        """How many there are of everything now, and what was counted since the start."""
        more = {name: value for figures in self.more_figures for name, value in figures().items()}
        return {**self.own_figures(), **more}

    def gone(self, session: Session) -> None:
        """A client is gone: let go of everything that it held."""
        session.closed = True
        self.applications.end(session)
        self.monitors.end(session)
        self.registrations.end(session)

    async def finish(self) -> None:
        """Take no more requests, and wait for the answers to those that came before.

        The PBX is given the time for a command, since what it is told to do may be done already.
        """
        await self.in_hand.end(self.clock, self.config.limits.command_seconds)

    def shut_down(self) -> None:
        """Tell everybody who wants to know that the gateway goes down, and write what it still knows."""
        self.registrations.tell(SystemStatusValue.DISABLED)
        self.applications.terminate()
        self.calls.close()

    def _rights(self, listener: Listener) -> Rights | None:
        """Those of the clients of a listener that have not said who they are; None: they must."""
        if listener.authentication in ("session", "certificate"):
            return None
        return self._certified(listener.application) if listener.application else EVERYTHING

    def _certified(self, name: str) -> Rights | None:
        """The rights of the application that the configuration calls ``name``."""
        for application in self.config.application:
            if application.name == name:
                return Rights(name, matcher(application.monitor), matcher(application.control))
        return None

    def factory(self, listener: Listener) -> CstaFactory:
        """What accepts the clients of ``listener``."""
        inspect = None
        if listener.validate != "off":
            inspect = logging_inspector(validator(), reject=listener.validate == "reject")
        serving = Serving(
            dispatcher=self.dispatcher,
            clock=self.clock,
            limits=self.config.limits,
            status=lambda: status(self.switch),
            ended=self.gone,
            rights=self._rights(listener),
            certified=self._certified,
            inspect=inspect,
            counters=self.counters,
            in_hand=self.in_hand,
        )
        factory = CstaFactory(serving, listener)
        self.factories.append(factory)
        return factory


def gateway(config: Config, driver: Driver, clock: IReactorTime, keeping: Keeping = NOTHING_KEPT) -> Gateway:
    """A gateway before ``driver``'s PBX, on ``clock``; ``keeping`` knows who clients are and has the logs."""
    limits = config.limits
    switch = Switch(driver, within=within(clock, limits.command_seconds), spawn=spawn)
    counters: Counter[str] = Counter()
    monitors = Monitors(
        switch,
        per_session=limits.monitors_per_session,
        per_device=limits.monitors_per_device,
        later=partial(clock.callLater, 0),
        counters=counters,
    )
    registrations = Registrations(switch, per_session=limits.registrations_per_session)

    def over(session: Session) -> None:
        """Who is nobody any more watches nothing."""
        monitors.end(session)
        registrations.end(session)

    patience = Patience(clock)
    logins = Logins(patience, keeping.verify, Deferred)
    applications = ApplicationSessions(
        clock, logins, keeping.again, over, shortest=limits.session_shortest, longest=limits.session_longest
    )
    calls = CallLog(keeping.call, clock.seconds)
    switch.observe(calls.observers())
    dispatcher = Dispatcher(Audit(keeping.asked, clock.seconds).record, counters)
    dispatcher.serve_with(applications.handlers(), strangers=True)
    dispatcher.serve_with(CallControl(switch).handlers())
    dispatcher.serve_with(associated(switch))
    dispatcher.serve_with(logical(switch))
    dispatcher.serve_with(monitors.handlers())
    dispatcher.serve_with(snapshot(switch))
    dispatcher.serve_with(registrations.handlers())
    dispatcher.serve_with(capability(dispatcher, switch))
    return Gateway(
        config=config,
        clock=clock,
        keeping=keeping,
        driver=driver,
        switch=switch,
        monitors=monitors,
        registrations=registrations,
        applications=applications,
        calls=calls,
        dispatcher=dispatcher,
        counters=counters,
        in_hand=InHand(),
        patience=patience,
    )


@dataclass(slots=True)
class Running:
    """A gateway that serves clients; ``addresses`` are where, one for each listener.

    ``sip``, ``web``: where they are on.
    """

    gateway: Gateway
    addresses: tuple[Any, ...]
    _ending: AsyncExitStack
    sip: SipRunning | None = None
    web: WebRunning | None = None

    def asked(self) -> int:
        """How many requests there have been."""
        over_sip = self.sip.side.counters["SIP requests"] if self.sip else 0
        over_web = self.web.side.counters["web requests"] if self.web else 0
        return self.gateway.counters["requests"] + over_sip + over_web

    async def stop(self) -> None:
        """Close the listeners, answer what was asked, let the PBX go, tell the clients and close them, then
        the database."""
        await self._ending.aclose()


async def start(
    config: Config, data: Path, reactor: Any, *, prepare: Callable[[DatabaseSession], None] | None = None
) -> Running:
    """A running gateway that keeps its settings in ``data``.

    ``prepare`` puts into the database what must be there before anybody connects.
    Raises `ConfigError`, naming the key that is to blame; nothing stays open then.
    """
    async with AsyncExitStack() as ending:
        if not config.store.url:
            ending.enter_context(_alone_in(data))
        database = _database(config, data)
        ending.callback(database.close)
        if prepare is not None:
            database.run_now(prepare)
        keeping = InDatabase(database, reactor, config.store.log_days)
        ending.push_async_callback(keeping.close)
        driver = _driver(config, reactor, LineMemory(database))
        joined = gateway(config, driver, reactor, keeping)
        addresses = []
        factories = [joined.factory(listener) for listener in config.listeners]
        for factory in factories:
            ending.push_async_callback(maybeDeferred, factory.close)
        ending.callback(joined.shut_down)
        figures = Figures(reactor, config.log.figures_seconds, joined.figures)
        ending.callback(figures.stop)
        ending.callback(driver.stop)
        ending.push_async_callback(joined.finish)
        for index, (listener, factory) in enumerate(zip(config.listeners, factories, strict=True)):
            port = await _listen(index, listener, factory, reactor)
            ending.push_async_callback(maybeDeferred, port.stopListening)
            addresses.append(port.getHost())
            log.info("listening", endpoint=listener.endpoint, at=_shown(port.getHost()))
        sip = None
        if config.sip.listeners:
            from ctigw.app.sip_running import start_sip  # a third of the start, for those who want it

            sip = start_sip(config, database, reactor, joined.switch, ending)
            joined.more_figures.append(sip.figures)
        web = None
        if config.web.listeners:
            from ctigw.app.web import start_web  # as above

            web = start_web(config, database, reactor, joined, keeping, sip, ending, data, addresses)
            joined.more_figures.append(web.figures)
        with _blaming("driver.settings"):
            driver.start()
        return Running(joined, tuple(addresses), ending.pop_all(), sip, web)


def check(config: Config) -> Gateway:
    """What ``config`` gives, without opening anything.  Raises `ConfigError` when it has no meaning."""
    clock = Clock()
    for index, listener in enumerate(config.listeners):
        _endpoint(index, listener, clock)
        with _blaming(f"listeners[{index}].tls_certificate"):
            secured(listener, Factory(), clock)
    folder = config.log.folder
    if folder and Path(folder).exists() and not Path(folder).is_dir():
        raise ConfigError(f"log.folder: {folder}: Not a directory")
    with _blaming("store.url", DatabaseError):
        Database(config.store.url or "sqlite://")
    if config.sip.listeners:
        from ctigw.app.foreign import check_passwords
        from ctigw.net.sip_endpoint import SipError
        from ctigw.net.sip_endpoint import check as check_sip

        try:
            check_sip(config.sip, clock)
        except SipError as error:
            raise ConfigError(str(error)) from None
        check_passwords(config.presence)
    if config.web.listeners:
        from ctigw.app.web import check_web

        check_web(config, clock)
    return gateway(config, _driver(config, clock, _NothingSaved()), clock)


class _NothingSaved:
    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        """Nobody commands a driver that is only checked."""


@contextlib.contextmanager
def _blaming(key: str, *also: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong over one setting into a `ConfigError` of one line."""
    to_blame: tuple[type[Exception], ...] = (ValueError, OSError, *also)
    try:
        yield
    except to_blame as error:
        raise ConfigError(with_key(" ".join(str(error).split()), key)) from None


@contextlib.contextmanager
def _alone_in(data: Path) -> Iterator[None]:
    """The folder ``data``, for one gateway: what two of them set at their lines would be mixed in it."""
    with _blaming("--data"):
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / LOCK).open("w")
    with lock:
        try:
            # Of the process: it ends with it, however that ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"--data: another gateway uses {data}") from None
        yield


def _database(config: Config, data: Path) -> Database:
    with _blaming("store.url", DatabaseError):
        database = Database(config.store.url or url_in(data))
        database.open()
    return database


def _driver(config: Config, clock: IReactorTime, memory: Memory) -> Driver:
    name = config.driver.module
    with _blaming("driver.module", ImportError, AttributeError):
        make = importlib.import_module(name).driver
    with _blaming("driver.settings", TypeError):
        driver: Driver = make(config.driver.settings, clock, memory)
    return driver


def _endpoint(index: int, listener: Listener, reactor: Any) -> Any:
    describe: Any = serverFromString  # untyped in Twisted
    with _blaming(f"listeners[{index}].endpoint", Exception):  # parsers of endpoints raise what they like
        try:
            return describe(reactor, _patient(listener.endpoint))
        except TypeError:  # it says by its place how many may wait
            return describe(reactor, listener.endpoint)


def _patient(endpoint: str) -> str:
    """A TCP ``endpoint`` at which as many clients can wait to be accepted as come back after a restart.

    Twisted's 50 keeps the others from connecting for a second, and then for two, and so on.
    """
    tcp = endpoint.startswith(("tcp:", "tcp6:")) and ":backlog=" not in endpoint
    return f"{endpoint}:backlog={BACKLOG}" if tcp else endpoint


def _shown(address: Any) -> str:
    """An address as clients give it; an endpoint does not say it when its port is 0: any free one."""
    host: str | None = getattr(address, "host", None)
    if host is None:  # a Unix socket
        return os.fsdecode(address.name)
    return place(host, address.port)


async def _listen(index: int, listener: Listener, factory: CstaFactory, reactor: Any) -> Any:
    endpoint = _endpoint(index, listener, reactor)
    with _blaming(f"listeners[{index}].tls_certificate"):
        protected = secured(listener, factory, reactor)
    with _blaming(f"listeners[{index}].endpoint", CannotListenError):
        return await endpoint.listen(protected)
