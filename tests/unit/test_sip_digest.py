"""Digest authentication."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.sip import digest
from ctigw.sip.digest import (
    Challenge,
    Digest,
    Login,
    Outcome,
    Verdict,
    answer,
    challenges_of,
    credentials,
    ha1,
    parameters,
)

REALM = "example.com"
URI = "sip:bob@example.com"
PASSWORDS = {"alice": "wonderland", "bob": "builder"}


def known(user: str, algorithm: str) -> str | None:
    return ha1(user, REALM, PASSWORDS[user], algorithm) if user in PASSWORDS else None


class Server:
    """A server, and a client that does what the test says."""

    def __init__(self, **more: object) -> None:
        self.time = 1_000.0
        self.digest = self.restarted(**more)

    def restarted(self, **more: object) -> Digest:
        return Digest(REALM, b"secret", lambda: self.time, 60, **more)  # type: ignore[arg-type]

    def asks(self, algorithm: str = "SHA-256") -> Challenge:
        lines = self.digest.challenges()
        return next(asked for asked in challenges_of(lines) if asked.algorithm == algorithm)

    def check(
        self,
        asked: Challenge,
        nc: int = 1,
        *,
        user: str = "alice",
        password: str = "wonderland",
        method: str = "PUBLISH",
        given: str = URI,
        uri: str = URI,
    ) -> Outcome:
        line = credentials(asked, method, given, user=user, password=password, nc=nc, cnonce="c")
        return self.judge(line, uri=uri)

    def judge(self, *lines: str, uri: str = URI) -> Outcome:
        return self.digest.check(lines, "PUBLISH", uri, known).outcome

    def changed(self, old: str, new: str) -> Outcome:
        line = credentials(self.asks(), "PUBLISH", URI, user="alice", password="wonderland", nc=1, cnonce="c")
        assert old in line
        return self.judge(line.replace(old, new))


@pytest.fixture
def server() -> Server:
    return Server()


# Published examples


def test_the_example_of_rfc_2617() -> None:
    asked = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int",'
        ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    name, line = answer(
        401, [asked], "GET", "/dir/index.html", user="Mufasa", password="Circle Of Life", cnonce="0a4f113b"
    ) or ("", "")
    assert name == "Authorization"
    sent = parameters(line) or {}
    assert sent["response"] == "6629fae49393a05397450978507c4ef1"
    assert (sent["qop"], sent["nc"]) == ("auth", "00000001")
    assert sent["opaque"] == "5ccc069c403ebaf9f0171e9517f40e41"


def test_the_example_of_rfc_2069_as_corrected() -> None:
    asked = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "MD5", counted=False)
    line = credentials(asked, "GET", "/dir/index.html", user="Mufasa", password="CircleOfLife")
    sent = parameters(line) or {}
    assert sent["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert "nc" not in sent


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    asked = Challenge(
        "http-auth@example.org",
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        algorithm,
        counted=True,
        opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    )
    line = credentials(
        asked,
        "GET",
        "/dir/index.html",
        user="Mufasa",
        password="Circle of Life",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert (parameters(line) or {})["response"] == response


# The server


def test_sha_256_is_asked_for_before_md5_with_one_nonce(server: Server) -> None:
    first, second = server.digest.challenges()
    nonce = challenges_of([first])[0].nonce
    assert first == f'Digest realm="example.com", nonce="{nonce}", algorithm=SHA-256, qop="auth"'
    assert second == f'Digest realm="example.com", nonce="{nonce}", algorithm=MD5, qop="auth"'
    assert server.digest.challenges(stale=True)[0].endswith('qop="auth", stale=true')


def test_no_two_nonces_are_equal_in_one_moment(server: Server) -> None:
    assert len({server.asks().nonce for _ in range(10)}) == 10


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_right_password_is_accepted(server: Server, algorithm: str) -> None:
    line = credentials(
        server.asks(algorithm), "PUBLISH", URI, user="alice", password="wonderland", cnonce="c"
    )
    verdict = server.digest.check([line], "PUBLISH", URI, known)
    assert verdict == Verdict(Outcome.ACCEPTED, "alice")
    assert not verdict.stale


def test_who_says_nothing_or_speaks_to_somebody_else_is_asked(server: Server) -> None:
    assert server.judge() is Outcome.MISSING
    elsewhere = Challenge("other.example", "n", "MD5", counted=True)
    assert server.check(elsewhere) is Outcome.MISSING


def test_of_several_answers_one_that_is_right_is_enough(server: Server) -> None:
    asked = server.asks()
    other = credentials(
        Challenge("other", "n", "MD5", counted=True), "PUBLISH", URI, user="x", password="y", cnonce="c"
    )
    right = credentials(asked, "PUBLISH", URI, user="alice", password="wonderland", cnonce="c")
    assert server.judge(other, right) is Outcome.ACCEPTED


def test_no_more_answers_are_looked_at_than_anybody_sends(server: Server) -> None:
    right = credentials(server.asks(), "PUBLISH", URI, user="alice", password="wonderland", cnonce="c")
    assert server.judge(*["Digest x=y"] * 4, right) is Outcome.MISSING


def test_wrong_credentials_are_refused_and_not_called_stale(server: Server) -> None:
    assert server.check(server.asks(), password="guess") is Outcome.WRONG
    assert server.check(server.asks(), user="nobody") is Outcome.WRONG
    assert server.check(server.asks(), user="bob") is Outcome.WRONG
    assert server.check(server.asks(), method="REGISTER") is Outcome.WRONG
    assert len(server.digest) == 0


def test_who_answers_with_the_hash_of_nobody_is_nobody(server: Server) -> None:
    for algorithm, secret in server.digest._nobody.items():
        asked = server.asks(algorithm)
        what = digest._hash(algorithm, "PUBLISH", URI)
        response = digest._response(algorithm, secret, asked.nonce, ("00000001", "c"), what)
        line = credentials(asked, "PUBLISH", URI, user="nobody", password="", cnonce="c")
        forged = re.sub(r'response="\w+"', f'response="{response}"', line)
        assert forged != line
        assert server.judge(forged) is Outcome.WRONG


def test_a_count_must_grow(server: Server) -> None:
    asked = server.asks()
    assert server.check(asked, 1) is Outcome.ACCEPTED
    assert server.check(asked, 1) is Outcome.STALE
    assert server.check(asked, 2) is Outcome.ACCEPTED
    assert server.check(asked, 10) is Outcome.ACCEPTED
    assert server.check(asked, 9) is Outcome.STALE
    assert server.check(asked, 0xFFFFFFFF) is Outcome.ACCEPTED


def test_credentials_without_a_count_are_good_once(server: Server) -> None:
    asked = server.asks()
    uncounted = Challenge(asked.realm, asked.nonce, asked.algorithm, counted=False)
    assert server.check(uncounted) is Outcome.ACCEPTED
    assert server.check(uncounted) is Outcome.STALE
    assert server.check(asked, 0xFFFFFFFF) is Outcome.STALE


def test_a_nonce_gets_too_old(server: Server) -> None:
    asked = server.asks()
    server.time += 60
    assert server.check(asked, 1) is Outcome.ACCEPTED
    server.time += 0.001
    assert server.check(asked, 2) is Outcome.STALE
    assert server.check(asked, 2, password="guess") is Outcome.WRONG


def test_a_nonce_from_before_a_restart_is_stale(server: Server) -> None:
    asked = server.asks()
    server.time += 1
    server.digest = server.restarted()
    assert server.check(asked) is Outcome.STALE
    assert server.check(server.asks()) is Outcome.ACCEPTED


def test_a_nonce_from_after_a_clock_went_back_is_stale(server: Server) -> None:
    asked = server.asks()
    server.time = 1.0
    server.digest = server.restarted()
    assert server.check(asked) is Outcome.STALE


def test_a_nonce_of_ours_that_was_changed_or_is_somebody_elses_is_stale(server: Server) -> None:
    asked = server.asks()
    forged = f"{int(asked.nonce[:16], 16) + 1:016x}{asked.nonce[16:]}"
    for nonce in (forged, "x", "é", "0" * 48, asked.nonce + "0"):
        assert server.check(Challenge(REALM, nonce, "MD5", counted=True)) is Outcome.STALE


def test_the_books_are_bounded_and_what_falls_out_of_them_is_not_good_again() -> None:
    server = Server(most=2)
    first, second, third, unused = (server.asks() for _ in range(4))
    assert server.check(first) is Outcome.ACCEPTED
    assert server.check(second) is Outcome.ACCEPTED
    assert server.check(third) is Outcome.ACCEPTED
    assert len(server.digest) == 2
    assert server.check(first, 1) is Outcome.STALE
    assert server.check(first, 2) is Outcome.STALE
    assert server.check(second, 2) is Outcome.ACCEPTED
    assert server.check(unused) is Outcome.ACCEPTED


def test_the_books_are_cleared_of_what_is_too_old_anyhow(server: Server) -> None:
    for _ in range(5):
        server.check(server.asks())
    assert len(server.digest) == 5
    server.time += 61
    assert server.check(server.asks()) is Outcome.ACCEPTED
    assert len(server.digest) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=x"),
        ("nc=00000001", "nc=000000001"),
        ('cnonce="c"', 'cnonce=""'),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("algorithm=SHA-256", "algorithm=MD4"),
        ('username="alice"', 'usernam="alice"'),
        ('username="alice"', 'username="alice", username="bob"'),
        ('username="alice"', 'username="alice'),
        ("Digest ", "Basic "),
        ("Digest ", "Digest garbage "),
        ("Digest ", "Digest " + "x" * 5000),
    ],
)
def test_what_cannot_be_read_is_asked_for_anew(server: Server, old: str, new: str) -> None:
    assert server.changed(old, new) is Outcome.MALFORMED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Digest username", "DIGEST   Username"),
        (", ", ","),
        (", ", " ,\t, "),
        ("algorithm=SHA-256", 'algorithm="sha-256"'),
        ("qop=auth", 'qop="auth"'),
        ("nc=00000001", 'nc="00000001"'),
    ],
)
def test_credentials_may_be_written_in_any_way(server: Server, old: str, new: str) -> None:
    assert server.changed(old, new) is Outcome.ACCEPTED


def test_an_algorithm_that_is_not_offered_is_not_taken() -> None:
    server = Server(algorithms=("SHA-256",))
    assert len(server.digest.challenges()) == 1
    md5 = Challenge(REALM, server.asks().nonce, "MD5", counted=True)
    assert server.check(md5) is Outcome.MALFORMED


@pytest.mark.parametrize(
    ("given", "uri", "fits"),
    [
        (URI, "sip:bob@10.0.0.1:5060;transport=tcp", True),
        ("sip:BOB@Example.com", URI, True),
        ("sip:example.com", "sip:10.0.0.1", True),
        ("sip:alice@example.com", URI, False),
        ("sip:example.com", URI, False),
        ("no uri", URI, False),
    ],
)
def test_the_uri_may_have_changed_on_its_way_but_not_whom_it_names(
    server: Server, given: str, uri: str, fits: bool
) -> None:
    verdict = server.check(server.asks(), given=given, uri=uri)
    assert verdict is (Outcome.ACCEPTED if fits else Outcome.WRONG)


def test_names_that_are_not_ascii_are_names(server: Server) -> None:
    PASSWORDS["zoë"] = "ß"
    try:
        assert server.check(server.asks(), user="zoë", password="ß") is Outcome.ACCEPTED
        assert server.check(server.asks(), user="\udcff") is Outcome.WRONG
        assert server.changed("response=", 'response="é", x=') is Outcome.WRONG
    finally:
        del PASSWORDS["zoë"]


@given(st.text(max_size=200))
def test_no_text_makes_reading_fail(text: str) -> None:
    server = Server()
    assert server.judge("Digest " + text) in (Outcome.MISSING, Outcome.MALFORMED)


# The client


def test_of_several_challenges_the_strongest_is_answered() -> None:
    md5 = 'Digest realm="a", nonce="1", algorithm=MD5, qop="auth"'
    sha = 'Digest realm="a", nonce="2", algorithm=SHA-256, qop="auth"'
    strange = 'Digest realm="a", nonce="3", algorithm=SHA-512-256, qop="auth"'
    _, line = answer(407, [strange, md5, sha], "PUBLISH", URI, user="alice", password="x", cnonce="c") or (
        "",
        "",
    )
    assert 'nonce="2"' in line


@pytest.mark.parametrize(
    "asked",
    [
        'Digest realm="a", nonce="1", algorithm=SHA-512-256',
        'Digest realm="a", nonce="1", qop="auth-int"',
        'Digest realm="a", nonce=""',
        'Digest nonce="1"',
        'Basic realm="a"',
        "",
    ],
)
def test_what_cannot_be_answered_is_not(asked: str) -> None:
    assert answer(401, [asked], "PUBLISH", URI, user="alice", password="x") is None
    assert not Login("alice", "x", lambda: "c").learn(401, [asked])


def test_a_client_uses_a_nonce_again_and_counts(server: Server) -> None:
    login = Login("alice", "wonderland", lambda: "c")
    assert login.headers("PUBLISH", URI) == []
    assert login.learn(401, server.digest.challenges())
    for count in (1, 2, 3):
        ((name, line),) = login.headers("PUBLISH", URI)
        assert (name, (parameters(line) or {})["nc"]) == ("Authorization", f"{count:08x}")
        assert server.judge(line) is Outcome.ACCEPTED


def test_a_client_with_the_wrong_password_tries_once(server: Server) -> None:
    login = Login("alice", "guess", lambda: "c")
    assert login.learn(401, server.digest.challenges())
    ((_, line),) = login.headers("PUBLISH", URI)
    assert server.judge(line) is Outcome.WRONG
    assert not login.learn(401, server.digest.challenges())
    assert login.headers("PUBLISH", URI) == []
    assert login.learn(401, server.digest.challenges())


@pytest.mark.parametrize("stale", [True, False])
def test_a_client_whose_nonce_got_too_old_takes_the_new_one(server: Server, stale: bool) -> None:
    login = Login("alice", "wonderland", lambda: "c")
    login.learn(401, server.digest.challenges())
    for _ in range(2):
        login.headers("PUBLISH", URI)
    assert login.learn(401, server.digest.challenges(stale=stale))
    ((_, line),) = login.headers("PUBLISH", URI)
    assert server.judge(line) is Outcome.ACCEPTED


def test_a_server_and_a_proxy_may_both_ask(server: Server) -> None:
    login = Login("alice", "wonderland", lambda: "c")
    assert login.learn(407, ['Digest realm="proxy", nonce="1"'])
    assert login.learn(401, server.digest.challenges())
    names = [name for name, _ in login.headers("PUBLISH", URI)]
    assert names == ["Proxy-Authorization", "Authorization"]
