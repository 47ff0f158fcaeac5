"""What a user's presence is for long, and what their clients remember of calls and messages."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from lxml import etree

from ctigw.directory import long_term, recent
from ctigw.directory.errors import DirectoryError
from ctigw.directory.recent import Communication
from ctigw.presence.documents import NotPidfError, checked
from ctigw.soap.envelope import MAX_DEPTH
from ctigw.soap.epas.operations import (
    Call,
    InvalidError,
    Operation,
    add,
    answer,
    children,
    content,
    text_of,
    written,
)
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, parse

# Around what a client remembers, so that it can be read again: it need not have one root.
_AROUND = "<data>%s</data>"


def publish_pres_status(call: Call, body: Element) -> Element:
    """Keep a presence document, in the place of the one before; it may come as the text of one, too."""
    inside = [part for part in body if isinstance(part.tag, str)]
    document = written(inside[0]) if len(inside) == 1 else content(body).strip().encode()
    try:
        checked(document)
    except (NotPidfError, NotXmlError):
        raise InvalidError from None
    long_term.publish(call.session, call.user, document, call.now)
    return _done("publish-pres-status")


def unpublish_pres_status(call: Call, _body: Element) -> Element:
    """Forget it; there need not be any."""
    long_term.unpublish(call.session, call.user)
    return _done("unpublish-pres-status")


def _done(name: str) -> Element:
    made = answer(name)
    add(made, "status-code", "0")
    return made


def add_recent_comm(call: Call, body: Element) -> Element:
    """Remember a communication; the code is 1 where it cannot be remembered, since its date is none."""
    timestamp = text_of(body, "timestamp")
    data = children(body, "data")[0]
    try:
        kept = Communication(timestamp, text_of(body, "type"), as_it_came(data))
        recent.add(call.session, call.user, kept)
    except DirectoryError:
        code = "1"
    else:
        code = "0"
    made = answer("add-recent-comm")
    add(made, "record", timestamp=timestamp, status_code=code)
    return made


def as_it_came(data: Element) -> str:
    """What is in ``data``, or the beginning of it where it is too long.

    Each part repeats the prefixes that are declared around it: all together would be of any length.
    """
    kept = escape(content(data))
    for part in data:
        if len(kept) > recent.LONGEST_DATA:
            break
        kept += etree.tostring(part, encoding="unicode")
    return kept


def get_recent_comm(call: Call, _body: Element) -> Element:
    """What is remembered, the newest first; the data as it came."""
    made = answer("get-recent-comm")
    for entry in recent.communications(call.session, call.user):
        record = add(made, "record")
        add(record, "timestamp", entry.timestamp)
        add(record, "type", entry.type)
        _put(add(record, "data"), entry.data)
    return made


def _put(data: Element, kept: str) -> None:
    """What was ``kept``, below ``data``; as a text, where others have kept what is no XML."""
    try:
        around = parse((_AROUND % kept).encode(), MAX_DEPTH)
    except NotXmlError:
        data.text = "".join(letter for letter in kept if letter.isprintable() or letter in "\t\n")
        return
    data.text = around.text
    data.extend(list(around))


OPERATIONS: Mapping[str, Operation] = {
    "publish-pres-status": publish_pres_status,
    "unpublish-pres-status": unpublish_pres_status,
    "add-recent-comm": add_recent_comm,
    "get-recent-comm": get_recent_comm,
}
