from __future__ import annotations

from typing import Any

import pytest
import structlog
from twisted.internet.defer import Deferred, succeed

from ctigw.csta.association import Unreadable
from ctigw.csta.monitoring import MonitorStop, MonitorStopResponse
from ctigw.csta.system import RequestSystemStatus
from ctigw.csta.types import CSTAErrorCode
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Dispatcher
from ctigw.services.session import Session
from tests.clients import Remembering

STOP = MonitorStop(monitor_cross_ref_id="1")


def session() -> Session:
    return Session(Remembering(), "peer")


def answer_of(dispatcher: Dispatcher, request: object) -> Any:
    answers: list[Any] = []
    Deferred.fromCoroutine(dispatcher.serve(session(), request, "ns")).addCallback(answers.append)
    return answers[0]


def dispatcher_with(result: Any) -> Dispatcher:
    async def serve(_session: Session, _request: MonitorStop, namespace: str) -> object:
        assert namespace == "ns"
        if isinstance(result, Exception):
            raise result
        return await succeed(result)

    dispatcher = Dispatcher()
    dispatcher.serve_with({MonitorStop: serve})
    return dispatcher


def test_a_request_reaches_its_handler() -> None:
    assert answer_of(dispatcher_with(MonitorStopResponse()), STOP) == MonitorStopResponse()


def test_what_nobody_serves_is_refused_and_counted() -> None:
    dispatcher = dispatcher_with(None)
    assert answer_of(dispatcher, RequestSystemStatus()) == CSTAErrorCode(operation="serviceNotSupported")
    assert dispatcher.counters == {"requests": 1, "serviceNotSupported": 1}
    assert dispatcher.services == {"MonitorStop"}


def test_a_refusal_is_told_with_its_reason() -> None:
    dispatcher = dispatcher_with(Refused(Reason.RESOURCE_BUSY))
    assert answer_of(dispatcher, STOP) == CSTAErrorCode(system_resource_availibility="resourceBusy")


def test_a_crash_is_logged_and_answered() -> None:
    with structlog.testing.capture_logs() as logged:
        answer = answer_of(dispatcher_with(ZeroDivisionError("oops")), STOP)
    assert answer == CSTAErrorCode(operation="generic")
    assert [(e["log_level"], e["service"], e["peer"]) for e in logged] == [("error", "MonitorStop", "peer")]


def test_a_request_that_cannot_be_recorded_is_answered_all_the_same() -> None:
    def record(*_: object) -> None:
        raise ZeroDivisionError

    async def serve(*_: object) -> object:
        return MonitorStopResponse()

    dispatcher = Dispatcher(record)
    dispatcher.serve_with({MonitorStop: serve})
    with structlog.testing.capture_logs() as logged:
        assert answer_of(dispatcher, STOP) == MonitorStopResponse()
    assert [(e["event"], e["service"]) for e in logged] == [("request not recorded", "MonitorStop")]


@pytest.mark.parametrize(
    ("name", "unknown", "value"),
    [
        ("", False, "generic"),
        ("MonitorStop", False, "invalidParameterValue"),
        ("RequestSystemStatus", False, "serviceNotSupported"),  # known, malformed, and not served
        ("Rubbish", True, "serviceNotSupported"),
    ],
)
def test_what_cannot_be_read_is_refused(name: str, unknown: bool, value: str) -> None:
    unreadable = Unreadable(1, name, "", unknown, "why")
    assert dispatcher_with(None).refuse(unreadable) == CSTAErrorCode(operation=value)
