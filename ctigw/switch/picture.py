"""The books of the switch: lines, calls, connections, and how what a client names is found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import Category, Line
from ctigw.switch.model import Call, Connection
from ctigw.switch.states import State

# So many (call, device) pairs that are over are remembered, to tell "you have left" from "never was".
REMEMBERED = 5_000


class Picture:
    """What there is.  ``can_call(number)``: whether a number that is no line can be in a call."""

    def __init__(self, lines: Mapping[str, Line], can_call: Callable[[str], bool]) -> None:
        self.lines: dict[str, Line] = dict(lines)
        self.calls: dict[str, Call] = {}
        self._can_call = can_call
        self._by_driver_id: dict[str, Call] = {}
        # Tuples: nearly every line is in one call.
        self._at: dict[str, tuple[Connection, ...]] = {}
        # The latest pairs, and those before them: to let go of half is cheaper than of one each time.
        self._left: set[tuple[str, str]] = set()
        self._left_before: set[tuple[str, str]] = set()
        self._ids = count(1)

    # What a client named

    def line(self, number: str, unknown: Reason = Reason.INVALID_DEVICE_ID) -> Line:
        """The station ``number``.  Raises `Refused` (``unknown``) when there is none."""
        line = self.lines.get(number)
        if line is None or line.category is not Category.STATION:
            raise Refused(unknown)
        return line

    def must_exist(self, device: str, unknown: Reason = Reason.INVALID_DEVICE_ID) -> None:
        """Whether ``device`` can be a party at all.  Raises `Refused` (``unknown``)."""
        if device not in self.lines and not self._can_call(device):
            raise Refused(unknown)

    def connections(self, device: str) -> tuple[Connection, ...]:
        """The live connections of a line."""
        return self._at.get(device, ())

    def call(self, call_id: str) -> Call:
        """The call that clients know as ``call_id``.  Raises `Refused` (invalidConnectionID)."""
        try:
            return self.calls[call_id]
        except KeyError:
            raise Refused(Reason.INVALID_CONNECTION_ID) from None

    def connection(
        self,
        call_id: str | None,
        device: str | None,
        wanted: frozenset[State],
        nothing: Reason,
        *,
        otherwise: Reason = Reason.INVALID_CONNECTION_STATE,
        stranger: Reason = Reason.INVALID_CONNECTION_ID,
    ) -> Connection:
        """The connection that ``call_id``, ``device`` or both name, in one of the ``wanted`` states.

        Raises `Refused`: ``nothing`` when the device alone has none such or has left the call,
        ``stranger`` when it never was in that call, invalidConnectionID for what else names none or several,
        ``otherwise`` for a connection in another state.
        """
        if call_id is None:
            return self._at_device(device or "", wanted, nothing)
        call = self.calls.get(call_id)
        if device is None:
            return _only_one(call, wanted, otherwise)
        found = call.connections.get(device) if call else None
        if found is None and self._has_left(call_id, device):
            raise Refused(nothing)
        if found is None:
            raise Refused(stranger if call else Reason.INVALID_CONNECTION_ID)
        if found.state not in wanted:
            raise Refused(otherwise)
        return found

    def _at_device(self, device: str, wanted: frozenset[State], nothing: Reason) -> Connection:
        self.line(device)
        fitting = [c for c in self.connections(device) if c.state in wanted]
        if not fitting:
            raise Refused(nothing)
        if len(fitting) > 1:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return fitting[0]

    def _has_left(self, call_id: str, device: str) -> bool:
        return (call_id, device) in self._left or (call_id, device) in self._left_before

    # The books

    def known(self, driver_id: str) -> Call | None:
        """The call that the driver knows as ``driver_id``, if there is one."""
        return self._by_driver_id.get(driver_id)

    def call_of(self, driver_id: str) -> Call:
        """The call that the driver knows as ``driver_id``; a new one when there is none."""
        call = self._by_driver_id.get(driver_id)
        if call is None:
            call = Call(str(next(self._ids)), driver_id)
            self.calls[call.id] = self._by_driver_id[driver_id] = call
        return call

    def connect(self, call: Call, device: str, state: State) -> None:
        """``device`` takes part in ``call``."""
        connection = call.connections.get(device)
        if connection is None:
            connection = call.connections[device] = Connection(call, device)
            if device in self.lines:
                self._at[device] = (*self._at.get(device, ()), connection)
        connection.state = state

    def disconnect(self, call: Call, device: str) -> None:
        """``device`` takes part no longer.  A call that nobody takes part in stays until `forget`."""
        connection = call.connections.pop(device)
        connection.state = State.NULL
        here = self._at.get(device)
        if here is not None:
            if len(here) == 1:
                del self._at[device]
            else:
                self._at[device] = tuple(other for other in here if other is not connection)
        self._left.add((call.id, device))
        if len(self._left) > REMEMBERED:
            self._left, self._left_before = set(), self._left

    def forget(self, call: Call) -> None:
        """The call is over."""
        del self.calls[call.id], self._by_driver_id[call.driver_id]


def _only_one(call: Call | None, wanted: frozenset[State], otherwise: Reason) -> Connection:
    """The one connection of ``call`` in a ``wanted`` state."""
    if call is None:
        raise Refused(Reason.INVALID_CONNECTION_ID)
    fitting = [c for c in call.connections.values() if c.state in wanted]
    if len(fitting) != 1:
        raise Refused(Reason.INVALID_CONNECTION_ID if fitting else otherwise)
    return fitting[0]
