"""The calls of the lines, for lamp fields (RFC 4235)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from ctigw.bridge.marking import Later, Marked, Observers
from ctigw.bridge.phones import own
from ctigw.presence.dialog_info import Dialog, DialogState
from ctigw.switch.events import CallsJoined, Event, LinkChanged
from ctigw.switch.model import Connection
from ctigw.switch.states import State
from ctigw.switch.switch import Switch

TAKING_PART = frozenset({State.CONNECTED, State.HOLD})
log = structlog.get_logger(__name__)


class Watching:
    """Somebody watches a line, until `close`."""

    __slots__ = ("_lamps", "changed", "line")

    def __init__(self, lamps: Lamps, line: str, changed: Callable[[], None]) -> None:
        self._lamps, self.line, self.changed = lamps, line, changed

    def close(self) -> None:
        """Watch no longer."""
        self._lamps.unwatch(self)


class _Lamp:
    """A line that is watched: its calls when that was last told, those that ended then, and who watches."""

    __slots__ = ("dialogs", "ended", "watching")

    def __init__(self, dialogs: tuple[Dialog, ...]) -> None:
        self.dialogs = dialogs
        self.ended: tuple[Dialog, ...] = ()
        self.watching: dict[Watching, None] = {}


class Lamps:
    """The calls of the lines, for those who watch one.  ``later`` calls a function in a later turn."""

    def __init__(self, switch: Switch, later: Later) -> None:
        self._switch = switch
        self._lamps: dict[str, _Lamp] = {}
        self._lines = Marked(self._look, later)

    def __len__(self) -> int:
        return sum(len(lamp.watching) for lamp in self._lamps.values())

    def observers(self) -> Observers:
        """What takes the events of each class."""
        return {Event: self._of_call, CallsJoined: self._of_call, LinkChanged: self._link}

    def dialogs(self, line: str) -> tuple[Dialog, ...]:
        """The calls of ``line`` now.

        If it is watched, those that ended at the last change are among them as terminated, until the next
        one: who is told of a change must be told of its end (RFC 4235 §3.7), and documents are of full state.
        """
        lamp = self._lamps.get(line)
        now = dialogs(self._switch, line)
        if lamp is None:
            return now
        ids = {dialog.id for dialog in now}
        return (*now, *[dialog for dialog in lamp.ended if dialog.id not in ids])

    def watch(self, line: str, changed: Callable[[], None]) -> Watching:
        """Call ``changed`` when the calls of ``line`` have changed: once for all that happens in a turn."""
        lamp = self._lamps.get(line)
        if lamp is None:
            lamp = self._lamps[line] = _Lamp(dialogs(self._switch, line))
        watching = Watching(self, line, changed)
        lamp.watching[watching] = None
        return watching

    def unwatch(self, watching: Watching) -> None:
        """Tell ``watching`` nothing any more."""
        lamp = self._lamps.get(watching.line)
        if lamp is not None and lamp.watching.pop(watching, watching) is None and not lamp.watching:
            del self._lamps[watching.line]

    def close(self) -> None:
        """Tell nobody anything any more."""
        self._lamps.clear()
        self._lines.clear()

    def _of_call(self, event: Event | CallsJoined) -> None:
        lamps = self._lamps
        if lamps:
            for device in event.states:
                if device in lamps:
                    self._lines.add(device)

    def _link(self, _event: LinkChanged) -> None:
        for line in self._lamps:
            self._lines.add(line)

    def _look(self, line: str) -> None:
        lamp = self._lamps.get(line)
        if lamp is None:
            return
        now = dialogs(self._switch, line)
        if now == lamp.dialogs:
            return
        ids = {dialog.id for dialog in now}
        lamp.ended = tuple(_ended(dialog) for dialog in lamp.dialogs if dialog.id not in ids)
        lamp.dialogs = now
        for watching in tuple(lamp.watching):
            if watching in lamp.watching:  # else: closed by one before it
                try:
                    watching.changed()
                except Exception:  # a bug of one who watches, which must not keep it from all others
                    log.exception("lamp not told", line=line)


def _ended(dialog: Dialog) -> Dialog:
    return replace(dialog, state="terminated", held=False)


def dialogs(switch: Switch, line: str) -> tuple[Dialog, ...]:
    """The calls of ``line`` now; none while the PBX cannot be reached."""
    if not switch.linked:
        return ()
    return tuple([_dialog(c) for c in switch.picture.connections(line) if own(c)])


def _dialog(connection: Connection) -> Dialog:
    call, device = connection.call, connection.device
    calls = device == call.calling
    others = [other for other in call.connections.values() if other is not connection]
    remote = others[0].device if len(others) == 1 else call.called if calls else call.calling
    return Dialog(
        id=call.id,
        state=_callers(others)
        if calls and connection.state is State.CONNECTED
        else _STATES[connection.state],
        direction="initiator" if calls else "recipient",
        local=device,
        remote=remote if remote != device else "",
        held=connection.state is State.HOLD,
    )


# A line that listens to a tone is taken: of these states the one for which every phone lights its lamp.
_STATES: dict[State, DialogState] = {
    State.NULL: "terminated",
    State.INITIATED: "trying",
    State.ALERTING: "early",
    State.CONNECTED: "confirmed",
    State.HOLD: "confirmed",
    State.QUEUED: "proceeding",
    State.FAIL: "confirmed",
}


def _callers(others: list[Connection]) -> DialogState:
    """What a caller's call is that is connected at its own end: that says nothing yet of the other."""
    states = {other.state for other in others}
    if states & TAKING_PART:
        return "confirmed"
    return "early" if State.ALERTING in states else "proceeding"
