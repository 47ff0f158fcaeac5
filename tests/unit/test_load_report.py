"""What the benchmark suite prints and writes."""

from __future__ import annotations

from simulators.load import report
from simulators.load.judging import Mark, Measured, Row, Verdict
from simulators.load.scenarios import SCENARIOS

ROW = Row("call cycles", mark=Mark(0.4))


def test_a_row_has_its_figure_interval_mark_and_verdict() -> None:
    (line,) = report.lines(ROW, Measured((0.51, 0.5, 0.49)))
    assert line.split() == ["call", "cycles", "0.5", "0.49", "to", "0.51", ">=", "0.4", "met"]
    assert len(line) <= len(report.head())


def test_what_is_void_says_why_and_what_was_seen() -> None:
    line, why, notes = report.lines(
        ROW, Measured((0.5,), "a slow floor", notes={"gateway µs": 92.61, "a": "b"})
    )
    assert line.endswith("void")
    assert why == "    void: a slow floor"
    assert notes == "    gateway µs 92.6, a b"


def test_units_and_best_values_are_named() -> None:
    (line,) = report.lines(Row("p99", "ms", Mark(2, at_least=False)), Measured((3.0, 1200.4), best=True))
    assert line.startswith("p99, ms (best)")
    assert "3 to 1,200" in line
    assert "<= 2" in line


def test_a_row_without_values_is_void() -> None:
    line, *_ = report.lines(ROW, Measured(void="nothing"))
    assert line.split() == ["call", "cycles", ">=", "0.4", "void"]


def test_json_has_all_of_it() -> None:
    data = report.as_data(ROW, Measured((0.5, 0.6), notes={"n": 1}))
    assert data["verdict"] == Verdict.MET.value
    assert data["figure"] == 0.55
    assert data["values"] == [0.5, 0.6]
    assert data["mark"] == {"value": 0.4, "at_least": True}
    assert data["interval"]["low"] == 0.5
    assert data["notes"] == {"n": 1}


def test_no_two_scenarios_or_rows_have_one_name() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    rows = [row.name for scenario in SCENARIOS for row in scenario.rows]
    assert len(set(names)) == len(names)
    assert len(set(rows)) == len(rows)
