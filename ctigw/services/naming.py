"""From what a client names to what it is, by the one order of checks.

Parameters are well formed, the devices named exist, the session may use them, the connection exists and is in
the right state.  (Where a call is to go, and whether there is room, are the switch's to check, after that.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ctigw.csta.device_id import is_number, number_of
from ctigw.csta.types import ConnectionID
from ctigw.errors import Reason, Refused
from ctigw.services import access
from ctigw.services.session import Session
from ctigw.switch.driver import Category, Line
from ctigw.switch.model import Call, Connection
from ctigw.switch.states import State
from ctigw.switch.switch import CONNECTED, HELD, Switch


class Named(NamedTuple):
    """A ConnectionID as a client wrote it; either part may be missing, not both."""

    call_id: str | None
    device: str | None


def parts(written: ConnectionID) -> Named:
    """The parts of a ConnectionID.  Raises `Refused` when it has none."""
    call_id = written.call_id or None
    device = number_of(written.device_id) or None if written.device_id else None
    if call_id is None and device is None:
        raise Refused(Reason.INVALID_PARAMETER_VALUE)
    return Named(call_id, device)


def dialled(text: str) -> str:
    """The number of a destination.  Raises `Refused` for what cannot be dialled."""
    number = number_of(text)
    if not is_number(number):
        raise Refused(Reason.INVALID_PARAMETER_VALUE)
    return number


def _number(text: str | None) -> str:
    """The number of a device id.  Raises `Refused` when it has none."""
    number = number_of(text or "")
    if not number:
        raise Refused(Reason.INVALID_PARAMETER_VALUE)
    return number


@dataclass(frozen=True, slots=True)
class Naming:
    """Finds what clients name in the picture of ``switch``, and whether they may use it."""

    switch: Switch

    def line(self, text: str | None, unknown: Reason = Reason.INVALID_DEVICE_ID) -> Line:
        """The line that a device id names.  Raises `Refused`."""
        return self.switch.picture.line(_number(text), unknown)

    def controlled(
        self, session: Session, text: str | None, unknown: Reason = Reason.INVALID_DEVICE_ID
    ) -> Line:
        """The line that a device id names and that the session may control.  Raises `Refused`."""
        line = self.line(text, unknown)
        access.may_control(session, line.number)
        return line

    def watched(self, session: Session, text: str | None) -> Line:
        """The line that a device id names and that the session may monitor.  Raises `Refused`."""
        line = self.line(text)
        access.may_monitor(session, line.number)
        return line

    def known(self, session: Session, text: str | None) -> Line:
        """The device, a line or not, that a device id names and that the session may know of."""
        number = _number(text)
        device = self.switch.picture.lines.get(number)
        if device is None:
            raise Refused(Reason.INVALID_DEVICE_ID)
        if device.category is Category.STATION:
            access.may_monitor(session, number)
        return device

    def monitored(self, session: Session, text: str) -> Line:
        """The line that is to be monitored.  Raises `Refused`; a device that is no station cannot be."""
        device = self.switch.picture.lines.get(number_of(text))
        if device is not None and device.category is not Category.STATION:
            raise Refused(Reason.INVALID_MONITOR_OBJECT_TYPE)
        return self.watched(session, text)

    def connection(
        self,
        session: Session,
        written: ConnectionID,
        wanted: frozenset[State],
        nothing: Reason,
        *,
        unknown: Reason = Reason.INVALID_DEVICE_ID,
        otherwise: Reason = Reason.INVALID_CONNECTION_STATE,
        stranger: Reason = Reason.INVALID_CONNECTION_ID,
    ) -> Connection:
        """The connection in one of the ``wanted`` states that the session names and may control.

        Raises `Refused`: ``unknown`` for a device that cannot exist, the others as `Picture.connection`.
        """
        call_id, device = parts(written)
        picture = self.switch.picture
        is_line = device in picture.lines
        if device is not None and is_line:
            access.may_control(session, device)
        elif device is not None:
            picture.must_exist(device, unknown)
        found = picture.connection(call_id, device, wanted, nothing, otherwise=otherwise, stranger=stranger)
        if not is_line:  # or that was looked at before anything was said of its calls
            access.may_control_connection(session, self.switch, found)
        return found

    def pair(
        self, session: Session, held: ConnectionID, active: ConnectionID
    ) -> tuple[Connection, Connection]:
        """The held and the active connection of one device that the session may control.

        A side without a deviceID is that of the other side's device; where neither has one, the calls must
        have one such device.  Raises `Refused`.
        """
        first, second = parts(held), parts(active)
        picture = self.switch.picture
        if first.device is not None:
            picture.must_exist(first.device, Reason.INVALID_HELD_DEVICE_ID)
        if second.device is not None:
            picture.must_exist(second.device)
        if first.device and second.device and first.device != second.device:
            raise Refused(Reason.INVALID_HELD_DEVICE_ID)
        device = first.device or second.device or self._in_both(first.call_id or "", second.call_id or "")
        access.may_control(session, device)
        for call_id, wanted, nothing in (
            (first.call_id, HELD, Reason.NO_HELD_CALL),
            (second.call_id, CONNECTED, Reason.NO_ACTIVE_CALL),
        ):  # both are there before the state of either is looked at
            picture.connection(call_id, device, frozenset(State) if call_id else wanted, nothing)
        return (
            picture.connection(
                first.call_id, device, HELD, Reason.NO_HELD_CALL, otherwise=Reason.INVALID_HELD_DEVICE_STATE
            ),
            picture.connection(second.call_id, device, CONNECTED, Reason.NO_ACTIVE_CALL),
        )

    def _in_both(self, held: str, active: str) -> str:
        """The one device that is in both calls, or holds the one if there are several."""
        first, second = self.switch.picture.call(held), self.switch.picture.call(active)
        both = [device for device in first.connections if device in second.connections]
        holding = [device for device in both if first.connections[device].state is State.HOLD]
        fitting = both if len(both) == 1 else holding
        if len(fitting) != 1:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return fitting[0]

    def controlled_call(self, session: Session, written: ConnectionID, nothing: Reason) -> Call:
        """The call that is named and that the session may control.  Raises `Refused`."""
        call = self._call(session, written, nothing, access.may_control)
        access.may_control_call(session, self.switch, call)
        return call

    def watched_call(self, session: Session, written: ConnectionID) -> Call:
        """The call that is named and that the session may monitor.  Raises `Refused`."""
        call = self._call(session, written, Reason.INVALID_CONNECTION_ID, access.may_monitor)
        access.may_monitor_call(session, self.switch, call)
        return call

    def _call(
        self, session: Session, written: ConnectionID, nothing: Reason, right: Callable[[Session, str], None]
    ) -> Call:
        """The call that is named: by its callID, by a connection in it, or by a line's only one.

        Without a ``right`` to the line that is named, nothing is told of its calls.
        """
        named = parts(written)
        picture = self.switch.picture
        if named.device is None:
            return picture.call(named.call_id or "")
        picture.must_exist(named.device)
        if named.device in picture.lines:
            right(session, named.device)
        return picture.connection(*named, frozenset(State), nothing).call


def connection_id(session: Session, call: Call, device: str) -> ConnectionID:
    """A connection as the client is given it."""
    return ConnectionID(call_id=call.id, device_id=session.show(device))
