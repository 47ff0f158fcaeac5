from __future__ import annotations

from dataclasses import replace

import pytest

from ctigw.csta.association import CLIENT_IDS, SERVER_IDS, Association, Event, Request, Response, Unreadable
from ctigw.csta.capability import GetCSTAFeatures
from ctigw.csta.events import EventCause
from ctigw.csta.frame import Frame, FrameError, FrameReader, parted
from ctigw.csta.logical import BackInServiceEvent
from ctigw.csta.monitoring import MonitorStop, MonitorStopResponse
from ctigw.csta.system import RequestSystemStatus, SystemStatus, SystemStatusValue
from ctigw.csta.types import ED3, EDITIONS, CSTAErrorCode, ExtendedDeviceID, answer_namespace, csta
from ctigw.xml import XmlError

STATUS = SystemStatus(system_status=SystemStatusValue.NORMAL)


def server() -> Association:
    return Association(SERVER_IDS)


def frame(invoke_id: int, xml: str) -> bytes:
    return Frame(invoke_id, xml.encode()).encode()


def sent(association: Association) -> list[Frame]:
    return list(FrameReader().feed(b"".join(association.outgoing())))


def test_a_request_is_handed_on_with_its_id_and_namespace() -> None:
    received = list(server().receive(frame(7, f'<RequestSystemStatus xmlns="{ED3}"/>')))
    assert received == [Request(7, RequestSystemStatus(), ED3)]


def test_an_answer_goes_out_under_the_id_of_its_request() -> None:
    association = server()
    association.respond(7, MonitorStopResponse(), ED3)
    assert sent(association) == [Frame(7, csta.encode(MonitorStopResponse()))]
    assert association.outgoing() == []  # they were the caller's


def test_events_go_out_under_9999() -> None:
    association = server()
    event = BackInServiceEvent(
        monitor_cross_ref_id="", device=ExtendedDeviceID(device_identifier="1"), cause=EventCause.NORMAL
    )
    for reference in ("7", "8", "10"):
        start, tail = parted(csta.encode(event, ""))
        association.event(start, (reference.encode(),), tail)
    told = [replace(event, monitor_cross_ref_id=reference) for reference in ("7", "8", "10")]
    assert sent(association) == [Frame(9999, csta.encode(event, "")) for event in told]


@pytest.mark.parametrize(
    ("asked_in", "answered_in"),
    [
        *((edition, edition) for edition in sorted(EDITIONS)),
        ("", ""),
        (None, ED3),
        ("urn:example", ED3),
        (ED3.upper(), ED3),
    ],
)
def test_answers_are_in_the_namespace_of_the_request(asked_in: str | None, answered_in: str) -> None:
    assert answer_namespace(asked_in) == answered_in


def test_an_answer_reaches_whoever_asked() -> None:
    association = server()
    invoke_id = association.request(STATUS)
    received = list(association.receive(frame(invoke_id, "<SystemStatusResponse/>")))
    assert [(type(r), r.invoke_id) for r in received if isinstance(r, Response)] == [(Response, 9000)]
    assert len(received) == 1


def test_a_refusal_is_an_answer_too() -> None:
    association = server()
    association.request(STATUS)
    xml = "<CSTAErrorCode><operation>generic</operation></CSTAErrorCode>"
    assert list(association.receive(frame(9000, xml))) == [Response(9000, CSTAErrorCode(operation="generic"))]


def test_an_answer_that_cannot_be_read_still_answers() -> None:
    association = Association(CLIENT_IDS)
    association.request(GetCSTAFeatures())
    (received,) = association.receive(frame(1, "<MonitorStartResponse/>"))
    assert isinstance(received, Response)
    assert isinstance(received.message, XmlError)


@pytest.mark.parametrize(
    "xml",
    [
        "<SystemStatusResponse/>",
        "<CSTAErrorCode/>",
        "<RubbishResponse/>",
        "<SystemStatusResponse>",
        "<ErrorValue/>",
    ],
)
def test_an_answer_to_nothing_is_counted_and_no_more(xml: str) -> None:
    association = server()
    assert list(association.receive(frame(9000, xml))) == []
    assert association.counters["stray responses"] == 1
    assert association.outgoing() == []


def test_an_id_is_answered_once() -> None:
    association = server()
    association.request(STATUS)
    answer = frame(9000, "<SystemStatusResponse/>")
    assert len(list(association.receive(answer + answer))) == 1
    assert association.counters["stray responses"] == 1


def test_ids_go_round_and_leave_out_those_that_wait() -> None:
    association = Association(range(1, 4))
    assert [association.request(STATUS) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OverflowError):
        association.request(STATUS)
    list(association.receive(frame(2, "<SystemStatusResponse/>")))
    assert association.request(STATUS) == 2
    assert len(sent(association)) == 4  # the one that found no id was not sent


def test_an_id_is_not_used_again_at_once() -> None:
    association = Association(range(1, 4))
    for expected in (1, 2, 3, 1):
        assert association.request(STATUS) == expected
        list(association.receive(frame(expected, "<SystemStatusResponse/>")))


@pytest.mark.parametrize(
    ("xml", "name", "namespace", "unknown"),
    [
        ("hello", "", None, False),
        ("<MonitorStop", "", None, False),
        ("<MonitorStop/>", "MonitorStop", "", False),
        (f'<MonitorStop xmlns="{ED3}"><x>', "MonitorStop", ED3, False),
        ("<Rubbish/>", "Rubbish", "", True),
        ("<!DOCTYPE a><MonitorStop/>", "", None, False),
    ],
)
def test_what_cannot_be_read_is_told_apart(xml: str, name: str, namespace: str | None, unknown: bool) -> None:
    (received,) = server().receive(frame(5, xml))
    assert isinstance(received, Unreadable)
    assert (received.invoke_id, received.name) == (5, name)
    assert (received.namespace, received.unknown) == (namespace, unknown)


def test_events_of_the_other_side() -> None:
    association = Association(CLIENT_IDS)
    xml = (
        "<ConnectionClearedEvent><monitorCrossRefID>1</monitorCrossRefID><droppedConnection/>"
        "<releasingDevice><notKnown/></releasingDevice><cause>normal</cause></ConnectionClearedEvent>"
    )
    (received,) = association.receive(frame(9999, xml))
    assert isinstance(received, Event)
    assert received.message.monitor_cross_ref_id == "1"
    for unreadable in ("<FutureEvent/>", "<ConnectionClearedEvent/>", "<ConnectionClearedEvent>"):
        assert list(association.receive(frame(9999, unreadable))) == []
    assert association.counters["unreadable events"] == 3


@pytest.mark.parametrize("length", [10_000, 40_000])
def test_an_answer_that_fits_no_frame_becomes_a_refusal(length: int) -> None:
    association = server()
    association.respond(7, MonitorStop(monitor_cross_ref_id="1" * length), "")
    (answer,) = sent(association)
    assert answer.invoke_id == 7
    refused = b"<subscribedResourceAvailability>" in answer.body or b"resourceLimitExceeded" in answer.body
    assert refused is (length == 40_000)
    assert association.counters["answers too long"] == refused


def test_what_came_before_a_broken_prefix_counts() -> None:
    received = server().receive(frame(1, "<RequestSystemStatus/>") + b"GET / HTTP/1.1\r\n")
    assert next(received) == Request(1, RequestSystemStatus(), "")
    with pytest.raises(FrameError, match="GET / HTTP"):
        next(received)


def test_an_inspector_may_refuse_what_could_be_read() -> None:
    association = Association(SERVER_IDS, inspect=lambda body: "too plain" if b"xmlns" not in body else None)
    fine, plain = association.receive(
        frame(1, f'<RequestSystemStatus xmlns="{ED3}"/>') + frame(2, "<RequestSystemStatus/>")
    )
    assert fine == Request(1, RequestSystemStatus(), ED3)
    assert plain == Unreadable(2, "RequestSystemStatus", "", unknown=False, why="too plain")


def test_an_inspector_is_not_shown_answers() -> None:
    association = Association(SERVER_IDS, inspect=lambda _body: "no")
    association.request(STATUS)
    (answer,) = association.receive(frame(9000, "<SystemStatusResponse/>"))
    assert isinstance(answer, Response)
