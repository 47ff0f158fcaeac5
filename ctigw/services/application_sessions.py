"""Application sessions (ECMA-354): who a client is, and for how long.

A client has one session at a time, on its connection.  Where a listener demands one, nothing else is served
before; everywhere else it is welcome, and a client that has said who it is has its own rights instead of its
listener's.  When the session ends or its time is up, so do its monitors and registrations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from ctigw.csta.application_session import (
    ApplicationSessionTerminated,
    DefinedTermReason,
    ResetApplicationSessionTimer,
    ResetApplicationSessionTimerNegResponse,
    ResetApplicationSessionTimerPosResponse,
    ResetError,
    ResetErrorCode,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartApplicationSessionPosResponse,
    StartError,
    StartErrorCode,
    StopApplicationSession,
    StopApplicationSessionNegResponse,
    StopApplicationSessionPosResponse,
    StopError,
    StopErrorCode,
    TermReason,
)
from ctigw.csta.types import ED3
from ctigw.directory.names import LONGEST
from ctigw.logins import BusyError, Logins
from ctigw.services.dispatcher import Handler
from ctigw.services.session import ApplicationSession, Cancellable, Rights, Session
from ctigw.xml import Elements

# The rights that somebody has now, who has logged in with these; None: they have lost some, or all.
Again = Callable[[Rights], Awaitable[Rights | None]]

# The children in which clients send who they are, whatever lies around them; compared in lower case.
NAMES = ("username", "user", "login", "loginname", "userid", "name")
PASSWORDS = ("password", "passwd", "pwd", "userpassword")


class Clock(Protocol):
    """What is needed of Twisted's clocks."""

    def seconds(self) -> float:
        """Now."""

    def callLater(self, delay: float, callable: Callable[[], None]) -> Cancellable:  # noqa: A002 - Twisted's name
        """Call ``callable`` after ``delay`` seconds."""


class ApplicationSessions:
    """The application sessions of all clients.

    ``logins`` say who somebody is; ``again`` gives the rights that somebody who has logged in has now, None
    when they have lost some; ``over`` is told of each client whose session has ended.
    ``shortest`` and ``longest`` (seconds) bound the durations asked for.
    """

    def __init__(
        self,
        clock: Clock,
        logins: Logins[Rights],
        again: Again,
        over: Callable[[Session], None],
        *,
        shortest: int,
        longest: int,
    ) -> None:
        self._clock, self._logins, self._again, self._over = clock, logins, again, over
        self._shortest, self._longest = shortest, longest
        self._ids = count(1)
        self._open: set[Session] = set()

    def __len__(self) -> int:
        return len(self._open)

    def handlers(self) -> dict[type, Handler]:
        """The services, all of which strangers may ask for."""
        return {
            StartApplicationSession: self._start,
            ResetApplicationSessionTimer: self._reset,
            StopApplicationSession: self._stop,
        }

    def end(self, session: Session) -> None:
        """The client is gone, or goes on without a session."""
        if session.application is not None:
            session.application.timer.cancel()
            session.application = None
        session.rights = session.listener_rights
        self._open.discard(session)
        self._logins.gone(session)

    def terminate(self) -> None:
        """End every session, and say so: the gateway goes down."""
        for session in tuple(self._open):
            self._terminated(session, TermReason(server_term_reason="the gateway is shutting down"))

    async def _start(
        self, session: Session, request: StartApplicationSession, namespace: str
    ) -> StartApplicationSessionPosResponse | StartApplicationSessionNegResponse:
        if session in self._open:
            return _refused(StartError.MAX_NUMBER_SESSIONS)
        name, password = credentials(request.application_info.application_specific_info or Elements())
        rights = session.listener_rights
        if name:
            try:
                rights = await self._logins.who(session, name, password) if len(name) <= LONGEST else None
            except BusyError:
                return _refused(StartError.SERVER_RESOURCES_BUSY)
        if rights is None:
            return _refused(StartError.INVALID_APPLICATION_INFO)
        if session in self._open or session.closed:  # while its password was looked at
            return _refused(StartError.MAX_NUMBER_SESSIONS)
        session.rights = rights
        duration = self._duration(request.requested_session_duration)
        session_id = str(next(self._ids))
        timer = self._timer(session, duration)
        session.application = ApplicationSession(session_id, timer, bool(name), namespace)
        self._open.add(session)
        return StartApplicationSessionPosResponse(
            session_id=session_id,
            actual_protocol_version=_version(request.requested_protocol_versions),
            actual_session_duration=duration,
        )

    async def _reset(
        self, session: Session, request: ResetApplicationSessionTimer, _namespace: str
    ) -> ResetApplicationSessionTimerPosResponse | ResetApplicationSessionTimerNegResponse:
        application = session.application
        if application is None or application.id != request.session_id:
            return _not_reset()
        if application.logged_in and session.rights is not None:
            rights = await self._again(session.rights)
            if session.application is not application:  # it has ended meanwhile
                return _not_reset()
            if rights is None:
                self._terminated(session, TermReason(server_term_reason="rights were taken back"))
                return _not_reset()
            session.rights = rights
        duration = self._duration(request.requested_session_duration)
        application.timer.cancel()
        application.timer = self._timer(session, duration)
        return ResetApplicationSessionTimerPosResponse(actual_session_duration=duration)

    async def _stop(
        self, session: Session, request: StopApplicationSession, _namespace: str
    ) -> StopApplicationSessionPosResponse | StopApplicationSessionNegResponse:
        application = session.application
        if application is None or application.id != request.session_id:
            why = StopErrorCode(defined_error=StopError.INVALID_SESSION_ID)
            return StopApplicationSessionNegResponse(error_code=why)
        self.end(session)
        self._over(session)
        return StopApplicationSessionPosResponse()

    def _duration(self, asked: int) -> int:
        return min(max(asked, self._shortest), self._longest)

    def _timer(self, session: Session, duration: int) -> Cancellable:
        reason = TermReason(defined_term_reason=DefinedTermReason.SESSION_TIMER_EXPIRED)
        return self._clock.callLater(duration, lambda: self._expired(session, reason))

    def _expired(self, session: Session, reason: TermReason) -> None:
        assert session.application is not None
        session.application.timer = _Rung()
        self._terminated(session, reason)

    def _terminated(self, session: Session, reason: TermReason) -> None:
        application = session.application
        assert application is not None
        message = ApplicationSessionTerminated(session_id=application.id, session_term_reason=reason)
        self.end(session)
        self._over(session)
        session.client.tell(message, application.namespace)


class _Rung:
    """A timer that has rung."""

    def cancel(self) -> None:
        """There is nothing left to cancel."""


def credentials(info: Elements) -> tuple[str, str]:
    """The name and the password in what a client says of itself; "" for what is not there."""
    said = {name.lower(): text for name, text in reversed(info)}
    name = next((said[key] for key in NAMES if said.get(key)), "")
    return name, next((said[key] for key in PASSWORDS if key in said), "")


def _refused(why: StartError) -> StartApplicationSessionNegResponse:
    return StartApplicationSessionNegResponse(error_code=StartErrorCode(defined_error=why))


def _not_reset() -> ResetApplicationSessionTimerNegResponse:
    why = ResetErrorCode(defined_error=ResetError.INVALID_SESSION_ID)
    return ResetApplicationSessionTimerNegResponse(error_code=why)


def _version(asked: tuple[str, ...]) -> str:
    """The first of the versions asked for that is of the third edition, or the first: they are all spoken."""
    return next((version for version in asked if version.startswith(ED3)), asked[0] if asked else ED3)
