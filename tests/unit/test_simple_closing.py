"""What watchers are told when the gateway goes down."""

from __future__ import annotations

from tests.presence import Bench, answer


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
