"""What clients are asked for, before they have said who they are."""

from __future__ import annotations

import pytest

from ctigw.sip.digest import challenges_of
from tests.presence import OPEN, Bench

ASKING = OPEN.replace('authentication = "none"', 'authentication = "digest"')


@pytest.mark.parametrize(
    ("setting", "offered"),
    [
        ("", ["MD5"]),
        ('digest_algorithms = ["SHA-256"]', ["SHA-256"]),
        ('digest_algorithms = ["MD5", "SHA-256"]', ["SHA-256", "MD5"]),
    ],
)
def test_only_the_algorithms_of_the_configuration_are_offered(setting: str, offered: list[str]) -> None:
    bench = Bench(ASKING.replace("[sip]", f"[sip]\n{setting}", 1))
    answer = bench.ask("REGISTER", "alice", "alice", Contact="<sip:alice@192.0.2.15>")
    assert answer.status == 401
    challenges = challenges_of(answer.lines("WWW-Authenticate"))
    assert [challenge.algorithm for challenge in challenges] == offered
