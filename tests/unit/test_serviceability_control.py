"""The parts of the gateway over ControlCenter, and its checks over the Troubleshooter."""

from __future__ import annotations

from typing import Any

import pytest

from ctigw.findings import Category, Outcome
from ctigw.soap.serviceability.seen import ServiceSeen
from tests.serviceability import CONTROL, TROUBLE, FaultError, World, finding, plain, q

CSTA = ServiceSeen(name="ctigw CSTA gateway", on=True, checked=("CTI gateway/",), needs=("ctigw database",))
SIP = ServiceSeen(name="ctigw presence engine", on=False, checked=("Presence/",))
DATABASE = ServiceSeen(name="ctigw database", on=True, checked=("Database/",))


def world() -> World:
    return World(services=[CSTA, SIP, DATABASE])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def status(world: World, *names: str) -> dict[str, dict[str, str]]:
    """What is said of each service."""
    answer = plain(world.ask(CONTROL, "soapGetServiceStatus", q({"ServiceStatus": list(names) or ""})))
    told = answer["soapGetServiceStatusReturn"]
    assert (told["ReturnCode"], told["ReasonCode"]) == ("0", "-1")
    return {each["ServiceName"]: each for each in listed(told["ServiceInfoList"]["item"])}


def standing(world: World, name: str) -> tuple[str, str, str]:
    told = status(world, name)[name]
    return told["ServiceStatus"], told["ReasonCode"], told["ReasonCodeString"]


def test_a_part_runs_as_long_as_its_checks_pass() -> None:
    here = world()
    assert standing(here, CSTA.name) == ("Started", "-1", " ")
    here.findings = [
        finding(Category.CTI, Outcome.PASSED),
        finding(Category.CTI, Outcome.SKIPPED),
        finding(Category.DATABASE, Outcome.FAILED, "sqlite", "no such table"),
    ]
    assert standing(here, CSTA.name) == ("Started", "-1", " ")
    assert standing(here, DATABASE.name) == ("Stopped", "-1019", "sqlite: no such table")
    here.findings.append(finding(Category.CTI, Outcome.FAILED, "listener tcp:4721", "the PBX is lost"))
    assert standing(here, CSTA.name) == ("Stopped", "-1019", "listener tcp:4721: the PBX is lost")
    here.findings = []
    assert standing(here, CSTA.name) == ("Started", "-1", " ")
    assert here.checked == 5


def test_a_part_that_is_off_is_not_activated() -> None:
    here = world()
    assert standing(here, SIP.name) == ("Stopped", "-1068", "Service Not Activated")
    here.services[1] = ServiceSeen(name=SIP.name, on=True, checked=SIP.checked)
    assert standing(here, SIP.name) == ("Started", "-1", " ")


def test_how_long_it_runs_is_told() -> None:
    here = world()
    here.offset = 3600
    first = status(here)[CSTA.name]
    assert (first["StartTime"], first["UpTime"]) == ("Tue Nov 14 22:13:20 2023", "3600")
    here.clock.advance(10)
    told = status(here)
    assert told[CSTA.name]["UpTime"] == "3610"
    assert (told[SIP.name]["StartTime"], told[SIP.name]["UpTime"]) == ("", "-1")


def test_all_parts_are_told_or_those_named() -> None:
    here = world()
    assert list(status(here)) == [CSTA.name, SIP.name, DATABASE.name]
    assert list(status(here, SIP.name, CSTA.name, SIP.name)) == [SIP.name, CSTA.name]
    with pytest.raises(FaultError, match="no service 'Cisco Tomcat'"):
        status(here, CSTA.name, "Cisco Tomcat")
    with pytest.raises(FaultError, match="more than"):
        status(here, *[SIP.name] * 1001)


def test_the_parts_are_listed() -> None:
    here = world()

    def specified() -> list[dict[str, Any]]:
        asked = q({"ServiceInformationResponse": ""})
        answer = plain(here.ask(CONTROL, "soapGetStaticServiceList", asked))
        return listed(answer["soapGetStaticServiceListReturn"]["Services"]["item"])

    first = specified()[0]
    assert first == {
        "ServiceName": CSTA.name,
        "ServiceType": "Service",
        "Deployable": "false",
        "GroupName": "ctigw services",
        "DependentServices": {"Service": DATABASE.name},
    }
    del here.services[0]
    assert [each["ServiceName"] for each in specified()] == [SIP.name, DATABASE.name]


def test_the_version_is_told() -> None:
    here = world()
    answer = plain(here.ask(CONTROL, "getProductInformationList", q({"ServiceInfo": "?"})))
    told = answer["getProductInformationListReturn"]
    assert (told["ActiveServerVersion"], told["PrimaryNode"]) == ("1.2.3", "cup1.example.com")
    assert told["Products"]["item"]["ProductVersion"] == "1.2.3"
    assert [each["ServiceName"] for each in told["Services"]["item"]] == [CSTA.name, SIP.name, DATABASE.name]


@pytest.mark.parametrize(
    ("operation", "inside"),
    [
        (
            "soapDoControlServices",
            {"ControlServiceRequest": {"NodeName": "", "ControlType": "Stop", "ServiceList": {"item": "x"}}},
        ),
        (
            "soapDoServiceDeployment",
            {"DeploymentServiceRequest": {"NodeName": "", "DeployType": "UnDeploy", "ServiceList": {}}},
        ),
        ("soapDoControlServices", {}),
    ],
)
def test_nothing_is_started_or_stopped(operation: str, inside: dict[str, Any]) -> None:
    with pytest.raises(FaultError, match="nothing is started or stopped from afar"):
        world().ask(CONTROL, operation, q(inside))


def test_a_client_of_2003_names_its_parts_the_same_way() -> None:
    told = plain(world().old(CONTROL, "soapGetServiceStatus", f"<ServiceStatus>{SIP.name}</ServiceStatus>"))
    assert told["soapGetServiceStatusReturn"]["ServiceInfoList"]["item"]["ServiceStatus"] == "Stopped"


def troubleshot(world: World, *categories: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Whether all is well, and what was found."""
    told = plain(world.ask(TROUBLE, "troubleshoot", q({"Category": list(categories)})))["troubleshootReturn"]
    tests = listed(told["Tests"] and told["Tests"]["item"])
    assert all(each["Remedy"] == "do something" for each in tests)
    return told["Passed"], [(each["Category"], each["Result"], each["Found"]) for each in tests]


def test_the_checks_are_run_each_time() -> None:
    here = world()
    assert troubleshot(here) == ("true", [])
    here.findings = [
        finding(Category.AXL, Outcome.PASSED, found="answers"),
        finding(Category.IPPM, Outcome.SKIPPED, found="is not here"),
    ]
    assert troubleshot(here) == ("true", [("AXL", "passed", "answers"), ("IPPM", "skipped", "is not here")])
    here.findings[0] = finding(Category.AXL, Outcome.FAILED, found="nobody \x00 there")
    assert troubleshot(here)[1][0] == ("AXL", "failed", "nobody � there")
    assert troubleshot(here)[0] == "false"
    assert here.checked == 4


def test_only_the_categories_named_are_told() -> None:
    here = world()
    here.findings = [finding(category, Outcome.PASSED) for category in Category]
    here.findings[0] = finding(Category.AXL, Outcome.FAILED)
    assert [category for category, _, _ in troubleshot(here)[1]] == [each.value for each in Category]
    assert troubleshot(here, "Proxy server", "CTI gateway") == (
        "true",
        [("Proxy server", "passed", "as found"), ("CTI gateway", "passed", "as found")],
    )
    assert troubleshot(here, "axl")[0] == "false"
    with pytest.raises(FaultError, match="Category is none of AXL, Presence"):
        troubleshot(here, "Weather")
