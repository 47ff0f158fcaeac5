"""The commands that watch a gateway, or ask it what it is."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from ctigw.cli import show
from ctigw.cli.connection import Access, asked, at_gateway, one_request, say, with_client
from ctigw.cli.running import REFUSED, fail
from ctigw.csta.capability import GetCSTAFeatures
from ctigw.csta.monitoring import MonitorObject, MonitorStart
from ctigw.csta.system import RequestSystemStatus
from ctigw.net.csta_client import CstaClient

form_option = click.option("--json", "form", flag_value="json", help="One JSON object a line.")
xml_option = click.option("--xml", "form", flag_value="xml", help="One CSTA document a line.")


@click.command()
@click.argument("lines", nargs=-1, required=True)
@at_gateway
@form_option
@xml_option
def monitor(lines: tuple[str, ...], gateway: Access, form: str | None) -> None:
    """Show what happens at LINES, until Ctrl-C."""
    watched: dict[str, str] = {}

    def show_event(event: Any) -> None:
        now = datetime.now().astimezone()
        line = watched.get(event.monitor_cross_ref_id, "?")
        say(show.event(event, line, now, form, color=sys.stdout.isatty()))

    async def watch(client: CstaClient) -> None:
        for line in lines:
            request = MonitorStart(monitor_object=MonitorObject(device_object=line))
            response = await asked(client, request, f"monitor {line}")
            watched[response.monitor_cross_ref_id] = line
        # For programs too, but beside what they read: who starts a watch must know when it has begun.
        click.echo(f"watching {', '.join(lines)}; Ctrl-C ends it", err=form is not None)
        await client.lost
        if not client.closing:
            fail(client.why_lost or "", REFUSED)

    with_client(gateway, watch, show_event)


@click.command()
@at_gateway
def status(gateway: Access) -> None:
    """Say how the gateway is."""
    one_request(gateway, RequestSystemStatus(), "status", lambda response: str(response.system_status.value))


@click.command()
@at_gateway
@form_option
@xml_option
def features(gateway: Access, form: str | None) -> None:
    """List what the gateway supports."""
    one_request(gateway, GetCSTAFeatures(), "features", lambda response: show.features(response, form))


COMMANDS: tuple[click.Command, ...] = (monitor, status, features)
