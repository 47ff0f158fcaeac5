from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.logins import Logins
from ctigw.patience import Patience
from ctigw.services.session import Rights, Session
from tests.clients import Remembering

RIGHT, WRONG = Rights("somebody"), None


class Bench:
    """Clients who log in; what their passwords are is told later, in ``checks``."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.checks: list[Deferred[Rights | None]] = []
        self.names: list[str] = []
        self.logins = Logins(Patience(self.clock), self.verify, Deferred)

    async def verify(self, name: str, _password: str) -> Rights | None:
        self.names.append(name)
        self.checks.append(Deferred())
        return await self.checks[-1]

    def log_in(self, name: str, peer: str = "here", session: Session | None = None) -> list[Any]:
        """What comes of it, once something does: rights, None, or the name of an exception."""
        outcome: list[Any] = []
        work = Deferred.fromCoroutine(self.logins.who(session or client(peer), name, "x"))
        work.addCallbacks(outcome.append, lambda failure: outcome.append(failure.type.__name__))
        return outcome

    def tell(self, rights: Rights | None, count: int = 1) -> None:
        """The oldest checks end so."""
        for _ in range(count):
            self.checks.pop(0).callback(rights)


def client(peer: str = "here") -> Session:
    return Session(Remembering(), peer)


def left(logins: Logins[Any]) -> list[Any]:
    return [*logins._line, *logins._looked_at, *logins._patience._trying]


def test_hundreds_who_log_in_at_once_from_one_host_wait_for_their_turn() -> None:
    bench = Bench()
    outcomes = [bench.log_in(f"user{number}") for number in range(500)]
    most = 0
    while bench.checks:
        most = max(most, len(bench.checks))
        bench.tell(RIGHT)
    assert outcomes == [[RIGHT]] * 500
    assert bench.names == [f"user{number}" for number in range(500)]
    assert (most, left(bench.logins)) == (Patience.FREE, [])


def test_all_clients_together_are_looked_at_a_few_at_a_time() -> None:
    bench = Bench()
    outcomes = [bench.log_in(f"user{number}", f"host{number}") for number in range(20)]
    assert len(bench.checks) == Logins.AT_ONCE
    bench.tell(WRONG)
    assert len(bench.checks) == Logins.AT_ONCE
    while bench.checks:
        bench.tell(RIGHT)
    assert outcomes == [[WRONG]] + [[RIGHT]] * 19


def test_a_client_has_one_attempt_at_a_time() -> None:
    bench = Bench()
    session = client()
    outcomes = [bench.log_in("alice", session=session) for _ in range(1500)]
    assert len(bench.checks) == 1
    assert outcomes == [[]] + [["BusyError"]] * 1499
    bench.tell(RIGHT)
    assert outcomes[0] == [RIGHT]


def test_many_guesses_at_once_are_looked_at_no_more_than_one_after_the_other() -> None:
    bench = Bench()
    outcomes = [bench.log_in("alice", f"host{number}") for number in range(100)]
    while bench.checks:
        assert len(bench.checks) <= Patience.FREE
        bench.tell(WRONG)
    assert outcomes == [[WRONG]] * 3 + [["BusyError"]] * 97
    assert bench.log_in("alice", "elsewhere") == ["BusyError"]
    bench.clock.advance(1)
    for _ in range(10):
        bench.log_in("alice", "elsewhere")
    assert len(bench.checks) == 1  # and the others stay in line
    assert left(bench.logins)[1:] != []


def test_a_host_that_guesses_does_not_keep_others_waiting() -> None:
    bench = Bench()
    guesses = [bench.log_in(f"user{number}", "bad") for number in range(1000)]
    honest = bench.log_in("alice", "good")
    bench.tell(WRONG, 3)
    assert guesses == [[WRONG]] * 3 + [["BusyError"]] * 997
    bench.tell(RIGHT)
    assert honest == [RIGHT]


@pytest.mark.parametrize("name", ["alice", " ALICE ", "Alice@Example.com", "alice@example.com"])
def test_however_a_name_is_written_it_is_the_same_name(name: str) -> None:
    bench = Bench()
    for number in range(3):
        bench.log_in("alice", f"host{number}")
        bench.tell(WRONG)
    assert bench.log_in(name, "elsewhere") == ["BusyError"]


def test_the_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Logins, "WAITING", 5)
    bench = Bench()
    outcomes = [bench.log_in(f"user{number}", f"host{number}") for number in range(20)]
    assert outcomes == [[]] * 9 + [["BusyError"]] * 11


def test_whoever_goes_away_is_not_looked_at() -> None:
    bench = Bench()
    session = client()
    others = [bench.log_in("alice") for _ in range(3)]
    outcome = bench.log_in("alice", session=session)
    bench.logins.gone(session)
    bench.logins.gone(session)
    assert outcome == ["BusyError"]
    bench.tell(RIGHT, 3)
    assert (others, bench.checks, left(bench.logins)) == ([[RIGHT]] * 3, [], [])


def test_a_database_that_fails_teaches_nothing() -> None:
    bench = Bench()
    for _ in range(20):
        outcome = bench.log_in("alice")
        bench.checks.pop().errback(OSError())
        assert outcome == ["OSError"]
    assert (left(bench.logins), bench.logins._patience._failures) == ([], {})
    bench.log_in("alice")
    assert len(bench.checks) == 1


def test_who_is_known_at_once_does_not_deepen_the_stack() -> None:
    async def at_once(_name: str, _password: str) -> Rights | None:
        return RIGHT

    bench = Bench()
    bench.logins._verify = bench.verify
    waiting = [bench.log_in(f"user{number}") for number in range(2000)]
    bench.logins._verify = at_once
    bench.tell(RIGHT)
    assert sum(outcome == [RIGHT] for outcome in waiting) == 1998  # but two, which are still looked at


# Who has failed
