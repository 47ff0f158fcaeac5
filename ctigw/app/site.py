"""What the gateway says of its site where the directory says nothing."""

from __future__ import annotations

import socket

from ctigw.config import Config


def node(config: Config) -> str:
    """What this host is called."""
    return config.axl.node or socket.gethostname()


def system_defaults(config: Config) -> dict[str, str]:
    """The settings that clients are told unless they were set (see `directory.system`)."""
    return {"Presence.Domain": config.sip.domains[0]}
