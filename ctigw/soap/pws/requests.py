"""What clients ask for, as values, and what they are told."""

from __future__ import annotations

from collections.abc import Sequence

from ctigw.values import Enum, named, value

# What can be subscribed to, and what endpoints are called back for.
NOTIFICATION = "PRESENCE_NOTIFICATION"


class Kind(Enum):
    """How presence is told and set: in a word, or as a document."""

    BASIC = "BASIC_PRESENCE"
    RICH = "RICH_PRESENCE"


@named
class SetPresence:
    """``seconds``: None where none is given."""

    kind: Kind
    basic: str | None = None
    rich: bytes | None = None
    override: bool = False
    seconds: int | None = None


@named
class RegisterEndPoint:
    """``number``: 0 for a new one.  ``repeated``: the URL may be given again, as it is, to renew one."""

    url: str = ""
    number: int | None = 0
    seconds: int | None = None
    repeated: bool = False


@named
class Subscribe:
    """``contacts``: as clients write them; None where there is no list.  ``number``: 0 for a new one."""

    contacts: Sequence[str] | None = None
    type: str = ""
    endpoint: int | None = None
    seconds: int | None = None
    number: int | None = 0


@named
class Unsubscribe:
    """``all``: from everybody."""

    number: int | None
    contacts: Sequence[str] | None = None
    all: bool = False


@value
class Seen:
    """What a user sees of others, in the order in which they were asked for.

    For BASIC ``words``, each with its contact as the client writes it; else ``documents``.
    """

    kind: Kind
    words: tuple[tuple[str, str], ...] = ()
    documents: tuple[bytes, ...] = ()
