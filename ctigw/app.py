"""The composition root: configuration in, one running gateway out.  The only module that knows everybody."""

from __future__ import annotations

import contextlib
import importlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from ctigw.config import Config, ConfigError, Listener, with_key
from ctigw.csta.validation import validator
from ctigw.net.background import spawn, within
from ctigw.net.csta_server import CstaFactory, Serving, logging_inspector
from ctigw.services.associated import associated
from ctigw.services.call_control import CallControl
from ctigw.services.capability import capability
from ctigw.services.dispatcher import Dispatcher
from ctigw.services.logical import logical
from ctigw.services.monitors import Monitors
from ctigw.services.session import Session
from ctigw.services.snapshot import snapshot
from ctigw.services.system import Registrations, status
from ctigw.store.database import Database, DatabaseError
from ctigw.store.line_features import LineMemory
from ctigw.switch.driver import Driver, Memory
from ctigw.switch.switch import Switch

SETTINGS_FILE = "ctigw.sqlite"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Gateway:
    """The parts that outlive a request, joined."""

    config: Config
    clock: IReactorTime
    driver: Driver
    switch: Switch
    monitors: Monitors
    registrations: Registrations
    dispatcher: Dispatcher
    counters: Counter[str]

    def ended(self, session: Session) -> None:
        """Let go of everything that a session held."""
        self.monitors.end(session)
        self.registrations.end(session)

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
            ended=self.ended,
            inspect=inspect,
            counters=self.counters,
        )
        return CstaFactory(serving, listener)


def gateway(config: Config, driver: Driver, clock: IReactorTime) -> Gateway:
    """A gateway before ``driver``'s PBX, on ``clock``."""
    limits = config.limits
    switch = Switch(driver, within=within(clock, limits.command_seconds), spawn=spawn)
    monitors = Monitors(
        switch, per_session=limits.monitors_per_session, per_device=limits.monitors_per_device
    )
    registrations = Registrations(switch, per_session=limits.registrations_per_session)
    dispatcher = Dispatcher()
    dispatcher.serve_with(CallControl(switch).handlers())
    dispatcher.serve_with(associated(switch))
    dispatcher.serve_with(logical(switch))
    dispatcher.serve_with(monitors.handlers())
    dispatcher.serve_with(snapshot(switch))
    dispatcher.serve_with(registrations.handlers())
    dispatcher.serve_with(capability(dispatcher, switch))
    return Gateway(config, clock, driver, switch, monitors, registrations, dispatcher, Counter())


@dataclass(slots=True)
class Running:
    """A gateway that serves clients; ``addresses`` are where, one for each listener."""

    gateway: Gateway
    addresses: tuple[Any, ...]
    _ending: AsyncExitStack

    async def stop(self) -> None:
        """Close the listeners, then the clients, then the PBX, then the database."""
        await self._ending.aclose()


async def start(config: Config, data: Path, reactor: Any) -> Running:
    """A running gateway that keeps its settings in ``data``.

    Raises `ConfigError`, naming the key that is to blame; nothing stays open then.
    """
    async with AsyncExitStack() as ending:
        database = _database(config, data)
        ending.callback(database.close)
        driver = _driver(config, reactor, LineMemory(database))
        joined = gateway(config, driver, reactor)
        addresses = []
        for index, listener in enumerate(config.listeners):
            factory = joined.factory(listener)
            ending.callback(factory.close)
            port = await _listen(index, listener, factory, reactor)
            ending.push_async_callback(maybeDeferred, port.stopListening)
            addresses.append(port.getHost())
            log.info("listening", endpoint=listener.endpoint)
        ending.callback(driver.stop)
        with _blaming("driver.settings"):
            driver.start()
        return Running(joined, tuple(addresses), ending.pop_all())


def check(config: Config) -> None:
    """Whether everything in ``config`` has a meaning, without opening anything.  Raises `ConfigError`."""
    clock = Clock()
    for index, listener in enumerate(config.listeners):
        _endpoint(index, listener, clock)
    with _blaming("store.url"):
        make_url(config.store.url or "sqlite://")
    _driver(config, clock, _NothingSaved())


class _NothingSaved:
    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        return {}

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        """Nobody commands a driver that is only checked."""


@contextlib.contextmanager
def _blaming(key: str, *also: type[Exception]) -> Iterator[None]:
    """Turn what goes wrong over one setting into a `ConfigError` of one line."""
    to_blame: tuple[type[Exception], ...] = (ValueError, OSError, ArgumentError, *also)
    try:
        yield
    except to_blame as error:
        raise ConfigError(with_key(" ".join(str(error).split()), key)) from None


def _database(config: Config, data: Path) -> Database:
    url = config.store.url
    if not url:
        with _blaming("--data"):
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = f"sqlite:///{data / SETTINGS_FILE}"
    with _blaming("store.url", DatabaseError):
        database = Database(url)
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
        return describe(reactor, listener.endpoint)


async def _listen(index: int, listener: Listener, factory: CstaFactory, reactor: Any) -> Any:
    endpoint = _endpoint(index, listener, reactor)
    with _blaming(f"listeners[{index}].endpoint", CannotListenError):
        return await endpoint.listen(factory)
