"""The answers that nearly all our requests in dialogs get: 200, and nothing that anybody would read.

A change of somebody with five hundred watchers brings five hundred of them within some milliseconds.  Their
status and the branch of their Via say all that there is to say, and a branch is random text of ours that
nobody else knows.  Whatever looks otherwise than answers usually do is read in full.
"""

from __future__ import annotations

import re

# The status line, one Via, and no other one behind it.
_PLAIN = re.compile(
    rb"SIP/2\.0 200 [^\r\n]*\r\n"
    rb"(?:Via|v): ?SIP/2\.0/[A-Z]{3} [^;,\r\n]*;(?:[^\r\n,]*?;)?branch=(z9hG4bK[0-9A-Za-z]+)"
    rb"(?:;[^\r\n,]*)?\r\n(?![ \t]|Via|v)",
    re.IGNORECASE,
)
START = b"SIP/2.0 200 "


def branch_in(data: bytes) -> str:
    """The branch of the answer ``data``; "" when it is not plain."""
    found = _PLAIN.match(data)
    return "" if found is None or b"\r\nVia:" in data[found.end() :] else found[1].decode("ascii")
