"""Whose fault it is: what the directory refuses of much that it is given at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ctigw.directory import names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.outcomes import Done, Outcome

_WHY = {
    Outcome.FAILED: "it cannot be so, or there would be too many",
    Outcome.NO_CONTACT: "there is no such user, and the domain is not among the foreign ones",
    Outcome.NO_GROUP: "there is no such group",
    Outcome.NO_RULE: "there is no such rule",
}


def quoted(name: str) -> str:
    """``name`` as somebody wrote it, in one line that is not too long."""
    return repr(name[: names.LONGEST])


@contextlib.contextmanager
def at(where: str) -> Iterator[None]:
    """What is refused inside is refused ``where``."""
    try:
        yield
    except DirectoryError as error:
        raise DirectoryError(f"{where}: {error}") from None


def all_done(done: Done, parts: Sequence[str]) -> None:
    """Raises `DirectoryError` for the first of ``parts`` that failed."""
    for part, outcome in zip(parts, done.outcomes, strict=True):
        if outcome is not Outcome.SUCCEEDED:
            raise DirectoryError(f"{quoted(part)}: {_WHY.get(outcome, outcome.value)}")
