"""Header fields: their names, and lists and Vias in them (RFC 3261 §7.3, §20)."""

from __future__ import annotations

import re
from functools import lru_cache

from ctigw.sip.errors import Malformed
from ctigw.sip.uri import Parameters, parameter, parse_params
from ctigw.values import value

# Those whose usual spelling is not what capitalising each part gives; beside them, all compact forms (§7.3.3,
# RFC 6665, 3515, 3841, 4028, 4474, 8224).
_SPELLINGS = (
    "Call-ID", "Content-ID", "CSeq", "MIME-Version", "P-Asserted-Identity", "RAck", "Remote-Party-ID", "RSeq",
    "SIP-ETag", "SIP-If-Match", "WWW-Authenticate", "P-Access-Network-Info", "Authentication-Info",
    "Identity-Info", "Session-ID", "P-Charging-Vector", "Session-Expires", "Min-SE", "Path", "Service-Route",
)  # fmt: skip
_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip
_PLAIN = (
    "Via", "Max-Forwards", "Expires", "Accept", "Accept-Encoding", "Accept-Language", "Allow", "Date",
    "Authorization", "Min-Expires", "Priority", "Proxy-Authenticate", "Proxy-Authorization", "Reason",
    "Proxy-Require", "Record-Route", "Require", "Retry-After", "Route", "Server", "Subscription-State",
    "Timestamp", "Unsupported", "User-Agent", "Warning",
)  # fmt: skip
_NAMES = {name.lower(): name for name in _SPELLINGS} | _COMPACT
# Header fields that stand once, and hold one value (§7.3.1, §20).
ONCE = frozenset(
    ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Expires", "Content-Type", "Event", "SIP-If-Match")
)
# As they nearly always come.
USUAL = {name: name for name in (*_COMPACT.values(), *_SPELLINGS, *ONCE, *_PLAIN)}


TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+\Z")
# One element of a list: commas in quotes and brackets do not part it.  What is not closed is like any other.
_ELEMENT = re.compile(r'(?:[^,"<]|"(?:[^"\\]|\\.)*+"|<[^>]*+>|["<])++', re.DOTALL)
VIA = re.compile(
    r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9.!%*_+`'~-]+)\s+"
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)\s*(?::\s*(\d{1,5}))?\s*(?=;|\Z)",
    re.IGNORECASE | re.ASCII,
)
_PORT_MAX = 65535
_LONG = 64


def header_name(name: str) -> str:
    """The standard's spelling of a header field's name, compact forms written out.

    Names that nobody knows get capitals as others have.  Raises `Malformed` for what is no token.
    """
    return _spelt(name) if len(name) < _LONG else _spelt.__wrapped__(name)


@lru_cache(4096)
def _spelt(name: str) -> str:
    name = name.rstrip(" \t")
    if not TOKEN.match(name):
        raise Malformed(400, "Bad header field name")
    lower = name.lower()
    return _NAMES.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


@value
class Via:
    """One hop (§20.42); ``port`` 0 when none is given, parameter names in lower case."""

    transport: str
    host: str
    port: int
    params: Parameters

    def param(self, name: str) -> str | None:
        """The value of a parameter, "" when it has none, None when it is not there."""
        return parameter(self.params, name)

    @property
    def branch(self) -> str:
        """ "" when there is none: RFC 2543."""
        return self.param("branch") or ""


def parse_via(text: str) -> Via:
    """Raises `Malformed`."""
    match = VIA.match(text)
    port = int(match[3] or 0) if match else 0
    if not match or port > _PORT_MAX:
        raise Malformed(400, "Bad Via")
    try:
        params = parse_params(text[match.end() :])
    except Malformed:
        raise Malformed(400, "Bad Via") from None
    return Via(match[1].upper(), match[2].lower(), port, params)


def split_list(text: str) -> list[str]:
    """The elements of a comma list; commas in quotes and in brackets are not between elements."""
    if "," not in text:
        return [text] if text else []
    return [part for element in _ELEMENT.findall(text) if (part := element.strip())]
