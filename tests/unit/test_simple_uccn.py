"""The change notifier through the whole server: each change is a NOTIFY, in order, to whom it concerns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from ctigw.app import uccn
from ctigw.directory.journal import Change, GroupItem, Kind, PropertyItem, SystemItem, UserItem
from ctigw.rules import Rule
from ctigw.simple.uccn_package import EVERYBODY, TYPES, Bounds, Notices, NoticesWatch
from ctigw.sip.message import Request
from ctigw.uccn.documents import Format, document
from tests.presence import OPEN, Bench, answer, person
from tests.uccn import said
from tests.unit.test_simple_presence import inside, nothing_left, state, states


def ask(bench: Bench, who: str = "alice", **headers: str) -> Request:
    """Somebody subscribes to what is theirs; the first NOTIFY."""
    assert bench.subscribe(who, who, **{"Event": "uccn", **headers}).status == 200
    (notify,) = bench.notified()
    assert (notify.body, notify.get("Content-Type")) == (b"", "")
    return notify


def change(value: str, user: str = "alice") -> Change:
    """A change that can be told from others."""
    return Change(Kind.PROPERTY, f"{user}@example.com", None, PropertyItem("x", value, is_public=True))


def system(value: str) -> Change:
    return Change(Kind.SYSTEM, EVERYBODY, None, SystemItem("UcSystemCfg", (("Security", value),)))


def tell(bench: Bench, *changes: Change) -> None:
    bench.side.changed(changes)
    bench.turn()


def told(notifies: Iterable[Request]) -> list[str]:
    """The values that NOTIFYs tell; each tells at most one."""
    return [said(notify.body)[1][-1] for notify in notifies if notify.body]


def under_way(bench: Bench) -> list[Request]:
    """The NOTIFYs that wait for an answer, which are taken out of the mail."""
    return [notify for _, notify in bench.asked("NOTIFY")]


def test_nobody_is_told_before_there_is_something_to_tell() -> None:
    bench = Bench()
    notify = ask(bench)
    assert notify.get("Event") == "uccn"
    assert state(notify) == "active"
    tell(bench, change("a"))
    (notify,) = bench.notified()
    assert notify.get("Content-Type") == "application/xml"
    assert said(notify.body) == ("insert-endusercfg", ["insert-endusercfg", "x", "TRUE", "a"])


def test_each_change_is_a_notify_of_its_own_after_the_one_before_is_answered() -> None:
    bench = Bench()
    ask(bench)
    tell(bench, *map(change, "abc"))
    found = []
    for number in range(3):
        (notify,) = under_way(bench)
        tell(bench, change(f"later {number}"))
        assert under_way(bench) == []
        found.append(notify)
        bench.receive(answer(notify))
    found += bench.notified()
    assert told(found) == ["a", "b", "c", "later 0", "later 1", "later 2"]
    assert [notify.cseq for notify in found] == list(range(2, 8))


def test_a_pause_between_notifies_makes_no_two_changes_one() -> None:
    bench = Bench(OPEN + "[presence]\nnotify_seconds = 5\n")
    ask(bench)
    tell(bench, *map(change, "ab"))
    assert told(bench.notified()) == []
    bench.passes(5)
    tell(bench, change("c"))
    assert told(bench.notified()) == ["a"]
    bench.passes(4.9)
    assert bench.notified() == []
    for value in "bc":
        bench.passes(5)
        assert told(bench.notified()) == [value]
    bench.passes(20)
    assert bench.notified() == []


def test_everybody_who_subscribes_is_told_what_is_the_sites_and_nobody_what_is_anothers() -> None:
    bench = Bench()
    calls = {ask(bench, who).call_id: who for who in ("alice", "bob", "alice")}
    tell(bench, change("a"), system("1"), change("b", "bob"), change("c", "carol"))
    found: dict[str, list[Request]] = {}
    for notify in bench.notified():
        found.setdefault(notify.call_id, []).append(notify)
    wanted = {"alice": ["a", "1"], "bob": ["1", "b"]}
    assert {call: told(notifies) for call, notifies in found.items()} == {
        call: wanted[who] for call, who in calls.items()
    }


def test_a_refresh_repeats_nothing_and_brings_what_waits() -> None:
    bench = Bench()
    first = ask(bench)
    tell(bench, change("a"))
    assert told(bench.notified()) == ["a"]
    assert inside(bench, first, 600, Event="uccn").status == 200
    (notify,) = bench.notified()
    assert notify.body == b""
    tell(bench, *map(change, "bc"))
    assert inside(bench, first, 600, Event="uccn").status == 200
    assert told(bench.notified()) == ["b", "c"]


def test_who_leaves_is_told_no_more() -> None:
    bench = Bench()
    first = ask(bench)
    assert inside(bench, first, 0, Event="uccn").status == 200
    (notify,) = bench.notified()
    assert (state(notify), notify.body) == ("terminated;reason=timeout", b"")
    tell(bench, change("a"))
    assert bench.notified() == []
    nothing_left(bench)


def test_a_fetch_says_that_there_is_nothing_to_fetch() -> None:
    bench = Bench()
    assert state(ask(bench, Expires="0")) == "terminated;reason=timeout"
    nothing_left(bench)


@pytest.mark.parametrize(
    ("who", "whom", "headers", "status"),
    [
        ("bob", "alice", {}, 403),
        ("bob", "nobody", {}, 404),
        ("alice", "alice", {"Accept": "application/pidf+xml"}, 406),
        ("alice", "alice", {"Accept": "text/plain, image/png"}, 406),
        ("alice", "alice", {"Event": "uccn2"}, 489),
        ("alice", "alice", {"Event": "uccn.winfo"}, 489),
        ("alice", "alice", {"Expires": "1"}, 423),
    ],
)
def test_what_cannot_be_served_is_refused_and_leaves_nothing(
    who: str, whom: str, headers: dict[str, str], status: int
) -> None:
    bench = Bench()
    refused = bench.subscribe(who, whom, **{"Event": "uccn", **headers})
    assert refused.status == status
    assert refused.get("Accept") == (", ".join(TYPES) if status == 406 else "")
    assert bench.notified() == []
    nothing_left(bench)


@pytest.mark.parametrize(
    ("accept", "configured", "found"),
    [
        (None, "", "application/xml"),
        ("*/*", "", "application/xml"),
        ("application/*", "", "application/xml"),
        ("text/*", "", "text/xml"),
        ("text/xml", "", "text/xml"),
        ("Application/UCCN+xml;q=1, text/plain", "", "application/uccn+xml"),
        ("application/pidf+xml, application/xml", "", "application/xml"),
        (None, "text/xml", "text/xml"),
        ("application/xml, text/xml", "text/xml", "text/xml"),
        ("application/xml", "text/xml", "application/xml"),
    ],
)
def test_a_notice_is_called_as_the_subscriber_wants(accept: str | None, configured: str, found: str) -> None:
    bench = Bench(OPEN + (f'[uccn]\ncontent_type = "{configured}"\n' if configured else ""))
    ask(bench, **({} if accept is None else {"Accept": accept}))
    tell(bench, change("a"))
    (notify,) = bench.notified()
    assert notify.get("Content-Type") == found


def test_another_name_of_the_domain_is_the_same_user() -> None:
    bench = Bench(OPEN.replace("domains", 'aliases = { "sip.a" = "example.com" }\ndomains'))
    assert bench.subscribe("alice", "alice", Event="uccn", uri="sip:alice@sip.a").status == 200
    tell(bench, change("a"))
    assert told(bench.notified()) == ["a"]


# Too much


@pytest.mark.parametrize("bound", ["queue = 3", "queue_bytes = 1024"])
def test_who_falls_too_far_behind_is_told_to_begin_again(bound: str) -> None:
    bench = Bench(OPEN + f"[uccn]\n{bound}\n")
    ask(bench)
    ask(bench, "bob")
    tell(bench, change("a"))
    (first,) = under_way(bench)
    tell(bench, *map(change, "bcde"), change("x", "bob"))
    assert told(bench.notified()) == ["x"]  # nobody else has to do with it
    bench.receive(answer(first))
    (last,) = bench.notified()
    assert (state(last), last.body) == ("terminated;reason=deactivated", b"")
    assert bench.side.figures()["subscribers overrun by changes"] == 1
    assert inside(bench, first, 600, Event="uccn").status == 481
    tell(bench, change("f"))
    assert bench.notified() == []
    ask(bench)
    tell(bench, change("g"))
    assert told(bench.notified()) == ["g"]


def test_who_is_overrun_is_so_once_and_keeps_nothing() -> None:
    counters, calls = Counter[str](), list[int]()
    notices = Notices(Bounds(notices=2, octets=100), counters)
    watch = NoticesWatch(notices, "alice", "text/xml", lambda: calls.append(1))
    for _ in range(5):
        notices.tell("alice", b"x" * 10)
    assert (watch.state, watch.reason) == ("terminated", "deactivated")
    assert counters["subscribers overrun by changes"] == 1
    assert watch.body(full=True) is None
    assert len(calls) == 3
    watch.close("deactivated")
    assert not notices.hears("alice")
    assert not notices.hears(EVERYBODY)


def test_what_was_told_makes_room() -> None:
    bench = Bench(OPEN + "[uccn]\nqueue = 2\nqueue_bytes = 1024\n")
    ask(bench)
    for value in map(str, range(20)):
        tell(bench, change(value))
        assert told(bench.notified()) == [value]


def test_one_notice_that_is_too_long_ends_it_as_well() -> None:
    bench = Bench(OPEN + "[uccn]\nqueue_bytes = 1024\n")
    ask(bench)
    tell(bench, change("x" * 1024))
    assert states(bench.notified()) == ["terminated;reason=deactivated"]
    nothing_left(bench)


# What goes wrong


def test_nothing_is_written_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Change] = []

    def counted(of: Change, how: Format) -> bytes | None:
        written.append(of)
        return document(of, how)

    monkeypatch.setattr(uccn, "document", counted)
    bench = Bench()
    tell(bench, change("a"), system("1"))
    assert written == []
    first = ask(bench, "bob")
    tell(bench, change("a"), system("1"), change("b", "bob"))
    assert written == [system("1"), change("b", "bob")]
    bench.notified()
    inside(bench, first, 0, Event="uccn")
    bench.notified()
    tell(bench, system("2"), change("b", "bob"))
    assert len(written) == 2


def test_a_change_that_cannot_be_written_costs_nobody_the_others() -> None:
    bench = Bench()
    ask(bench)
    odd: Any = UserItem("x")
    with structlog.testing.capture_logs() as logged:
        tell(bench, change("a"), Change(Kind.GROUP, "alice@example.com", None, odd, 7), change("b"))
    assert [(entry["kind"], entry["number"]) for entry in logged if entry["log_level"] == "error"] == [
        ("EPASContactGroup", 7)
    ]
    assert told(bench.notified()) == ["a", "b"]


@pytest.mark.parametrize("status", [481, 489, 408])
def test_a_client_that_knows_nothing_of_it_is_told_no_more(status: int) -> None:
    bench = Bench()
    ask(bench)
    tell(bench, *map(change, "ab"))
    assert told(bench.notified(status)) == ["a"]
    nothing_left(bench)
    tell(bench, change("c"))
    assert bench.notified() == []


def test_a_client_that_never_answers_keeps_nothing() -> None:
    bench = Bench()
    ask(bench)
    tell(bench, *map(change, "ab"))
    bench.passes(33)
    assert told(under_way(bench)) == ["a"]
    nothing_left(bench)


def test_a_client_that_fails_with_one_is_told_the_next() -> None:
    bench = Bench()
    ask(bench)
    tell(bench, *map(change, "ab"))
    assert told(bench.notified(500)) == ["a", "b"]


def test_who_is_removed_is_told_nothing_more_whatever_waits() -> None:
    bench = Bench()
    ask(bench)
    tell(bench, change("a"))
    (first,) = under_way(bench)
    bench.side.changed([change("b")])
    bench.side.gone("alice@example.com")
    bench.side.changed([change("c")])
    bench.turn()
    bench.receive(answer(first))
    (last,) = bench.notified()
    assert (state(last), last.body) == ("terminated;reason=rejected", b"")
    nothing_left(bench)


def test_who_is_rejected_with_nothing_under_way_is_told_nothing_either() -> None:
    bench = Bench()
    ask(bench)
    bench.side.gone("alice@example.com")
    bench.side.changed([change("c")])
    bench.turn()
    (last,) = bench.notified()
    assert (state(last), last.body) == ("terminated;reason=rejected", b"")


def test_when_the_gateway_goes_down_clients_are_told_to_come_again() -> None:
    bench = Bench()
    ask(bench)
    bench.side.close()
    bench.turn()
    assert states(bench.notified()) == ["terminated;reason=deactivated"]


def test_a_users_own_profile_comes_with_their_first_line() -> None:
    bench = Bench()
    bench.side.put([person("alice", lines=("2001", "2002"))])
    ask(bench)
    ask(bench, "bob")
    item = SystemItem("EndUser", (("Presence.Domain", "example.com"),))
    for user in ("alice", "bob"):
        tell(bench, Change(Kind.SYSTEM, f"{user}@example.com", None, item))
    assert told(bench.notified()) == ["2001", "example.com"]


def test_rules_and_groups_are_told_too() -> None:
    bench = Bench()
    ask(bench)
    items: tuple[tuple[Kind, Any], ...] = (
        (Kind.RULE, Rule("friends")),
        (Kind.GROUP, GroupItem("", Decimal(0))),
    )
    tell(bench, *(Change(kind, "alice@example.com", None, item) for kind, item in items))
    assert [said(notify.body)[0] for notify in bench.notified()] == ["add-presence-rules", "insert-group"]


# Any order of things

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(1, 4)),
        st.tuples(st.just("answer"), st.sampled_from([200, 200, 200, 500])),
        st.tuples(st.just("refresh"), st.just(0)),
        st.tuples(st.just("time"), st.sampled_from([1, 3, 10])),
    ),
    max_size=30,
)


class World:
    """Alice, who answers when a test says so, and what she was told."""

    def __init__(self, pause: int, queue: int) -> None:
        limits = f"[presence]\nnotify_seconds = {pause}\n[uccn]\nqueue = {queue}\n"
        self.bench = Bench(OPEN + limits)
        self.first = ask(self.bench)
        self.pause, self.count = pause, 0
        self.found: list[Request] = []
        self.waiting: list[Request] = []

    def step(self, what: str, number: int) -> None:
        getattr(self, what)(number)
        seen = {notify.cseq for notify in self.found}
        new = [notify for notify in under_way(self.bench) if notify.cseq not in seen]
        self.waiting += new
        self.found += new
        assert len(self.waiting) <= 1  # one at a time

    def tell(self, number: int) -> None:
        tell(self.bench, *(change(str(self.count + more)) for more in range(number)))
        self.count += number

    def answer(self, status: int) -> None:
        if self.waiting:
            self.bench.receive(answer(self.waiting.pop(), status))

    def refresh(self, _number: int) -> None:
        inside(self.bench, self.first, 600, Event="uccn")

    def time(self, seconds: int) -> None:
        self.bench.passes(seconds)

    def calm(self) -> None:
        """She answers everything."""
        for _ in range(self.count + 5):
            self.step("answer", 200)
            if self.is_open:
                self.step("time", self.pause)

    @property
    def is_open(self) -> bool:
        """Whether there may be more."""
        return not self.found or state(self.found[-1]) == "active"


@hypothesis(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from([0, 5]), st.sampled_from([3, 1000]))
def test_whatever_happens_each_change_is_told_once_and_in_order_or_the_client_is_told_to_begin_again(
    steps: list[tuple[str, int]], pause: int, queue: int
) -> None:
    world = World(pause, queue)
    for step in steps:
        world.step(*step)
    world.calm()
    assert all(state(notify) == "active" for notify in world.found[:-1])
    values, heard = [str(number) for number in range(world.count)], told(world.found)
    assert heard == values[: len(heard)]
    if not world.is_open:
        assert queue == 3
        assert (state(world.found[-1]), world.found[-1].body) == ("terminated;reason=deactivated", b"")
    elif len(world.bench.side.subscriptions):  # who never answers is given up, and cannot be told so
        assert heard == values
