"""Replays every transcript in ``axl/``, over HTTP: what C sends, S must answer; and the Guide's example.

What a transcript has, each beginning a line::

    C             a request follows: its first line, headers, an empty line, a body
    S             the answer that must come to it
    T 30          30 seconds pass
    D away        the database cannot be reached; ``D back``: it can
    # …           a remark

`tests.axl` says who and what there is.  "Authorization: name password" of a C becomes what HTTP Basic makes
of it, and Content-Length is filled in.  The headers of an S are all but those that every answer has;
``{word}`` is filled with what stands in its place the first time, and must be the same from then on.  Bodies
that are XML are compared as that.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ctigw.config.web import WebLimits
from ctigw.net.web import WebFactory
from ctigw.soap.http import XML
from tests.axl import Axl
from tests.pidf import EXAMPLES
from tests.soap import canonical

TRANSCRIPTS = sorted(Path(__file__).with_name("axl").glob("*.txt"))
STEP = re.compile(r"([CSTD#])(?: (.*))?")
PASSWORD = re.compile(r"^Authorization: (\S+) (\S+)$", re.MULTILINE)
WORD = re.compile(r"\{([a-z]+)\}")
# Of every answer, or of what is sent: `net.web` has tests of its own for these.
ALWAYS = {"server", "date", "content-length", "cache-control", "x-content-type-options"}


@dataclass(frozen=True)
class Step:
    """``what``: the letter; ``word``: the rest of the line; ``text``: what follows it."""

    what: str
    word: str
    text: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def steps(path: Path) -> Iterator[Step]:
    found: list[Step] = []
    for line in path.read_text().splitlines():
        begun = STEP.fullmatch(line)
        if begun is not None:
            found.append(Step(begun[1], begun[2] or ""))
        elif found and found[-1].what in "CS":
            found[-1] = replace(found[-1], text=f"{found[-1].text}{line}\n")
        else:
            assert not line, f"not a line of a transcript: {line}"
    return (step for step in found if step.what != "#")


class Http:
    """A bench behind one connection after another."""

    def __init__(self, axl: Axl) -> None:
        self._factory = WebFactory(axl.routes.serve, WebLimits(), Clock(), Counter())
        # Whether the last connection was closed after the answer.
        self.closed = False

    def ask(self, data: bytes) -> Answer:
        channel: Any = self._factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 5000))
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(data)
        self.closed = bool(transport.disconnecting)
        return answered(transport.value())


def answered(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [line.partition(":")[::2] for line in lines]
    status = int(first.split(" ")[1])
    return Answer(status, tuple((name.lower(), value.strip()) for name, value in headers), body)


def asked(text: str) -> bytes:
    """What is sent for the text of a C."""
    head, _, body = text.strip().partition("\n\n")
    encoded = body.encode()

    def basic(found: re.Match[str]) -> str:
        return f"Authorization: Basic {base64.b64encode(f'{found[1]}:{found[2]}'.encode()).decode()}"

    head = PASSWORD.sub(basic, head)
    return f"{head}\nContent-Length: {len(encoded)}\n\n".replace("\n", "\r\n").encode() + encoded


class Words:
    """What stands for each ``{word}``."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def put(self, text: str) -> str:
        return WORD.sub(lambda found: self._known.get(found[1], found[0]), text)

    def learn(self, expected: str, told: str) -> None:
        """Learn from ``told`` what stands in ``expected``, and look that they are the same."""
        expected = self.put(expected)
        names = WORD.findall(expected)
        form = "(.+?)".join(re.escape(part) for part in WORD.split(expected)[::2])
        found = re.fullmatch(form, told)
        assert found is not None, f"expected {expected!r}, got {told!r}"
        self._known.update(zip(names, found.groups(), strict=True))


def compare(expected: str, told: Answer, words: Words) -> None:
    head, _, body = expected.strip().partition("\n\n")
    first, *lines = head.split("\n")
    assert told.status == int(first.split(" ")[1]), told
    headers = [(name, value) for name, value in told.headers if name not in ALWAYS]
    wanted = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    assert [name for name, _ in sorted(headers)] == [name for name, _ in sorted(wanted)]
    for (_, says), (_, value) in zip(sorted(wanted), sorted(headers), strict=True):
        words.learn(says, value)
    if body.startswith("<"):
        words.learn(canonical(words.put(body).encode()), canonical(told.body))
    else:
        assert told.body.decode() == (f"{body}\n" if body else "")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, tmp_path: Path) -> None:
    axl, words = Axl(tmp_path), Words()
    http = Http(axl)
    told: Answer | None = None
    try:
        for step in steps(path):
            if step.what == "C":
                assert told is None
                told = http.ask(asked(words.put(step.text)))
            elif step.what == "S":
                assert told is not None
                compare(step.text, told, words)
                told = None
            elif step.what == "T":
                axl.clock.advance(float(step.word))
            else:
                axl.away = step.word == "away"
    finally:
        axl.close()
    assert told is None


def test_there_are_some() -> None:
    assert len(TRANSCRIPTS) > 4


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not at hand")
def test_the_example_of_the_guide(tmp_path: Path) -> None:
    """As it is printed, and every header that is printed of the answer; its body is not."""
    axl = Axl(tmp_path)
    http = Http(axl)
    try:
        told = http.ask((EXAMPLES / "axl-01-getUser.request.http").read_bytes())
    finally:
        axl.close()
    printed = answered((EXAMPLES / "axl-01-getUser.response.http").read_bytes())
    assert told.status == printed.status == 200
    for name, value in printed.headers:
        ours = [said for called, said in told.headers if called == name]
        if name == "set-cookie":
            cookie, *attributes = value.split("; ")
            (same,) = [said for said in ours if said.startswith(cookie.partition("=")[0] + "=")]
            assert set(attributes) < set(same.split("; "))
        elif name in ("server", "date", "content-length"):
            assert len(ours) == 1
        elif name == "connection":  # which goes without saying in HTTP/1.0
            assert http.closed
        else:
            assert [said.replace(" ", "") for said in ours] == [value.replace(" ", "")], name
    assert dict(told.headers)["content-type"] == XML
    root: Any = etree.fromstring(told.body)
    (answer,) = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    assert answer.tag == "{http://www.cisco.com/AXL/1.0}getUserResponse"
    assert answer.get("sequence") == "1234"
    assert answer.findtext("return/user/userid") == "tttt"
