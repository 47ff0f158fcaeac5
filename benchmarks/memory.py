"""What 10,000 monitored lines and 1,000 live calls take: memory, and the time to start the monitors.

Memory is the resident set of the gateway's process before and after; a gateway of two lines is the base.  The
simulated PBX lives in that process: what its objects take (by tracemalloc, without a gateway) is taken off.
The median of several runs is shown.

    python -m benchmarks.memory
"""

from __future__ import annotations

import gc
import multiprocessing
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from twisted.internet.task import Clock

from benchmarks.machine import MIB, memory, one_core_each
from ctigw.csta.association import Response
from ctigw.csta.call_control import AnswerCall, AnswerCallResponse, MakeCall
from ctigw.csta.monitoring import MonitorObject, MonitorStart, MonitorStartResponse
from ctigw.csta.system import RequestSystemStatus
from ctigw.csta.types import ConnectionID
from simulators.behaviours import PhoneSettings
from simulators.pbx import Pbx
from tests.processes import LISTENER, PATIENCE, Client, gateway

RUNS = 3
LINES = [str(number) for number in range(20_000, 30_000)]
CALLERS, CALLED = LINES[:1000], LINES[1000:2000]
AT_ONCE = 500  # requests that are sent before an answer is waited for
LIMITS = "[limits]\nrequests_per_second = 1000000000\n"


class Taken(NamedTuple):
    """Bytes; those of lines and calls with those of the simulated PBX among them."""

    base: int
    lines: int
    monitors: int
    calls: int
    seconds: float


class Pbxs(NamedTuple):
    """Bytes that the simulated PBX takes by itself."""

    lines: int
    calls: int


def main() -> None:
    """Measure and print."""
    started = time.monotonic()
    runs = [measured() for _ in range(RUNS)]
    alone = [pbx_alone() for _ in range(RUNS)]
    print(f"{time.monotonic() - started:.0f} s, median of {RUNS} runs\n")
    base, lines, monitors, calls, seconds = (median(column) for column in zip(*runs, strict=True))
    pbx_lines, pbx_calls = (median(column) for column in zip(*alone, strict=True))
    count, up = len(LINES), len(CALLERS)
    print(f"{'KiB for each':28}{'gateway':>9}{'PBX':>9}{'both':>9}")
    print_row(f"line ({count:,})", lines, pbx_lines, count)
    print_row(f"monitor ({count:,})", monitors, 0, count)
    print_row(f"call of two, up ({up:,})", calls, pbx_calls, up)
    whole = base + lines + monitors + calls
    print(f"\nthe process: {base / MIB:.0f} MiB with two lines, {whole / MIB:.0f} MiB with all that")
    print(f"{count:,} monitors are started in {seconds:.2f} s, {AT_ONCE} requests at once on one connection")


def print_row(what: str, both: float, pbx: float, count: int) -> None:
    """How much one of ``count`` takes, in the gateway and in the PBX."""
    print(f"{what:28}" + "".join(f"{taken / count / 1024:9.2f}" for taken in (both - pbx, pbx, both)))


def measured() -> Taken:
    """One gateway, filled step by step."""
    with tempfile.TemporaryDirectory() as folder, gateway(settings(LINES[:2]), Path(folder)) as running:
        base = settled(running.pid, running.ports[0])
    with tempfile.TemporaryDirectory() as folder, gateway(settings(LINES), Path(folder)) as running:
        one_core_each(running.pid)
        steps = [settled(running.pid, running.ports[0])]
        with running.client() as client:
            began = time.perf_counter()
            monitors = ask_all(client, [watch(line) for line in LINES])
            seconds = time.perf_counter() - began
            assert all(isinstance(answer, MonitorStartResponse) for answer in monitors)
            steps.append(settled(running.pid, running.ports[0]))
            make_calls(client)
            steps.append(settled(running.pid, running.ports[0]))
    lines, monitored, calling = steps
    return Taken(base, lines - base, monitored - lines, calling - monitored, seconds)


def settings(lines: list[str]) -> str:
    """A configuration with these lines."""
    phones = ", ".join(f'{{ number = "{line}" }}' for line in lines)
    return f"{LISTENER}{LIMITS}[driver.settings]\nlines = [{phones}]\n"


def settled(pid: int, port: int) -> int:
    """The memory of a gateway, once it has answered another client and written its logs."""
    with Client(port) as client:
        client.ask(RequestSystemStatus())
    time.sleep(1)
    return memory(pid)


def make_calls(client: Client) -> None:
    """Every caller has a call that is up."""
    pairs = list(zip(CALLERS, CALLED, strict=True))
    made = ask_all(client, [MakeCall(calling_device=a, called_directory_number=b) for a, b in pairs])
    ringing = [
        ConnectionID(call_id=answer.calling_device.call_id, device_id=called)
        for answer, called in zip(made, CALLED, strict=True)
    ]
    answers = ask_all(client, [AnswerCall(call_to_be_answered=connection) for connection in ringing])
    assert all(isinstance(answer, AnswerCallResponse) for answer in answers)


def ask_all(client: Client, messages: list[Any]) -> list[Any]:
    """The answers to ``messages``, in their order."""
    return [
        answer for start in range(0, len(messages), AT_ONCE) for answer in _asked(client, messages, start)
    ]


def _asked(client: Client, messages: list[Any], start: int) -> Iterator[Any]:
    ids = client.send(*messages[start : start + AT_ONCE])
    answers: dict[int, Any] = {}
    while len(answers) < len(ids):
        incoming = client.next()
        if isinstance(incoming, Response):
            answers[incoming.invoke_id] = incoming.message
    return (answers[invoke_id] for invoke_id in ids)


def watch(line: str) -> MonitorStart:
    """Monitor a line."""
    return MonitorStart(monitor_object=MonitorObject(device_object=line))


def pbx_alone() -> Pbxs:
    """The PBX with the same lines and calls, in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=fill_pbx, args=(theirs,))
    process.start()
    try:
        if not ours.poll(PATIENCE):
            raise TimeoutError("the PBX cannot be filled")
        taken: Pbxs = ours.recv()
    finally:
        process.kill()
        process.join()
    return taken


def fill_pbx(parent: Connection) -> None:
    """Runs in that process."""
    tracemalloc.start()
    clock = Clock()
    steps = [held()]
    pbx = Pbx(clock, tuple(PhoneSettings(line) for line in LINES))
    steps.append(held())
    for caller, called in zip(CALLERS, CALLED, strict=True):
        pbx.dial(caller, called)
        clock.advance(0)
        pbx.pick_up(called)
        clock.advance(0)
    steps.append(held())
    parent.send(Pbxs(steps[1] - steps[0], steps[2] - steps[1]))


def held() -> int:
    """What the objects of this process take."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    main()
