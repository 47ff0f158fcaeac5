"""The phones as a source of presence."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import structlog
from lxml import etree

from ctigw.bridge import marking, settings
from ctigw.bridge.phones import Phone
from ctigw.bridge.settings import NOTHING_SET, Setting
from ctigw.bridge.source import Bridge, line_document
from ctigw.errors import Reason, Refused
from ctigw.net.background import spawn
from ctigw.switch.driver import (
    Cause,
    Forwarded,
    Forwarding,
    ForwardRule,
    Kind,
    Line,
    LineFeatures,
    Report,
    Service,
)
from ctigw.switch.events import LinkChanged
from tests.phones import Phones

XSD = Path(__file__).parents[3] / "shared" / "reference" / "sip" / "xsd" / "presence-all.xsd"
ON_THE_PHONE = "<r:on-the-phone/>"
RINGING = "<ce:alerting/>"
OWNERS = {f"20{n:02}": f"u{n}@example.com" for n in range(1, 6)} | {"2010": "u10@example.com"}


class Source(Phones):
    """What the bridge contributes: for each owner and line the last document, and how often it told any."""

    def __init__(self, owners: dict[str, str] | None = None) -> None:
        super().__init__()
        self.owners = dict(OWNERS) if owners is None else owners
        self.contributed: list[tuple[str, str, bytes | None]] = []
        self.now: dict[tuple[str, str], bytes] = {}
        self.spawned = 0
        self.bridge = Bridge(
            self.switch, self.owner, self.contribute, self.put_off.append, "pbx.example.com", spawn=self.spawn
        )
        self.switch.observe(self.bridge.observers())
        self.asked: list[str] = []

    def owner(self, line: str) -> str | None:
        return self.owners.get(line)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.spawned += 1
        spawn(work)

    def contribute(self, owner: str, line: str, document: bytes | None) -> None:
        self.contributed.append((owner, line, document))
        if document is None:
            del self.now[owner, line]
        else:
            self.now[owner, line] = document

    def told(self) -> list[str]:
        """The lines that were told something since the last look, in a later turn."""
        self.turns()
        lines = [line for _, line, _ in self.contributed]
        self.contributed.clear()
        return lines

    def document(self, line: str) -> str:
        self.turns()
        return self.now[self.owners[line], line].decode()

    def activities(self, line: str) -> str:
        _, found, rest = self.document(line).partition("<r:activities>")
        return rest.partition("</r:activities>")[0] if found else ""


@pytest.fixture
def source() -> Source:
    source = Source()
    source.told()
    return source


def document(does: Phone, setting: Setting = NOTHING_SET, line: str = "2001") -> str:
    return line_document("alice@example.com", line, "pbx.example.com", does, setting).decode()


# Documents


@pytest.mark.parametrize("does", [does for does in Phone if does is not Phone.UNKNOWN])
@pytest.mark.parametrize("setting", [NOTHING_SET, Setting(True, "2005"), Setting(forwarded='<&">\x01')])
@pytest.mark.parametrize("line", ["2001", "+49*#_", "a b", "Ж"])
@pytest.mark.parametrize("owner", ["alice@example.com", "o'<&>\"%@example.com"])
def test_every_document_is_valid(does: Phone, setting: Setting, line: str, owner: str) -> None:
    if not XSD.exists():
        pytest.skip("the schemas are not at hand")
    etree.XMLSchema(file=str(XSD)).assertValid(
        etree.fromstring(line_document(owner, line, "pbx.example.com", does, setting))
    )


def test_an_idle_phone_contributes_its_open_tuple_and_no_activity() -> None:
    assert document(Phone.IDLE).partition('entity="')[2] == (
        'sip:alice@example.com"><tuple id="cmp-2001"><status><basic>open</basic></status>'
        "<so:source>phone</so:source><sc:servcaps><sc:audio>true</sc:audio></sc:servcaps>"
        '<contact priority="0.8">sip:2001@pbx.example.com</contact></tuple></presence>'
    )


@pytest.mark.parametrize(
    ("does", "activities"),
    [
        (Phone.RINGING, RINGING),
        (Phone.ON_THE_PHONE, ON_THE_PHONE),
        (Phone.ON_HOLD, ON_THE_PHONE),
    ],
)
def test_what_the_person_does_is_an_activity(does: Phone, activities: str) -> None:
    assert f"<r:activities>{activities}</r:activities>" in document(does)


def test_a_phone_of_which_nothing_is_known_says_nothing_of_the_person() -> None:
    assert "activities" not in document(Phone.UNKNOWN)


@pytest.mark.parametrize("does", [Phone.IDLE, Phone.RINGING, Phone.ON_THE_PHONE, Phone.OUT_OF_SERVICE])
def test_do_not_disturb_is_one_more_activity(does: Phone) -> None:
    assert "<ce:dnd/></r:activities>" in document(does, Setting(True))


def test_a_phone_out_of_service_is_closed_and_an_unknown_one_neither_open_nor_closed() -> None:
    assert "<status><basic>closed</basic></status>" in document(Phone.OUT_OF_SERVICE)
    assert "<status></status>" in document(Phone.UNKNOWN)


def test_the_document_of_an_unknown_phone_is_valid() -> None:
    test_every_document_is_valid(Phone.UNKNOWN, NOTHING_SET, "2001", "alice@example.com")


def test_holding_and_forwarding_are_notes() -> None:
    shown = document(Phone.ON_HOLD, Setting(forwarded="2005"))
    assert "<note>on hold</note><note>forwarded to 2005</note></tuple>" in shown


def test_lines_of_different_numbers_have_tuples_of_different_ids() -> None:
    lines = ["+1", "_1", "1", "_2B_1", "1_2B_", "#1", "*1"]
    ids = {document(Phone.IDLE, line=line).partition('<tuple id="')[2].partition('"')[0] for line in lines}
    assert len(ids) == len(lines)


# Lines and calls


def test_every_line_with_an_owner_is_told_at_the_start_in_their_order() -> None:
    source = Source()
    assert source.contributed == []
    assert source.told() == sorted(OWNERS)
    assert source.activities("2001") == ""


def test_what_is_set_already_is_told_at_the_start() -> None:
    source = Source({"2009": "a@b", "2010": "c@d"})
    assert source.pbx.line_features("2010").forwarding
    source.turns()
    assert "<note>forwarded to 2001</note>" in source.document("2010")


def test_a_call_shows_at_both_ends(source: Source) -> None:
    call = source.ring("2001", "2002")
    assert (source.activities("2001"), source.activities("2002")) == (ON_THE_PHONE, RINGING)
    source.do(source.pbx.answer(call, "2002"))
    assert (source.activities("2001"), source.activities("2002")) == (ON_THE_PHONE, ON_THE_PHONE)
    source.do(source.pbx.hold(call, "2001"))
    assert (source.activities("2001"), source.activities("2002")) == (ON_THE_PHONE, ON_THE_PHONE)
    assert "on hold" in source.document("2001")
    assert "on hold" not in source.document("2002")
    source.do(source.pbx.clear(call, "2001"))
    assert (source.activities("2001"), source.activities("2002")) == ("", "")


def test_a_burst_of_events_is_one_later_turn(source: Source) -> None:
    call = source.talk("2001", "2002")
    source.do(source.pbx.hold(call, "2001"))
    assert source.turns() == 1
    assert source.told() == ["2001", "2002"]


def test_what_is_over_before_anybody_looks_is_not_told(source: Source) -> None:
    source.do(source.pbx.clear(source.talk("2001", "2002"), "2001"))
    assert source.told() == []


def test_nothing_is_told_twice(source: Source) -> None:
    call = source.talk("2001", "2002")
    assert source.told() == ["2001", "2002"]
    source.do(source.pbx.generate_digits(call, "2001", "123"))
    source.do(source.pbx.hold(call, "2002"))
    assert source.told() == ["2002"]


def test_calls_of_lines_that_nobody_owns_put_nothing_off(source: Source) -> None:
    source.talk("2006", "2015")
    source.do(source.pbx.set_do_not_disturb("2006", on=True))
    assert source.put_off == []


def test_who_has_two_calls_does_the_more_urgent_thing(source: Source) -> None:
    first = source.talk("2001", "2002")
    source.do(source.pbx.hold(first, "2001"))
    source.ring("2003", "2001")
    assert "on hold" in source.document("2001")
    source.ring("2004", "2005")
    assert source.activities("2005") == RINGING


def test_a_call_that_fails_at_a_line_is_nothing_that_its_phone_does() -> None:
    source = Source({"2001": "a@b", "2002": "c@d"})
    source.do(source.pbx.set_do_not_disturb("2002", on=True))
    source.ring("2001", "2002")
    source.turns()
    call = next(iter(source.switch.picture.calls.values()))
    assert call.states()["2002"].value == "fail"
    assert source.activities("2001") == ON_THE_PHONE
    assert source.activities("2002") == "<ce:dnd/>"


def test_who_listens_to_a_tone_alone_is_on_the_phone(source: Source) -> None:
    source.switch.apply(Report(Kind.DELIVER, "x", "2002", Cause.NEW_CALL))
    source.switch.apply(Report(Kind.FAIL, "x", "2002", Cause.BUSY))
    assert source.activities("2002") == ON_THE_PHONE


def test_a_caller_whose_call_fails_while_it_rings_elsewhere_is_on_the_phone(source: Source) -> None:
    source.switch.apply(Report(Kind.ORIGINATE, "x", "2001", Cause.NEW_CALL, called="2002"))
    source.switch.apply(Report(Kind.DELIVER, "x", "2002", Cause.NEW_CALL))
    source.switch.apply(Report(Kind.FAIL, "x", "2001", Cause.BUSY))
    assert source.activities("2001") == ON_THE_PHONE


def test_a_transfer_shows_at_all_three(source: Source) -> None:
    first = source.talk("2001", "2002")
    second = source.do(source.pbx.consult(first, "2001", "2003"))
    source.turns()
    source.do(source.pbx.transfer(first, second, "2001"))
    shown = [source.activities(line) for line in ("2001", "2002", "2003")]
    assert shown == ["", ON_THE_PHONE, RINGING]


# Settings


def test_do_not_disturb_comes_and_goes(source: Source) -> None:
    source.do(source.pbx.set_do_not_disturb("2001", on=True))
    assert source.activities("2001") == "<ce:dnd/>"
    source.do(source.pbx.set_do_not_disturb("2001", on=False))
    assert source.activities("2001") == ""
    assert source.bridge._settings._set == {"2010": Setting(forwarded="2001")}


def test_forwarding_shows_where_to_if_it_takes_every_call_at_once(source: Source) -> None:
    source.do(source.pbx.set_forwarding("2001", ForwardRule(Forwarding.IMMEDIATE, "2005")))
    assert "<note>forwarded to 2005</note>" in source.document("2001")
    source.do(source.pbx.set_forwarding("2001", ForwardRule(Forwarding.IMMEDIATE, "2005", active=False)))
    assert "forwarded" not in source.document("2001")
    source.told()
    source.do(source.pbx.set_forwarding("2001", ForwardRule(Forwarding.BUSY, "2005")))
    source.do(source.pbx.set_forwarding("2001", ForwardRule(Forwarding.IMMEDIATE_EXTERNAL, "2005")))
    assert source.told() == []


def test_out_of_service_is_told(source: Source) -> None:
    source.switch.apply(Service("2001", in_service=False))
    source.switch.apply(Service("2006", in_service=False))
    assert "<basic>closed</basic>" in source.document("2001")
    source.switch.apply(Service("2001", in_service=True))
    assert "<basic>open</basic>" in source.document("2001")


class Slow:
    """Answers of a PBX that come when the test says so."""

    def __init__(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: list[tuple[str, Coroutine[Any, Any, None]]] = []
        self.answers: dict[str, LineFeatures | Exception] = {}
        source.bridge._settings._spawn = lambda work: self.waiting.append(("", work))
        monkeypatch.setattr(source.switch, "features", self.features)

    async def features(self, line: Line) -> LineFeatures:
        answer = self.answers.get(line.number, LineFeatures())
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer(self) -> None:
        _, work = self.waiting.pop(0)
        spawn(work)


@pytest.fixture
def slow(source: Source, monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(source, monkeypatch)


def test_a_pbx_is_asked_for_few_lines_at_a_time(
    source: Source, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ASKED_AT_ONCE", 2)
    slow.answers = dict.fromkeys(OWNERS, LineFeatures(do_not_disturb=True))
    for line in OWNERS:
        source.bridge._settings.ask(line)
    source.turns()
    for _ in OWNERS:
        assert 1 <= len(slow.waiting) <= 2
        slow.answer()
        source.turns()
    assert slow.waiting == []
    assert source.activities("2010") == "<ce:dnd/>"


def test_a_line_that_nobody_owns_any_more_does_not_keep_others_from_being_asked_for(
    source: Source, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "ASKED_AT_ONCE", 1)
    for line in ("2001", "2002", "2003"):
        source.bridge._settings.ask(line)
    source.turns()
    del source.owners["2001"], source.owners["2002"]
    source.bridge.owners_changed(["2001", "2002"])
    slow.answers["2001"] = slow.answers["2003"] = LineFeatures(do_not_disturb=True)
    slow.answer()
    source.turns()
    slow.answer()
    assert source.activities("2003") == "<ce:dnd/>"
    assert ("u1@example.com", "2001") not in source.now
    assert "2001" not in source.bridge._settings._set


def test_an_answer_that_a_report_overtook_does_not_count(source: Source, slow: Slow) -> None:
    source.bridge._settings.ask("2001")
    source.turns()
    source.do(source.pbx.set_do_not_disturb("2001", on=True))
    slow.answer()  # from before it was set
    assert source.activities("2001") == "<ce:dnd/>"
    slow.answers["2001"] = LineFeatures(do_not_disturb=True)
    slow.answer()  # it was asked again
    assert source.activities("2001") == "<ce:dnd/>"
    assert (slow.waiting, source.bridge._settings._asked) == ([], {})


def test_a_pbx_that_does_not_say_what_is_set_is_no_trouble(source: Source, slow: Slow) -> None:
    slow.answers["2010"] = Refused(Reason.RESOURCE_BUSY)
    source.bridge._settings.ask("2010")
    source.turns()
    with structlog.testing.capture_logs() as logged:
        slow.answer()
    assert [entry["log_level"] for entry in logged] == ["warning"]
    assert "forwarded to 2001" in source.document("2010")


def test_a_pbx_that_cannot_be_asked_is_not(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source.switch, "offered", frozenset())
    source.bridge._settings.ask("2001")
    assert source.put_off == []


def test_a_forwarding_that_is_reported_for_a_line_that_nobody_owns_is_not_kept(source: Source) -> None:
    source.switch.apply(Forwarded("2006", ForwardRule(Forwarding.IMMEDIATE, "2005")))
    assert "2006" not in source.bridge._settings._set


# The link


def test_while_the_pbx_cannot_be_reached_every_phone_is_unknown(source: Source) -> None:
    source.talk("2001", "2002")
    source.told()
    source.lose_link(10)
    assert source.told() == sorted(OWNERS)
    assert {source.activities(line) for line in OWNERS} == {""}
    assert "forwarded" not in source.document("2010")


def test_when_the_link_is_back_the_phones_are_as_they_are_then(source: Source) -> None:
    source.lose_link(10)
    source.told()
    source.pbx.ring("2003", "2004")
    source.pass_time(10)
    assert source.told() == sorted(OWNERS)
    shown = {line: source.activities(line) for line in ("2001", "2003", "2004")}
    assert shown == {"2001": "", "2003": ON_THE_PHONE, "2004": RINGING}


def test_what_was_set_while_the_link_was_down_is_known_afterwards(source: Source) -> None:
    source.lose_link(10)
    source.pbx._features["2001"] = LineFeatures(do_not_disturb=True)
    del source.pbx._features["2010"]
    source.pass_time(10)
    assert source.activities("2001") == "<ce:dnd/>"
    assert "forwarded" not in source.document("2010")


def test_a_link_that_comes_and_goes_does_not_pile_up_questions(source: Source, slow: Slow) -> None:
    for _ in range(5):
        source.bridge.observers()[LinkChanged](LinkChanged(up=True))
    assert len(source.bridge._settings._waiting) == len(OWNERS)
    source.turns()
    while slow.waiting:
        slow.answer()
        source.turns()
    assert source.bridge._settings._asked == {}


def test_a_pbx_that_is_not_there_at_the_start_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctigw.switch.switch.Switch.linked", property(lambda _self: False))
    source = Source()
    assert source.activities("2001") == ""
    assert source.spawned == 0


# Owners


def test_a_line_that_is_given_away_leaves_one_and_comes_to_the_other(source: Source) -> None:
    source.do(source.pbx.set_do_not_disturb("2001", on=True))
    source.turns()
    source.contributed.clear()
    source.owners["2001"] = "new@example.com"
    source.bridge.owners_changed(["2001", "2002"])
    source.turns()
    assert source.contributed[0] == ("u1@example.com", "2001", None)
    assert [entry[:2] for entry in source.contributed[1:]] == [("new@example.com", "2001")]
    assert source.activities("2001") == "<ce:dnd/>"


def test_a_line_that_nobody_owns_any_more_contributes_nothing(source: Source) -> None:
    del source.owners["2001"]
    source.bridge.owners_changed(["2001"])
    source.turns()
    assert source.contributed == [("u1@example.com", "2001", None)]
    source.talk("2001", "2006")
    assert source.put_off == []


def test_a_line_that_gets_an_owner_is_asked_for(source: Source) -> None:
    source.do(source.pbx.set_do_not_disturb("2006", on=True))
    source.owners["2006"] = "x@y"
    source.bridge.owners_changed(["2006"])
    assert source.activities("2006") == "<ce:dnd/>"


def test_lines_that_the_pbx_does_not_have_contribute_nothing() -> None:
    source = Source({"9999": "a@b", "2001": "c@d"})
    assert source.told() == ["2001"]
    source.bridge.owners_changed(["9999"])
    assert source.told() == []


# Turns


def test_many_lines_are_many_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marking, "AT_ONCE", 2)
    source = Source(dict.fromkeys(("2001", "2002", "2003", "2004", "2005"), "a@b"))
    source.put_off.pop(0)()
    source.turns()
    assert [line for _, line, _ in source.contributed] == ["2001", "2002", "2003", "2004", "2005"]


def test_one_who_fails_to_be_told_keeps_no_other_from_it() -> None:
    source = Source()
    contribute: Callable[..., None] = source.contribute

    def broken(owner: str, line: str, document: bytes | None) -> None:
        if line == "2001":
            raise RuntimeError
        contribute(owner, line, document)

    source.bridge._contribute = broken
    with structlog.testing.capture_logs() as logged:
        assert source.told() == sorted(OWNERS)[1:]
    assert [entry["log_level"] for entry in logged] == ["error"]


def test_after_closing_nothing_is_told(source: Source) -> None:
    source.ring("2001", "2002")
    source.bridge.close()
    source.lose_link(1)
    source.pass_time(1)
    source.bridge.owners_changed(["2001"])
    assert source.told() == []
