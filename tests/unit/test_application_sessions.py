from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.csta.application_session import (
    SESSION,
    ApplicationInfo,
    ApplicationSessionTerminated,
    DefinedTermReason,
    ResetApplicationSessionTimer,
    ResetApplicationSessionTimerPosResponse,
    ResetError,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartApplicationSessionPosResponse,
    StartError,
    StopApplicationSession,
    StopApplicationSessionPosResponse,
)
from ctigw.csta.types import ED3, csta
from ctigw.logins import Logins
from ctigw.patience import Patience
from ctigw.services.application_sessions import ApplicationSessions, credentials
from ctigw.services.session import EVERYTHING, Rights, Session
from ctigw.xml import Elements
from tests.clients import Remembering

ALICE = Rights("alice")


class Bench:
    """Sessions of clients, one of whom is alice with the password wonder."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asked: list[tuple[str, str]] = []
        self.over: list[Session] = []
        self.told: list[object] = []
        self.waiting: Deferred[None] | None = None
        self.looked_up: list[Rights] = []
        self.rights_now: Rights | None = ALICE
        logins = Logins(Patience(self.clock), self.verify, Deferred)
        self.sessions = ApplicationSessions(
            self.clock, logins, self.again, self.over.append, shortest=60, longest=3600
        )

    async def again(self, rights: Rights) -> Rights | None:
        self.looked_up.append(rights)
        if self.waiting is not None:
            await self.waiting
        return self.rights_now

    async def verify(self, name: str, password: str) -> Rights | None:
        self.asked.append((name, password))
        if self.waiting is not None:
            await self.waiting
        return ALICE if (name, password) == ("alice", "wonder") else None

    def client(self, rights: Rights | None = None) -> Session:
        def tell(message: object, _namespace: str) -> None:
            self.told.append(message)

        return Session(Remembering(on_tell=tell), listener_rights=rights, rights=rights)

    def begin(self, session: Session, request: object) -> list[Any]:
        answers: list[Any] = []
        work: Any = self.sessions.handlers()[type(request)](session, request, ED3)
        Deferred.fromCoroutine(work).addCallback(answers.append)
        return answers

    def ask(self, session: Session, request: object) -> Any:
        (answer,) = self.begin(session, request)
        return answer


def start(*said: tuple[str, str], seconds: int = 180, versions: tuple[str, ...] = (ED3,)) -> Any:
    return StartApplicationSession(
        application_info=ApplicationInfo(application_id="x", application_specific_info=Elements(said)),
        requested_protocol_versions=versions,
        requested_session_duration=seconds,
    )


WONDER = start(("userName", "alice"), ("password", "wonder"))
WRONG = start(("userName", "alice"), ("password", "wander"))


def why(answer: Any) -> StartError:
    assert isinstance(answer, StartApplicationSessionNegResponse)
    error = answer.error_code.defined_error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ("<SessionLoginInfo><userName>a</userName><password>b</password></SessionLoginInfo>", ("a", "b")),
        ("<x:l xmlns:x='urn:v'><x:User>a</x:User><x:Passwd>b</x:Passwd></x:l>", ("a", "b")),
        ("<l><user xmlns=''> a </user><password xmlns=''/></l>", ("a", "")),
        ("<l><name>c</name><userName>a</userName><pwd>b</pwd><password>d</password></l>", ("a", "d")),
        ("<l><userName>a</userName><userName>other</userName></l>", ("a", "")),
        ("<l><sessionCleanupDelay>5</sessionCleanupDelay><sessionID/></l>", ("", "")),
        ("", ("", "")),
        ("words only", ("", "")),
    ],
)
def test_credentials_are_found_wherever_they_are(xml: str, expected: tuple[str, str]) -> None:
    document = (
        f'<StartApplicationSession xmlns="{SESSION}"><applicationInfo><applicationID>x</applicationID>'
        f"<applicationSpecificInfo>{xml}</applicationSpecificInfo></applicationInfo>"
        "<requestedProtocolVersions><protocolVersion>v</protocolVersion></requestedProtocolVersions>"
        "<requestedSessionDuration>180</requestedSessionDuration></StartApplicationSession>"
    )
    message = csta.decode(document.encode()).message
    assert credentials(message.application_info.application_specific_info) == expected


def test_who_says_who_it_is_has_the_rights_of_that() -> None:
    bench = Bench()
    session = bench.client()
    answer = bench.ask(session, WONDER)
    assert answer == StartApplicationSessionPosResponse(
        session_id="1", actual_protocol_version=ED3, actual_session_duration=180
    )
    assert session.rights is ALICE
    assert why(bench.ask(session, WONDER)) is StartError.MAX_NUMBER_SESSIONS


def test_who_does_not_is_nobody_where_it_matters() -> None:
    bench = Bench()
    session = bench.client()
    assert why(bench.ask(session, start())) is StartError.INVALID_APPLICATION_INFO
    assert why(bench.ask(session, WRONG)) is StartError.INVALID_APPLICATION_INFO
    assert (session.rights, len(bench.sessions)) == (None, 0)


def test_a_session_is_welcome_where_none_is_needed() -> None:
    bench = Bench()
    session = bench.client(EVERYTHING)
    assert isinstance(bench.ask(session, start()), StartApplicationSessionPosResponse)
    assert session.rights is EVERYTHING
    other = bench.client(EVERYTHING)
    assert why(bench.ask(other, WRONG)) is StartError.INVALID_APPLICATION_INFO  # and is told so
    assert other.rights is EVERYTHING


@pytest.mark.parametrize(
    ("asked", "granted"), [(180, 180), (1, 60), (-5, 60), (0, 60), (10**12, 3600), (3600, 3600)]
)
def test_durations_are_what_is_asked_for_within_bounds(asked: int, granted: int) -> None:
    answer = Bench().ask(Bench().client(EVERYTHING), start(seconds=asked))
    assert answer.actual_session_duration == granted


@pytest.mark.parametrize(
    ("versions", "spoken"),
    [
        (("v1", ED3 + "/priv2", ED3), ED3 + "/priv2"),
        (("v1", "v2"), "v1"),
        ((), ED3),
    ],
)
def test_any_version_will_do(versions: tuple[str, ...], spoken: str) -> None:
    answer = Bench().ask(Bench().client(EVERYTHING), start(versions=versions))
    assert answer.actual_protocol_version == spoken


def test_a_session_that_is_not_reset_ends_and_its_client_is_told() -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    bench.clock.advance(179)
    assert bench.told == []
    bench.clock.advance(1)
    (told,) = bench.told
    assert isinstance(told, ApplicationSessionTerminated)
    assert told.session_id == "1"
    assert told.session_term_reason.defined_term_reason is DefinedTermReason.SESSION_TIMER_EXPIRED
    assert (session.rights, bench.over, len(bench.sessions)) == (None, [session], 0)
    assert bench.ask(session, WONDER).session_id == "2"


def test_a_session_that_is_reset_goes_on() -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    for _ in range(3):
        bench.clock.advance(100)
        answer = bench.ask(session, reset("1"))
        assert answer == ResetApplicationSessionTimerPosResponse(actual_session_duration=120)
    bench.clock.advance(119)
    assert bench.told == []
    bench.clock.advance(1)
    assert len(bench.told) == 1
    assert bench.clock.getDelayedCalls() == []


def test_a_reset_looks_the_rights_up_again() -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    bench.rights_now = more = Rights("alice")
    assert isinstance(bench.ask(session, reset("1")), ResetApplicationSessionTimerPosResponse)
    assert (bench.looked_up, session.rights) == ([ALICE], more)


def test_who_has_lost_rights_loses_the_session_at_the_next_reset() -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    bench.rights_now = None
    answer = bench.ask(session, reset("1"))
    assert answer.error_code.defined_error is ResetError.INVALID_SESSION_ID
    (told,) = bench.told
    assert isinstance(told, ApplicationSessionTerminated)
    assert told.session_term_reason.server_term_reason == "rights were taken back"
    assert (session.rights, bench.over, len(bench.sessions)) == (None, [session], 0)
    assert bench.clock.getDelayedCalls() == []


def test_who_has_the_rights_of_the_listener_keeps_them() -> None:
    bench = Bench()
    session = bench.client(EVERYTHING)
    bench.ask(session, start())
    bench.rights_now = None
    assert isinstance(bench.ask(session, reset("1")), ResetApplicationSessionTimerPosResponse)
    assert (bench.looked_up, session.rights) == ([], EVERYTHING)


@pytest.mark.parametrize("rights", [ALICE, None])
def test_a_session_that_ends_while_its_rights_are_looked_up(rights: Rights | None) -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    bench.waiting, bench.rights_now = Deferred(), rights
    answers = bench.begin(session, reset("1"))
    bench.clock.advance(180)
    bench.waiting.callback(None)
    assert answers[0].error_code.defined_error is ResetError.INVALID_SESSION_ID
    assert (len(bench.told), len(bench.over), session.rights) == (1, 1, None)
    assert bench.clock.getDelayedCalls() == []


def reset(session_id: str) -> ResetApplicationSessionTimer:
    return ResetApplicationSessionTimer(session_id=session_id, requested_session_duration=120)


def stop(session_id: str, reason: str = "") -> StopApplicationSession:
    xml = f"<StopApplicationSession><sessionID>{session_id}</sessionID>{reason}</StopApplicationSession>"
    message: StopApplicationSession = csta.decode(xml.encode()).message
    return message


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "<sessionEndReason><appEndReason>bye</appEndReason></sessionEndReason>",
        "<sessionEndReason><definedEndReason>normal</definedEndReason></sessionEndReason>",
    ],
)
def test_a_session_that_is_stopped_is_over(reason: str) -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    assert bench.ask(session, stop("1", reason)) == StopApplicationSessionPosResponse()
    assert (session.rights, bench.over, bench.told) == (None, [session], [])
    assert bench.clock.getDelayedCalls() == []


@pytest.mark.parametrize("request_for", [reset, stop])
def test_only_ones_own_session_is_known(request_for: Any) -> None:
    bench = Bench()
    session, other = bench.client(), bench.client()
    bench.ask(session, WONDER)
    for client, session_id in ((other, "1"), (session, "2")):
        answer = bench.ask(client, request_for(session_id))
        assert answer.error_code.defined_error.value == "invalidSessionID"
    assert session.rights is ALICE


def test_a_client_that_goes_away_leaves_nothing() -> None:
    bench = Bench()
    session = bench.client()
    bench.ask(session, WONDER)
    bench.sessions.end(session)
    assert (bench.clock.getDelayedCalls(), len(bench.sessions)) == ([], 0)


def test_a_client_that_goes_away_while_its_password_is_looked_at() -> None:
    bench = Bench()
    session = bench.client()
    bench.waiting = Deferred()
    first, second = bench.begin(session, WONDER), bench.begin(session, WONDER)
    session.closed = True
    bench.sessions.end(session)
    bench.waiting.callback(None)
    reasons = [why(*answers) for answers in (first, second)]
    assert reasons == [StartError.MAX_NUMBER_SESSIONS, StartError.SERVER_RESOURCES_BUSY]
    assert (bench.clock.getDelayedCalls(), len(bench.sessions), session.rights) == ([], 0, None)


def test_two_passwords_at_once_are_one_session() -> None:
    bench = Bench()
    session = bench.client()
    bench.waiting = Deferred()
    first, second = bench.begin(session, WONDER), bench.begin(session, WONDER)
    bench.waiting.callback(None)
    assert isinstance(first[0], StartApplicationSessionPosResponse)
    assert why(second[0]) is StartError.SERVER_RESOURCES_BUSY
    assert bench.asked == [("alice", "wonder")]


def test_a_client_that_goes_away_while_it_waits_is_not_looked_at() -> None:
    bench = Bench()
    bench.waiting = Deferred()
    for _ in range(3):
        bench.begin(bench.client(), WONDER)
    session = bench.client()
    answers = bench.begin(session, WONDER)
    session.closed = True
    bench.sessions.end(session)
    assert why(*answers) is StartError.SERVER_RESOURCES_BUSY
    bench.waiting.callback(None)
    assert len(bench.asked) == 3


def test_a_name_longer_than_any_is_nobodys() -> None:
    bench = Bench()
    for _ in range(10):
        answer = bench.ask(bench.client(), start(("userName", "x" * 256), ("password", "x")))
        assert why(answer) is StartError.INVALID_APPLICATION_INFO
    assert bench.asked == []
    assert isinstance(bench.ask(bench.client(), WONDER), StartApplicationSessionPosResponse)


def test_a_gateway_that_goes_down_ends_every_session() -> None:
    bench = Bench()
    for _ in range(2):
        bench.ask(bench.client(), WONDER)
    bench.sessions.terminate()
    told: list[Any] = bench.told
    assert {message.session_id for message in told} == {"1", "2"}
    assert all(message.session_term_reason.server_term_reason for message in told)
    assert bench.clock.getDelayedCalls() == []


# Who guesses


def test_who_guesses_has_to_wait_and_is_not_even_looked_at() -> None:
    bench = Bench()
    session = bench.client()
    reasons = [why(bench.ask(session, WRONG)) for _ in range(4)]
    assert reasons == [StartError.INVALID_APPLICATION_INFO] * 3 + [StartError.SERVER_RESOURCES_BUSY]
    assert why(bench.ask(session, WONDER)) is StartError.SERVER_RESOURCES_BUSY
    assert len(bench.asked) == 3
    bench.clock.advance(1)
    assert isinstance(bench.ask(session, WONDER), StartApplicationSessionPosResponse)
