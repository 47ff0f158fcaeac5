"""How a command is given a password: never as an argument, which everybody on the machine can see."""

from __future__ import annotations

import sys

import click

from ctigw.cli.running import ask_password

stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)


def given_password(from_stdin: bool) -> str:
    """A new password: of standard input, or of a terminal, which is asked twice."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return ask_password("--password-stdin reads it", twice=True)
