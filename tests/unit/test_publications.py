"""Publications, bindings and stored messages in the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from ctigw.store import bindings, messages, publications, rows
from ctigw.store.database import Database

ALICE, BOB = "alice@example.com", "bob@example.com"
VALUES = 32_766  # in one statement: SQLite's bound, which is the lower one


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database._sessions.begin() as session:
        yield session


@pytest.fixture
def statements(database: Database) -> list[str]:
    """What is asked of the database from now on, without values."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        asked.append(text.split(maxsplit=1)[0])

    event.listen(database._engine, "before_cursor_execute", note)
    return asked


def published(
    number: int, *, etag: str = "", presentity: str = ALICE, expires: float = 100.0
) -> publications.Row:
    name = f"p{number}"
    body = b"<presence\x00 \xff %s ?/>" * 3
    return publications.Row(name, presentity, etag or f"e{number}", "Phone/1", expires, 1.5, number, body)


def test_publications_come_back_as_they_were_in_the_order_of_their_changes(session: Session) -> None:
    put = [published(3), published(1, presentity=BOB), published(2)]
    publications.write(session, put, [])
    assert publications.load(session, 99.0) == sorted(put, key=lambda row: row.sequence)


def test_a_publication_takes_the_place_of_what_it_was(session: Session) -> None:
    publications.write(session, [published(1), published(2)], [])
    changed = published(1, etag="other")._replace(body=b"", sequence=9, expires=200.0)
    publications.write(session, [changed], [])
    assert publications.load(session, 0.0) == [published(2), changed]
    assert publications.load(session, 100.0) == [changed]


def test_what_was_put_and_is_gone_is_not_there(session: Session) -> None:
    publications.write(session, [published(1), published(2)], [])
    publications.write(session, [published(2, etag="e2b"), published(3)], ["p2", "p3", "p3", "never"])
    assert publications.load(session, 0.0) == [published(1)]


def test_of_two_changes_in_one_call_the_last_is_kept(session: Session) -> None:
    publications.write(session, [published(1), published(1, etag="e1b"), published(1, etag="e1c")], [])
    assert [row.etag for row in publications.load(session, 0.0)] == ["e1c"]


@pytest.mark.parametrize("said", ["a\x00b", "\udcff", "ü" * 999, ""])
def test_what_a_client_says_of_itself_is_no_trouble(session: Session, said: str) -> None:
    publications.write(session, [published(1)._replace(source=said)], [])
    kept = publications.load(session, 0.0)[0].source
    assert len(kept) == min(len(said), publications.SOURCE)
    assert kept.strip("aüb?") == ""


def test_hundreds_of_changes_are_few_statements(database: Database, statements: list[str]) -> None:
    everything = [published(number) for number in range(1024)]
    database.run_now(publications.write, everything, [])
    database.run_now(publications.write, everything, [row.publication for row in everything])
    assert [word for word in statements if word in ("INSERT", "DELETE")] == ["INSERT", "INSERT", "DELETE"]
    assert database.run_now(publications.load, 0.0) == []


@pytest.mark.parametrize("row", [publications.Row, bindings.Row, messages.Row])
def test_no_statement_has_too_many_values(row: type[publications.Row]) -> None:
    assert rows.MOST * len(row._fields) <= VALUES


def test_what_has_expired_is_forgotten(session: Session) -> None:
    publications.write(session, [published(1, expires=10.0), published(2), published(3, expires=11.0)], [])
    assert publications.forget_expired(session, 11.0) == 2
    assert publications.load(session, 0.0) == [published(2)]
    bindings.write(
        session, [bindings.Row(ALICE, "sip:a", b"", 10.0), bindings.Row(ALICE, "sip:b", b"", 20.0)], []
    )
    assert bindings.forget_expired(session, 10.0) == 1
    messages.keep(session, [message(1, expires=10.0), message(2, expires=20.0)])
    assert messages.forget_expired(session, 10.0) == 1
    assert messages.recipients(session) == {ALICE: 1}


def test_bindings_are_replaced_and_removed_by_address_and_contact(session: Session) -> None:
    first = bindings.Row(ALICE, "sip:alice@10.0.0.1:5060;transport=tcp", b"\x00one", 100.0)
    other = bindings.Row(ALICE, "sip:alice@10.0.0.2", b"two", 100.0)
    bobs = bindings.Row(BOB, other.contact, b"", 50.0)
    bindings.write(session, [first, bobs, other, first], [])
    assert bindings.load(session, 0.0) == [first, other, bobs]
    assert bindings.load(session, 50.0) == [first, other]
    again = first._replace(data=b"new", expires=300.0)
    bindings.write(session, [again], [(ALICE, other.contact), (BOB, "sip:nobody"), (ALICE, other.contact)])
    assert bindings.load(session, 0.0) == [again, bobs]
    longest = bindings.Row(ALICE, "s" * bindings.LONGEST, b"", 1.0)
    bindings.write(session, [longest], [])
    assert longest in bindings.load(session, 0.0)


def message(number: int, recipient: str = ALICE, expires: float = 100.0) -> messages.Row:
    return messages.Row(recipient, "sip:bob@example.com", "text/plain", float(number), expires, b"\xff%s")


def test_messages_wait_in_their_order_until_they_have_arrived(session: Session) -> None:
    sent = [message(1), message(2, BOB), message(3), message(4, expires=50.0)]
    assert messages.keep(session, sent) == [True] * 4
    assert messages.recipients(session) == {ALICE: 3, BOB: 1}
    found = messages.waiting(session, ALICE, 50.0)
    assert [row for _number, row in found] == [message(1), message(3)]
    messages.forget(session, [number for number, _row in found])
    messages.forget(session, [])
    assert messages.recipients(session) == {ALICE: 1, BOB: 1}


def test_nobody_has_more_messages_than_may_wait(session: Session) -> None:
    assert messages.keep(session, [message(1), message(2, BOB)], 2) == [True, True]
    assert messages.keep(session, [message(n) for n in range(3)] + [message(9, BOB)], 2) == [
        *(True, False, False),
        True,
    ]
    assert messages.recipients(session) == {ALICE: 2, BOB: 2}
    assert messages.keep(session, [], 2) == []


def test_what_a_sender_says_is_no_trouble(session: Session) -> None:
    messages.keep(session, [message(1)._replace(sender="a\x00" * 999, content_type="\udcff")])
    (_number, row), *_ = messages.waiting(session, ALICE, 0.0)
    assert (row.sender, row.content_type) == ("a?" * 512, "?")


def test_who_is_no_more_leaves_nothing(session: Session) -> None:
    publications.write(session, [published(1), published(2, presentity=BOB)], [])
    bindings.write(
        session, [bindings.Row(ALICE, "sip:a", b"", 1.0), bindings.Row(BOB, "sip:a", b"", 1.0)], []
    )
    messages.keep(session, [message(1), message(2, BOB)])
    publications.forget_presentity(session, ALICE)
    bindings.forget_aor(session, ALICE)
    messages.forget_recipient(session, ALICE)
    assert [row.presentity for row in publications.load(session, 0.0)] == [BOB]
    assert [row.aor for row in bindings.load(session, 0.0)] == [BOB]
    assert messages.recipients(session) == {BOB: 1}
