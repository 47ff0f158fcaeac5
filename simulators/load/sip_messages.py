"""What the SIP load client sends, and what it reads of what it is sent.

The requests are those that presence servers are usually measured with: a PIDF document of 629 bytes; a
dialog for each subscription.  Every Call-ID begins with the number of a slot and a serial number, by which
whatever comes is dealt out.
"""

from __future__ import annotations

import re

DOMAIN = b"example.com"
ACTIVITIES = (b"away", b"busy", b"meeting", b"on-the-phone", b"working", b"holiday", b"meal", b"travel")
# Of whom a message is: slot and serial number.
CALL = re.compile(rb"\r\nCall-ID: (\d+)\.(\d+)")
ETAG = re.compile(rb"\r\nSIP-ETag: ([^\r]+)")
TO = re.compile(rb"\r\nTo: ([^\r]+)")
CONTACT = re.compile(rb"\r\nContact: <([^>]+)>")
OK, NOTIFY = (b"SIP/2.0 200 ", b"SIP/2.0 202 "), b"NOTIFY "
# What an answer repeats of its request (RFC 3261, 8.2.6.2), as the servers here spell it.
REPEATED = (b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:")

_DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\r\n'
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" '
    b'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" '
    b'xmlns:sc="urn:ietf:params:xml:ns:pidf:caps" entity="sip:%s@example.com"><tuple id="t0"><status>'
    b"<basic>%s</basic></status><sc:servcaps><sc:audio>true</sc:audio><sc:text>true</sc:text><sc:video>false"
    b"</sc:video></sc:servcaps><r:user-input>active</r:user-input>"
    b'<contact priority="0.8">sip:%s@127.0.0.1</contact></tuple>'
    b'<dm:person id="p3"><r:activities><r:%s/></r:activities></dm:person></presence>'
)
_HEAD = (
    b"%(method)s %(uri)s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%(port)d;branch=z9hG4bK%(call)s.%(cseq)d\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:%(user)s@example.com>;tag=%(call)s\r\nTo: %(to)s\r\n"
    b"Call-ID: %(call)s@127.0.0.1\r\nCSeq: %(cseq)d %(method)s\r\n"
    b"Contact: <sip:%(user)s@127.0.0.1:%(port)d;transport=UDP>\r\nUser-Agent: load\r\n%(more)s"
    b"Content-Length: %(length)d\r\n\r\n"
)


def user(number: int) -> bytes:
    """The user part of somebody."""
    return b"u%05d" % number


def call(slot: int, serial: int) -> bytes:
    """What a Call-ID begins with."""
    return b"%d.%d" % (slot, serial)


def document(who: bytes, basic: bytes, activity: bytes) -> bytes:
    """What somebody publishes."""
    return _DOCUMENT % (who, basic, who, activity)


def documents(who: bytes) -> list[bytes]:
    """What somebody publishes first, and then in eight changes."""
    first = document(who, b"open", b"away")
    return [first, *(document(who, (b"closed", b"open")[n % 2], name) for n, name in enumerate(ACTIVITIES))]


def publish(
    who: bytes,
    port: int,
    name: bytes,
    cseq: int,
    *,
    etag: bytes = b"",
    body: bytes = b"",
    expires: int = 3600,
) -> bytes:
    """``name``: of the call; no ``body``: the publication is refreshed, or with ``expires`` 0 removed."""
    condition = b"SIP-If-Match: %s\r\n" % etag if etag else b""
    form = b"Content-Type: application/pidf+xml\r\n" if body else b""
    uri = b"sip:%s@%s" % (who, DOMAIN)
    head = _HEAD % {
        b"method": b"PUBLISH",
        b"uri": uri,
        b"port": port,
        b"call": name,
        b"cseq": cseq,
        b"user": who,
        b"to": b"<%s>" % uri,
        b"more": b"Event: presence\r\n%sExpires: %d\r\n%s" % (condition, expires, form),
        b"length": len(body),
    }
    return head + body


def subscribe(
    who: bytes,
    whom: bytes,
    port: int,
    name: bytes,
    cseq: int,
    *,
    to: bytes = b"",
    uri: bytes = b"",
    expires: int,
) -> bytes:
    """``to`` and ``uri``: in a dialog, the other end with its tag, and where it is."""
    target = b"sip:%s@%s" % (whom, DOMAIN)
    return _HEAD % {
        b"method": b"SUBSCRIBE",
        b"uri": uri or target,
        b"port": port,
        b"call": name,
        b"cseq": cseq,
        b"user": who,
        b"to": to or b"<%s>" % target,
        b"more": b"Event: presence\r\nAccept: application/pidf+xml\r\nExpires: %d\r\n" % expires,
        b"length": 0,
    }


def register(who: bytes, port: int, name: bytes) -> bytes:
    """A binding for an hour."""
    return _HEAD % {
        b"method": b"REGISTER",
        b"uri": b"sip:" + DOMAIN,
        b"port": port,
        b"call": name,
        b"cseq": 1,
        b"user": who,
        b"to": b"<sip:%s@%s>" % (who, DOMAIN),
        b"more": b"Expires: 3600\r\n",
        b"length": 0,
    }


def answer(request: bytes) -> bytes:
    """The 200 to a NOTIFY."""
    lines = request[: request.find(b"\r\n\r\n")].split(b"\r\n")
    said = [line for line in lines if line.startswith(REPEATED)]
    return b"\r\n".join([b"SIP/2.0 200 OK", *said, b"Content-Length: 0\r\n\r\n"])
