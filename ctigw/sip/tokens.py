"""Random text: tags, branches, entity-tags.

The system is asked for many at once: asking it costs a microsecond each time, and a subscription has four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

# Hexadecimal digits of a token: 64 bits, twice as many as RFC 3261 (19.3) wants.
LENGTH = 16
# Bytes that are drawn at once.
BLOCK = 2048


def tokens(draw: Callable[[int], bytes]) -> Callable[[], str]:
    """What gives another one each time; ``draw`` gives so many random bytes."""
    return _drawn(draw).__next__


def _drawn(draw: Callable[[int], bytes]) -> Iterator[str]:
    while True:
        block = draw(BLOCK).hex()
        for at in range(0, len(block), LENGTH):
            yield block[at : at + LENGTH]
