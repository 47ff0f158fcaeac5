"""What SIP and presence keep: over a restart."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from sqlalchemy import func, select
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.app.sip import Kept
from ctigw.directory import recent, users
from ctigw.presence.publications import Change, Publication
from ctigw.simple.messaging import Note
from ctigw.simple.registrar import Binding, Moved
from ctigw.sip.hops import Remote
from ctigw.soft_state import DAY, SoftState
from ctigw.store.database import Database
from ctigw.store.grouped import GATHERING
from ctigw.store.tables import BindingRow, MessageRow, PublicationRow
from tests.presence import Bench, pidf

ALICE, BOB = "alice@example.com", "bob@example.com"
NOW = 1_000_000.0
BACK = Remote("UDP", "198.51.100.9", 6000, 0, 0)


def publication(etag: str = "e1", expires: float = NOW + 60, body: bytes = b"<x/>") -> Publication:
    return Publication("p1", ALICE, etag, "Phone/1", expires, NOW, body)


def binding(uri: str = "sip:alice@192.0.2.20", expires: float = NOW + 60, **more: Any) -> Binding:
    of = {"q": 0.5, "call_id": "device", "cseq": 7, "back": None, **more}
    return Binding(ALICE, uri, of["q"], expires, of["call_id"], of["cseq"], of["back"])


def note(text: str = "hello", recipient: str = ALICE) -> Note:
    return Note("t1", recipient, BOB, NOW, "text/plain", text.encode())


class State:
    """Soft state in a database, which things can be waited for."""

    def __init__(self, database: Database, most: int = 100) -> None:
        self.database = database
        self.clock = Clock()
        self.clock.advance(NOW)
        self.told = 0
        self.state = SoftState(database, self.clock, self._tell, days=2, most=most)

    def _tell(self) -> None:
        self.told += 1

    async def published(self, change: Change) -> bool:
        done: Deferred[bool] = Deferred()
        self.state.publication(change, done.callback)
        self.clock.advance(GATHERING)
        return await done

    async def registered(self, moved: Moved) -> bool:
        done: Deferred[bool] = Deferred()
        self.state.registered(moved, done.callback)
        self.clock.advance(GATHERING)
        return await done

    async def put(self, kept: Note) -> bool:
        done: Deferred[bool] = Deferred()
        self.state.put(kept, done.callback)
        self.clock.advance(GATHERING)
        return await done

    async def waiting(self, recipient: str = ALICE) -> list[Note]:
        done: Deferred[list[Note]] = Deferred()
        self.state.waiting(recipient, done.callback)
        return await done

    async def settled(self) -> None:
        """All that was asked for is done."""
        for _ in range(3):
            self.clock.advance(GATHERING)
            await self.database.run(lambda _session: None)

    def count(self, table: Any) -> int:
        query = select(func.count()).select_from(table)
        return self.database.run_now(lambda session: session.scalar(query) or 0)


@pytest.fixture
def state(database: Database) -> State:
    return State(database)


def seen(bound: Binding) -> tuple[object, ...]:
    return (bound.aor, bound.uri, bound.q, bound.expires, bound.call_id, bound.cseq, bound.back)


# Publications and bindings


@pytest_twisted.ensureDeferred
async def test_publications_come_back_as_they_were_last(state: State) -> None:
    first, second = publication(), publication("e2", NOW + 90, b"<y/>")
    assert await state.published(Change(first))
    assert await state.published(Change(second))
    (found,), _ = state.state.restored()
    assert [
        getattr(found, name) for name in ("id", "presentity", "etag", "agent", "expires", "published", "body")
    ] == [
        *("p1", ALICE, "e2", "Phone/1", NOW + 90),
        *(NOW, b"<y/>"),
    ]
    assert await state.published(Change(second, gone=True))
    assert state.state.restored() == ([], [])


@pytest_twisted.ensureDeferred
async def test_bindings_come_back_without_the_connections_that_are_gone(state: State) -> None:
    flow = Remote("TCP", "198.51.100.9", 6001, 5, 1)
    put = (binding(back=BACK), binding("sip:alice@192.0.2.30", back=flow), binding("sip:alice@192.0.2.40"))
    assert await state.registered(Moved(put, ()))
    _, found = state.state.restored()
    assert [seen(each) for each in found] == [
        seen(binding(back=BACK)),
        seen(binding("sip:alice@192.0.2.30")),
        seen(binding("sip:alice@192.0.2.40")),
    ]


@pytest_twisted.ensureDeferred
async def test_who_leaves_and_comes_back_at_once_is_there(state: State) -> None:
    waiting = []
    leaves, comes = Moved((), (binding(),)), Moved((binding(),), ())
    for moved in (leaves, comes, leaves, comes):
        done: Deferred[bool] = Deferred()
        state.state.registered(moved, done.callback)
        waiting.append(done)
    await state.settled()
    assert [await done for done in waiting] == [True] * 4
    assert len(state.state.restored()[1]) == 1


@pytest_twisted.ensureDeferred
async def test_a_call_id_of_any_bytes_costs_nobody_anything(state: State) -> None:
    assert await state.registered(Moved((binding(call_id="\udcff\x00" * 2000),), ()))
    assert len(state.state.restored()[1]) == 1


@pytest_twisted.ensureDeferred
async def test_what_has_expired_is_not_restored_and_is_forgotten_once_a_day(state: State) -> None:
    await state.published(Change(publication()))
    await state.registered(Moved((binding(), binding("sip:later", NOW + 3 * DAY)), ()))
    await state.put(note())
    state.clock.advance(61)
    assert [len(found) for found in state.state.restored()] == [0, 1]
    state.state.start()
    await state.settled()
    assert [state.count(table) for table in (PublicationRow, BindingRow, MessageRow)] == [0, 1, 1]
    for _ in range(2):
        state.clock.advance(DAY)
        await state.settled()
    assert [state.count(table) for table in (PublicationRow, BindingRow, MessageRow)] == [0, 1, 0]
    state.state.stop()
    state.state.stop()
    assert state.clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away_takes_nothing_and_says_so(state: State) -> None:
    state.database.close()
    assert not await state.published(Change(publication()))
    assert not await state.registered(Moved((binding(),), ()))
    assert not await state.put(note())
    assert await state.waiting() == []
    state.state.remember(BOB, ALICE, NOW)
    state.state.remove(Note("7", ALICE, BOB, NOW, "text/plain", b""))
    assert state.told == 4


# Messages


@pytest_twisted.ensureDeferred
async def test_messages_wait_in_order_until_they_are_delivered_or_too_old(state: State) -> None:
    for text in ("one", "two", "three"):
        assert await state.put(note(text))
    await state.put(note("for bob", BOB))
    first, *others = await state.waiting()
    assert (first.recipient, first.sender, first.at, first.content_type) == (ALICE, BOB, NOW, "text/plain")
    assert [each.body for each in (first, *others)] == [b"one", b"two", b"three"]
    state.state.remove(first)
    assert [each.body for each in await state.waiting()] == [b"two", b"three"]
    state.clock.advance(2 * DAY)
    assert await state.waiting() == []


@pytest_twisted.ensureDeferred
async def test_as_many_wait_for_somebody_as_is_configured(database: Database) -> None:
    state = State(database, most=2)
    assert [await state.put(note()) for _ in range(3)] == [True, True, False]
    assert await state.put(note("x", BOB))


@pytest_twisted.ensureDeferred
async def test_both_remember_that_they_wrote_to_each_other(state: State) -> None:
    for name in (ALICE, BOB):
        state.database.run_now(users.add, name, "secret")
    state.state.remember(BOB, ALICE, NOW)
    state.state.remember("stranger@elsewhere.example", ALICE, NOW + 60)
    await state.settled()
    found = state.database.run_now(recent.communications, ALICE)
    assert [each.timestamp for each in found] == ["1970-01-12T13:47:40+00:00", "1970-01-12T13:46:40+00:00"]
    assert len(state.database.run_now(recent.communications, BOB)) == 1


# Through the whole server


@pytest_twisted.ensureDeferred
async def test_a_server_that_starts_again_knows_what_it_knew(state: State) -> None:
    kept = state.state
    before = Bench(kept=Kept(publication=kept.publication, binding=kept.registered, mailbox=kept))
    with pytest.raises(AssertionError, match="no answer"):
        before.publish(body=pidf("open", "busy"))
    with pytest.raises(AssertionError, match="no answer"):
        before.register("alice", "<sip:alice@192.0.2.20>")
    with pytest.raises(AssertionError, match="no answer"):
        before.ask("MESSAGE", "bob", "carol", Content_Type="text/plain", body="hello")
    await state.settled()
    before.turn()
    etag = before.answer("call1").get("SIP-ETag")
    assert before.answer("call2").status == 200
    assert before.answer("call3").status == 202

    after = Bench()
    published, bound = kept.restored()
    after.side.presence.restore(published)
    after.side.registrar.restore(bound)
    after.subscribe()
    (notify,) = after.notified()
    assert b"<r:busy/>" in notify.body
    assert after.publish(SIP_If_Match=etag).status == 200
    assert len(after.register("alice").lines("Contact")) == 1
    assert [each.body for each in await state.waiting("carol@example.com")] == [b"hello"]
