"""The command line: the gateway (`serve`), a client of one (`client`, `phone`), its database (`admin`)."""

from __future__ import annotations

from importlib.metadata import entry_points

import click

from ctigw.cli.admin import ADMIN
from ctigw.cli.client import features, monitor, status
from ctigw.cli.describe import describe
from ctigw.cli.phone import PHONE
from ctigw.cli.serve import check, demo, run

# Where other packages name the commands that they add.
ADDED = "ctigw.commands"


class Commands(click.Group):
    """The gateway's commands, and those that other packages add to them, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *entry_points(group=ADDED).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        added = () if own else entry_points(group=ADDED, name=cmd_name)
        return own or next((command.load() for command in added), None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ctigw", message="%(prog)s %(version)s")
def main() -> None:
    """A CTI gateway: CSTA XML over TCP in front of a PBX, and a PBX to try it with."""


for command in (demo, run, check, monitor, status, features, describe, *PHONE, *ADMIN):
    main.add_command(command)
