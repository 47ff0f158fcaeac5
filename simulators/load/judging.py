"""From paired measurements to a verdict: the median of ratios, its confidence interval, and the mark."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb
from statistics import median
from typing import NamedTuple

# How sure an interval is to hold the true median; of fewer than five values none is as sure.
CONFIDENCE = 0.9


class Verdict(enum.Enum):
    """What is to be said of a row; ``open``: the interval holds the mark."""

    MET = "met"
    MISSED = "missed"
    OPEN = "open"
    VOID = "void"
    REPORTED = "-"


class Interval(NamedTuple):
    """From ``low`` to ``high``; ``confidence``: the probability that the true median lies within."""

    low: float
    high: float
    confidence: float


class Mark(NamedTuple):
    """What is to be reached: at least, or at most, ``value``."""

    value: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:.4g}"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure that a scenario gives: what it is, in what unit, and what it should be."""

    name: str
    unit: str = "ratio"
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for a row: ``values``, one for each round.

    ``void``: why it is worth nothing.  ``best``: the best value counts, not the median.
    ``judged``: the verdict, where it hangs on more than the mark.
    ``notes``: what else was seen, by name; numbers in the unit that the name ends in.
    """

    values: tuple[float, ...] = ()
    void: str = ""
    best: bool = False
    notes: dict[str, float | str] = field(default_factory=dict)
    judged: Verdict | None = None


def interval(values: Sequence[float]) -> Interval:
    """The narrowest interval between two of ``values`` that holds the median with `CONFIDENCE`.

    By order statistics, which assume nothing of the distribution; the whole range where that is not enough.
    """
    ordered, count = sorted(values), len(values)
    cut = 0
    while cut + 1 < count / 2 and _confidence(count, cut + 1) >= CONFIDENCE:
        cut += 1
    return Interval(ordered[cut], ordered[count - 1 - cut], _confidence(count, cut))


def _confidence(count: int, cut: int) -> float:
    """That the median lies between the values that are left when ``cut`` go at each end."""
    return 1 - sum(comb(count, below) for below in range(cut + 1)) / float(1 << (count - 1))


def figure(row: Row, measured: Measured) -> float | None:
    """The one value that stands for all; None where there is none."""
    if not measured.values:
        return None
    if measured.best:
        at_least = row.mark is not None and row.mark.at_least
        return max(measured.values) if at_least else min(measured.values)
    return median(measured.values)


def verdict(row: Row, measured: Measured) -> Verdict:
    """What is to be said of ``measured``."""
    if measured.void or not measured.values:
        return Verdict.VOID
    if measured.judged:
        return measured.judged
    if row.mark is None:
        return Verdict.REPORTED
    low, high, _ = interval(measured.values)
    if measured.best:
        low = high = figure(row, measured) or 0.0
    if low < row.mark.value < high:
        return Verdict.OPEN
    good = low >= row.mark.value if row.mark.at_least else high <= row.mark.value
    return Verdict.MET if good else Verdict.MISSED
