"""Patterns of lines: ``2001``, ``20*`` (begins with), ``2001-2005`` (as long as these), ``*`` (all)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable

# Enough to name every line of a large site; a bound for what one login may cost.
MOST = 100_000
_LINE = re.compile(r"[0-9A-Za-z+#._]{1,64}")
_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class PatternError(ValueError):
    """What is written is no pattern; the text says what would be one."""


_Ranges = tuple[list[int], list[int]]  # the lows in order, and the high of each


def check(pattern: str) -> str:
    """``pattern`` as it is kept.  Raises `PatternError`."""
    pattern = pattern.strip()
    if found := _RANGE.fullmatch(pattern):
        low, high = found.groups()
        if len(low) != len(high) or low > high:
            raise PatternError(f"{pattern}: a range goes up, between numbers of one length")
    elif pattern != "*" and not _LINE.fullmatch(pattern.removesuffix("*")):
        raise PatternError(f"{pattern[:100]!r} is not a pattern such as 2001, 20*, 2001-2005 or *")
    return pattern


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a number matches one of ``patterns``.  Raises `PatternError`.

    Its cost does not grow with the number of exact numbers and prefixes, and hardly with that of ranges.
    """
    exact: set[str] = set()
    prefixes: set[str] = set()
    ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for count, written in enumerate(patterns):
        if count >= MOST:
            raise PatternError(f"more than {MOST} patterns")
        pattern = check(written)
        if pattern.endswith("*"):
            prefixes.add(pattern[:-1])
        elif found := _RANGE.fullmatch(pattern):
            ranges[len(found[1])].append((int(found[1]), int(found[2])))
        else:
            exact.add(pattern)
    merged = {length: _merged(members) for length, members in ranges.items()}
    lengths = sorted({len(prefix) for prefix in prefixes})

    def matches(number: str) -> bool:
        return (
            number in exact
            or any(number[:length] in prefixes for length in lengths)
            or (len(number) in merged and _within(number, merged[len(number)]))
        )

    return matches


def _merged(ranges: list[tuple[int, int]]) -> _Ranges:
    """``ranges`` in order, those that overlap as one."""
    lows: list[int] = []
    highs: list[int] = []
    for low, high in sorted(ranges):
        if highs and low <= highs[-1]:
            highs[-1] = max(highs[-1], high)
        else:
            lows.append(low)
            highs.append(high)
    return lows, highs


def _within(number: str, ranges: _Ranges) -> bool:
    if not (number.isascii() and number.isdigit()):
        return False
    lows, highs = ranges
    at = bisect_right(lows, int(number)) - 1
    return at >= 0 and int(number) <= highs[at]
