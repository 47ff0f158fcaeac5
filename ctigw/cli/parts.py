"""Commands that ask the directory for one part, where a program would ask for many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ctigw.cli.stored import in_directory

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.directory.outcomes import Done

# The same for people as `outcomes.Outcome` for programs.
WHY = {
    "FAILED": "it is there already, there is no such user, or it is not one line of at most 255 characters",
    "NO_CONTACT": "there is no such user (--elsewhere: at another server), or they are no contact",
    "NO_GROUP": "there is no such group",
    "NO_RULE": "there is no such rule",
}


def do(file: Path | None, data: Path, work: Callable[[Session], Done], why: str = "") -> None:
    """``work`` in one transaction, which is undone, and ends the command, if a part of it failed."""
    in_directory(file, data, lambda session: all_done(work(session), why))


def all_done(done: Done, why: str = "", parts: Sequence[str] = ()) -> None:
    """Raises `DirectoryError` for the first part that failed, and undoes the others with it.

    ``why`` it failed, where that is known better than by the outcome, with room for the part's name.
    """
    from ctigw.directory.errors import DirectoryError
    from ctigw.directory.outcomes import Outcome

    for index, outcome in enumerate(done.outcomes):
        if outcome is not Outcome.SUCCEEDED:
            raise DirectoryError(why.format(*parts[index : index + 1]) if why else WHY[outcome.name])
