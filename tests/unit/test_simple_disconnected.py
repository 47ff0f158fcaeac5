"""Foreign servers whose connections break."""

from __future__ import annotations

from ctigw.simple.backend import PAUSE
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from tests.presence import OPEN, Bench, answer

SETTINGS = (
    OPEN
    + """
[[presence.foreign]]
name = "cm"
servers = ["sip:192.0.2.99:5060;transport=tcp"]
users = [{ local = "joe@example.com", foreign = "sip:5555@cm.example.com" }]
"""
)
SERVER = Remote("TCP", "192.0.2.99", 5060, 7, 1)
CONTACT = "<sip:192.0.2.99:5060;transport=tcp>"


def asked(bench: Bench) -> list[Request]:
    """The SUBSCRIBEs that went to the server since the last time."""
    return [m for m in bench.taken() if isinstance(m, Request) and m.method == "SUBSCRIBE"]


def watching() -> tuple[Bench, Request]:
    """Somebody watches joe, and the server has taken that."""
    bench = Bench(SETTINGS)
    bench.subscribe("bob", "joe")
    (request,) = asked(bench)
    bench.receive(answer(request, Contact=CONTACT, Expires="3600"), SERVER)
    return bench, request


def test_a_server_that_was_restarted_is_subscribed_at_again() -> None:
    bench, first = watching()
    bench.side.node.lost(SERVER)
    bench.passes(PAUSE)
    (again,) = asked(bench)
    assert (again.call_id, again.cseq) == (first.call_id, first.cseq + 1)
    bench.receive(answer(again, 481), SERVER)
    bench.passes(PAUSE)
    (new,) = asked(bench)
    assert new.call_id != first.call_id
    assert new.to_tag == ""


def test_a_server_that_only_closed_an_idle_connection_is_refreshed_once() -> None:
    bench, _ = watching()
    bench.side.node.lost(SERVER)
    bench.side.node.lost(SERVER)
    bench.passes(PAUSE)
    (again,) = asked(bench)
    bench.receive(answer(again, Contact=CONTACT, Expires="3600"), SERVER)
    bench.passes(2 * PAUSE)
    assert asked(bench) == []


def test_who_else_is_disconnected_changes_nothing() -> None:
    bench, _ = watching()
    for other in (Remote("TCP", "192.0.2.98", 5060, 8, 1), Remote("TCP", "192.0.2.99", 40_000, 9, 1)):
        bench.side.node.lost(other)
    bench.passes(2 * PAUSE)
    assert asked(bench) == []
