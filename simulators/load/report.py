"""What the suite says: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulators.load.judging import Measured, Row, figure, interval, verdict

WIDTHS = (48, 10, 20, 12, 10)
HEADS = ("", "median", "interval", "mark", "verdict")


def head() -> str:
    """The first line of the table."""
    return _line(HEADS)


def lines(row: Row, measured: Measured) -> Iterator[str]:
    """The row, and below it what else was seen."""
    middle = figure(row, measured)
    between = ""
    if measured.values:
        low, high, _ = interval(measured.values)
        between = f"{_short(low)} to {_short(high)}"
    unit = "" if row.unit == "ratio" else f", {row.unit}"
    name = f"{row.name}{unit}" + (" (best)" if measured.best else "")
    yield _line(
        (
            name,
            "" if middle is None else _short(middle),
            between,
            str(row.mark or ""),
            verdict(row, measured).value,
        )
    )
    if measured.void:
        yield f"    void: {measured.void}"
    if measured.notes:
        yield "    " + ", ".join(f"{name} {_note(value)}" for name, value in measured.notes.items())


def as_data(row: Row, measured: Measured) -> Mapping[str, Any]:
    """The row for JSON."""
    data: dict[str, Any] = {
        "name": row.name,
        "unit": row.unit,
        "verdict": verdict(row, measured).value,
        "figure": figure(row, measured),
        "values": list(measured.values),
        "best": measured.best,
        "void": measured.void,
        "notes": measured.notes,
    }
    if measured.values:
        data["interval"] = interval(measured.values)._asdict()
    if row.mark is not None:
        data["mark"] = row.mark._asdict()
    return data


def _line(cells: tuple[str, ...]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    return "".join((cells[0].ljust(len(first)), *others)).rstrip()


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits are enough


def _note(value: float | str) -> str:
    return value if isinstance(value, str) else _short(value)
