"""What the machine says of a process."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 1 << 20


def memory(pid: int) -> int:
    """How much of the machine's memory a process has, in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def one_core_each(pid: int) -> None:
    """Keep the gateway ``pid`` apart from its clients, where there is a choice."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        os.sched_setaffinity(pid, {first})
        os.sched_setaffinity(0, others)
