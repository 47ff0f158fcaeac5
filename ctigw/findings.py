"""What a live check finds: for people at a terminal, and for clients of the Troubleshooter."""

from __future__ import annotations

from ctigw.values import Enum, named


class Category(Enum):
    """What is checked.  The first five are the Guide's words for the Troubleshooter's results."""

    AXL = "AXL"
    PRESENCE = "Presence"
    PROXY = "Proxy server"
    IPPM = "IPPM"
    CTI = "CTI gateway"
    WEB = "Web"
    DATABASE = "Database"
    SYSTEM = "System"


class Outcome(Enum):
    """What came of it; ``SKIPPED``: there was nothing to check, or no way to."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@named
class Finding:
    """``name``: which part was checked, such as "listener tcp:4721"; ``found``: what it is like.

    ``remedy``: what to do about it, where there is something to do.
    """

    category: Category
    name: str
    outcome: Outcome
    found: str
    remedy: str = ""
