"""The commands that are a client of a gateway: each one a request over TCP, or a watch."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import click

from ctigw.cli import show
from ctigw.cli.running import REFUSED, fail, on_reactor
from ctigw.config import Log
from ctigw.csta.call_control import AnswerCall, ClearConnection, MakeCall
from ctigw.csta.capability import GetCSTAFeatures
from ctigw.csta.monitoring import MonitorObject, MonitorStart
from ctigw.csta.system import RequestSystemStatus
from ctigw.csta.types import ConnectionID
from ctigw.net import logs
from ctigw.net.csta_client import CstaClient, Lost, NegativeAnswer, connect

at_option = click.option(
    "--at",
    default="127.0.0.1:4721",
    show_default=True,
    envvar="CTIGW_AT",
    help="The gateway: host:port, or a Twisted endpoint description such as tls:host:4722.",
)
form_option = click.option("--json", "form", flag_value="json", help="One JSON object a line.")
xml_option = click.option("--xml", "form", flag_value="xml", help="One CSTA document a line.")


@click.command()
@click.argument("lines", nargs=-1, required=True)
@at_option
@form_option
@xml_option
def monitor(lines: tuple[str, ...], at: str, form: str | None) -> None:
    """Show what happens at LINES, until Ctrl-C."""
    watched: dict[str, str] = {}

    def show_event(event: Any) -> None:
        now = datetime.now().astimezone()
        line = watched.get(event.monitor_cross_ref_id, "?")
        _print(show.event(event, line, now, form, color=sys.stdout.isatty()))

    async def watch(client: CstaClient) -> None:
        for line in lines:
            request = MonitorStart(monitor_object=MonitorObject(device_object=line))
            response = await _asked(client, request, f"monitor {line}")
            watched[response.monitor_cross_ref_id] = line
        # For programs too, but beside what they read: who starts a watch must know when it has begun.
        click.echo(f"watching {', '.join(lines)}; Ctrl-C ends it", err=form is not None)
        await client.lost
        if not client.closing:
            fail(client.why_lost or "", REFUSED)

    _with_client(at, watch, show_event)


@click.command()
@click.argument("caller")
@click.argument("called")
@at_option
def call(caller: str, called: str, at: str) -> None:
    """Place a call from line CALLER to the number CALLED."""

    request = MakeCall(calling_device=caller, called_directory_number=called)
    _simple(
        at,
        request,
        f"call {caller} {called}",
        lambda response: f"{caller} calls {called}: call {response.calling_device.call_id}",
    )


@click.command()
@click.argument("line")
@at_option
def answer(line: str, at: str) -> None:
    """Answer the call that rings at LINE."""
    request = AnswerCall(call_to_be_answered=ConnectionID(device_id=line))
    _simple(at, request, f"answer {line}", lambda _response: f"{line} answers")


@click.command()
@click.argument("line")
@at_option
def hangup(line: str, at: str) -> None:
    """Take LINE out of its call."""
    request = ClearConnection(connection_to_be_cleared=ConnectionID(device_id=line))
    _simple(at, request, f"hangup {line}", lambda _response: f"{line} hangs up")


@click.command()
@at_option
def status(at: str) -> None:
    """Say how the gateway is."""

    _simple(at, RequestSystemStatus(), "status", lambda response: str(response.system_status.value))


@click.command()
@at_option
@form_option
@xml_option
def features(at: str, form: str | None) -> None:
    """List what the gateway supports."""

    _simple(at, GetCSTAFeatures(), "features", lambda response: show.features(response, form))


def _simple(at: str, request: object, what: str, said: Callable[[Any], str]) -> None:
    """One request, and what is ``said`` of its response."""

    async def ask(client: CstaClient) -> None:
        _print(said(await _asked(client, request, what)))

    _with_client(at, ask)


async def _asked(client: CstaClient, request: object, what: str) -> Any:
    """The response to ``request``; a refusal ends the command."""
    try:
        return await client.request(request)
    except (NegativeAnswer, Lost, TimeoutError, ValueError) as error:  # ValueError: no message can say that
        fail(f"{what}: {error}", REFUSED)


def _with_client(
    at: str,
    work: Callable[[CstaClient], Awaitable[None]],
    on_event: Callable[[Any], None] = lambda _event: None,
) -> None:
    logs.configure(Log(level="warning"))

    async def connected(reactor: Any) -> None:
        try:
            client = await connect(reactor, at, on_event)
        except Lost as error:
            fail(str(error), REFUSED)
        except ValueError as error:
            fail(f"--at {at}: {error}", REFUSED)
        reactor.addSystemEventTrigger("before", "shutdown", client.close)
        try:
            await work(client)
        finally:
            await client.close()

    on_reactor(connected)


def _print(text: str) -> None:
    """Print and flush; a reader that is gone (``| head``) ends the process quietly."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)  # nothing to save, and nobody left to tell
