"""Live checks with what they check: gateways on real sockets, well and otherwise."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from ctigw.app import Running, start
from ctigw.checks.csta import Login
from ctigw.checks.database import beside
from ctigw.checks.places import configured, listening
from ctigw.checks.running import run_all
from ctigw.checks.table import Known, checks
from ctigw.config import Config, parse
from ctigw.directory.demo import ensure_demo
from ctigw.findings import Outcome
from simulators.pbx import Pbx
from tests.certificates import Authority
from tests.integration.test_cli import ctigw
from tests.processes import gateway
from tests.sip_peers import free_port, people
from tests.turns import turns

loop: Any = reactor
CSTA = '[[listeners]]\nendpoint = "tcp:0:interface=127.0.0.1"\n'
SIP = '[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\nport = 0\n'


@contextlib.asynccontextmanager
async def started(text: str, data: Path) -> AsyncIterator[Running]:
    """A gateway with the demo's people."""
    running = await start(parse(text), data, reactor, prepare=ensure_demo)
    try:
        yield running
    finally:
        await running.stop()
        await turns(5)


def known(running: Running, config: Config, data: Path, login: Login) -> Known:
    """What somebody beside the gateway knows, but for ports, which may be any free ones here."""
    sip = running.sip.endpoint.listening if running.sip else []
    places = listening(config, running.addresses, sip, running.web.addresses if running.web else [])
    return Known(config=config, data=data, places=places, look=beside(config, data, reactor), login=login)


async def found(
    running: Running, data: Path, *, name: str = "", password: str = "demo"
) -> dict[str, tuple[Outcome, str]]:
    """What each check finds, by category and first word of its name; ticks tell apart what is alike."""
    what = known(running, running.gateway.config, data, Login(name, password if name else ""))
    told: dict[str, tuple[Outcome, str]] = {}
    for each in await run_all(checks(what, reactor), reactor):
        key = f"{each.category.value}/{re.split(r'[ :]', each.name)[0]}"
        while key in told:
            key += "'"
        told[key] = each.outcome, each.found
    await turns(10)
    return told


def outcomes(told: dict[str, tuple[Outcome, str]]) -> dict[str, str]:
    return {name: outcome.value for name, (outcome, _) in told.items()}


@pytest_twisted.ensureDeferred
async def test_a_gateway_that_is_well(tmp_path: Path) -> None:
    certificate, key = (str(each) for each in Authority(tmp_path, "ca").issue("localhost"))
    tls = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    text = (
        f'{CSTA}{CSTA}{tls}[[listeners]]\nendpoint = "unix:{tmp_path}/socket"\n'
        f'{SIP}authentication = "none"\n[[sip.listeners]]\nport = 0\ntransport = "tcp"\n'
        f'[[sip.listeners]]\nport = 0\ntransport = "tls"\n{tls}'
        f'[[web.listeners]]\nport = 0\nserves = ["epas", "serviceability"]\n{tls}'
    )
    async with started(text, tmp_path) as running:
        told = await found(running, tmp_path)
        assert outcomes(told) == {
            "Database/database": "passed",
            "CTI gateway/CSTA": "passed",
            "CTI gateway/CSTA'": "passed",
            "CTI gateway/CSTA''": "passed",
            "Proxy server/SIP": "passed",
            "Proxy server/SIP'": "passed",
            "Proxy server/SIP''": "passed",
            "Proxy server/SIP'''": "passed",
            "Presence/presence": "passed",
            "AXL/AXL": "skipped",
            "Web/epas": "passed",
            "Web/serviceability": "passed",
            "IPPM/IP": "skipped",
            "System/disk": "passed",
            "System/certificate": "failed",  # for an hour
        }
        assert told["Database/database"][1] == "answers: revision 0005, 5 users"
        assert told["CTI gateway/CSTA"][1] == "answers: system status normal"
        assert re.fullmatch(
            r"the presence of alice@example.com is told, in \d+ bytes", told["Presence/presence"][1]
        )
        assert told["Proxy server/SIP'''"][1].startswith("a request for check.invalid is answered 403")
        assert running.sip is not None
        assert len(running.sip.side.subscriptions) == 0
    told = await found(running, tmp_path)
    assert outcomes(told) | {"Presence/presence": "failed"} == {
        "Database/database": "passed",
        **dict.fromkeys([name for name in told if re.match(r"CTI|Proxy|Presence|Web", name)], "failed"),
        "AXL/AXL": "skipped",
        "IPPM/IP": "skipped",
        "System/disk": "passed",
        "System/certificate": "failed",
    }
    assert told["CTI gateway/CSTA"][1] == "nobody listens there"


@pytest_twisted.ensureDeferred
async def test_a_pbx_that_is_lost(tmp_path: Path) -> None:
    async with started(CSTA, tmp_path) as running:
        driver = running.gateway.driver
        assert isinstance(driver, Pbx)
        driver.drop_link(3600)
        told = await found(running, tmp_path)
        assert told["CTI gateway/CSTA"] == (
            Outcome.FAILED,
            "the gateway has lost its PBX: system status disabled",
        )
        driver.drop_link(0)
        await turns(5)
        assert (await found(running, tmp_path))["CTI gateway/CSTA"][0] is Outcome.PASSED


@pytest.mark.parametrize(
    ("setting", "name", "password", "outcome", "said"),
    [
        ('authentication = "session"', "", "", "passed", "wants to know who asks"),
        ('authentication = "session"', "alice", "demo", "passed", "system status normal"),
        ('authentication = "session"', "alice", "wrong", "failed", "does not let in alice"),
        ('authentication = "address"\nnetworks = ["127.0.0.0/8"]', "", "", "passed", "system status normal"),
        ('authentication = "address"\nnetworks = ["192.0.2.0/24"]', "", "", "skipped", "not in them"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_listeners_that_want_to_know_who_asks(
    tmp_path: Path, setting: str, name: str, password: str, outcome: str, said: str
) -> None:
    async with started(f"{CSTA}{setting}\n", tmp_path) as running:
        told = await found(running, tmp_path, name=name, password=password)
        assert told["CTI gateway/CSTA"][0].value == outcome
        assert said in told["CTI gateway/CSTA"][1]


@pytest.mark.parametrize(
    ("name", "password", "outcome", "said"),
    [
        ("", "", "skipped", "wants to know who asks"),
        ("bob", "demo", "passed", "the presence of bob is told"),
        ("bob", "wrong", "failed", "401"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_presence_where_passwords_are_asked_for(
    tmp_path: Path, name: str, password: str, outcome: str, said: str
) -> None:
    async with started(f"{CSTA}{SIP}", tmp_path) as running:
        told = await found(running, tmp_path, name=name, password=password)
        assert told["Presence/presence"][0].value == outcome
        assert said in told["Presence/presence"][1]
        assert outcomes(told)["Proxy server/SIP"] == "passed"
        assert told["Proxy server/SIP'"][1] == (
            "a request for check.invalid is answered 407 Proxy Authentication Required"
        )


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_was_renewed_but_is_not_used(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    certificate, key = authority.issue("localhost")
    tls = f'tls_certificate = "{certificate}"\ntls_key = "{key}"\n'
    client_ca = f'authentication = "certificate"\ntls_client_ca = "{authority.file}"\n'
    text = (
        f"{CSTA}{tls}{CSTA}{tls}{client_ca}"
        f'{SIP}transport = "tls"\n{tls}[[web.listeners]]\nport = 0\nserves = ["epas"]\n{tls}'
    )
    async with started(text, tmp_path) as running:
        before = await found(running, tmp_path)
        names = ("CTI gateway/CSTA", "Proxy server/SIP", "Proxy server/SIP'", "Web/epas")
        assert {before[name][0] for name in names} == {Outcome.PASSED}
        assert "certificate" in before["CTI gateway/CSTA'"][1]
        assert before["CTI gateway/CSTA'"][0] is Outcome.PASSED
        authority.issue("localhost")
        after = await found(running, tmp_path)
        for name in names:
            assert after[name][0] is Outcome.FAILED
            assert after[name][1].startswith("it shows another certificate than the one in")


@pytest_twisted.ensureDeferred
async def test_a_listener_that_is_somebody_elses(tmp_path: Path) -> None:
    """Who answers is there, but is no gateway; the check does not wait for ever."""

    class Chatter(Protocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(b"220 mail.example.com ESMTP\r\n" * 10_000)

    make: Any = Factory.forProtocol
    port = loop.listenTCP(0, make(Chatter), interface="127.0.0.1")
    at = port.getHost().port
    text = (
        f'[[listeners]]\nendpoint = "tcp:{at}:interface=127.0.0.1"\n'
        f'{SIP.replace("port = 0", f"port = {at}")}transport = "tcp"\nauthentication = "none"\n'
        f'[[web.listeners]]\nport = {at}\nserves = ["epas"]\n'
    )
    config = parse(text)
    people(tmp_path)
    data = tmp_path / "var"
    what = Known(config=config, data=data, places=configured(config), look=beside(config, data, reactor))
    findings = await run_all(checks(what, reactor), reactor, 1.0)
    await port.stopListening()
    await turns(10)
    failed = {each.name.partition(" ")[0] for each in findings if each.outcome is Outcome.FAILED}
    assert failed == {"CSTA", "SIP", "presence", "epas"}


def test_beside_a_gateway_from_the_command_line(tmp_path: Path) -> None:
    """A gateway of its own process, its PBX lost and found, and the gateway gone."""
    csta, sip, web = free_port(), free_port(), free_port()
    control = tmp_path / "sim.sock"
    people(tmp_path)
    text = (
        f'[[listeners]]\nendpoint = "tcp:{csta}:interface=127.0.0.1"\n'
        f'[driver.settings]\ncontrol = "{control}"\n'
        f'[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\nport = {sip}\nauthentication = "none"\n'
        f'[[web.listeners]]\nport = {web}\nserves = ["epas", "serviceability"]\n'
    )

    def check() -> tuple[int, str, str]:
        ran = ctigw("check", "--live", str(tmp_path / "ctigw.toml"), "--data", str(tmp_path / "var"))
        return ran.returncode, ran.stdout, ran.stderr

    with gateway(text, tmp_path) as running:
        status, said, errors = check()
        assert (status, errors) == (0, "")
        first, *rest, last = said.splitlines()
        assert (first, last) == (f"{tmp_path}/ctigw.toml: fine", "all is well")
        assert {line.split()[0] for line in rest} == {"ok", "skipped"}
        assert re.search(
            rf"^ok +CTI gateway +CSTA 127.0.0.1:{csta} +answers: system status normal$", said, re.MULTILINE
        )
        assert ctigw("sim", "drop-link", "600", "--control", str(control)).returncode == 0
        status, said, errors = check()
        assert (status, errors) == (1, "")
        lost = rf"^FAILED +CTI gateway +CSTA 127.0.0.1:{csta} +the gateway has lost its PBX.*\n +-> see that "
        assert re.search(lost, said, re.MULTILINE)
        assert said.splitlines()[-1] == f"1 of {len(rest)} checks failed"
        assert ctigw("sim", "drop-link", "0", "--control", str(control)).returncode == 0
        running.says("link is back, asking for every line")
        assert check()[0] == 0
    status, said, _ = check()
    assert status == 1
    assert len(re.findall("^FAILED", said, re.MULTILINE)) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing argument 'FILE'"),
        (("--live",), "Missing argument 'FILE'"),
        (("--demo",), "--demo is for --live"),
        (("--live", "--demo", "--data", "nowhere"), "there is no nowhere"),
    ],
)
def test_what_cannot_be_asked_is_told(words: tuple[str, ...], said: str) -> None:
    refused = ctigw("check", *words)
    assert refused.returncode == 2
    assert said in refused.stderr
