"""Replays every transcript in ``sip/``: what C sends, S must answer, and nothing else may come.

What a transcript has, each beginning a line::

    L notify_seconds = 5      first of all: settings in TOML, beside or instead of `tests.presence.OPEN`
    N bob UDP 192.0.2.15:5060 a client, and where it is; over TCP and TLS each is a connection of its own
    U alice contacts=bob,carol lines=2001 rule=confirm
                              somebody is in the directory, or is otherwise from now on
    C bob                     a message follows that bob sends
    S bob                     a message follows that bob must get
    A bob 200                 bob answers what it was asked last
    T 30                      30 seconds pass
    X bob                     bob's connection is gone, or cannot be opened
    P pick_up 2001            somebody at the PBX does something
    D alice PeUriAcl - {"rule":"r","watcher":"bob@example.com"}
                              something of alice's (or everybody's: *) has changed from what to what: JSON
                              without blanks, or - for nothing
    # …                       a remark

Messages are whole.  In those of S, Content-Length is left out: what is sent must have the right one.
"Content-Length: ..." of a C is filled in; "Authorization: bob secret 2" becomes the answer to the last
challenge, by that user, with that password, the second time.  ``<tag>``, any word without a colon, is filled
with what stands in its place the first time, and must be the same from then on; two of them are never the
same.  XML is compared after order and white space are left out of account; an id that is not written may be
any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from msgspec import json, structs

from ctigw.app import gateway
from ctigw.app.sip import join
from ctigw.config import Config
from ctigw.directory.journal import ITEMS, Change, Kind
from ctigw.directory.people import Group, Profile
from ctigw.rules import Rule, Visibility
from ctigw.sip.digest import AUTHENTICATES
from ctigw.sip.digest import answer as prove
from ctigw.sip.hops import Remote
from ctigw.sip.message import Message, Request, Response
from ctigw.sip.message import parse as read
from simulators.pbx import Pbx
from tests import bodies, pidf
from tests.presence import OPEN, Bench, answer, person
from tests.protocol.test_transcripts import PEOPLE
from tests.sip import PEER

FOLDER = Path(__file__).with_name("sip")
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))
STEP = re.compile(r"([LNUCSATXPD#])(?: (.*))?")
PLACEHOLDER = re.compile(r"<([a-z][a-z0-9-]*)>")
PASSWORD = re.compile(r"(?m)^Authorization: (\w+) (\w+) (\d+)")
LOCALS = {"UDP": 0, "TCP": 1, "TLS": 2}


@dataclass(frozen=True)
class Step:
    """``what``: the letter; ``words``: the rest of the line; ``text``: the message below it."""

    what: str
    words: list[str]
    text: str = ""


def steps(path: Path) -> Iterator[Step]:
    found: list[Step] = []
    for line in path.read_text().splitlines():
        begun = STEP.fullmatch(line)
        if begun is not None:
            found.append(Step(begun[1], (begun[2] or "").split(" ")))
        elif found and found[-1].what in "CS":
            found[-1] = replace(found[-1], text=f"{found[-1].text}{line}\n")
        else:
            assert not line, f"not a line of a transcript: {line}"
    return (step for step in found if step.what not in "L#")


def settings(path: Path) -> str:
    lines = [line[2:] for line in path.read_text().splitlines() if line.startswith("L ")]
    return "\n".join(([] if "[sip]" in lines else [OPEN]) + lines)


def profile(name: str, words: list[str]) -> Profile:
    """``contacts=bob,carol lines=2001 rule=confirm``."""
    told = dict(word.split("=", 1) for word in words)
    contacts = told.get("contacts", "")
    return structs.replace(
        person(name, rules=(Rule("everybody", Visibility(told.get("rule", "all"))),)),
        groups=(Group("", tuple(f"{each}@example.com" for each in contacts.split(","))),) if contacts else (),
        lines=tuple(told["lines"].split(",")) if "lines" in told else (),
    )


class Measured(Bench):
    """Whatever it sends says how long it is: over a stream nothing else does."""

    def turn(self) -> None:
        while out := self.side.node.outgoing():
            for to, data in out:
                head, _, body = data.partition(b"\r\n\r\n")
                assert head.endswith(b"\r\nContent-Length: %d" % len(body))
                self.mail.append((to, read(data)))


class Play:
    """A transcript, and what has been seen of it so far."""

    def __init__(self, path: Path) -> None:
        self.bench = Measured(settings(path))
        self.clients: dict[str, Remote] = {}
        self.known: dict[str, str] = {}
        self.asked: dict[str, Request] = {}
        self.spoken: set[str] = set()
        self.challenged: dict[str, Response] = {}
        self.pbx: Pbx | None = None
        if any(step.what == "P" for step in steps(path)):
            self._with_phones()

    def _with_phones(self) -> None:
        clock, side = self.bench.clock, self.bench.side
        self.pbx = Pbx(clock)
        switch = gateway(Config(), self.pbx, clock).switch
        join(side, switch, self.bench.config, lambda call: clock.callLater(0, call), lambda: None)

    def step(self, step: Step) -> None:
        {
            "N": self.client,
            "U": self.user,
            "C": self.sends,
            "S": self.gets,
            "A": self.answers,
            "T": self.time,
            "X": self.lost,
            "P": self.phone,
            "D": self.directory,
        }[step.what](step)
        self.settle()

    def directory(self, step: Step) -> None:
        self.nothing_came()
        who, what, *items = step.words
        kind = Kind(what)
        old, new = (None if item == "-" else json.decode(item, type=ITEMS[kind]) for item in items)
        self.bench.side.changed([Change(kind, "" if who == "*" else f"{who}@example.com", old, new)])

    def settle(self) -> None:
        for _ in range(4 if self.pbx else 0):  # a report's turn, and that of those who are told
            self.bench.clock.advance(0)
        self.bench.turn()

    def client(self, step: Step) -> None:
        name, transport, place = step.words
        host, _, port = place.rpartition(":")
        flow = 0 if transport == "UDP" else len(self.clients) + 1
        self.clients[name] = Remote(transport, host, int(port), flow, LOCALS[transport])

    def user(self, step: Step) -> None:
        self.bench.side.put([profile(step.words[0], step.words[1:])])

    def sends(self, step: Step) -> None:
        self.nothing_came()
        self.spoken.add(step.words[0])
        head, _, body = self.filled(step.text).partition("\n\n")
        body = body.rstrip("\n")
        head = head.rstrip("\n").replace("\n", "\r\n")
        if "multipart" in head:
            body = body.replace("\n", "\r\n") + "\r\n"
        head = re.sub(r"(?m)^Content-Length: \.\.\.", f"Content-Length: {len(body.encode())}", head)
        head = PASSWORD.sub(lambda found: self.proof(step.words[0], head, found), head)
        self.bench.receive(f"{head}\r\n\r\n{body}", self.clients[step.words[0]])

    def proof(self, client: str, head: str, found: re.Match[str]) -> str:
        """The header field that answers the last challenge."""
        asked, (method, uri, _) = self.challenged[client], head.split(" ", 2)
        user, password, count = found.groups()
        lines = asked.lines(AUTHENTICATES[asked.status])
        proved = prove(
            asked.status, lines, method, uri, user=user, password=password, nc=int(count), cnonce="once"
        )
        assert proved is not None
        return ": ".join(proved)

    def gets(self, step: Step) -> None:
        (name,) = step.words
        message = self.taken(name)
        if isinstance(message, Request):
            self.asked[name] = message
        head, _, body = step.text.rstrip("\n").partition("\n\n")
        lines = head.split("\n")
        assert self.as_expected(start_line(message), lines[0])
        if isinstance(message, Response) and message.status in AUTHENTICATES:
            self.challenged[name] = message
        # The order of header fields means something among those of one name only.
        found = sorted([(name, text) for name, texts in message.headers.items() for text in texts], key=first)
        expected = sorted([line.partition(": ")[::2] for line in lines[1:]], key=first)
        assert [name for name, _ in found] == [name for name, _ in expected], message
        for (header, text), (_, pattern) in zip(found, expected, strict=True):
            assert self.as_expected(text, pattern), f"{header}: {text} is not {pattern}"
        wanted = self.filled(body).encode()
        if "multipart" in message.get("Content-Type"):
            wanted = wanted.replace(b"\n", b"\r\n")
        if wanted or message.body:
            assert bodies.same(message.get("Content-Type"), wanted, message.body), message.body.decode()

    def answers(self, step: Step) -> None:
        self.nothing_came()
        name, status = step.words
        self.bench.receive(answer(self.asked[name], int(status)), self.clients[name])

    def time(self, step: Step) -> None:
        self.nothing_came()
        self.bench.passes(float(step.words[0]))

    def lost(self, step: Step) -> None:
        self.nothing_came()
        client = self.clients[step.words[0]]
        # One that has said nothing is only where others may look for it.
        opened = client if step.words[0] in self.spoken else structs.replace(client, flow=0)
        self.bench.side.node.lost(opened)

    def phone(self, step: Step) -> None:
        assert self.pbx is not None
        PEOPLE[step.words[0]](self.pbx, *step.words[1:])

    def taken(self, name: str) -> Message:
        """The first message for a client that it has not had yet."""
        client = self.clients[name]
        for index, (to, message) in enumerate(self.bench.mail):
            if reached(to, client):
                del self.bench.mail[index]
                return message
        raise AssertionError(f"nothing came for {name}, but {self.bench.mail}")

    def nothing_came(self) -> None:
        assert self.bench.mail == []

    def filled(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda found: self.known.get(found[1], found[0]), text)

    def as_expected(self, text: str, pattern: str) -> bool:
        """Whether they are the same, the first time with anything for a placeholder."""
        pieces = PLACEHOLDER.split(self.filled(pattern))
        names = pieces[1::2]
        found = re.fullmatch(
            "".join(
                r"([^\s;,\"<>]+)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
            ),
            text,
        )
        if found is None:
            return False
        for name, seen in zip(names, found.groups(), strict=True):
            assert seen not in self.known.values(), f"{name} is {seen}, which was seen before"
            self.known[name] = seen
        return True


def start_line(message: Message) -> str:
    if isinstance(message, Response):
        return f"SIP/2.0 {message.status} {message.reason}"
    return f"{message.method} {message.uri} SIP/2.0"


def first(pair: tuple[str, str]) -> str:
    return pair[0]


def reached(to: Remote, client: Remote) -> bool:
    if to.flow or client.flow == 0:
        return (to.flow, to.host, to.port) == (client.flow, client.host, client.port)
    return (to.transport, to.host, to.port) == (client.transport, client.host, client.port)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_sip_transcript(path: Path) -> None:
    play = Play(path)
    for step in steps(path):
        play.step(step)
    play.nothing_came()


def sent_documents(path: Path) -> list[bytes]:
    """The presence documents that clients send in a transcript."""
    texts = [step.text.rstrip("\n").partition("\n\n") for step in steps(path) if step.what == "C"]
    return [body.encode() for head, _, body in texts if "application/pidf+xml" in head and body]


@pytest.mark.skipif(not pidf.SCHEMAS.exists(), reason="the schemas are not here")
@pytest.mark.parametrize("number", [2, 3, 4])
def test_the_documents_that_the_guide_prints_are_not_valid(number: int) -> None:
    """What we send is, whatever came: that is judged in every test."""
    (path,) = FOLDER.glob(f"guide_{number}_*.txt")
    documents = sent_documents(path)
    assert documents
    assert all(list(bodies.faults(bodies.PIDF, document)) for document in documents)


def test_the_guides_name_of_the_sequence_number_is_a_slip_and_no_other_name_of_it() -> None:
    """The first example has "Csque"; whoever sent that has sent no CSeq."""
    bench = Bench()
    bench.side.node.receive(
        b"SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bK1\r\n"
        b"From: <sip:bob@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: 1\r\n"
        b"Csque: 166 SUBSCRIBE\r\nEvent: presence\r\nContact: <sip:bob@192.0.2.15>\r\n\r\n",
        PEER,
    )
    ((_, response),) = bench.side.node.outgoing()
    assert response.startswith(b"SIP/2.0 400 Missing CSeq\r\n")
