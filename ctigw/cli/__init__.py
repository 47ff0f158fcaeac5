"""The command line: the gateway (`serve`), a client of one (`client`, `phone`), its database (`admin`)."""

from __future__ import annotations

import click

from ctigw.cli.admin import ADMIN
from ctigw.cli.client import features, monitor, status
from ctigw.cli.phone import PHONE
from ctigw.cli.serve import check, demo, run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ctigw", message="%(prog)s %(version)s")
def main() -> None:
    """A CTI gateway: CSTA XML over TCP in front of a PBX, and a PBX to try it with."""


for command in (demo, run, check, monitor, status, features, *PHONE, *ADMIN):
    main.add_command(command)
