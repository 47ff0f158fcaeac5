"""zeep, a real client that knows nothing but our contracts, over real sockets: every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
import zeep

from ctigw.findings import Category, Outcome
from ctigw.soap.serviceability.seen import ClientSeen, ServiceSeen
from ctigw.soap.serviceability.seen import Counter as Counted
from tests.serviceability import CONTROL, DIME, LOGS, NOW, PERFMON, RIS, TROUBLE, World, finding, line
from tests.unit.test_serviceability_ris import CRITERIA, CTI
from tests.web_server import client, in_thread, listening


def world() -> World:
    return World(
        counters={"ctigw CSTA": {"": {"calls": Counted(3, "Calls now")}}},
        lines=[line("2001"), line("2002")],
        clients=[
            ClientSeen(id="1", user="alice", address="192.0.2.1", since=float(NOW), controlled=("2001",))
        ],
        services=[ServiceSeen(name="ctigw CSTA gateway", on=True, checked=("CTI gateway/",))],
        findings=[finding(Category.CTI, Outcome.PASSED)],
        files={"ctigw.log": (b"a line\n" * 3000, float(NOW))},
    )


async def served(here: World, work: Callable[[Callable[[str], Any]], None]) -> None:
    """Do ``work`` in a thread, with what makes a client of the service at a path."""
    clients: list[zeep.Client] = []
    async with listening(here.routes.serve) as base:

        def made(path: str) -> Any:
            clients.append(client(f"{base}{path}?wsdl", password=("webadmin", "demo")))
            return clients[-1].service

        try:
            await in_thread(lambda: work(made))
        finally:
            for each in clients:
                each.transport.session.close()


@pytest_twisted.ensureDeferred
async def test_perfmon() -> None:
    here = world()

    def work(made: Callable[[str], Any]) -> None:
        perfmon = made(PERFMON)
        name = r"\\cup1\ctigw CSTA\calls"
        (about,) = perfmon.perfmonListCounter(Host="cup1")
        assert (about.Name, about.ArrayOfCounter.item[0].Name) == ("ctigw CSTA", "calls")
        assert perfmon.perfmonListInstance(Host="cup1", Object="ctigw CSTA") in (None, [])
        assert perfmon.perfmonQueryCounterDescription(Counter=name) == "Calls now"
        assert perfmon.perfmonCollectCounterData(Host="cup1", Object="ctigw CSTA")[0].Value == 3
        handle = perfmon.perfmonOpenSession()
        counters = {"Counter": [{"Name": name}]}
        perfmon.perfmonAddCounter(SessionHandle=handle, ArrayOfCounter=counters)
        assert [each.Value for each in perfmon.perfmonCollectSessionData(SessionHandle=handle)] == [3]
        here.counters["ctigw CSTA"][""]["calls"] = Counted(4, "Calls now")
        assert [each.Value for each in perfmon.perfmonCollectSessionData(SessionHandle=handle)] == [4]
        perfmon.perfmonRemoveCounter(SessionHandle=handle, ArrayOfCounter=counters)
        assert perfmon.perfmonCollectSessionData(SessionHandle=handle) in (None, [])
        perfmon.perfmonCloseSession(SessionHandle=handle)
        with pytest.raises(zeep.exceptions.Fault, match="no such session"):
            perfmon.perfmonCloseSession(SessionHandle=handle)
        here.clock.pump([3600, 1])

    await served(here, work)


@pytest_twisted.ensureDeferred
async def test_ris() -> None:
    here = world()

    def work(made: Callable[[str], Any]) -> None:
        for path in (RIS, "/realtimeservice2/services/RISService70"):
            ris = made(path)
            for operation in (ris.selectCmDevice, ris.selectCmDeviceExt):
                result = operation(StateInfo="", CmSelectionCriteria=CRITERIA)["SelectCmDeviceResult"]
                devices = result["CmNodes"]["item"][0]["CmDevices"]["item"]
                assert [(device.Name, device.Status) for device in devices] == [
                    ("2001", "Registered"),
                    ("2002", "Registered"),
                ]
            for kind, app in (("Provider", None), ("Line", "2001")):
                asked = CTI | {"CtiMgrClass": kind}
                result = ris.selectCtiItem(StateInfo="", CtiSelectionCriteria=asked)["SelectCtiItemResult"]
                (item,) = result.CtiNodes.item[0].CtiItems.item
                assert (item.UserId, item.CtiLine and item.CtiLine.DirNumber) == ("alice", app)
            (server,) = ris.getServerInfo(Hosts={"Name": ["cup1"]})
            assert server["call-manager-version"] == "1.2.3"

    await served(here, work)


@pytest_twisted.ensureDeferred
async def test_control_center_and_troubleshooter() -> None:
    here = world()

    def work(made: Callable[[str], Any]) -> None:
        control = made(CONTROL)
        name = "ctigw CSTA gateway"
        assert control.soapGetStaticServiceList("")["item"][0].ServiceName == name
        assert control.soapGetServiceStatus("")["ServiceInfoList"]["item"][0].ServiceStatus == "Started"
        product = control.getProductInformationList("")
        assert (product.ActiveServerVersion, product.Services.item[0].ServiceName) == ("1.2.3", name)
        for operation, kind in (
            (control.soapDoControlServices, {"ControlType": "Restart"}),
            (control.soapDoServiceDeployment, {"DeployType": "UnDeploy"}),
        ):
            with pytest.raises(zeep.exceptions.Fault, match="from afar"):
                operation({"NodeName": "", "ServiceList": {"item": [name]}, **kind})
        trouble = made(TROUBLE)
        told = trouble.troubleshoot(Category=["CTI gateway"])
        assert (told.Passed, told.Tests.item[0].Result) == (True, "passed")
        here.findings[0] = finding(Category.CTI, Outcome.FAILED)
        assert trouble.troubleshoot().Passed is False
        assert control.soapGetServiceStatus([name])["ServiceInfoList"]["item"][0].ServiceStatus == "Stopped"

    await served(here, work)


@pytest_twisted.ensureDeferred
async def test_logs() -> None:
    here = world()

    def work(made: Callable[[str], Any]) -> None:
        logs = made(LOGS)
        (node,) = logs.listNodeServiceLogs(ListRequest={})
        assert node.ServiceLog.item == ["ctigw"]
        assert logs.getTimeZone("?") == "Client:(GMT+0:0)Somewhere"
        found = logs.selectLogFiles(FileSelectionCriteria={"ServiceLogs": {"item": ["ctigw"]}})
        (file,) = found.Node.ServiceList.ServiceLogs[0].SetOfFiles.File
        assert (file.name, file.filesize) == ("ctigw.log", "21000")
        for service in (logs, made(DIME)):
            # zeep takes away line breaks at the end of what is attached.
            assert service.GetOneFile(file.absolutepath) == (b"a line\n" * 3000).rstrip(b"\n")

    await served(here, work)


@pytest_twisted.ensureDeferred
async def test_nobody_else_is_served() -> None:
    here = world()

    def work(made: Callable[[str], Any]) -> None:
        trouble = made(TROUBLE)
        trouble._client.transport.session.auth = ("webadmin", "wrong")
        with pytest.raises(zeep.exceptions.TransportError) as refused:
            trouble.troubleshoot()
        assert refused.value.status_code == 401
        assert here.checked == 0

    await served(here, work)
