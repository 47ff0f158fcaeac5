"""What the benchmark suite reads of processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from simulators.load import machine

STAT = (
    "4711 (odd) name (x) S 1 4711 4711 0 -1 4194560 2573 0 0 0 "
    "250 50 0 0 20 0 3 0 5480562 41881600 4421 18446744073709551615"
)
ROLLUP = """\
55d6c4a00000-7ffd1a5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               97680 kB
Pss:               95123 kB
Pss_Dirty:         81000 kB
"""
# The fields of /proc/PID/stat behind the name, which may hold anything: the first is the third of proc(5).
UTIME, STIME = 11, 12


def cpu_of_stat(stat: str, ticks_per_second: int) -> float:
    """CPU seconds by the text of /proc/PID/stat: a check on the clock."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) / ticks_per_second


def test_cpu_time_is_of_user_and_system_in_ticks() -> None:
    assert cpu_of_stat(STAT, 100) == 3.0


def test_the_clock_of_a_process_agrees_with_its_ticks() -> None:
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    stat = Path("/proc/self/stat").read_text(encoding="ascii")
    ticks = cpu_of_stat(stat, os.sysconf("SC_CLK_TCK"))
    assert machine.cpu_seconds(os.getpid()) == pytest.approx(ticks, abs=0.1)


def test_memory_is_the_proportional_share() -> None:
    assert machine.pss_of_rollup(ROLLUP) == 95123 * 1024
    with pytest.raises(ValueError, match="no Pss"):
        machine.pss_of_rollup("Rss: 1 kB\n")
    assert machine.memory(os.getpid()) > 1 << 20


def test_the_kind_of_processor_is_named() -> None:
    assert (
        machine.model("processor\t: 0\nmodel name\t: Some CPU @ 2.1GHz\nflags : a\n") == "Some CPU @ 2.1GHz"
    )
    assert machine.model("processor\t: 0\n") == ""


def test_the_bound_of_open_files_is_not_lowered() -> None:
    before = machine.descriptors(0)
    assert machine.descriptors(1) == before


def test_servers_and_clients_have_a_core_each_or_share_one() -> None:
    servers, clients = machine.cores()
    assert len(servers) == len(clients) == 1
    assert (servers == clients) == (len(os.sched_getaffinity(0)) == 1)
