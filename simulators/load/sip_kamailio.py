"""Kamailio's presence server, beside the gateway's, where it is installed: Debian's kamailio with
kamailio-presence-modules, and kamailio-sqlite-modules for one that keeps what is published.

``KAMAILIO`` and ``KAMAILIO_MODULES`` say where it is, if not where Debian has it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from simulators.load import machine, processes
from simulators.load.processes import PATIENCE, POLL, SHORT_LULL, Server

PROGRAM = os.environ.get("KAMAILIO") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin") or ""
# Several, with a ":" between: the first that has a module counts.
MODULES = os.environ.get("KAMAILIO_MODULES") or ":".join(
    map(str, Path("/usr/lib").glob("*/kamailio/modules"))
)
NAME = "Kamailio"
# Whoever listens answers OPTIONS, or anything.
_PING = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKp{number}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:p@example.com>;tag=p\r\nTo: <sip:p@example.com>\r\n"
    "Call-ID: p{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


class KamailioError(RuntimeError):
    """There is none; the text says why."""


def _config(port: int, database: Path | None) -> str:
    """``database``: one that it writes back to (its own way, and faster than writing through)."""
    if database:
        # With more of them, SQLite refuses what two write at once.
        children = 1
        keeping = f"""\
loadmodule "db_sqlite.so"
modparam("db_sqlite", "db_set_journal_mode", "{database}=WAL;")
modparam("presence", "db_url", "sqlite:///{database}")
modparam("presence_xml", "db_url", "sqlite:///{database}")"""
    else:
        children = 2
        keeping = 'modparam("presence", "subs_db_mode", 0)\nmodparam("presence", "publ_cache", 2)'
    return f"""\
debug=0
log_stderror=yes
fork=yes
children={children}
auto_aliases=no
disable_tcp=yes
maxbuffer=4194304
mpath="{MODULES}"
listen=udp:127.0.0.1:{port}
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "presence.so"
loadmodule "presence_xml.so"
modparam("presence_xml", "force_active", 1)
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
{keeping}
request_route {{
    if (is_method("PUBLISH|SUBSCRIBE")) {{
        if (!t_newtran()) {{ sl_reply_error(); exit; }}
        if (is_method("PUBLISH")) {{ handle_publish(); }} else {{ handle_subscribe(); }}
        t_release();
        exit;
    }}
    sl_send_reply("200", "OK");
}}
"""


class Kamailio(Server):
    """Its processes: their CPU time is what counts."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        # What `Server` begins with is a process that says where it listens; this one says nothing.
        folder.mkdir(parents=True)
        self.name = NAME + (" with SQLite" if kept else "")
        self._lull, self._rested = SHORT_LULL, 0.0
        self._log = folder / "log"
        self._at = _free_port()
        database = _database(folder / "kamailio.sqlite") if kept else None
        file = folder / "kamailio.cfg"
        file.write_text(_config(self._at, database), encoding="utf-8")
        command = [PROGRAM, "-f", str(file), "-DD", "-E", "-m", "1024", "-w", str(folder)]
        command += ["-Y", str(folder), "-P", str(folder / "pid")]
        self._process = processes.started(command, self._log)
        try:
            self._await()
        except BaseException:
            self.kill()
            raise

    @property
    def sip_port(self) -> int:
        """Where it speaks SIP."""
        return self._at

    def cpu(self) -> float:
        """Of all its processes."""
        return sum(machine.cpu_seconds(pid) for pid in (self.pid, *_children(self.pid)))

    def kill(self) -> None:
        """All of them."""
        children = _children(self.pid)
        super().kill()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE / 6
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind(("127.0.0.1", 0))
            asking.settimeout(0.2)
            for number in range(1000):
                if self._process.poll() is not None or time.monotonic() > end:
                    break
                time.sleep(POLL)
                with contextlib.suppress(OSError):
                    ping = _PING.format(port=asking.getsockname()[1], number=number)
                    asking.sendto(ping.encode(), ("127.0.0.1", self._at))
                    if asking.recv(4096).startswith(b"SIP/2.0 "):
                        return
        raise KamailioError(f"it does not start: {self._log.read_text(errors='replace')[-300:]}")


def missing(program: str, modules: str, *, kept: bool = False) -> str:
    """What is not installed of what is needed; "" when all is."""
    if not program:
        return "it is not installed"
    for module in ("presence.so", "presence_xml.so", *(("db_sqlite.so",) if kept else ())):
        if not any((Path(folder) / module).exists() for folder in modules.split(":")):
            return f"its module {module} is not installed"
    return ""


@contextlib.contextmanager
def kamailio(folder: Path, *, kept: bool = False) -> Iterator[Server]:
    """A server of two processes on the servers' core.  Raises `KamailioError`."""
    why = missing(PROGRAM, MODULES, kept=kept)
    if why:
        raise KamailioError(why)
    server = Kamailio(folder, kept=kept)
    try:
        yield server
    finally:
        server.kill()


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text(encoding="ascii").split()]
    return found


def _database(file: Path) -> Path:
    """An empty one, with the tables that its package brings."""
    for folder in MODULES.split(":"):
        tables = Path(folder).parents[3] / "share/kamailio/db_sqlite"
        if tables.exists():
            with contextlib.closing(sqlite3.connect(file)) as database:
                for name in ("standard", "presence"):
                    database.executescript((tables / f"{name}-create.sql").read_text(encoding="utf-8"))
            return file
    raise KamailioError("the tables of its database are not installed")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trying:
        trying.bind(("127.0.0.1", 0))
        port: int = trying.getsockname()[1]
        return port
