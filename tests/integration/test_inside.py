"""What a whole gateway shows of itself over SOAP changes with what happens in it."""

from __future__ import annotations

import base64
import contextlib
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
import requests
import structlog
from lxml import etree
from msgspec.structs import replace
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from ctigw.app import Running, start
from ctigw.app.counted import REFUSED
from ctigw.config import Config, Log, parse
from ctigw.csta.call_control import MakeCall
from ctigw.csta.monitoring import MonitorObject, MonitorStart
from ctigw.directory.demo import ensure_demo
from ctigw.findings import Outcome
from ctigw.net.csta_client import CstaClient, connect
from ctigw.net.log_files import NAME
from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpRequest
from simulators.pbx import Pbx
from tests.integration.test_cli import ended, line_with, started
from tests.serviceability import (
    CONTRACTS,
    CONTROL,
    DIME,
    LOGS,
    NS,
    PERFMON,
    RIS,
    TROUBLE,
    contract,
    envelope,
    payload,
    plain,
    q,
)
from tests.turns import turns, until

CONFIG = """
[[listeners]]
endpoint = "tcp:0:interface=127.0.0.1"
[sip]
domains = ["example.com"]
[[sip.listeners]]
port = 0
[[web.listeners]]
port = 0
serves = ["serviceability"]
"""


class Gateway:
    """A gateway that is asked as a client asks it, but for the sockets of HTTP."""

    def __init__(self, running: Running) -> None:
        self.running = running
        assert running.web is not None
        self._handlers = running.web.side.routes["serviceability"]

    async def ask(self, path: str, operation: str, fields: dict[str, Any] | None = None) -> Any:
        """What the answer says, which fits the contract."""
        login = base64.b64encode(b"webapp:demo").decode()
        body = envelope(f'<a:{operation} xmlns:a="{NS}">{q(fields or {})}</a:{operation}>')
        headers = {"authorization": f"Basic {login}", "accept": "text/xml"}
        request = HttpRequest(method="POST", path=path, headers=headers, body=body, peer="127.0.0.1")
        found = payload(await self._handlers[path](request), Version.SOAP_11)
        schema = contract(CONTRACTS[path])
        assert schema.validate(found), schema.error_log
        return plain(found)

    async def counters(self, what: str) -> dict[str, int]:
        """The values of an object's counters, without what is before their names."""
        told = await self.ask(PERFMON, "perfmonCollectCounterData", {"Host": "me", "Object": what})
        found = told["perfmonCollectCounterDataReturn"]
        listed = found if isinstance(found, list) else [found]
        return {each["Name"].partition(what)[2]: int(each["Value"]) for each in listed}

    async def line(self, number: str) -> dict[str, str]:
        """What is said of a line."""
        items = {"SelectItems": {"item": {"Item": number}}}
        told = await self.ask(RIS, "selectCmDevice", {"StateInfo": "", "CmSelectionCriteria": items})
        node = told["selectCmDeviceReturn"]["SelectCmDeviceResult"]["CmNodes"]["item"]
        found: dict[str, str] = node["CmDevices"]["item"]
        return found

    async def clients(self, kind: str) -> list[dict[str, Any]]:
        """What is said of CSTA clients."""
        criteria = {"CtiSelectionCriteria": {"CtiMgrClass": kind}}
        told = await self.ask(RIS, "selectCtiItem", {"StateInfo": "", **criteria})
        node = told["selectCtiItemReturn"]["SelectCtiItemResult"]["CtiNodes"]["item"]
        items = node["CtiItems"] and node["CtiItems"]["item"]
        return items if isinstance(items, list) else [items] if items else []

    async def services(self) -> dict[str, str]:
        """The status of each part."""
        told = await self.ask(CONTROL, "soapGetServiceStatus")
        items = told["soapGetServiceStatusReturn"]["ServiceInfoList"]["item"]
        return {each["ServiceName"]: each["ServiceStatus"] for each in items}

    async def troubles(self) -> tuple[str, dict[str, str]]:
        """Whether all is well, and what was found where it is not."""
        told = (await self.ask(TROUBLE, "troubleshoot"))["troubleshootReturn"]
        tests = told["Tests"]["item"]
        return told["Passed"], {each["Name"]: each["Found"] for each in tests if each["Result"] == "failed"}

    @property
    def pbx(self) -> Pbx:
        driver = self.running.gateway.driver
        assert isinstance(driver, Pbx)
        return driver

    async def client(self) -> CstaClient:
        return await connect(reactor, f"127.0.0.1:{self.running.addresses[0].port}")


@contextlib.asynccontextmanager
async def gateway(data: Path, config: Config | None = None) -> AsyncIterator[Gateway]:
    running = await start(config or parse(CONFIG), data, reactor, prepare=ensure_demo)
    try:
        yield Gateway(running)
    finally:
        await running.stop()
        await turns(10)


@pytest_twisted.ensureDeferred
async def test_counters_count(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        before = await here.counters("ctigw CSTA")
        assert (before["\\connections"], before["\\calls"], before["\\requests"]) == (0, 0, 0)
        client = await here.client()
        await client.request(MakeCall(calling_device="2001", called_directory_number="2002"))
        await turns(3)
        after = await here.counters("ctigw CSTA")
        assert (after["\\connections"], after["\\calls"], after["\\requests"]) == (1, 1, 1)
        listener = await here.counters("ctigw CSTA listener")
        assert listener == {"(tcp:0:interface=127.0.0.1)\\connections": 1}
        await client.close()
        await turns(3)
        assert (await here.counters("ctigw CSTA"))["\\connections"] == 0
        assert (await here.counters("Process"))["(ctigw)\\VmRSS"] > 10_000
        assert (await here.counters("ctigw SIP"))["\\SIP requests"] == 0
        await here.troubles()
        assert (await here.counters("ctigw SIP"))["\\SIP requests"] > 0
        assert (await here.counters("ctigw web"))["\\web requests"] > 0
        assert (await here.counters("ctigw presence"))["\\publications"] == 0


@pytest_twisted.ensureDeferred
async def test_what_is_counted_from_the_start_is_explained(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        assert here.running.web is not None
        assert here.running.web.inside is not None
        counters = here.running.web.inside.counters()
        assert {"ctigw CSTA", "ctigw SIP", "ctigw presence", "ctigw web", "Process"} <= set(counters)
        unexplained = [
            (what, name)
            for what, instances in counters.items()
            for inside in instances.values()
            for name, counter in inside.items()
            if counter.description == REFUSED
        ]
        assert unexplained == []


@pytest_twisted.ensureDeferred
async def test_lines_show_how_they_are(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        sip = here.running.sip
        assert sip is not None
        await until(lambda: sip.side.owners.get("2001"))  # which is read from the database
        first = await here.line("2001")
        assert (first["Status"], first["Description"]) == ("Registered", "alice@example.com")
        here.pbx.behave("2001", "out-of-service")
        await turns(3)
        assert (await here.line("2001"))["Status"] == "UnRegistered"
        here.pbx.behave("2001", "normal")
        await turns(3)
        assert (await here.line("2001"))["Status"] == "Registered"
        here.pbx.drop_link(3600)
        assert (await here.line("2001"))["Status"] == "Unknown"


@pytest_twisted.ensureDeferred
async def test_clients_show_what_they_watch(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        assert await here.clients("Provider") == []
        first, second = await here.client(), await here.client()
        for line in ("2001", "2002", "2001"):
            await first.request(MonitorStart(monitor_object=MonitorObject(device_object=line)))
        one, two = await here.clients("Provider")
        assert (one["AppId"], two["AppId"]) == ("CSTA 0.1", "CSTA 0.2")
        assert (one["AppIpAddr"], one["UserId"]) == ("127.0.0.1", "")
        assert abs(int(one["AppTimeStamp"]) - here.running.gateway.clock.seconds()) < 30
        watched = [(each["AppId"], each["CtiLine"]["DirNumber"]) for each in await here.clients("Line")]
        assert watched == [("CSTA 0.1", "2001"), ("CSTA 0.1", "2002")]
        await first.close()
        await turns(3)
        assert [each["AppId"] for each in await here.clients("Provider")] == ["CSTA 0.2"]
        assert await here.clients("Line") == []
        await second.close()


@pytest_twisted.ensureDeferred
async def test_parts_stop_when_their_checks_fail(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        well = await here.services()
        off = {
            "ctigw client configuration (EPAS)",
            "ctigw presence web service",
            "ctigw administration (AXL)",
        }
        assert {name for name, status in well.items() if status == "Stopped"} == off
        assert len(well) == 9
        assert await here.troubles() == ("true", {})
        here.pbx.drop_link(3600)
        lost = await here.services()
        assert {name for name, status in lost.items() if status == "Stopped"} == off | {
            "ctigw PBX driver",
            "ctigw CTI gateway",
        }
        passed, failed = await here.troubles()
        assert (passed, sorted(name.partition(" ")[0] for name in failed)) == ("false", ["CSTA", "PBX"])
        assert set(failed.values()) == {"the gateway has lost its PBX: system status disabled"}
        here.pbx.drop_link(0)
        await turns(5)
        assert await here.services() == well


@pytest_twisted.ensureDeferred
async def test_a_database_that_is_away(tmp_path: Path) -> None:
    """Nobody can be asked for a password then: the checks are asked without SOAP."""
    async with gateway(tmp_path) as here:
        assert here.running.web is not None
        inside = here.running.web.inside
        assert inside is not None

        async def failed() -> list[str]:
            return [each.name for each in await inside.checks() if each.outcome is Outcome.FAILED]

        assert await failed() == []
        file, away = tmp_path / "ctigw.sqlite", tmp_path / "away"
        inside.database._engine.dispose()
        file.rename(away)
        file.mkdir()
        with structlog.testing.capture_logs():
            assert await failed() == ["database"]
            file.rmdir()
            away.rename(file)
            assert await failed() == []


@pytest_twisted.ensureDeferred
async def test_who_asks_while_checks_run_is_told_what_they_find(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        assert here.running.web is not None
        asked, inside = here.running.gateway.dispatcher.counters, here.running.web.inside
        assert inside is not None
        before = asked["requests"]
        answers = await gatherResults([Deferred.fromCoroutine(inside.checks()) for _ in range(5)])
        assert answers[0]
        assert all(answer is answers[0] for answer in answers)
        assert asked["requests"] - before == 1


@pytest_twisted.ensureDeferred
async def test_the_check_of_the_presence_engine_leaves_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path) as here:
        sip = here.running.sip
        assert sip is not None
        presence = sip.side.presence
        await until(lambda: presence.figures()["presentities"] == 5)  # whose phones are idle
        for _ in range(2):
            assert await here.troubles() == ("true", {})
        presence.settle()
        assert presence.figures() == {"publications": 0, "presentities": 5, "watchings": 0}


@pytest_twisted.ensureDeferred
async def test_files_of_the_log_are_there_once_they_are_written(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    config = replace(parse(CONFIG), log=Log(folder=str(folder)))
    async with gateway(tmp_path, config) as here:
        criteria = {"FileSelectionCriteria": {"SearchStr": "ctigw"}}

        async def files() -> Any:
            told = await here.ask(LOGS, "selectLogFiles", criteria)
            node = told["ResultSet"]["SchemaFileSelectionResult"]["Node"]
            return node["ServiceList"]["ServiceLogs"]["SetOfFiles"]

        assert await files() == ""
        folder.mkdir()
        (folder / NAME).write_text("said\n")
        (folder / "secret").write_text("not said\n")
        listed = (await files())["File"]
        assert (listed["name"], listed["filesize"]) == (NAME, "5")
        told = await here.ask(DIME, "GetOneFile", {"FileName": listed["absolutepath"]})
        assert base64.b64decode(told) == b"said\n"


def test_the_log_of_the_demo_is_fetched_over_https(tmp_path: Path) -> None:
    """All of it at once: real processes, TLS, a password, and the file as it is on the disk."""
    data = tmp_path / "var"
    demo = started("demo", "--port", "0", "--sip-port", "0", "--web-port", "0", "--data", str(data))
    try:
        found = re.search(r"127\.0\.0\.1:\d+", line_with(demo, "web  "))
        assert found
        line_with(demo, "Ctrl-C")
        asked = f'<a:GetOneFile xmlns:a="{NS}"><a:FileName>activelog/ctigw/{NAME}</a:FileName></a:GetOneFile>'

        def fetched(password: str) -> requests.Response:
            return requests.post(
                f"https://{found[0]}{DIME}",
                data=envelope(asked),
                auth=("webapp", password),
                headers={"Accept": "text/xml"},
                verify=str(data / "own-certificate.pem"),
                timeout=20,
            )

        assert fetched("wrong").status_code == 401
        answer = fetched("demo")
        told = payload_text(answer.content)
        assert b"listening" in told
        assert (data / "log" / NAME).read_bytes().startswith(told)
        assert ended(demo, signal.SIGINT)[0] == 0
    finally:
        demo.kill()
        demo.communicate()


def payload_text(body: bytes) -> bytes:
    """The file in an answer."""
    (returned,) = etree.fromstring(body).iter(f"{{{NS}}}GetOneFileReturn")
    return base64.b64decode(returned.text or "")
