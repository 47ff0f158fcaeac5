"""`ctigw sim` beside a running demo, as its users have it: real processes, a real socket."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.integration.test_cli import ctigw, ended, line_with, started


def test_people_are_played_from_the_command_line(tmp_path: Path) -> None:
    data = tmp_path / "var"
    demo = started("demo", "--port", "0", "--sip-port", "0", "--web-port", "0", "--data", str(data))
    try:
        line_with(demo, "Ctrl-C")
        assert (data / "sim.sock").is_socket()

        def sim(*words: str) -> str:
            done = ctigw("sim", *words, "--data", str(data))
            return done.stdout + done.stderr

        assert sim("ring", "95551234", "2001") == "95551234 calls 2001\n"
        assert sim("pick-up", "2001") == "2001 picks up\n"
        assert "connected with 95551234\n" in sim("lines")
        assert sim("behave", "2003", "busy") == "2003 is busy from now on\n"
        assert sim("put-down", "95551234") == "95551234 hangs up\n"
        assert sim("drop-link", "1") == "the link is lost\n"
        assert sim("pick-up", "2001") == "ctigw: sim: nothing rings at 2001\n"

        again = ctigw("demo", "--port", "0", "--sip-port", "0", "--web-port", "0", "--data", str(data))
        assert again.returncode == 2
        socket_file = data / "sim.sock"
        assert again.stderr == f"ctigw: --data: another gateway uses {data}\n"

        assert ended(demo, signal.SIGINT)[0] == 0
        assert not socket_file.exists()
        assert ctigw("sim", "lines", "--data", str(data)).returncode == 1
    finally:
        demo.kill()
        demo.communicate()


def test_the_command_is_listed_with_the_others() -> None:
    assert "  sim  " in ctigw("--help").stdout
