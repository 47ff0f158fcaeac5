"""How the commands that speak SIP reach their server: as whom, where, and one piece of work."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn

import click

from ctigw.cli.running import REFUSED, UNUSABLE, fail, has_terminal, on_reactor, password_from_terminal
from ctigw.config import Log
from ctigw.net import logs
from ctigw.net.sip_agent import Account, Text
from ctigw.net.sip_client import SipClient, SipRefused, address_of, server_at
from ctigw.net.sip_endpoint import SipError
from ctigw.sip.digest import AUTHENTICATES
from ctigw.sip.hops import Remote
from ctigw.sip.uri import aor, parse_uri

# The reason with which a gateway refuses those who are no users of its domains.
_STRANGER = "Not For Strangers"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and who its users are; ``name``: as whom, None for whom the command is about."""

    at: str
    domain: str
    name: str | None
    ca: str

    def uri(self, name: str) -> str:
        """Somebody's address; a name alone is one of the domain."""
        try:
            return address_of(name, self.domain)
        except ValueError as error:
            fail(str(error), UNUSABLE)


def at_server(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options that say which server, as the parameter ``server``."""

    @click.option(
        "--at",
        default="udp:127.0.0.1:5060",
        show_default=True,
        envvar="CTIGW_SIP_AT",
        help="The SIP server: udp:host:port, tcp:host:port or tls:host:port.",
    )
    @click.option(
        "--domain",
        default="localhost",
        show_default=True,
        envvar="CTIGW_DOMAIN",
        help="The domain of users that are named without one.",
    )
    @click.option(
        "--as",
        "name",
        envvar="CTIGW_AS",
        help="Who you are; the password is $CTIGW_PASSWORD, or asked for when the server wants it.",
    )
    @click.option("--ca", default="", help="With tls: a PEM file of those who may vouch for the server.")
    @wraps(command)
    def with_server(*args: Any, at: str, domain: str, name: str | None, ca: str, **kwargs: Any) -> None:
        command(*args, server=Server(at, domain, name, ca), **kwargs)

    return with_server


def short(uri: str) -> str:
    """An address for people."""
    try:
        return aor(uri)
    except Exception:  # noqa: BLE001 - Malformed: then as it is
        return uri


def with_user(
    server: Server,
    name: str | None,
    work: Callable[[SipClient], Awaitable[None]],
    on_message: Callable[[Text], None] = lambda _message: None,
) -> None:
    """Do ``work`` as the user ``name`` (who --as names comes first); then leave the process."""
    logs.configure(Log(level="error"))
    logs.take_over_twisted()
    who = server.name or name
    if who is None:
        fail("say who you are: --as alice", UNUSABLE)
    uri = server.uri(who)
    account = Account(uri, parse_uri(uri).user, os.environ.get("CTIGW_PASSWORD", ""))

    async def connected(reactor: Any) -> None:
        try:
            _probe(server_at(server.at))
            client = SipClient(
                reactor,
                server_at(server.at),
                account,
                on_message=on_message,
                ask_password=_password,
                trouble=lambda why: click.echo(f"ctigw: {why}", err=True),
                tls_ca=server.ca,
            )
        except SipError as error:
            fail(f"--ca: {error.why}", UNUSABLE)
        except ValueError as error:
            fail(f"--at {server.at}: {error}", UNUSABLE)
        except OSError as error:
            fail(f"--at {server.at}: {error.strerror}", REFUSED)
        reactor.addSystemEventTrigger("before", "shutdown", client.close)
        try:
            await work(client)
        finally:
            await client.close()

    on_reactor(connected)


def refused(what: str, error: SipRefused | TimeoutError) -> NoReturn:
    """End the command, since the server said no."""
    fail(f"{what}: {in_words(error)}", REFUSED)


def in_words(error: SipRefused | TimeoutError) -> str:
    """What the server said, and what to do about it where that is plain."""
    status = error.status if isinstance(error, SipRefused) else 0
    said = str(error)
    if status in AUTHENTICATES:
        if os.environ.get("CTIGW_PASSWORD") or has_terminal():
            return f"{said}: no such user, or not their password"
        return f"{said}: set CTIGW_PASSWORD, there is no terminal to ask for it"
    if said.endswith(_STRANGER):
        return f"{said}: say who you are (--as alice@example.com), or which domain is meant (--domain)"
    if "certificate verify failed" in said:
        return f"{said}; --ca FILE names who may vouch for the server"
    return said


def _password() -> str:
    """The password from the terminal; "" without one: it is asked for inside of the reactor, which takes no
    exceptions."""
    try:
        return password_from_terminal() if has_terminal() else ""
    except click.Abort:
        return ""


def _probe(server: Remote) -> None:
    """Raises `OSError` when nobody is at ``server`` and that can be told at once: UDP, on this machine.

    Whoever sends from a port of their own is not told, and would wait half a minute.  What is sent is what
    keeps the way through a NAT open (RFC 5626), for which nobody answers.
    """
    if server.transport != "UDP":
        return
    family, kind, _, _, place = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as probe:
        probe.connect(place)
        probe.setblocking(False)
        probe.send(b"\r\n\r\n")
        with contextlib.suppress(BlockingIOError):
            probe.recv(1)
