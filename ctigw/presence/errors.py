"""Why the engine refuses: each a case that RFC 3903 or RFC 6665 has an answer for."""

from __future__ import annotations


class PresenceError(Exception):
    """The engine says no; the text says why in a few words."""


class NoSuchPublicationError(PresenceError):
    """The entity-tag names no publication of this presentity (any more)."""


class NothingPublishedError(PresenceError):
    """A publication without a document, and none that it could renew."""


class TooManyError(PresenceError):
    """A presentity, or a watcher, has as many as it may."""


class NotKeptError(PresenceError):
    """The publication could not be stored; nothing has changed."""
