"""Subscriptions: whom a user watches, and which endpoint is told when one of them shows something else.

They last for a time that only the user renews.  Whoever may not be watched, or is nobody, looks the same; as
soon as that is otherwise, they are watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ctigw.means import Means
from ctigw.presence.engine import Presence, Watching
from ctigw.presence.errors import TooManyError
from ctigw.soap.pws.endpoints import Endpoint
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.numbered import Numbered
from ctigw.soap.pws.words import Word, word_in
from ctigw.soap.sessions import Session


class Contact:
    """One of a subscription.  ``uri``: as the client writes it; ``watching``: None while there is nobody
    who could be watched.
    """

    __slots__ = ("_hash", "_word", "name", "uri", "watching")

    def __init__(self, name: str, uri: str) -> None:
        self.name, self.uri = name, uri
        self.watching: Watching | None = None
        self._hash: int | None = None
        self._word = Word.UNKNOWN

    def word_in(self, document: bytes) -> Word:
        """`words.word_in`, remembered: most contacts show what they have shown before."""
        found = hash(document)
        if found != self._hash:
            self._hash, self._word = found, word_in(document)
        return self._word


class Subscription:
    """``session``: of the user whose it is; ``contacts``: by name, in the order in which they came."""

    __slots__ = ("contacts", "due", "endpoint", "number", "session")

    def __init__(self, session: Session, endpoint: Endpoint) -> None:
        self.session, self.endpoint = session, endpoint
        self.contacts: dict[str, Contact] = {}
        self.number = self.due = 0


class Subscriptions(Numbered[Subscription]):
    """All subscriptions.  ``exists`` knows who can be watched.

    ``news`` is told when there is something new in a subscription, ``ended`` when it is no more.
    """

    def __init__(
        self,
        presence: Presence,
        means: Means,
        exists: Callable[[str], bool],
        *,
        most: int,
        per_user: int,
        contacts: int,
        news: Callable[[Subscription], None],
        ended: Callable[[Subscription], None],
    ) -> None:
        super().__init__(means, Code.NO_SUCH_SUBSCRIPTION, Code.NOT_YOUR_SUBSCRIPTION)
        self._presence, self._exists = presence, exists
        self._most, self._each, self._contacts = most, per_user, contacts
        self._news, self._ended = news, ended
        self._of_user: dict[str, set[Subscription]] = {}
        # Contacts who cannot be watched now, by name, and whose they are.
        self._waiting: dict[str, dict[Contact, Subscription]] = {}

    def begin(
        self, session: Session, endpoint: Endpoint, contacts: Mapping[str, str], seconds: int
    ) -> Subscription:
        """A new subscription to ``contacts`` (what clients write, by name).

        Raises `PwsError`: NUMBER_OF_CONTACTS, SUBSCRIPTIONS_TAKEN, SIP_SUBSCRIPTIONS.
        """
        if len(self) >= self._most or len(self._of_user.get(session.name, ())) >= self._each:
            raise PwsError(Code.SUBSCRIPTIONS_TAKEN)
        subscription = Subscription(session, endpoint)
        self.add(subscription, contacts)
        self._put(subscription, seconds)
        self._of_user.setdefault(session.name, set()).add(subscription)
        return subscription

    def add(self, subscription: Subscription, contacts: Mapping[str, str]) -> bool:
        """Watch these as well, or none of them; whether one was not watched before.

        Raises `PwsError`: NUMBER_OF_CONTACTS, SIP_SUBSCRIPTIONS.
        """
        new = [Contact(name, uri) for name, uri in contacts.items() if name not in subscription.contacts]
        if len(subscription.contacts) + len(new) > self._contacts:
            raise PwsError(Code.NUMBER_OF_CONTACTS)
        try:
            for contact in new:
                subscription.contacts[contact.name] = contact
                self._watch(subscription, contact)
        except TooManyError:
            for contact in new:
                if subscription.contacts.pop(contact.name, None) is not None:
                    self._leave(contact)
            raise PwsError(Code.SIP_SUBSCRIPTIONS) from None
        return bool(new)

    def remove(self, subscription: Subscription, names: set[str]) -> None:
        """Watch all of ``names`` no longer, or go on with them all; a subscription to nobody ends.

        Raises `PwsError`: NOT_IN_SUBSCRIPTION.
        """
        if not names.issubset(subscription.contacts):
            raise PwsError(Code.NOT_IN_SUBSCRIPTION)
        for name in names:
            self._leave(subscription.contacts.pop(name))
        if not subscription.contacts:
            self.end(subscription)

    def end(self, subscription: Subscription) -> None:
        """It is no more; a second time does nothing."""
        if subscription not in self:
            return
        self._take(subscription)
        same = self._of_user[subscription.session.name]
        same.discard(subscription)
        if not same:
            del self._of_user[subscription.session.name]
        for contact in subscription.contacts.values():
            self._leave(contact)
        self._ended(subscription)

    def end_session(self, session: Session) -> None:
        """``session`` is over, and with it what is its."""
        for subscription in tuple(self._of_user.get(session.name, ())):
            if subscription.session is session:
                self.end(subscription)

    def document(self, subscription: Subscription, contact: Contact) -> bytes | None:
        """What ``contact`` shows now, of which there is news from now on; None: nothing."""
        watching = contact.watching
        if watching is None or subscription not in self or contact.name not in subscription.contacts:
            return None
        # One that is pending is looked at as well, or it would be news again and again.
        seen = self._presence.document(watching)
        return seen if watching.state == "active" else None

    def changed(self, name: str) -> None:
        """Perhaps ``name`` can be watched now who could not."""
        for contact, subscription in tuple(self._waiting.get(name, {}).items()):
            try:
                self._watch(subscription, contact)
            except TooManyError:
                continue
            if contact.watching is not None:
                self._news(subscription)

    def _watch(self, subscription: Subscription, contact: Contact) -> None:
        name = contact.name
        if self._exists(name):
            tell = partial(self._told, subscription, contact)
            watching = self._presence.watch(name, subscription.session.name, tell)
            if watching.state != "terminated":
                contact.watching = watching
                self._waits_no_more(contact)
                return
        self._waiting.setdefault(name, {})[contact] = subscription

    def _told(self, subscription: Subscription, contact: Contact) -> None:
        """``contact`` shows something else."""
        watching = contact.watching
        if watching is not None and watching.state == "terminated":
            contact.watching = None
            self._presence.leave(watching, watching.event)
            self._waiting.setdefault(contact.name, {})[contact] = subscription
        self._news(subscription)

    def _leave(self, contact: Contact) -> None:
        self._waits_no_more(contact)
        watching, contact.watching = contact.watching, None
        if watching is not None:
            self._presence.leave(watching)

    def _waits_no_more(self, contact: Contact) -> None:
        same = self._waiting.get(contact.name, {})
        if same.pop(contact, None) is not None and not same:
            del self._waiting[contact.name]
