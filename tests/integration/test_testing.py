"""The pytest plugin, used as an outsider would: with a client that blocks."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctigw.errors import Reason, Refused
from simulators.local import LocalGateway

ED3 = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"


class Client:
    """A client over a plain socket."""

    def __init__(self, gateway: LocalGateway) -> None:
        self.socket = socket.create_connection((gateway.host, gateway.port), timeout=5)
        self.stream = self.socket.makefile("rb")
        self.asked = 0

    def asks(self, body: str) -> str:
        """What is answered; no events may come before."""
        self.asked += 1
        document = re.sub(r"(>|/>)", rf' xmlns="{ED3}"\1', body, count=1).encode()
        length = (8 + len(document)).to_bytes(2, "big")
        self.socket.sendall(bytes(2) + length + b"%04d" % self.asked + document)
        invoke_id, answer = self.receives()
        assert invoke_id == self.asked
        return answer

    def receives(self) -> tuple[int, str]:
        prefix = self.stream.read(8)
        name = re.match(
            r"(?:<\?.*?\?>)?<(\w+)(.*)", self.stream.read(int.from_bytes(prefix[2:4], "big") - 8).decode()
        )
        assert name
        self.document = name[2]
        return int(prefix[4:]), name[1]

    def events(self, *names: str) -> None:
        """The next events are these."""
        assert [self.receives() for _ in names] == [(9999, name) for name in names]

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


@pytest.fixture
def client(ctigw: LocalGateway) -> Iterator[Client]:
    """A client that watches 2001."""
    client = Client(ctigw)
    watch = "<MonitorStart><monitorObject><deviceObject>2001</deviceObject></monitorObject></MonitorStart>"
    assert client.asks(watch) == "MonitorStartResponse"
    yield client
    client.close()


def make_call(called: str) -> str:
    return (
        "<MakeCall><callingDevice>2001</callingDevice>"
        f"<calledDirectoryNumber>{called}</calledDirectoryNumber></MakeCall>"
    )


def test_a_caller_rings_in_and_is_answered(ctigw: LocalGateway, client: Client) -> None:
    ctigw.ring("2001", caller="95551234")
    client.events("DeliveredEvent")
    assert "95551234" in client.document
    ctigw.answer("2001")
    client.events("EstablishedEvent")
    ctigw.hang_up("95551234")
    client.events("ConnectionClearedEvent", "ConnectionClearedEvent")


def test_a_colleague_calls(ctigw: LocalGateway, client: Client) -> None:
    ctigw.ring("2001", caller="2002")
    client.events("DeliveredEvent")
    ctigw.hang_up("2002")
    client.events("ConnectionClearedEvent", "ConnectionClearedEvent")


def test_time_passes_when_the_test_says_so(ctigw: LocalGateway, client: Client) -> None:
    assert client.asks(make_call("2002")) == "MakeCallResponse"
    client.events("ServiceInitiatedEvent", "OriginatedEvent", "DeliveredEvent")
    ctigw.advance(29)
    assert client.asks("<RequestSystemStatus/>") == "RequestSystemStatusResponse"  # and no event before it
    ctigw.advance(60)  # the no-answer and the end of the tone, each at its own time
    client.events("FailedEvent", "ConnectionClearedEvent", "ConnectionClearedEvent")


def test_lines_behave_as_the_test_says(ctigw: LocalGateway, client: Client) -> None:
    ctigw.behave("2003", "busy")
    assert client.asks(make_call("2003")) == "MakeCallResponse"
    client.events("ServiceInitiatedEvent", "OriginatedEvent", "FailedEvent")


def test_the_silence_of_a_phone_takes_no_time(ctigw: LocalGateway, client: Client) -> None:
    ctigw.behave("2001", "silent")
    document = f'<MakeCall xmlns="{ED3}"><callingDevice>2001</callingDevice>'
    document += "<calledDirectoryNumber>2002</calledDirectoryNumber></MakeCall>"
    frame = bytes(2) + (8 + len(document)).to_bytes(2, "big") + b"0007" + document.encode()
    client.socket.sendall(frame)
    assert client.asks("<RequestSystemStatus/>") == "RequestSystemStatusResponse"  # so it is under way
    ctigw.advance(5)
    assert client.receives() == (7, "CSTAErrorCode")
    assert "resourceBusy" in client.document


def test_the_link_is_lost_and_comes_back(ctigw: LocalGateway, client: Client) -> None:
    ctigw.drop_link(60)
    assert client.asks(make_call("2002")) == "CSTAErrorCode"
    assert "resourceOutOfService" in client.document
    ctigw.advance(60)
    assert client.asks(make_call("2002")) == "MakeCallResponse"


def test_what_nobody_can_do_is_raised_in_the_test(ctigw: LocalGateway) -> None:
    with pytest.raises(ValueError, match="nothing rings at 2001"):
        ctigw.answer("2001")
    with pytest.raises(ValueError, match="no behaviour is called 'sleepy'"):
        ctigw.behave("2001", "sleepy")
    for caller, reason in {
        "77": Reason.INVALID_CALLING_DEVICE_ID,
        "2013": Reason.CALLING_DEVICE_OUT_OF_SERVICE,
    }.items():
        with pytest.raises(Refused) as refusal:
            ctigw.ring("2001", caller=caller)
        assert refusal.value.reason is reason


@pytest.mark.parametrize("_again", [1, 2])
def test_every_test_has_a_gateway_of_its_own(ctigw: LocalGateway, client: Client, _again: int) -> None:
    ctigw.behave("2001", "out-of-service")
    client.events("OutOfServiceEvent")


def test_clients_see_the_end(ctigw: LocalGateway, client: Client) -> None:
    ctigw.stop()
    assert client.stream.read() == b""
    ctigw.stop()


class TestLinesOfOnesOwn:
    @pytest.fixture
    def ctigw_settings(self) -> dict[str, object]:
        return {"lines": [{"number": "100"}, {"number": "101", "behaviour": "auto-answer"}]}

    def test_they_are_those_of_the_pbx(self, ctigw: LocalGateway) -> None:
        ctigw.ring("101", caller="100")
        ctigw.advance(1)
        assert [phase.value for phase in ctigw.pbx.phase("101")] == ["connected"]


def ran_from_the_readme(section: str, where: Path) -> str:
    """What pytest says of the test in a section of the README, where ctigw is installed."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [text] = re.findall(rf"^## {section}\n(.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [test] = [block for block in blocks if "def test_" in block or "DriverContract" in block]
    (where / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    ran = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


def test_the_test_in_the_readme_passes_where_ctigw_is_installed(tmp_path: Path) -> None:
    said = ran_from_the_readme("Test your own client", tmp_path)
    assert "1 passed" in said, said


def test_the_simulated_pbx_of_the_readme_keeps_the_contract_for_drivers(tmp_path: Path) -> None:
    said = ran_from_the_readme("Write a driver", tmp_path)
    # What is skipped needs handsets, a link or an outside world on the bench.
    assert re.search(r"^43 passed, 6 skipped in ", said, re.MULTILINE), said
