"""Messages: to who is there, and kept for who is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ctigw.app.sip import Kept
from ctigw.simple.messaging import Note
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response
from tests.presence import Bench, answer
from tests.sip import PEER

ALICE, BOB = "alice@example.com", "bob@example.com"
DESK = Remote("UDP", "203.0.113.1", 5060)


class Box:
    """A mailbox and a history in memory; ``slow``: answers when it is told to."""

    def __init__(self, most: int = 3) -> None:
        self.notes: list[Note] = []
        self.most, self.slow = most, False
        self.later: list[Callable[[], None]] = []
        self.history: list[tuple[str, str, float]] = []

    def _soon(self, call: Callable[[], None]) -> None:
        if self.slow:
            self.later.append(call)
        else:
            call()

    def put(self, note: Note, done: Callable[[bool], None]) -> None:
        fits = sum(other.recipient == note.recipient for other in self.notes) < self.most
        if fits:
            self.notes.append(note)
        self._soon(lambda: done(fits))

    def waiting(self, recipient: str, done: Callable[[list[Note]], None]) -> None:
        found = [note for note in self.notes if note.recipient == recipient]
        self._soon(lambda: done(found))

    def remove(self, note: Note) -> None:
        self.notes.remove(note)

    def remember(self, sender: str, recipient: str, at: float) -> None:
        self.history.append((sender, recipient, at))


def keeping(most: int = 3) -> tuple[Bench, Box]:
    box = Box(most)
    return Bench(kept=Kept(mailbox=box, history=box.remember)), box


def say(bench: Bench, text: str = "hello", kind: str = "text/plain", whom: str = "alice") -> int:
    return bench.ask("MESSAGE", "bob", whom, PEER, Content_Type=kind, body=text).status


def delivered(bench: Bench, status: int = 200) -> list[Request]:
    """The messages that arrive, one after the other, each answered with ``status``."""
    found = []
    while sent := bench.asked("MESSAGE"):
        for to, request in sent:
            found.append(request)
            bench.receive(answer(request, status), to)
    return found


def sender_gets(bench: Bench) -> list[int]:
    return [message.status for message in bench.taken() if isinstance(message, Response)]


# Who is there


def test_a_message_reaches_who_is_registered_and_the_sender_knows() -> None:
    bench = Bench()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench)
    assert [request.body for request in delivered(bench)] == [b"hello"]
    assert sender_gets(bench) == [200]


def test_nobody_of_that_name() -> None:
    bench, box = keeping()
    assert say(bench, whom="nobody") == 404
    assert box.notes == []


def test_who_is_not_registered_cannot_be_reached() -> None:
    assert say(Bench()) == 480


def test_what_was_delivered_is_remembered_and_what_was_not_is_not() -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    for status in (200, 488):
        with pytest.raises(AssertionError):
            say(bench)
        delivered(bench, status)
    assert box.history == [(BOB, ALICE, bench.clock.seconds())]


def test_that_somebody_is_typing_is_not_worth_remembering() -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench, "<isComposing/>", "Application/IM-isComposing+xml; charset=UTF-8")
    assert len(delivered(bench)) == 1
    assert sender_gets(bench) == [200]
    assert box.history == []


def test_a_client_on_a_connection_gets_messages_by_it_as_long_as_it_is_open() -> None:
    bench = Bench()
    flow = Remote("TLS", "198.51.100.7", 40_001, 9, 2)
    bench.ask("REGISTER", "alice", "alice", flow, uri="sip:example.com", Contact="<sips:alice@10.0.0.7>")
    with pytest.raises(AssertionError):
        say(bench)
    ((to, request),) = bench.asked("MESSAGE")
    assert to == flow
    assert request.uri == "sips:alice@10.0.0.7"
    bench.receive(answer(request), to)
    assert sender_gets(bench) == [200]
    bench.side.node.lost(flow)
    with pytest.raises(AssertionError):
        say(bench)
    ((to, _),) = bench.asked("MESSAGE")
    assert (to.host, to.flow) == ("10.0.0.7", 0)


def test_a_message_in_the_name_of_somebody_else_is_refused() -> None:
    digest = Bench('[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\n')
    assert say(digest) == 407


# Who is away


def test_a_message_for_who_is_away_is_kept_and_the_sender_is_told_so() -> None:
    bench, box = keeping()
    assert say(bench) == 202
    (note,) = box.notes
    assert (note.recipient, note.sender, note.content_type, note.body) == (ALICE, BOB, "text/plain", b"hello")
    assert note.at == bench.clock.seconds()
    assert box.history == [(BOB, ALICE, note.at)]


def test_the_sender_is_told_when_it_is_kept_and_not_before() -> None:
    bench, box = keeping()
    box.slow = True
    with pytest.raises(AssertionError, match="no answer"):
        say(bench)
    box.later.pop()()
    bench.turn()
    assert sender_gets(bench) == [202]


@pytest.mark.parametrize(
    "kind", ["application/im-iscomposing+xml", "message/imdn+xml", "Message/IMDN+xml;x=y"]
)
def test_notices_about_messages_are_not_kept(kind: str) -> None:
    bench, box = keeping()
    assert say(bench, "<x/>", kind) == 480
    assert box.notes == []


def test_a_user_gets_a_bounded_number_and_the_sender_of_one_more_knows() -> None:
    bench, box = keeping(most=2)
    assert [say(bench), say(bench), say(bench)] == [202, 202, 480]
    assert say(bench, whom="carol") == 202
    assert len(box.history) == 3


@pytest.mark.parametrize(("status", "then"), [(408, 202), (480, 202), (404, 202), (500, 202), (503, 202)])
def test_a_contact_that_is_away_is_as_good_as_none(status: int, then: int) -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench)
    delivered(bench, status)
    assert sender_gets(bench) == [then]
    assert len(box.notes) == 1


@pytest.mark.parametrize("status", [403, 415, 488, 603])
def test_a_message_that_is_refused_is_not_kept(status: int) -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench)
    delivered(bench, status)
    assert sender_gets(bench) == [status]
    assert box.notes == []


def test_a_contact_that_does_not_answer_is_away() -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench)
    bench.passes(33)
    assert sender_gets(bench) == [202]
    assert len(box.notes) == 1


# Who comes back


def test_what_waited_arrives_in_order_when_they_register() -> None:
    bench, box = keeping()
    for text in ("one", "two", "three"):
        say(bench, text)
        bench.passes(10)
    assert bench.register("alice", "<sip:alice@203.0.113.1>").status == 200
    first = bench.asked("MESSAGE")
    assert [request.body for _, request in first] == [b"one"]  # and the next when that has arrived
    bench.mail += first
    arrived = delivered(bench)
    assert [request.body for request in arrived] == [b"one", b"two", b"three"]
    assert box.notes == []
    request = arrived[0]
    assert request.uri == "sip:alice@203.0.113.1"
    assert request.from_.uri == f"sip:{BOB}"
    assert request.get("P-Asserted-Identity") == f"<sip:{BOB}>"
    assert request.get("Date").endswith("GMT")
    assert len({request.call_id for request in arrived}) == 3


def test_what_waited_for_others_goes_on_waiting() -> None:
    bench, box = keeping()
    say(bench)
    bench.register("carol", "<sip:carol@203.0.113.1>")
    assert delivered(bench) == []
    assert len(box.notes) == 1


def test_a_dead_contact_does_not_keep_messages_from_the_one_that_lives() -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>;q=1")
    with pytest.raises(AssertionError):
        say(bench, "one")
    bench.passes(33)
    assert sender_gets(bench) == [202]
    bench.register("alice", "<sip:alice@203.0.113.2>;q=0.5")
    sent = bench.asked("MESSAGE")
    assert sorted(to.host for to, _ in sent) == ["203.0.113.1", "203.0.113.2"]
    assert len({request.call_id for _, request in sent}) == 1
    (living,) = [each for each in sent if each[0].host == "203.0.113.2"]
    bench.receive(answer(living[1]), living[0])
    assert box.notes == []


def test_what_does_not_arrive_waits_on_and_stops_those_behind_it() -> None:
    bench, box = keeping()
    for text in ("one", "two"):
        say(bench, text)
    bench.register("alice", "<sip:alice@203.0.113.1>")
    assert [request.body for request in delivered(bench, 480)] == [b"one"]
    assert [note.body for note in box.notes] == [b"one", b"two"]
    bench.register("alice", "<sip:alice@203.0.113.1>")
    assert [request.body for request in delivered(bench)] == [b"one", b"two"]


def test_what_is_refused_is_not_tried_again_and_stops_nobody() -> None:
    bench, box = keeping()
    for text in ("one", "two"):
        say(bench, text)
    bench.register("alice", "<sip:alice@203.0.113.1>")
    assert [request.body for request in delivered(bench, 415)] == [b"one", b"two"]
    assert box.notes == []


def test_who_registers_anew_while_the_old_contact_is_asked_is_asked_too() -> None:
    bench, box = keeping()
    say(bench)
    bench.register("alice", "<sip:alice@203.0.113.1>")  # which is dead
    assert len(bench.asked("MESSAGE")) == 1
    bench.passes(10)
    bench.register("alice", "<sip:alice@203.0.113.2>")
    assert bench.asked("MESSAGE")[:1] != []  # the old one again
    bench.taken()
    bench.passes(25)
    living = [each for each in bench.asked("MESSAGE") if each[0].host == "203.0.113.2"]
    bench.receive(answer(living[0][1]), living[0][0])
    assert box.notes == []


def test_nothing_arrives_twice_however_often_they_register() -> None:
    bench, box = keeping()
    say(bench)
    box.slow = True
    for _ in range(3):
        bench.register("alice", "<sip:alice@203.0.113.1>")
    while box.later:
        box.later.pop(0)()
        bench.turn()
    assert len(delivered(bench)) == 1
    assert box.notes == []
    while box.later:  # they are looked for once more
        box.later.pop(0)()
    assert bench.side.server._parts.messaging._delivering == {}


def test_who_registers_while_a_dead_contact_is_waited_for_gets_what_is_kept_then() -> None:
    bench, box = keeping()
    bench.register("alice", "<sip:alice@203.0.113.1>")
    with pytest.raises(AssertionError):
        say(bench)
    bench.asked("MESSAGE")
    bench.passes(20)
    bench.register("alice", "<sip:alice@203.0.113.2>")
    bench.mail.clear()
    bench.passes(15)
    assert "203.0.113.2" in [to.host for to, _ in bench.asked("MESSAGE")]
    assert sender_gets(bench) == [202]
    assert len(box.notes) == 1


def test_who_registers_while_a_message_is_being_stored_gets_it() -> None:
    bench, box = keeping()
    box.slow = True
    with pytest.raises(AssertionError):
        say(bench)
    notes, box.notes = box.notes, []  # which nobody else sees before it is stored
    bench.register("alice", "<sip:alice@203.0.113.1>")
    store, look = box.later
    look()
    box.notes, box.later, box.slow = notes, [], False
    store()
    bench.turn()
    assert [request.body for request in delivered(bench)] == [b"hello"]
    assert box.notes == []
