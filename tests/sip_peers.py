"""Who speaks SIP with a gateway's process from outside: SIPp, baresip, and a peer without a reactor."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import URL

from ctigw.directory.demo import PASSWORD, ensure_demo
from ctigw.sip import digest
from ctigw.sip.framing import StreamReader
from ctigw.sip.message import Message, Request, Response, parse
from ctigw.store.database import Database, url_in
from tests.processes import PATIENCE

SCENARIOS = Path(__file__).parent / "integration" / "sipp"
MODULES = sorted(Path("/usr/lib").glob("**/baresip/modules"))
HERE = "127.0.0.1"
needs_sipp = pytest.mark.skipif(
    not shutil.which("sipp"), reason="SIPp is not installed (tests/system-packages installs it)"
)
needs_baresip = pytest.mark.skipif(
    not shutil.which("baresip") or not MODULES,
    reason="baresip is not installed (tests/system-packages installs it)",
)
# What SIPp writes of a message, and baresip; what follows is the message.
_SIPP = re.compile(rb"message (sent|received) [(\[](\d+)[)\]]? bytes[^\n]*\n\n")
_BARESIP = re.compile(rb"\x1b\[36;1m#\r?\n\w+ (\S+) -> (\S+)\r?\n(.*?)\x1b\[;m", re.DOTALL)
_tokens = count(1)


def people(folder: Path, url: URL | None = None) -> None:
    """alice, bob, carol, dave and erin of example.com, who know each other, for a gateway in ``folder``."""
    data = folder / "var"
    data.mkdir(exist_ok=True)
    database = Database(url or url_in(data))
    database.open()
    database.run_now(ensure_demo)
    database.close()


def free_port() -> int:
    """A port that nobody has, for TCP as well as UDP."""
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        stream.bind((HERE, 0))
        port: int = stream.getsockname()[1]
        datagrams.bind((HERE, port))
        return port


class Program:
    """A program that speaks SIP, and writes down each message: whether it came from here, and what."""

    def __init__(self, words: list[str], said: int, writes: int = subprocess.DEVNULL) -> None:
        self.messages: list[tuple[bool, Message]] = []
        self._said, self._rest = said, b""
        os.set_blocking(said, False)
        self._process = subprocess.Popen(
            words,
            env={**os.environ, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=writes,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        """It is gone, whatever it was doing."""
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._said)

    def heard(self, fits: Callable[[Message], bool]) -> Any:
        """The first message that came to it and ``fits``, now or later."""
        end, seen = time.monotonic() + PATIENCE, 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._said, selectors.EVENT_READ)
            while True:
                for is_own, message in self.messages[seen:]:
                    if not is_own and fits(message):
                        return message
                seen = len(self.messages)
                if not selector.select(max(0.0, end - time.monotonic())) or not self.listen():
                    raise AssertionError(f"that did not come: {self.messages}")

    def listen(self) -> bool:
        """Take what it has written; whether it may write more."""
        data = os.read(self._said, 1 << 16)
        self._rest = self._read(self._rest + data)
        return data != b""

    def _listen_to_the_end(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self.listen():
                pass

    def _read(self, text: bytes) -> bytes:
        """Take the messages out of ``text``; gives what may be the beginning of one."""
        raise NotImplementedError


class Sipp(Program):
    """One call of a scenario in ``sipp/``: with the server at ``port``, or, without, of one that is a server.

    ``keys`` and ``numbers`` are what the scenario leaves open.  The key ``resource`` is also whom the digest
    is about: SIPp has one URI for all.
    """

    def __init__(
        self,
        scenario: str,
        port: int | None,
        folder: Path,
        transport: str = "udp",
        keys: Mapping[str, str] = {},
        numbers: Mapping[str, int] = {},
    ) -> None:
        fifo = folder / f"{scenario}-{next(_tokens)}"
        os.mkfifo(fifo)
        self.port = free_port()
        words = ["sipp", *([f"{HERE}:{port}"] if port else []), "-sf", str(SCENARIOS / f"{scenario}.xml")]
        words += ["-i", HERE, "-p", str(self.port), "-t", "u1" if transport == "udp" else "t1"]
        words += ["-m", "1", "-nd", "-nostdin", "-timeout", f"{PATIENCE:.0f}s", "-timeout_error"]
        words += ["-trace_msg", "-message_file", str(fifo)]
        if "user" in keys:
            words += ["-au", keys["user"], "-ap", PASSWORD]
        if "resource" in keys:
            words += ["-auth_uri", f"{keys['resource']}@example.com"]
        for name, text in keys.items():
            words += ["-key", name, text]
        for name, number in numbers.items():
            words += ["-set", name, str(number)]
        super().__init__(words, os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))

    def ends(self) -> None:
        """The call goes as the scenario says."""
        status = self._process.wait(PATIENCE)
        self._listen_to_the_end()
        assert status == 0, self.messages

    def _read(self, text: bytes) -> bytes:
        while (found := _SIPP.search(text)) and len(text) >= (end := found.end() + int(found[2])):
            self.messages.append((found[1] == b"sent", parse(text[found.end() : end])))
            text = text[end:]
        return text


class Baresip(Program):
    """A phone without sound: ``user`` of example.com, with ``contacts`` whose presence it wants to know."""

    def __init__(
        self, user: str, port: int, folder: Path, transport: str = "udp", contacts: tuple[str, ...] = ()
    ) -> None:
        home = folder / user
        home.mkdir()
        self._control_port, self._server = free_port(), b"%d" % port
        (home / "config").write_text(
            f"sip_listen {HERE}:0\nmodule_path {MODULES[-1]}\nmodule_tmp account.so\n"
            "audio_player none\naudio_source none\naudio_alert none\n"
            + "".join(f"module_app {name}.so\n" for name in ("contact", "menu", "presence", "ctrl_tcp"))
            + f"ctrl_tcp_listen {HERE}:{self._control_port}\n"
        )
        server = f'"sip:{HERE}:{port};transport={transport}"'
        (home / "accounts").write_text(
            f"<sip:{user}@example.com;transport={transport}>;outbound={server};auth_user={user};"
            f"auth_pass={PASSWORD};regint=600;pubint=600;mwi=no;audio_codecs=\n"
        )
        (home / "contacts").write_text(
            "".join(f'"{name}" <sip:{name}@example.com>;presence=p2p\n' for name in contacts)
        )
        said, writes = os.pipe()
        try:
            # What goes into a pipe would be held back until it is a lot.
            super().__init__(["stdbuf", "-oL", "baresip", "-4", "-s", "-f", str(home)], said, writes)
        finally:
            os.close(writes)

    def command(self, command: str, text: str = "") -> str:
        """Have it do something; what it says to that."""
        asked = json.dumps({"command": command, "params": text, "token": "1"}).encode()
        with socket.create_connection((HERE, self._control_port), PATIENCE) as control:
            control.sendall(b"%d:%s," % (len(asked), asked))
            with control.makefile("rb") as stream:
                while True:
                    length = b""
                    while (digit := stream.read(1)) not in (b":", b""):
                        length += digit
                    answer = json.loads(stream.read(int(length) + 1)[:-1])
                    if answer.get("response"):
                        assert answer["ok"], answer
                        return str(answer["data"])

    def leaves(self) -> None:
        """It is told to end, and ends everything that it holds."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(PATIENCE)
        self._listen_to_the_end()
        assert status == 0

    def _read(self, text: bytes) -> bytes:
        end = 0
        for found in _BARESIP.finditer(text):
            is_own = found[2].rpartition(b":")[2] == self._server
            self.messages.append((is_own, parse(found[3])))
            end = found.end()
        return text[end:]


class Peer:
    """Somebody (of example.com) with one socket, who waits for what is to come at most `PATIENCE` seconds.

    What it is asked it answers with 200.  ``requests``, ``answers``: what came, until somebody looks for it.
    """

    def __init__(
        self,
        user: str,
        port: int,
        *,
        transport: str = "UDP",
        domain: str = "example.com",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.user, self.transport, self.domain = user, transport, domain
        self.requests: list[Request] = []
        self.answers: list[Response] = []
        self._reader = StreamReader()
        self._server = (HERE, port)
        self.socket = socket.socket(type=socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        try:
            if transport == "UDP":  # not connected: whether anybody listens is not to be known
                self.socket.bind((HERE, 0))
            else:
                self.socket.connect(self._server)
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            self.place = "{}:{}".format(*self.socket.getsockname())
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_why: object) -> None:
        self.socket.close()

    @property
    def contact(self) -> str:
        """Where it is reached."""
        return f"<sip:{self.user}@{self.place};transport={self.transport.lower()}>"

    def send(self, method: str, whom: str, body: str = "", **headers: str) -> str:
        """Ask, with a password when it is asked for in `ask`; gives the Call-ID.

        ``headers``: those beside the usual ones, or instead of them.
        """
        token = f"{self.user}{next(_tokens)}"
        uri = f"sip:{whom}@{self.domain}"
        lines = {
            "Via": f"SIP/2.0/{self.transport} {self.place};branch=z9hG4bK{next(_tokens)}{self.user}",
            "Max-Forwards": "70",
            "From": f"<sip:{self.user}@{self.domain}>;tag={token}",
            "To": f"<{uri}>",
            "Call-ID": token,
            "CSeq": f"1 {method}",
            "Contact": self.contact,
            **{name.replace("_", "-"): text for name, text in headers.items()},
        }
        if body:
            lines.setdefault("Content-Type", "application/pidf+xml")
        self.asked = Request(method, uri, {name: [text] for name, text in lines.items()}, body.encode())
        self._write(self.asked)
        return lines["Call-ID"]

    def ask(self, method: str, whom: str, body: str = "", **headers: str) -> Response:
        """The final answer."""
        call_id = self.send(method, whom, body, **headers)
        answer = self.answer(call_id)
        if answer.status in digest.AUTHENTICATES:
            asked = self.asked
            lines = answer.lines(digest.AUTHENTICATES[answer.status])
            proof = digest.answer(
                answer.status, lines, method, asked.uri, user=self.user, password=PASSWORD, cnonce="c"
            )
            assert proof is not None
            asked.set(*proof)
            asked.set("CSeq", f"2 {method}")
            asked.set("Via", f"{asked.get('Via')}2")
            self._write(asked)
            answer = self.answer(call_id)
        return answer

    def within(self, answer: Response) -> dict[str, str]:
        """The headers of the next request in the dialog that ``answer`` has begun."""
        names = ("From", "To", "Call-ID", "Event")
        headers = {name: (answer if name != "Event" else self.asked).get(name) for name in names}
        return headers | {"CSeq": f"{answer.cseq + 1} {answer.cseq_method}"}

    def answer(self, call_id: str) -> Response:
        """The final answer in ``call_id``."""
        while True:
            for answer in self.answers:
                if answer.call_id == call_id and answer.status >= 200:
                    self.answers.remove(answer)
                    return answer
            self.take()

    def asked_for(self, method: str, fits: Callable[[Request], bool] = lambda _request: True) -> Request:
        """The first request of this kind that came and ``fits``; those before it are forgotten."""
        while True:
            while self.requests:
                request = self.requests.pop(0)
                if request.method == method and fits(request):
                    return request
            self.take()

    def take(self) -> None:
        """What comes next.  Raises `EOFError` when the connection is closed."""
        data = self.socket.recv(1 << 16)
        if self.transport == "UDP":
            items: list[Any] = [parse(data)]
        elif not data:
            raise EOFError
        else:
            items = self._reader.feed(data)
        for item in items:
            if isinstance(item, Request):
                self.requests.append(item)
                names = ("Via", "From", "To", "Call-ID", "CSeq")
                headers = {name: list(item.lines(name)) for name in names}
                with contextlib.suppress(OSError):  # it may have been a farewell
                    self._write(Response(200, "OK", headers))
            elif isinstance(item, Response):
                self.answers.append(item)

    def _write(self, message: Message) -> None:
        if self.transport == "UDP":
            self.socket.sendto(message.write(), self._server)
        else:
            self.socket.sendall(message.write())
