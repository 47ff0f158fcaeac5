from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.csta.system import (
    ChangeSysStatFilter,
    RequestSystemStatus,
    RequestTypes,
    StatusFilter,
    SystemRegister,
    SystemRegisterCancel,
    SystemStatus,
    SystemStatusValue,
)
from ctigw.errors import Refused
from ctigw.net.background import spawn
from ctigw.services.session import Session
from ctigw.services.system import Registrations
from ctigw.switch.switch import Switch
from simulators.pbx import Pbx
from tests.clients import Remembering


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.pbx = Pbx(self.clock)
        self.switch = Switch(self.pbx, within=lambda command: (False, command), spawn=spawn)
        self.registrations = Registrations(self.switch, per_session=2)
        self.told: list[tuple[str, str | None, str, str]] = []

    def session(self, name: str) -> Session:
        def asked(message: object, namespace: str) -> None:
            assert isinstance(message, SystemStatus)
            self.told.append((name, message.sys_stat_register_id, message.system_status.value, namespace))

        return Session(Remembering(on_ask=asked), name)

    def ask(self, session: Session, request: object, namespace: str = "ns") -> Any:
        results: list[Any] = []
        work: Any = self.registrations.handlers()[type(request)](session, request, namespace)
        Deferred.fromCoroutine(work).addBoth(results.append)
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def lose_the_link(self, seconds: float = 5) -> None:
        self.pbx.drop_link(seconds)
        self.clock.advance(0)
        self.clock.advance(seconds)
        for _ in range(3):
            self.clock.advance(0)


def register(
    types: RequestTypes = RequestTypes.SYSTEM_STATUS, away: StatusFilter | None = None
) -> SystemRegister:
    return SystemRegister(request_types=types, requested_status_filter=away)


def test_who_has_registered_is_told_of_the_link() -> None:
    bench = Bench()
    one, two = bench.session("one"), bench.session("two")
    bench.ask(one, register())
    bench.ask(two, register(), "other")
    bench.lose_the_link()
    assert bench.told == [
        ("one", "1", "disabled", "ns"),
        ("two", "2", "disabled", "other"),
        ("one", "1", "enabled", "ns"),
        ("two", "2", "enabled", "other"),
    ]


@pytest.mark.parametrize(
    ("request_for", "told"),
    [
        (register(away=StatusFilter.DISABLED), ["enabled"]),
        (register(away=StatusFilter.DISABLED | StatusFilter.ENABLED), []),
        (register(away=StatusFilter(0)), ["disabled", "enabled"]),
        (register(RequestTypes.SWITCHING_FUNCTION_CAPS_CHANGED), []),
    ],
)
def test_what_is_not_wanted_is_not_told(request_for: SystemRegister, told: list[str]) -> None:
    bench = Bench()
    bench.ask(bench.session("one"), request_for)
    bench.lose_the_link()
    assert [status for _, _, status, _ in bench.told] == told


def test_a_filter_can_be_changed_and_a_registration_cancelled() -> None:
    bench = Bench()
    session = bench.session("one")
    bench.ask(session, register())
    bench.ask(session, ChangeSysStatFilter(requested_status_filter=StatusFilter.DISABLED))  # its only one
    bench.lose_the_link()
    bench.ask(session, SystemRegisterCancel(sys_stat_register_id="1"))
    bench.lose_the_link()
    assert [status for _, _, status, _ in bench.told] == ["enabled"]
    assert (len(bench.registrations), session.registrations) == (0, ())


def test_only_ones_own_registration_is_known() -> None:
    bench = Bench()
    one, two = bench.session("one"), bench.session("two")
    bench.ask(one, register())
    for request in (
        SystemRegisterCancel(sys_stat_register_id="1"),
        ChangeSysStatFilter(sys_stat_register_id="1"),
        ChangeSysStatFilter(),
    ):
        with pytest.raises(Refused, match="invalidCrossRefID"):
            bench.ask(two, request)
    bench.ask(one, register())
    with pytest.raises(Refused, match="invalidCrossRefID"):  # which of the two?
        bench.ask(one, ChangeSysStatFilter())


def test_registrations_are_bounded_and_end_with_their_session() -> None:
    bench = Bench()
    session = bench.session("one")
    bench.ask(session, register())
    bench.ask(session, register())
    with pytest.raises(Refused, match="registrationLimitExceeded"):
        bench.ask(session, register())
    bench.registrations.end(session)
    assert (len(bench.registrations), session.registrations) == (0, ())
    bench.ask(session, register())


def test_everybody_can_be_told_something() -> None:
    bench = Bench()
    bench.ask(bench.session("one"), register())
    bench.registrations.tell(SystemStatusValue.DISABLED)
    bench.registrations.tell(SystemStatusValue.MESSAGES_LOST)
    assert [status for _, _, status, _ in bench.told] == ["disabled", "messagesLost"]


def test_the_status_while_the_link_is_down() -> None:
    bench = Bench()
    session = bench.session("one")
    status = [bench.ask(session, RequestSystemStatus()).system_status.value]
    bench.pbx.drop_link(5)
    bench.clock.advance(0)
    status.append(bench.ask(session, RequestSystemStatus()).system_status.value)
    bench.clock.advance(5)
    for _ in range(3):
        bench.clock.advance(0)
    status.append(bench.ask(session, RequestSystemStatus()).system_status.value)
    assert status == ["normal", "disabled", "normal"]
