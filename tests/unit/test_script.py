from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from ctigw.switch.driver import AnyReport, Cause, Kind, Report
from simulators.exchange import OUTSIDE, UNREACHABLE
from simulators.pbx import Pbx
from simulators.script import Script, ScriptError

DEMO = Path(__file__).parents[2] / "etc" / "demo.toml"

ANSWERED = """
[[call]]
at = 5
caller = "2001"
called = "2002"
answer_after = 4
talk = 10
"""

Told = tuple[float, Kind, str]


class Stage:
    """A script played on a demo PBX, and what happened when."""

    def __init__(self, toml: str) -> None:
        self.clock = Clock()
        self.pbx = Pbx(self.clock)
        self.reports: list[tuple[float, Report]] = []
        self.pbx.listen(self.report)
        self.playing = Script.parse(toml).play(self.pbx, self.clock)

    def report(self, report: AnyReport) -> None:
        assert isinstance(report, Report)
        self.reports.append((self.clock.seconds(), report))

    def told(self, seconds: int) -> list[Told]:
        self.clock.pump([1] * seconds + [0])
        told = [(when, report.kind, report.device) for when, report in self.reports]
        self.reports.clear()
        return told


def ended(when: float) -> list[Told]:
    return [(when, Kind.CLEAR, "2001"), (when, Kind.CLEAR, "2002")]


def begun(when: float) -> list[Told]:
    kinds = {Kind.INITIATE: "2001", Kind.ORIGINATE: "2001", Kind.DELIVER: "2002"}
    return [(when, kind, device) for kind, device in kinds.items()]


def test_a_call_is_answered_and_ended() -> None:
    stage = Stage(ANSWERED)
    assert stage.told(100) == [*begun(5), (9, Kind.ESTABLISH, "2002"), *ended(19)]
    assert stage.pbx.idle
    assert stage.clock.getDelayedCalls() == []


def test_a_caller_that_is_no_line_rings_in() -> None:
    stage = Stage(ANSWERED.replace('"2001"', '"95550163"'))
    assert stage.told(100) == [
        (5, Kind.ORIGINATE, "95550163"),
        (5, Kind.DELIVER, "2002"),
        (9, Kind.ESTABLISH, "2002"),
        (19, Kind.CLEAR, "95550163"),
        (19, Kind.CLEAR, "2002"),
    ]
    assert stage.pbx.idle


def test_an_abandoned_call() -> None:
    stage = Stage(ANSWERED.replace("answer_after = 4", ""))
    assert stage.told(100) == begun(5) + ended(15)


def test_the_pbx_ends_a_call_that_nobody_answers_and_nobody_ends() -> None:
    stage = Stage(ANSWERED.replace("answer_after = 4", "").replace("talk = 10", ""))
    expected = [(35, Kind.FAIL, "2002"), (35, Kind.CLEAR, "2002"), (50, Kind.CLEAR, "2001")]
    assert stage.told(100) == begun(5) + expected


def test_the_day_repeats_until_it_is_stopped() -> None:
    stage = Stage(f"repeat_every = 60\n{ANSWERED}")
    assert [told for told in stage.told(185) if told[1] is Kind.INITIATE] == [
        (when, Kind.INITIATE, "2001") for when in (5, 65, 125, 185)
    ]
    stage.playing.stop()
    stage.playing.stop()
    assert stage.told(25) == []  # 2002 rings on: nobody is left to answer
    assert [told[1] for told in stage.told(300)] == [Kind.FAIL, Kind.CLEAR, Kind.CLEAR]
    assert stage.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        ("2013", "2001"),
        ("2001", "3000"),
        ("3000", "2001"),
        ("95550163", "3000"),
        ("95550163", "91"),
        ("9", "2001"),
        ("2001", "2007"),
        ("2001", "2011"),
        ("2003", "2010"),
    ],
)
def test_a_refused_step_is_skipped(caller: str, called: str) -> None:
    odd = f'[[call]]\nat = 1\ncaller = "{caller}"\ncalled = "{called}"\nanswer_after = 1\ntalk = 1\n'
    stage = Stage(odd + ANSWERED)
    assert stage.told(100)[-6:] == [*begun(5), (9, Kind.ESTABLISH, "2002"), *ended(19)]
    assert stage.pbx.idle


def test_ending_a_call_that_is_over_is_skipped() -> None:
    stage = Stage(ANSWERED.replace("talk = 10", "talk = 90").replace("answer_after = 4", ""))
    assert stage.told(200)[-1] == (50, Kind.CLEAR, "2001")
    assert stage.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("", "call"),
        ("[[call", "array declaration"),
        ("= 1", "line 1"),
        (ANSWERED + "wait = 3", "wait"),
        ("speed = 2\n" + ANSWERED, "speed"),
        ("repeat_every = 0\n" + ANSWERED, "repeat_every"),
        (ANSWERED.replace("at = 5", "at = -5"), r"call\[0\].at"),
        (ANSWERED.replace("at = 5", "at = nan"), r"call\[0\].at"),
        (ANSWERED.replace("at = 5", "at = inf"), r"call\[0\].at"),
        (ANSWERED.replace('"2001"', "2001"), "caller"),
        (ANSWERED.replace('"2001"', '""'), "caller"),
        (ANSWERED.replace("talk = 10", 'talk = "long"'), "talk"),
    ],
)
def test_a_script_that_cannot_be_played(toml: str, says: str) -> None:
    with pytest.raises(ScriptError, match=says) as error:
        Script.parse(toml, name="day.toml")
    assert str(error.value).startswith("day.toml: ")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "day.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptError, match=str(path)):
        Script.load(path)


# The demo's day


def test_the_demo_plays_among_its_own_lines() -> None:
    script = Script.load(DEMO)
    own = {str(number) for number in range(2014, 2021)}
    for call in script.calls:
        assert call.caller in own or (OUTSIDE.fullmatch(call.caller) and call.called in own)
        assert call.called in own or OUTSIDE.fullmatch(call.called)
    starts = [call.at for call in script.calls]
    assert starts == sorted(starts)
    assert script.repeat_every is not None
    gaps = [later - sooner for sooner, later in zip(starts, [*starts[1:], script.repeat_every], strict=True)]
    assert all(20 <= gap <= 60 for gap in gaps)


def test_the_demo_has_every_kind_of_call_and_leaves_nothing() -> None:
    stage = Stage(DEMO.read_text())
    stage.told(0)
    stage.clock.pump([0.5] * 1198)  # to just before the next round
    reports = [report for _, report in stage.reports]
    callers = [report.device for report in reports if report.kind is Kind.ORIGINATE]
    assert any(OUTSIDE.fullmatch(caller) for caller in callers)
    assert len(callers) == len(Script.load(DEMO).calls)  # no call was refused
    causes = {(report.kind, report.cause) for report in reports}
    assert {
        (Kind.ESTABLISH, Cause.NORMAL),
        (Kind.FAIL, Cause.CALL_NOT_ANSWERED),
        (Kind.CLEAR, Cause.CALL_CANCELLED),
        (Kind.REACH_NETWORK, Cause.NEW_CALL),
    } <= causes
    failed = {report.device for report in reports if report.kind is Kind.FAIL}
    assert failed == {"2018", UNREACHABLE}
    assert stage.pbx.idle
