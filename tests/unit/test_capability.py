from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta import caps
from ctigw.csta.capability import DeviceCategory, DeviceListDevice, GetCSTAFeaturesResponse
from ctigw.csta.frame import MAX_SENT, PREFIX
from ctigw.csta.types import csta
from ctigw.csta.validation import validator
from ctigw.services import capability
from ctigw.services.capability import _segments, event_lists, service_lists
from ctigw.services.event_messages import SHAPES
from ctigw.services.monitors import told
from ctigw.switch.driver import AnyReport, Driver, Kind, Line
from simulators.pbx import Pbx

why_not = validator()


class AnswersOnly(Driver):
    """A PBX that can do one thing, and reports little."""

    def listen(self, report: Callable[[AnyReport], None]) -> None:
        pass

    def lines(self) -> Mapping[str, Line]:
        return {}

    def kinds(self) -> frozenset[Kind]:
        return frozenset({Kind.DELIVER, Kind.HOLD})

    async def answer(self, call: str, device: str) -> None:
        pass


def features(services: frozenset[str], kinds: frozenset[Kind]) -> bytes:
    return csta.encode(
        GetCSTAFeaturesResponse(
            supported_services=caps.SupportedServices(**service_lists(services)),
            supported_events=caps.SupportedEvents(**event_lists(services, told(kinds))),
        )
    )


def test_what_is_told_is_what_is_served() -> None:
    served = gateway(Config(), AnswersOnly(), Clock()).dispatcher.services
    assert "AnswerCall" in served
    assert not served & {"MakeCall", "ClearConnection", "SetForwarding", "GetForwarding", "GenerateDigits"}
    xml = features(served, AnswersOnly().kinds())
    assert b"<answerCall><alerting>true</alerting><initiated>true</initiated><deviceIDOnly>true" in xml
    assert b"makeCall" not in xml
    assert b"clearConnection" not in xml
    assert (
        b"<callControlEvtsList><callCleared><callIDOnly>true</callIDOnly></callCleared><delivered/><held/>"
        in xml
    )
    assert why_not(xml) is None


def test_every_service_and_event_is_told_of() -> None:
    gate = gateway(Config(), Pbx(Clock()), Clock())
    xml = features(gate.dispatcher.services, gate.switch.kinds)
    assert why_not(xml) is None
    told_of = set(re.findall(rb"<(\w+)[/>]", xml))
    of_events = {kind for _cls, members in capability._EVENTS.values() for kind in members}
    assert of_events == set(SHAPES)
    of_services = {request for _cls, members in capability._SERVICES.values() for request in members}
    sessions = {
        cls.__name__ for cls in gate.applications.handlers()
    }  # ECMA-354's, which CSTA has no word for
    assert gate.dispatcher.services - of_services == sessions
    assert of_services - gate.dispatcher.services == {"SwitchingFunctionDevices", "SystemStatus"}
    assert {b"makeCall", b"callCleared", b"systemStatus", b"switchingFunctionDevices"} <= told_of


def test_no_segment_of_a_list_of_devices_is_too_long() -> None:
    category = max(DeviceCategory, key=lambda category: len(category.value))
    ids = ["2001", "é" * 30, "&" * 30, "x" * 250, "<>" * 40, "\U0001f4de" * 20]
    devices = [DeviceListDevice(device_id=one, device_category=category) for one in ids * 400]
    parts = list(_segments("9" * 12, iter(devices)))
    assert [device for part in parts for device in part.device_list] == devices
    assert [part.segment_id for part in parts] == list(range(1, len(parts) + 1))
    assert [part.last_segment for part in parts] == [False] * (len(parts) - 1) + [True]
    sizes = [len(csta.encode(part)) + PREFIX for part in parts]
    assert max(sizes) <= MAX_SENT
    assert min(sizes[:-1]) > MAX_SENT * 2 / 3


def test_a_list_without_members_is_left_out() -> None:
    xml = features(frozenset({"GetCSTAFeatures"}), frozenset())
    assert b"<supportedServices><capExchangeServList><getCSTAFeatures/></capExchangeServList></s" in xml
    assert why_not(xml) is None
