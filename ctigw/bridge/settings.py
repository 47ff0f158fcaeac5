"""What the lines are set to: do not disturb, and where their calls go."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Coroutine
from typing import Any

import structlog

from ctigw.bridge.marking import AT_ONCE, Later
from ctigw.errors import Refused
from ctigw.switch.driver import Forwarding, LineFeatures
from ctigw.switch.events import DoNotDisturbSet, ForwardingSet
from ctigw.switch.switch import Switch
from ctigw.values import value

Spawn = Callable[[Coroutine[Any, Any, None]], None]

# Lines that a PBX is asked for at a time.
ASKED_AT_ONCE = 16
log = structlog.get_logger(__name__)


@value
class Setting:
    """What a line is set to; ``forwarded``: where all its calls go at once, "" for nowhere."""

    do_not_disturb: bool = False
    forwarded: str = ""


NOTHING_SET = Setting()


class Settings:
    """Do not disturb and forwarding of the lines that matter.

    The PBX is asked for them, since it may have had them set before; then what it reports counts.
    ``matters``: the lines, a view of somebody else's; ``changed`` is told each that is set otherwise.
    """

    def __init__(
        self,
        switch: Switch,
        matters: Container[str],
        changed: Callable[[str], None],
        later: Later,
        spawn: Spawn,
    ) -> None:
        self._switch, self._matters, self._changed = switch, matters, changed
        self._later, self._spawn = later, spawn
        # Only lines where something is set.
        self._set: dict[str, Setting] = {}
        # Lines that are being asked for, and whether what they are set to has changed meanwhile.
        self._asked: dict[str, bool] = {}
        self._waiting: deque[str] = deque()
        self._soon = False

    def of(self, line: str) -> Setting:
        """What ``line`` is set to, as far as it is known."""
        return self._set.get(line, NOTHING_SET)

    def ask(self, line: str) -> None:
        """Find out what ``line`` is set to."""
        if "features" in self._switch.offered:
            self._waiting.append(line)
            self._go_on()

    def forget(self, line: str) -> None:
        """``line`` matters no longer."""
        self._set.pop(line, None)

    def stop(self) -> None:
        """Ask for nothing more."""
        self._waiting.clear()

    def do_not_disturb(self, event: DoNotDisturbSet) -> None:
        """It was switched."""
        if event.device in self._matters:
            self._reported(event.device, Setting(event.on, self.of(event.device).forwarded))

    def forwarding(self, event: ForwardingSet) -> None:
        """One was set or switched."""
        rule = event.rule
        if event.device in self._matters and rule.when is Forwarding.IMMEDIATE:
            destination = rule.destination if rule.active else ""
            self._reported(event.device, Setting(self.of(event.device).do_not_disturb, destination))

    def _reported(self, line: str, setting: Setting) -> None:
        if line in self._asked:
            self._asked[line] = True  # the answer may be older than this
        self._keep(line, setting)

    def _keep(self, line: str, setting: Setting) -> None:
        if setting == self.of(line):
            return
        self._set[line] = setting
        if setting == NOTHING_SET:
            del self._set[line]
        self._changed(line)

    def _go_on(self) -> None:
        if self._waiting and len(self._asked) < ASKED_AT_ONCE and not self._soon:
            self._soon = True
            self._later(self._ask_some)

    def _ask_some(self) -> None:
        self._soon = False
        if not self._switch.linked:
            self._waiting.clear()  # all are asked for when it is
        for _ in range(AT_ONCE):
            if not self._waiting or len(self._asked) >= ASKED_AT_ONCE:
                return
            line = self._waiting.popleft()
            if line in self._asked:
                self._asked[line] = True
            elif line in self._matters:
                self._asked[line] = False
                self._spawn(self._learn(line))
        self._go_on()

    async def _learn(self, line: str) -> None:
        try:
            features = await self._switch.features(self._switch.picture.lines[line])
        except Refused as refused:
            log.warning("settings of a line are not known", line=line, why=str(refused))
        else:
            if line in self._matters and not self._asked[line]:
                self._keep(line, _setting(features))
        finally:
            if self._asked.pop(line):
                self._waiting.append(line)
            self._go_on()


def _setting(features: LineFeatures) -> Setting:
    """Of the forwardings the one that takes every call at once: with any other one the phone may ring."""
    rules = features.forwarding
    to = [rule.destination for rule in rules if rule.active and rule.when is Forwarding.IMMEDIATE]
    return Setting(features.do_not_disturb, to[0] if to else "")
