from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.soap.serviceability.ris import _fitting
from ctigw.soap.serviceability.seen import ClientSeen, Standing
from tests.serviceability import NOW, RIS, FaultError, World, line, plain, q

ALICE, BOB = "alice@example.com", "bob@example.com"
CRITERIA: dict[str, Any] = {
    "MaxReturnedDevices": 1000,
    "DeviceClass": "Any",
    "Model": 255,
    "Status": "Any",
    "NodeName": "",
    "SelectBy": "Name",
    "SelectItems": {"item": {"Item": "*"}},
    "Protocol": "Any",
    "DownloadStatus": "Any",
}
CTI: dict[str, Any] = {
    "MaxReturnedItems": 1000,
    "CtiMgrClass": "Provider",
    "Status": "Any",
    "NodeName": "",
    "SelectAppBy": "AppId",
    "AppItems": {"item": {"AppItem": "*"}},
    "DevNames": {},
    "DirNumbers": {},
}


def world() -> World:
    return World(
        lines=[line("2001", owner=ALICE), line("2002", Standing.UNREGISTERED, BOB), line("3001")],
        clients=[
            ClientSeen(
                id="1", user=ALICE, address="192.0.2.1", since=NOW - 10.5, controlled=("2001", "2002")
            ),
            ClientSeen(id="2", user="", address="2001:db8::1", since=NOW - 5.0),
        ],
    )


def listed(value: Any) -> list[Any]:
    if not value:
        return []
    found = value["item"]
    return found if isinstance(found, list) else [found]


def devices(world: World, state: str = "", operation: str = "selectCmDeviceExt", **criteria: Any) -> Any:
    """The one node of the answer, with what is beside it."""
    asked = q({"StateInfo": state, "CmSelectionCriteria": CRITERIA | criteria})
    answer = plain(world.ask(RIS, operation, asked))["selectCmDeviceReturn"]
    (node,) = listed(answer["SelectCmDeviceResult"]["CmNodes"])
    return node | {
        "total": int(answer["SelectCmDeviceResult"]["TotalDevicesFound"]),
        "state": answer["StateInfo"],
        "devices": listed(node["CmDevices"]),
    }


def numbers(world: World, **criteria: Any) -> list[str]:
    return [device["Name"] for device in devices(world, **criteria)["devices"]]


def items(world: World, **criteria: Any) -> list[Any]:
    answer = plain(
        world.ask(RIS, "selectCtiItem", q({"StateInfo": "", "CtiSelectionCriteria": CTI | criteria}))
    )
    result = answer["selectCtiItemReturn"]["SelectCtiItemResult"]
    (node,) = listed(result["CtiNodes"])
    found = listed(node["CtiItems"])
    assert int(result["TotalItemsFound"]) >= len(found)
    return found


@pytest.mark.parametrize("operation", ["selectCmDevice", "selectCmDeviceExt"])
def test_lines_are_told_as_they_are_now(operation: str) -> None:
    here = world()
    first, second, third = devices(here, operation=operation)["devices"]
    assert (first["Name"], first["Status"], first["DirNumber"]) == ("2001", "Registered", "2001-Registered")
    assert (first["Description"], first["LoginUserId"], first["IPAddress"]) == (ALICE, ALICE, "")
    assert first["LinesStatus"] == {"item": {"DirectoryNumber": "2001", "Status": "Registered"}}
    assert (second["Status"], third["Description"]) == ("UnRegistered", "")
    here.lines[1] = line("2002", owner=BOB)
    here.lines[2] = line("3001", Standing.UNKNOWN)
    _, second, third = devices(here, operation=operation)["devices"]
    assert (second["Status"], third["Status"]) == ("Registered", "Unknown")


def test_what_has_not_changed_is_not_told_again() -> None:
    here = world()
    first = devices(here)
    assert (first["NoChange"], first["ReturnCode"], first["total"]) == ("false", "Ok", 3)
    state = first["state"].replace("<", "&lt;")
    again = devices(here, state)
    assert (again["NoChange"], again["devices"], again["state"]) == ("true", [], first["state"])
    here.lines[0] = line("2001", Standing.UNREGISTERED, ALICE)
    changed = devices(here, state)
    assert (changed["NoChange"], len(changed["devices"])) == ("false", 3)
    assert changed["state"] != first["state"]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["2001", "2002", "3001"]),
        ({"SelectItems": {}}, ["2001", "2002", "3001"]),
        ({"SelectItems": {"item": {"Item": "2001"}}}, ["2001"]),
        ({"SelectItems": {"item": [{"Item": "3001"}, {"Item": "20*2"}]}}, ["2002", "3001"]),
        ({"SelectItems": {"item": {"Item": "9*"}}}, []),
        ({"SelectBy": "DirNumber", "SelectItems": {"item": {"Item": "300*"}}}, ["3001"]),
        ({"SelectBy": "Description", "SelectItems": {"item": {"Item": "BOB@*"}}}, ["2002"]),
        ({"SelectBy": "IPV4Address", "SelectItems": {"item": {"Item": "192.0.2.1"}}}, []),
        ({"Status": "Registered"}, ["2001", "3001"]),
        ({"Status": "UnRegistered"}, ["2002"]),
        ({"Status": "Rejected"}, []),
        ({"DeviceClass": "Phone"}, ["2001", "2002", "3001"]),
        ({"DeviceClass": "Gateway"}, []),
        ({"Model": 30016}, []),
        ({"Protocol": "SCCP"}, []),
        ({"MaxReturnedDevices": 2}, ["2001", "2002"]),
        ({"NodeName": "CUP1"}, ["2001", "2002", "3001"]),
        ({"NodeName": "cup1.example.com"}, ["2001", "2002", "3001"]),
        ({"NodeName": "cup2"}, []),
    ],
)
def test_lines_are_selected(criteria: dict[str, Any], found: list[str]) -> None:
    assert numbers(world(), **criteria) == found


def test_how_many_there_are_is_told_of_all_that_fit() -> None:
    node = devices(world(), MaxReturnedDevices=1)
    assert (node["total"], len(node["devices"])) == (3, 1)


@pytest.mark.parametrize(
    ("criteria", "code"),
    [({"NodeName": "cup2"}, "InvalidNodeName"), ({"Status": "Rejected"}, "NotFound"), ({}, "Ok")],
)
def test_a_node_says_how_it_went(criteria: dict[str, Any], code: str) -> None:
    assert devices(world(), **criteria)["ReturnCode"] == code


@pytest.mark.parametrize(
    "criteria",
    [
        {"MaxReturnedDevices": "many"},
        {"MaxReturnedDevices": -1},
        {"MaxReturnedDevices": 10**400},
        {"Model": "٣"},
        {"DeviceClass": "Toaster"},
        {"Status": "Happy"},
        {"SelectBy": "Charm"},
        {"Protocol": "Pigeon"},
        {"SelectItems": {"item": [{"Item": "1"}] * 1001}},
        {"SelectItems": {"item": {"Item": "1" * 1025}}},
    ],
)
def test_criteria_that_mean_nothing_are_refused(criteria: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        devices(world(), **criteria)


def test_clients_are_told_as_they_are_now() -> None:
    here = world()
    first, second = items(here)
    assert (first["AppId"], first["UserId"], first["AppStatus"]) == ("CSTA 1", ALICE, "Open")
    assert (first["AppIpAddr"], first["AppTimeStamp"]) == ("192.0.2.1", str(NOW - 11))
    assert (second["UserId"], second["AppIpAddr"], second["AppIpv6Addr"]) == ("", "", "2001:db8::1")
    del here.clients[0]
    assert [item["AppId"] for item in items(here)] == ["CSTA 2"]


@pytest.mark.parametrize("kind", ["Device", "Line"])
def test_what_clients_watch_is_told_line_by_line(kind: str) -> None:
    here = world()

    def watched(**criteria: Any) -> list[tuple[str, str]]:
        named = {"Device": "DeviceName", "Line": "DirNumber"}[kind]
        return [
            (item["AppId"], item[f"Cti{kind}"][named]) for item in items(here, CtiMgrClass=kind, **criteria)
        ]

    assert watched() == [("CSTA 1", "2001"), ("CSTA 1", "2002")]
    here.clients[1] = ClientSeen(id="2", user=BOB, address="", since=0.0, controlled=("2002",))
    assert watched() == [("CSTA 1", "2001"), ("CSTA 1", "2002"), ("CSTA 2", "2002")]
    assert watched(DirNumbers={"item": {"DirNumber": "2002"}}) == [("CSTA 1", "2002"), ("CSTA 2", "2002")]
    assert watched(DevNames={"item": {"DevName": "*1"}}) == [("CSTA 1", "2001")]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({"Status": "Open"}, ["CSTA 1", "CSTA 2"]),
        ({"Status": "Closed"}, []),
        ({"AppItems": {"item": {"AppItem": "CSTA 2"}}}, ["CSTA 2"]),
        ({"SelectAppBy": "UserId", "AppItems": {"item": {"AppItem": "alice*"}}}, ["CSTA 1"]),
        ({"SelectAppBy": "AppIPV4Address", "AppItems": {"item": {"AppItem": "192.0.2.*"}}}, ["CSTA 1"]),
        ({"SelectAppBy": "AppIPV6Address", "AppItems": {"item": {"AppItem": "2001:DB8::1"}}}, ["CSTA 2"]),
        ({"MaxReturnedItems": 1}, ["CSTA 1"]),
        ({"NodeName": "cup2"}, []),
    ],
)
def test_clients_are_selected(criteria: dict[str, Any], found: list[str]) -> None:
    assert [item["AppId"] for item in items(world(), **criteria)] == found


@pytest.mark.parametrize("criteria", [{"CtiMgrClass": "Manager"}, {"Status": "x"}, {"SelectAppBy": "Charm"}])
def test_criteria_of_clients_that_mean_nothing_are_refused(criteria: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        items(world(), **criteria)


def test_a_request_without_criteria_is_for_everything() -> None:
    answer = plain(world().ask(RIS, "selectCmDevice"))
    assert answer["selectCmDeviceReturn"]["SelectCmDeviceResult"]["TotalDevicesFound"] == "3"


def test_the_server_says_which_it_is() -> None:
    here = world()
    (about,) = (plain(each) for each in here.ask(RIS, "getServerInfo", q({"Hosts": {"Name": "cup1"}})))
    assert (about["HostName"], about["call-manager-version"]) == ("cup1", "1.2.3")
    assert len(here.ask(RIS, "getServerInfo", q({"Hosts": {"Name": "elsewhere"}}))) == 0


def test_a_client_of_2003_reads_the_answer_of_its_contract() -> None:
    here = world()
    beside = (
        '<multiRef id="id0" xsi:type="n:CmSelectionCriteria" xmlns:n="http://schemas.cisco.com/ast/soap/">'
        '<MaxReturnedDevices xsi:type="xsd:unsignedInt">200</MaxReturnedDevices><Class>Any</Class>'
        "<Model>255</Model><Status>Registered</Status><NodeName xsi:nil='true'/><SelectBy href='#id1'/>"
        "<SelectItems xsi:nil='true'/></multiRef><multiRef id='id1'>Name</multiRef>"
    )
    asked = '<StateInfo xsi:type="xsd:string"/><CmSelectionCriteria href="#id0"/>'
    answer = here.old(RIS, "SelectCmDevice", asked, beside)
    assert answer.tag == "{http://schemas.cisco.com/ast/soap/}SelectCmDeviceResponse"
    told = plain(answer)
    assert list(told) == ["SelectCmDeviceResult", "StateInfo"]
    node = told["SelectCmDeviceResult"]["CmNodes"]["item"]
    assert [device["Name"] for device in node["CmDevices"]["item"]] == ["2001", "3001"]
    about = plain(
        here.old(RIS, "GetServerInfo", '<Hosts><item xsi:type="xsd:string">localhost</item></Hosts>')
    )
    assert about == {"ServerInfo": ""}
    about = plain(here.old(RIS, "GetServerInfo"))
    assert about["ServerInfo"]["item"]["HostName"] == "cup1.example.com"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=6))
def test_stars_stand_for_anything(pattern: str, name: str) -> None:
    def fits(parts: str, text: str) -> bool:
        """What it means, said in the longest way."""
        if not parts:
            return not text
        if parts[0] == "*":
            return any(fits(parts[1:], text[n:]) for n in range(len(text) + 1))
        return bool(text) and parts[0] == text[0] and fits(parts[1:], text[1:])

    assert _fitting([pattern])(name) == fits(pattern, name)


def test_a_pattern_of_stars_takes_no_time() -> None:
    assert not _fitting(["*a" * 500 + "b"])("a" * 10_000)
