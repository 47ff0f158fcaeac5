"""Whatever happens at the phones, what was told last of them is what the picture says."""

from __future__ import annotations

import contextlib
from typing import Any

import structlog
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctigw.bridge.lamps import Lamps, dialogs
from ctigw.bridge.phones import Phone, phone
from ctigw.bridge.settings import NOTHING_SET, Setting
from ctigw.bridge.source import Bridge, line_document
from ctigw.errors import Refused
from ctigw.net.background import spawn
from ctigw.presence.dialog_info import Dialog
from ctigw.switch.driver import Forwarding, ForwardRule
from tests.phones import Phones

OWNERS = {"2001": "a@b", "2002": "a@b", "2003": "c@d"}
lines = st.sampled_from(["2001", "2002", "2003", "2004"])
steps = st.one_of(
    st.tuples(st.sampled_from(["ring", "talk", "transfer", "forward", "give"]), lines, lines),
    st.tuples(st.sampled_from(["pick_up", "put_down", "hold", "retrieve", "dnd"]), lines),
    st.tuples(st.just("pass_time"), st.integers(1, 40)),
    st.tuples(st.just("lose_link"), st.integers(1, 5)),
)


class World(Phones):
    """Phones, a bridge and lamps, and what both told last."""

    def __init__(self) -> None:
        super().__init__()
        self.owners = dict(OWNERS)
        self.told: dict[tuple[str, str], bytes] = {}
        self.lit: dict[str, tuple[Dialog, ...]] = {}
        later = self.put_off.append
        self.bridge = Bridge(self.switch, self.owners.get, self.tell, later, "pbx", spawn=spawn)
        self.lamps = Lamps(self.switch, later)
        self.switch.observe(self.bridge.observers())
        self.switch.observe(self.lamps.observers())
        for line in ("2001", "2004"):
            self.watch(line)

    def watch(self, line: str) -> None:
        self.lit[line] = ()

        def look() -> None:
            self.lit[line] = self.lamps.dialogs(line)

        self.lamps.watch(line, look)

    def tell(self, owner: str, line: str, document: bytes | None) -> None:
        assert self.told.get((owner, line)) != document
        if document is None:
            del self.told[owner, line]
        else:
            self.told[owner, line] = document

    def call_of(self, line: str) -> str:
        return self.switch.picture.connections(line)[0].call.driver_id

    def transfer(self, line: str, other: str) -> None:
        """The first call of ``line`` is transferred to ``other``, where somebody answers."""
        held = self.call_of(line)
        active = self.do(self.pbx.consult(held, line, other))
        self.pbx.pick_up(other)
        self.look()
        self.do(self.pbx.transfer(held, active, line))

    def forward(self, line: str, other: str) -> None:
        active = not self.pbx.line_features(line).forwarding
        self.do(self.pbx.set_forwarding(line, ForwardRule(Forwarding.IMMEDIATE, other, active=active)))

    def give(self, line: str, other: str) -> None:
        self.owners[line] = f"{other}@x"
        self.bridge.owners_changed([line])

    def dnd(self, line: str) -> None:
        on = not self.pbx.line_features(line).do_not_disturb
        self.do(self.pbx.set_do_not_disturb(line, on=on))

    def hold(self, line: str) -> None:
        self.do(self.pbx.hold(self.call_of(line), line))

    def retrieve(self, line: str) -> None:
        self.do(self.pbx.retrieve(self.call_of(line), line))

    def pick_up(self, line: str) -> None:
        self.pbx.pick_up(line)

    def put_down(self, line: str) -> None:
        self.pbx.put_down(line)

    def expected(self) -> dict[tuple[str, str], bytes]:
        """What would be told of every line if nothing had been told yet."""
        return {
            (owner, line): line_document(owner, line, "pbx", phone(self.switch, line), self.setting(line))
            for line, owner in self.owners.items()
        }

    def setting(self, line: str) -> Setting:
        if phone(self.switch, line) is Phone.UNKNOWN:
            return NOTHING_SET
        features = self.pbx.line_features(line)
        forwarded = [rule.destination for rule in features.forwarding if rule.active]
        return Setting(features.do_not_disturb, "".join(forwarded))

    def look(self) -> None:
        """Everybody looks, and sees what the picture says."""
        self.pass_time(0)
        self.turns()
        self.pass_time(0)
        self.turns()
        assert self.told == self.expected()
        for line, told in self.lit.items():
            shown = tuple(dialog for dialog in told if dialog.state != "terminated")
            assert shown == dialogs(self.switch, line)


@settings(max_examples=150)
@given(st.lists(st.tuples(steps, st.booleans()), max_size=25))
@example([(("talk", "2001", "2002"), True), (("transfer", "2001", "2003"), True)])
def test_what_was_told_last_is_what_the_picture_says(happens: list[Any]) -> None:
    world = World()
    with structlog.testing.capture_logs() as logged:
        for (what, *about), look in happens:
            # What the PBX or its people cannot do just now does not happen.
            with contextlib.suppress(Refused, ValueError, IndexError):
                getattr(world, what)(*about)
            if look:
                world.look()
        world.look()
    assert [entry for entry in logged if entry["log_level"] == "error"] == []
