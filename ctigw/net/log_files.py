"""The log in files: one that is written to, and those before it, of a bounded size and number."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO

# The file that is written to; those before it have a number behind their names, the latest 1.
NAME = "ctigw.log"


class LogFiles:
    """The files in ``folder``, which is made.  Raises `OSError`.

    They are for this user alone: a log says who called whom.  A link in the place of one is not followed.
    """

    def __init__(self, folder: Path, *, file_bytes: int, files: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file, self._most, self._files = folder / NAME, file_bytes, files
        self._lock = Lock()  # other threads may have something to say
        self._stream: BinaryIO | None = None
        self._size = 0
        self._open()

    def say(self, line: str) -> None:
        """Write a line.  Where the disk takes it not, it is lost, and nobody else notices."""
        data = f"{line}\n".encode(errors="replace")
        with self._lock, suppress(OSError):
            if self._stream is None:
                self._open()
            if self._size and self._size + len(data) > self._most:
                self._begin_next()
            assert self._stream is not None
            self._stream.write(data)
            self._size += len(data)

    def close(self) -> None:
        """Write no more, until somebody has something to say."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            stream.close()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._file, flags, 0o600)
        self._stream = os.fdopen(descriptor, "ab", buffering=0)
        self._size = os.fstat(descriptor).st_size

    def _begin_next(self) -> None:
        """What is there moves on by one, and the last of it is gone."""
        self.close()
        for number in range(self._files - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        self._file.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._file.with_name(f"{NAME}.{number}")
