"""Where this AXL is served: which domain is meant where none is said, and what this host is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from uuid import NAMESPACE_DNS, UUID, uuid5

from ctigw.directory import names
from ctigw.values import named

_NAMESPACE = uuid5(NAMESPACE_DNS, "ctigw")


@named
class Site:
    """``domain``: that of users without one; ``node`` and ``description``: this host's, the only one.

    ``defaults``: what clients are told where the directory has no setting of that name.
    """

    domain: str
    node: str = "localhost"
    description: str = ""
    defaults: Mapping[str, str] = field(default_factory=dict)

    def name(self, userid: str) -> str:
        """The full name of the user whom a client calls ``userid``."""
        return userid if "@" in userid else f"{userid}@{self.domain}"

    def userid(self, name: str) -> str:
        """What clients are told of the user ``name``: without the domain where it is meant anyhow."""
        return names.within(self.domain, name)


def key(kind: str, name: str) -> UUID:
    """The key of a thing, the same whenever it is asked for; nothing of it is kept."""
    return uuid5(_NAMESPACE, f"{kind} {name}")


def guid(kind: str, name: str) -> str:
    """The key as AXL writes it."""
    return f"{{{str(key(kind, name)).upper()}}}"
