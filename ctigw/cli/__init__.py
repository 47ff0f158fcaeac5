"""The command line: the gateway (`serve`), clients of one (`client`, `phone`, `presence`, `changes`), its
database (`admin`, `directory`, `people`, `site`, `users`).
"""

from __future__ import annotations

from importlib import import_module

import click

# The module of each command.  Only that one is imported, since all together take longer than the gateway's
# start; each has them in its COMMANDS.
MODULES = {
    "serve": ("demo", "run", "check"),
    "client": ("monitor", "status", "features"),
    "describe": ("describe",),
    "phone": (
        *("call", "answer", "hangup", "hold", "retrieve", "alternate", "reconnect", "deflect", "digits"),
        *("consult", "transfer", "conference", "dnd", "forward", "snapshot"),
    ),
    "presence": ("presence",),
    "changes": ("changes",),
    "users": ("user", "licence", "property"),
    "admin": ("line", "app", "calls", "audit", "db"),
    "site": ("setting", "dial-rule"),
    "directory": ("directory",),
    "people": ("contact", "group", "rule", "recent"),
}
OWN = {name: module for module, names in MODULES.items() for name in names}
# Where other packages name the commands that they add.
ADDED = "ctigw.commands"


class Commands(click.Group):
    """The gateway's commands, and those that other packages add to them, loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from importlib.metadata import entry_points

        return sorted({*OWN, *entry_points(group=ADDED).names})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in OWN:
            commands: tuple[click.Command, ...] = import_module(f"ctigw.cli.{OWN[cmd_name]}").COMMANDS
            return next(command for command in commands if command.name == cmd_name)
        from importlib.metadata import entry_points

        return next((command.load() for command in entry_points(group=ADDED, name=cmd_name)), None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ctigw", message="%(prog)s %(version)s")
def main() -> None:
    """A CTI gateway: CSTA XML over TCP in front of a PBX, and a PBX to try it with."""
