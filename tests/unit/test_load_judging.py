"""Medians, intervals and verdicts of the benchmark suite."""

from __future__ import annotations

import pytest

from simulators.load.judging import Mark, Measured, Row, Verdict, figure, interval, verdict


def test_of_few_values_the_interval_is_the_whole_range() -> None:
    assert interval([3.0, 1.0, 2.0]) == (1.0, 3.0, 0.75)
    assert interval([1.0, 2.0, 3.0, 4.0, 5.0]) == (1.0, 5.0, 0.9375)


def test_of_many_values_the_ends_are_cut_off() -> None:
    low, high, confidence = interval([float(value) for value in range(1, 10)])
    assert (low, high) == (2.0, 8.0)
    assert confidence == pytest.approx(1 - 2 * (1 + 9) / 2**9)


def test_one_value_is_its_own_interval() -> None:
    assert interval([7.0])[:2] == (7.0, 7.0)


@pytest.mark.parametrize(
    ("values", "mark", "expected"),
    [
        ((0.41, 0.42, 0.45), Mark(0.4), Verdict.MET),
        ((0.40, 0.42, 0.45), Mark(0.4), Verdict.MET),
        ((0.39, 0.42, 0.45), Mark(0.4), Verdict.OPEN),
        ((0.30, 0.32, 0.35), Mark(0.4), Verdict.MISSED),
        ((1.1, 1.2, 1.3), Mark(1.5, at_least=False), Verdict.MET),
        ((1.1, 1.2, 1.6), Mark(1.5, at_least=False), Verdict.OPEN),
        ((1.6, 1.7, 1.8), Mark(1.5, at_least=False), Verdict.MISSED),
        ((1.6, 1.7), None, Verdict.REPORTED),
        ((), Mark(1), Verdict.VOID),
    ],
)
def test_the_interval_decides(values: tuple[float, ...], mark: Mark | None, expected: Verdict) -> None:
    assert verdict(Row("a row", mark=mark), Measured(values)) is expected


def test_what_is_void_is_neither_met_nor_missed() -> None:
    row = Row("a row", mark=Mark(0.4))
    assert verdict(row, Measured((0.9,), void="the client was too slow")) is Verdict.VOID


def test_where_the_best_counts_the_others_do_not() -> None:
    row = Row("p99", mark=Mark(2, at_least=False))
    measured = Measured((1.5, 9.0, 3.0), best=True)
    assert figure(row, measured) == 1.5
    assert verdict(row, measured) is Verdict.MET
    assert verdict(row, Measured((2.5, 9.0), best=True)) is Verdict.MISSED


def test_the_median_stands_for_all() -> None:
    assert figure(Row("a row"), Measured((1.0, 9.0, 2.0))) == 2.0
    assert figure(Row("a row"), Measured()) is None
