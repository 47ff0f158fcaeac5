"""The presence session of the README, with the demo: real processes, real sockets."""

from __future__ import annotations

import base64
import re
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.test_cli import ctigw, ended, line_with, started
from tests.soap import SOAP_12


@dataclass(frozen=True)
class Demo:
    """Where the demo listens, and its folder."""

    csta: str
    sip: str
    tls: str
    # Of EPAS with AXL and serviceability, EPAS without TLS, the presence web service without and with it.
    web: tuple[int, ...]
    data: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def presence(self, *words: str) -> str:
        """What a presence command that ends by itself prints."""
        ran = ctigw("presence", *words, at=self.sip)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    def goes_on(self, *words: str) -> subprocess.Popen[str]:
        """A presence command that goes on until it is ended."""
        self.running.append(started("presence", *words, "--at", self.sip))
        return self.running[-1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    data = tmp_path_factory.mktemp("presence") / "var"
    process = started("demo", "--port", "0", "--sip-port", "0", "--web-port", "0", "--data", str(data))
    csta = line_with(process, "clients ").split()[1]
    found = re.search(r"127\.0\.0\.1:(\d+) \(UDP\).* (\d+) \(TLS\)", line_with(process, "presence "))
    assert found
    assert process.stdout is not None
    web = line_with(process, "  web ") + process.stdout.readline()
    ports = tuple(map(int, re.findall(r"\b\d{4,5}\b", web)))
    line_with(process, "Ctrl-C")
    demo = Demo(csta, f"udp:127.0.0.1:{found[1]}", f"tls:localhost:{found[2]}", ports, data)
    try:
        yield demo
        assert ended(process, signal.SIGTERM)[0] == 0
    finally:
        for each in (*demo.running, process):
            each.kill()
            each.communicate()


def test_a_phone_that_is_used_shows_in_the_presence_of_its_user(demo: Demo) -> None:
    watch = demo.goes_on("watch", "alice@example.com")
    assert line_with(watch, "alice@example.com  ").split()[2:] == ["open"]
    assert ctigw("call", "2001", "2002", at=demo.csta).returncode == 0
    assert "on-the-phone" in line_with(watch, "alice@example.com")
    assert ctigw("answer", "2002", at=demo.csta).returncode == 0
    assert ctigw("hangup", "2001", at=demo.csta).returncode == 0
    assert line_with(watch, "alice@example.com  ").split()[2:] == ["open"]
    assert ended(watch, signal.SIGINT) == (0, "")


def test_a_list_shows_everybody_and_what_a_client_publishes(demo: Demo) -> None:
    lists = demo.goes_on("lists", "--as", "carol@example.com")
    for name in ("alice", "bob", "dave", "erin"):
        line_with(lists, f"{name}@example.com")
    said = demo.presence(
        "publish", "bob@example.com", "--activity", "meeting", "--note", "back at 3", "--once", "--for", "60"
    )
    assert said.split() == ["bob@example.com", "open", "meeting", '"back', "at", '3"', "for", "60", "s"]
    assert 'meeting           "back at 3"' in line_with(lists, "bob@example.com")
    explained = demo.presence("explain", "bob@example.com")
    assert re.search(r"^phone +200 +open ", explained, re.MULTILINE)
    assert re.search(r"^publication +500 +open, meeting .* activities, note", explained, re.MULTILINE)
    assert ended(lists, signal.SIGINT) == (0, "")


def test_a_message_waits_for_whoever_is_away_and_is_in_both_histories(demo: Demo) -> None:
    kept = demo.presence("im", "dave@example.com", "erin@example.com", "Lunch?")
    assert kept == "stored until erin@example.com is there\n"
    erin = demo.goes_on("im", "erin@example.com", "--receive")
    assert line_with(erin, "dave@example.com").split()[1:] == ["dave@example.com", "Lunch?"]
    assert (
        demo.presence("im", "dave@example.com", "erin@example.com", "Now?")
        == "delivered to erin@example.com\n"
    )
    assert line_with(erin, "dave@example.com").split()[1:] == ["dave@example.com", "Now?"]
    assert ended(erin, signal.SIGINT) == (0, "")
    for one, other in (("dave", "erin"), ("erin", "dave")):
        shown = ctigw("recent", f"{one}@example.com", "--data", str(demo.data)).stdout
        assert shown.count(f"sip:{other}@example.com") == 2


def test_over_tls_everybody_is_asked_for_a_password(demo: Demo) -> None:
    words = ("presence", "explain", "alice@example.com", "--ca", str(demo.data / "own-certificate.pem"))
    refused = ctigw(*words, at=demo.tls, password="wrong")
    assert refused.returncode == 1
    assert refused.stderr == (
        "ctigw: explain alice@example.com: 401 Unauthorized: no such user, or not their password\n"
    )
    stranger = ctigw(*words[:3], at=demo.tls, password="demo")
    assert "TLS: certificate verify failed; --ca FILE names" in stranger.stderr
    right = ctigw(*words, at=demo.tls, password="demo")
    assert (right.returncode, right.stderr) == (0, "")
    assert "phone" in right.stdout


def test_a_rule_takes_effect_on_those_who_watch_already(demo: Demo) -> None:
    watch = demo.goes_on("watch", "dave@example.com", "--as", "bob@example.com")
    assert "open" in line_with(watch, "dave@example.com  ")
    rule = ("dave@example.com", "nobody")
    made = ctigw("rule", "set", *rule, "--visibility", "polite-block", "--data", str(demo.data))
    assert made.returncode == 0, made.stderr
    assert "closed" in line_with(watch, "dave@example.com")
    assert ctigw("rule", "remove", *rule, "--data", str(demo.data)).returncode == 0
    assert "open" in line_with(watch, "dave@example.com")
    assert ended(watch, signal.SIGINT) == (0, "")


def test_what_changes_of_somebodys_own_is_told_to_them_alone(demo: Demo) -> None:
    erin, data = "erin@example.com", ("--data", str(demo.data))
    for words, expected in (
        ((), "  insert-group  friends  group index "),
        (("--xml",), "<epas:action>insert-group</epas:action>"),
    ):
        changes = started("changes", erin, *words, "--at", demo.sip)
        demo.running.append(changes)
        said = changes.stderr if words else changes.stdout
        assert said is not None
        assert said.readline() == f"waiting for changes of {erin}; Ctrl-C ends it\n"
        assert ctigw("group", "add", erin, "friends", *data).returncode == 0
        assert expected in line_with(changes, "insert-group")
        assert ctigw("group", "remove", erin, "friends", *data).returncode == 0
        line_with(changes, "delete-group")
        assert ended(changes, signal.SIGINT) == (0, "")
    refused = ctigw("changes", erin, "--as", "dave@example.com", at=demo.sip)
    assert refused.returncode == 1
    assert refused.stderr == f"ctigw: changes of {erin}: 403 Only the user is told\n"
    refused = ctigw("changes", erin, "--event", "another", at=demo.sip)
    assert (refused.returncode, refused.stderr) == (1, f"ctigw: changes of {erin}: 489 Bad Event\n")


def asked(url: str, body: str, data: Path, method: str = "POST", **headers: str) -> tuple[int, str]:
    """The answer to a request over HTTP, with TLS if the server has the demo's own certificate."""
    context = ssl.create_default_context(cafile=str(data / "own-certificate.pem"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body.encode(), named, method=method)
    with urllib.request.urlopen(request, timeout=30, context=context) as response:
        return response.status, response.read().decode()


def soap(body: str) -> str:
    return f'<e:Envelope xmlns:e="{SOAP_12}"><e:Body>{body}</e:Body></e:Envelope>'


def test_every_interface_is_there_for_the_users_of_the_demo(demo: Demo) -> None:
    everything, epas, presence, presence_tls = demo.web
    people = ("alice", "bob", "carol", "dave", "erin")
    for base in (f"https://127.0.0.1:{everything}", f"http://127.0.0.1:{epas}"):
        for name in people:
            login = f"<username>{name}</username><password>demo</password>"
            body = soap(f'<login xmlns="urn:cisco:epas:soap" force="true">{login}</login>')
            assert "session-key>" in asked(f"{base}/EPASSoap/service", body, demo.data)[1]
    for base in (f"http://127.0.0.1:{presence}", f"https://127.0.0.1:{presence_tls}"):
        of, password = f"{base}/presence-service/users", "<session><password>demo</password></session>"
        status, told = asked(f"{of}/webapp/session", password, demo.data, "PUT")
        key = told.partition("<sessionKey>")[2].partition("<")[0]
        assert (status, len(key)) == (201, 36)
        for name in people:
            assert asked(f"{of}/{name}/session", "", demo.data, "PUT", Presence_Session_Key=key)[0] == 201
    administrator = {"Authorization": f"Basic {base64.b64encode(b'webapp:demo').decode()}"}
    base = f"https://127.0.0.1:{everything}"
    for number, name in enumerate(people, 2001):
        asks = f'<a:getUser xmlns:a="http://www.cisco.com/AXL/1.0"><userid>{name}</userid></a:getUser>'
        told = asked(f"{base}/axl/", soap(asks), demo.data, **administrator)[1]
        assert f"<userid>{name}</userid><telephoneNumber/><extension>{number}</extension>" in told
    asks = '<troubleshoot xmlns="http://schemas.cisco.com/ast/soap"/>'
    told = asked(
        f"{base}/TroubleshooterService/services/TroubleshooterPort", soap(asks), demo.data, **administrator
    )[1]
    assert "Passed>true<" in told
