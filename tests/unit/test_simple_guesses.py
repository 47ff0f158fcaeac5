"""Guessing passwords over SIP."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from ctigw.patience import Patience
from ctigw.simple.identity import Guesses
from ctigw.sip.errors import Rejected

HERE, ELSEWHERE = "192.0.2.15", "192.0.2.99"
ALICE, BOB = "alice@example.com", "bob@example.com"


def fails(guesses: Guesses, host: str, name: str, times: int = Patience.FREE) -> None:
    for _ in range(times):
        guesses.tries(host, name)(False)


def test_who_guesses_has_to_wait_and_is_told_for_how_long() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    fails(guesses, HERE, ALICE)
    with pytest.raises(Rejected) as refused:
        guesses.tries(HERE, ALICE)
    assert (refused.value.status, refused.value.headers) == (503, (("Retry-After", "1"),))
    clock.advance(Patience.LONGEST)
    guesses.tries(HERE, ALICE)(True)
    guesses.tries(HERE, ALICE)


def test_other_names_from_there_and_other_hosts_for_the_name_wait_too() -> None:
    guesses = Guesses(Clock())
    fails(guesses, HERE, ALICE)
    for host, name in ((HERE, BOB), (ELSEWHERE, ALICE)):
        with pytest.raises(Rejected):
            guesses.tries(host, name)
    guesses.tries(ELSEWHERE, BOB)


def test_a_phone_that_has_known_the_password_waits_for_no_stranger() -> None:
    guesses = Guesses(Clock())
    guesses.tries(HERE, ALICE)(True)
    fails(guesses, ELSEWHERE, ALICE)
    guesses.tries(HERE, ALICE)(True)
    with pytest.raises(Rejected):
        guesses.tries(ELSEWHERE, ALICE)


def test_a_phone_that_knows_it_no_more_waits_like_others() -> None:
    guesses = Guesses(Clock())
    guesses.tries(HERE, ALICE)(True)
    fails(guesses, HERE, ALICE)
    with pytest.raises(Rejected):
        guesses.tries(HERE, ALICE)


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guesses, "KNOWN", 2)
    guesses = Guesses(Clock())
    for number in range(3):
        guesses.tries(f"192.0.2.{number}", ALICE)(True)
    fails(guesses, ELSEWHERE, ALICE)
    with pytest.raises(Rejected):
        guesses.tries("192.0.2.0", ALICE)
    guesses.tries("192.0.2.1", ALICE)
    guesses.tries("192.0.2.2", ALICE)
