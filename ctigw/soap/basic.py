"""HTTP Basic authentication (RFC 7617), for the interfaces that ask for it with each request."""

from __future__ import annotations

import base64
import binascii

from ctigw.directory.credentials import Principal
from ctigw.errors import Refused
from ctigw.logins import BusyError
from ctigw.soap.given import Who
from ctigw.soap.http import HttpRequest, HttpResponse, plain

REALM = "ctigw"
_CHALLENGE = ("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"')
UNKNOWN = plain(401, "a name and a password are needed", _CHALLENGE)
FORBIDDEN = plain(403, "this is for those who administer the gateway")
ELSEWHERE = plain(403, "this comes from another site's page")
BUSY = plain(503, "too many logins; come again", ("Retry-After", "5"))
AWAY = plain(503, "the database cannot be reached", ("Retry-After", "5"))


def credentials(request: HttpRequest) -> tuple[str, str] | None:
    """The name and the password that ``request`` brings; None: none that can be read."""
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        octets = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = octets.decode()
    except UnicodeDecodeError:  # clients of before RFC 7617
        text = octets.decode("latin-1")
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


def is_elsewhere(request: HttpRequest) -> bool:
    """Whether a browser has sent ``request`` for another site's page.

    Browsers send their user's password and cookies with what such pages ask for, and say so.
    """
    return request.headers.get("origin", request.base) != request.base


async def administrator(request: HttpRequest, who: Who) -> Principal | HttpResponse:
    """Who has sent ``request``, if they may administer the gateway; else the answer that says why not.

    401: nobody, or a wrong password.  403: somebody who may not, or another site's page.  503: passwords
    cannot be looked at now.
    """
    if is_elsewhere(request):
        return ELSEWHERE
    given = credentials(request)
    if given is None:
        return UNKNOWN
    try:
        principal = await who(request.peer, *given)
    except BusyError:
        return BUSY
    except Refused:
        return AWAY
    if principal is None:
        return UNKNOWN
    return principal if principal.administers else FORBIDDEN
