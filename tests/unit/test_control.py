"""The control socket of the simulated PBX, and the commands that use it."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_twisted
from click.testing import CliRunner, Result
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from ctigw.switch.driver import AnyReport, Link
from simulators.commands import sim
from simulators.control import LONGEST_REQUEST, Reply, answered, listen
from simulators.driver import SimulatedPbx, driver
from simulators.pbx import Pbx
from tests.pbx_bench import Bench

loop: Any = reactor


class NothingKept:
    def saved(self) -> dict[str, dict[str, Any]]:
        return {}

    async def save(self, line: str, features: Any) -> None:
        """Nobody asks for it again."""


# What can be asked


def asked(pbx: Pbx, **request: Any) -> Reply:
    return answered(pbx, msgspec.json.encode(request))


def test_people_do_as_they_are_told(bench: Bench) -> None:
    pbx = bench.pbx
    assert asked(pbx, do="ring", caller="95551234", called="2001") == Reply()
    assert asked(pbx, do="pick-up", line="2001") == Reply()
    assert bench.states("c1") == {"95551234": "connected", "2001": "connected"}
    assert asked(pbx, do="put-down", line="95551234") == Reply()
    assert asked(pbx, do="ring", caller="2002", called="2001") == Reply()
    assert bench.states("c2") == {"2002": "connected", "2001": "alerting"}
    assert asked(pbx, do="behave", line="2003", behaviour="busy") == Reply()
    assert pbx.behaviour_names()["2003"] == "busy"
    bench.told()


def test_the_link_is_dropped(bench: Bench) -> None:
    assert asked(bench.pbx, do="drop-link", seconds=3) == Reply()
    assert (bench.told(2), bench.told(1)) == ([Link(up=False)], [Link(up=True)])
    assert asked(bench.pbx, do="drop-link") == Reply()
    assert (bench.told(9), bench.told(1)) == ([Link(up=False)], [Link(up=True)])


def test_the_lines_are_listed(bench: Bench) -> None:
    bench.consulted("2001", "2002", "2003", answered=False)
    lines = {line.number: line for line in asked(bench.pbx, do="lines").lines}
    assert list(lines) == [str(number) for number in range(2001, 2021)]
    assert (lines["2012"].behaviour, lines["2012"].calls) == ("slow", ())
    assert (lines["2009"].do_not_disturb, lines["2009"].forwardings) == (True, ())
    assert lines["2010"].forwardings == ("forwardImmediate to 2001",)
    assert [(c.call, c.state, c.others) for c in lines["2001"].calls] == [
        ("c1", "hold", ("2002",)),
        ("c2", "connected", ("2003",)),
    ]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b'{"do":"behave","line":"2003","behaviour":"sleepy"}', "no behaviour is called 'sleepy'"),
        (b'{"do":"behave","line":"3000","behaviour":"busy"}', "there is no line 3000"),
        (b'{"do":"ring","caller":"3000","called":"2002"}', "operation: invalidCallingDeviceID"),
        (b'{"do":"pick-up","line":"2001"}', "nothing rings at 2001"),
        (b'{"do":"put-down","line":"2001"}', "2001 is in no call"),
        (b'{"do":"drop-link","seconds":-1}', "Expected `float` >= 0.0 - at `$.seconds`"),
        (b'{"do":"dance"}', "Invalid value 'dance' - at `$.do`"),
        (b'{"do":"lines","of":"mine"}', "Object contains unknown field `of`"),
        (b"[]", "Expected `object`, got `array`"),
        (b"\xff", "JSON is malformed: invalid character (byte 0)"),
        (b"", "Input data was truncated"),
    ],
)
def test_what_cannot_be_done_is_said(bench: Bench, request_: bytes, why: str) -> None:
    assert answered(bench.pbx, request_) == Reply(error=why)


# The socket


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sim.sock"


async def turn() -> None:
    await deferLater(loop, 0)


async def gone(path: Path) -> bool:
    """Whether the socket's file is removed within some turns."""
    for _ in range(10):
        await turn()
    return not is_there(path)


def is_there(path: Path) -> bool:
    return path.exists()


def remove(path: Path) -> None:
    path.unlink()


def mode(path: Path) -> int:
    return path.lstat().st_mode


def told(path: Path, *lines: bytes) -> list[bytes]:
    """What a client reads that sends ``lines``; it blocks."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(b"".join(line + b"\n" for line in lines))
        with client.makefile("rb") as stream:
            return [stream.readline() for _ in lines]


@pytest_twisted.ensureDeferred
async def test_only_the_owner_can_use_it_and_it_is_gone_at_the_end(bench: Bench, path: Path) -> None:
    end = listen(str(path), bench.pbx, loop)
    assert stat.S_ISSOCK(mode(path))
    assert stat.S_IMODE(mode(path)) == 0o600
    end()
    assert await gone(path)


@pytest_twisted.ensureDeferred
async def test_somebody_else_may_have_removed_it(bench: Bench, path: Path) -> None:
    end = listen(str(path), bench.pbx, loop)
    remove(path)
    end()
    assert await gone(path)


@pytest_twisted.ensureDeferred
async def test_lines_in_and_lines_out(bench: Bench, path: Path) -> None:
    end = listen(str(path), bench.pbx, loop)
    ring = b'{"do":"ring","caller":"91","called":"2001"}'
    answers = await deferToThread(told, path, ring, b"rubbish", b'{"do":"pick-up","line":"2001"}')
    assert answers[0] == answers[2] == b"{}\n"
    assert answers[1].startswith(b'{"error":"JSON is malformed')
    bench.told()
    end()
    assert await gone(path)


@pytest_twisted.ensureDeferred
async def test_a_line_too_long_ends_the_connection(bench: Bench, path: Path) -> None:
    end = listen(str(path), bench.pbx, loop)
    assert await deferToThread(told, path, b" " * (LONGEST_REQUEST + 1)) == [b""]
    end()
    assert await gone(path)


@pytest_twisted.ensureDeferred
async def test_clients_are_let_go_at_the_end(bench: Bench, path: Path) -> None:
    end = listen(str(path), bench.pbx, loop)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(b'{"do":"lines"}\n')
        assert (await deferToThread(client.recv, 10)).startswith(b'{"lines"')
        end()
        await turn()
        while await deferToThread(client.recv, 100_000):
            """The rest of the answer."""
    assert await gone(path)


@pytest_twisted.ensureDeferred
async def test_what_an_earlier_simulator_left_behind_is_removed(bench: Bench, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as earlier:
        earlier.bind(str(path))
    end = listen(str(path), bench.pbx, loop)
    assert await deferToThread(told, path, b'{"do":"drop-link","seconds":0}') == [b"{}\n"]
    bench.told()
    end()
    assert await gone(path)


def refused(path: Path, pbx: Pbx) -> str:
    with pytest.raises(ValueError) as error:
        listen(str(path), pbx, loop)
    return str(error.value)


def test_another_simulators_socket_is_left_alone(bench: Bench, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        assert refused(path, bench.pbx) == f"control: {path}: another simulator listens there"
    assert path.exists()


def test_what_is_no_socket_is_left_alone(bench: Bench, path: Path, tmp_path: Path) -> None:
    somewhere = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(somewhere))
    path.symlink_to(somewhere)
    assert refused(path, bench.pbx) == f"control: {path}: is there and is no socket"
    path.unlink()
    path.write_text("precious")
    assert refused(path, bench.pbx) == f"control: {path}: is there and is no socket"
    assert path.read_text() == "precious"


def test_where_no_socket_can_be(bench: Bench, tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "sim.sock"
    assert refused(nowhere, bench.pbx) == f"control: {nowhere}: there is no such folder"
    long = tmp_path / ("x" * 107)
    assert refused(long, bench.pbx).startswith(f"control: {long}: longer than the 107 bytes")


@pytest_twisted.ensureDeferred
async def test_the_driver_opens_it_from_start_to_stop(path: Path) -> None:
    made = driver({"control": str(path)}, loop, NothingKept())
    assert isinstance(made, SimulatedPbx)
    assert not is_there(path)
    made.start()
    assert await deferToThread(told, path, b'{"do":"behave","line":"2001","behaviour":"busy"}') == [b"{}\n"]
    assert made.behaviour_names()["2001"] == "busy"
    made.stop()
    assert await gone(path)


# The commands


@pytest.fixture
def running(bench: Bench, path: Path) -> Iterator[Bench]:
    """A simulator whose socket is where the commands look for it."""
    end = listen(str(path), bench.pbx, loop)
    yield bench
    end()
    pytest_twisted.blockon(Deferred.fromCoroutine(gone(path)))


async def said(path: Path, *words: str) -> Result:
    result: Result = await deferToThread(CliRunner().invoke, sim, [*words, "--data", str(path.parent)])
    return result


@pytest_twisted.ensureDeferred
async def test_a_session(running: Bench, path: Path) -> None:
    heard: list[AnyReport] = []
    running.pbx.listen(heard.append)
    assert (await said(path, "ring", "95551234", "2001")).output == "95551234 calls 2001\n"
    assert (await said(path, "pick-up", "2001")).output == "2001 picks up\n"
    listed = (await said(path, "lines")).output.splitlines()
    assert listed[0] == "2001    normal            c1 connected with 95551234"
    assert listed[6] == "2007    busy"
    assert listed[8] == "2009    normal            do not disturb"
    assert listed[9] == "2010    normal            forwardImmediate to 2001"
    assert (await said(path, "put-down", "2001")).output == "2001 hangs up\n"
    assert (await said(path, "behave", "2003", "busy")).output == "2003 is busy from now on\n"
    assert (await said(path, "lines")).output.splitlines()[2] == "2003    busy"
    assert (await said(path, "drop-link", "0.5")).output == "the link is lost\n"
    running.clock.pump([0, 0.5, 0])
    assert heard[-2:] == [Link(up=False), Link(up=True)]


@pytest.mark.usefixtures("running")
@pytest_twisted.ensureDeferred
async def test_a_refusal_is_one_line_and_status_1(path: Path) -> None:
    for words, why in {
        ("pick-up", "2001"): "nothing rings at 2001",
        ("put-down", "2001"): "2001 is in no call",
        ("behave", "3000", "busy"): "there is no line 3000",
        ("ring", "3000", "2002"): "operation: invalidCallingDeviceID",
        ("ring", "9" * 5000, "2002"): f"{path}: it hung up without an answer",
    }.items():
        result = await said(path, *words)
        assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"ctigw: sim: {why}\n")


def test_no_simulator_is_one_line_and_status_1(path: Path, tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(sim, ["lines", "--control", str(path)])
        assert (result.exit_code, result.stderr) == (1, f"ctigw: sim: {path}: no simulator listens there\n")
        if not path.exists():
            with socket.socket(socket.AF_UNIX) as earlier:
                earlier.bind(str(path))
    long = tmp_path / ("x" * 107)
    result = CliRunner().invoke(sim, ["lines", "--control", str(long)])
    assert (result.exit_code, result.stderr) == (1, f"ctigw: sim: {long}: AF_UNIX path too long\n")


def test_a_behaviour_that_is_not_there_is_an_error_of_use() -> None:
    result = CliRunner().invoke(sim, ["behave", "2001", "sleepy"])
    assert result.exit_code == 2
    assert "'sleepy' is not one of 'auto-answer', 'busy'" in result.stderr
