from __future__ import annotations

import pytest

from ctigw.presence.watcherinfo import (
    Event,
    NotWatcherinfoError,
    Status,
    Told,
    Watcher,
    Watcherinfo,
    read,
    write,
)
from tests.pidf import ALICE, wrong

BOB = Watcher("w1", "sip:bob@example.com", Status.ACTIVE, Event.SUBSCRIBE, 'Bob "B" <b>', 3600, 5)
EVE = Watcher("w2", "sip:eve@example.com", Status.PENDING, Event.SUBSCRIBE)
GONE = Watcher("w2", "sip:eve@example.com", Status.TERMINATED, Event.REJECTED)


def told(document: bytes | None) -> tuple[int, bool, tuple[Watcher, ...]]:
    assert document is not None
    assert wrong(document, "watcherinfo.xsd") is None
    found = read(document)
    assert (found.resource, found.package) == (ALICE, "presence")
    return found.version, found.full, found.watchers


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("event", list(Event))
def test_what_is_written_is_valid_and_read_again(status: Status, event: Event) -> None:
    document = Told(ALICE, "presence", 7, False, (Watcher("w", "sip:bob@b", status, event), BOB))
    assert wrong(write(document), "watcherinfo.xsd") is None
    assert read(write(document)) == document


def test_the_first_is_full_and_then_only_changes_are_told_and_counted() -> None:
    winfo = Watcherinfo(ALICE)
    assert told(winfo.notify([BOB, EVE])) == (0, True, (BOB, EVE))
    assert winfo.notify([BOB, EVE]) is None
    assert told(winfo.notify([BOB, GONE])) == (1, False, (GONE,))
    assert winfo.notify([BOB]) is None
    assert told(winfo.notify([BOB], full=True)) == (2, True, (BOB,))


def test_nobody_is_told_too() -> None:
    assert told(Watcherinfo(ALICE).notify([])) == (0, True, ())


def test_an_end_is_told_once_for_each_time_it_is_given() -> None:
    winfo = Watcherinfo(ALICE)
    winfo.notify([EVE])
    assert told(winfo.notify([GONE])) == (1, False, (GONE,))
    assert winfo.notify([]) is None


def test_time_that_passes_is_no_change() -> None:
    winfo = Watcherinfo(ALICE)
    winfo.notify([BOB])
    later = Watcher(BOB.id, BOB.uri, BOB.status, BOB.event, BOB.display_name, 3500, 105)
    assert winfo.notify([later]) is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"<x/>", "watcher-list"),
        (b"<watcherinfo/>", "watcher-list"),
        (b"<watcherinfo version='x'><watcher-list/></watcherinfo>", "outside"),
        (
            b"<watcherinfo version='1'><watcher-list><watcher status='odd'/></watcher-list></watcherinfo>",
            "outside",
        ),
    ],
)
def test_what_is_no_watcherinfo_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NotWatcherinfoError, match=why):
        read(body)
