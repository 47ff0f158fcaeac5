"""What a request of many parts comes to: each part succeeds or fails by itself, and the rest is done."""

from __future__ import annotations

from typing import NamedTuple

from ctigw.directory.journal import Change
from ctigw.values import Enum


class Outcome(Enum):
    """What came of one part, in the words that clients compare; the blunder in one of them is theirs, too."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NO_CONTACT = "Contact does not exist in."
    NO_GROUP = "The Contact Group does not exist."
    NO_RULE = "Invalid Policy name"


class Done(NamedTuple):
    """What came of each part of a request, in its order, and what changed, as it is in the journal."""

    outcomes: tuple[Outcome, ...]
    changes: tuple[Change, ...]
