"""Replays every transcript in ``pws/``: what C sends, S must answer, and nobody else may be called.

What a transcript has, each beginning a line::

    C POST /users/alice/sessions    a REST request follows: headers, an empty line, a body
    S 201                           its answer follows; headers that are not written may be any
    C SOAP 1.1 {user}               the first element of a SOAP body follows; a session key, if there is one
    S SOAP 1.1                      the first element of the answer's body follows
    F 131                           the answer is a fault, or an error, with this code
    G http://… 404                  the endpoint is called, and answers so; nothing: it cannot be reached
    P bob busy                      somebody publishes by SIP
    U bob rule=block                what somebody lets others see is otherwise from now on
    T 30                            30 seconds pass
    # …                             a remark

``{tag}`` is filled with what stands in its place the first time, and must be the same from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog
from lxml import etree

from ctigw.rules import Rule, Visibility
from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpResponse
from ctigw.soap.pws.soap_face import contract
from tests.presence import person, pidf
from tests.presence_web import Bench, canonical

FOLDER = Path(__file__).with_name("pws")
TRANSCRIPTS = sorted(FOLDER.glob("*.txt"))
STEP = re.compile(r"([CSFGPUT#])(?: (.*))?")
PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
VERSIONS = {"1.1": Version.SOAP_11, "1.2": Version.SOAP_12}
CUP = "urn:cisco:cup:presence:soap"


@dataclass(frozen=True)
class Step:
    what: str
    words: list[str]
    text: str = ""


def steps(path: Path) -> Iterator[Step]:
    found: list[Step] = []
    for line in path.read_text().splitlines():
        begun = STEP.fullmatch(line)
        if begun is not None:
            found.append(Step(begun[1], (begun[2] or "").split()))
        elif found and found[-1].what in "CS":
            found[-1] = replace(found[-1], text=f"{found[-1].text}{line}\n")
        else:
            assert not line, f"not a line of a transcript: {line}"
    return (step for step in found if step.what != "#")


class Play:
    """A transcript, and what has been seen of it so far."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.known: dict[str, str] = {}
        self.answer = HttpResponse()

    def step(self, step: Step) -> None:
        {
            "C": self.sends,
            "S": self.gets,
            "F": self.is_refused,
            "G": self.is_called,
            "P": self.publishes,
            "U": self.is_ruled,
            "T": self.time,
        }[step.what](step)

    def sends(self, step: Step) -> None:
        words = [self.filled(word) for word in step.words]
        if words[0] == "SOAP":
            version, key = VERSIONS[words[1]], words[2] if len(words) > 2 else ""
            header = f"<session-key xmlns='{CUP}'>{key}</session-key>" if key else ""
            payload = re.sub(r"^<([A-Za-z]+)", rf"<\1 xmlns='{CUP}'", self.filled(step.text).strip())
            envelope = (
                f"<e:Envelope xmlns:e='{version.value}'><e:Header>{header}</e:Header>"
                f"<e:Body>{payload}</e:Body></e:Envelope>"
            )
            self.answer = self.bench.asked("POST", "/presence-service/soap", envelope)
        else:
            method, path = words
            head, _, body = f"\n{self.filled(step.text)}".partition("\n\n")
            headers = dict(line.split(": ", 1) for line in head.splitlines() if line)
            self.answer = self.bench.asked(method, f"/presence-service{path}", body.strip(), **headers)

    def gets(self, step: Step) -> None:
        assert self.answer.status == int(step.words[-1] if step.words[0] != "SOAP" else 200), self.answer.body
        if step.words[0] == "SOAP":
            self.compare(step.text, self.payload(step.words[1]))
            return
        head, _, body = f"\n{step.text}".partition("\n\n")
        headers = dict(self.answer.headers)
        for line in head.strip().splitlines():
            name, text = line.split(": ", 1)
            self.as_expected(text, headers[name])
        if body.strip():
            self.compare(body, self.answer.body)
        else:
            assert self.answer.body == b""

    def payload(self, said: str) -> bytes:
        """The first element of the body, without its namespace, as transcripts write it."""
        root = etree.fromstring(self.answer.body)
        assert root.tag == f"{{{VERSIONS[said].value}}}Envelope", self.answer.body
        (payload,) = root[-1]
        assert contract().fits(payload), self.answer.body
        text = canonical(etree.tostring(payload)).decode()
        # What is left to be declared is documents' own.
        text = re.sub(r' xmlns(:[A-Za-z-]+)?="(?:' + "|".join([CUP, *ENVELOPES]) + ')"', "", text)
        return re.sub(r"(</?)cup:", r"\1", text).encode()

    def is_refused(self, step: Step) -> None:
        root = etree.fromstring(self.answer.body)
        codes = [each.findtext("{*}code") for each in root.iter("{*}error")]
        assert codes == step.words, self.answer.body

    def is_called(self, step: Step) -> None:
        url, *plan = step.words
        assert self.bench.called, "nobody was called"
        assert self.bench.called.pop(0) == self.filled(url)
        del plan  # it was laid when the transcript began

    def publishes(self, step: Step) -> None:
        who, activity = step.words
        self.bench.clock.advance(1)
        assert self.bench.sip.publish(who, pidf(activity=activity).replace("alice@", f"{who}@")).status == 200
        self.bench.settle()

    def is_ruled(self, step: Step) -> None:
        rule = Visibility(step.words[1].removeprefix("rule="))
        self.bench.sip.side.put([person(step.words[0], rules=(Rule("everybody", rule),))])
        self.bench.settle()

    def time(self, step: Step) -> None:
        self.nobody_was_called()
        self.bench.passes(float(step.words[0]))

    def nobody_was_called(self) -> None:
        assert self.bench.called == []

    def filled(self, text: str) -> str:
        return PLACEHOLDER.sub(lambda found: self.known.get(found[1], found[0]), text)

    def compare(self, expected: str, found: bytes) -> None:
        self.as_expected(canonical(expected.strip().encode()).decode(), canonical(found).decode())

    def as_expected(self, pattern: str, text: str) -> None:
        pieces = PLACEHOLDER.split(self.filled(pattern))
        expression = "".join("(.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
        found = re.fullmatch(expression, text)
        assert found is not None, f"{text} is not {pattern}"
        for name, seen in zip(pieces[1::2], found.groups(), strict=True):
            assert seen not in self.known.values(), f"{name} is {seen}, which was seen before"
            self.known[name] = seen


ENVELOPES = [
    *(version.value for version in Version),
    *(version.encoding for version in Version),
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2001/XMLSchema-instance",
]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_pws_transcript(path: Path) -> None:
    play = Play()
    for step in steps(path):
        if step.what == "G":
            play.bench.plans.append(int(step.words[1]) if len(step.words) > 1 else None)
    with structlog.testing.capture_logs():
        for step in steps(path):
            if step.what == "C":
                play.nobody_was_called()
            play.step(step)
    play.nobody_was_called()
    assert not play.bench.plans
