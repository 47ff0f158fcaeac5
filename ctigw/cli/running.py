"""How every command runs: on the reactor until it is done, with failures in one line."""

from __future__ import annotations

import contextlib
import os
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


def ask_password(otherwise: str, *, twice: bool = False) -> str:
    """A password from the terminal; where there is none, ``otherwise`` says what to do instead."""
    if not has_terminal():
        fail(f"there is no terminal to ask for the password; {otherwise}", UNUSABLE)
    return password_from_terminal(twice=twice)


def password_from_terminal(*, twice: bool = False) -> str:
    """A password from the terminal, which there is.  Raises `click.Abort`."""
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True)
    return asked


def has_terminal() -> bool:
    """Whether somebody can be asked: passwords are, even when standard input is something else."""
    with contextlib.suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR))
        return True
    return False
