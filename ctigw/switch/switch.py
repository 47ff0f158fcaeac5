"""The switch: commands for the driver, and one picture of its PBX, kept true to what the driver reports.

Services find what a client named in `Switch.picture` and command here; observers (monitors, registrations,
later the presence bridge) are told each event once the picture has changed.

What the picture allows and the PBX refuses shows that the two disagree: the line is asked for anew.  While
the link to the PBX is down nothing is commanded; when it is back every line is asked for, observers are
told `LinkChanged`, and then what has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import structlog

from ctigw.errors import Reason, Refused
from ctigw.switch.driver import (
    AnyReport,
    Category,
    Cause,
    Driver,
    ForwardRule,
    Line,
    LineFeatures,
    Link,
    Merge,
    Report,
    Service,
    offered,
)
from ctigw.switch.events import AnyEvent, CallOver, LinkChanged
from ctigw.switch.mending import Mending, Spawn, Within
from ctigw.switch.model import Call, Connection
from ctigw.switch.picture import Picture
from ctigw.switch.reports import applied
from ctigw.switch.states import State, WrongStateError

T = TypeVar("T")
# What is under way, in the driver or here.
Command = Coroutine[Any, Any, T]
# What is told the events of one class.
Observer = Callable[[Any], None]

ANSWERABLE = frozenset({State.ALERTING, State.INITIATED})
ALERTING = frozenset({State.ALERTING})
CLEARABLE = frozenset(State) - {State.NULL}
CONNECTED = frozenset({State.CONNECTED})
HELD = frozenset({State.HOLD})
TAKING_PART = frozenset({State.CONNECTED, State.HOLD})
# In these a line cannot place another call.
TALKING = frozenset({State.INITIATED, State.CONNECTED})
# What a PBX says when it sees a connection otherwise than the picture that allowed the command.
DISAGREEMENTS = frozenset({Reason.INVALID_CONNECTION_ID, Reason.INVALID_CONNECTION_STATE})

log = structlog.get_logger(__name__)


class _Dialling:
    """What a line is doing whose call the PBX may yet accept, or has accepted, until it is reported there."""

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: Call | None = None


class Switch:
    """The picture of one driver's PBX, and what it can be told to do.

    ``within`` bounds the time that a command may take (raising `Refused`); ``spawn`` runs what nobody
    waits for.
    """

    def __init__(self, driver: Driver, *, within: Within, spawn: Spawn) -> None:
        self._driver = driver
        self._within = within
        self.offered = offered(driver)
        self.kinds = driver.kinds()
        self.picture = Picture(driver.lines(), driver.can_call)
        self._dialling: dict[str, _Dialling] = {}
        self._observers: dict[type, tuple[Observer, ...]] = {}
        self.mending = Mending(driver, self.picture, self.apply, self._seen, within=within, spawn=spawn)
        self._up = driver.linked()
        # While the picture may be wrong as a whole: what is to be told when it is not.
        self._untold: list[AnyEvent] | None = None if self._up else []
        driver.listen(self.apply)

    def observe(self, observers: Mapping[type, Observer]) -> None:
        """Tell each of ``observers`` every event of its class from now on."""
        for cls, observer in observers.items():
            self._observers[cls] = (*self._observers.get(cls, ()), observer)

    @property
    def linked(self) -> bool:
        """Whether the PBX can be commanded now."""
        return self._up

    # What can be called

    def can_call(self, number: str, device: str) -> bool:
        """Whether ``device`` may call ``number`` and the numbering plan has it."""
        return self._driver.can_call(number, device)

    def destination(self, number: str, connection: Connection) -> None:
        """Whether the call of ``connection`` can be sent to ``number``.  Raises `Refused`."""
        line = self.picture.lines.get(number)
        taken = number == connection.device or number in connection.call.connections
        if taken or (line is not None and line.category is not Category.STATION):
            raise Refused(Reason.INVALID_DESTINATION_DEVICE_OBJECT)
        if not self.can_call(number, connection.device):
            raise Refused(Reason.INVALID_DESTINATION)

    # Commands: each raises `Refused`

    async def make_call(self, line: Line, called: str, *, prompt: bool) -> Call:
        """Place a call, asking for the handset to be lifted first when ``prompt``."""
        number = line.number
        if number in self._dialling:
            self._doubt(number)
            raise Refused(Reason.CONNECTED_CALL_EXISTS)
        for connection in self.picture.connections(number):
            if connection.state in TALKING:
                raise Refused(Reason.CONNECTED_CALL_EXISTS)
        if not self.can_call(called, number):
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        dialling = _Dialling()
        try:
            return await self._obey(self._place(dialling, number, called, prompt=prompt), number)
        except Refused:
            if "snapshot" not in self.offered:  # the PBX may never answer, and nobody could ask it
                self._let_go(number, dialling)
            raise

    async def _place(self, dialling: _Dialling, caller: str, called: str, *, prompt: bool) -> Call:
        """Place the call; ``caller`` is taken until the call is reported there, which is a turn later."""
        self._dialling[caller] = dialling
        try:
            call = self.picture.call_of(await self._driver.make_call(caller, called, prompt=prompt))
        except BaseException:
            self._let_go(caller, dialling)
            raise
        if caller in call.connections:
            self._let_go(caller, dialling)
        else:
            dialling.call = call
        return call

    def _let_go(self, caller: str, dialling: _Dialling) -> None:
        """``caller`` may place another call, unless that is what it is doing."""
        if self._dialling.get(caller) is dialling:
            del self._dialling[caller]

    def _doubt(self, caller: str) -> None:
        """Another call is wanted while one is placed: it may have come to nothing, and nobody was told."""
        if "snapshot" in self.offered:
            self.mending.mend(caller)
        elif self._dialling[caller].call is not None:
            del self._dialling[caller]  # the next attempt is for the PBX to judge

    def answer(self, connection: Connection) -> Command[None]:
        """Answer an alerting connection, or lift the handset of a prompted one."""
        return self._at(connection, self._driver.answer, gone=Reason.NO_CALL_TO_ANSWER)

    def clear(self, connection: Connection) -> Command[None]:
        """Take a device out of a call."""
        return self._at(connection, self._driver.clear, gone=Reason.NO_CONNECTION_TO_CLEAR)

    async def clear_call(self, call: Call) -> None:
        """End a call for everybody."""
        await self._obey(self._driver.clear_call(call.driver_id), *call.connections)

    def hold(self, connection: Connection) -> Command[None]:
        """Put a call on hold at a device."""
        return self._at(connection, self._driver.hold, gone=Reason.NO_ACTIVE_CALL)

    def retrieve(self, connection: Connection) -> Command[None]:
        """Take a held call back."""
        return self._at(connection, self._driver.retrieve, gone=Reason.NO_HELD_CALL)

    async def consult(self, connection: Connection, called: str) -> Call:
        """Hold a call and place another one."""
        if not self.can_call(called, connection.device):
            raise Refused(Reason.INVALID_CALLED_DEVICE_ID)
        gone = Reason.NO_ACTIVE_CALL
        return self.picture.call_of(await self._at(connection, self._driver.consult, called, gone=gone))

    async def alternate(self, held: Connection, active: Connection) -> None:
        """Hold the active call and take the held one back."""
        await self._pair(self._driver.alternate, held, active)

    async def reconnect(self, held: Connection, active: Connection) -> None:
        """Leave the active call and take the held one back."""
        await self._pair(self._driver.reconnect, held, active)

    async def transfer(self, held: Connection, active: Connection) -> Call:
        """Join the other parties of two calls."""
        _must_join(held, active)
        return self.picture.call_of(await self._pair(self._driver.transfer, held, active))

    async def conference(self, held: Connection, active: Connection) -> Call:
        """Join two calls."""
        _must_join(held, active)
        return self.picture.call_of(await self._pair(self._driver.conference, held, active))

    async def single_step_transfer(self, connection: Connection, called: str) -> Call:
        """Replace a device of a call by ``called``."""
        _must_have_another(connection)
        self.destination(called, connection)
        gone = Reason.NO_ACTIVE_CALL
        driver_id = await self._at(connection, self._driver.single_step_transfer, called, gone=gone)
        return self.picture.call_of(driver_id)

    async def single_step_conference(
        self, connection: Connection, joining: str, *, listen_only: bool
    ) -> Call:
        """Add ``joining`` to a call."""
        _must_have_another(connection)
        self.destination(joining, connection)
        driver_id, device = connection.call.driver_id, connection.device
        command = self._driver.single_step_conference(driver_id, device, joining, listen_only=listen_only)
        return self.picture.call_of(await self._obey(command, device, gone=Reason.NO_ACTIVE_CALL))

    async def deflect(self, connection: Connection, destination: str) -> None:
        """Send an alerting call elsewhere."""
        self.destination(destination, connection)
        await self._at(connection, self._driver.deflect, destination, gone=Reason.NO_CALL_TO_ANSWER)

    async def generate_digits(self, connection: Connection, digits: str) -> None:
        """Send DTMF digits into a call."""
        await self._at(connection, self._driver.generate_digits, digits, gone=Reason.NO_ACTIVE_CALL)

    async def set_forwarding(self, line: Line, rule: ForwardRule) -> None:
        """Forward the calls of a line as ``rule`` says."""
        to = rule.destination
        if rule.active and (to == line.number or not self.can_call(to, line.number)):
            raise Refused(Reason.INVALID_FORWARDING_DESTINATION)
        await self._obey(self._driver.set_forwarding(line.number, rule))

    async def set_do_not_disturb(self, line: Line, *, on: bool) -> None:
        """Keep calls away from a line, or let them come again."""
        await self._obey(self._driver.set_do_not_disturb(line.number, on=on))

    async def features(self, line: Line) -> LineFeatures:
        """What a line is set to."""
        return await self._obey(self._driver.features(line.number))

    def _at(
        self, connection: Connection, command: Callable[..., Command[T]], *more: str, gone: Reason
    ) -> Command[T]:
        """Command one connection; ``gone`` is what a client is told when it is no more."""
        coroutine = command(connection.call.driver_id, connection.device, *more)
        return self._obey(coroutine, connection.device, gone=gone)

    async def _pair(self, command: Callable[..., Command[T]], held: Connection, active: Connection) -> T:
        """Command the two calls of one device; a client is told which of them is no more."""
        coroutine = command(held.call.driver_id, active.call.driver_id, held.device)
        try:
            return await self._obey(coroutine, held.device)
        except Refused as refused:
            if refused.reason is not Reason.INVALID_CONNECTION_ID:
                raise
            if held.state is State.NULL:
                raise Refused(Reason.NO_HELD_CALL) from None
            if active.state is State.NULL:
                raise Refused(Reason.NO_ACTIVE_CALL) from None
            raise

    async def _obey(self, command: Command[T], *devices: str, gone: Reason | None = None) -> T:
        """Have the driver obey; ``devices`` are those whose picture let the command through."""
        if not self._up:
            command.close()
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
        try:
            done, told = self._within(command)
            result: T = told if done else await told
        except Refused as refused:
            if refused.reason in DISAGREEMENTS:
                self.mending.mend(*devices)
            if gone is not None and refused.reason is Reason.INVALID_CONNECTION_ID:
                raise Refused(gone) from None
            raise
        return result

    # Reports

    def apply(self, report: AnyReport) -> None:
        """Change the picture as ``report`` says and tell the observers.

        A report that cannot be true changes nothing: it is logged, and the devices are asked for anew.
        """
        if type(report) is Link:
            self._link(up=report.up)
            return
        try:
            events = applied(self.picture, report)
        except WrongStateError as error:
            log.warning("report refused", report=type(report).__name__, why=str(error))
            self.mending.mend(*self._concerned(report))
            return
        if self._dialling:
            self._no_longer_dialling(report)
        self._tell(events)

    def _no_longer_dialling(self, report: AnyReport) -> None:
        if isinstance(report, Report) and report.device in self._dialling:
            call = self._dialling[report.device].call
            if call is not None and call.driver_id == report.call:
                del self._dialling[report.device]

    def _concerned(self, report: Any) -> Iterable[str]:
        """The devices that a report is about, as far as the picture knows them."""
        if isinstance(report, Merge):
            for driver_id in (report.primary, report.secondary, report.call):
                call = self.picture.known(driver_id)
                yield from call.connections if call else ()
            yield report.other
        yield report.device

    def _tell(self, events: Iterable[AnyEvent]) -> None:
        if self._untold is not None:
            self._untold.extend(events)
            return
        observers = self._observers
        for event in events:
            for observer in observers.get(type(event), ()):
                try:
                    observer(event)
                except Exception:
                    log.exception("observer failed", told=type(event).__name__)

    def _seen(self, line: str) -> None:
        """The PBX has said what ``line`` does: a call that it accepted and does not show will not come."""
        dialling = self._dialling.pop(line, None)
        accepted = dialling.call if dialling else None
        if accepted is not None and not accepted.connections and accepted.id in self.picture.calls:
            self._over(accepted)

    def _over(self, call: Call) -> None:
        """A call that was accepted and has nobody in it will not come."""
        self.picture.forget(call)
        self._tell([CallOver(call.id, Cause.NORMAL)])

    # The link

    def _link(self, *, up: bool) -> None:
        if not up:
            if self._up:
                self._tell([LinkChanged(up=False)])
                self._up, self._untold = False, []
            self.mending.give_up()
            return
        log.info("link is back, asking for every line")
        self.mending.recover(list(self._refreshed_lines()), self._recovered)

    def _refreshed_lines(self) -> Iterable[str]:
        """The stations as they are now; what went out of service or came back meanwhile is told."""
        for number, line in self._driver.lines().items():
            self.apply(Service(number, line.in_service))
            self.picture.lines.setdefault(number, line)
            if line.category is Category.STATION:
                yield number

    def _recovered(self) -> None:
        if self._up:
            return  # a driver that reported twice that its link is up
        self._dialling.clear()
        for call in tuple(self.picture.calls.values()):
            if not call.connections:
                self._over(call)
        untold, self._untold, self._up = self._untold or [], None, True
        self._tell([LinkChanged(up=True)])
        self._tell(untold)


def _others(connection: Connection) -> list[State]:
    """What the other parties of a connection's call do."""
    return [c.state for c in connection.call.connections.values() if c is not connection]


def _must_have_another(connection: Connection) -> None:
    """There must be somebody else taking part in the call."""
    if not TAKING_PART.intersection(_others(connection)):
        raise Refused(Reason.INVALID_CONNECTION_STATE)


def _must_join(held: Connection, active: Connection) -> None:
    """There must be somebody to talk to in the held call, and nobody in the other who cannot be had.

    Who is in both already cannot be joined with itself.
    """
    _must_have_another(held)
    others = _others(active)
    shared = held.call.connections.keys() & active.call.connections.keys()
    if not others or State.FAIL in others or len(shared) > 1:
        raise Refused(Reason.INVALID_CONNECTION_STATE)
