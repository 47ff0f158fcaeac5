"""Endpoints of applications, the URLs that they may have, and the numbers that they are given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ctigw.soap.pws.errors import PwsError
from ctigw.soap.pws.numbers import Numbers, number
from ctigw.soap.pws.requests import RegisterEndPoint
from ctigw.soap.pws.urls import Allowed, checked, notice
from ctigw.soap.sessions import Session
from tests.presence_web import URL, Bench, code_of

LOOPBACK = Allowed(("127.0.0.0/8", "::1"))


def register(bench: Bench, session: Session, **asked: Any) -> int:
    return bench.service.register_end_point(session, RegisterEndPoint(**{"seconds": 3600, **asked}))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, 130),
        ({"url": "  "}, 130),
        ({"url": "http://127.0.0.1/a b"}, 142),
        ({"url": URL, "seconds": None}, 131),
        ({"url": URL, "seconds": 0}, 131),
        ({"url": URL, "seconds": 3599}, 131),
        ({"url": URL, "seconds": 86_401}, 131),
        ({"url": "http://192.0.2.1/"}, 209),
        ({"url": "ftp://127.0.0.1/"}, 209),
        ({"number": 2}, 132),
        ({"number": -1}, 132),
        ({"number": None}, 132),
        ({"number": 10**30}, 132),
        ({"number": 1, "url": URL}, 123),
        ({"number": 1, "url": "http://127.0.0.1/other", "repeated": True}, 123),
        ({"number": 1, "seconds": 60}, 131),
    ],
)
def test_what_is_wrong_with_a_registration(asked: dict[str, Any], code: int) -> None:
    bench = Bench()
    session = bench.login()
    assert register(bench, session, url=URL) == 1
    assert code_of(lambda: register(bench, session, **asked)) == code
    assert len(bench.service._endpoints) == 1


@pytest.mark.parametrize("seconds", [3600, 86_400])
def test_an_endpoint_lasts_so_long_and_no_longer_unless_it_is_renewed(seconds: int) -> None:
    bench = Bench()
    session = bench.login()
    assert register(bench, session, url=f" {URL} ", seconds=seconds) == 1
    bench.passes(seconds - 10)
    # However busy the session is: the time is absolute.
    session = bench.login(reuse=seconds == 3600, force=False)
    if seconds > 36_000:  # the session, and with it the endpoint, has ended before
        assert bench.nothing_left()
        return
    assert register(bench, session, number=1, seconds=seconds) == 1
    bench.passes(seconds - 10)
    assert len(bench.service._endpoints) == 1
    assert register(bench, session, number=1, url=URL, repeated=True, seconds=seconds) == 1
    bench.passes(seconds + 1)
    assert bench.nothing_left()
    assert code_of(lambda: register(bench, session, number=1)) == 132


def test_endpoints_are_the_applications_own() -> None:
    bench = Bench()
    one, other, user = bench.login(), bench.login("other"), bench.login("alice")
    assert register(bench, one, url=URL) == 1
    assert code_of(lambda: register(bench, other, number=1)) == 136
    assert code_of(lambda: bench.service.unregister_end_point(other, 1)) == 136
    assert code_of(lambda: register(bench, user, url=URL)) == 141
    assert code_of(lambda: bench.service.unregister_end_point(user, 1)) == 141
    bench.service.unregister_end_point(one, 1)
    assert code_of(lambda: bench.service.unregister_end_point(one, 1)) == 132
    assert code_of(lambda: bench.service.unregister_end_point(one, None)) == 132
    assert bench.nothing_left()


def test_there_are_as_many_as_there_may_be() -> None:
    bench = Bench(endpoints=3, endpoints_per_application=2)
    one, other = bench.login(), bench.login("other")
    assert [register(bench, one, url=URL) for _ in range(2)] == [1, 2]
    assert code_of(lambda: register(bench, one, url=URL)) == 138
    assert register(bench, other, url=URL) == 3
    assert code_of(lambda: register(bench, other, url=URL)) == 138
    bench.service.unregister_end_point(one, 1)
    assert register(bench, other, url=URL) == 1


@pytest.mark.parametrize(
    ("url", "as_kept"),
    [
        ("http://127.0.0.1:5000/pws", None),
        ("https://127.255.1.2/", None),
        ("http://[::1]:8080/a?b=c", None),
        ("http://[::ffff:127.0.0.1]/", None),
        ("http://app.example.com", None),
        ("HTTP://localhost/%20x", None),
        (" \n http://localhost/ ", "http://localhost/"),
        ("http://localhost/#part", "http://localhost/"),
    ],
)
def test_urls_that_can_be_called(url: str, as_kept: str | None) -> None:
    assert checked(url, LOOPBACK) == (as_kept or url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://[2001:db8::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://169.254.169.254/latest",
        "http://0.0.0.0/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//127.0.0.1/",
        "/pws",
        "http://",
        "http:///pws",
        "http://user:secret@127.0.0.1/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "http://höst/",
        "http://127.0.0.1/\x00",
        "http://127.0.0.1/" + "x" * 2048,
    ],
)
def test_urls_that_cannot(url: str) -> None:
    assert code_of(lambda: checked(url, LOOPBACK)) == 209


@pytest.mark.parametrize("between", [" ", "\t", "\n", "\r\n", "\u00a0", "\u2028"])
def test_no_blank_of_any_kind_is_in_a_url(between: str) -> None:
    assert code_of(lambda: checked(f"http://127.0.0.1/{between}HTTP/1.1", LOOPBACK)) == 142


@given(some.text(max_size=60))
def test_whatever_is_called_a_url_is_one_or_is_refused(text: str) -> None:
    url, code = checked_or_not(f"http://127.0.0.1/{text}")
    assert code in (0, 142, 209)
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


def checked_or_not(text: str) -> tuple[str, int]:
    """The URL, or the code of the refusal."""
    try:
        return checked(text, LOOPBACK), 0
    except PwsError as error:
        return "", error.code.value


@pytest.mark.parametrize(
    ("networks", "address", "is_allowed"),
    [
        (("127.0.0.0/8",), "127.0.0.1", True),
        (("127.0.0.0/8",), "::ffff:127.0.0.1", True),
        (("127.0.0.0/8",), "::1", False),
        (("127.0.0.0/8",), "128.0.0.1", False),
        (("2001:db8::/32",), "2001:db8::5", True),
        ((), "127.0.0.1", False),
        (("0.0.0.0/0",), "::1", False),
        (("0.0.0.0/0",), "localhost", False),
        (("0.0.0.0/0",), "", False),
    ],
)
def test_only_addresses_of_the_networks_are_allowed(
    networks: tuple[str, ...], address: str, is_allowed: bool
) -> None:
    assert Allowed(networks)(address) is is_allowed


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://h/p", "http://h/p?id=7&eventType=PRESENCE_NOTIFICATION"),
        ("http://h/p?a=b", "http://h/p?a=b&id=7&eventType=PRESENCE_NOTIFICATION"),
        ("http://h/p?", "http://h/p?id=7&eventType=PRESENCE_NOTIFICATION"),
        ("http://h/p?a&", "http://h/p?a&id=7&eventType=PRESENCE_NOTIFICATION"),
        ("http://h", "http://h?id=7&eventType=PRESENCE_NOTIFICATION"),
    ],
)
def test_what_is_called(url: str, called: str) -> None:
    assert notice(url, 7) == called


@given(some.lists(some.integers(0, 5), max_size=60))
def test_the_lowest_free_number_is_given(gives: list[int]) -> None:
    """0 takes one, anything else gives back the one that is so far up among those that are taken."""
    numbers, taken = Numbers(), set[int]()
    for give in gives:
        if give and taken:
            back = sorted(taken)[min(give, len(taken)) - 1]
            taken.discard(back)
            numbers.give_back(back)
        else:
            lowest = next(each for each in range(1, 100) if each not in taken)
            assert numbers.take() == lowest
            taken.add(lowest)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", 1),
        (" 42\n", 42),
        ("+3", 3),
        ("-1", -1),
        ("0", 0),
        ("", None),
        ("one", None),
        ("1.0", None),
        ("0x10", None),
        ("٣", None),
        ("1_0", None),
        ("9" * 11, None),
        ("9" * 100_000, None),
    ],
)
def test_a_number_is_one_that_an_int_can_be(text: str, found: int | None) -> None:
    assert number(text) == found
