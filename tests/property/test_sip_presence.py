"""Whoever publishes, watches, answers late or never: in the end every watcher knows what there is to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.rules import Rule, Visibility
from ctigw.sip.message import Request, Response
from tests.presence import Bench, answer, person, pidf

PEOPLE = ("alice", "bob", "carol")
who = st.sampled_from(PEOPLE)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), who, st.sampled_from(["busy", "away"]), st.integers(0, 3)),
        st.tuples(st.just("refresh"), who, st.integers(0, 3)),
        st.tuples(st.just("remove"), who, st.integers(0, 3)),
        st.tuples(st.just("watch"), who, who, st.sampled_from(["presence", "presence.winfo"])),
        st.tuples(st.just("again"), st.integers(0, 9), st.sampled_from([0, 60, 600])),
        st.tuples(st.just("watch_list"), who),
        st.tuples(st.just("contacts"), who, st.lists(who, unique=True)),
        st.tuples(st.just("rule"), who, st.sampled_from(list(Visibility))),
        st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from([200, 200, 200, 500, 481])),
        st.tuples(st.just("time"), st.sampled_from([0.05, 0.5, 3, 31, 70, 700])),
    ),
    min_size=15,
    max_size=40,
)


@dataclass
class Watching:
    """What a watcher has got in one dialog."""

    notifies: list[Request] = field(default_factory=list)
    refused: bool = False

    @property
    def last(self) -> Request:
        return self.notifies[-1]

    @property
    def over(self) -> bool:
        return self.refused or self.last.get("Subscription-State").startswith("terminated")


class World:
    """Everybody's rules and contacts, what is published, and what came of it."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.etags: dict[str, list[str]] = {name: [] for name in PEOPLE}
        self.profiles: dict[str, dict[str, Any]] = {name: {} for name in PEOPLE}
        self.dialogs: dict[str, Watching] = {}
        self.waiting: list[Request] = []
        self.number = 0

    def step(self, name: str, *words: Any) -> None:
        getattr(self, name)(*words)
        self.look()

    def look(self) -> None:
        """Take what has come; what comes again is nothing new."""
        for message in self.bench.taken():
            if isinstance(message, Response):
                continue
            got = self.dialogs.setdefault(message.call_id, Watching()).notifies
            if got and message.get("CSeq") == got[-1].get("CSeq"):
                assert message == got[-1]
                continue
            assert message.cseq == len(got) + 1  # in order, and each number once
            assert not (got and self.dialogs[message.call_id].over)
            got.append(message)
            self.waiting.append(message)

    def publish(self, name: str, activity: str, which: int) -> None:
        etags = self.etags[name]
        condition = {"SIP_If_Match": etags[which]} if which < len(etags) else {}
        done = self.bench.publish(name, pidf("open", activity, f"t{which}"), **condition)
        if done.status == 200:
            etags[which : which + 1] = [done.get("SIP-ETag")]
        else:
            assert done.status == 412
            del etags[which]

    def refresh(self, name: str, which: int) -> None:
        if which < len(self.etags[name]):
            done = self.bench.publish(name, SIP_If_Match=self.etags[name][which])
            self.etags[name][which : which + 1] = [done.get("SIP-ETag")] if done.status == 200 else []

    def remove(self, name: str, which: int) -> None:
        if which < len(self.etags[name]):
            assert self.bench.publish(name, SIP_If_Match=self.etags[name].pop(which), Expires="0").status in (
                200,
                412,
            )

    def watch(self, watcher: str, whom: str, event: str) -> None:
        assert self.bench.subscribe(watcher, whom, Event=event).status in (200, 403)

    def watch_list(self, name: str) -> None:
        self.bench.ask(
            "SUBSCRIBE", name, f"{name}-contacts", Event="presence", Contact="<sip:192.0.2.15>",
            Supported="eventlist", Expires="600",
        )  # fmt: skip

    def again(self, which: int, seconds: int) -> None:
        if not self.dialogs:
            return
        notify = list(self.dialogs.values())[which % len(self.dialogs)].notifies[0]
        self.number += 1
        self.bench.receive(
            f"SUBSCRIBE sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKx{self.number}\r\n"
            f"From: {notify.get('To')}\r\nTo: {notify.get('From')}\r\nCall-ID: {notify.call_id}\r\n"
            f"CSeq: {self.number + 1} SUBSCRIBE\r\nEvent: {notify.get('Event')}\r\nExpires: {seconds}\r\n\r\n"
        )
        assert self.bench.answer(notify.call_id).status in (200, 481)

    def contacts(self, name: str, contacts: list[str]) -> None:
        self.profiles[name]["contacts"] = contacts
        self.bench.side.put([person(name, **self.profiles[name])])

    def rule(self, name: str, visibility: Visibility) -> None:
        self.profiles[name]["rules"] = (Rule("everybody", visibility),)
        self.bench.side.put([person(name, **self.profiles[name])])

    def answer(self, which: int, status: int) -> None:
        if self.waiting:
            notify = self.waiting.pop(which % len(self.waiting))
            self.dialogs[notify.call_id].refused |= status == 481
            self.bench.receive(answer(notify, status))

    def time(self, seconds: float) -> None:
        self.bench.passes(seconds)

    def calm(self) -> None:
        """Everybody answers, until there is nothing more to say."""
        self.bench.passes(0.2)
        self.look()
        while self.waiting:
            self.answer(0, 200)
            self.bench.passes(0.2)
            self.look()


@settings(max_examples=100, deadline=None)
@given(steps)
def test_every_watcher_that_stays_knows_the_last_state_and_nothing_stays_for_ever(
    happened: list[tuple[Any, ...]],
) -> None:
    world = World()
    for step in happened:
        world.step(*step)
    world.calm()
    # Who did not answer for half a minute is no watcher any more, and cannot be told so.
    alive = {call_id for call_id, *_ in world.bench.side.subscriptions._by_dialog}
    assert all(call_id in world.dialogs and not world.dialogs[call_id].over for call_id in alive)
    for call_id in alive:
        request = world.dialogs[call_id].last
        if request.get("Event") != "presence" or "pidf" not in request.get("Content-Type"):
            continue
        watcher, whom = request.to.uri[4:].split("@")[0], request.from_.uri[4:].split("@")[0]
        if watcher in PEOPLE and world.bench.subscribe(watcher, whom, Expires="0").status == 200:
            world.look()
            assert list(world.dialogs.values())[-1].last.body == request.body
    world.calm()
    for _ in range(3):
        world.time(3700)
        world.look()
        world.calm()
    figures = world.bench.side.figures()
    assert [figures[name] for name in ("subscriptions", "publications", "presentities", "watchings")] == [
        0
    ] * 4
