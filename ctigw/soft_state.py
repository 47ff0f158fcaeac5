"""What SIP and presence keep in the database: publications, bindings, messages that wait.

Everything that is answered is answered after its commit; see `store.grouped`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import count

import structlog
from msgspec import Struct, json
from sqlalchemy.orm import Session
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from ctigw.directory import recent
from ctigw.directory.errors import DirectoryError
from ctigw.presence.publications import Change, Publication
from ctigw.simple.messaging import Note
from ctigw.simple.registrar import Binding, Moved
from ctigw.sip.hops import Remote
from ctigw.store import bindings, messages, publications
from ctigw.store.database import Database
from ctigw.store.grouped import Grouped
from ctigw.store.rows import text

# What has expired is forgotten once in so many seconds.
DAY = 86_400.0
# Characters of a Call-ID that are kept.
LONGEST = 1024
log = structlog.get_logger(__name__)
Done = Callable[[bool], None]


class _Reached(Struct):
    """What is kept of a binding beside its columns."""

    q: float
    call_id: str
    cseq: int
    back: Remote | None


class SoftState:
    """``told`` is called after somebody was told that something is stored: there may be something to send."""

    def __init__(
        self,
        database: Database,
        clock: IReactorTime,
        told: Callable[[], None],
        *,
        days: float,
        most: int = messages.MOST,
    ) -> None:
        self._database, self._clock, self._told, self._days = database, clock, told, days
        self._numbers = count(int(clock.seconds() * 1e3))
        later = clock.callLater
        self._publications = Grouped(database, _write_publications, told, later=later, name="publications")
        self._bindings = Grouped(database, _write_bindings, told, later=later, name="bindings")
        write_messages = partial(_write_messages, most)
        self._messages = Grouped(database, write_messages, told, later=later, name="messages")
        self._loop = LoopingCall(self._tidy)
        self._loop.clock = clock

    def start(self) -> None:
        """Forget what has expired, now and once a day."""
        self._loop.start(DAY)

    def stop(self) -> None:
        """`start` no more."""
        if self._loop.running:
            self._loop.stop()

    def _tidy(self) -> None:
        self._submit("what has expired stays", _forget_expired, self._clock.seconds())

    # Publications and bindings

    def publication(self, change: Change, done: Done) -> None:
        """Store a publication that has changed, or forget it."""
        published = change.publication
        row = publications.Row(
            published.id,
            published.presentity,
            published.etag,
            published.agent,
            published.expires,
            published.published,
            next(self._numbers),
            published.body,
        )
        self._publications.put((row, change.gone), done)

    def registered(self, moved: Moved, done: Done) -> None:
        """Store the bindings of an address that have changed, and forget those that are gone."""
        self._bindings.put(moved, done)

    def restored(self) -> tuple[list[Publication], list[Binding]]:
        """What was stored and has not expired; blocks, so for the start."""
        now = self._clock.seconds()
        published = self._database.run_now(publications.load, now)
        bound = self._database.run_now(bindings.load, now)
        return [_publication(row) for row in published], [_binding(row) for row in bound]

    # Messages that wait

    def put(self, note: Note, done: Done) -> None:
        """`Mailbox.put`."""
        expires = note.at + self._days * 86_400
        row = messages.Row(note.recipient, note.sender, note.content_type, note.at, expires, note.body)
        self._messages.put(row, done)

    def waiting(self, recipient: str, done: Callable[[list[Note]], None]) -> None:
        """`Mailbox.waiting`."""

        def found(rows: list[tuple[int, messages.Row]] | Failure) -> None:
            if isinstance(rows, Failure):
                log.warning("messages cannot be looked up", why=rows.getErrorMessage())
                rows = []
            done([_note(number, row) for number, row in rows])
            self._told()

        self._database.submit(messages.waiting, recipient, self._clock.seconds()).addBoth(found)

    def remove(self, note: Note) -> None:
        """`Mailbox.remove`."""
        self._submit("a message stays", messages.forget, [int(note.id)])

    def remember(self, sender: str, recipient: str, at: float) -> None:
        """`History`: that they wrote to each other, for both; not what."""
        self._submit("a message is not in the history", _remember, sender, recipient, at)

    def _submit(self, what: str, function: Callable[..., object], *args: object) -> None:
        def failed(failure: Failure) -> None:
            log.warning(what, why=failure.getErrorMessage())

        self._database.submit(function, *args).addErrback(failed)


def _write_publications(session: Session, changes: Sequence[tuple[publications.Row, bool]]) -> list[bool]:
    puts = [row for row, gone in changes if not gone]
    publications.write(session, puts, [row.publication for row, gone in changes if gone])
    return [True] * len(changes)


def _write_bindings(session: Session, moves: Sequence[Moved]) -> list[bool]:
    rows: dict[tuple[str, str], bindings.Row | None] = {}
    for moved in moves:  # in their order: who comes back after leaving is there
        rows.update({(binding.aor, binding.uri): None for binding in moved.gone})
        rows.update({(binding.aor, binding.uri): _row(binding) for binding in moved.put})
    puts = [row for row in rows.values() if row is not None]
    bindings.write(session, puts, [key for key, row in rows.items() if row is None])
    return [True] * len(moves)


def _write_messages(most: int, session: Session, rows: Sequence[messages.Row]) -> list[bool]:
    return messages.keep(session, rows, most)


def _forget_expired(session: Session, now: float) -> None:
    for kept in (publications, bindings, messages):
        kept.forget_expired(session, now)


def _remember(session: Session, sender: str, recipient: str, at: float) -> None:
    timestamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    for owner, other in ((sender, recipient), (recipient, sender)):
        entry = recent.Communication(timestamp, "im", f"<with>sip:{other}</with>")
        try:
            recent.add(session, owner, entry)
        except DirectoryError:  # one of them is nobody of ours
            continue


def _row(binding: Binding) -> bindings.Row:
    call_id = text(binding.call_id, LONGEST)
    reached = _Reached(binding.q, call_id, binding.cseq, binding.back)
    return bindings.Row(binding.aor, binding.uri, json.encode(reached), binding.expires)


def _binding(row: bindings.Row) -> Binding:
    kept = json.decode(row.data, type=_Reached)
    # A connection does not outlive the process; where datagrams came from may still be right.
    back = kept.back if kept.back is not None and not kept.back.flow else None
    return Binding(row.aor, row.contact, kept.q, row.expires, kept.call_id, kept.cseq, back)


def _publication(row: publications.Row) -> Publication:
    return Publication(
        row.publication, row.presentity, row.etag, row.source, row.expires, row.published, row.body
    )


def _note(number: int, row: messages.Row) -> Note:
    return Note(str(number), row.recipient, row.sender, row.at, row.content_type, row.body)
