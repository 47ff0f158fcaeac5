"""Patterns of line numbers: ``2001``, ``20*``, ``2001-2005``, ``*``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_PATTERN = re.compile(r"([0-9A-D#+]{0,64})\*|([0-9A-D#+]{1,64})|([0-9]{1,18})-([0-9]{1,18})")


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A function that says whether one of ``patterns`` fits a number.

    A range has numbers of one length: ``2001-2005`` does not fit ``02003``.  Raises `ValueError` for what is
    no pattern.
    """
    exact: set[str] = set()
    prefixes: list[str] = []
    ranges: list[tuple[str, str]] = []
    for pattern in patterns:
        found = _PATTERN.fullmatch(pattern)
        if found is None:
            raise ValueError(f"{pattern!r} is no pattern: 2001, 20*, 2001-2005 and * are")
        prefix, number, first, last = found.groups()
        if number is not None:
            exact.add(number)
        elif prefix is not None:
            prefixes.append(prefix)
        elif len(first) == len(last) and first <= last:
            ranges.append((first, last))
        else:
            raise ValueError(f"{pattern!r} is no range: its ends need as many digits, the lower one first")
    beginnings, exactly = tuple(prefixes), frozenset(exact)

    def fits(number: str) -> bool:
        return (
            number in exactly
            or number.startswith(beginnings)
            or any(len(number) == len(first) and first <= number <= last for first, last in ranges)
        )

    return fits
