"""The simple types of presence documents: text as it came, to text as the schemas want it.

Each function gives None for what cannot be mended.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

Mend = Callable[[str], str | None]

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_SPECIAL = re.compile(r'[&<>"\t\n\r]')


def escaped(text: str) -> str:
    """The text of an element, which a parser has read: there is nothing in it that XML cannot have."""
    return text.translate(_TEXT) if _SPECIAL.search(text) else text


def quoted(text: str) -> str:
    """The value of an attribute, with its quotes."""
    return f'"{text.translate(_ATTRIBUTE)}"' if _SPECIAL.search(text) else f'"{text}"'


# XML 1.0 has had two opinions on which letters a name may have; both take these.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._\-À-ÖØ-öø-ÿ]")
_NAME_START = re.compile(r"[A-Za-z_À-ÖØ-öø-ÿ]")


def ncname(text: str) -> str:
    """An xs:ID that looks like ``text``; "" for nothing."""
    text = _NOT_IN_NAMES.sub("_", text.strip())
    return text if not text or _NAME_START.match(text) else f"_{text}"


def string(text: str) -> str:
    """Any text."""
    return text


def token(text: str) -> str:
    """Words with one blank between them."""
    return " ".join(text.split())


_BASIC = {"open": "open", "closed": "closed"}


def basic(text: str) -> str | None:
    """RFC 3863 §4.1.4."""
    return _BASIC.get(text) or _BASIC.get(text.strip().lower())


_ACTIVE_IDLE = {"active": "active", "idle": "idle"}


def active_idle(text: str) -> str | None:
    """RFC 4480 §3.14."""
    return _ACTIVE_IDLE.get(text) or _ACTIVE_IDLE.get(text.strip().lower())


_BOOLEANS = {"true": "true", "1": "true", "yes": "true", "false": "false", "0": "false", "no": "false"}


def boolean(text: str) -> str | None:
    """True or false, however it is said."""
    return _BOOLEANS.get(text) or _BOOLEANS.get(text.strip().lower())


# Longer than any that means something.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def integer(text: str) -> str | None:
    """A whole number."""
    text = text.strip()
    return str(int(text)) if _INTEGER.fullmatch(text) else None


def positive(text: str) -> str | None:
    """A whole number above zero."""
    found = integer(text)
    return found if found is not None and int(found) > 0 else None


_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})")


def priority(text: str) -> str | None:
    """A q-value: 0 to 1, at most three digits behind the point."""
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        return None
    # 0.0 is added for what is not above it: there is a negative zero.
    return f"{min(max(float(text), 0.0), 1.0) + 0.0:.3f}".rstrip("0").rstrip(".")


_TIMESTAMP = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})(?P<part>\.[0-9]{1,18})?"
    r"(?P<zone>[Zz]|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
)


def timestamp(text: str) -> str | None:
    """An xs:dateTime."""
    found = _TIMESTAMP.fullmatch(text.strip())
    if found is None:
        return None
    day, time, part, zone = found.group("day", "time", "part", "zone")
    try:
        datetime.fromisoformat(f"{day}T{time}")
    except ValueError:
        return None
    return f"{day}T{time}{part or ''}{(zone or '').upper()}"


_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")


def language(text: str) -> str | None:
    """An xs:language."""
    text = text.strip()
    return text if _LANGUAGE.fullmatch(text) else None


_PLAIN_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~!$&'()*+,;=:@-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = re.compile(
    r"//(?:[^/?#@:\[\]]+(?::[^/?#@\[\]]*)?@)?(?:\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]]+)(?::[0-9]{1,5})?(?=[/?#]|$)"
)
# An address of IPv6 in a SIP URI.  RFC 2732 let anyURI have it, RFC 3986 took it back; phones need it.
_IPV6 = re.compile(r"(?:[^\[\]/?#@]*@)?\[[0-9A-Fa-f:.]+\]")
_NOT_IN_URIS = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|%(?![0-9A-Fa-f]{2})")


def uri(text: str) -> str:
    """An xs:anyURI, with the characters escaped that it cannot have (RFC 3986)."""
    text = text.strip()
    if _PLAIN_URI.fullmatch(text):
        return text
    scheme = _SCHEME.match(text)
    start, rest = (scheme[0], text[scheme.end() :]) if scheme else ("", text)
    host = _AUTHORITY.match(rest) if rest.startswith("//") else _IPV6.match(rest) if scheme else None
    if host is not None:
        user, at, address = host[0].rpartition("@")
        brackets = "[" in address
        start += f"{_escaped(user)}{at}{address if brackets else _escaped(address)}"
        rest = rest[host.end() :]
    elif rest.startswith("//"):
        rest = f"/%2F{rest[2:]}"
    rest, hash_, fragment = rest.partition("#")
    if not scheme and host is None:  # what is before a colon would be a scheme
        rest = rest.replace(":", "%3A")
    return f"{start}{_escaped(rest)}{hash_}{_escaped(fragment)}"


def _escaped(text: str) -> str:
    return _NOT_IN_URIS.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)
