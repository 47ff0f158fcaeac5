"""The files of the gateway's own log, to be fetched by those who administer it, and no others."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ctigw.net.log_files import NAME
from ctigw.soap.serviceability.seen import LogFile

_OURS = re.compile(rf"{re.escape(NAME)}(\.[0-9]{{1,4}})?")


def listed(folder: Path) -> list[LogFile]:
    """The files of the log in ``folder``; nothing else that may lie there, and no links."""
    return [
        LogFile(entry.name, about.st_size, about.st_mtime)
        for entry, about in _entries(folder)
        if _OURS.fullmatch(entry.name) and stat.S_ISREG(about.st_mode)
    ]


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # it may have gone meanwhile
                yield entry, entry.stat(follow_symlinks=False)


def content(folder: Path, name: str, most: int) -> bytes:
    """The first ``most`` bytes of the log's file ``name``.  Raises `OSError`."""
    if not _OURS.fullmatch(name):
        raise FileNotFoundError(2, "it is no file of the log")
    descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(2, "it is no file of the log")
        return file.read(most)
