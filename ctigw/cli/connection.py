"""How the commands that are a client reach their gateway: connect, perhaps log in, do one piece of work."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from ctigw.cli.running import REFUSED, UNUSABLE, ask_password, fail, on_reactor
from ctigw.config import Log
from ctigw.csta.application_session import (
    ApplicationInfo,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartError,
)
from ctigw.csta.types import ED3
from ctigw.net import logs
from ctigw.net.csta_client import CstaClient, Lost, NegativeAnswer, connect
from ctigw.xml import Elements

# The session ends with the command, which may be a watch of a day.
SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Access:
    """Where the gateway is, and as whom to log in (None: not at all)."""

    at: str
    name: str | None


_NOT_IN = {
    StartError.INVALID_APPLICATION_INFO: "wrong name or password",
    StartError.SERVER_RESOURCES_BUSY: "too many attempts; wait a little",
}


def at_gateway(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options that say which gateway, as the parameter ``gateway``."""

    @click.option(
        "--at",
        default="127.0.0.1:4721",
        show_default=True,
        envvar="CTIGW_AT",
        help="The gateway: host:port, or a Twisted endpoint description such as tls:host:4722.",
    )
    @click.option(
        "--as",
        "name",
        envvar="CTIGW_AS",
        help="Log in by this name; the password is $CTIGW_PASSWORD, or asked for.",
    )
    @wraps(command)
    def with_access(*args: Any, at: str, name: str | None, **kwargs: Any) -> None:
        command(*args, gateway=Access(at, name), **kwargs)

    return with_access


def one_request(gateway: Access, request: object, what: str, said: Callable[[Any], str]) -> None:
    """Ask one thing; print what is ``said`` of its response."""

    async def ask(client: CstaClient) -> None:
        say(said(await asked(client, request, what)))

    with_client(gateway, ask)


async def asked(client: CstaClient, request: object, what: str) -> Any:
    """The response to ``request``; a refusal ends the command."""
    try:
        return await client.request(request)
    except (NegativeAnswer, Lost, TimeoutError, ValueError) as error:  # ValueError: no message can say that
        fail(f"{what}: {error}", REFUSED)


def with_client(
    gateway: Access,
    work: Callable[[CstaClient], Awaitable[None]],
    on_event: Callable[[Any], None] = lambda _event: None,
) -> None:
    """Do ``work`` with a connection that is logged in; then leave the process."""
    logs.configure(Log(level="warning"))
    password = _password() if gateway.name else ""

    async def connected(reactor: Any) -> None:
        try:
            client = await connect(reactor, gateway.at, on_event)
        except Lost as error:
            fail(str(error), REFUSED)
        except ValueError as error:
            fail(f"--at {gateway.at}: {error}", UNUSABLE)
        reactor.addSystemEventTrigger("before", "shutdown", client.close)
        try:
            if gateway.name:
                await _log_in(client, gateway.name, password)
            await work(client)
        finally:
            await client.close()

    on_reactor(connected)


def say(text: str) -> None:
    """Print and flush; a reader that is gone (``| head``) ends the process quietly."""
    try:
        click.echo(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(0)  # nothing to save, and nobody left to tell


def _password() -> str:
    return os.environ.get("CTIGW_PASSWORD") or ask_password("set CTIGW_PASSWORD")


async def _log_in(client: CstaClient, name: str, password: str) -> None:
    said = Elements((("userName", name), ("password", password)))
    request = StartApplicationSession(
        application_info=ApplicationInfo(application_id="ctigw", application_specific_info=said),
        requested_protocol_versions=(ED3,),
        requested_session_duration=SECONDS,
    )
    answer = await asked(client, request, f"log in as {name}")
    if isinstance(answer, StartApplicationSessionNegResponse):
        why = answer.error_code.defined_error
        words = _NOT_IN.get(why, why.value) if why else answer.error_code.appl_error
        fail(f"log in as {name}: {words}", REFUSED)
