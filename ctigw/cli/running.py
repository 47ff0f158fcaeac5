"""How every command runs: on the reactor until it is done, with failures in one line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import click
from twisted.internet.task import react

REFUSED, UNUSABLE = 1, 2


def fail(why: str, status: int) -> NoReturn:
    """End the command: ``why`` in one line on standard error, and the exit status."""
    click.echo(f"ctigw: {why}", err=True)
    raise SystemExit(status)


def on_reactor(work: Callable[[Any], Awaitable[None]]) -> None:
    """Run ``work(reactor)`` until it is done or a signal ends it; then leave the process."""
    start: Any = react  # typed for work that never ends
    start(work)
