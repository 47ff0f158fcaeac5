"""Other servers, as the configuration has them: where they are, whom they know, how they are asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ctigw.config import ConfigError
from ctigw.config.presence import Foreign as ForeignServer
from ctigw.config.presence import Presence
from ctigw.presence.sources import Provisioned
from ctigw.simple.asking import Asking
from ctigw.simple.backend import Foreign
from ctigw.sip.digest import Login
from ctigw.sip.hops import Remote, remote_of
from ctigw.sip.stack import Stack
from ctigw.sip.uri import parse_uri

# What the configuration calls the password for the server to which phones are published.
BRIDGE_KEY = "presence.bridge.password_file"


def password(file: str, key: str) -> str:
    """The first line of ``file``, which ``key`` of the configuration names.  Raises `ConfigError`."""
    try:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0].strip("\r")
    except (OSError, ValueError) as error:  # whose text may be what is in there
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{key}: {file}: {why}") from None


def check_passwords(presence: Presence) -> None:
    """Look whether every file of a password can be read.  Raises `ConfigError`."""
    for server in presence.foreign:
        if server.user:
            password(server.password_file, _key_of(server))
    if presence.bridge.user:
        password(presence.bridge.password_file, BRIDGE_KEY)


def _key_of(server: ForeignServer) -> str:
    return f"presence.foreign {server.name}.password_file"


def hop(uri: str) -> Remote:
    """Where ``sip:host:port;transport=...`` is."""
    return remote_of(parse_uri(uri))


def elsewhere(presence: Presence) -> list[str]:
    """Who exists because a foreign server is said to know them."""
    users = (user.local.lower() for server in presence.foreign for user in server.users)
    return [user for user in users if "*" not in user]


def provisioned(presence: Presence) -> Provisioned:
    """What the configuration makes of sources; a foreign server may have a priority of its own."""
    servers = {f"foreign {server.name}": server for server in presence.foreign}

    def found(way: str, said: str, agent: str) -> tuple[str, int]:
        server = servers.get(way)
        if server is None:
            return presence.source(way, said, agent)
        name, priority = presence.source("foreign", said, agent)
        if server.priority is not None and (name == "foreign" or name not in presence.priorities):
            priority = server.priority
        return name, priority

    return found


def foreign(server: ForeignServer, stack: Stack, token: Callable[[], str]) -> Foreign:
    """A server as it is subscribed at.  Raises `ConfigError`."""
    ask = None
    if server.user:
        secret = password(server.password_file, _key_of(server))
        ask = Asking(stack, Login(server.user, secret, token))

    def uri(local: str) -> str:
        return next((found for user in server.users if (found := user.uri(local))), "")

    return Foreign(
        name=server.name,
        servers=tuple(map(hop, server.servers)),
        uri=uri,
        expires=server.expires,
        agent=server.user_agent,
        ask=ask,
    )
