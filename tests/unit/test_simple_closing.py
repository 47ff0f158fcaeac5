"""What watchers are told when the gateway goes down, and what stays of those who leave: nothing."""

from __future__ import annotations

import gc

import pytest

from ctigw.rules import Rule, Visibility
from tests.presence import Bench, answer, person
from tests.unit.test_simple_presence import inside, nothing_left


def test_the_last_notify_does_not_wait_for_the_answer_to_the_one_before() -> None:
    bench = Bench()
    for who in ("bob", "carol"):
        bench.subscribe(who)
    first = [message for message in bench.taken() if message.get("Event")]
    assert len(first) == 2
    bench.receive(answer(first[0]))  # type: ignore[arg-type] # a request
    bench.side.close()
    bench.turn()
    last = [message for message in bench.taken() if message.get("Event")]
    assert [message.get("Subscription-State") for message in last] == ["terminated;reason=deactivated"] * 2
    assert [message.cseq for message in last] == [2, 2]


@pytest.mark.parametrize(
    ("who", "whom", "headers"),
    [
        ("bob", "alice", {}),
        ("bob", "alice", {"Expires": "0"}),
        ("bob", "carol", {}),
        ("alice", "alice", {"Event": "presence.winfo"}),
        ("alice", "alice", {"Event": "uccn"}),
        ("bob", "bob-contacts", {"Supported": "eventlist"}),
    ],
    ids=["leaves", "fetch", "blocked", "watchers", "changes", "list"],
)
def test_a_watcher_who_has_left_needs_no_collector(who: str, whom: str, headers: dict[str, str]) -> None:
    bench = Bench()
    blocks = Rule("block", Visibility.BLOCK)
    bench.side.put([person("bob", contacts=("alice",)), person("carol", rules=(blocks,))])

    def come_and_go() -> None:
        for _ in range(10):
            bench.subscribe(who, whom, **headers)
            for notify in bench.notified()[:1]:
                if notify.get("Subscription-State").startswith("active"):
                    assert inside(bench, notify, Event=headers.get("Event", "presence")).status == 200
            bench.notified()
        bench.passes(60)
        bench.mail.clear()

    come_and_go()
    gc.collect()
    gc.disable()
    try:
        come_and_go()
        assert gc.collect() == 0
    finally:
        gc.enable()
    nothing_left(bench)
