"""A SIP user without sockets: what it sends, what it makes of the answers, and when it asks again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from ctigw.net.sip_agent import RETRY, Account, Agent, Publication, Registration, Text, is_success, words
from ctigw.net.sip_watch import Notification, Watch
from ctigw.sip.events import Outcome
from ctigw.sip.hops import Local, Remote
from ctigw.sip.message import Request, Response, parse
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers

SERVER = Remote("UDP", "192.0.2.1", 5060)
ALICE = Account("sip:alice@example.com", "alice", "secret")
CHALLENGE = 'Digest realm="example.com", nonce="n{}", algorithm=SHA-256, qop="auth"'


class World:
    """An agent, its time, and a server that says what a test wants."""

    def __init__(self, account: Account = ALICE) -> None:
        self.now = 1000.0
        timers = Timers(lambda: self.now)
        self._tokens = count()
        self.stack = Stack(timers, self.token, (Local("UDP", "192.0.2.9", 5070),))
        self.texts: list[Text] = []
        self.told: list[Outcome] = []
        self.heard: list[Notification] = []
        self.agent = Agent(self.stack, timers, account, SERVER, self.token, on_message=self.texts.append)
        self._sequence = count(1)

    def token(self) -> str:
        return f"t{next(self._tokens)}"

    def sent(self) -> list[Any]:
        """What has been sent since the last time."""
        return [parse(data) for _, data in self.stack.outgoing()]

    def one(self, method: str) -> Request:
        """The only thing that has been sent."""
        (request,) = self.sent()
        assert request.method == method
        assert isinstance(request, Request)
        return request

    def answers(self, request: Request, status: int = 200, body: bytes = b"", **headers: str) -> None:
        to = request.get("To")
        fields = {
            "Via": request.headers["Via"],
            "From": request.headers["From"],
            "To": [to if "tag=" in to else f"{to};tag=server"],
            "Call-ID": [request.call_id],
            "CSeq": [request.get("CSeq")],
        }
        made = Response(status, "", fields, body)
        made.extend((name.replace("_", "-"), text) for name, text in headers.items())
        self.stack.receive(made.write(), SERVER)
        self.agent.take()

    def asks(self, request: Request) -> Response:
        """The server's own request; what it is answered."""
        request.set("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKs{next(self._sequence)}")
        self.stack.receive(request.write(), SERVER)
        self.agent.take()
        (answer,) = self.sent()
        assert isinstance(answer, Response)
        return answer

    def notifies(self, to: Request, cseq: int, state: str = "active;expires=600", body: str = "") -> Response:
        """A NOTIFY in the dialog of a SUBSCRIBE."""
        headers = {
            "From": ["<sip:bob@example.com>;tag=server"],
            "To": [to.get("From")],
            "Call-ID": [to.call_id],
            "CSeq": [f"{cseq} NOTIFY"],
            "Contact": ["<sip:192.0.2.1:5060>"],
            "Event": ["presence"],
            "Subscription-State": [state],
        }
        request = Request("NOTIFY", "sip:alice@192.0.2.9:5070", headers, body.encode())
        if body:
            request.set("Content-Type", "application/pidf+xml")
        return self.asks(request)

    def passes(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.stack.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.stack.timeout()
            self.agent.take()
        self.now = end

    def watch(self, expires: int = 600) -> tuple[Watch, Request]:
        made = Watch(self.agent, "sip:bob@example.com", expires, self.told.append, self.heard.append)
        made.refresh()
        return made, self.one("SUBSCRIBE")

    def statuses(self) -> list[int]:
        told = [outcome.status for outcome in self.told]
        self.told.clear()
        return told


def publication(world: World) -> Publication:
    return Publication(world.agent, ALICE.uri, 600, world.told.append)


# The password


def test_a_challenge_is_answered_under_the_same_call_id_and_the_next_cseq() -> None:
    world = World()
    world.agent.message("sip:bob@example.com", "hello", world.told.append)
    first = world.one("MESSAGE")
    assert "Authorization" not in first.headers
    world.answers(first, 401, WWW_Authenticate=CHALLENGE.format(1))
    second = world.one("MESSAGE")
    assert (second.call_id, second.cseq, second.body) == (first.call_id, 2, b"hello")
    assert 'nonce="n1"' in second.get("Authorization")
    assert "nc=00000001" in second.get("Authorization")
    world.answers(second)
    assert world.statuses() == [200]


def test_the_next_request_brings_the_password_with_it() -> None:
    world = World()
    for number in (1, 2, 3):
        world.agent.message("sip:bob@example.com", "hello", world.told.append)
        request = world.one("MESSAGE")
        if number == 1:
            world.answers(request, 401, WWW_Authenticate=CHALLENGE.format(1))
            request = world.one("MESSAGE")
        assert f"nc={number:08x}" in request.get("Authorization")
        world.answers(request)
    assert world.statuses() == [200] * 3


def test_a_nonce_that_is_too_old_is_changed_without_a_word() -> None:
    world = World()
    world.agent.message("sip:bob@example.com", "hello", world.told.append)
    world.answers(world.one("MESSAGE"), 401, WWW_Authenticate=CHALLENGE.format(1))
    world.answers(world.one("MESSAGE"), 401, WWW_Authenticate=CHALLENGE.format(2) + ", stale=TRUE")
    last = world.one("MESSAGE")
    assert 'nonce="n2"' in last.get("Authorization")
    assert last.cseq == 3
    world.answers(last, 401, WWW_Authenticate=CHALLENGE.format(3) + ", stale=true")
    assert world.sent() == []
    assert world.statuses() == [401]


def test_a_wrong_password_is_not_tried_again() -> None:
    world = World()
    world.agent.message("sip:bob@example.com", "hello", world.told.append)
    world.answers(world.one("MESSAGE"), 401, WWW_Authenticate=CHALLENGE.format(1))
    world.answers(world.one("MESSAGE"), 401, WWW_Authenticate=CHALLENGE.format(2))
    assert world.sent() == []
    assert world.statuses() == [401]


@pytest.mark.parametrize("headers", [{}, {"WWW_Authenticate": CHALLENGE.format(1)}])
def test_without_a_password_or_a_challenge_a_refusal_is_the_answer(headers: dict[str, str]) -> None:
    world = World(ALICE if not headers else Account(ALICE.uri))
    world.agent.message("sip:bob@example.com", "hello", world.told.append)
    world.answers(world.one("MESSAGE"), 401, b"", **headers)
    assert world.statuses() == [401]


# What is kept at a server


def test_a_registration_names_the_domain_and_where_to_find_its_user() -> None:
    world = World()
    made = Registration(world.agent, 3600, world.told.append)
    made.refresh()
    request = world.one("REGISTER")
    assert request.uri == "sip:example.com"
    assert request.get("To") == "<sip:alice@example.com>"
    assert request.get("Contact") == "<sip:alice@192.0.2.9:5070>"
    world.answers(
        request,
        Contact="<sip:alice@192.0.2.77>;expires=7, <sip:alice@192.0.2.9:5070>;expires=100",
    )
    assert made.expires == 100
    world.passes(79)
    assert world.sent() == []
    world.passes(1)
    again = world.one("REGISTER")
    assert (again.call_id, again.cseq) == (request.call_id, 2)
    world.answers(again)
    made.end(world.told.append)
    last = world.one("REGISTER")
    assert last.expires == 0
    world.answers(last)
    world.passes(4000)
    assert world.sent() == []
    assert world.statuses() == [200] * 3


def test_too_short_a_time_is_made_longer_once() -> None:
    world = World()
    made = Registration(world.agent, 10, world.told.append)
    made.refresh()
    world.answers(world.one("REGISTER"), 423, Min_Expires="60")
    request = world.one("REGISTER")
    assert request.expires == 60
    world.answers(request, 423, Min_Expires="90")
    assert world.sent() == []
    assert world.statuses() == [423]


@pytest.mark.parametrize("least", ["", "9", "x"])
def test_a_time_that_is_too_short_for_no_reason_is_left_at_that(least: str) -> None:
    world = World()
    Registration(world.agent, 10, world.told.append).refresh()
    world.answers(world.one("REGISTER"), 423, b"", **({"Min_Expires": least} if least else {}))
    assert world.sent() == []
    assert world.statuses() == [423]


def test_a_publication_is_put_refreshed_modified_and_taken_away() -> None:
    world = World()
    made = publication(world)
    made.put(b"<one/>")
    first = world.one("PUBLISH")
    assert (first.body, first.get("Event"), first.expires) == (b"<one/>", "presence", 600)
    assert "SIP-If-Match" not in first.headers
    world.answers(first, SIP_ETag="a", Expires="100")
    world.passes(80)
    refreshing = world.one("PUBLISH")
    assert (refreshing.body, refreshing.get("SIP-If-Match"), refreshing.expires) == (b"", "a", 100)
    assert "Content-Type" not in refreshing.headers
    world.answers(refreshing, SIP_ETag="b", Expires="100")
    made.put(b"<two/>")
    modifying = world.one("PUBLISH")
    assert (modifying.body, modifying.get("SIP-If-Match")) == (b"<two/>", "b")
    world.answers(modifying, SIP_ETag="c", Expires="100")
    made.end(world.told.append)
    ending = world.one("PUBLISH")
    assert (ending.body, ending.get("SIP-If-Match"), ending.expires) == (b"", "c", 0)
    world.answers(ending, SIP_ETag="d", Expires="0")
    world.passes(4000)
    assert world.sent() == []
    assert world.statuses() == [200] * 4


def test_a_publication_that_the_server_has_forgotten_is_published_anew() -> None:
    world = World()
    made = publication(world)
    made.put(b"<one/>")
    world.answers(world.one("PUBLISH"), SIP_ETag="a", Expires="100")
    world.passes(80)
    world.answers(world.one("PUBLISH"), 412)
    anew = world.one("PUBLISH")
    assert anew.body == b"<one/>"
    assert "SIP-If-Match" not in anew.headers
    world.answers(anew, 412)
    assert world.sent() == []
    assert world.statuses() == [200, 412]


def test_what_is_forgotten_already_need_not_be_taken_away() -> None:
    world = World()
    made = publication(world)
    made.put(b"<one/>")
    world.answers(world.one("PUBLISH"), SIP_ETag="a")
    made.end(world.told.append)
    world.answers(world.one("PUBLISH"), 412)
    assert world.sent() == []
    assert world.statuses() == [200, 412]


def test_a_refresh_that_fails_is_told_and_tried_again_where_that_can_help() -> None:
    world = World()
    made = publication(world)
    outcomes: list[Outcome] = []
    made.put(b"<one/>", outcomes.append)
    world.answers(world.one("PUBLISH"), SIP_ETag="a", Expires="x")
    assert [is_success(outcome) for outcome in outcomes] == [True]
    world.passes(480)
    world.answers(world.one("PUBLISH"), 503)
    assert world.statuses() == [503]
    world.passes(RETRY)
    world.answers(world.one("PUBLISH"), 403)
    world.passes(4000)
    assert world.sent() == []
    assert world.statuses() == [403]


def test_what_is_kept_is_asked_for_soon_after_a_connection_is_lost_but_not_more_often() -> None:
    world = World()
    made = publication(world)
    made.put(b"<one/>", lambda _outcome: None)
    request = world.one("PUBLISH")
    assert not made.lost()  # the answer is awaited
    world.answers(request, SIP_ETag="a", Expires="600")
    assert made.lost()
    world.passes(RETRY - 1)
    assert not made.lost()  # or a server that closes at once would never be asked again
    assert world.sent() == []
    world.passes(1)
    world.answers(world.one("PUBLISH"), 503)
    assert not made.lost()
    world.passes(RETRY)
    world.answers(world.one("PUBLISH"), SIP_ETag="a", Expires="600")
    assert made.lost()


# Watching


def test_a_subscription_hears_what_is_notified_and_refreshes_in_its_dialog() -> None:
    world = World()
    _, request = world.watch()
    assert (request.get("Event"), request.get("Accept")) == ("presence", "application/pidf+xml")
    assert request.get("Contact") == "<sip:alice@192.0.2.9:5070>"
    world.answers(request, Expires="600", Contact="<sip:192.0.2.1:5060>", Record_Route="<sip:192.0.2.2;lr>")
    assert world.notifies(request, 7, body="<presence/>").status == 200
    (heard,) = world.heard
    assert (heard.uri, heard.state, heard.expires) == ("sip:bob@example.com", "active", 600)
    assert (heard.content_type, heard.body) == ("application/pidf+xml", b"<presence/>")
    world.passes(480)
    again = world.one("SUBSCRIBE")
    assert again.uri == "sip:192.0.2.1:5060"
    assert again.get("To") == "<sip:bob@example.com>;tag=server"
    assert again.get("Route") == "<sip:192.0.2.2;lr>"
    assert (again.call_id, again.cseq) == (request.call_id, 2)


def test_a_notify_may_be_faster_than_the_answer() -> None:
    world = World()
    _, request = world.watch()
    assert world.notifies(request, 1).status == 200
    world.answers(request, Expires="600", Contact="<sip:192.0.2.1:5060>")
    assert len(world.heard) == 1
    world.passes(480)
    assert world.one("SUBSCRIBE").get("To") == "<sip:bob@example.com>;tag=server"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda request: request.set("Call-ID", "other"), 481),
        (lambda request: request.set("To", "<sip:alice@example.com>;tag=other"), 481),
        (lambda request: request.set("CSeq", "6 NOTIFY"), 500),
        (lambda request: request.set("Subscription-State"), 400),
    ],
)
def test_a_notify_that_is_not_for_it_is_refused(change: Callable[[Request], None], status: int) -> None:
    world = World()
    _, request = world.watch()
    world.answers(request, Expires="600")
    assert world.notifies(request, 7).status == 200
    headers = {
        "From": ["<sip:bob@example.com>;tag=server"],
        "To": [request.get("From")],
        "Call-ID": [request.call_id],
        "CSeq": ["8 NOTIFY"],
        "Subscription-State": ["active"],
    }
    notify = Request("NOTIFY", "sip:alice@192.0.2.9", headers)
    change(notify)
    assert world.asks(notify).status == status
    assert len(world.heard) == 1


def test_another_branch_of_a_forked_subscription_is_refused() -> None:
    world = World()
    _, request = world.watch()
    world.notifies(request, 1)
    headers = {
        "From": ["<sip:bob@example.com>;tag=another"],
        "To": [request.get("From")],
        "Call-ID": [request.call_id],
        "CSeq": ["2 NOTIFY"],
        "Subscription-State": ["active"],
    }
    assert world.asks(Request("NOTIFY", "sip:alice@192.0.2.9", headers)).status == 481


def test_a_fetch_is_over_with_its_first_notify() -> None:
    world = World()
    made, request = world.watch(0)
    assert request.expires == 0
    world.answers(request, Expires="0")
    assert world.notifies(request, 1, "terminated;reason=timeout").status == 200
    assert made.is_over
    assert world.notifies(request, 2, "terminated;reason=timeout").status == 481
    world.passes(4000)
    assert world.sent() == []
    assert [heard.reason for heard in world.heard] == ["timeout"]


def test_a_subscription_that_is_ended_hears_the_last_word() -> None:
    world = World()
    made, request = world.watch()
    world.answers(request, Expires="600")
    world.notifies(request, 1)
    made.end(world.told.append)
    ending = world.one("SUBSCRIBE")
    assert ending.expires == 0
    world.answers(ending, Expires="0")
    assert world.notifies(request, 2, "terminated;reason=timeout").status == 200
    assert made.is_over
    world.passes(4000)
    assert world.sent() == []


@pytest.mark.parametrize(
    ("reason", "again"), [("deactivated", True), ("rejected", False), ("noresource", False)]
)
def test_a_subscription_that_the_server_ends_for_a_while_is_made_anew(reason: str, again: bool) -> None:
    world = World()
    made, request = world.watch()
    world.answers(request, Expires="600")
    world.notifies(request, 1)
    assert made.expires == 600
    notify = Request(
        "NOTIFY",
        "sip:alice@192.0.2.9",
        {
            "Via": ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlast"],
            "From": ["<sip:bob@example.com>;tag=server"],
            "To": [request.get("From")],
            "Call-ID": [request.call_id],
            "CSeq": ["2 NOTIFY"],
            "Subscription-State": [f"terminated;reason={reason}"],
        },
    )
    world.stack.receive(notify.write(), SERVER)
    world.agent.take()
    answer, *anew = world.sent()
    assert answer.status == 200
    assert made.is_over is not again
    assert [(one.method, "tag=" in one.get("To")) for one in anew] == [("SUBSCRIBE", False)] * again
    assert all(one.call_id != request.call_id for one in anew)


def test_a_subscription_that_the_server_has_forgotten_is_made_anew() -> None:
    world = World()
    made, request = world.watch()
    world.answers(request, Expires="100", Contact="<sip:192.0.2.1>")
    world.passes(80)
    world.answers(world.one("SUBSCRIBE"), 481)
    anew = world.one("SUBSCRIBE")
    assert anew.get("To") == "<sip:bob@example.com>"
    assert anew.call_id != request.call_id
    world.answers(anew, 404)
    assert made.is_over
    assert world.statuses() == [200, 404]
    assert world.agent.watches == {}


# What it is asked


def test_a_message_is_taken_and_told() -> None:
    world = World()
    headers = {
        "From": ['"Bob" <sip:bob@example.com>;tag=1'],
        "To": ["<sip:alice@example.com>"],
        "Call-ID": ["m1"],
        "CSeq": ["1 MESSAGE"],
        "Content-Type": ["text/plain;charset=UTF-8"],
    }
    answer = world.asks(Request("MESSAGE", "sip:alice@192.0.2.9", headers, "Grüezi".encode()))
    assert answer.status == 200
    assert world.texts == [Text("sip:bob@example.com", "text/plain;charset=UTF-8", "Grüezi".encode())]


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("INVITE", 405), ("PUBLISH", 405)])
def test_what_it_cannot_do_is_said(method: str, status: int) -> None:
    world = World()
    headers = {
        "From": ["<sip:bob@example.com>;tag=1"],
        "To": ["<sip:alice@example.com>"],
        "Call-ID": ["m1"],
        "CSeq": [f"1 {method}"],
    }
    answer = world.asks(Request(method, "sip:alice@192.0.2.9", headers))
    assert (answer.status, answer.get("Allow")) == (status, "MESSAGE, NOTIFY, OPTIONS")


def test_what_became_of_a_request_in_words() -> None:
    assert words(Outcome(408)) == "no answer"
    assert words(Outcome(503)) == "the server cannot be reached"
    assert words(Outcome(404, Response(404, "", {}))) == "404 Not Found"
    assert words(Outcome(404, Response(404, "Nobody", {}))) == "404 Nobody"
