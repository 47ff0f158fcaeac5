"""Who may use AXL, and for how long; which versions there are; what is served without asking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ctigw.directory import applications, credentials, users
from ctigw.soap.axl import versions
from ctigw.soap.axl.access import COOKIE, OTHER_COOKIE, _cookies
from ctigw.soap.axl.service import CONTRACT, REPEATED
from ctigw.soap.http import HttpRequest, HttpResponse
from ctigw.soap.sessions import Session
from tests.axl import ACTION, ADMIN, SECRET, Axl, authorization, request
from tests.soap import PASSWORD, SOAP_12

GET = "<axl:getUser><userid>tttt</userid></axl:getUser>"
WRONG = authorization(password="wrong")
SET = re.compile(r"(\w+)=([^;]*); (.*)")


@pytest.fixture
def axl(tmp_path: Path) -> Iterator[Axl]:
    bench = Axl(tmp_path)
    yield bench
    bench.close()


def cookies(response: HttpResponse) -> dict[str, tuple[str, str]]:
    """The cookies that are set: their values, and what else is said of them."""
    found = [SET.fullmatch(value) for name, value in response.headers if name == "Set-Cookie"]
    return {match[1]: (match[2], match[3]) for match in found if match is not None}


def key_for(axl: Axl, **headers: str) -> str:
    """The key of the session that a password is good for."""
    response = axl.serve(request(GET, **headers))
    assert response.status == 200
    return cookies(response)[COOKIE][0]


def status(axl: Axl, **headers: str) -> int:
    return axl.serve(request(GET, **headers)).status


# Passwords.


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", 401),
        ("Basic nonsense", 401),
        ("Bearer abc", 401),
        (WRONG, 401),
        (authorization("nobody", SECRET), 401),
        (authorization(ADMIN, ""), 401),
        (authorization("tttt", PASSWORD), 403),
        (authorization("tttt@example.com", PASSWORD), 403),
        (authorization(ADMIN.upper(), SECRET), 200),
    ],
)
def test_only_who_administers_is_served(axl: Axl, said: str, expected: int) -> None:
    response = axl.serve(request(GET, authorization=said))
    assert response.status == expected
    assert ("WWW-Authenticate" in dict(response.headers)) == (expected == 401)
    assert (COOKIE in cookies(response)) == (expected == 200)
    if expected != 200:
        assert b"tttt" not in response.body


def test_who_guesses_waits(axl: Axl) -> None:
    assert [status(axl, authorization=WRONG) for _ in range(4)] == [401, 401, 401, 503]
    response = axl.serve(request(GET))
    assert (response.status, dict(response.headers)["Retry-After"]) == (503, "5")
    axl.clock.advance(30)
    assert status(axl) == 200


def test_an_application_without_the_right_is_not_served(axl: Axl) -> None:
    axl.database.run_now(applications.revoke, ADMIN, "administer")
    assert status(axl) == 403


def test_browsers_do_nothing_for_others_pages(axl: Axl) -> None:
    assert status(axl, origin="https://cups1:8443") == 200
    for origin in ("https://evil.example", "null", "http://cups1:8443"):
        assert status(axl, origin=origin, cookie=f"{COOKIE}={key_for(axl)}") == 403


# Cookies.


def test_the_cookies_are_the_product_s_and_better_kept(axl: Axl) -> None:
    found = cookies(axl.serve(request(GET)))
    assert list(found) == [OTHER_COOKIE, COOKIE]
    assert found[OTHER_COOKIE][1] == "Path=/; HttpOnly; SameSite=Strict"
    assert found[COOKIE][1] == "Path=/axl; Secure; HttpOnly; SameSite=Strict"
    assert re.fullmatch("[0-9A-F]{32}", found[OTHER_COOKIE][0])


@pytest.mark.parametrize(
    "form",
    [
        "JSESSIONID={}",
        'JSESSIONID="{}"',
        "a=b;JSESSIONID={} ; c=d",
        "JSESSIONID=old; JSESSIONID={}",
        "a=b, JSESSIONID={}",
    ],
)
def test_a_cookie_is_as_good_as_the_password(axl: Axl, form: str) -> None:
    """Alone, and with the password, which is not looked at again then."""
    cookie = form.format(key_for(axl))
    asked = axl.passwords
    for said in ("", authorization()):
        response = axl.serve(request(GET, authorization=said, cookie=cookie))
        assert (response.status, cookies(response)) == (200, {})
    assert axl.passwords == asked


@pytest.mark.parametrize(
    "form", ["JSESSIONIDSSO={}", "jsessionid={}", "JSESSIONID={}x", "JSESSIONID", "JSESSIONID=", "{}"]
)
def test_nothing_else_is(axl: Axl, form: str) -> None:
    assert status(axl, authorization="", cookie=form.format(key_for(axl))) == 401


def test_the_other_cookie_opens_nothing(axl: Axl) -> None:
    other = cookies(axl.serve(request(GET)))[OTHER_COOKIE][0]
    for name in (COOKIE, OTHER_COOKIE):
        assert status(axl, authorization="", cookie=f"{name}={other}") == 401


def test_few_cookies_are_looked_at(axl: Axl) -> None:
    key = key_for(axl)
    assert status(axl, authorization="", cookie="JSESSIONID=x; " * 3 + f"JSESSIONID={key}") == 200
    assert status(axl, authorization="", cookie="JSESSIONID=x; " * 4 + f"JSESSIONID={key}") == 401


def test_a_wrong_password_is_wrong_whatever_the_cookie(axl: Axl) -> None:
    cookie = f"{COOKIE}={key_for(axl)}"
    assert status(axl, authorization=WRONG, cookie=cookie) == 401
    assert status(axl, authorization=authorization("tttt", PASSWORD), cookie=cookie) == 403
    assert status(axl, cookie=cookie) == 200


def test_a_session_of_another_interface_opens_nothing(axl: Axl) -> None:
    key = axl.sessions.begin(Session("epas", ADMIN, "application"))
    assert status(axl, authorization="", cookie=f"{COOKIE}={key}") == 401


def test_programs_of_one_name_share_a_session(axl: Axl) -> None:
    first = key_for(axl)
    assert key_for(axl) == first
    assert len(axl.sessions) == 1


def test_a_session_lasts_as_long_as_it_is_used(axl: Axl) -> None:
    cookie = f"{COOKIE}={key_for(axl)}"
    for _ in range(3):
        axl.clock.advance(3000)
        assert status(axl, authorization="", cookie=cookie) == 200
    axl.clock.advance(3601)
    assert status(axl, authorization="", cookie=cookie) == 401
    assert len(axl.sessions) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda session: applications.set_password(session, ADMIN, SECRET),  # even to the same one
        lambda session: applications.revoke(session, ADMIN, "administer"),
        lambda session: applications.remove(session, ADMIN),
    ],
)
def test_a_session_ends_with_what_it_was_got_with(axl: Axl, change: Any) -> None:
    """However that was changed: the command line has a process of its own."""
    cookie = f"{COOKIE}={key_for(axl)}"
    axl.database.run_now(change)
    assert status(axl, authorization="", cookie=cookie) == 401
    assert len(axl.sessions) == 0


def test_when_there_are_too_many_sessions_a_password_is_served_without(axl: Axl) -> None:
    for number in range(100):
        axl.sessions.begin(Session("epas", f"user{number}@example.com", "user"))
    response = axl.serve(request(GET))
    assert (response.status, cookies(response)) == (200, {})
    assert len(axl.sessions) == 100


@pytest.mark.parametrize(
    ("operation", "inside", "ends"),
    [
        ("updateUser", "<userid>tttt</userid><password>new</password>", True),
        ("updateUser", "<userid>TTTT@example.com</userid><password>new</password>", True),
        ("updateUser", "<userid>tttt</userid><lastname>new</lastname>", False),
        ("updateUser", "<userid>tttt</userid><password/>", False),  # which is refused
        ("removeUser", "<userid>tttt</userid>", True),
        ("removeUser", "<userid>erin</userid>", False),
    ],
)
def test_a_user_s_sessions_end_with_the_password(axl: Axl, operation: str, inside: str, ends: bool) -> None:
    axl.sessions.begin(Session("epas", "tttt@example.com", "user"))
    axl.ask(f"<axl:{operation}>{inside}</axl:{operation}>")
    assert bool(axl.sessions.at(Session("epas", "tttt@example.com", "user"))) != ends


def test_an_application_s_session_ends_with_the_password(axl: Axl) -> None:
    run = axl.database.run_now
    run(applications.add, "wallboard", "x")
    axl.sessions.begin(Session("pws", "wallboard", "application"))
    said = "<userid>Wallboard</userid><password>y</password>"
    axl.returned(f"<axl:updateAppUser>{said}</axl:updateAppUser>")
    assert axl.sessions.at(Session("pws", "wallboard", "application")) is None
    assert run(credentials.verify, "wallboard", "y") is not None


def test_a_user_never_administers(axl: Axl) -> None:
    """Also one whose first part is an application's name."""
    axl.database.run_now(users.add, f"{ADMIN}@example.com", SECRET)
    assert status(axl) == 200
    assert status(axl, authorization=authorization(f"{ADMIN}@example.com")) == 403


@given(
    st.lists(
        st.tuples(st.sampled_from([COOKIE, OTHER_COOKIE, COOKIE.lower(), "a"]), st.text(alphabet="a-1")),
        max_size=4,
    ),
    st.sampled_from(["; ", ";", ", ", " ; "]),
)
def test_keys_are_found_among_other_cookies(sent: list[tuple[str, str]], between: str) -> None:
    header = between.join(f"{name}={value}" for name, value in sent)
    assert list(_cookies({"cookie": header})) == [value for name, value in sent if name == COOKIE]


@given(st.text(alphabet='JSESSIONID=;," \x00é', max_size=60))
def test_whatever_is_sent_as_cookies_is_keys_or_nothing(text: str) -> None:
    assert all(key in text and ";" not in key for key in _cookies({"cookie": text}))


# Versions.


@pytest.mark.parametrize(
    ("action", "version"),
    [
        ('"CUCM:DB ver=6.0"', "6.0"),
        ("CUCM:DB ver=6.0", "6.0"),
        ("CUCM:DB ver=1.0", "1.0"),
        ("CUCM:DB ver=6.0 getUser", "6.0"),
        ('"CUCM:DB ver=6.0 getUser"', "6.0"),
        ('CUCM:DB ver=14.0 "getCCMVersion"', "14.0"),
        ("CUCM:DB ver=8.5   listUser", "8.5"),
        ("CUCM:DB ver=.", "."),
        ("CUCM:DB ver=6.0(1)", None),
        ("CUCM:DB ver=", None),
        ("CUCM:DB ver=6.0 get User", None),
        ("CUCM:DB  ver=14.0", None),
        ("cucm:db ver=14.0", None),
        ("getUser", None),
        ("", None),
        ('""', None),
    ],
)
def test_a_version_is_read_where_one_is_said(action: str, version: str | None) -> None:
    assert versions.asked(action) == version


@given(st.text(alphabet=' "CUCM:DBver=60.1x\n', max_size=40))
def test_the_version_is_read_as_the_rule_says(action: str) -> None:
    """`INTERFACES` §4.1, in its own words."""
    rule = re.compile(r'^"?CUCM:DB ver=([0-9.]+)( +\S+)?"?\Z')
    found = rule.match(action)
    assert versions.asked(action) == (found[1] if found else None)


@given(st.text(alphabet="0123456789.", min_size=1, max_size=8), st.text(alphabet="abc", max_size=3))
def test_the_version_comes_through_in_every_form(version: str, operation: str) -> None:
    said = f"CUCM:DB ver={version}" + (f" {operation}" if operation else "")
    for form in (said, f'"{said}"'):
        assert versions.asked(form) == version
    assert versions.action({"content-type": f'application/soap+xml; charset=x; action="{said}"'}) == said


@pytest.mark.parametrize(
    ("action", "served"),
    [
        ('"CUCM:DB ver=6.0"', True),
        ("CUCM:DB ver=1.0", True),
        ("CUCM:DB ver=6.0.1", True),
        ("CUCM:DB ver=6.0(1)", True),
        ("getUser", True),
        ("", True),
        ('"CUCM:DB ver=14.0 getUser"', False),
        ("CUCM:DB ver=7.1", False),
        ("CUCM:DB ver=6", False),
        ("CUCM:DB ver=6.0.0", False),
    ],
)
def test_other_versions_are_refused(axl: Axl, action: str, served: bool) -> None:
    response = axl.serve(request(GET, action=action))
    if served:
        assert response.status == 200
    else:
        assert response.status == 599
        words = re.fullmatch(
            r"Incorrect axl version\. Supported axl versions: (.*)\n", response.body.decode()
        )
        assert words is not None
        assert re.findall(r"\d+(?:\.\d+)?", words[1]) == ["1.0", "6.0"]


def test_other_versions_are_refused_whatever_is_in_them(axl: Axl) -> None:
    """As the product does; and before that, who asks is looked at."""
    other = "CUCM:DB ver=14.0 removeUser"
    assert axl.serve(request("nonsense <", action=other)).status == 599
    assert axl.serve(request(GET, action=other, authorization="")).status == 401


def test_in_soap_1_2_the_content_type_says_it(axl: Axl) -> None:
    def answered(action: str) -> int:
        kind = f'application/soap+xml; charset=utf-8; action="{action}"'
        return axl.serve(request(GET, action="", version=SOAP_12, content_type=kind)).status

    assert (answered("CUCM:DB ver=6.0 getUser"), answered("CUCM:DB ver=9.0")) == (200, 599)


@pytest.mark.parametrize(
    "action", [ACTION, f'"{ACTION}"', "getUser", "CUCM:DB ver=14.0", "anything at all", "x" * 256]
)
def test_the_action_is_repeated(axl: Axl, action: str) -> None:
    assert dict(axl.serve(request(GET, action=action)).headers)["SOAPAction"] == action


@pytest.mark.parametrize("action", ["", "x" * 257, "a\nb", "é", "a\x00"])
def test_what_is_no_header_s_text_is_not_repeated(axl: Axl, action: str) -> None:
    assert "SOAPAction" not in dict(axl.serve(request(GET, action=action)).headers)


@given(st.text(max_size=20))
def test_what_is_repeated_ends_no_header(text: str) -> None:
    assert REPEATED.fullmatch(text) is None or (text.isascii() and text.isprintable())


# What is served beside requests.


def get(axl: Axl, path: str, query: str = "", method: str = "GET") -> HttpResponse:
    return axl.serve(HttpRequest(method=method, path=path, query=query, base="https://cups1:8443"))


@pytest.mark.parametrize(
    ("path", "query"),
    [("/axl/", "wsdl"), ("/axl", "wsdl"), ("/axl/", "WSDL"), ("/axl/", "wsdl=1"), ("/axl/AXLAPI.wsdl", "")],
)
def test_the_contract_is_everybody_s(axl: Axl, path: str, query: str) -> None:
    response = get(axl, path, query)
    root: Any = etree.fromstring(response.body)
    assert response.status == 200
    assert root.tag == "{http://schemas.xmlsoap.org/wsdl/}definitions"
    assert b"https://cups1:8443/axl/AXLSoap.xsd" in response.body
    assert b"@BASE@" not in response.body


def test_the_schema_is_what_requests_are_held_against(axl: Axl) -> None:
    response = get(axl, "/axl/AXLSoap.xsd")
    assert response.status == 200
    schema = etree.XMLSchema(etree.fromstring(response.body))
    for body, fits in (("<userid>x</userid>", True), ("", False)):
        asked = etree.fromstring(f'<a:getUser xmlns:a="{versions.NAMESPACE}">{body}</a:getUser>')
        assert schema.validate(asked) == CONTRACT.fits(asked) == fits


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/axl/", 404),
        ("GET", "/axl/other.xsd", 404),
        ("GET", "/axl/..%2Fepas%2Fepas.wsdl", 404),
        ("GET", "/axl/a/b", 404),
        ("POST", "/axl/other", 404),
        ("PUT", "/axl/", 405),
        ("DELETE", "/axl/", 405),
        ("OPTIONS", "/axl/", 405),
        ("POST", "/axl/", 401),
        ("POST", "/axl", 401),
        ("GET", "/axlx", 404),
    ],
)
def test_nothing_else_is_there(axl: Axl, method: str, path: str, status: int) -> None:
    assert get(axl, path, method=method).status == status


def test_a_request_may_be_posted_where_the_contract_was(axl: Axl) -> None:
    like = request(GET)
    for path, query in (("/axl", ""), ("/axl/", "wsdl")):
        sent = HttpRequest(
            method="POST",
            path=path,
            query=query,
            headers=like.headers,
            body=like.body,
            peer=like.peer,
            base=like.base,
        )
        assert axl.serve(sent).status == 200
