"""What the requests that are served here have in common: expiries, media types, option tags, parameters."""

from __future__ import annotations

from email.utils import formatdate

from ctigw.sip.errors import Rejected
from ctigw.sip.message import Request
from ctigw.values import value

NO_TAGS: frozenset[str] = frozenset()
# More than a lifetime; what is longer was not meant.
LONGEST = 2**31 - 1


@value
class Expiries:
    """Seconds that something may last: what is asked for, within these bounds."""

    shortest: int
    longest: int
    default: int

    def granted(self, request: Request, asked: str | None = None) -> int:
        """What ``request`` gets for its Expires, or for ``asked``.  0 is 0.

        Raises `Rejected`: 423 when that is too short (RFC 3261 §10.3, RFC 3903 §6, RFC 6665 §4.2.1.1), 400.
        """
        text = (request.get("Expires") if asked is None else asked).strip()
        if not text:
            return self.default
        if not (text.isascii() and text.isdigit()):
            raise Rejected(400, "Expires is no number")
        seconds = min(int(text[:11]), LONGEST)
        if 0 < seconds < self.shortest:
            raise Rejected(423, headers=(("Min-Expires", str(self.shortest)),))
        return min(seconds, self.longest)


def media_type(text: str) -> str:
    """``Application/PIDF+xml; charset="utf-8"`` without its parameters, in lower case."""
    return text.partition(";")[0].strip().lower()


def accepted(request: Request) -> tuple[str, ...]:
    """The media types of Accept; none when there is no Accept, or an empty one."""
    return tuple(filter(None, map(media_type, request.values("Accept"))))


def option_tags(request: Request, name: str) -> frozenset[str]:
    """The option tags of Supported, Require or Proxy-Require."""
    tags = request.values(name)
    return frozenset([tag.strip().lower() for tag in tags]) if tags else NO_TAGS


def parameters(text: str) -> dict[str, str]:
    """The parameters behind a value: ``presence;id=3`` has an id."""
    found = {}
    for parameter in text.split(";")[1:]:
        name, _, content = parameter.partition("=")
        found[name.strip().lower()] = content.strip().strip('"')
    return found


def date(at: float) -> str:
    """A time as SIP writes it (RFC 3261 §20.17): always GMT."""
    return formatdate(at, usegmt=True)
