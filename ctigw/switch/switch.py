"""The one picture of the PBX: calls, connections and lines, kept true to what the driver reports.

Services ask it to resolve what a client named and to command the driver; observers (monitors, and later the
presence bridge and the call log) are told each `Event` once it has been applied.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

import structlog

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import Cause, Driver, Kind, Leg, Line, Report, offered
from ctigw.switch.events import Event
from ctigw.switch.model import Call, Connection
from ctigw.switch.states import State, WrongStateError, after, route

T = TypeVar("T")
Observer = Callable[[Event], None]
Spawn = Callable[[Coroutine[Any, Any, None]], None]
Within = Callable[[Awaitable[Any]], Awaitable[Any]]

ANSWERABLE = frozenset({State.ALERTING})
CLEARABLE = frozenset(State) - {State.NULL}
TALKING = frozenset({State.INITIATED, State.CONNECTED})
# How many (call, device) pairs that are over are remembered, to tell "you have left" from "never was".
REMEMBERED = 10_000

log = structlog.get_logger(__name__)


class Switch:
    """The picture of one driver's PBX.

    ``within`` bounds the time that a command may take (raising `Refused`); ``spawn`` runs what nobody
    waits for.
    """

    def __init__(self, driver: Driver, *, within: Within, spawn: Spawn) -> None:
        self._driver = driver
        self._within, self._spawn = within, spawn
        self.offered = offered(driver)
        self.kinds = driver.kinds()
        self.lines: dict[str, Line] = dict(driver.lines())
        self.calls: dict[str, Call] = {}
        self._by_driver_id: dict[str, Call] = {}
        self._at: dict[str, dict[str, Connection]] = {}
        self._left: dict[tuple[str, str], None] = {}
        self._dialling: set[str] = set()
        self._ids = count(1)
        self._observers: list[Observer] = []
        self._mending: set[str] = set()
        driver.listen(self.apply)

    def observe(self, observer: Observer) -> None:
        """Tell ``observer`` every event from now on."""
        self._observers.append(observer)

    @property
    def linked(self) -> bool:
        """Whether the PBX can be reached now."""
        return self._driver.linked()

    # What a client named

    def line(self, number: str, unknown: Reason = Reason.INVALID_DEVICE_ID) -> Line:
        """The line ``number``.  Raises `Refused` (``unknown``) when there is none."""
        try:
            return self.lines[number]
        except KeyError:
            raise Refused(unknown) from None

    def connections(self, device: str) -> tuple[Connection, ...]:
        """The live connections of a line."""
        return tuple(self._at.get(device, {}).values())

    def connection(
        self, call_id: str | None, device: str | None, wanted: frozenset[State], nothing: Reason
    ) -> Connection:
        """The connection that ``call_id``, ``device`` or both name, in one of the ``wanted`` states.

        Raises `Refused`: ``nothing`` when the device alone has none such or has left the call,
        invalidDeviceID for a device that cannot exist, invalidConnectionID for what names none or several,
        invalidConnectionState for one in another state.
        """
        if call_id is None:
            return self._at_device(device or "", wanted, nothing)
        call = self.calls.get(call_id)
        if device is None:
            return _only_one(call, wanted)
        found = call.connections.get(device) if call else None
        if found is None and (call_id, device) in self._left:
            raise Refused(nothing)
        if found is None:
            known = device in self.lines or self._driver.can_call(device)
            raise Refused(Reason.INVALID_CONNECTION_ID if known else Reason.INVALID_DEVICE_ID)
        if found.state not in wanted:
            raise Refused(Reason.INVALID_CONNECTION_STATE)
        return found

    def _at_device(self, device: str, wanted: frozenset[State], nothing: Reason) -> Connection:
        self.line(device)
        fitting = [c for c in self.connections(device) if c.state in wanted]
        if not fitting:
            raise Refused(nothing)
        if len(fitting) > 1:
            raise Refused(Reason.INVALID_CONNECTION_ID)
        return fitting[0]

    # Commands

    async def make_call(self, line: Line, called: str, *, prompt: bool) -> str:
        """Place a call; gives its id as clients see it.  Raises `Refused`."""
        busy = any(c.state in TALKING for c in self.connections(line.number))
        if busy or line.number in self._dialling:
            raise Refused(Reason.CONNECTED_CALL_EXISTS)
        if not self._driver.can_call(called):
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        call: Call = await self._command(self._place(line.number, called, prompt=prompt))
        return call.id

    async def _place(self, caller: str, called: str, *, prompt: bool) -> Call:
        """Place the call; ``caller`` is taken until the call is reported there, which is a turn later."""
        self._dialling.add(caller)
        try:
            call = self._call(await self._driver.make_call(caller, called, prompt=prompt))
        except BaseException:
            self._dialling.discard(caller)
            raise
        if caller in call.connections:
            self._dialling.discard(caller)
        return call

    async def answer(self, connection: Connection) -> None:
        """Answer an alerting connection.  Raises `Refused`."""
        command = self._driver.answer(connection.call.driver_id, connection.device)
        await self._command(command, gone=Reason.NO_CALL_TO_ANSWER)

    async def clear(self, connection: Connection) -> None:
        """Take a device out of a call.  Raises `Refused`."""
        command = self._driver.clear(connection.call.driver_id, connection.device)
        await self._command(command, gone=Reason.NO_CONNECTION_TO_CLEAR)

    async def _command(self, command: Coroutine[Any, Any, T], *, gone: Reason | None = None) -> T:
        """Have the driver obey.  ``gone``: what a client is told when the connection it named is no more."""
        if not self._driver.linked():
            command.close()
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
        try:
            result: T = await self._within(command)
        except Refused as refused:
            if gone is not None and refused.reason is Reason.INVALID_CONNECTION_ID:
                raise Refused(gone) from None
            raise
        return result

    # Reports

    def apply(self, report: Report) -> None:
        """Change the picture as ``report`` says and tell the observers.

        A report that the state table forbids changes nothing: it is logged, and the device is asked for anew.
        """
        try:
            event = self._applied(report)
        except WrongStateError as error:
            log.warning("report refused", call=report.call, device=report.device, why=str(error))
            self._mend(report.device)
            return
        for observer in self._observers:
            try:
                observer(event)
            except Exception:
                log.exception("observer failed", call=event.call, kind=event.kind.value)

    def _applied(self, report: Report) -> Event:
        call = self._by_driver_id.get(report.call)
        connection = call.connections.get(report.device) if call else None
        state = after(connection.state if connection else State.NULL, report.kind)
        if call is None:
            if state is State.NULL:
                raise WrongStateError(f"{report.kind.value} in no call")
            call = self._call(report.call)
        redirected_by = call.redirected_by
        _learn(call, report)
        if state is not State.NULL:
            self._dialling.discard(report.device)
            connection = connection or self._connect(call, report.device)
            connection.state = state
        elif connection is not None:
            self._disconnect(call, report.device)
        states = {device: c.state for device, c in call.connections.items()}
        states[report.device] = state
        return Event(
            report.kind, call.id, report.device, report.cause,
            call.calling, call.called, redirected_by, report.destination, states,
        )  # fmt: skip

    def _call(self, driver_id: str) -> Call:
        call = self._by_driver_id.get(driver_id)
        if call is None:
            call = Call(str(next(self._ids)), driver_id)
            self.calls[call.id] = self._by_driver_id[driver_id] = call
        return call

    def _connect(self, call: Call, device: str) -> Connection:
        connection = call.connections[device] = Connection(call, device)
        if device in self.lines:
            self._at.setdefault(device, {})[call.id] = connection
        return connection

    def _disconnect(self, call: Call, device: str) -> None:
        connection = call.connections.pop(device)
        connection.state = State.NULL
        here = self._at.get(device)
        if here is not None:
            here.pop(call.id, None)
            if not here:
                del self._at[device]
        self._left[call.id, device] = None
        if len(self._left) > REMEMBERED:
            del self._left[next(iter(self._left))]
        if not call.connections:
            del self.calls[call.id], self._by_driver_id[call.driver_id]

    # Mending

    def _mend(self, device: str) -> None:
        if device in self.lines and device not in self._mending and "snapshot" in self.offered:
            self._mending.add(device)
            self._spawn(self.resynchronise(device))

    async def resynchronise(self, device: str) -> None:
        """Make the picture of ``device`` what the driver says it is; observers see the steps as events."""
        try:
            legs: tuple[Leg, ...] = await self._command(self._driver.snapshot(device))
        except Refused as refused:
            log.warning("no snapshot", device=device, why=str(refused))
            return
        finally:
            self._mending.discard(device)
        truth = {leg.call: leg for leg in legs}
        for connection in self.connections(device):
            if connection.call.driver_id not in truth:
                self._lead(Leg(connection.call.driver_id, State.NULL.value), device)
        for leg in legs:
            self._lead(leg, device)

    def _lead(self, leg: Leg, device: str) -> None:
        """Walk one connection to the state that the snapshot gives."""
        call = self._by_driver_id.get(leg.call)
        found = call.connections.get(device) if call else None
        start = found.state if found else State.NULL
        for kind in route(start, State(leg.state), caller=device == leg.calling):
            cause = Cause.NORMAL_CLEARING if kind is Kind.CLEAR else Cause.NORMAL
            self.apply(Report(kind, leg.call, device, cause, called=leg.called))


def _only_one(call: Call | None, wanted: frozenset[State]) -> Connection:
    """The one connection of ``call`` in a ``wanted`` state."""
    if call is None:
        raise Refused(Reason.INVALID_CONNECTION_ID)
    fitting = [c for c in call.connections.values() if c.state in wanted]
    if len(fitting) != 1:
        raise Refused(Reason.INVALID_CONNECTION_ID if fitting else Reason.INVALID_CONNECTION_STATE)
    return fitting[0]


def _learn(call: Call, report: Report) -> None:
    """Keep what a report tells of the call as a whole."""
    if report.kind in (Kind.INITIATE, Kind.ORIGINATE):
        call.calling = report.device
    if report.called:
        call.called = report.called
    if report.kind is Kind.DIVERT:
        call.redirected_by = report.device
