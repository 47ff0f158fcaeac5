"""The command line."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """A CTI gateway and a PBX to try it with."""
