"""REST: paths, methods, headers and statuses, the quirks of clients, and what hostile ones send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from lxml import etree

from ctigw.soap.http import HttpResponse, Routes
from ctigw.soap.pws import routes
from ctigw.soap.pws.errors import MEANINGS, Code
from ctigw.soap.sessions import Session
from tests.presence_web import URL, Bench

BASE = "/presence-service"
PASSWORD = "<session><password>secret</password></session>"
ENDPOINT = f"<endpoint><url>{URL}</url></endpoint>"
SUBSCRIPTION = (
    '<subscription><contactsList><contact contactURI="bob"/></contactsList>'
    "<subscriptionType>PRESENCE_NOTIFICATION</subscriptionType><endPointID>1</endPointID></subscription>"
)
RICH = (
    '<presence entity="sip:alice@example.com"><person id="alice"><activities><busy/><meeting/></activities>'
    '</person><tuple id="foo-meeting"><source xmlns="urn:cisco:params:xml:ns:pidf:source">'
    "Presence Web Service</source><servcaps><text>true</text></servcaps>"
    "<status><basic>open</basic></status></tuple></presence>"
)


class Client:
    """Speaks for a session."""

    def __init__(self, bench: Bench, session: Session | None = None) -> None:
        self.bench, self.key = bench, session.key if session else ""

    def __call__(self, method: str, path: str, body: str = "", **headers: str) -> HttpResponse:
        key = {"Presence_Session_Key": self.key} if self.key else {}
        return self.bench.asked(method, f"{BASE}{path}", body, **{**key, **headers})


def clients(**limits: Any) -> tuple[Bench, Client, Client]:
    """An application, and alice whom it has logged in."""
    bench = Bench(**limits)
    application = bench.login()
    return bench, Client(bench, application), Client(bench, bench.user_of(application))


def key_in(answer: HttpResponse) -> str:
    assert answer.status == 201
    root = etree.fromstring(answer.body)
    assert (root.tag, [child.tag for child in root]) == ("session", ["sessionKey"])
    return root[0].text or ""


def refusal(answer: HttpResponse) -> tuple[int, int]:
    """Status and code, which say the same."""
    root = etree.fromstring(answer.body)
    assert (root.tag, [child.tag for child in root]) == ("error", ["code", "message"])
    code = int(root[0].text or "")
    assert MEANINGS[Code(code)] == (root[1].text, answer.status)
    return answer.status, code


def location(answer: HttpResponse) -> str:
    assert (answer.status, answer.body) == (201, b"")
    return dict(answer.headers)["Location"]


@pytest.mark.parametrize("name", ["alice", "alice%40example.com", "alice@example.com", "ALICE"])
def test_users_log_in_and_out_however_they_are_written(name: str) -> None:
    bench = Bench()
    stranger = Client(bench)
    application = key_in(stranger("POST", "/users/webapp/sessions", PASSWORD))
    key = key_in(stranger("POST", f"/users/{name}/sessions", Presence_Session_Key=application))
    # Clients of the field log in again and again, and expect the key that they have.
    assert key_in(stranger("POST", f"/users/{name}/sessions/", Presence_Session_Key=application)) == key
    assert key_in(stranger("POST", "/users/webapp/sessions", PASSWORD)) == application
    other = key_in(stranger("PUT", f"/users/{name}/session", Presence_Session_Key=application))
    assert other != key
    assert refusal(stranger("DELETE", f"/users/{name}/session", Presence_Session_Key=key)) == (401, 101)
    assert stranger("DELETE", f"/users/{name}/session", Presence_Session_Key=other) == HttpResponse()
    own = key_in(stranger("PUT", f"/users/{name}/session", PASSWORD))
    assert bench.service.session(own).application is None
    assert stranger("DELETE", "/users/webapp/session", Presence_Session_Key=application).status == 200
    assert len(bench.sessions) == 1


def test_a_repeated_login_can_be_refused_instead() -> None:
    bench = Bench()
    bench.routes = Routes(routes(bench.service, repeated_login="refuse"))
    client = Client(bench)
    key_in(client("POST", "/users/webapp/sessions", PASSWORD))
    assert refusal(client("POST", "/users/webapp/sessions", PASSWORD)) == (409, 160)
    key_in(client("PUT", "/users/webapp/session", PASSWORD))


@pytest.mark.parametrize(
    ("user", "body", "refused"),
    [
        ("webapp", "", (400, 112)),
        ("webapp", "<session/>", (400, 112)),
        ("webapp", "<session><password/></session>", (400, 111)),
        ("webapp", "<session><password>wrong</password></session>", (400, 114)),
        ("nobody", PASSWORD, (400, 114)),
        ("%20", PASSWORD, (404, 113)),
        ("webapp", "<login/>", (400, 103)),
        ("webapp", "<session>", (400, 102)),
        ("webapp", "<!DOCTYPE s [<!ENTITY a 'b'>]><session/>", (400, 102)),
    ],
)
def test_a_login_that_is_wrong(user: str, body: str, refused: tuple[int, int]) -> None:
    bench = Bench()
    for method, path in (("POST", "sessions"), ("PUT", "session")):
        assert refusal(Client(bench)(method, f"/users/{user}/{path}", body)) == refused
    assert len(bench.sessions) == 0


def test_a_user_whom_nobody_knows_is_not_found() -> None:
    bench, application, user = clients()
    assert refusal(application("POST", "/users/nobody/sessions")) == (404, 113)
    assert refusal(user("POST", "/users/bob/sessions")) == (400, 141)
    bench.is_busy = True
    busy = application("POST", "/users/alice/sessions", PASSWORD)
    assert refusal(busy) == (503, 212)
    assert busy.headers == (("Retry-After", "1"),)
    bench.is_away = True
    assert refusal(application("POST", "/users/bob/sessions")) == (500, 208)


def test_endpoints() -> None:
    bench, application, user = clients()
    at = "http://cup.example.com:8082/presence-service/endpoints/"
    assert location(application("POST", "/endpoints", ENDPOINT, Presence_Expiry="3600")) == f"{at}1"
    # As older clients write it, with blanks around everything, and the time in the body.
    older = (
        "<?xml version='1.0'?>\n <endpoint> \n <url> http://127.0.0.1/x </url> \n"
        "<expiration> 86400 </expiration> \n</endpoint>"
    )
    assert location(application("POST", "/endpoints", older)) == f"{at}2"
    # Who renews one may say again what it is, but not that it is another.
    assert location(application("PUT", "/endpoints/1", ENDPOINT, Presence_Expiry="3600")) == f"{at}1"
    assert location(application("PUT", "/endpoints/1", Presence_Expiry="3600")) == f"{at}1"
    for wrong, refused in (
        (application("PUT", "/endpoints/2", ENDPOINT, Presence_Expiry="3600"), (400, 123)),
        (application("PUT", "/endpoints/1"), (400, 131)),
        (application("PUT", "/endpoints/1", Presence_Expiry="soon"), (400, 131)),
        (application("PUT", "/endpoints/3", Presence_Expiry="3600"), (400, 132)),
        (application("PUT", "/endpoints/0", ENDPOINT, Presence_Expiry="3600"), (400, 132)),
        (application("PUT", "/endpoints/x", Presence_Expiry="3600"), (400, 132)),
        (application("POST", "/endpoints", Presence_Expiry="3600"), (400, 130)),
        (application("POST", "/endpoints", ENDPOINT), (400, 131)),
        (application("POST", "/endpoints", "<url/>", Presence_Expiry="3600"), (400, 103)),
        (user("POST", "/endpoints", ENDPOINT, Presence_Expiry="3600"), (400, 141)),
        (user("DELETE", "/endpoints/1"), (400, 141)),
        (Client(bench)("DELETE", "/endpoints/1"), (401, 100)),
        (application("DELETE", f"/endpoints/{'9' * 10_000}"), (400, 132)),
    ):
        assert refusal(wrong) == refused
    assert application("DELETE", "/endpoints/1") == HttpResponse()
    assert application("DELETE", "/endpoints/2") == HttpResponse()
    assert refusal(application("DELETE", "/endpoints/1")) == (400, 132)
    assert bench.nothing_left()


def test_subscriptions() -> None:
    bench, application, user = clients()
    application("POST", "/endpoints", ENDPOINT, Presence_Expiry="3600")
    at = "http://cup.example.com:8082/presence-service/users/{}/subscriptions/1"
    made = user("POST", "/users/alice/subscriptions", SUBSCRIPTION, Presence_Expiry="3600")
    assert location(made) == at.format("alice")
    assert bench.calls() == [f"{URL}?id=1&eventType=PRESENCE_NOTIFICATION"]
    path = "/users/alice%40example.com/subscriptions/1"
    assert location(user("PUT", path, Presence_Expiry="7200")) == at.format("alice%40example.com")
    more = '<subscription><contactsList><contact contactURI="carol"/></contactsList></subscription>'
    assert user("PUT", path, more).status == 201
    got = user("GET", "/users/alice/presence/basic/subscriptions/1", "<ignored")
    root = etree.fromstring(got.body)
    assert [dict(each.attrib) for each in root.iter("contact")] == [
        {"contactURI": "bob", "presenceStatus": "UNAVAILABLE"},
        {"contactURI": "carol", "presenceStatus": "UNAVAILABLE"},
    ]
    for wrong, refused in (
        (user("POST", "/users/alice/subscriptions", Presence_Expiry="3600"), (400, 150)),
        (user("POST", "/users/alice/subscriptions", "<list/>", Presence_Expiry="3600"), (400, 103)),
        (user("POST", "/users/alice/subscriptions", SUBSCRIPTION), (400, 131)),
        (user("POST", "/users/alice/subscriptions", "<subscription/>", Presence_Expiry="3600"), (400, 134)),
        (
            user(
                "POST",
                "/users/alice/subscriptions",
                SUBSCRIPTION.replace("contactsList", "list"),
                Presence_Expiry="3600",
            ),
            (400, 146),
        ),
        (
            user(
                "POST",
                "/users/alice/subscriptions",
                SUBSCRIPTION.replace('<contact contactURI="bob"/>', '<contact contactURI="bob"/>' * 5001),
                Presence_Expiry="3600",
            ),
            (400, 135),
        ),
        (user("PUT", path), (400, 145)),
        (user("PUT", "/users/alice/subscriptions/2", Presence_Expiry="3600"), (400, 133)),
        (user("PUT", "/users/alice/subscriptions/0", SUBSCRIPTION, Presence_Expiry="3600"), (400, 133)),
        (user("GET", "/users/alice/presence/basic/subscriptions/2"), (400, 133)),
        (user("GET", "/users/alice/presence/other/subscriptions/1"), (400, 110)),
        (user("POST", "/users/bob/subscriptions", SUBSCRIPTION, Presence_Expiry="3600"), (401, 101)),
        (
            application("POST", "/users/webapp/subscriptions", SUBSCRIPTION, Presence_Expiry="3600"),
            (400, 140),
        ),
        (Client(bench)("DELETE", path), (401, 100)),
    ):
        assert refusal(wrong) == refused
    assert user("DELETE", path) == HttpResponse()
    assert refusal(user("DELETE", path)) == (400, 133)
    application("DELETE", "/endpoints/1")
    assert bench.nothing_left()


def test_presence() -> None:
    bench, application, user = clients()
    for headers in ({}, {"Presence_Override": "false"}, {"Presence_Override": "true"}):
        answer = user(
            "PUT",
            "/users/alice/presence/basic",
            "<presence>AWAY</presence>",
            Presence_Expiry="3600",
            **headers,
        )
        assert answer == HttpResponse()
        got = user("GET", "/users/alice/presence/basic/contacts/alice@example.com")
        root = etree.fromstring(got.body)
        assert root.tag == "presenceResponse"
        assert root.findtext("presenceType") == "BASIC_PRESENCE"
        assert [dict(each.attrib) for each in root.findall("basicPresenceList/contact")] == [
            {"contactURI": "alice@example.com", "presenceStatus": "AWAY"}
        ]
    assert (
        user(
            "PUT", "/users/alice/presence/rich", RICH, Presence_Expiry="86400", Presence_Override="false"
        ).status
        == 200
    )
    got = user("GET", "/users/alice/presence/rich/contacts/alice%40example.com")
    (document,) = etree.fromstring(got.body).iterfind(
        "richPresenceList/{urn:ietf:params:xml:ns:pidf}presence"
    )
    activities = [etree.QName(each).localname for each in document.iterfind(".//{*}activities/*")]
    assert activities == ["busy", "meeting"]
    for wrong, refused in (
        (user("PUT", "/users/alice/presence/basic", "<presence>AWAY</presence>"), (400, 131)),
        (user("PUT", "/users/alice/presence/basic", "", Presence_Expiry="3600"), (400, 150)),
        (user("PUT", "/users/alice/presence/basic", "<state/>", Presence_Expiry="3600"), (400, 103)),
        (user("PUT", "/users/alice/presence/basic", "<presence/>", Presence_Expiry="3600"), (400, 115)),
        (
            user("PUT", "/users/alice/presence/basic", "<presence>DND</presence>", Presence_Expiry="3600"),
            (400, 122),
        ),
        (
            user(
                "PUT",
                "/users/alice/presence/basic",
                "<presence>AVAILABLE</presence>",
                Presence_Expiry="3600",
                Presence_Override="true",
            ),
            (400, 121),
        ),
        (
            user(
                "PUT",
                "/users/alice/presence/basic",
                "<presence>AWAY</presence>",
                Presence_Expiry="3600",
                Presence_Override="TRUE",
            ),
            (400, 125),
        ),
        (
            user("PUT", "/users/alice/presence/rich", RICH, Presence_Expiry="3600", Presence_Override="true"),
            (400, 161),
        ),
        (
            user(
                "PUT",
                "/users/alice/presence/rich",
                RICH.replace("Presence Web", "No"),
                Presence_Expiry="3600",
            ),
            (400, 162),
        ),
        (user("PUT", "/users/alice/presence/rich", "<presence/>", Presence_Expiry="3600"), (400, 120)),
        (user("PUT", "/users/alice/presence/poor", RICH, Presence_Expiry="3600"), (400, 110)),
        (
            user("PUT", "/users/bob/presence/basic", "<presence>AWAY</presence>", Presence_Expiry="3600"),
            (401, 101),
        ),
        (
            application(
                "PUT", "/users/webapp/presence/basic", "<presence>AWAY</presence>", Presence_Expiry="3600"
            ),
            (400, 140),
        ),
        (application("GET", "/users/webapp/presence/basic/contacts/bob"), (400, 140)),
        (user("GET", "/users/alice/presence/basic/contacts/%20"), (400, 143)),
        (user("GET", "/users/alice/presence/basic/contacts/a@b@c"), (400, 124)),
    ):
        assert refusal(wrong) == refused
    bench.sip.clock.advance(0)


def test_a_store_that_fails_is_the_servers_fault() -> None:
    bench, _, user = clients()
    bench.sip.side.presence.publications._keep = lambda _change, done: done(False)
    answer = user("PUT", "/users/alice/presence/basic", "<presence>AWAY</presence>", Presence_Expiry="3600")
    assert refusal(answer) == (500, 204)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/users/alice/sessions", "POST"),
        ("GET", "/users/alice/session", "DELETE, PUT"),
        ("DELETE", "/endpoints", "POST"),
        ("POST", "/endpoints/1", "DELETE, PUT"),
        ("GET", "/users/alice/subscriptions", "POST"),
        ("POST", "/users/alice/presence/basic", "PUT"),
        ("PUT", "/users/alice/presence/basic/contacts/bob", "GET"),
        ("HEAD", "/users/alice/presence/rich/subscriptions/1", "GET"),
        ("get", "/users/alice/presence/rich/subscriptions/1", "GET"),
    ],
)
def test_another_method_is_told_which_there_are(method: str, path: str, allowed: str) -> None:
    answer = Bench().asked(method, f"{BASE}{path}")
    assert (answer.status, answer.headers) == (405, (("Allow", allowed),))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/users",
        "/users/alice",
        "/users/alice/presence",
        "/endpoints/1/2",
        "/soap/x",
        "/Users/alice/sessions",
    ],
)
def test_no_other_path_is_there(path: str) -> None:
    assert Bench().asked("POST", f"{BASE}{path}").status == 404


def test_what_is_in_a_path_is_a_name_and_never_a_way() -> None:
    bench, _, user = clients()
    for name in ("..%2Fwebapp", "alice%2Fsession", "%00", "%FF%FE", "'%20OR%201=1", "%3Cx%3E"):
        assert refusal(user("DELETE", f"/users/{name}/session")) == (401, 101)
        assert refusal(user("GET", f"/users/{name}/presence/basic/contacts/bob")) == (401, 101)
    assert len(bench.sessions) == 2


def test_requests_are_bounded() -> None:
    _, _, user = clients(requests_per_second=2)
    assert user("GET", "/users/alice/presence/basic/contacts/bob").status == 200
    assert refusal(user("GET", "/users/alice/presence/basic/contacts/bob")) == (503, 212)


@given(some.text(max_size=30), some.text(max_size=30), some.binary(max_size=60))
def test_whatever_is_asked_is_answered(path: str, key: str, body: bytes) -> None:
    bench = Bench()
    for method in ("GET", "POST", "PUT", "DELETE"):
        for place in (path, f"/users/{path}/sessions", f"/endpoints/{path}"):
            answer = bench.asked(
                method, f"{BASE}{place}", body, Presence_Session_Key=key, Presence_Expiry=path
            )
            assert 400 <= answer.status < 500
