"""The phones in presence: their own gateway's, or that of another SIMPLE server, and in lamps."""

from __future__ import annotations

from functools import partial

from ctigw.app import gateway
from ctigw.app.sip import join
from ctigw.config import parse
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from simulators.pbx import Pbx
from tests.presence import OPEN, Bench, person
from tests.sip import LOCALS

# Where B is, for A.
PLACE = ("192.0.2.2", 5060)
HERE = Remote("UDP", LOCALS[0].host, LOCALS[0].port)
ELSEWHERE = OPEN + f'[presence.bridge]\ntarget = "sip:{PLACE[0]}:{PLACE[1]}"\n'


class Office(Bench):
    """A bench with a simulated PBX; alice has 2001, bob 2002."""

    def __init__(self, settings: str = OPEN) -> None:
        super().__init__(settings)
        self.pbx = Pbx(self.clock)
        joined = gateway(parse(settings), self.pbx, self.clock)
        self.side.put([person("alice", lines=("2001",)), person("bob", lines=("2002",)), person("carol")])
        join(self.side, joined.switch, self.config, partial(self.clock.callLater, 0), lambda: None)
        self.settle()

    def settle(self) -> None:
        """What the PBX has reported has come to everybody."""
        for _ in range(6):
            self.clock.advance(0)
        self.turn()


def test_a_call_shows_in_the_presence_of_both() -> None:
    office = Office()
    office.subscribe("carol", "alice")
    (first,) = office.notified()
    assert b'<tuple id="cmp-2001"><status><basic>open</basic>' in first.body
    office.pbx.ring_in("95551234", "2001")
    office.settle()
    (rings,) = office.notified()
    assert b"<ce:alerting/>" in rings.body
    office.pbx.pick_up("2001")
    office.settle()
    (talks,) = office.notified()
    assert b"<r:on-the-phone/>" in talks.body
    office.pbx.put_down("2001")
    office.settle()
    (idle,) = office.notified()
    assert b"activities" not in idle.body


def test_a_burst_of_changes_is_one_notify_with_the_last_state() -> None:
    office = Office()
    office.subscribe("carol", "alice")
    office.notified()
    office.pbx.ring_in("95551234", "2001")
    office.clock.advance(0)
    office.pbx.pick_up("2001")
    office.settle()
    (last,) = office.notified()
    assert b"<r:on-the-phone/>" in last.body
    office.pbx.put_down("2001")
    office.pbx.ring_in("95551234", "2001")
    office.pbx.pick_up("2001")
    office.settle()
    assert office.notified() == []


def test_somebody_new_with_the_name_and_the_phone_of_who_is_gone_shows_as_anybody_does() -> None:
    office = Office()
    office.subscribe("carol", "alice")
    office.notified()
    office.side.gone("alice@example.com")
    office.side.put([person("alice", lines=("2001",))])
    office.settle()
    office.subscribe("carol", "alice")
    first = office.notified()[-1]
    assert b'<tuple id="cmp-2001"><status><basic>open</basic>' in first.body


def test_a_lamp_is_lit_for_a_line() -> None:
    office = Office()
    answer = office.subscribe("carol", "2001", Event="dialog", Accept="application/dialog-info+xml")
    assert answer.status == 200
    (dark,) = office.notified()
    assert (dark.get("Content-Type"), b"<dialog " in dark.body) == ("application/dialog-info+xml", False)
    office.pbx.ring_in("95551234", "2001")
    office.settle()
    (rings,) = office.notified()
    assert b"<state>early</state>" in rings.body
    assert b'version="1" state="full"' in rings.body
    assert office.subscribe("carol", "9999", Event="dialog").status == 404


def test_phones_are_published_at_another_server_and_taken_back() -> None:
    here, there = Office(ELSEWHERE), Bench()
    join_them(here, there)
    there.subscribe("carol", "alice")
    (idle,) = there.notified()
    assert b"cmp-2001" in idle.body
    here.pbx.ring_in("95551234", "2001")
    here.pbx.pick_up("2001")
    join_them(here, there)
    assert b"<r:on-the-phone/>" in there.notified()[-1].body
    assert here.side.presence.explain("alice@example.com") == []
    assert here.side.publisher is not None
    done: list[bool] = []
    here.side.publisher.close(lambda: done.append(True))
    join_them(here, there)
    assert done == [True]
    assert b"cmp-2001" not in there.notified()[-1].body


def join_them(here: Office, there: Bench) -> None:
    """Carry messages between the two until there are none."""
    here.settle()
    while here.mail:
        mail, here.mail = here.mail, []
        for to, message in mail:
            assert isinstance(message, Request)
            assert (to.host, to.port) == PLACE
            there.receive(message.write(), HERE)
        answers = [(to, m) for to, m in there.mail if to.host == LOCALS[0].host]
        there.mail = [(to, m) for to, m in there.mail if to.host != LOCALS[0].host]
        for _to, answer in answers:
            here.receive(answer.write())
        here.settle()
