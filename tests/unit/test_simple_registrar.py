"""Where people can be reached: REGISTER, through the whole server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from ctigw.app.sip import Kept
from ctigw.simple.registrar import LONGEST, Binding, Moved
from ctigw.sip.hops import Remote
from ctigw.sip.message import Response
from ctigw.turns import WAITING
from tests.presence import OPEN, Bench

ALICE = "alice@example.com"
DESK, MOBILE = "<sip:alice@192.0.2.20>", "<sip:alice@192.0.2.30:5070>"


def shown(answer: Response) -> list[str]:
    """The contacts in an answer, which must be a success."""
    assert answer.status == 200
    return answer.lines("Contact")


def in_order(bench: Bench, *contacts: str, cseq: int, call_id: str = "device", **headers: str) -> Response:
    """A REGISTER of one device that counts on."""
    more = "".join(
        f"{name}: {text}\r\n" for name, text in {"Contact": ", ".join(contacts), **headers}.items()
    )
    bench._numbers += 1
    bench.receive(
        "REGISTER sip:example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKr{bench._numbers}\r\n"
        f"From: <sip:{ALICE}>;tag=x\r\nTo: <sip:{ALICE}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n"
        f"{more}Content-Length: 0\r\n\r\n"
    )
    return bench.answer(call_id)


class Store:
    """Stores when it is told to, in order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Moved, Callable[[bool], None]]] = []
        self.kept: dict[str, Binding] = {}

    def keep(self, moved: Moved, done: Callable[[bool], None]) -> None:
        self.waiting.append((moved, done))

    def commit(self, *, well: bool = True) -> None:
        moved, done = self.waiting.pop(0)
        if well:
            for binding in moved.gone:
                self.kept.pop(binding.uri, None)
            self.kept.update({binding.uri: binding for binding in moved.put})
        done(well)


def stored(bench: Bench, store: Store, *, well: bool = True) -> None:
    store.commit(well=well)
    bench.turn()


# Contacts


def test_the_answer_has_every_contact_best_first_and_what_is_left_of_its_time() -> None:
    bench = Bench()
    bench.register("alice", f"{DESK};q=0.2;expires=100")
    bench.passes(40)
    assert shown(bench.register("alice", f"{MOBILE};q=0.9", Expires="600")) == [
        "<sip:alice@192.0.2.30:5070>;q=0.9;expires=600",
        "<sip:alice@192.0.2.20>;q=0.2;expires=60",
    ]
    assert [binding.uri for binding in bench.side.registrar.bindings(ALICE)] == [
        "sip:alice@192.0.2.30:5070",
        "sip:alice@192.0.2.20",
    ]


def test_a_register_without_contact_only_asks() -> None:
    bench = Bench()
    assert shown(bench.register("alice")) == []
    bench.register("alice", DESK)
    assert shown(bench.register("alice")) == ["<sip:alice@192.0.2.20>;q=1;expires=3600"]


def test_a_binding_ends_when_its_time_is_up_and_not_before() -> None:
    bench = Bench()
    bench.register("alice", f"{DESK};expires=60")
    bench.passes(59)
    assert len(bench.side.registrar) == 1
    bench.passes(2)
    assert len(bench.side.registrar) == 0
    assert shown(bench.register("alice")) == []


def test_a_binding_that_is_renewed_lasts_on() -> None:
    bench = Bench()
    in_order(bench, DESK, cseq=1, Expires="60")
    bench.passes(50)
    in_order(bench, DESK, cseq=2, Expires="60")
    bench.passes(50)
    assert len(bench.side.registrar) == 1


def test_expires_of_a_contact_counts_before_that_of_the_request() -> None:
    bench = Bench()
    answer = bench.register("alice", f"{DESK};expires=120", MOBILE, Expires="300")
    assert [line.rpartition("=")[2] for line in shown(answer)] == ["120", "300"]


def test_an_expiry_that_is_too_short_is_refused_with_the_least_that_is_not() -> None:
    bench = Bench()
    answer = bench.register("alice", f"{DESK};expires=59")
    assert (answer.status, answer.get("Min-Expires")) == (423, "60")
    assert len(bench.side.registrar) == 0


def test_an_expiry_that_is_too_long_is_cut() -> None:
    bench = Bench()
    assert shown(bench.register("alice", DESK, Expires="99999999999999"))[0].endswith("expires=86400")


def test_one_contact_among_others_can_be_taken_away() -> None:
    bench = Bench()
    bench.register("alice", DESK, MOBILE)
    assert shown(bench.register("alice", f"{DESK};expires=0")) == [
        "<sip:alice@192.0.2.30:5070>;q=1;expires=3600"
    ]


def test_star_takes_them_all_away() -> None:
    bench = Bench()
    bench.register("alice", DESK, MOBILE)
    bench.register("bob", "<sip:bob@192.0.2.99>")
    assert shown(bench.register("alice", "*", Expires="0")) == []
    assert len(bench.side.registrar) == 1


@pytest.mark.parametrize(
    ("contact", "expires"), [("*", "60"), ("*", ""), (f"*, {DESK}", "0"), (f"{DESK}, *", "0")]
)
def test_star_stands_alone_and_with_expires_0(contact: str, expires: str) -> None:
    bench = Bench()
    bench.register("alice", MOBILE)
    more = {"Expires": expires} if expires else {}
    assert bench.register("alice", contact, **more).status == 400
    assert len(bench.side.registrar) == 1


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("<tel:+4930123>", 400),
        ("<mailto:alice@example.com>", 400),
        ("<sip:alice@192.0.2.20>;q=1.5", 400),
        ("<sip:alice@192.0.2.20>;q=nan", 400),
        ("<sip:alice@192.0.2.20>;q=inf", 400),
        ("<sip:alice@192.0.2.20>;q=", 200),
        ("<sip:alice@192.0.2.20>;q=x", 400),
        ("<sip:alice@192.0.2.20>;expires=soon", 400),
        ("<sip:alice@192.0.2.20;transport=carrier-pigeon>", 400),
        ("<sip:>", 400),
        ("<sip:ålice@192.0.2.20>", 400),
    ],
)
def test_a_contact_that_cannot_be_reached_or_read_is_refused(contact: str, status: int) -> None:
    bench = Bench()
    assert bench.register("alice", contact).status == status
    assert len(bench.side.registrar) == (status == 200)


def test_a_refused_register_changes_nothing_at_all() -> None:
    bench = Bench()
    assert bench.register("alice", DESK, "<tel:1>").status == 400
    assert len(bench.side.registrar) == 0


# Bounds


def test_a_user_has_a_bounded_number_of_contacts_and_may_change_those() -> None:
    bench = Bench(OPEN + "[sip.limits]\ncontacts_per_user = 2\n")
    assert bench.register("alice", "<sip:1@192.0.2.1>", "<sip:2@192.0.2.1>").status == 200
    assert bench.register("alice", "<sip:3@192.0.2.1>").status == 403
    assert len(bench.side.registrar) == 2
    assert bench.register("alice", "<sip:1@192.0.2.1>;expires=0", "<sip:3@192.0.2.1>").status == 200
    assert bench.register("alice", "<sip:2@192.0.2.1>").status == 200
    assert bench.register("bob", "<sip:4@192.0.2.1>").status == 200


def test_one_register_cannot_bring_too_many_at_once() -> None:
    bench = Bench(OPEN + "[sip.limits]\ncontacts_per_user = 2\n")
    assert bench.register("alice", *(f"<sip:{number}@192.0.2.1>" for number in range(3))).status == 403


def test_a_contact_is_as_long_as_can_be_stored_and_no_longer() -> None:
    bench = Bench()
    start, end = "sip:", "@192.0.2.1"
    fits = start + "a" * (LONGEST - len(start) - len(end)) + end
    assert bench.register("alice", f"<{fits}>").status == 200
    assert bench.register("alice", f"<{start}a{fits.removeprefix(start)}>").status == 400
    assert len(bench.side.registrar) == 1


# Order


def test_a_register_that_was_overtaken_changes_nothing() -> None:
    bench = Bench()
    in_order(bench, DESK, cseq=5)
    assert in_order(bench, f"{DESK};expires=0", cseq=4).status == 500
    assert in_order(bench, "*", cseq=3, Expires="0").status == 500
    assert len(bench.side.registrar) == 1


def test_another_call_id_is_another_boot_and_begins_to_count_anew() -> None:
    bench = Bench()
    in_order(bench, DESK, cseq=5)
    assert in_order(bench, f"{DESK};expires=0", cseq=1, call_id="after a boot").status == 200
    assert len(bench.side.registrar) == 0


def test_a_register_that_comes_again_is_answered_again_and_served_once() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    data = (
        "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bKsame\r\n"
        f"From: <sip:{ALICE}>;tag=1\r\nTo: <sip:{ALICE}>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
        f"Contact: {DESK}\r\nContent-Length: 0\r\n\r\n"
    )
    bench.receive(data)
    bench.receive(data)
    stored(bench, store)
    bench.receive(data)
    assert [message.status for message in bench.taken() if isinstance(message, Response)] == [200, 200]
    assert store.waiting == []


# Storing


def test_it_is_answered_when_it_is_stored() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError, match="no answer"):
        bench.register("alice", DESK)
    assert bench.side.registrar.bindings(ALICE) == []
    stored(bench, store)
    assert shown(bench.answer("call1"))
    assert len(bench.side.registrar.bindings(ALICE)) == 1


def test_what_cannot_be_stored_is_refused_for_now_and_has_not_happened() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        bench.register("alice", DESK)
    stored(bench, store, well=False)
    answer = bench.answer("call1")
    assert (answer.status, answer.get("Retry-After")) == (503, "5")
    assert len(bench.side.registrar) == 0
    with pytest.raises(AssertionError):
        bench.register("alice", DESK)  # and nothing stands in the way of the next one
    stored(bench, store)
    assert bench.answer("call2").status == 200


def test_what_overtakes_while_another_is_being_stored_is_judged_after_it() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        in_order(bench, DESK, cseq=2)
    with pytest.raises(AssertionError):
        in_order(bench, f"{DESK};expires=0", cseq=1)
    stored(bench, store)
    statuses = [message.status for message in bench.taken() if isinstance(message, Response)]
    assert statuses == [200, 500]
    assert store.waiting == []
    assert len(bench.side.registrar) == 1


def test_the_bound_holds_for_those_that_are_being_stored() -> None:
    store = Store()
    bench = Bench(OPEN + "[sip.limits]\ncontacts_per_user = 1\n", Kept(binding=store.keep))
    for number in range(3):
        with pytest.raises(AssertionError):
            bench.register("alice", f"<sip:{number}@192.0.2.1>")
    stored(bench, store)
    assert [m.status for m in bench.taken() if isinstance(m, Response)] == [200, 403, 403]
    assert len(bench.side.registrar) == 1


def test_a_renewal_that_is_being_stored_when_the_time_is_up_is_not_lost_in_the_store() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        in_order(bench, DESK, cseq=1, Expires="60")
    stored(bench, store)
    bench.taken()
    bench.passes(59)
    with pytest.raises(AssertionError):
        in_order(bench, DESK, cseq=2, Expires="60")
    bench.passes(5)
    while store.waiting:
        stored(bench, store)
    assert bench.answer("device").status == 200
    assert len(bench.side.registrar) == 1
    assert list(store.kept) == ["sip:alice@192.0.2.20"]


def test_who_has_too_many_under_way_is_told_to_wait() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    for number in range(WAITING + 1):
        with pytest.raises(AssertionError):
            bench.register("alice", f"<sip:{number}@192.0.2.1>")
    assert bench.register("alice", DESK).status == 503
    with pytest.raises(AssertionError):
        bench.register("bob", DESK)  # whom that is no business of
    for _ in range(2):
        stored(bench, store)
    assert bench.answer(f"call{WAITING + 3}").status == 200


def test_what_has_expired_is_gone_although_the_store_does_not_take_it() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        bench.register("alice", DESK, Expires="60")
    stored(bench, store)
    bench.passes(61)
    assert len(bench.side.registrar) == 0
    stored(bench, store, well=False)
    assert bench.side.registrar._turns._busy == {}


def test_what_was_stored_is_there_after_a_restart_and_ends_when_it_would_have() -> None:
    bench = Bench()
    now = bench.clock.seconds()
    back = Remote("UDP", "198.51.100.9", 6000)
    bench.side.registrar.restore([Binding(ALICE, "sip:alice@192.0.2.20", 0.5, now + 100, "device", 7, back)])
    assert shown(bench.register("alice")) == ["<sip:alice@192.0.2.20>;q=0.5;expires=100"]
    assert in_order(bench, f"{DESK};expires=0", cseq=6).status == 500
    bench.passes(101)
    assert len(bench.side.registrar) == 0


# People


def test_who_is_removed_is_registered_no_more() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        bench.register("alice", DESK, MOBILE)
    stored(bench, store)
    bench.taken()
    bench.side.gone(ALICE)
    assert len(bench.side.registrar) == 0
    stored(bench, store)
    assert store.kept == {}
    assert bench.side.registrar._of == bench.side.registrar._turns._busy == {}
    assert bench.register("alice", DESK).status == 404


def test_who_is_removed_while_they_register_is_not_registered_afterwards() -> None:
    store = Store()
    bench = Bench(kept=Kept(binding=store.keep))
    with pytest.raises(AssertionError):
        bench.register("alice", DESK)
    bench.side.gone(ALICE)
    while store.waiting:
        stored(bench, store)
    assert len(bench.side.registrar) == 0
    assert store.kept == {}


def test_nobody_registers_for_others_or_for_those_whom_nobody_knows() -> None:
    bench = Bench()
    assert bench.ask("REGISTER", "bob", "alice", uri="sip:example.com", Contact=DESK).status == 403
    assert bench.register("mallory", DESK).status == 404
    assert len(bench.side.registrar) == 0


def test_a_bug_of_who_is_told_does_not_keep_an_address_from_being_registered_again() -> None:
    bench = Bench()

    def fail(_aor: str) -> None:
        raise ZeroDivisionError

    bench.side.registrar.reached = fail
    with structlog.testing.capture_logs() as logged:
        assert bench.register("alice", "<sip:a@192.0.2.20>").status == 200
        assert bench.register("alice", "<sip:a@192.0.2.21>").status == 200
    assert [entry["event"] for entry in logged] == ["not served"] * 2
    assert len(bench.side.registrar) == 2
