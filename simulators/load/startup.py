"""How long a gateway takes until it listens, to what importing its libraries takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from simulators.load import processes
from simulators.load.bench import Bench
from simulators.load.judging import Measured
from simulators.load.processes import PATIENCE, ROOT, config

IMPORTS = "import twisted.internet.reactor; import lxml.etree"
LISTENING = b'"listening"'
NAME = "start to listening"
AT_LEAST = 7


def startup(bench: Bench) -> Mapping[str, Measured]:
    """Starts by turns; the first one, which makes the database, is told apart."""
    folder = bench.place()
    folder.mkdir()
    file = folder / "ctigw.toml"
    file.write_text(config(["2001", "2002"]), encoding="utf-8")
    command = (sys.executable, "-m", "ctigw", "run", "--config", str(file), "--data", str(folder / "var"))
    first = _listens(command, folder)
    _imports(folder)
    starts, imports = [], []
    for number in range(bench.pairs if bench.quick else max(AT_LEAST, bench.pairs)):
        for what in ("start", "imports") if number % 2 == 0 else ("imports", "start"):
            if what == "start":
                starts.append(_listens(command, folder))
            else:
                imports.append(_imports(folder))
    ratios = tuple(start / floor for start, floor in zip(starts, imports, strict=True))
    notes: dict[str, float | str] = {
        "start, ms": 1000 * median(starts),
        "imports, ms": 1000 * median(imports),
        "the first start, which makes the database, ms": 1000 * first,
    }
    return {NAME: Measured(ratios, notes=notes)}


def _listens(command: tuple[str, ...], folder: Path) -> float:
    """Seconds from the start of the process until it says that it listens."""
    log = folder / "log"
    began = time.perf_counter()
    process = processes.started(command, log)
    try:
        while LISTENING not in log.read_bytes():
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                raise RuntimeError(f"it does not listen: {log.read_text()[-2000:]}")
            time.sleep(0.0005)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait(PATIENCE)


def _imports(folder: Path) -> float:
    """Seconds that a process takes to import and end."""
    began = time.perf_counter()
    process = processes.started((sys.executable, "-c", IMPORTS), folder / "imports", ROOT)
    try:
        process.wait(PATIENCE)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.wait(PATIENCE)
