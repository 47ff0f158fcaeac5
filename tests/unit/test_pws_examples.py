"""The printed requests and answers of the Presence Web Service, replayed."""

from __future__ import annotations

from itertools import count

import pytest

from ctigw.directory.credentials import Principal
from tests.pidf import EXAMPLES
from tests.presence_web import Bench, canonical

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not here")
KEYS = ("551e35c6-1be-1d90757b-2faf-7", "551e376c-13b-44f32be3-312c-7")


def request(name: str) -> bytes:
    return (EXAMPLES / f"{name}.request.xml").read_bytes()


def response(name: str) -> bytes:
    return canonical((EXAMPLES / f"{name}.response.xml").read_bytes())


def test_the_printed_requests_get_the_printed_answers() -> None:
    bench = Bench()
    numbers = count()
    bench.sessions._means = type(bench.means)(bench.means.now, bench.means.after, lambda: KEYS[next(numbers)])
    bench.applications["webservicetest"] = Principal(
        "webservicetest", "application", (), (), users=("klmt@*",)
    )
    bench.people["klmt"] = Principal("klmt@sie.at", "user", (), ())
    bench.passwords["webservicetest"] = "xxx"
    for name in ("pws-01-appuser-login", "pws-02-enduser-login", "pws-03-getPolledPresence"):
        answer = bench.asked("POST", "/presence-service/soap", request(name))
        assert answer.status == 200
        assert canonical(answer.body) == response(name)
