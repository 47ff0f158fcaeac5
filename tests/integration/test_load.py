"""The benchmark suite against real processes: that it measures what it says, not how fast anything is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from simulators.load import processes
from simulators.load.client import Cycles, Load, watching
from simulators.load.cycles import in_pairs, numbers
from tests.processes import HERE


def test_a_cycle_has_nine_events(tmp_path: Path) -> None:
    lines = numbers(8)
    with processes.gateway(tmp_path / "gateway", processes.config(lines)) as server:
        load = Load(server, 2, 2)
        try:
            watching(load, lines)
            span = load.run(Cycles(in_pairs(lines)), 0.2)
        finally:
            load.close()
    assert span.work > 0
    assert load.events == 9 * span.work
    assert span.server_cpu > 0


def test_the_suite_measures_cycles_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "simulators.load", "--quick", "--only", "cycles-8x16"),
            *("--pairs", "1", "--seconds", "0.2", "--json", str(file)),
        ],
        cwd=HERE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (row,) = json.loads(file.read_text())["rows"]
    assert row["name"] == "call cycles 8x16"
    assert "broke" not in row["void"]
    assert len(row["values"]) == 1
    assert row["values"][0] > 0
    assert "call cycles 8x16" in ended.stdout
    assert not _running(str(tmp_path))
    assert list(tmp_path.iterdir()) == [file]


def test_a_scenario_that_nobody_knows_is_refused() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "simulators.load", "--only", "nonsense"],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 2
    assert "no scenario is called nonsense" in ended.stderr


def _running(named: str) -> list[str]:
    """The processes whose command names ``named``."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().decode(errors="replace")
        except OSError:  # it has ended meanwhile
            continue
        if named in command:
            found.append(command)
    return found
