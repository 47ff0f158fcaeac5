"""The section ``[uccn]``: how clients subscribe to what changes in the directory, and are told it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ctigw.config.values import Positive

# What else can be subscribed to here.
TAKEN = frozenset(("dialog", "presence", "presence.winfo"))
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,100}")
Octets = Annotated[int, Meta(ge=1024)]


class Uccn(Struct, frozen=True, forbid_unknown_fields=True):
    """The change notifier."""

    # The event package.  No document says how it is called, so clients may know it by any name.
    event: str = "uccn"
    # Other names of it, for clients that differ.
    aliases: tuple[str, ...] = ()
    # That of all documents that are printed; the schema that is printed with them has the other one.
    namespace: Literal["urn:cisco:epas:uccn", "urn:cisco:CUPS:UCCN"] = "urn:cisco:epas:uccn"
    # What the documents are called for a client whose Accept leaves the choice: what they are, and every
    # client can take.
    content_type: Literal["application/xml", "text/xml", "application/uccn+xml"] = "application/xml"
    # Changes that wait for one subscriber, of which each is a NOTIFY: as many as a user's whole contact list
    # has, which may be put in at once.  Who falls further behind must subscribe again, and fetch everything.
    queue: Positive = 1_000
    # Bytes in them: a presence rule may have a quarter of a megabyte, a contact has half a kilobyte.
    queue_bytes: Octets = 1024 * 1024


def faults(uccn: Uccn) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    found: list[str] = []
    names = [("event", uccn.event), *((f"aliases[{n}]", name) for n, name in enumerate(uccn.aliases))]
    for key, name in names:
        if not _TOKEN.fullmatch(name):
            yield f"{key}: {name[:100]!r} is no token, as names of event packages are"
        elif name.lower() in TAKEN:
            yield f"{key}: {name!r} is another event package"
        elif name.lower() in found:
            yield f"{key}: {name!r} is there twice"
        found.append(name.lower())
