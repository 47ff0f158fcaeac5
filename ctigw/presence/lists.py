"""Notices of lists (RFC 4662): what is known of each resource, as parts of one body.

The form is the one that clients need who were written against servers of long ago: type, start and a quoted
boundary always, a Content-ID for each part, CRLF.  What is read may be sloppier than what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ctigw.presence.lexical import escaped, quoted, uri
from ctigw.values import value
from ctigw.xml import DECLARATION
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, local, parse

NAMESPACE = "urn:ietf:params:xml:ns:rlmi"
RLMI = "application/rlmi+xml"
PIDF = "application/pidf+xml"
_MAX_DEPTH = 8
# Of what is read: parts of a body.
MAX_PARTS = 10_000
STATES = frozenset(("active", "pending", "terminated"))


class NotListError(ValueError):
    """This is no notice of a list; the text says why, and quotes nothing of it."""


@value
class Instance:
    """What is known of one resource.

    ``state``: "active", "pending" or "terminated", then with a ``reason`` such as "noresource";
    ``document``: None where there is nothing to see.
    """

    state: str
    reason: str = ""
    document: bytes | None = None
    name: str = ""


@value
class Listed:
    """A notice, read: the resources by URI, in their order."""

    uri: str
    version: int
    full: bool
    resources: tuple[tuple[str, Instance], ...]


class Rlmi:
    """What one subscription has been told of the list ``uri``.

    ``token``: what no other subscription has, of letters and digits; ``host``: where Content-IDs are from;
    ``content_type``: of the documents.
    """

    __slots__ = ("_content_type", "_host", "_known", "_token", "_uri", "version")

    def __init__(self, uri: str, token: str, host: str, content_type: str = PIDF) -> None:
        self._uri, self._token, self._host, self._content_type = uri, token, host, content_type
        # Of the next notice.
        self.version = 0
        # By their hashes: the documents themselves are the engine's, and there are many subscriptions.
        self._known: dict[str, int] = {}

    def notify(self, resources: Mapping[str, Instance], *, full: bool = False) -> tuple[str, bytes] | None:
        """Content type and body of the notice to send; None where nothing has changed.  The first is full.

        ``resources``: all, if it is to be full; else at least those that may have changed.  One that has left
        the list is told by a full notice only (RFC 4662 §5.2).
        """
        full = full or not self.version
        now = {name: hash(each) for name, each in resources.items()}
        changed = {
            name: each for name, each in resources.items() if full or self._known.get(name) != now[name]
        }
        if not changed and not full:
            return None
        if full:
            self._known = now
        else:
            self._known.update({name: now[name] for name in changed})
        version, self.version = self.version, self.version + 1
        return write(
            self._uri,
            version,
            changed,
            full=full,
            host=self._host,
            token=f"{self._token}.{version}",
            content_type=self._content_type,
        )


def write(
    list_uri: str,
    version: int,
    resources: Mapping[str, Instance],
    *,
    full: bool,
    host: str,
    token: str,
    content_type: str = PIDF,
) -> tuple[str, bytes]:
    """Content type and body of a notice.  ``token`` is unique among all that ``host`` sends."""
    start = f"{token}.0@{host}"
    described: list[str] = []
    parts: list[tuple[str, str, bytes]] = []
    for number, (name, each) in enumerate(resources.items(), 1):
        cid = f"{token}.{number}@{host}"
        if each.document is not None:
            parts.append((cid, content_type, each.document))
        described.append(_resource(name, each, cid))
    rlmi = (
        f'{DECLARATION}<list xmlns="{NAMESPACE}" uri={quoted(uri(list_uri))} version="{version}" '
        f'fullState="{"true" if full else "false"}">{"".join(described)}</list>'
    )
    parts.insert(0, (start, f'{RLMI};charset="UTF-8"', rlmi.encode()))
    boundary = _boundary(token, [body for _, _, body in parts])
    body = b"".join(
        [
            f"--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{cid}>\r\n"
            f"Content-Type: {kind}\r\n\r\n".encode()
            + content
            + b"\r\n"
            for cid, kind, content in parts
        ]
    )
    kind = f'multipart/related;type="{RLMI}";start="<{start}>";boundary="{boundary}"'
    return kind, body + f"--{boundary}--\r\n".encode()


def _resource(name: str, each: Instance, cid: str) -> str:
    if each.state not in STATES:
        raise ValueError(f"an instance is never {each.state}")
    called = f"<name>{escaped(each.name)}</name>" if each.name else ""
    reason = f" reason={quoted(each.reason)}" if each.reason else ""
    part = f" cid={quoted(cid)}" if each.document is not None else ""
    return (
        f"<resource uri={quoted(uri(name))}>{called}"
        f'<instance id="1" state="{each.state}"{reason}{part}/></resource>'
    )


def _boundary(token: str, bodies: Iterable[bytes]) -> str:
    """A line that is in none of the bodies."""
    whole = b"\n".join(bodies)
    number = 0
    while (boundary := f"part-{token}-{number}").encode() in whole:
        number += 1
    return boundary


_PARAMETER = re.compile(r';\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^";]*))')
_BREAK = re.compile(rb"\r?\n\r?\n")


def read(content_type: str, body: bytes) -> Listed:
    """What a notice tells.  Raises `NotListError`."""
    parameters = {
        name.lower(): (quoted_text or text).strip()
        for name, quoted_text, text in _PARAMETER.findall(content_type)
    }
    if not content_type.lower().lstrip().startswith("multipart/related"):
        raise NotListError("not multipart/related")
    parts = _parts(parameters.get("boundary", ""), body)
    start = parameters.get("start", "").strip("<>")
    # Without a start the first part is the root (RFC 2387 §3.2).
    root = parts[start] if start in parts else next(iter(parts.values()))
    try:
        listed = parse(root, _MAX_DEPTH)
    except NotXmlError as error:
        raise NotListError(error.why) from None
    if local(listed) != "list":
        raise NotListError("the root part is no list")
    try:
        version = int(str(listed.get("version", "0")))
    except ValueError:
        raise NotListError("the version is no number") from None
    resources = tuple(
        (str(each.get("uri", "")), _instance(each, parts)) for each in listed if local(each) == "resource"
    )
    return Listed(str(listed.get("uri", "")), version, listed.get("fullState") in ("true", "1"), resources)


def _instance(resource: Element, parts: Mapping[str, bytes]) -> Instance:
    """The first instance of a resource; one that is not told about is pending."""
    children = {local(each): each for each in reversed(resource)}
    name = children["name"].text or "" if "name" in children else ""
    if "instance" not in children:
        return Instance("pending", name=name)
    each = children["instance"]
    state = str(each.get("state", ""))
    return Instance(
        state if state in STATES else "pending",
        str(each.get("reason", "")),
        parts.get(str(each.get("cid", ""))),
        name,
    )


def _parts(boundary: str, body: bytes) -> dict[str, bytes]:
    """The parts, by their Content-IDs.

    Servers of the field have written a boundary into the header that is not the one in the body: then the
    first line of the body tells.
    """
    line = b"--" + boundary.encode("utf-8", "replace")
    if not boundary or line not in body:
        line = body.lstrip().partition(b"\n")[0].rstrip()
        if not line.startswith(b"--") or len(line) < len(b"--x"):
            raise NotListError("there is no boundary")
    pieces = re.split(rb"(?:^|\r?\n)" + re.escape(line) + rb"(?:--)?[ \t]*(?=\r?\n|$)", body)[1:]
    if len(pieces) > MAX_PARTS:
        raise NotListError(f"more than {MAX_PARTS} parts")
    found: dict[str, bytes] = {}
    for number, piece in enumerate(pieces):
        head, *content = _BREAK.split(piece, maxsplit=1)
        if content:
            found[_content_id(head) or str(number)] = content[0]
    if not found:
        raise NotListError("there are no parts")
    return found


def _content_id(head: bytes) -> str:
    for line in head.splitlines():
        name, _, text = line.partition(b":")
        if name.strip().lower() == b"content-id":
            return text.decode("utf-8", "replace").strip().strip("<>")
    return ""
