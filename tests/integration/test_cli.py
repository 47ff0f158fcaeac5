"""The command line as its users have it: real processes, real sockets."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ctigw.cli import main
from tests.processes import ENVIRONMENT

ED3 = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"
CTIGW = (sys.executable, "-m", "ctigw")


def ctigw(*words: str, at: str = "", password: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CTIGW, *words, *(["--at", at] if at else [])],
        env=ENVIRONMENT | {"CTIGW_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CTIGW, *words], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line of ``process`` that has ``text`` in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"it ended without {text!r}: {process.stderr.read()}")


def ended(process: subprocess.Popen[str], how: signal.Signals) -> tuple[int, str]:
    """The exit status of ``process`` after the signal ``how``, and what it said on standard error."""
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    return process.returncode, said


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a demo listens; it must end well, too."""
    data = tmp_path_factory.mktemp("demo") / "var"
    process = started("demo", "--port", "0", "--sip-port", "0", "--web-port", "0", "--data", str(data))
    try:
        found = re.search(r"127\.0\.0\.1:\d+", line_with(process, "clients"))
        assert found
        line_with(process, "Ctrl-C")
        yield found[0]
        assert (data / "ctigw.sqlite").exists()
        status, said = ended(process, signal.SIGINT)
        assert (status, "Traceback" in said) == (0, False)
        logs_are_kept(data)
    finally:
        process.kill()
        process.communicate()


def logs_are_kept(data: Path) -> None:
    """What the tests below have done is in the call log and in the audit."""
    calls = ctigw("calls", "--data", str(data), "--device", "2007").stdout
    assert re.search(r"2007 +2004 +2007 .* busy", calls), calls
    audit = ctigw("audit", "--data", str(data), "--limit", "1000").stdout
    assert re.search(r"alice@example.com +2001 +DeflectCall +noCallToAnswer", audit), audit
    assert re.search(r"alice@example.com +2002 +HoldCall +privilegeViolationSpecifiedDevice", audit), audit


def test_who_logs_in_may_use_their_own_line(demo: str) -> None:
    def as_alice(*words: str, password: str = "demo") -> tuple[int, str]:
        ran = ctigw(*words, "--as", "alice", at=demo, password=password)
        return ran.returncode, ran.stdout + ran.stderr

    assert as_alice("snapshot", "2001") == (0, "no call\n")
    refused = "ctigw: deflect 2001 2003: stateIncompatibility: noCallToAnswer\n"
    assert as_alice("deflect", "2001", "2003") == (1, refused)
    violation = "ctigw: hold 2002: operation: privilegeViolationSpecifiedDevice\n"
    assert as_alice("hold", "2002") == (1, violation)
    wrong = "ctigw: log in as alice: wrong name or password\n"
    assert as_alice("snapshot", "2001", password="demon") == (1, wrong)


def test_the_session_of_the_readme(demo: str) -> None:
    watching = started("monitor", "2001", "2002", "--at", demo)
    try:
        line_with(watching, "watching 2001, 2002")
        assert re.fullmatch(r"2001 calls 2002: call \d+\n", ctigw("call", "2001", "2002", at=demo).stdout)
        assert "2002 rings, 2001 calls" in line_with(watching, "Delivered")
        assert ctigw("answer", "2002", at=demo).stdout == "2002 answers\n"
        assert "2002 answers 2001" in line_with(watching, "Established")
        assert ctigw("hangup", "2001", at=demo).stdout == "2001 hangs up\n"
        assert "2001 leaves" in line_with(watching, "ConnectionCleared")
        assert ended(watching, signal.SIGINT) == (0, "")
    finally:
        watching.kill()
        watching.communicate()


# What is typed, and what it says; the first call's number is another one each time.
A_CALL_PASSED_ON = """\
call 2001 2002: 2001 calls 2002: call *
answer 2002: 2002 answers
digits 2001 12#: 2001 sends 12#
hold 2001: 2001 holds
snapshot 2001: call *: hold; others: connected
retrieve 2001: 2001 takes it back
consult 2001 2003: 2001 asks 2003: call *
answer 2003: 2003 answers
alternate 2001: 2001 changes over
reconnect 2001: 2001 goes back
consult 2001 2004: 2001 asks 2004: call *
transfer 2001: transferred: call *
deflect 2004 2005: 2004 sends it to 2005
answer 2005: 2005 answers
conference 2005 2006: conference: call *
transfer 2003 2002: transferred: call *
hangup 2002: 2002 hangs up
hangup 2005: 2005 hangs up
dnd 2001 on: do not disturb is on at 2001
dnd 2001: on
dnd 2001 off: do not disturb is off at 2001
forward 2001: none
forward 2001 2002 --when NoAns --rings 3: 2001 forwards to 2002 (forwardNoAns)
forward 2001: forwardNoAns       on   2002 after 3 rings
forward 2001 --off --when NoAns: 2001 no longer forwards (forwardNoAns)
forward 2001: forwardNoAns       off  2002 after 3 rings
snapshot 2001: no call
"""


def test_the_phone_on_the_command_line(demo: str) -> None:
    for step in A_CALL_PASSED_ON.splitlines():
        words, _, said = step.partition(": ")
        ran = ctigw(*words.split(), at=demo)
        assert (words, re.sub(r"call \d+", "call *", ran.stdout), ran.stderr) == (words, said + "\n", "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("2001 2002 --off", "--off takes no NUMBER"),
        ("2001 2002 --rings 3", "--rings goes with a NUMBER and --when NoAns, NoAnsInt or NoAnsExt"),
        ("2001 --rings 3 --when NoAns", "--rings goes with a NUMBER and --when NoAns, NoAnsInt or NoAnsExt"),
    ],
)
def test_what_does_not_go_together_is_not_ignored(words: str, why: str) -> None:
    refused = CliRunner().invoke(main, ["forward", *words.split()])
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (2, f"Error: {why}")


def test_events_for_programs(demo: str) -> None:
    as_json, as_xml = (started("monitor", "2004", form, "--at", demo) for form in ("--json", "--xml"))
    try:
        for process in (as_json, as_xml):
            assert process.stderr is not None
            assert process.stderr.readline() == "watching 2004; Ctrl-C ends it\n"
        assert ctigw("call", "2004", "2007", at=demo).returncode == 0
        told = json.loads(line_with(as_json, "Failed"))
        assert (told["line"], told["event"]) == ("2004", "FailedEvent")
        assert told["message"]["failingDevice"] == {"deviceIdentifier": "2007"}
        assert told["message"]["lastRedirectionDevice"] == {"notRequired": {}}
        assert line_with(as_xml, "<Failed").startswith(f'<FailedEvent xmlns="{ED3}"><monitorCrossRefID>')
        # The caller would hear the tone for 15 seconds, perhaps for longer than there is a demo.
        assert ctigw("hangup", "2004", at=demo).returncode == 0
    finally:
        for process in (as_json, as_xml):
            process.kill()
            process.communicate()


def test_status_and_features(demo: str) -> None:
    assert ctigw("status", at=demo).stdout == "normal\n"
    listed = ctigw("features", at=demo).stdout.splitlines()
    assert "  makeCall  (null, autoOriginatePrompt, autoOriginateDoNotPrompt, supportsPrompting)" in listed
    told = json.loads(ctigw("features", "--json", at=demo).stdout)
    assert told["supportedServices"]["monitoringServList"]["changeMonitorFilter"] == {}
    assert ctigw("features", "--xml", at=demo).stdout.startswith(f'<GetCSTAFeaturesResponse xmlns="{ED3}">')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("call", "2099", "2001"), "call 2099 2001: operation: invalidCallingDeviceID"),
        (("call", "2001", "77"), "call 2001 77: operation: invalidCalledDeviceID"),
        (("call", "2013", "2001"), "call 2013 2001: systemResourceAvailibility: callingDeviceOutOfService"),
        (("answer", "2003"), "answer 2003: stateIncompatibility: noCallToAnswer"),
        (("hangup", "2003"), "hangup 2003: stateIncompatibility: noConnectionToClear"),
        (("monitor", "2003", "2099"), "monitor 2099: operation: invalidDeviceID"),
    ],
)
def test_a_refusal_is_one_line_and_status_1(demo: str, words: tuple[str, ...], said: str) -> None:
    refused = ctigw(*words, at=demo)
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"ctigw: {said}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("\x01", r": there are characters that XML cannot have"),
        ("9" * 33000, r": frame of \d+ bytes exceeds 32767"),
    ],
    ids=["no XML", "too long"],
)
def test_what_no_message_can_say_is_one_line_and_status_1(demo: str, line: str, said: str) -> None:
    refused = ctigw("answer", line, at=demo)
    assert refused.returncode == 1
    assert re.fullmatch(f"ctigw: answer {line}{said}\n", refused.stderr)


def test_no_gateway_there_is_one_line_and_status_1() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        refused = ctigw("status", at=f"127.0.0.1:{nobody.getsockname()[1]}")
    assert refused.returncode == 1
    assert re.fullmatch(r"ctigw: cannot connect to 127\.0\.0\.1:\d+: .*refused.*\n", refused.stderr)


def test_rubbish_instead_of_an_address_is_one_line_and_status_2() -> None:
    refused = ctigw("status", at="rubbish")
    assert (refused.returncode, refused.stderr) == (
        2,
        "ctigw: --at rubbish: it has the form host:port, or tcp:host:port, tls:host:port, unix:path\n",
    )


def test_a_taken_port_is_one_line_and_status_2(demo: str, tmp_path: Path) -> None:
    refused = ctigw("demo", "--port", demo.partition(":")[2], "--data", str(tmp_path))
    assert refused.returncode == 2
    why = r"^ctigw: port \d+ cannot be had; `--port 0` takes any free one \(.*Address already in use"
    assert re.search(why, refused.stderr)
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("check",), ("run", "--config")])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nconnection = 1", "limits: Object contains unknown field `connection`"),
        ("listeners = 1", "listeners: Expected `array`, got `int`"),
        ("[", "Invalid initial character for a key part (at end of document)"),
        ('[driver.settings]\nscript = "none.toml"', "driver.settings: script: none.toml: No such file"),
        ('[log]\nfolder = "/etc/hostname"', "log.folder: /etc/hostname: "),
    ],
)
def test_a_configuration_that_is_wrong_is_one_line_and_status_2(
    tmp_path: Path, command: tuple[str, ...], text: str, said: str
) -> None:
    file = tmp_path / "ctigw.toml"
    file.write_text(text)
    refused = ctigw(*command, str(file))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"ctigw: {file}: {said}")
    assert len(refused.stderr.splitlines()) == 1


def test_the_configuration_in_the_repository_is_fine_and_says_the_defaults() -> None:
    from ctigw.config import Config, load

    file = Path(__file__).parents[2] / "etc" / "ctigw.toml"
    assert load(file) == Config()
    said = ctigw("check", str(file))
    assert (said.returncode, said.stdout) == (0, f"{file}: fine\n")


def test_the_configuration_in_the_repository_names_every_setting() -> None:
    import msgspec

    from ctigw.config import Config

    file = Path(__file__).parents[2] / "etc" / "ctigw.toml"
    named = msgspec.toml.decode(file.read_bytes())
    # Compared as JSON, to which a tuple is a list.
    assert named == msgspec.json.decode(msgspec.json.encode(Config()))


def test_the_client_in_the_readme_works(demo: str, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.search(r"```python\n(import socket\n.*?)```", readme, re.DOTALL)
    assert found
    program = tmp_path / "client.py"
    # It listens for ever: here to the three events before anybody answers.
    host, _, port = demo.partition(":")
    text = found[1].replace("while True:", "for _ in range(4):")
    program.write_text(text.replace('("127.0.0.1", 4721)', f"({host!r}, {port})").replace("2001", "2005"))
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    ids = [int(line[1 : line.index(",")]) for line in ran.stdout.splitlines()]
    assert (ids, ran.stderr) == ([1, 2, 9999, 9999, 9999], "")
    assert ctigw("hangup", "2005", at=demo).returncode == 0
