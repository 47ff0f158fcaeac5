"""The operations of the Presence Web Service, on values: what SOAP and REST ask for alike.

What anybody may do is decided here.  Applications have endpoints, users have presence; what a session has
begun is its alone, and ends with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from ctigw.means import Means
from ctigw.presence.engine import Presence
from ctigw.presence.errors import TooManyError
from ctigw.soap.given import Promise, Spawn
from ctigw.soap.pws import checks, publishing, urls
from ctigw.soap.pws.callbacks import Callbacks
from ctigw.soap.pws.endpoints import Endpoint, Endpoints
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.logging_in import INTERFACE, LoggingIn, Login, People
from ctigw.soap.pws.publishing import Publishing
from ctigw.soap.pws.requests import (
    NOTIFICATION,
    Kind,
    RegisterEndPoint,
    Seen,
    SetPresence,
    Subscribe,
    Unsubscribe,
)
from ctigw.soap.pws.subscriptions import Subscription, Subscriptions
from ctigw.soap.pws.words import unknown, word_in
from ctigw.soap.sessions import Session, Sessions
from ctigw.values import named

# Contacts that are looked at in one turn: others are served between.
AT_ONCE = 100
log = structlog.get_logger(__name__)


@named
class Settings:
    """Bounds; ``keep_presence``: what users have set lasts for its time, although they log out."""

    endpoints: int = 1000
    endpoints_per_application: int = 100
    subscriptions: int = 10_000
    subscriptions_per_user: int = 20
    contacts_per_subscription: int = 5000
    requests_per_second: int = 200
    document_bytes: int = 65_536
    keep_presence: bool = True


@named
class Surroundings:
    """What it is given.

    ``exists``: whether somebody of this server has this address of record; ``wake``: presence may have
    changed, and is to be settled; ``spawn`` runs what nobody waits for.
    """

    presence: Presence
    sessions: Sessions
    people: People
    means: Means
    exists: Callable[[str], bool]
    wake: Callable[[], object]
    promise: Promise
    spawn: Spawn
    callbacks: Callbacks
    allowed: urls.Allowed


class Service:
    """All of it.  `ended` has to be told of every session that ends, `changed` of every user who does."""

    def __init__(self, given: Surroundings, settings: Settings) -> None:
        self._presence, self._callbacks = given.presence, given.callbacks
        self._settings, self._wake, self._exists = settings, given.wake, given.exists
        self._after, self._promise = given.means.after, given.promise
        self._allowed, self._spawn = given.allowed, given.spawn
        self._logins = LoggingIn(
            given.sessions, given.people, given.means, per_second=settings.requests_per_second
        )
        self._publishing = Publishing(given.presence, given.promise)
        self._endpoints = Endpoints(
            given.means,
            most=settings.endpoints,
            per_application=settings.endpoints_per_application,
            ended=self._callbacks.end,
        )
        self._subscriptions = Subscriptions(
            given.presence,
            given.means,
            given.exists,
            most=settings.subscriptions,
            per_user=settings.subscriptions_per_user,
            contacts=settings.contacts_per_subscription,
            news=self._news,
            ended=self._over,
        )

    # Sessions

    async def login(self, login: Login) -> str:
        """The key of a session; see `LoggingIn.login`."""
        return await self._logins.login(login)

    def session(self, key: str) -> Session:
        """Whose request it is; see `LoggingIn.session`."""
        return self._logins.session(key)

    def logout(self, session: Session) -> None:
        """``session`` is over; that of an application takes those of its users with it."""
        self._logins.log_out(session)

    def ended(self, session: Session) -> None:
        """``session``, of whichever interface, is over: so is what it has begun."""
        self._logins.ended(session)
        self._endpoints.end_session(session)
        self._subscriptions.end_session(session)
        if (session.interface, session.kind) == (INTERFACE, "user") and not self._settings.keep_presence:
            self._spawn(self._silence(session.name))

    async def _silence(self, user: str) -> None:
        try:
            await self._publishing.take_back(user)
        except PwsError as error:  # it ends by itself
            log.warning("what a user has set stays", user=user, why=error.message)
        self._wake()

    # Endpoints

    def register_end_point(self, session: Session, asked: RegisterEndPoint) -> int:
        """The number of the endpoint, which is new, or lasts longer now.

        Raises `PwsError`: NOT_AN_APPLICATION, EXPIRY, URL_IN_UPDATE, NO_SUCH_ENDPOINT, NOT_YOUR_ENDPOINT,
        ENDPOINTS_TAKEN, and as `urls.checked`.
        """
        checks.application(session)
        if asked.number != 0:
            endpoint = self._endpoints.of(session, asked.number)
            url = asked.url.strip()
            if url and not (asked.repeated and url == endpoint.url):
                raise PwsError(Code.URL_IN_UPDATE)
            self._endpoints.renew(endpoint, checks.lasting(asked.seconds))
            return endpoint.number
        url = urls.checked(asked.url, self._allowed)
        return self._endpoints.register(session, url, checks.lasting(asked.seconds)).number

    def unregister_end_point(self, session: Session, number: int | None) -> None:
        """Call back there no more.  Raises `PwsError`: NOT_AN_APPLICATION, NO_SUCH_…, NOT_YOUR_ENDPOINT."""
        checks.application(session)
        self._endpoints.end(self._endpoints.of(session, number))

    # What others show

    async def polled_presence(self, session: Session, contacts: Sequence[str] | None, kind: Kind) -> Seen:
        """What the user of ``session`` may see of ``contacts`` now.

        Raises `PwsError`: NOT_AN_END_USER, NO_CONTACT_LIST, NUMBER_OF_CONTACTS, EMPTY_CONTACT, CONTACT_URI,
        SIP_SUBSCRIPTIONS.
        """
        checks.end_user(session)
        wanted = checks.named_contacts(session, contacts, checks.MOST_POLLED)
        seen: dict[str, bytes | None] = {}
        for name, _ in wanted:
            if name not in seen:
                seen[name] = self._look(session.name, name)
        self._wake()
        if kind is Kind.RICH:
            return Seen(kind, documents=tuple(seen[name] or unknown(name) for name, _ in wanted))
        words = {name: checks.word(document, word_in) for name, document in seen.items()}
        return Seen(kind, words=tuple((uri, words[name]) for name, uri in wanted))

    def _look(self, watcher: str, name: str) -> bytes | None:
        """What ``watcher`` sees of ``name``; None: nothing."""
        if not self._exists(name):
            return None
        try:
            watching = self._presence.watch(name, watcher, _nothing)
        except TooManyError:
            raise PwsError(Code.SIP_SUBSCRIPTIONS) from None
        if watching.state == "terminated":
            return None
        document = self._presence.document(watching) if watching.state == "active" else None
        self._presence.leave(watching)
        return document

    async def subscribed_presence(self, session: Session, number: int | None, kind: Kind) -> Seen:
        """What the contacts of a subscription show now; there is news from now on.

        Raises `PwsError`: NOT_AN_END_USER, NO_SUCH_SUBSCRIPTION, NOT_YOUR_SUBSCRIPTION.
        """
        checks.end_user(session)
        subscription = self._subscriptions.of(session, number)
        contacts = tuple(subscription.contacts.values())
        words: list[tuple[str, str]] = []
        documents: list[bytes] = []
        for index, contact in enumerate(contacts):
            if index and index % AT_ONCE == 0:
                await self._pause()
            document = self._subscriptions.document(subscription, contact)
            if kind is Kind.RICH:
                documents.append(document or unknown(contact.name))
            else:
                words.append((contact.uri, checks.word(document, contact.word_in)))
        return Seen(kind, tuple(words), tuple(documents))

    async def _pause(self) -> None:
        """Let others have a turn."""
        turn = self._promise()
        self._after(0.0, lambda: turn.callback(None))
        await turn

    # What one shows

    async def set_presence(self, session: Session, asked: SetPresence) -> None:
        """The user of ``session`` says this of themselves; stored when this returns.

        Raises `PwsError`: NOT_AN_END_USER, EXPIRY, SET_PRESENCE_FAILED, and as `publishing`.
        """
        checks.end_user(session)
        user = session.name
        if asked.kind is Kind.BASIC:
            document = publishing.basic(user, asked.basic, override=asked.override)
        else:
            longest = self._settings.document_bytes
            document = publishing.rich(user, asked.rich, override=asked.override, longest=longest)
        await self._publishing.put(user, document, checks.lasting(asked.seconds))
        self._wake()

    # Subscriptions

    def subscribe(self, session: Session, asked: Subscribe) -> int:
        """The number of the subscription, which is new, lasts longer, or is to more contacts now.

        Raises `PwsError`: NOT_AN_END_USER, SUBSCRIPTION_TYPE, NOTHING_TO_SUBSCRIBE, NO_CONTACT_LIST,
        NUMBER_OF_CONTACTS, EMPTY_CONTACT, CONTACT_URI, EXPIRY, SUBSCRIPTIONS_TAKEN, SIP_SUBSCRIPTIONS, and
        for endpoints and subscriptions NO_SUCH_…, NOT_YOUR_….
        """
        checks.end_user(session)
        if asked.type != NOTIFICATION:
            raise PwsError(Code.SUBSCRIPTION_TYPE)
        before = None if asked.number == 0 else self._subscriptions.of(session, asked.number)
        if before is not None and not asked.contacts and not asked.seconds:
            raise PwsError(Code.NOTHING_TO_SUBSCRIBE)
        most = self._settings.contacts_per_subscription
        contacts: dict[str, str] = {}
        if before is None or asked.contacts:
            contacts = dict(checks.named_contacts(session, asked.contacts, most))
        if before is None:
            endpoint = self._endpoints.of(session.application, asked.endpoint)
            subscription = self._subscriptions.begin(
                session, endpoint, contacts, checks.lasting(asked.seconds)
            )
            self._news(subscription)
        else:
            subscription = self._extend(before, asked, contacts)
        self._wake()
        return subscription.number

    def _extend(self, subscription: Subscription, asked: Subscribe, contacts: dict[str, str]) -> Subscription:
        """More contacts, more time, or both; all or nothing of it."""
        seconds = checks.lasting(asked.seconds) if asked.seconds else 0
        endpoint = subscription.endpoint
        if asked.endpoint:
            endpoint = self._endpoints.of(subscription.session.application, asked.endpoint)
        is_new = self._subscriptions.add(subscription, contacts)
        if endpoint is not subscription.endpoint:
            self._callbacks.forget(subscription)
            subscription.endpoint = endpoint
            is_new = True
        if seconds:
            self._subscriptions.renew(subscription, seconds)
        if is_new:
            self._news(subscription)
        return subscription

    def unsubscribe(self, session: Session, asked: Unsubscribe) -> None:
        """Watch some contacts no longer, or nobody.

        Raises `PwsError`: NOT_AN_END_USER, NO_SUCH_SUBSCRIPTION, NOT_YOUR_SUBSCRIPTION, NO_CONTACT_LIST,
        NUMBER_OF_CONTACTS, EMPTY_CONTACT, CONTACT_URI, NOT_IN_SUBSCRIPTION.
        """
        checks.end_user(session)
        subscription = self._subscriptions.of(session, asked.number)
        if asked.all:
            self._subscriptions.end(subscription)
        else:
            contacts = checks.named_contacts(
                session, asked.contacts, self._settings.contacts_per_subscription
            )
            self._subscriptions.remove(subscription, {name for name, _ in contacts})
        self._wake()

    def _news(self, subscription: Subscription) -> None:
        """Whoever has subscribed has something to fetch."""
        endpoint: Endpoint = subscription.endpoint
        if subscription in self._subscriptions and endpoint in self._endpoints:
            self._callbacks.tell(subscription, endpoint, urls.notice(endpoint.url, subscription.number))

    def _over(self, subscription: Subscription) -> None:
        """It is no more; those who are told of watchers hear of it."""
        self._callbacks.forget(subscription)
        self._wake()

    # Upkeep

    def changed(self, name: str) -> None:
        """Somebody may be known, or seen, who could not."""
        self._subscriptions.changed(name)

    def figures(self) -> dict[str, int]:
        """How many there are of everything."""
        return {
            "presence web endpoints": len(self._endpoints),
            "presence web subscriptions": len(self._subscriptions),
            "callbacks waiting": len(self._callbacks),
        }

    def close(self) -> None:
        """Call nobody back any more."""
        self._callbacks.close()


def _nothing() -> None:
    """Who looks once is not told of changes."""
