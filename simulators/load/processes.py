"""Servers as processes of their own: gateways and floors, on a core that the clients leave alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simulators.load import machine

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
POLL = 0.002
# A server is at rest that uses less than so many CPU seconds in a lull, which is longer than the gateway
# keeps entries of its logs back; and for how long to wait for that.
AT_REST = 0.002
LULL = 0.25
# Floors keep nothing back.
SHORT_LULL = 0.05
REST = 3.0
# Taken before this process keeps to one of them.
SERVERS, CLIENTS = machine.cores()
# What decides about a server must not come from whoever runs the suite.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("CTIGW_")}


def started(command: Sequence[str], log: Path, cwd: Path = ROOT) -> subprocess.Popen[bytes]:
    """A process on the servers' core from its beginning; what it says goes to the file ``log``."""
    mine = os.sched_getaffinity(0)
    with log.open("wb") as said:
        os.sched_setaffinity(0, SERVERS)
        try:
            return subprocess.Popen(
                command, cwd=cwd, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        finally:
            os.sched_setaffinity(0, mine)


class Server:
    """A process that logs JSON, one line each, and says ``listening`` with its port when it does.

    ``name`` is what the report calls it; after ``lull`` seconds without work there is none.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, cwd: Path = ROOT, *, lull: float = LULL
    ) -> None:
        self.name = name
        self._lull = lull
        self._rested = 0.0
        self._log = folder / "log"
        self._process = started(command, self._log, cwd)
        try:
            self.port = _port(self.says("listening"))
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def sip_port(self) -> int:
        """Where it speaks SIP, once it does."""
        return _port(self.says("listening", sip=True))

    def says(self, event: str, *, sip: bool = False) -> dict[str, Any]:
        """The last thing that it has logged as ``event``, once it has; ``sip``: where SIP is spoken."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = [entry for entry in self.log() if entry.get("event") == event and ("sip" in entry) is sip]
            if found:
                return found[-1]
            if self._process.poll() is not None:
                break
            time.sleep(POLL)
        raise RuntimeError(f"{self.name} does not say {event!r}: {self._log.read_text()[-2000:]}")

    def log(self) -> Iterator[dict[str, Any]]:
        """What it has logged so far; lines that are no JSON are passed over."""
        for line in self._log.read_bytes().splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry

    def figure(self, name: str) -> float | None:
        """What it has said last of ``name`` in its figures, if anything; it says them when it ends, too."""
        told = [entry[name] for entry in self.log() if entry.get("event") == "figures" and name in entry]
        return float(told[-1]) if told else None

    def cpu(self) -> float:
        """CPU seconds of all its threads since it started."""
        return machine.cpu_seconds(self.pid)

    def settled_cpu(self) -> float:
        """The same, once it has nothing more to do: what it writes behind belongs to what was asked."""
        end = time.monotonic() + REST
        # Nobody has asked anything since it was at rest: it still is.
        before = self.cpu()
        while before - self._rested > AT_REST and time.monotonic() < end:
            self._rested = before
            time.sleep(self._lull)
            before = self.cpu()
        self._rested = before
        return before

    def memory(self) -> int:
        """Its share of the machine's memory, in bytes."""
        return machine.memory(self.pid)

    def terminate(self) -> None:
        """Have it end as it does at a signal; what it logs then can be read afterwards."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def kill(self) -> None:
        """It is gone, without a chance to do anything."""
        self._process.kill()
        self._process.wait(PATIENCE)


def _port(said: dict[str, Any]) -> int:
    return int(re.split("[: ]", said["at"])[-1])


@contextlib.contextmanager
def gateway(
    folder: Path, config: str, *, checkout: Path = ROOT, before: Sequence[Sequence[str]] = (), said: str = ""
) -> Iterator[Server]:
    """A gateway as a user runs it, from a ``checkout`` with its environment; ``config`` is TOML.

    ``before``: commands of `ctigw` that come first, each of which is ``said`` something.
    """
    folder.mkdir(parents=True)
    file = folder / "ctigw.toml"
    file.write_text(config, encoding="utf-8")
    ctigw, where = (
        (python_of(checkout), "-m", "ctigw"),
        ("--config", str(file), "--data", str(folder / "var")),
    )
    for command in before:
        subprocess.run(
            [*ctigw, *command, *where],
            cwd=checkout,
            env=ENVIRONMENT,
            input=said.encode(),
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=PATIENCE,
        )
    command = [*ctigw, "run", *where]
    with _ended(Server("gateway", command, folder, checkout)) as server:
        yield server


@contextlib.contextmanager
def floor(folder: Path, kind: str, *arguments: str) -> Iterator[Server]:
    """One of the servers of `floor.py`."""
    with module(folder, kind, "simulators.load.floor", kind, *arguments) as server:
        yield server


@contextlib.contextmanager
def module(folder: Path, name: str, what: str, *arguments: str, lull: float = SHORT_LULL) -> Iterator[Server]:
    """The module ``what`` run as a program, which the report calls ``name``."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", what, *arguments]
    with _ended(Server(name, command, folder, lull=lull)) as server:
        yield server


@contextlib.contextmanager
def _ended(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.kill()


def python_of(checkout: Path) -> str:
    """The interpreter of a checkout's environment; this one's, when it has none."""
    own = checkout / ".venv/bin/python"
    return str(own) if checkout != ROOT and own.exists() else sys.executable


def config(lines: Sequence[str], *, limits: str = "", listener: str = "", appearances: int = 2) -> str:
    """A gateway's configuration with these lines: everything as it comes but for limits that are in the way.

    ``limits``, ``listener``: more TOML for those tables.
    """
    phones = ",\n".join(f'{{ number = "{line}" }}' for line in lines)
    return f"""\
[[listeners]]
endpoint = "tcp:0:backlog=4096:interface=127.0.0.1"
{listener}
[limits]
connections = 20000
requests_per_second = 1000000000
{limits}
[log]
format = "json"
[driver.settings]
limits = {{ appearances = {appearances} }}
lines = [
{phones}
]
"""
