"""Logging in and out of the Presence Web Service, and whose request it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ctigw.directory.credentials import Principal
from ctigw.soap.pws.logging_in import Login
from ctigw.soap.pws.requests import Kind, RegisterEndPoint, SetPresence, Subscribe
from ctigw.soap.sessions import Session
from tests.presence_web import URL, Bench, code_of


def refused(bench: Bench, **login: Any) -> int:
    asked = {"peer": "peer", "name": "webapp", **login}
    return code_of(lambda: bench.result(bench.service.login(Login(**asked))))


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ({"name": "", "password": "secret"}, 113),
        ({"name": "  ", "password": "secret"}, 113),
        ({"password": ""}, 111),
        ({}, 112),
        ({"application_key": ""}, 112),
        ({"password": "wrong"}, 114),
        ({"name": "nobody", "password": "secret"}, 114),
        ({"name": "alice", "application_key": "nobody's"}, 101),
    ],
)
def test_what_is_wrong_with_a_login(login: dict[str, Any], code: int) -> None:
    bench = Bench()
    assert refused(bench, **login) == code
    assert len(bench.sessions) == 0


@pytest.mark.parametrize("name", ["alice", "ALICE", " alice ", "alice@example.com"])
def test_users_log_in_by_password_or_by_an_application(name: str) -> None:
    bench = Bench()
    own = bench.login(name)
    assert (own.name, own.kind, own.application) == ("alice@example.com", "user", None)
    application = bench.login()
    by_application = bench.user_of(application, name, force=True)
    assert (by_application.name, by_application.application) == ("alice@example.com", application)
    assert own.key != by_application.key
    assert code_of(lambda: bench.service.session(own.key)) == 101


@pytest.mark.parametrize(
    ("who", "name", "code"),
    [
        ("webapp", "nobody", 113),
        ("webapp", "webapp", 113),
        ("webapp", "carol", 114),
        ("other", "alice", 114),
        ("bob", "alice", 141),
    ],
)
def test_an_application_logs_in_those_for_whom_it_may_act(who: str, name: str, code: int) -> None:
    bench = Bench()
    key = bench.login(who).key
    assert refused(bench, name=name, application_key=key) == code
    assert len(bench.sessions) == 1


def test_an_application_that_is_no_more_vouches_for_nobody_and_its_users_are_logged_out() -> None:
    bench = Bench()
    application = bench.login()
    bench.user_of(application)
    del bench.applications["webapp"]
    assert refused(bench, name="bob", application_key=application.key) == 101
    assert len(bench.sessions) == 0


def test_an_application_acts_for_those_whom_it_may_act_for_now() -> None:
    bench = Bench()
    application = bench.login()
    bench.applications["webapp"] = Principal("webapp", "application", (), (), users=("carol*",))
    assert refused(bench, name="alice", application_key=application.key) == 114
    assert bench.user_of(application, "carol").application is application


def test_who_is_logged_in_needs_force_unless_the_key_may_be_given_again() -> None:
    bench = Bench()
    first = bench.login()
    assert refused(bench, password="secret") == 160
    assert refused(bench, password="wrong", force=True) == 114
    assert refused(bench, password="wrong", reuse=True) == 114
    assert bench.login(reuse=True) is first
    assert bench.login(reuse=True, force=True) is not first


def test_a_key_is_not_given_to_another_application() -> None:
    bench = Bench()
    bench.applications["other"] = Principal("other", "application", (), (), users=("*",))
    one, other = bench.login(), bench.login("other")
    session = bench.user_of(one, reuse=True)
    assert bench.user_of(one, reuse=True) is session
    assert refused(bench, name="alice", application_key=other.key, reuse=True) == 160
    assert refused(bench, name="alice", password="secret", reuse=True) == 160


def test_a_key_that_is_given_again_lasts_as_long_as_a_new_one() -> None:
    bench = Bench()
    session = bench.login()
    bench.passes(30_000)
    assert bench.login(reuse=True) is session
    bench.passes(30_000)
    assert bench.service.session(session.key) is session
    bench.passes(36_001)
    assert code_of(lambda: bench.service.session(session.key)) == 101


@pytest.mark.parametrize(
    ("key", "code"), [("", 100), ("nobody's", 101), ("x" * 100_000, 101), ("\udc80", 101)]
)
def test_nothing_is_done_without_a_session(key: str, code: int) -> None:
    assert code_of(lambda: Bench().service.session(key)) == code


def test_a_key_of_another_interface_is_none_here() -> None:
    bench = Bench()
    key = bench.sessions.begin(Session("epas", "alice@example.com", "user"))
    assert code_of(lambda: bench.service.session(key)) == 101
    # But an application is known by whichever it has logged in at.
    key = bench.sessions.begin(Session("epas", "webapp", "application"))
    assert bench.login("alice", None, application_key=key).name == "alice@example.com"


def test_no_more_sessions_than_there_may_be() -> None:
    bench = Bench(most=2)
    application = bench.login()
    bench.user_of(application)
    assert refused(bench, name="bob", application_key=application.key) == 208
    assert bench.user_of(application, force=True).name == "alice@example.com"


def test_without_a_database_nobody_logs_in_and_everybody_else_works_on() -> None:
    bench = Bench()
    application = bench.login()
    bench.is_away = True
    assert refused(bench, password="secret") == 208
    assert refused(bench, name="alice", application_key=application.key) == 208
    assert bench.service.register_end_point(application, RegisterEndPoint(url=URL, seconds=3600)) == 1
    bench.is_away = False
    assert bench.user_of(application).name == "alice@example.com"


def test_whoever_guesses_has_to_wait() -> None:
    bench = Bench()
    bench.is_busy = True
    assert refused(bench, password="secret") == 212


def test_an_application_that_logs_out_while_its_user_logs_in_has_no_user() -> None:
    bench = Bench()
    application = bench.login()

    async def slow(called: str, name: str) -> Any:
        bench.service.logout(application)
        return await bench.vouching(called, name)

    bench.service._logins._people = replace(bench.service._logins._people, vouching=slow)
    assert refused(bench, name="alice", application_key=application.key) == 101
    assert len(bench.sessions) == 0


def test_requests_of_a_session_are_bounded_and_those_of_others_are_not() -> None:
    bench = Bench(requests_per_second=3)
    one, other = bench.login(), bench.login("other")
    for _ in range(2):
        bench.service.session(one.key)
    assert code_of(lambda: bench.service.session(one.key)) == 212
    assert refused(bench, name="alice", application_key=one.key) == 212
    assert bench.service.session(other.key) is other
    bench.passes(1)
    assert bench.service.session(one.key) is one


def test_what_a_session_has_begun_ends_with_it() -> None:
    bench = Bench()
    application = bench.login()
    user = bench.user_of(application)
    bench.service.register_end_point(application, RegisterEndPoint(url=URL, seconds=3600))
    subscribe = Subscribe(contacts=["bob", "nobody"], type="PRESENCE_NOTIFICATION", endpoint=1, seconds=3600)
    assert bench.service.subscribe(user, subscribe) == 1
    assert not bench.nothing_left()
    bench.service.logout(application)
    bench.settle()
    assert bench.nothing_left()
    assert len(bench.sessions) == 0
    assert code_of(lambda: bench.service.session(user.key)) == 101
    assert bench.service._logins._asked == {}
    # It was not called back for what was gone.
    assert bench.calls() == []


@pytest.mark.parametrize("keep", [True, False])
def test_what_a_user_has_set_stays_or_ends_with_the_session(keep: bool) -> None:
    bench = Bench(keep_presence=keep)
    user = bench.login("alice")
    asked = SetPresence(kind=Kind.BASIC, basic="AWAY", seconds=3600)
    bench.result(bench.service.set_presence(user, asked))
    bench.service.logout(user)
    bench.settle()
    assert bool(list(bench.sip.side.presence.publications.of(user.name))) is keep


def test_a_session_without_presence_ends_all_the_same() -> None:
    bench = Bench(keep_presence=False)
    bench.service.logout(bench.login("alice"))
    bench.settle()
    assert len(bench.sessions) == 0
