"""Replays every transcript in ``transcripts/``: C lines are sent, S lines must come back, nothing else may.

A line of a transcript::

    C 0001 <MakeCall>…            client C sends this under invoke id 0001; C2, C3 … are further clients
    S 0001 <MakeCallResponse>…    it gets this (S2, S3 … for the further clients)
    T 30                          30 seconds pass
    P pick_up 2001                somebody at the PBX does something: one of `PEOPLE`, with its arguments
    L greet = true                first of all: a setting of the listener, in TOML
    C+ 0002 <…>                   sent in one segment with the next C line of this client
    C. 0003 <…>                   sent one byte a segment
    # …                           a remark

Documents are in the third edition's namespace unless they say otherwise; their own namespace is that in
which the answer must come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.app import gateway
from ctigw.config import Config, Listener, parse
from ctigw.csta.frame import Frame, FrameReader
from ctigw.csta.types import ED3
from ctigw.csta.validation import validator
from simulators.pbx import Pbx

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))
LINE = re.compile(r"([CS])(\d*)([+.]?) (\d{4}) (.*)")
PEOPLE: dict[str, Callable[..., object]] = {
    "behave": Pbx.behave,
    "drop_link": lambda pbx, seconds: pbx.drop_link(float(seconds)),
    "pick_up": Pbx.pick_up,
    "put_down": Pbx.put_down,
    "ring_in": Pbx.ring_in,
}
why_not = validator()


@dataclass(frozen=True)
class Step:
    side: str
    client: str
    how: str
    frame: Frame


@dataclass(frozen=True)
class Act:
    """What somebody at the PBX does."""

    name: str
    arguments: list[str]


def steps(path: Path) -> Iterator[Step | Act | float]:
    for line in path.read_text().splitlines():
        if line.startswith("T "):
            yield float(line[2:])
        elif line.startswith("P "):
            _, name, *arguments = line.split()
            yield Act(name, arguments)
        elif line.startswith("L "):
            continue
        elif line and not line.startswith("#"):
            found = LINE.fullmatch(line)
            assert found, f"not a line of a transcript: {line}"
            side, client, how, invoke_id, xml = found.groups()
            if not re.match(r"<[^>]*xmlns", xml):
                xml = re.sub(r"^<(\w+)", rf'<\1 xmlns="{ED3}"', xml)
            yield Step(side, client, how, Frame(int(invoke_id), xml.replace(' xmlns=""', "").encode()))


def listener(path: Path) -> Listener:
    """The listener that the clients of a transcript come to."""
    settings = [line[2:] for line in path.read_text().splitlines() if line.startswith("L ")]
    return parse("\n".join(["[[listeners]]", *settings])).listeners[0]


def canonical(xml: bytes) -> str:
    return etree.tostring(etree.fromstring(xml), method="c14n2").decode()


class Client:
    def __init__(self, factory: object) -> None:
        self.transport = StringTransport()
        self.protocol = factory.buildProtocol(None)  # type: ignore[attr-defined]
        self.protocol.makeConnection(self.transport)
        self.reader = FrameReader()
        self.pending = b""

    def send(self, step: Step) -> None:
        data = step.frame.encode()
        if step.how == "+":
            self.pending += data
            return
        data, self.pending = self.pending + data, b""
        size = 1 if step.how == "." else len(data)
        for start in range(0, len(data), size):
            self.protocol.dataReceived(data[start : start + size])

    def received(self) -> list[tuple[int, str]]:
        data = self.transport.value()
        self.transport.clear()
        frames = list(self.reader.feed(data))
        for frame in frames:
            assert why_not(frame.body) is None
        return [(frame.invoke_id, canonical(frame.body)) for frame in frames]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    clock = Clock()
    pbx = Pbx(clock)
    gate = gateway(Config(), pbx, clock)
    factory = gate.factory(listener(path))
    clients: dict[str, Client] = {}
    expected: dict[str, list[tuple[int, str]]] = {}

    def settle() -> None:
        """Everything that was to come has come, and nothing else."""
        for _ in range(4):  # a report's turn, then the flush's
            clock.advance(0)
        assert {name: client.received() for name, client in clients.items()} == expected
        for came in expected.values():
            came.clear()

    for step in steps(path):
        if isinstance(step, float):
            settle()
            clock.advance(step)
        elif isinstance(step, Act):
            settle()
            PEOPLE[step.name](pbx, *step.arguments)
        elif step.side == "C":
            settle()
            if step.client not in clients:
                clients[step.client] = Client(factory)
                expected[step.client] = []
            clients[step.client].send(step)
        else:
            expected[step.client].append((step.frame.invoke_id, canonical(step.frame.body)))
    settle()
