"""Text for people, of what others wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def printable(text: str) -> str:
    """What clients wrote must not steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


def one_line(text: str) -> str:
    """The same of what may have several lines."""
    return printable(" ".join(text.splitlines()))


def columns(rows: Iterable[Sequence[str | None]]) -> list[str]:
    """Columns as wide as they need; an empty cell is a dash, so that columns can be told by programs."""
    cells = [[printable(cell or "") or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
