"""The simulated PBX as a gateway's driver: made from the configuration's ``[driver.settings]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import structlog
from twisted.internet.interfaces import IReactorTime, IReactorUNIX

from ctigw.switch.driver import Driver, LineFeatures, Memory
from simulators import control
from simulators.behaviours import Limits, PhoneSettings, demo_phones
from simulators.pbx import Pbx
from simulators.script import Playing, Script

log = structlog.get_logger(__name__)
THE_DEMO_S = "demo"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be set.  ``lines``: none for the demo's twenty.

    ``script``: a TOML file of calls to play, "demo" for the demo's day, empty for none.
    ``control``: where a socket for `ctigw sim` is to be, empty for none.
    """

    lines: tuple[PhoneSettings, ...] = ()
    limits: Limits = msgspec.field(default_factory=Limits)
    script: str = ""
    control: str = ""


class SimulatedPbx(Pbx):
    """A PBX that plays a script and can be controlled while the gateway is up."""

    def __init__(self, settings: Settings, clock: IReactorTime, memory: Memory) -> None:
        async def save(number: str, features: LineFeatures) -> None:
            await memory.save(number, msgspec.to_builtins(features))

        super().__init__(
            clock,
            settings.lines or demo_phones(),
            limits=settings.limits,
            saved=_saved(memory),
            save=save,
        )
        self._script = _script(settings.script)
        self._playing: Playing | None = None
        if settings.control:
            control.check(settings.control)
        self._control = settings.control
        self._end_control: Callable[[], None] | None = None

    def start(self) -> None:
        """Raises `ValueError` when the control socket cannot be opened."""
        if self._control:
            reactor = IReactorUNIX(self._clock, None)
            if reactor is None:
                raise ValueError("control: there are no local sockets here")
            self._end_control = control.listen(self._control, self, reactor)
        if self._script is not None:
            self._playing = self._script.play(self, self._clock)

    def stop(self) -> None:
        if self._playing is not None:
            self._playing.stop()
        if self._end_control is not None:
            self._end_control()
            self._end_control = None
        super().stop()


def driver(settings: Mapping[str, Any], clock: IReactorTime, memory: Memory) -> Driver:
    """The driver that ``settings`` describe.  Raises `ValueError`, saying which of them is wrong."""
    return SimulatedPbx(msgspec.convert(settings, Settings), clock, memory)


def _saved(memory: Memory) -> dict[str, LineFeatures]:
    """The features kept from earlier; what an older simulator wrote otherwise is passed over, and said."""
    features = {}
    for number, kept in memory.saved().items():
        try:
            features[number] = msgspec.convert(kept, LineFeatures)
        except msgspec.ValidationError as error:
            log.warning("features cannot be read, set anew", line=number, why=str(error))
    return features


def _script(name: str) -> Script | None:
    if not name:
        return None
    path = _demo_script() if name == THE_DEMO_S else Path(name)
    try:
        return Script.load(path)
    except OSError as error:
        raise ValueError(f"script: {path}: {error.strerror}") from None


def _demo_script() -> Path:
    """``etc/demo.toml``: beside the packages in a checkout, inside this one when installed."""
    installed = Path(str(files("simulators").joinpath("demo.toml")))
    return installed if installed.exists() else installed.parents[1] / "etc" / "demo.toml"
