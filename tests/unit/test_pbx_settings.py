"""Settings of the simulated PBX's lines while they are being saved."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock

from ctigw.switch.driver import Forwarding, ForwardRule, LineFeatures
from simulators.pbx import Pbx

RULE = ForwardRule(Forwarding.BUSY, "2002")


class SlowStore:
    """A store whose commits are finished when the test says so."""

    def __init__(self) -> None:
        self.commits: list[Deferred[None]] = []

    async def save(self, _number: str, _features: LineFeatures) -> None:
        commit: Deferred[None] = Deferred()
        self.commits.append(commit)
        await commit

    def finish(self) -> None:
        while self.commits:
            self.commits.pop(0).callback(None)


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def pbx(store: SlowStore) -> Pbx:
    return Pbx(Clock(), save=store.save)


def test_of_two_changes_at_once_none_is_lost(pbx: Pbx, store: SlowStore) -> None:
    changes = [
        ensureDeferred(pbx.set_do_not_disturb("2001", on=True)),
        ensureDeferred(pbx.set_forwarding("2001", RULE)),
    ]
    store.finish()
    assert all(change.called for change in changes)
    assert pbx.line_features("2001") == LineFeatures(do_not_disturb=True, forwarding=(RULE,))


def test_who_asks_after_a_change_is_told_of_it(pbx: Pbx, store: SlowStore) -> None:
    ensureDeferred(pbx.set_do_not_disturb("2001", on=True))
    told: list[LineFeatures] = []
    ensureDeferred(pbx.features("2001")).addCallback(told.append)
    assert told == []
    store.finish()
    assert told == [LineFeatures(do_not_disturb=True)]


def test_another_line_is_not_kept_waiting(pbx: Pbx, store: SlowStore) -> None:
    ensureDeferred(pbx.set_do_not_disturb("2001", on=True))
    ensureDeferred(pbx.set_do_not_disturb("2002", on=True))
    assert len(store.commits) == 2


def test_a_change_that_cannot_be_saved_leaves_the_next_one_alone(pbx: Pbx, store: SlowStore) -> None:
    failures: list[object] = []
    ensureDeferred(pbx.set_do_not_disturb("2001", on=True)).addErrback(failures.append)
    ensureDeferred(pbx.set_forwarding("2001", RULE))
    store.commits.pop(0).errback(OSError("disk full"))
    assert len(failures) == 1
    store.finish()
    assert pbx.line_features("2001") == LineFeatures(forwarding=(RULE,))
