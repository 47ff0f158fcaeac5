"""SIP URIs and the addresses in header fields (RFC 3261 §19.1, §20.10; tel RFC 3966, pres 3859, im 3860).

What arrives is kept as it was written, so that what is sent on is what came; only `aor` makes one form of
many.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

from ctigw.sip.errors import Malformed
from ctigw.values import value

# As many addresses as a busy server sees again soon; long ones are somebody's attempt to fill our memory.
_KEPT = 1 << 15
# Of those in header fields, which have a tag that no other call has, as many as are at work just now.
_KEPT_TAGGED = 1 << 10
_LONG = 256
# Schemes whose URIs are user@host.
_WITH_HOST = frozenset(("sip", "sips", "pres", "im"))
# §25.1: what needs no escape in a user part, beside letters and digits.
_USER = "-_.!~*'()&=+$,;?/"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
# What can be in no URI at all.
_FOREIGN = re.compile(r'[\s<>"\x00-\x1f\x7f]')
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?\Z")
_PORT_MAX = 65535
_SEPARATORS = str.maketrans("", "", "-.() ")
_WORD = r"[A-Za-z0-9.!%*_+`'~-]+"
# `name`, `name=token`, `name="quoted"`, with blanks wherever somebody may have put them.
_PARAMETER = re.compile(
    rf'\s*;\s*({_WORD})\s*(?:=\s*("(?:[^"\\]|\\.)*+"|[^\s;,"<>]*+)\s*)?', re.ASCII | re.DOTALL
)
_DISPLAY = re.compile(r'\s*"((?:[^"\\]|\\.)*+)"\s*', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Parameters = tuple[tuple[str, str], ...]


def parameter(params: Parameters, name: str) -> str | None:
    """The value of a parameter, "" when it has none, None when it is not there."""
    for key, text in params:
        if key == name:
            return text
    return None


@value
class Uri:
    """A URI in parts.  ``user``, ``password``, ``headers`` and the values of ``params`` are as written.

    ``scheme`` and ``host`` in lower case, the host of an IPv6 address in brackets; ``port`` 0 when none is
    given.  Of a URI that names no host (tel and whatever is unknown) ``user`` is all up to the parameters.
    """

    scheme: str
    user: str
    host: str
    port: int = 0
    params: Parameters = ()
    password: str = ""
    headers: str = ""

    def param(self, name: str) -> str | None:
        """The value of a parameter, "" when it has none, None when it is not there."""
        return parameter(self.params, name)

    def __str__(self) -> str:
        text = self.scheme + ":" + self.user
        if self.password:
            text += ":" + self.password
        if self.host:
            text += ("@" if self.user or self.password else "") + self.host
        if self.port:
            text += f":{self.port}"
        for name, content in self.params:
            text += f";{name}={content}" if content else ";" + name
        return text + ("?" + self.headers if self.headers else "")


@value
class NameAddr:
    """An address in a header field: ``"display" <uri>;params``; the uri as text, see `parse_uri`."""

    display: str
    uri: str
    params: Parameters = ()

    def param(self, name: str) -> str | None:
        """The value of a parameter, "" when it has none, None when it is not there."""
        return parameter(self.params, name)

    @property
    def tag(self) -> str:
        """ "" when there is none."""
        return parameter(self.params, "tag") or ""

    def __str__(self) -> str:
        text = f"<{self.uri}>"
        if self.display:
            display = re.sub(r'(["\\])', r"\\\1", self.display)
            text = f'"{display}" {text}'
        return text + write_params(self.params) if self.params else text


def write_params(params: Parameters) -> str:
    """``;name=value`` of each, quoted where it is no token."""
    text = ""
    for name, content in params:
        if content and not re.fullmatch(r"[^\s;,\"<>\\]+", content):
            content = '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'  # noqa: PLW2901
        text += f";{name}={content}" if content else ";" + name
    return text


def parse_uri(text: str) -> Uri:
    """Raises `Malformed`."""
    return _parsed_uri(text) if len(text) < _LONG else _parsed_uri.__wrapped__(text)


@lru_cache(_KEPT)
def _parsed_uri(text: str) -> Uri:
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or not _SCHEME.match(scheme) or _FOREIGN.search(rest):
        raise Malformed(400, "Bad URI")
    scheme = scheme.lower()
    if scheme not in _WITH_HOST:
        number, *params = rest.split(";") if scheme == "tel" else [rest]
        return Uri(scheme, number, "", params=_uri_params(params))
    # Neither parameters nor headers may have an "@", but a user part may have ";" and "?".
    user, at, rest = rest.rpartition("@")
    rest, _, headers = rest.partition("?")
    place, *params = rest.split(";")
    match = _HOST.match(place)
    if not match or (at and not user):
        raise Malformed(400, "Bad host in URI")
    host, digits = match.groups()
    port = int(digits or 0)
    if port > _PORT_MAX or (digits and not port):
        raise Malformed(400, "Bad port in URI")
    user, _, password = user.partition(":")
    return Uri(scheme, user, host.lower(), port, _uri_params(params), password, headers)


def _uri_params(params: list[str]) -> Parameters:
    pairs = (param.partition("=") for param in params if param)
    return tuple((name.lower(), content) for name, _, content in pairs)


def parse_params(text: str) -> Parameters:
    """``;name=value;...``, names in lower case, quotes taken away.  Raises `Malformed`."""
    params = []
    at, end = 0, len(text)
    while at < end:
        match = _PARAMETER.match(text, at)
        if not match:
            if text[at:].isspace():
                break
            raise Malformed(400, "Bad parameter")
        at = match.end()
        name, content = match.groups()
        if content and content[0] == '"':
            content = _ESCAPED.sub(r"\1", content[1:-1])
        params.append((name.lower(), content or ""))
    return tuple(params)


def parse_name_addr(text: str) -> NameAddr:
    """``"Alice" <sip:a@x>;tag=1``, and without quotes, display name or brackets.  Raises `Malformed`.

    Without brackets what follows a ";" belongs to the header field (§20.10).
    """
    return _parsed_name_addr(text) if len(text) < _LONG else _parsed_name_addr.__wrapped__(text)


@lru_cache(_KEPT_TAGGED)
def _parsed_name_addr(text: str) -> NameAddr:
    display, at = "", 0
    quoted = _DISPLAY.match(text)
    if quoted:
        display, at = _ESCAPED.sub(r"\1", quoted[1]), quoted.end()
    opening = text.find("<", at)
    if opening < 0 or ";" in text[at:opening]:
        uri, semicolon, params = text[at:].partition(";")
        uri = uri.strip()
        if quoted or "?" in uri or "," in uri:
            # §20: with a comma, a question mark or a display name the brackets are a must.
            raise Malformed(400, "Bad address")
        params = semicolon + params
    else:
        closing = text.find(">", opening)
        before = text[at:opening].strip()
        if closing < 0 or '"' in before or (quoted and before):
            raise Malformed(400, "Bad address")
        display = display or before
        uri, params = text[opening + 1 : closing].strip(), text[closing + 1 :]
    if not uri or ":" not in uri or _FOREIGN.search(uri):
        raise Malformed(400, "Bad address")
    return NameAddr(display, uri, parse_params(params) if params else ())


_SIMPLE_TAG = re.compile(r"[^>]*;\s*tag\s*=\s*([^\s;,\"<>]+)", re.IGNORECASE)


def tag_of(text: str) -> str:
    """The tag of a From or To, "" when there is none.  Raises `Malformed`."""
    tail = text[text.rfind(">") + 1 :]
    if '"' in tail:
        return parse_name_addr(text).tag
    at = tail.find(";tag=")
    if at >= 0:
        return tail[at + 5 :].partition(";")[0].strip()
    match = _SIMPLE_TAG.match(tail)
    return match[1] if match else ""


def aor(text: str) -> str:
    """The one form of all URIs that name the same person: "alice@example.com".

    In lower case, without scheme, port, parameters and password, escapes only where they must be.  The host
    alone of a URI without user; the number of a tel URI, without what only makes it readable.  Raises
    `Malformed`.
    """
    return _aor(text) if len(text) < _LONG else _aor.__wrapped__(text)


@lru_cache(_KEPT)
def _aor(text: str) -> str:
    uri = parse_uri(text)
    if not uri.host:
        return uri.user.translate(_SEPARATORS).lower()
    if not uri.user:
        return uri.host
    # Escapes stand for bytes; what cannot be written in a user part stays escaped, so two that differ do.
    user = quote_from_bytes(
        unquote_to_bytes(uri.user.encode("utf-8", "surrogateescape").lower()).lower(), _USER
    )
    return user + "@" + uri.host
