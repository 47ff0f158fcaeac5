"""A PostgreSQL server for the tests alone: in a folder of its own, on a Unix socket, gone afterwards."""

from __future__ import annotations

import collections
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, text

PATIENCE = 30.0


class Unavailable(Exception):  # noqa: N818 - a reason to skip tests, not an error
    """No server can be started here; the text says why."""


@contextlib.contextmanager
def server() -> Iterator[URL]:
    """The URL of a running server's only database.  Raises `Unavailable`."""
    programs = _programs()
    # In the system's own folder: a socket's path has a hundred bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="ctigw-pg-"))
    try:
        other = _other_user(folder)
        data = folder / "data"
        subprocess.run(
            [programs / "initdb", "-D", data, "-A", "trust", "-U", "ctigw", "-N", "-E", "UTF8", "--locale=C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **other,
        )
        quick = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB")
        settings = (f"unix_socket_directories={folder}", "listen_addresses=", *quick)
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            **other,
        )
        with process:  # which closes the pipe
            try:
                _read_until_ready(process)
                yield URL.create("postgresql", "ctigw", host=str(folder), database="postgres")
            finally:
                _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty(url: URL) -> None:
    """Take everything out of the database at ``url``, also from under those who left a connection open."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(f"{others} AND backend_type = 'client backend'"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def _programs() -> Path:
    """The folder of the newest server's programs: Debian leaves them out of the PATH."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: [int(part) for part in path.parts[4].split(".") if part.isdigit()],
    )
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise Unavailable("no PostgreSQL server is installed here (tests/system-packages installs one)")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def _other_user(folder: Path) -> dict[str, Any]:
    """How to start the server, which refuses to be root's; ``folder`` is made its user's."""
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(folder)}
    if os.geteuid() != 0:
        return {"env": environment}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return {"env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Unavailable("PostgreSQL cannot be started by root, and there is neither postgres nor nobody")


def _read_until_ready(process: subprocess.Popen[str]) -> None:
    """Return when the server accepts connections; afterwards its log is read and dropped."""
    assert process.stderr is not None
    too_late = threading.Timer(PATIENCE, process.kill)
    too_late.start()
    said = []
    for line in process.stderr:
        said.append(line)
        if "ready to accept connections" in line:
            break
    else:
        raise AssertionError(f"PostgreSQL did not start: {''.join(said)}")
    too_late.cancel()
    threading.Thread(target=collections.deque, args=(process.stderr, 0), daemon=True).start()


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)  # without waiting for clients
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
