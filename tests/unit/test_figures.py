from __future__ import annotations

from structlog.testing import capture_logs
from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.config import Config, Listener
from ctigw.csta.frame import Frame
from ctigw.net.figures import Figures
from simulators.pbx import Pbx
from tests.protocol.test_transcripts import Client, Step

CALL = (
    "<MakeCall><callingDevice>{}</callingDevice><calledDirectoryNumber>{}</calledDirectoryNumber></MakeCall>"
)


def test_only_what_has_changed_is_logged() -> None:
    clock, figures = Clock(), {"calls": 0}
    kept = Figures(clock, 60, lambda: dict(figures))
    with capture_logs() as logged:
        clock.pump([60, 60])
        assert logged == []
        figures["calls"] = 3
        clock.advance(59)
        assert logged == []
        clock.advance(1)
        assert logged == [{"calls": 3, "event": "figures", "log_level": "info"}]
        clock.advance(60)
        assert len(logged) == 1
        figures["calls"] = 4
        kept.stop()
        assert [entry["calls"] for entry in logged] == [3, 4]
    assert clock.getDelayedCalls() == []


def test_they_can_be_kept_for_the_end() -> None:
    clock, figures = Clock(), {"calls": 0}
    kept = Figures(clock, 0, lambda: dict(figures))
    assert clock.getDelayedCalls() == []
    figures["calls"] = 1
    with capture_logs() as logged:
        kept.stop()
    assert [entry["calls"] for entry in logged] == [1]


def test_figures_of_a_gateway() -> None:
    clock = Clock()
    gate = gateway(Config(), Pbx(clock), clock)
    empty = {"connections": 0, "sessions": 0, "monitors": 0, "registrations": 0, "calls": 0}
    empty["log entries dropped"] = 0
    assert gate.figures() == empty
    client = Client(gate.factory(Listener()))
    for number, request in enumerate(
        (
            "<MonitorStart><monitorObject><deviceObject>2001</deviceObject></monitorObject></MonitorStart>",
            "<SystemRegister><requestTypes><systemStatus>true</systemStatus></requestTypes></SystemRegister>",
            CALL.format("2001", "2002"),
            CALL.format("0", "1"),
            "<AnswerCallResponse/>",
        ),
        start=1,
    ):
        client.send(Step("C", "", "", Frame(number, request.encode())))
        clock.pump([0, 0])
    counted = {"requests": 4, "invalidCallingDeviceID": 1, "stray responses": 1}
    now = {"connections": 1, "monitors": 1, "registrations": 1, "calls": 1}
    assert gate.figures() == empty | now | counted
    client.protocol.connectionLost()
    assert gate.figures() == empty | {"calls": 1} | counted
