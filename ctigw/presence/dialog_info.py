"""Documents that tell of the calls of a line (RFC 4235): what the lamp fields of phones subscribe to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

from ctigw.values import named
from ctigw.xml.characters import possible

NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
CONTENT_TYPE = "application/dialog-info+xml"
DialogState = Literal["trying", "proceeding", "early", "confirmed", "terminated"]
Direction = Literal["initiator", "recipient"]

# What the user part of a SIP URI may have unescaped (RFC 3261 §25.1: unreserved, user-unreserved).
_USER = "-_.!~*'()&=+$,;?/"
# A party that its PBX names by a URI already.
_URI = re.compile(r"(?:sips?|tel):(?:[-A-Za-z0-9_.!~*'()&=+$,;?/:@\[\]]|%[0-9A-Fa-f]{2})+")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


@named
class Dialog:
    """A call as one of its lines has it.

    ``local``, ``remote``: the numbers of the line and of the other party ("" when it is not known), or URIs.
    ``held``: the line does not render what it gets, since it has put the call on hold.
    """

    id: str
    state: DialogState
    direction: Direction
    local: str
    remote: str = ""
    held: bool = False


def dialog_info(entity: str, version: int, dialogs: Iterable[Dialog], *, full: bool = True) -> bytes:
    """The document about ``entity``, a SIP URI; numbers are given the domain of that.

    ``version`` grows by one with each document of a subscription (RFC 4235 §3.1); ``full``: whether there are
    no other dialogs than these.
    """
    domain = entity.rpartition("@")[2].removeprefix("sip:").removeprefix("sips:")
    state = "full" if full else "partial"
    shown = "".join([_dialog(dialog, domain) for dialog in dialogs])
    root = f'<dialog-info xmlns="{NAMESPACE}" version="{version}" state="{state}" entity="{marked(entity)}"'
    return (f"{_HEAD}{root}>{shown}</dialog-info>" if shown else f"{_HEAD}{root}/>").encode()


def line_uri(number: str, domain: str) -> str:
    """The URI of ``number``, which may be one."""
    return number if _URI.fullmatch(number) else f"sip:{quote(number, safe=_USER, errors='replace')}@{domain}"


def marked(text: str) -> str:
    """``text`` as content or attribute of an element; what no document can have becomes a question mark."""
    return possible(text).translate(_MARKUP)


def _dialog(dialog: Dialog, domain: str) -> str:
    rendering = '<param pname="+sip.rendering" pval="no"/>' if dialog.held else ""
    return (
        f'<dialog id="{marked(dialog.id)}" direction="{dialog.direction}"><state>{dialog.state}</state>'
        f"{_participant('local', dialog.local, domain, rendering)}"
        f"{_participant('remote', dialog.remote, domain, '')}</dialog>"
    )


def _participant(which: str, number: str, domain: str, parameters: str) -> str:
    if not number:
        return ""
    uri = marked(line_uri(number, domain))
    target = f'<target uri="{uri}">{parameters}</target>' if parameters else f'<target uri="{uri}"/>'
    return f"<{which}><identity>{uri}</identity>{target}</{which}>"
