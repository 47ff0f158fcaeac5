"""The end of the SIP half: everybody is told, and what is published elsewhere is removed, in bounded time."""

from __future__ import annotations

from typing import Any, cast

import structlog
from twisted.internet.defer import Deferred, ensureDeferred

from ctigw.app.sip_running import REMOVING, _close
from ctigw.net.sip_endpoint import SipEndpoint
from ctigw.simple.publisher import Publisher
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from tests.presence import Bench, answer, pidf
from tests.sip import tokens
from tests.unit.test_simple_presence import state

ELSEWHERE = Remote("UDP", "203.0.113.50", 5060)


class Endpoint:
    """Sends what is to be sent."""

    def __init__(self, bench: Bench) -> None:
        self.flush = bench.turn


def publishing(*names: str) -> tuple[Bench, Publisher]:
    """What the phones of these people say is published at another server."""
    bench = Bench()
    stack = bench.side.stack
    publisher = Publisher(
        lambda request, done: stack.request(request, ELSEWHERE, done), bench.side.timers, tokens("p")
    )
    bench.side.publisher = publisher
    for name in names:
        publisher.put(f"{name}@example.com", "1", pidf().encode())
    bench.turn()
    for to, request in bench.asked("PUBLISH"):
        bench.receive(answer(request, 200, SIP_ETag=f"tag-{request.to.uri}", Expires="3600"), to)
    return bench, publisher


def close(bench: Bench) -> Deferred[None]:
    """Begin to end."""
    endpoint: Any = Endpoint(bench)
    return ensureDeferred(_close(bench.side, cast("SipEndpoint", endpoint), bench.clock))


def removals(bench: Bench) -> list[tuple[Remote, Request]]:
    sent = bench.asked("PUBLISH")
    assert all((to, request.get("Expires")) == (ELSEWHERE, "0") for to, request in sent)
    return sent


def test_watchers_are_told_before_anything_is_waited_for() -> None:
    bench, _ = publishing("alice")
    bench.subscribe()
    bench.notified()
    over = close(bench)
    assert [state(notify) for notify in bench.notified()] == ["terminated;reason=deactivated"]
    assert not over.called
    for to, request in removals(bench):
        bench.receive(answer(request), to)
    assert over.called


def test_it_is_over_when_everything_is_removed() -> None:
    bench, publisher = publishing("alice", "bob")
    over = close(bench)
    first, second = removals(bench)
    assert {first[1].get("SIP-If-Match"), second[1].get("SIP-If-Match")} == {
        "tag-sip:alice@example.com",
        "tag-sip:bob@example.com",
    }
    bench.receive(answer(first[1]), first[0])
    assert not over.called
    bench.receive(answer(second[1], 412), second[0])
    assert over.called
    assert len(publisher) == 0
    assert bench.clock.getDelayedCalls() == []


def test_a_server_that_does_not_answer_is_not_waited_for_for_long() -> None:
    bench, publisher = publishing("alice")
    over = close(bench)
    with structlog.testing.capture_logs() as logged:
        bench.passes(REMOVING - 0.1)
        assert not over.called
        bench.passes(0.2)
    assert over.called
    assert [(entry["log_level"], entry["of"]) for entry in logged] == [("warning", 1)]
    for to, request in removals(bench):  # and an answer that comes all the same does no harm
        bench.receive(answer(request), to)
    assert len(publisher) == 0


def test_who_publishes_nothing_elsewhere_waits_for_nothing() -> None:
    for bench in (Bench(), publishing()[0]):
        assert close(bench).called
        assert bench.clock.getDelayedCalls() == []
