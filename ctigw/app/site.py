"""What the gateway says of its site where the directory says nothing."""

from __future__ import annotations

from ctigw.config import Config


def system_defaults(config: Config) -> dict[str, str]:
    """The settings that clients are told unless they were set (see `directory.system`)."""
    return {"Presence.Domain": config.sip.domains[0]}
