"""Coroutines that wait for nothing, for tests without a reactor."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def done(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, which must not wait for anything; what it raises is raised."""
    try:
        work.send(None)
    except StopIteration as over:
        result: T = over.value
        return result
    work.close()
    raise AssertionError("it waits for something")
