"""Which characters a document can have (XML 1.0, section 2.2)."""

from __future__ import annotations

import re

IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def possible(text: str, instead: str = "?") -> str:
    """``text`` with ``instead`` in the place of each character that no document can have."""
    return IMPOSSIBLE.sub(instead, text)
