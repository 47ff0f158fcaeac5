"""Texts with a wildcard: a character that stands for anything, also for nothing.

Compared piece by piece, so that a pattern of many wildcards costs no more than reading the text.
"""

from __future__ import annotations

from collections.abc import Callable


def matcher(pattern: str, wildcard: str) -> Callable[[str], bool]:
    """Whether a whole text is as ``pattern`` says."""
    first, *rest = pattern.split(wildcard)
    if not rest:
        return first.__eq__
    *middle, last = rest

    def matches(text: str) -> bool:
        at, end = len(first), len(text) - len(last)
        if at > end or not (text.startswith(first) and text.endswith(last)):
            return False
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return matches
