from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.cli import describe_sip, describe_web, main
from ctigw.cli.describe import answers, errors, events, message, messages, services, states
from ctigw.config import Config, parse
from ctigw.config.web import Interface
from ctigw.csta.types import csta
from ctigw.errors import MEANINGS, Reason
from ctigw.switch.driver import Driver, Line
from simulators.pbx import Pbx

HERE = Path(__file__).parents[2]
ALL_TOPICS = [
    *("services", "events", "messages", "states", "errors"),
    *("sip-methods", "sip-packages", "sip-transactions", "web-operations"),
]


class Small(Driver):
    """A PBX that can do next to nothing."""

    def listen(self, report: Any) -> None:
        """It never reports anything."""

    def lines(self) -> dict[str, Line]:
        return {"1": Line("1")}

    async def answer(self, call: str, device: str) -> None:
        raise NotImplementedError


def described(*words: str) -> Any:
    result = CliRunner().invoke(main, ["describe", *words])
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_services_are_those_of_the_pbx() -> None:
    all_of_them = services(gateway(Config(), Pbx(Clock()), Clock()))
    found = {row["request"]: row for row in all_of_them}
    assert found["MakeCall"]["answers"] == ["MakeCallResponse"]
    assert found["StopApplicationSession"]["answers"] == [
        "StopApplicationSessionPosResponse",
        "StopApplicationSessionNegResponse",
    ]
    assert all((HERE / row["served"]).is_file() for row in all_of_them)
    few = {row["request"] for row in services(gateway(Config(), Small(), Clock()))}
    assert few & {"AnswerCall", "MakeCall", "MonitorStart"} == {"AnswerCall", "MonitorStart"}


def test_sip_methods_and_packages_are_those_that_are_served() -> None:
    made = gateway(Config(), Pbx(Clock()), Clock())
    served = {row["method"]: row["served"] for row in describe_sip.methods(made)}
    assert served["PUBLISH"] == "ctigw/simple/publishing.py"
    assert set(served) == {"MESSAGE", "NOTIFY", "OPTIONS", "PUBLISH", "REGISTER", "SUBSCRIBE"}
    packages = {row["package"]: row for row in describe_sip.packages(made)}
    assert set(packages) == {"dialog", "presence", "presence.winfo", "uccn"}
    assert packages["presence"]["types"] == ["application/pidf+xml", "application/cpim-pidf+xml"]
    assert packages["uccn"]["types"] == ["application/xml", "text/xml", "application/uccn+xml"]
    assert all((HERE / file).is_file() for file in served.values())
    assert all((HERE / row["served"]).is_file() for row in packages.values())


def test_the_change_notifier_is_described_as_it_is_configured() -> None:
    config = parse('[uccn]\nevent = "Changes"\naliases = ["uc.config"]\ncontent_type = "text/xml"')
    made = gateway(config, Pbx(Clock()), Clock())
    packages = {row["package"]: row for row in describe_sip.packages(made)}
    assert set(packages) == {"changes", "dialog", "presence", "presence.winfo", "uc.config"}
    for name in ("changes", "uc.config"):
        assert packages[name]["served"] == "ctigw/simple/uccn_package.py"
        assert packages[name]["types"] == ["text/xml", "application/xml", "application/uccn+xml"]


def test_web_operations_are_those_of_every_interface() -> None:
    found = describe_web.operations()
    assert {row["interface"] for row in found} == set(get_args(Interface))
    assert all((HERE / row["served"]).is_file() for row in found)
    served = {(row["interface"], row["asked"]): row["served"].removeprefix("ctigw/soap/") for row in found}
    assert len(served) == len(found)
    for interface, asked, file in (
        ("epas", "login", "epas/logins.py"),
        ("epas", "get-acl", "epas/rules.py"),
        ("presence", "login", "pws/soap_face.py"),
        ("presence", "registerEndPoint", "pws/soap_operations.py"),
        ("presence", "PUT /presence-service/users/{}/presence/{}", "pws/rest_face.py"),
        ("axl", "getUser", "axl/users.py"),
        ("axl", "executeSQLQuery", "axl/service.py"),
        ("serviceability", "GetOneFile", "serviceability/logs.py"),
        ("serviceability", "troubleshoot", "serviceability/troubleshooter.py"),
    ):
        assert served[interface, asked] == file
    assert ("axl", "executeSQLUpdate") not in served  # which is in the contract, and refused


def test_every_transition_of_a_transaction_is_in_its_diagram() -> None:
    told = described("sip-transactions")
    for name, table in describe_sip.MACHINES.items():
        diagram = told.partition(f"%% {name}\n")[2].partition("%%")[0]
        for (start, what), (_actions, end) in table.items():
            (line,) = [
                row for row in diagram.splitlines() if row.startswith(f"    {start.value} --> {end.value}:")
            ]
            assert what.value in line


def test_events_are_those_of_the_pbx() -> None:
    found = {row["event"]: row["filter"] for row in events(gateway(Config(), Pbx(Clock()), Clock()))}
    assert found["TransferedEvent"] == "transferred"
    assert found["CallClearedEvent"] == "callCleared"
    assert "QueuedEvent" not in found  # no call waits in a queue of the simulated PBX


def test_every_message_can_be_described() -> None:
    assert [row["message"] for row in messages()] == sorted(csta.messages)
    for name in csta.messages:
        assert message(name)["message"] == name
        assert described(name).startswith(name)


def test_names_in_meanings_are_those_of_the_wire() -> None:
    means = {row["message"]: row["means"] for row in messages()}
    assert means["MakeCall"] == "Place a call from callingDevice to calledDirectoryNumber."
    assert means["MakeCallResponse"] == "callingDevice is the calling device's connection in the new call."
    assert means["HoldCallResponse"] == ""


def test_answers() -> None:
    assert answers("HoldCall") == ["HoldCallResponse"]
    assert answers("HeldEvent") == []


def test_contents_of_a_message() -> None:
    assert described("TransferCall") == (
        "TransferCall\n"
        "  Join the other parties of two calls of one device, which leaves them.\n"
        "  answered with TransferCallResponse, or CSTAErrorCode\n\n"
        "  heldCall                                   mandatory\n"
        "    callID                                   optional   text\n"
        "    deviceID                                 optional   text\n"
        "  activeCall                                 mandatory\n"
        "    callID                                   optional   text\n"
        "    deviceID                                 optional   text\n"
    )


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("MonitorStart", ["  monitorType optional call | device"]),
        ("MonitorStartResponse", ["  monitorExistingCalls optional true | false"]),
        ("DeliveredEvent", ["  alertingDevice mandatory", "    one of", "    notKnown empty"]),
        ("ForwardingEvent", ["  ringCount optional number"]),
        ("SystemRegister", ["  requestTypes mandatory flags: systemStatus, "]),
        ("TransferedEvent", ["  transferredConnections/connectionListItem repeated"]),
        ("StartApplicationSession", ["    applicationSpecificInfo optional anything"]),
        ("AnswerCallResponse", ["  nothing in it"]),
    ],
)
def test_what_stands_in_elements(name: str, lines: list[str]) -> None:
    told = [re.sub(r"(?<=\S) +", " ", line) for line in described(name).splitlines()]
    for line in lines:
        assert any(line in other if ":" in line else line == other for other in told), told


def test_states_are_a_mermaid_diagram() -> None:
    head, start, *changes = states().splitlines()
    assert (head, start) == ("stateDiagram-v2", "    [*] --> null")
    assert "    connected --> hold: Held" in changes
    assert "    initiated --> connected: Established, Originated" in changes
    assert "    null --> null: Diverted, NetworkReached" in changes
    shape = re.compile(r"    (\w+) --> (\w+): \w+(, \w+)*")
    assert all(shape.fullmatch(change) for change in changes)
    assert len({shape.fullmatch(change)[0].partition(":")[0] for change in changes}) == len(changes)  # type: ignore[index] # they match: just shown


def test_every_error_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
    assert {
        "category": "stateIncompatibility",
        "value": "noHeldCall",
        "means": "the device holds no call",
    } in errors()


def test_json() -> None:
    everything = json.loads(described("--json"))
    assert list(everything) == ALL_TOPICS
    assert json.loads(described("errors", "--json")) == everything["errors"] == errors()
    assert json.loads(described("MakeCall", "--json")) == message("MakeCall")


def test_everything_at_once_for_people() -> None:
    text = described()
    for title in ALL_TOPICS:
        assert described(title).strip() in text
        assert f"\n{title}\n\n" in f"\n{text}"


def test_readme_shows_what_is_printed() -> None:
    shown = (HERE / "README.md").read_text().split("$ .venv/bin/ctigw describe MakeCall\n")[1].split("```")[0]
    assert shown == described("MakeCall")


def test_what_cannot_be_described() -> None:
    result = CliRunner().invoke(main, ["describe", "Foo"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"ctigw: describe Foo: neither a message nor {', '.join(ALL_TOPICS)}\n"


def test_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[driver]\nmodule = "nowhere"\n')
    result = CliRunner().invoke(main, ["describe", "services", "--config", str(file)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ctigw: {file}: driver.module: ")
