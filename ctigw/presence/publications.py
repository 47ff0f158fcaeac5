"""Publications (RFC 3903): what is published for a presentity, under entity-tags, until when.

All changes of one presentity's publications happen one after the other, each when the one before it is
stored: so an entity-tag is either the current one or it is not, whatever a client sends at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ctigw.expiring import Expiring
from ctigw.means import Means
from ctigw.presence.composition import Component
from ctigw.presence.errors import (
    NoSuchPublicationError,
    NothingPublishedError,
    NotKeptError,
    PresenceError,
    TooManyError,
)
from ctigw.turns import WAITING, Turns
from ctigw.values import value


class Publication:
    """One event publication agent's part of a presentity's state.

    ``id`` stays through all changes, ``etag`` is new after each.  ``expires`` and ``published`` (the last
    time that the document changed) are seconds since 1970.  ``agent``: the User-Agent that published it.
    """

    __slots__ = ("agent", "body", "component", "due", "etag", "expires", "id", "presentity", "published")

    def __init__(
        self, id_: str, presentity: str, etag: str, agent: str, expires: float, published: float, body: bytes
    ) -> None:
        self.id, self.presentity, self.etag, self.agent = id_, presentity, etag, agent
        self.expires, self.published, self.body = expires, published, body
        # ``body`` as it is understood, once somebody had to.
        self.component: Component | None = None
        self.due = 0


@value
class Publish:
    """What is asked for: ``etag`` "" for a new publication, ``body`` empty for a refresh.

    ``seconds``: how long it lasts; 0 removes it.
    """

    presentity: str
    etag: str
    body: bytes
    seconds: float
    agent: str = ""


@value
class Published:
    """It is done and stored; ``etag`` names the publication from now on."""

    etag: str
    seconds: float


# What came of it: told once the change is stored, or at once when it is refused.
Done = Callable[[Published | PresenceError], None]


@value
class Change:
    """What is to be stored: a publication that is new or has changed, or one that is gone."""

    publication: Publication
    gone: bool = False


# Stores a change and then says whether that went well, at once or later.
Keep = Callable[[Change, Callable[[bool], None]], None]


def forgetful(_change: Change, done: Callable[[bool], None]) -> None:
    """Stores nothing: publications live as long as the engine."""
    done(True)


class Publications:
    """All publications, by their presentities and entity-tags.

    ``changed`` is told the presentity whose documents are others now; a refresh changes none.
    """

    def __init__(
        self,
        means: Means,
        keep: Keep,
        changed: Callable[[str], None],
        *,
        per_presentity: int,
    ) -> None:
        self._keep, self._token, self._now, self._changed = keep, means.token, means.now, changed
        self._most = per_presentity
        self._of: dict[str, dict[str, Publication]] = {}
        self._turns = Turns()
        self._expiring: Expiring[Publication] = Expiring(means, self.over)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def of(self, presentity: str) -> Iterable[Publication]:
        """Those of ``presentity``, the oldest first."""
        return self._of.get(presentity, {}).values()

    def restore(self, publications: Iterable[Publication]) -> None:
        """Take back what was stored."""
        for publication in publications:
            self._put(publication)

    def publish(self, asked: Publish, done: Done) -> None:
        """Change what is published, after whatever is under way for the same presentity."""
        if self._turns.waiting(asked.presentity) >= WAITING:
            done(TooManyError("too many publications under way"))
        else:
            self._turns.take(asked.presentity, partial(self._begin, asked, done))

    def over(self, publication: Publication) -> None:
        """Its time is up, unless a change that is under way renews it."""

        def done(outcome: Published | PresenceError) -> None:
            if isinstance(outcome, NotKeptError):  # it is over all the same, and the store knows until when
                self._remove(publication)

        asked = Publish(publication.presentity, publication.etag, b"", 0)
        self._turns.take(publication.presentity, partial(self._begin, asked, done))

    def forget(self, presentity: str) -> None:
        """Remove all of ``presentity``, what is being stored just now included."""
        self._turns.take(presentity, partial(self._forget, presentity))

    def _forget(self, presentity: str) -> None:
        for publication in tuple(self.of(presentity)):
            self.over(publication)
        self._turns.over(presentity)

    def _begin(self, asked: Publish, done: Done) -> None:
        try:
            change, apply = self._judged(asked)
        except PresenceError as error:
            done(error)
            self._turns.over(asked.presentity)
            return
        kept = partial(self._kept, asked, done, apply)
        if change is None:
            kept(True)
        else:
            self._keep(change, kept)

    def _kept(self, asked: Publish, done: Done, apply: Callable[[], Published], kept: bool) -> None:
        try:
            done(apply() if kept else NotKeptError("cannot be stored now"))
        finally:
            self._turns.over(asked.presentity)

    def _judged(self, asked: Publish) -> tuple[Change | None, Callable[[], Published]]:
        """What is to be stored, if anything, and what then makes it true.  Raises `PresenceError`."""
        here = self._of.get(asked.presentity, {})
        old = here.get(asked.etag) if asked.etag else None
        if asked.etag and old is None:
            raise NoSuchPublicationError("no publication has this entity-tag")
        if old is None and not asked.body:
            raise NothingPublishedError("nothing is published")
        if old is None and len(here) >= self._most:
            raise TooManyError("too many publications")
        if old is not None and asked.seconds <= 0:
            return Change(old, gone=True), partial(self._apply_removal, old)
        new = self._renewed(asked, old)
        if asked.seconds <= 0:  # over as soon as it is there
            return None, lambda: Published(new.etag, 0)
        return Change(new), partial(self._apply, asked, old, new)

    def _renewed(self, asked: Publish, old: Publication | None) -> Publication:
        etag, now = self._token(), self._now()
        same = old is not None and (not asked.body or asked.body == old.body)
        agent = asked.agent or (old.agent if old else "")
        since, body = (old.published, old.body) if old and same else (now, asked.body)
        new = Publication(
            old.id if old else etag, asked.presentity, etag, agent, now + asked.seconds, since, body
        )
        if old and same and old.component and agent == old.agent:
            known = old.component
            new.component = known.renewed(etag, new.expires)
        return new

    def _apply(self, asked: Publish, old: Publication | None, new: Publication) -> Published:
        if old is not None:
            self._take(old)
        self._put(new)
        if old is None or new.body is not old.body or new.agent != old.agent:
            self._changed(new.presentity)
        return Published(new.etag, asked.seconds)

    def _apply_removal(self, old: Publication) -> Published:
        self._remove(old)
        return Published(old.etag, 0)

    def _put(self, publication: Publication) -> None:
        self._of.setdefault(publication.presentity, {})[publication.etag] = publication
        self._expiring.set(publication, publication.expires)

    def _take(self, publication: Publication) -> None:
        here = self._of.get(publication.presentity, {})
        if here.pop(publication.etag, None) is not None:
            self._expiring.drop(publication)
        if not here:
            self._of.pop(publication.presentity, None)

    def _remove(self, publication: Publication) -> None:
        self._take(publication)
        self._changed(publication.presentity)
