"""What the machine says of a process: its CPU time and its memory; and which core it may use."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20
URGENT = -15


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process since its start, ended ones too, in nanoseconds' resolution."""
    # The clock of another process, as clock_getcpuclockid(3) makes it: what /proc/PID/stat tells in ticks of
    # 10 ms would be 1 % of a short run.
    return time.clock_gettime((~pid << 3) | 2)


def pss_of_rollup(text: str) -> int:
    """The process's share of memory, in bytes, by the text of /proc/PID/smaps_rollup."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            return int(rest.split()[0]) * 1024
    raise ValueError("no Pss")


def memory(pid: int) -> int:
    """How much of the machine's memory a process has, in bytes: shared pages count in part."""
    return pss_of_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))


def model(cpuinfo: str) -> str:
    """What kind of processor it is, by the text of /proc/cpuinfo; "" where that does not tell."""
    for line in cpuinfo.splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == "model name":
            return rest.strip()
    return ""


def cores() -> tuple[set[int], set[int]]:
    """The core of the servers and that of the clients; the same where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others[:1]) or {first}


@contextlib.contextmanager
def urgent(*pids: int) -> Iterator[None]:
    """These processes and this one go before others for a while, where that is allowed."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        for pid in (0, *pids):
            os.setpriority(os.PRIO_PROCESS, pid, URGENT)
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, usual)


def descriptors(wanted: int) -> int:
    """Raise the bound of open files to ``wanted``, or as far as it goes; how many there may be now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return soft
