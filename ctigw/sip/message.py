"""SIP messages: bytes to values and back (RFC 3261 §7, §20, §25).

A message is cut into its header fields and no further: most are passed on, compared or never looked at.
What everybody must be able to trust is checked here (`_check`); the rest is read when somebody asks, and
raises `Malformed` then.

Liberal in: any spelling of names, compact forms, folded lines (CSeq and Via too), blanks around everything,
header fields that are lists in one line or many.  Text is UTF-8; bytes that are not are kept as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct

from ctigw.sip.errors import Malformed, reason_of
from ctigw.sip.fields import ONCE, TOKEN, USUAL, VIA, Via, header_name, parse_via, split_list
from ctigw.sip.uri import NameAddr, Uri, parse_name_addr, parse_uri, tag_of

__all__ = (
    "Head", "Headers", "Message", "Request", "Response", "Via", "header_name", "parse", "parse_head",
    "parse_via", "split_list",
)  # fmt: skip
Headers = dict[str, list[str]]

# More header lines than this no one writes (RFC 3261 knows 44 fields).
MAX_LINES = 256
_MAX_NUMBER = 2**31 - 1  # of CSeq, §8.1.1.5
_MAX_EXPIRES = 2**32 - 1  # §20.19
_MAX_FORWARDS = 255
_HOPS = frozenset(map(str, range(_MAX_FORWARDS + 1)))
_STATUS = re.compile(r"[1-6]\d\d\Z", re.ASCII)
_REQUEST_LINE = 3  # words
# What nearly all answers are.
_OK = "SIP/2.0 200 OK"

_CSEQ = re.compile(r"(\d{1,10})[ \t]+(\S+)\Z", re.ASCII)
_VERSION = re.compile(r"SIP/\d+\.\d+\Z", re.IGNORECASE | re.ASCII)
_DECIMAL = re.compile(r"\d{1,10}\Z", re.ASCII)
_METHODS = frozenset(
    ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE")
)
# From and To as nearly all are written; whatever else is read in full.
_ADDRESS = re.compile(
    r'\s*+(?:"[^"\\]*+"|[^"<;,:]*+)\s*+<[^\s<>":]++:[^\s<>"]++>(?:;[\w.-]++(?:=[^\s;,"<>]++)?)*+\Z', re.ASCII
)


class _Fields:
    """What `Request` and `Response` share: header fields by standard spelling, their lines raw and in order.

    Content-Length is not among them: it is what ``body`` has.
    """

    __slots__ = ()
    headers: Headers
    body: bytes

    def get(self, name: str) -> str:
        """The first line of a header field, "" when there is none."""
        lines = self.headers.get(name)
        return lines[0] if lines else ""

    def values(self, name: str) -> list[str]:
        """The elements of a header field that is a comma list, of all its lines.

        Not for those that have commas and are no list (Date, WWW-Authenticate, Authorization): `lines`.
        """
        lines = self.headers.get(name)
        if not lines:
            return []
        if len(lines) == 1:
            return split_list(lines[0])
        return [element for line in lines for element in split_list(line)]

    def lines(self, name: str) -> list[str]:
        """The lines of a header field as they are."""
        return self.headers.get(name, [])

    def set(self, name: str, *lines: str) -> None:
        """In place of all that was there; without lines it is gone."""
        if lines:
            self.headers[name] = list(lines)
        else:
            self.headers.pop(name, None)

    def add(self, name: str, line: str) -> None:
        """One more line, behind the others."""
        self.headers.setdefault(name, []).append(line)

    def extend(self, headers: Iterable[tuple[str, str]]) -> None:
        """`add` each."""
        for name, line in headers:
            self.headers.setdefault(name, []).append(line)

    @property
    def call_id(self) -> str:
        return self.headers["Call-ID"][0]

    @property
    def cseq(self) -> int:
        return int(self.headers["CSeq"][0].split(None, 1)[0])

    @property
    def cseq_method(self) -> str:
        return self.headers["CSeq"][0].split(None, 1)[1]

    @property
    def from_tag(self) -> str:
        """ "" when there is none."""
        return tag_of(self.headers["From"][0])

    @property
    def to_tag(self) -> str:
        """ "" when there is none: the request is outside a dialog."""
        return tag_of(self.headers["To"][0])

    @property
    def from_(self) -> NameAddr:
        return parse_name_addr(self.headers["From"][0])

    @property
    def to(self) -> NameAddr:
        return parse_name_addr(self.headers["To"][0])

    @property
    def contacts(self) -> list[NameAddr]:
        """Raises `Malformed`; "*" is one without URI parts, ``NameAddr("", "*")``."""
        return [
            NameAddr("", "*") if text == "*" else parse_name_addr(text) for text in self.values("Contact")
        ]

    @property
    def expires(self) -> int | None:
        """Seconds; None when it says nothing.  Raises `Malformed`."""
        return self.number("Expires", _MAX_EXPIRES)

    def number(self, name: str, most: int = _MAX_EXPIRES) -> int | None:
        """A header field that is a number; None when it is not there.  Raises `Malformed`."""
        lines = self.headers.get(name)
        if not lines:
            return None
        text = lines[0]
        if not _DECIMAL.match(text) or int(text) > most:
            raise Malformed(400, f"Bad {name}")
        return int(text)

    def _written(self, *parts_before: str) -> bytes:
        parts = [*parts_before]
        for name, lines in self.headers.items():
            for line in lines:
                parts.append(f"{name}: {line}")  # noqa: PERF401 - two loops in a comprehension are slower
        body = self.body
        parts.append(f"Content-Length: {len(body)}\r\n\r\n")
        head = "\r\n".join(parts).encode("utf-8", "surrogateescape")
        if head.count(b"\n") != len(parts) + 1 or head.count(b"\r") != len(parts) + 1:
            raise ValueError("a line break in a header field")
        return head + body


class Request(_Fields, Struct, gc=False):
    """``uri`` as it is written; `address` is it in parts."""

    method: str
    uri: str
    headers: Headers = {}
    body: bytes = b""

    def write(self, *lines: str) -> bytes:
        """As it is sent, ``lines`` ("Via: ...") before its own.  Raises `ValueError` for one with a break."""
        return self._written(f"{self.method} {self.uri} SIP/2.0", *lines)

    @property
    def address(self) -> Uri:
        """Raises `Malformed`."""
        return parse_uri(self.uri)


class Response(_Fields, Struct, gc=False):
    """``reason`` may be empty (§25.1)."""

    status: int
    reason: str
    headers: Headers = {}
    body: bytes = b""

    def write(self) -> bytes:
        """As it is sent.  Raises `ValueError` for a header field with a line break in it."""
        return self._written(f"SIP/2.0 {self.status} {self.reason}")


Message = Request | Response


class Head(Struct, gc=False):
    """A message whose body is still to come: ``length`` bytes of it, None when it does not say.

    ``error``: the message is to be refused with it, but where it ends is known.
    """

    message: Message
    length: int | None
    error: Malformed | None

    def refuse(self, status: int, why: str) -> None:
        """It cannot be served, unless there was something wrong with it before."""
        self.error = self.error or _owed(Malformed(status, why), self.message)


def parse(data: bytes) -> Message:
    """A whole message, as a datagram has it: without Content-Length the body goes to the end (§18.3).

    Raises `Malformed`, with a message when it is a request of which enough can be read to answer it.
    """
    if data[:1] in b"\r\n":
        data = data.lstrip(b"\r\n")  # §7.5
    start, blank, body = data.partition(b"\r\n\r\n")
    head = parse_head(start)
    message, length, error = head.message, head.length, head.error
    if not blank:
        error = Malformed(400, "No end of the header")
    if length is not None and length != len(body):
        if length > len(body):
            error = error or Malformed(400, "Content-Length too large")
        body = body[:length]
    if error is not None:
        raise _owed(error, message)
    message.body = body
    return message


def parse_head(data: bytes) -> Head:
    """What comes before the blank line.  Raises `Malformed` when not even the length of the body is known."""
    lines = data.decode("utf-8", "surrogateescape").split("\r\n")
    breaks = len(lines) - 1
    if breaks > MAX_LINES or data.count(b"\n") != breaks or data.count(b"\r") != breaks:
        raise Malformed(400, "Bad line breaks")
    message, error = _start(lines[0])
    try:
        _fill(message.headers, lines)
    except Malformed as bad:
        error = error or _filled(message.headers, lines, _owed(bad))
    length = None
    lengths = message.headers.pop("Content-Length", None)
    if lengths is not None:
        length = _length(lengths)
        if length is None:
            raise _owed(Malformed(400, "Bad Content-Length"), message)
    if error is None:
        error = _wrong(message)
    return Head(message, length, _owed(error, message) if error else None)


def _fill(headers: Headers, lines: list[str]) -> None:
    """The header fields of a message.  Raises `Malformed` at the first line that is none."""
    usual = USUAL.get
    for line in lines[1:]:
        raw, colon, text = line.partition(":")
        name = usual(raw) or header_name(raw)
        if name not in headers and colon:
            headers[name] = [text.strip(" \t")]
        elif name in ONCE or not colon:
            raise Malformed(400, f"More than one {name}" if colon else "Bad header field")
        else:
            headers[name].append(text.strip(" \t"))


def _filled(headers: Headers, lines: list[str], error: Malformed) -> Malformed | None:
    """The same once more, folded lines made whole; what is wrong still, every other line read."""
    headers.clear()
    unfolded = _unfolded(lines)
    try:
        _fill(headers, unfolded)
    except Malformed as bad:
        error = _owed(bad)
    else:
        return None
    headers.clear()
    for line in unfolded[1:]:
        with suppress(Malformed):
            single: Headers = {}
            _fill(single, ["", line])
            for name, texts in single.items():
                headers.setdefault(name, []).extend(texts)
    return error


def _owed(error: Malformed, message: Message | None = None) -> Malformed:
    """The error anew: one that was raised is tied to frames that hold it, until the collector comes."""
    return Malformed(error.status, error.why, message if isinstance(message, Request) else None)


def _start(line: str) -> tuple[Message, Malformed | None]:
    """The message that a start line begins (§7.1, §7.2), and what is wrong with the line."""
    if line == _OK:
        return Response(200, "OK", {}), None
    words = line.split(" ")
    if (
        len(words) == _REQUEST_LINE
        and words[2] == "SIP/2.0"
        and words[1]
        and (words[0] in _METHODS or TOKEN.match(words[0]))
    ):
        return Request(words[0], words[1], {}), None
    if line[:4].upper() == "SIP/":
        version, _, rest = line.partition(" ")
        status, _, reason = rest.partition(" ")
        if version.upper() != "SIP/2.0" or not _STATUS.match(status):
            raise Malformed(400, "Bad status line")
        return Response(int(status), reason, {}), None
    words = line.split()
    if not words or not _VERSION.match(words[-1]) or not TOKEN.match(words[0]):
        raise Malformed(400, "Not SIP")
    request = Request(words[0], " ".join(words[1:-1]), {})
    if words[-1].upper() != "SIP/2.0":
        return request, Malformed(505, reason_of(505))
    if line != " ".join(words) or len(words) != _REQUEST_LINE:
        return request, Malformed(400, "Bad request line")
    return request, None


def _unfolded(lines: list[str]) -> list[str]:
    """§7.3.1: a line that begins with a blank goes on with the one before it."""
    whole = lines[:1]
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and len(whole) > 1:
            whole[-1] = whole[-1].rstrip(" \t") + " " + line.strip(" \t")
        else:
            whole.append(line)
    return whole


def _length(lines: list[str]) -> int | None:
    """What all the Content-Length lines say; None: no number, or not one."""
    if len(set(lines)) != 1 or not _DECIMAL.match(lines[0]):
        return None
    return int(lines[0])


def _wrong(message: Message) -> Malformed | None:  # noqa: C901, PLR0911 - one look at each of the six
    """What keeps a message from being relied on (§8.1.1, §8.2.2)."""
    headers = message.headers
    try:
        sender, to, cseq = headers["From"][0], headers["To"][0], headers["CSeq"][0]
        if not headers["Call-ID"][0]:
            return Malformed(400, "Bad Call-ID")
        for via in headers["Via"]:
            if not VIA.match(via) or ("," in via and not all(map(VIA.match, split_list(via)))):
                return Malformed(400, "Bad Via")
        if not _ADDRESS.match(sender):
            parse_name_addr(sender)
        if not _ADDRESS.match(to):
            parse_name_addr(to)
        match = _CSEQ.match(cseq)
        if not match or int(match[1]) > _MAX_NUMBER:
            return Malformed(400, "Bad CSeq")
        if isinstance(message, Request):
            if match[2] != message.method:
                return Malformed(400, "CSeq of another method")
            if parse_uri(message.uri).headers:
                return Malformed(400, "Headers in the Request-URI")  # §19.1.1
            hops = headers.get("Max-Forwards")
            if hops and hops[0] not in _HOPS:
                message.number("Max-Forwards", _MAX_FORWARDS)
    except KeyError as missing:
        return Malformed(400, f"Missing {missing.args[0]}")
    except Malformed as bad:
        return _owed(bad)
    return None
