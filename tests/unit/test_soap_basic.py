from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.directory.credentials import Principal
from ctigw.errors import Reason, Refused
from ctigw.logins import BusyError
from ctigw.soap.basic import administrator, credentials
from ctigw.soap.http import HttpRequest, HttpResponse
from tests.done import done

ADMIN = Principal("webadmin", "application", (), (), administers=True)
USER = Principal("alice@example.com", "user", ("2001",), ("2001",))


async def who(peer: str, name: str, password: str) -> Principal | None:
    """Two people, and what may go wrong; everybody comes from 192.0.2.1."""
    assert peer == "192.0.2.1"
    if name == "busy":
        raise BusyError
    if name == "away":
        raise Refused(Reason.RESOURCE_OUT_OF_SERVICE)
    return {("webadmin", "se:same"): ADMIN, ("alice", "demo"): USER}.get((name, password))


def asked(headers: Mapping[str, str]) -> HttpRequest:
    return HttpRequest(method="POST", path="/axl/", headers=headers, peer="192.0.2.1")


def basic(text: str, encoding: str = "utf-8") -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode(encoding)).decode()}"}


def test_who_administers_is_let_in() -> None:
    assert done(administrator(asked(basic("webadmin:se:same")), who)) is ADMIN


@pytest.mark.parametrize(
    ("headers", "status", "more"),
    [
        ({}, 401, "WWW-Authenticate"),
        ({"authorization": ""}, 401, "WWW-Authenticate"),
        ({"authorization": "Basic"}, 401, "WWW-Authenticate"),
        ({"authorization": "Basic !!!"}, 401, "WWW-Authenticate"),
        ({"authorization": "Digest username=alice"}, 401, "WWW-Authenticate"),
        (basic("webadmin"), 401, "WWW-Authenticate"),
        (basic("webadmin:wrong"), 401, "WWW-Authenticate"),
        (basic("nobody:se:same"), 401, "WWW-Authenticate"),
        (basic("alice:demo"), 403, None),
        (basic("busy:x"), 503, "Retry-After"),
        (basic("away:x"), 503, "Retry-After"),
    ],
)
def test_everybody_else_is_told_why_not(headers: Mapping[str, str], status: int, more: str | None) -> None:
    answer = done(administrator(asked(headers), who))
    assert isinstance(answer, HttpResponse)
    assert answer.status == status
    assert [name for name, _ in answer.headers] == ([more] if more else [])


@pytest.mark.parametrize(("origin", "let_in"), [("https://evil.example", False), ("null", False), ("", True)])
def test_pages_of_other_sites_have_nothing_done_with_the_password_of_a_browser(
    origin: str, let_in: bool
) -> None:
    request = asked(basic("webadmin:se:same") | {"origin": origin or "http://localhost"})
    assert (done(administrator(request, who)) is ADMIN) is let_in


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_passwords_of_both_ages_can_be_read(encoding: str) -> None:
    assert credentials(asked(basic("jürgen:größe", encoding))) == ("jürgen", "größe")


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    encoded = base64.b64encode(b"a:b").decode()
    assert credentials(asked({"authorization": f" {scheme}  {encoded} "})) == ("a", "b")


@given(st.text())
def test_whatever_is_sent_is_credentials_or_nothing(text: str) -> None:
    assert credentials(asked({"authorization": f"Basic {text}"})) is None or ":" not in text


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_names_and_passwords_come_through(name: str, password: str) -> None:
    assert credentials(asked(basic(f"{name}:{password}"))) == (name, password)
