"""The composition root: configuration in, one running gateway out.  The only module that knows everybody."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from ctigw.config import Config, Listener
from ctigw.csta.validation import validator
from ctigw.net.background import spawn, within
from ctigw.net.csta_server import CstaFactory, Serving, logging_inspector
from ctigw.services.call_control import call_control
from ctigw.services.capability import capability
from ctigw.services.dispatcher import Dispatcher
from ctigw.services.monitors import Monitors
from ctigw.services.system import status, system
from ctigw.switch.driver import Driver
from ctigw.switch.switch import Switch


@dataclass(slots=True)
class Gateway:
    """The parts that outlive a request, joined."""

    config: Config
    clock: IReactorTime
    switch: Switch
    monitors: Monitors
    dispatcher: Dispatcher
    counters: Counter[str]

    def factory(self, listener: Listener) -> CstaFactory:
        """What accepts the clients of ``listener``."""
        inspect = None
        if listener.validate != "off":
            inspect = logging_inspector(validator(), reject=listener.validate == "reject")
        serving = Serving(
            dispatcher=self.dispatcher,
            monitors=self.monitors,
            clock=self.clock,
            limits=self.config.limits,
            status=lambda: status(self.switch),
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
    dispatcher = Dispatcher()
    dispatcher.serve_with(call_control(switch))
    dispatcher.serve_with(monitors.handlers())
    dispatcher.serve_with(system(switch))
    dispatcher.serve_with(capability(dispatcher, switch.kinds))
    return Gateway(config, clock, switch, monitors, dispatcher, Counter())
