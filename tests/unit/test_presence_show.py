"""Presence for people and for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from ctigw.cli.columns import columns
from ctigw.cli.presence_show import (
    Seen,
    as_json,
    document,
    explained,
    explanation,
    lasting,
    line,
    seen,
)

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


def test_what_is_published_is_what_is_seen() -> None:
    body = document("sip:alice@example.com", "open", ("busy", "dnd", "at lunch!"), "a < b & c", "pager")
    found = seen("alice@example.com", body)
    assert (found.basic, found.activities[:2], found.notes) == ("open", ("busy", "dnd"), ("a < b & c",))
    assert b"<so:source>pager</so:source>" in body
    assert seen("alice", document("sip:alice@example.com", "closed", (), "", "")) == Seen(
        who="alice", basic="closed"
    )


@pytest.mark.parametrize("body", [b"", b"hello", b"<list/>", b"<!DOCTYPE x><presence/>"])
def test_what_is_no_document_tells_nothing(body: bytes) -> None:
    assert seen("alice", body, "pending") == Seen(who="alice", state="pending")


def test_a_note_that_stands_twice_is_told_once() -> None:
    body = (
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><tuple id="t"><status/>'
        b"<note>out</note></tuple><note>out</note><note> </note><note>back at two</note></presence>"
    )
    assert seen("alice", body).notes == ("out", "back at two")


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (
            Seen(who="bob", basic="open", activities=("busy", "meeting"), notes=("room 7",)),
            '12:00:00  bob    open    busy, meeting     "room 7"',
        ),
        (Seen(who="bob", basic="closed"), "12:00:00  bob    closed"),
        (Seen(who="bob", activities=("away",)), "12:00:00  bob    -       away"),
        (Seen(who="bob", state="pending"), "12:00:00  bob    has not said yet whether you may know"),
        (
            Seen(who="bob", state="pending", basic="closed", activities=("unavailable",)),
            "12:00:00  bob    has not said yet whether you may know",
        ),
        (Seen(who="bob", state="terminated", reason="noresource"), "12:00:00  bob    is not there"),
        (Seen(who="bob", state="terminated", reason="new"), "12:00:00  bob    is not watched any more"),
        (Seen(who="bob"), "12:00:00  bob    says nothing"),
        # A fetch ends with what was to be seen.
        (Seen(who="bob", state="terminated", reason="timeout", basic="open"), "12:00:00  bob    open"),
    ],
)
def test_somebody_in_a_line(what: Seen, text: str) -> None:
    assert line(what, NOON, wide=5) == text


def test_a_line_may_have_colours_and_need_have_no_time() -> None:
    busy = line(Seen(who="bob", basic="open", activities=("dnd",)), None, color=True)
    free = line(Seen(who="bob", basic="open", activities=("available",)), None, color=True)
    assert busy.startswith("bob  \x1b[33mopen")
    assert free.startswith("bob  \x1b[32mopen")


def test_a_program_gets_everything() -> None:
    what = Seen(who="bob", basic="open", activities=("busy",), notes=("Zürich",))
    told = as_json(what, NOON)
    assert "Zürich" in told
    assert json.loads(told) == {
        "time": "2026-11-21T12:00:00+00:00",
        "who": "bob",
        "state": "active",
        "reason": "",
        "basic": "open",
        "activities": ["busy"],
        "notes": ["Zürich"],
    }


def test_an_explanation_is_a_table() -> None:
    body = json.dumps(
        [
            {
                "source": "phone",
                "priority": 700,
                "etag": "",
                "age": 0.2,
                "expires": None,
                "basic": "open",
                "activities": ["on-the-phone"],
                "tuples": ["cmp-2001"],
                "won": ["tuple cmp-2001", "r:activities"],
                "later": "versions may say more",
            },
            {"source": "publication", "priority": 500, "etag": "a7", "age": 7300, "expires": 90},
        ]
    ).encode()
    assert explanation("alice@b", explained(body)).splitlines() == [
        "alice@b:",
        "",
        "SOURCE       PRIORITY  SAYS                AGE  EXPIRES  ENTITY-TAG  DECIDES",
        "phone        700       open, on-the-phone  0 s  never    -           tuple cmp-2001, activities",
        "publication  500       -                   2 h  90 s     a7          -",
    ]


def test_nobody_may_have_said_anything() -> None:
    assert explanation("alice@b", explained(b"[]")) == "alice@b: nobody says anything"


@pytest.mark.parametrize("body", [b"", b"{}", b"[{}]", b"[1]", b'[{"source": 1}]', b"\xff"])
def test_what_is_no_explanation_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        explained(body)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (1e6, "12 d"),
    ],
)
def test_a_time_is_told_in_the_unit_that_says_enough(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_columns_are_as_wide_as_need_be() -> None:
    assert columns((("a", "b"), ("ccc", "d"))) == ["a    b", "ccc  d"]
    assert columns((("a", "b"), (None, "\x9bd\x1b"))) == ["a  b", "-  ?d?"]


def test_what_others_wrote_is_one_line_that_steers_no_terminal() -> None:
    hostile = Seen(who="b\x1b[2J", basic="open", activities=("\x9b31m",), notes=("one\r\ntwo\x07",))
    assert line(hostile, None) == 'b?[2J  open    ?31m              "one two?"'
    source = explained(b'[{"source": "\\u001b[31mX"}]')
    assert "?[31mX" in explanation("a", source)
    assert "\x1b" not in explanation("a", source)
