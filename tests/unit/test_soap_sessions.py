from __future__ import annotations

from uuid import UUID

import pytest
from twisted.internet.task import Clock

from ctigw.means import Means
from ctigw.soap.sessions import EACH, Session, Sessions, session_key


class Bench:
    def __init__(self, most: int = 3) -> None:
        self.clock = Clock()
        self.ended: list[str] = []
        means = Means(self.clock.seconds, self.clock.callLater, session_key)
        self.sessions = Sessions(
            means, seconds=60, most=most, ended=lambda each: self.ended.append(each.name)
        )

    def begin(self, name: str, **more: object) -> str:
        kind = str(more.pop("kind", "user"))
        return self.sessions.begin(Session("epas", name, kind, **more))  # type: ignore[arg-type] # of tests


def test_a_key_is_a_uuid_and_no_two_are_alike() -> None:
    keys = {session_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(str(UUID(key)) == key for key in keys)


def test_a_session_is_found_by_its_key_at_its_interface() -> None:
    bench = Bench()
    key = bench.begin("alice")
    found = bench.sessions.used(key, "epas")
    assert found is not None
    assert found.name == "alice"
    for wrong in ("", key[:-1], key.upper(), "\udcff", "x" * 10_000):
        assert bench.sessions.used(wrong, "epas") is None
    assert bench.sessions.used(key, "pws") is None


def test_it_is_over_when_it_is_not_used() -> None:
    bench = Bench()
    key = bench.begin("alice")
    bench.clock.advance(59)
    assert bench.sessions.used(key, "epas")
    bench.clock.advance(59)
    assert bench.sessions.used(key, "epas")
    bench.clock.advance(61)
    assert bench.sessions.used(key, "epas") is None
    assert bench.ended == ["alice"]
    assert (len(bench.sessions), bench.sessions._by_place, bench.sessions._by_owner) == (0, {}, {})


def test_a_new_one_in_its_place_ends_it_and_types_of_clients_have_their_own() -> None:
    bench = Bench()
    first, phone = bench.begin("alice"), bench.begin("alice", client="phone")
    second = bench.begin("alice")
    assert bench.sessions.used(first, "epas") is None
    assert bench.sessions.used(second, "epas")
    assert bench.sessions.used(phone, "epas")
    assert bench.ended == ["alice"]


def test_those_for_whom_an_application_vouches_end_with_it() -> None:
    bench = Bench()
    application = bench.sessions.application(bench.begin("webapp", kind="application"))
    key = bench.begin("alice", application=application)
    own = bench.begin("bob")
    assert bench.sessions.application(key) is None
    assert application is not None
    bench.sessions.end(application)
    bench.sessions.end(application)
    assert bench.ended == ["webapp", "alice"]
    assert bench.sessions.used(own, "epas")


def test_who_is_no_more_has_no_sessions() -> None:
    bench = Bench()
    bench.begin("alice")
    bench.begin("alice", client="phone")
    bench.begin("bob")
    assert bench.sessions.full
    bench.sessions.forget("alice")
    assert bench.ended == ["alice", "alice"]
    assert not bench.sessions.full


@pytest.mark.parametrize("seconds", [0, 30, 59])
def test_an_application_that_vouches_is_at_work(seconds: float) -> None:
    bench = Bench()
    key = bench.begin("webapp", kind="application")
    bench.clock.advance(seconds)
    assert bench.sessions.application(key)
    bench.clock.advance(59)
    assert bench.sessions.application(key)


def test_nobody_takes_the_places_of_all_by_more_and_more_types_of_clients() -> None:
    bench = Bench(most=10 * EACH)
    others = bench.begin("bob")
    keys = [bench.begin("alice", client=str(number)) for number in range(EACH)]
    assert bench.sessions.used(keys[0], "epas")
    bench.begin("alice", client="one more")
    assert bench.ended == ["alice"]
    assert bench.sessions.used(keys[0], "epas")
    assert bench.sessions.used(keys[1], "epas") is None
    for number in range(3 * EACH):
        bench.begin("alice", client=f"more {number}")
    assert len(bench.sessions) == EACH + 1
    assert bench.sessions.used(others, "epas")
