"""Attachments of a SOAP message in the three ways in which clients can take them.

DIME (draft-nielsen-dime-02) is what the service of the product is named after; its later releases write MTOM
(multipart/related), and so do we for whoever does not ask for DIME by name.
"""

from __future__ import annotations

import base64
import struct
from typing import NamedTuple

from ctigw.soap.envelope import Version
from ctigw.values import Enum

# The first byte of a record: five bits of version, then whether it is the first of the message, the last, and
# whether more of the same payload is in the next one (there never is: lengths are known here).
_VERSION, _FIRST, _LAST = 1 << 3, 1 << 2, 1 << 1
# The second byte: four bits say what the type is.
_MEDIA_TYPE, _URI = 1 << 4, 2 << 4
# First, type, then the lengths of options, id, type and data.
_HEAD = struct.Struct(">BBHHHI")
_UNIT = 4
FILE = "application/octet-stream"


class Way(Enum):
    """How a file is put into an answer."""

    DIME = "application/dime"
    MULTIPART = "multipart/related"
    INLINE = "base64"


def way(accept: str | None) -> Way:
    """How a client can take a file that says this in Accept; None: it does not say it.

    Clients of DIME's age name it or say nothing; all others say that they take everything.
    """
    if accept is None or Way.DIME.value in accept:
        return Way.DIME
    if Way.MULTIPART.value in accept or "*/*" in accept or "multipart/*" in accept:
        return Way.MULTIPART
    return Way.INLINE


class Body(NamedTuple):
    """Of an answer."""

    content_type: str
    data: bytes


def dime(version: Version, envelope: bytes, identifier: str, data: bytes) -> Body:
    """``envelope``, which refers to ``identifier``, and ``data``."""
    first = _record(_FIRST, _URI, version.value, "", envelope)
    return Body(Way.DIME.value, first + _record(_LAST, _MEDIA_TYPE, FILE, identifier, data))


def _record(place: int, kind: int, type_: str, identifier: str, data: bytes) -> bytes:
    """One record; each part is filled up to a multiple of four bytes."""
    name, what = identifier.encode(), type_.encode()
    head = _HEAD.pack(_VERSION | place, kind, 0, len(name), len(what), len(data))
    return head + _filled(name) + _filled(what) + _filled(data)


def _filled(part: bytes) -> bytes:
    return part + bytes(-len(part) % _UNIT)


def multipart(version: Version, envelope: bytes, identifier: str, data: bytes) -> Body:
    """``envelope``, which refers to ``identifier`` by xop:Include, and ``data`` (MTOM).

    ``identifier`` is random: it is in none of the parts, and so can part them.
    """
    soap = "text/xml" if version is Version.SOAP_11 else "application/soap+xml"
    boundary, start = f"MIMEBoundary_{identifier}", f"0.{identifier}"
    parts = (
        (f'application/xop+xml; charset=UTF-8; type="{soap}"', start, envelope),
        (FILE, identifier, data),
    )
    written = b"".join(
        (
            f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n"
            f"Content-ID: <{name}>\r\n\r\n"
        ).encode()
        + content
        + b"\r\n"
        for kind, name, content in parts
    )
    return Body(
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; start="<{start}>"; '
        f'start-info="{soap}"',
        written + f"--{boundary}--\r\n".encode(),
    )


def inline(data: bytes) -> str:
    """``data`` as an element's text."""
    return base64.b64encode(data).decode()
