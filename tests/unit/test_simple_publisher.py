"""Publishing at another server."""

from __future__ import annotations

import pytest
import structlog

from ctigw.simple.publisher import AT_ONCE, LONGEST_PAUSE, MOST_ANSWERS, Publisher
from ctigw.sip.digest import Digest, Login
from ctigw.sip.events import Done
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from tests.compositor import Server
from tests.presence import Bench, answer
from tests.sip import tokens

ALICE = ("alice@example.com", "2001")


@pytest.fixture
def server() -> Server:
    return Server()


# The life of a publication


def test_a_publication_as_it_is_sent(server: Server) -> None:
    server.publisher.put(*ALICE, b"<presence/>")
    (request,) = server.requests
    assert (request.method, request.uri, request.body) == ("PUBLISH", "sip:alice@example.com", b"<presence/>")
    assert request.headers == {
        "From": ["<sip:alice@example.com>;tag=t2"],
        "To": ["<sip:alice@example.com>"],
        "Call-ID": ["t1"],
        "CSeq": ["1 PUBLISH"],
        "Event": ["presence"],
        "Expires": ["3600"],
        "Content-Type": ["application/pidf+xml"],
    }


def test_what_is_put_is_published_modified_and_removed(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    assert (server.settle(), server.bodies()) == (["publish a"], [b"a"])
    server.publisher.put(*ALICE, b"b")
    assert (server.settle(), server.bodies()) == (["modify e1 b"], [b"b"])
    server.publisher.put(*ALICE, None)
    assert (server.settle(), server.bodies()) == (["remove e2"], [])
    assert len(server.publisher) == 0
    assert server.timers.next() is None


def test_what_is_there_already_is_not_sent_again(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == []


def test_every_line_has_a_publication_of_its_own(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.publisher.put(ALICE[0], "2002", b"b")
    assert server.settle() == ["publish a", "publish b"]
    server.publisher.put(*ALICE, None)
    server.settle()
    assert server.bodies() == [b"b"]


def test_requests_of_one_publication_have_one_call_id_and_count(server: Server) -> None:
    for body in (b"a", b"b", b"c"):
        server.publisher.put(*ALICE, body)
        server.answer()
    assert [request.cseq for request in server.requests] == [1, 2, 3]
    assert {(request.call_id, request.from_tag) for request in server.requests} == {("t1", "t2")}


def test_what_was_never_put_is_not_removed(server: Server) -> None:
    server.publisher.put(*ALICE, None)
    assert (server.settle(), len(server.publisher)) == ([], 0)


def test_whose_state_it_is_can_be_asserted() -> None:
    server = Server(asserted=True)
    server.publisher.put(*ALICE, b"a")
    assert server.requests[0].get("P-Asserted-Identity") == "<sip:alice@example.com>"


# One request at a time


def test_what_is_put_while_a_request_is_under_way_waits_and_only_the_newest_is_sent(server: Server) -> None:
    for body in (b"a", b"b", b"c"):
        server.publisher.put(*ALICE, body)
    assert len(server.under_way) == 1
    assert server.settle() == ["publish a", "modify e1 c"]


def test_what_is_as_it_was_again_is_not_sent(server: Server) -> None:
    for body in (b"a", b"b", b"a"):
        server.publisher.put(*ALICE, body)
    assert server.settle() == ["publish a"]


def test_what_is_taken_back_while_it_is_published_is_removed(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.publisher.put(*ALICE, None)
    assert server.settle() == ["publish a", "remove e1"]
    assert len(server.publisher) == 0


def test_what_is_put_while_it_is_removed_is_published_anew(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.publisher.put(*ALICE, None)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["remove e1", "publish a"]
    assert server.bodies() == [b"a"]


def test_not_too_many_requests_are_under_way_and_all_are_sent_in_their_order(server: Server) -> None:
    lines = [str(number) for number in range(3 * AT_ONCE)]
    for line in lines:
        server.publisher.put("a@b", line, line.encode())
    server.publisher.put("a@b", lines[-1], b"newest")
    assert server.settle() == [f"publish {line}" for line in [*lines[:-1], "newest"]]
    assert server.most_under_way == AT_ONCE


def test_what_is_taken_back_before_its_turn_is_never_sent() -> None:
    server = Server(at_once=1)
    server.publisher.put(*ALICE, b"a")
    server.publisher.put("bob@example.com", "2002", b"b")
    server.publisher.put("bob@example.com", "2002", None)
    assert server.settle() == ["publish a"]
    assert len(server.publisher) == 1


def test_answers_may_come_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def send_and_answer(request: Request, done: Done) -> None:
        server.send(request, done)
        server.answer()

    monkeypatch.setattr(server.publisher, "_send", send_and_answer)
    server.publisher.put(*ALICE, b"a")
    server.publisher.put(*ALICE, b"b")
    assert server.settle() == ["publish a", "modify e1 b"]


# Time


def test_a_publication_is_refreshed_before_it_expires(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    assert server.passes(2879) == []
    assert server.passes(1) == ["refresh e1"]
    assert server.passes(2880) == ["refresh e2"]
    assert server.bodies() == [b"a"]


def test_the_server_says_how_long_it_keeps_it(server: Server) -> None:
    server.granted = 100
    server.publisher.put(*ALICE, b"a")
    server.settle()
    assert server.passes(80) == ["refresh e1"]


def test_a_change_puts_off_the_refresh(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.passes(2000)
    server.publisher.put(*ALICE, b"b")
    server.settle()
    assert server.passes(2000) == []
    assert server.passes(880) == ["refresh e2"]


# What servers refuse


def test_a_publication_that_the_server_has_lost_is_made_anew(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.there.clear()
    assert server.passes(2880) == ["refresh e1", "publish a"]
    server.there.clear()
    server.publisher.put(*ALICE, b"b")
    assert server.settle() == ["modify e2 b", "publish b"]
    assert server.publisher.counters["publications lost"] == 2


def test_a_publication_that_the_server_has_lost_needs_no_removal(server: Server) -> None:
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.there.clear()
    server.publisher.put(*ALICE, None)
    assert server.settle() == ["remove e1"]
    assert len(server.publisher) == 0


def test_a_server_that_wants_a_condition_of_what_is_new_is_not_asked_on_and_on(server: Server) -> None:
    server.plans.extend([(412, {})] * 2)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a"]
    assert server.publisher.paused == 1


def test_a_server_may_want_longer_publications(server: Server) -> None:
    server.plans.append((423, {"Min-Expires": "7200"}))
    server.publisher.put(*ALICE, b"a")
    server.answer()
    server.answer()
    assert [request.expires for request in server.requests] == [3600, 7200]
    assert server.passes(2880) == ["publish a", "publish a"]
    assert server.passes(2880) == ["refresh e1"]


@pytest.mark.parametrize("least", ["", "x", "60", "3600", "99999999"])
def test_a_minimum_that_makes_no_sense_is_a_refusal(server: Server, least: str) -> None:
    server.plans.append((423, {"Min-Expires": least} if least else {}))
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a"]
    assert server.passes(5) == ["publish a"]


@pytest.mark.parametrize("plan", [None, (403, {}), (404, {}), (500, {}), (302, {}), (401, {})])
def test_what_fails_is_tried_again_after_growing_pauses(
    server: Server, plan: tuple[int, dict[str, str]] | None
) -> None:
    server.plans.extend([plan] * 10)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a"]
    for pause in (5, 10, 20, 40, 80, 160, 320, 600, 600):
        assert server.passes(pause - 0.5) == []
        assert server.publisher.paused == 1
        assert server.passes(0.5) == ["publish a"]
    assert server.passes(600) == ["publish a"]
    assert (server.bodies(), server.publisher.paused) == ([b"a"], 0)


def test_a_failure_is_logged_once_and_counted_each_time(server: Server) -> None:
    server.plans.extend([None, None, (500, {})])
    with structlog.testing.capture_logs() as logged:
        server.publisher.put(*ALICE, b"a")
        server.settle()
        for pause in (5, 10, 20):
            server.passes(pause)
    assert [(entry["event"], entry["status"]) for entry in logged] == [("not published", 503)]
    assert server.publisher.counters == {
        "publications unanswered": 2,
        "publications refused": 1,
        "publications": 1,
    }


def test_after_a_success_pauses_are_short_again(server: Server) -> None:
    server.plans.extend([None, None])
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.passes(5)
    server.passes(10)
    server.plans.append(None)
    server.publisher.put(*ALICE, b"b")
    server.settle()
    assert server.passes(5) == ["modify e1 b"]


@pytest.mark.parametrize(
    ("after", "pause"),
    [("60", 60), ("60 (in maintenance)", 60), ("60;duration=9", 60), ("1", 5), ("9" * 9, LONGEST_PAUSE)],
)
def test_a_server_may_say_how_long_to_wait(server: Server, after: str, pause: float) -> None:
    server.plans.append((503, {"Retry-After": after}))
    server.publisher.put(*ALICE, b"a")
    server.settle()
    assert server.passes(pause - 0.5) == []
    assert server.passes(0.5) == ["publish a"]


def test_what_is_put_in_a_pause_is_sent_after_it(server: Server) -> None:
    server.plans.append((500, {}))
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.publisher.put(*ALICE, b"b")
    assert server.settle() == []
    assert server.passes(5) == ["publish b"]


def test_what_is_taken_back_in_a_pause_is_forgotten(server: Server) -> None:
    server.plans.append(None)
    server.publisher.put(*ALICE, b"a")
    server.settle()
    server.publisher.put(*ALICE, None)
    assert (len(server.publisher), server.publisher._unreached, server.timers.next()) == (0, {}, None)


def test_when_the_server_answers_one_the_others_do_not_wait_any_longer(server: Server) -> None:
    server.down = True
    for line in ("1", "2", "3"):
        server.publisher.put("a@b", line, line.encode())
    server.settle()
    for pause in (5, 10, 20, 40):
        assert len(server.passes(pause)) == 3
    server.down = False
    server.publisher.put("a@b", "4", b"4")
    assert server.settle() == ["publish 4", "publish 1", "publish 2", "publish 3"]
    assert (server.publisher.paused, server.publisher._unreached) == (0, {})


# Passwords


def test_a_server_that_asks_for_a_password_is_told_it_and_not_made_to_ask_again() -> None:
    server = Server(login=Login("gateway", "secret", lambda: "c"))
    server.digest = Digest("example.com", b"s", lambda: server.time)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a", "publish a"]
    server.publisher.put(*ALICE, b"b")
    assert server.settle() == ["modify e1 b"]
    assert server.passes(2880) == ["refresh e2", "refresh e2"]  # the nonce is too old
    assert server.bodies() == [b"b"]


def test_a_wrong_password_is_not_tried_on_and_on() -> None:
    server = Server(login=Login("gateway", "wrong", lambda: "c"))
    server.digest = Digest("example.com", b"s", lambda: server.time)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a", "publish a"]
    assert server.passes(5) == ["publish a", "publish a"]


def test_a_server_for_which_every_nonce_is_too_old_is_not_asked_on_and_on() -> None:
    server = Server(login=Login("gateway", "secret", lambda: "c"))
    asked = 'Digest realm="r", nonce="n", stale=true, qop="auth"'
    server.plans.extend([(401, {"WWW-Authenticate": asked})] * 100)
    server.publisher.put(*ALICE, b"a")
    assert server.settle() == ["publish a"] * (1 + MOST_ANSWERS)


def test_many_with_a_wrong_password_come_to_an_end() -> None:
    server = Server(login=Login("gateway", "wrong", lambda: "c"))
    server.digest = Digest("example.com", b"s", lambda: server.time)
    for line in map(str, range(20)):
        server.publisher.put("a@b", line, b"x")
    assert len(server.settle()) <= 20 * 4
    assert server.publisher.paused == 20


# The end


def test_in_the_end_everything_is_removed(server: Server) -> None:
    over: list[bool] = []
    for line in ("1", "2"):
        server.publisher.put("a@b", line, line.encode())
    server.settle()
    server.publisher.put("a@b", "3", b"3")  # under way when the end comes
    server.publisher.close(lambda: over.append(True))
    server.publisher.close(lambda: over.append(False))
    server.publisher.put("a@b", "4", b"4")
    assert over == []
    assert sorted(server.settle()) == ["publish 3", "remove e1", "remove e2", "remove e3"]
    assert (over, server.bodies(), server.timers.next()) == ([True], [], None)


def test_in_the_end_nothing_is_tried_twice(server: Server) -> None:
    over: list[bool] = []
    server.publisher.put("a@b", "1", b"1")
    server.settle()
    server.down = True
    server.publisher.put("a@b", "2", b"2")
    server.settle()
    server.publisher.close(lambda: over.append(True))
    assert server.settle() == ["remove e1"]
    assert (over, len(server.publisher), server.timers.next()) == ([True], 0, None)


def test_where_nothing_was_published_the_end_comes_at_once(server: Server) -> None:
    over: list[bool] = []
    server.publisher.close(lambda: over.append(True))
    assert over == [True]


def test_all_that_are_asked_for_a_password_at_the_same_time_give_it() -> None:
    bench, place = Bench(), Remote("UDP", "203.0.113.50", 5060)
    stack = bench.side.stack
    publisher = Publisher(
        lambda request, done: stack.request(request, place, done),
        bench.side.timers,
        tokens("p"),
        login=Login("gateway", "secret", tokens("c")),
    )
    for number in range(5):
        publisher.put(ALICE[0], str(number), b"a")
    bench.turn()
    for _, request in bench.asked("PUBLISH"):
        challenge = 'Digest realm="r", nonce="n", qop="auth"'
        bench.receive(answer(request, 401, WWW_Authenticate=challenge), place)
    again = bench.asked("PUBLISH")
    assert [len(request.lines("Authorization")) for _, request in again] == [1] * 5
    for _, request in again:
        bench.receive(answer(request, 401, WWW_Authenticate='Digest realm="r", nonce="m"'), place)
    assert publisher.paused + len(bench.asked("PUBLISH")) == 5  # that was the wrong one
