"""The simulated PBX as the configuration has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.switch.driver import Forwarding, ForwardRule, LineFeatures
from simulators.driver import SimulatedPbx, driver


class Kept:
    """A memory that outlives the PBX."""

    def __init__(self) -> None:
        self.features: dict[str, Mapping[str, Any]] = {}

    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        return self.features

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        self.features[line] = features


def pbx(settings: Mapping[str, Any], clock: Clock | None = None, memory: Kept | None = None) -> SimulatedPbx:
    made = driver(settings, clock or Clock(), memory or Kept())
    assert isinstance(made, SimulatedPbx)
    return made


def test_without_settings_it_is_the_demos() -> None:
    assert list(pbx({}).lines()) == [str(number) for number in range(2001, 2021)] + ["9"]


def test_lines_and_times_of_ones_own() -> None:
    made = pbx(
        {
            "lines": [
                {"number": "1", "behaviour": "busy"},
                {"number": "2", "do_not_disturb": True, "forwarding": {"forwardBusy": "1"}},
            ],
            "limits": {"tone": 3},
        }
    )
    assert list(made.lines()) == ["1", "2", "9"]
    assert made.line_features("2") == LineFeatures(True, (ForwardRule(Forwarding.BUSY, "1"),))
    assert made._limits.tone == 3


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"line": []}, "unknown field `line`"),
        ({"lines": [{"number": "1", "mood": "good"}]}, r"unknown field `mood` - at `\$.lines\[0\]`"),
        ({"lines": [{"number": "1", "behaviour": "good"}]}, "line 1: no behaviour is called 'good'"),
        ({"lines": [{"number": "1"}, {"number": "1"}]}, "line 1 is listed twice"),
        ({"lines": [{"number": "1", "forwarding": {"forwardBusy": "1"}}]}, "line 1: forwards to itself"),
        ({"control": "/nowhere/sim.sock"}, "control: /nowhere/sim.sock: there is no such folder"),
        ({"limits": {"appearances": 0}}, r"Expected `int` >= 1 - at `\$.limits.appearances`"),
        ({"limits": {"tone": -1}}, r"Expected `float` >= 0.0 - at `\$.limits.tone`"),
        ({"script": "/no/such.toml"}, "script: /no/such.toml: No such file or directory"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings: Mapping[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        pbx(settings)


def test_features_outlive_it() -> None:
    memory = Kept()
    rule = ForwardRule(Forwarding.NO_ANSWER, "2003", rings=4)
    first = pbx({}, memory=memory)
    Deferred.fromCoroutine(first.set_do_not_disturb("2001", on=True))
    Deferred.fromCoroutine(first.set_forwarding("2002", rule))
    second = pbx({}, memory=memory)
    for line in ("2001", "2002"):
        assert second.line_features(line) == first.line_features(line)
    assert second.line_features("2001").do_not_disturb
    assert second.line_features("2002") == LineFeatures(forwarding=(rule,))


def test_features_that_cannot_be_read_are_set_anew() -> None:
    memory = Kept()
    memory.features = {"2009": {"do_not_disturb": "perhaps"}, "2001": {"do_not_disturb": True}}
    made = pbx({}, memory=memory)
    assert made.line_features("2009").do_not_disturb  # as the demo has it
    assert made.line_features("2001").do_not_disturb


def test_the_script_is_played_from_start_to_stop(tmp_path: Path) -> None:
    script = tmp_path / "day.toml"
    script.write_text('repeat_every = 10\n[[call]]\nat = 1\ncaller = "2001"\ncalled = "2002"\ntalk = 2\n')
    clock = Clock()
    made = pbx({"script": str(script)}, clock)
    clock.advance(5)
    assert made.idle  # not yet
    made.start()
    clock.advance(1)
    assert made.live_calls == 1
    clock.advance(2)
    assert made.live_calls == 0
    made.stop()
    clock.advance(60)
    assert made.idle
    assert clock.getDelayedCalls() == []


def test_the_demos_day_is_found() -> None:
    clock = Clock()
    made = pbx({"script": "demo"}, clock)
    made.start()
    clock.advance(5)
    assert made.live_calls == 1
    made.stop()


def test_without_local_sockets_there_is_no_control() -> None:
    with pytest.raises(ValueError, match="control: there are no local sockets here"):
        pbx({"control": "sim.sock"}).start()


def test_stopping_what_has_not_started_is_fine() -> None:
    pbx({}).stop()
