"""A Presence Web Service in memory, with presence, SIP and people behind it, and endpoints that do what they
are told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Coroutine
from typing import Any, TypeVar

from lxml import etree
from twisted.internet.defer import Deferred

from ctigw.config.presence_web import PresenceWeb, PresenceWebLimits
from ctigw.directory.credentials import Principal
from ctigw.errors import Reason, Refused
from ctigw.logins import BusyError
from ctigw.means import Means
from ctigw.net.background import spawn
from ctigw.soap.given import NotReachedError
from ctigw.soap.http import HttpRequest, HttpResponse, Routes
from ctigw.soap.pws import callbacks, routes
from ctigw.soap.pws.callbacks import Callbacks
from ctigw.soap.pws.errors import PwsError
from ctigw.soap.pws.logging_in import Login, People
from ctigw.soap.pws.service import Service, Settings, Surroundings
from ctigw.soap.pws.urls import Allowed
from ctigw.soap.sessions import Session, Sessions
from tests import presence
from tests.presence import OPEN
from tests.sip import tokens

T = TypeVar("T")
URL = "http://127.0.0.1:5000/pws"
PASSWORD = "secret"


class Bench:
    """``alice``, ``bob`` and ``carol`` at example.com have the password "secret", and so has the application
    ``webapp``, which may act for everybody but carol; ``other`` may act for nobody.
    """

    def __init__(self, settings: str = OPEN, *, most: int = 1000, **limits: Any) -> None:
        self.sip = presence.Bench(settings)
        self.clock = self.sip.clock
        self.means = Means(self.clock.seconds, self.clock.callLater, tokens("key"))
        self.counters: Counter[str] = Counter()
        self.people = {
            name: Principal(f"{name}@example.com", "user", (), ()) for name in ("alice", "bob", "carol")
        }
        self.applications = {
            "webapp": Principal("webapp", "application", (), (), users=("alice*", "bob*")),
            "other": Principal("other", "application", (), ()),
        }
        self.passwords: dict[str, str] = {}
        self.is_busy = self.is_away = False
        # What callbacks get: a status, or none at all; what there is no plan for succeeds.
        self.called: list[str] = []
        self.plans: deque[int | Deferred[int] | None] = deque()
        self.sessions = Sessions(self.means, seconds=36_000, most=most)
        side = self.sip.side
        self.callbacks = Callbacks(self.fetch, spawn, self.means, callbacks.Settings(), self.counters)
        self.service = Service(
            Surroundings(
                presence=side.presence,
                sessions=self.sessions,
                people=People(who=self.who, vouching=self.vouching),
                means=self.means,
                exists=side.accounts.exists,
                wake=lambda: None,
                promise=Deferred,
                spawn=spawn,
                callbacks=self.callbacks,
                allowed=Allowed(PresenceWeb().callback_networks),
            ),
            Settings(**limits),
        )
        self.sessions.ended = self.service.ended
        side.accounts.changed.append(self.service.changed)
        self.routes = Routes(routes(self.service))

    # Who there is

    async def who(self, _peer: str, name: str, password: str) -> Principal | None:
        if self.is_away:
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
        if self.is_busy:
            raise BusyError
        name = name.strip().lower().removesuffix("@example.com")
        found = {**self.people, **self.applications}.get(name)
        return found if password == self.passwords.get(name, PASSWORD) else None

    async def vouching(self, application: str, name: str) -> tuple[tuple[str, ...] | None, str | None]:
        if self.is_away:
            raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
        vouches = self.applications.get(application)
        found = self.people.get(name.strip().lower().removesuffix("@example.com"))
        return vouches.users if vouches else None, found.name if found else None

    # What happens

    async def fetch(self, url: str) -> int:
        self.called.append(url)
        plan = self.plans.popleft() if self.plans else 200
        if isinstance(plan, Deferred):
            return await plan
        if plan is None:
            raise NotReachedError("nobody there")
        return plan

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of ``work``, and of all that is to be done in the same moment."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(outcome.append)
        self.settle()
        (done,) = outcome
        if hasattr(done, "raiseException"):
            done.raiseException()
        result: T = done
        return result

    def settle(self) -> None:
        """Until nothing more is to be done now."""
        now = self.clock.seconds()
        while True:
            self.sip.turn()
            calls = self.clock.getDelayedCalls()
            if not any(call.getTime() <= now for call in calls):
                return
            self.clock.advance(0)

    def passes(self, seconds: float) -> None:
        self.sip.passes(seconds)
        self.settle()

    def calls(self) -> list[str]:
        """The callbacks since the last time."""
        self.settle()
        called, self.called = self.called, []
        return called

    # What clients do

    def login(self, name: str = "webapp", password: str | None = PASSWORD, **more: Any) -> Session:
        """Log in with a password."""
        key = self.result(self.service.login(Login(peer="peer", name=name, password=password, **more)))
        return self.service.session(key)

    def user_of(self, application: Session, name: str = "alice", **more: Any) -> Session:
        """Log a user in by the session of an application."""
        return self.login(name, None, application_key=application.key, **more)

    def asked(self, method: str, path: str, body: bytes | str = b"", **headers: str) -> HttpResponse:
        """What is answered over HTTP; names of headers with _ for -."""
        path, _, query = path.partition("?")
        request = HttpRequest(
            method=method,
            path=path,
            query=query,
            headers={name.replace("_", "-").lower(): value for name, value in headers.items()},
            body=body.encode() if isinstance(body, str) else body,
            peer="192.0.2.9",
            base="http://cup.example.com:8082",
        )
        return self.result(self.routes.serve(request))

    def nothing_left(self) -> bool:
        """Whether nothing lasts of those who have left."""
        figures = {**self.service.figures(), "watchings": self.sip.side.presence.figures()["watchings"]}
        return not any(figures.values()) and not self.service._subscriptions._waiting


def code_of(work: Any) -> int:
    """The code of the refusal that calling ``work`` ends in."""
    try:
        work()
    except PwsError as error:
        return error.code.value
    raise AssertionError("it was not refused")


def canonical(xml: bytes) -> bytes:
    """``xml`` in one form, without the blanks between its elements."""
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True)
    return etree.tostring(etree.fromstring(xml, parser), method="c14n")


__all__ = ["PASSWORD", "URL", "Bench", "PresenceWebLimits", "canonical", "code_of"]
