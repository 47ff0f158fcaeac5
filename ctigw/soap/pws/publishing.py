"""What users say of themselves: published like a SIP client's document, and kept as that is.

A user has one publication from here, whoever has logged them in: what was set last is what holds.  So setting
a state without override takes one with override back.
"""

from __future__ import annotations

from ctigw.presence.composition import OVERRIDES
from ctigw.presence.documents import NotPidfError, read, written
from ctigw.presence.engine import Presence, entity
from ctigw.presence.errors import NoSuchPublicationError, NothingPublishedError, PresenceError, TooManyError
from ctigw.presence.publications import Publish, Published
from ctigw.soap.given import Promise
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.words import SETTABLE, SOURCE, Word, document_for
from ctigw.turns import WAITING

# By which a publication from here is known; it is kept with it.
AGENT = SOURCE
# Whom a tuple may be from.  One client of the field says Human of what its user sets by hand.
_SOURCES = frozenset((SOURCE,))
_SOURCES_OF_OVERRIDES = frozenset((SOURCE, "Human"))
_OVERRIDE_TUPLES = OVERRIDES - {"cupc-override"}


def basic(user: str, word: str | None, *, override: bool) -> bytes:
    """The document of ``user``, who has said ``word``.

    Raises `PwsError`: NO_BASIC_PRESENCE, PRESENCE_DATA, AVAILABLE_OVERRIDES, DND_WITHOUT_OVERRIDE.
    """
    if not word:
        raise PwsError(Code.NO_BASIC_PRESENCE)
    if word not in SETTABLE:
        raise PwsError(Code.PRESENCE_DATA)
    if word == Word.AVAILABLE.value and override:
        raise PwsError(Code.AVAILABLE_OVERRIDES)
    if word == Word.DND.value and not override:
        raise PwsError(Code.DND_WITHOUT_OVERRIDE)
    return document_for(user, word, override=override)


def rich(user: str, document: bytes | None, *, override: bool, longest: int) -> bytes:
    """The document of ``user`` that has the content of ``document``, however that is written.

    The tuples say whether it is an override just as ``override`` does.
    Raises `PwsError`: PRESENCE_DATA, OVERRIDE_TUPLE, SOURCE.
    """
    if not document or len(document) > longest:
        raise PwsError(Code.PRESENCE_DATA)
    try:
        told = read(document)
    except NotPidfError:
        raise PwsError(Code.PRESENCE_DATA) from None
    if told.empty:
        raise PwsError(Code.PRESENCE_DATA)
    overriding = any(part.key in _OVERRIDE_TUPLES for part in told.tuples)
    if overriding is not override:
        raise PwsError(Code.OVERRIDE_TUPLE)
    allowed = _SOURCES_OF_OVERRIDES if override else _SOURCES
    if any(part.source not in allowed for part in told.tuples if part.key):
        raise PwsError(Code.SOURCE)
    return written(told, entity(user))


class Publishing:
    """Puts documents into the engine."""

    def __init__(self, presence: Presence, promise: Promise) -> None:
        self._publications, self._promise = presence.publications, promise

    async def put(self, user: str, document: bytes, seconds: int) -> None:
        """``document`` is what ``user`` says, for so many seconds; stored when this returns.

        Raises `PwsError`: PRESENCE_DATA, SET_PRESENCE_FAILED.
        """
        await self._publish(user, document, seconds)

    async def take_back(self, user: str) -> None:
        """``user`` says nothing any more; there need not be anything."""
        await self._publish(user, b"", 0)

    async def _publish(self, user: str, document: bytes, seconds: int) -> None:
        # Of several changes that are under way one comes first; the others then know another entity-tag.
        for _ in range(WAITING + 1):
            outcome = await self._once(Publish(user, self._etag(user), document, seconds, AGENT))
            if isinstance(outcome, Published | NothingPublishedError):
                return
            if isinstance(outcome, TooManyError):
                raise PwsError(Code.PRESENCE_DATA)
            if not isinstance(outcome, NoSuchPublicationError):
                break
        raise PwsError(Code.SET_PRESENCE_FAILED)

    async def _once(self, asked: Publish) -> Published | PresenceError:
        promised = self._promise()
        self._publications.publish(asked, promised.callback)
        outcome: Published | PresenceError = await promised
        return outcome

    def _etag(self, user: str) -> str:
        """The entity-tag of what ``user`` has said here; "" for nothing."""
        return next((each.etag for each in self._publications.of(user) if each.agent == AGENT), "")
