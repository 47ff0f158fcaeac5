from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta.types import csta
from ctigw.csta.validation import validator
from ctigw.services.capability import features
from ctigw.switch.driver import Driver, Kind, Line, Report

why_not = validator()


class AnswersOnly(Driver):
    """A PBX that can do one thing, and reports little."""

    def listen(self, report: Callable[[Report], None]) -> None:
        pass

    def lines(self) -> Mapping[str, Line]:
        return {}

    def kinds(self) -> frozenset[Kind]:
        return frozenset({Kind.DELIVER, Kind.HOLD})

    async def answer(self, call: str, device: str) -> None:
        pass


def test_what_is_told_is_what_is_served() -> None:
    served = gateway(Config(), AnswersOnly(), Clock()).dispatcher.services
    assert "AnswerCall" in served
    assert not served & {"MakeCall", "ClearConnection"}
    xml = csta.encode(features(served, AnswersOnly().kinds()))
    assert b"<callControlServList><answerCall><deviceIDOnly>true" in xml
    assert b"makeCall" not in xml
    assert b"clearConnection" not in xml
    assert (
        b"<callControlEvtsList><delivered/></callControlEvtsList>" in xml
    )  # there is no event of holding yet
    assert why_not(xml) is None


def test_a_list_without_members_is_left_out() -> None:
    xml = csta.encode(features(frozenset({"GetCSTAFeatures"}), frozenset()))
    assert b"<supportedServices><capExchangeServList><getCSTAFeatures/></capExchangeServList></s" in xml
    assert why_not(xml) is None
