"""Lamp fields: the event package "dialog", through the whole server, with lines that do what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from lxml import etree

from ctigw.presence.dialog_info import Dialog
from ctigw.rules import Rule, Visibility
from ctigw.simple.dialog_package import DialogPackage, DialogWatch
from ctigw.sip.message import Request
from tests.presence import ALL, Bench, person
from tests.unit.test_simple_presence import ALICE, inside, nothing_left, state

CALL = Dialog(id="c1", state="confirmed", direction="initiator", local="2001", remote="2002")
EARLY = Dialog(id="c1", state="early", direction="recipient", local="2001", remote="2002")
BLOCK = Rule("block", Visibility.BLOCK)
CONFIRM = Rule("confirm", Visibility.CONFIRM)
POLITE = Rule("polite", Visibility.POLITE_BLOCK)
REACHABLE = Rule("reachable", Visibility.REACHABILITY_ONLY)


class Handle:
    def __init__(self, lamps: Lamps, line: str, changed: Callable[[], None]) -> None:
        self.lamps, self.line, self.changed = lamps, line, changed

    def close(self) -> None:
        self.lamps.watching[self.line].remove(self)  # and not a second time


class Lamps:
    """Lines 2001 (of Alice, like 2003), and 2009, which is nobody's."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Dialog]] = {}
        self.watching: dict[str, list[Handle]] = {}

    def dialogs(self, line: str) -> Iterable[Dialog]:
        return self.calls.get(line, [])

    def watch(self, line: str, changed: Callable[[], None]) -> Handle:
        handle = Handle(self, line, changed)
        self.watching.setdefault(line, []).append(handle)
        return handle

    def set(self, line: str, *dialogs: Dialog) -> None:
        self.calls[line] = list(dialogs)
        for handle in tuple(self.watching.get(line, ())):
            handle.changed()

    @property
    def watched(self) -> int:
        return sum(map(len, self.watching.values()))


class Desk(Bench):
    """A server with lines."""

    def __init__(self, *rules: Rule) -> None:
        super().__init__()
        self.lamps = Lamps()
        side = self.side
        package = DialogPackage(
            self.lamps,
            side.accounts,
            side.presence,
            has=lambda line: line in ("2001", "2003", "2009"),
            owner=side.owners.get,
        )
        side.packages[package.name] = package
        self.rules(*(rules or (ALL,)))

    def rules(self, *rules: Rule) -> None:
        self.side.put([person("alice", rules=rules, lines=("2001", "2003"))])
        self.turn()

    def set(self, line: str, *dialogs: Dialog) -> None:
        self.lamps.set(line, *dialogs)
        self.turn()

    def lamp(self, whom: str = "2001", who: str = "bob", **headers: str) -> Request:
        """The first NOTIFY of a lamp."""
        assert self.subscribe(who, whom, Event="dialog", **headers).status == 200
        (notify,) = self.notified()
        return notify


def seen(notify: Request) -> tuple[int, list[tuple[str, str]]]:
    """The version, and of each dialog its state and the other party."""
    assert notify.get("Content-Type") == "application/dialog-info+xml"
    root = etree.fromstring(notify.body)
    assert root.get("state") == "full"
    found = []
    for dialog in root:
        remote = dialog.find("{*}remote/{*}identity")
        found.append((dialog.findtext("{*}state") or "", "" if remote is None else remote.text or ""))
    return int(root.get("version") or ""), found


def test_a_lamp_shows_the_calls_of_its_line_and_each_change_is_another_version() -> None:
    desk = Desk()
    notify = desk.lamp()
    assert seen(notify) == (0, [])
    assert b'entity="sip:2001@example.com"' in notify.body
    desk.set("2001", EARLY)
    desk.set("2001", CALL)
    (notify,) = desk.notified()[1:]
    assert seen(notify) == (2, [("confirmed", "sip:2002@example.com")])
    desk.set("2001")
    assert [seen(notify) for notify in desk.notified()] == [(3, [])]


def test_what_is_no_change_is_not_told() -> None:
    desk = Desk()
    desk.set("2001", CALL)
    desk.lamp()
    desk.set("2001", CALL)
    desk.set("2003", CALL)
    assert desk.notified() == []


def test_a_refresh_says_it_again() -> None:
    desk = Desk()
    notify = desk.lamp()
    inside(desk, notify, 600, Event="dialog")
    assert [seen(notify) for notify in desk.notified()] == [(1, [])]


@pytest.mark.parametrize("visibility", [Visibility.ALL, Visibility.REACHABILITY_ONLY])
def test_who_may_not_see_what_the_phone_tells_sees_no_calls_either(visibility: Visibility) -> None:
    desk = Desk(Rule("others", visibility, excluded_sources=("phone",)))
    desk.set("2001", CALL)
    assert seen(desk.lamp())[1] == []
    desk.set("2001", EARLY)
    assert desk.notified() == []
    assert len(seen(desk.lamp(who="alice"))[1]) == 1


def test_a_lamp_for_a_person_shows_all_their_lines() -> None:
    desk = Desk()
    desk.set("2003", CALL)
    notify = desk.lamp("alice")
    assert seen(notify)[1] == [("confirmed", "sip:2002@example.com")]
    assert f'entity="sip:{ALICE}"'.encode() in notify.body
    desk.set("2001", EARLY)
    (notify,) = desk.notified()
    assert [each for each, _ in seen(notify)[1]] == ["early", "confirmed"]


def test_the_line_of_nobody_is_no_secret() -> None:
    desk = Desk(BLOCK)
    desk.set("2009", CALL)
    assert len(seen(desk.lamp("2009"))[1]) == 1


@pytest.mark.parametrize(("whom", "status"), [("2002", 404), ("carol", 404), ("nobody", 404)])
def test_what_has_no_line_has_no_lamp(whom: str, status: int) -> None:
    desk = Desk()
    assert desk.subscribe("bob", whom, Event="dialog").status == status
    assert desk.lamps.watched == 0


def test_other_types_than_the_one_there_is_are_refused() -> None:
    desk = Desk()
    assert desk.subscribe("bob", "2001", Event="dialog", Accept="application/pidf+xml").status == 406


def test_who_is_blocked_gets_no_lamp_and_leaves_nothing() -> None:
    desk = Desk(BLOCK)
    assert desk.subscribe("bob", "2001", Event="dialog").status == 403
    assert desk.lamps.watched == 0
    nothing_left(desk)


def test_who_may_only_know_that_there_is_a_call_does_not_know_with_whom() -> None:
    desk = Desk(REACHABLE)
    desk.set("2001", CALL)
    assert seen(desk.lamp()) == (0, [("confirmed", "")])


@pytest.mark.parametrize(("rule", "shown"), [(POLITE, "active"), (CONFIRM, "pending")])
def test_who_may_see_nothing_does_not_even_see_that_something_happens(rule: Rule, shown: str) -> None:
    desk = Desk(rule)
    desk.set("2001", CALL)
    notify = desk.lamp()
    assert (state(notify), seen(notify)) == (shown, (0, []))
    desk.set("2001")
    desk.set("2001", EARLY)
    assert desk.notified() == []


def test_the_owner_sees_everything() -> None:
    desk = Desk(BLOCK)
    desk.set("2001", CALL)
    assert seen(desk.lamp(who="alice"))[1] == [("confirmed", "sip:2002@example.com")]


def test_a_change_of_rules_holds_for_lamps_that_are_lit() -> None:
    desk = Desk(CONFIRM)
    desk.set("2001", CALL)
    desk.lamp()
    desk.rules(ALL)
    (notify,) = desk.notified()
    assert (state(notify), seen(notify)[1]) == ("active", [("confirmed", "sip:2002@example.com")])
    desk.rules(REACHABLE)
    (notify,) = desk.notified()
    assert seen(notify)[1] == [("confirmed", "")]
    desk.rules(BLOCK)
    (notify,) = desk.notified()
    assert (state(notify), notify.body) == ("terminated;reason=rejected", b"")
    assert desk.lamps.watched == 0
    nothing_left(desk)


def test_a_line_that_somebody_else_gets_is_shown_by_their_rules() -> None:
    desk = Desk()
    desk.set("2001", CALL)
    desk.lamp(who="carol")
    desk.side.put([person("alice", lines=("2003",))])
    desk.side.put([person("bob", rules=(BLOCK,), lines=("2001",))])
    desk.turn()
    assert state(desk.notified()[-1]) == "terminated;reason=rejected"


def test_a_lamp_that_is_gone_is_not_told_anything() -> None:
    desk = Desk()
    notify = desk.lamp("alice")
    assert desk.lamps.watched == 2
    inside(desk, notify, 0, Event="dialog")
    (notify,) = desk.notified()
    assert state(notify) == "terminated;reason=timeout"
    assert desk.lamps.watched == 0
    desk.set("2001", CALL)
    assert desk.notified() == []
    nothing_left(desk)


def test_a_lamp_that_does_not_answer_is_let_go_once() -> None:
    desk = Desk()
    desk.subscribe("bob", "2001", Event="dialog")
    assert len(desk.notified(481)) == 1
    assert desk.lamps.watched == 0
    nothing_left(desk)


def test_what_changes_of_one_person_is_looked_at_for_their_lamps_alone() -> None:
    desk = Desk()
    desk.lamp()
    package = desk.side.packages["dialog"]
    decided: list[str] = []
    decide = package._decide  # type: ignore[attr-defined] # it is this one

    def note(watch: DialogWatch) -> None:
        decided.append(watch.watcher)
        decide(watch)

    package._decide = note  # type: ignore[attr-defined] # as above
    desk.side.put([person("carol"), person("bob", lines=("2009",))])
    assert decided == []
    desk.side.put([person("alice", lines=("2003",)), person("carol", lines=("2001",))])
    desk.side.put([person("carol", lines=("2001",), rules=(BLOCK,))])
    assert len(decided) == 3
    desk.turn()
    assert state(desk.notified()[-1]) == "terminated;reason=rejected"
    assert package._open == {}  # type: ignore[attr-defined] # as above
