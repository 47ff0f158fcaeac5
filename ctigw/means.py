"""What everything needs of the outside that lasts for a time, or has to be told from all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ctigw.values import value


@value
class Means:
    """``now``: seconds since 1970.  ``after`` calls a function so many seconds later, and gives what can
    cancel that.

    ``token`` gives random text that nobody can guess.
    """

    now: Callable[[], float]
    after: Callable[[float, Callable[[], None]], Any]
    token: Callable[[], str]
