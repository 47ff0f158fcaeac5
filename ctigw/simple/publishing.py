"""PUBLISH served (RFC 3903)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ctigw.presence.documents import NotPidfError, checked
from ctigw.presence.engine import Presence
from ctigw.presence.errors import (
    NoSuchPublicationError,
    NothingPublishedError,
    NotKeptError,
    PresenceError,
    TooManyError,
)
from ctigw.presence.publications import Publish, Published
from ctigw.simple.headers import Expiries, media_type
from ctigw.simple.subscriptions import package_name
from ctigw.sip.errors import Rejected
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request

PIDF = "application/pidf+xml"
TYPES = (PIDF, "application/cpim-pidf+xml")
# RFC 3903 §6, step by step, and what stands outside of it.
REFUSALS: Mapping[type[PresenceError], Rejected] = {
    NoSuchPublicationError: Rejected(412),
    NothingPublishedError: Rejected(400, "Nothing is published"),
    TooManyError: Rejected(403, "Too many publications"),
    NotKeptError: Rejected(503, headers=(("Retry-After", "5"),)),
}


class Publishing:
    """The event state compositor's door.  ``longest``: bytes of a document."""

    def __init__(self, presence: Presence, expiries: Expiries, *, longest: int) -> None:
        self._presence, self._expiries, self._longest = presence, expiries, longest

    def publish(self, incoming: Incoming, resource: str) -> None:
        """Serve a PUBLISH for ``resource``, by somebody who may.

        Raises `Rejected`: 400, 403, 412, 413, 415, 423, 489.
        """
        request = incoming.request
        if package_name(request) != "presence":
            raise Rejected(489, headers=(("Allow-Events", "presence"),))
        if request.body:
            acceptable(request, self._longest)
        seconds = self._expiries.granted(request)
        if request.body and seconds:
            well_formed(request.body)
        etag = request.get("SIP-If-Match").strip()
        asked = Publish(resource, etag, request.body, seconds, request.get("User-Agent"))
        self._presence.publications.publish(asked, partial(_answer, incoming))


def acceptable(request: Request, longest: int) -> None:
    """Look at what a body is said to be, and how long it is.  Raises `Rejected`: 413, 415."""
    if media_type(request.get("Content-Type")) not in TYPES:
        raise Rejected(415, headers=(("Accept", ", ".join(TYPES)),))
    if len(request.body) > longest:
        raise Rejected(413)


def well_formed(body: bytes) -> None:
    """Look whether ``body`` is a presence document.  Raises `Rejected`: 400."""
    try:
        checked(body)
    except NotPidfError:
        raise Rejected(400, "Not a presence document") from None


def _answer(incoming: Incoming, outcome: Published | PresenceError) -> None:
    if isinstance(outcome, Published):
        headers = [("SIP-ETag", outcome.etag), ("Expires", str(int(outcome.seconds)))]
        incoming.respond(200, headers)
    else:
        incoming.reject(REFUSALS[type(outcome)])
