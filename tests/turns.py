"""Turns of the real reactor, for tests whose peers are sockets or processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.processes import PATIENCE


async def turns(count: int) -> None:
    """Let the reactor go round so many times."""
    loop: Any = reactor
    for _ in range(count):
        await deferLater(loop, 0)


async def until(happened: Callable[[], object]) -> None:
    """Let the reactor go round until it has, for some seconds at most."""
    loop: Any = reactor
    end = loop.seconds() + PATIENCE
    while not happened():
        assert loop.seconds() < end
        await deferLater(loop, 0.001)
