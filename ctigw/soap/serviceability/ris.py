"""RisPort: the lines of the PBX as they are now, and the CSTA clients with what they watch.

A line is a device of the class Phone that has its own number for a name, "SEP" and the like being names of
another PBX.  The gateway knows nothing of the address or make of a telephone: those fields say so.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ctigw.directory.wildcards import matcher
from ctigw.soap.serviceability.asking import choice, number, text, texts
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.seen import ClientSeen, Given, LineSeen
from ctigw.soap.serviceability.service import Call, Operation, Service
from ctigw.soap.serviceability.telling import Fields
from ctigw.xml.parsing import Element

# As many as the product gives at once.
MOST = 1000
# What means every model, in a request, and that it is not known, in an answer.
ANY_MODEL = 255
CLASSES = frozenset(
    (
        "Any",
        "Phone",
        "Gateway",
        "H323",
        "Cti",
        "VoiceMail",
        "MediaResources",
        "SIPTrunk",
        "HuntList",
        "Unknown",
    )
)
STATUSES = frozenset(("Any", "Registered", "UnRegistered", "Rejected", "PartiallyRegistered", "Unknown"))
SELECT_BY = frozenset(
    ("Name", "IPV4Address", "IPV6Address", "IpAddress", "DirNumber", "Description", "SIPStatus")
)
PROTOCOLS = frozenset(("Any", "SCCP", "SIP", "Unknown"))
CTI_CLASSES = frozenset(("Provider", "Device", "Line"))
CTI_STATUSES = frozenset(("Any", "Open", "Closed", "OpenFailed", "Unknown"))
SELECT_APP_BY = frozenset(("AppId", "AppIPV4Address", "AppIPV6Address", "AppIpAddress", "UserId"))
_STATE = re.compile(r'Digest="([0-9a-f]{32})"')


class Ris:
    """The operations."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def operations(self) -> Mapping[str, Operation]:
        """By their names."""
        return {
            "selectCmDevice": self._devices,
            "selectCmDeviceExt": self._devices,
            "selectCtiItem": self._items,
            "getServerInfo": self._server,
        }

    async def _devices(self, call: Call) -> Fields:
        criteria = "CmSelectionCriteria"
        wanted = _device_filter(call.body, criteria)
        most = number(call.body, criteria, "MaxReturnedDevices", most=2**32 - 1, default=MOST)
        here = _is_node(text(call.body, criteria, "NodeName"), self._given.node)
        found = [line for line in self._given.lines() if here and wanted(line)]
        told = [_device(line) for line in found[: min(most, MOST)]]
        result = self._result(call, told, here, "CmNodes", "CmDevices", ("TotalDevicesFound", len(found)))
        return [("selectCmDeviceReturn", [("SelectCmDeviceResult", result.fields), result.state])]

    async def _items(self, call: Call) -> Fields:
        criteria = "CtiSelectionCriteria"
        kind = choice(call.body, criteria, "CtiMgrClass", among=CTI_CLASSES, default="Provider")
        wanted = _client_filter(call.body, criteria)
        lines = _fitting([*texts(call.body, criteria, "DevNames"), *texts(call.body, criteria, "DirNumbers")])
        most = number(call.body, criteria, "MaxReturnedItems", most=2**32 - 1, default=MOST)
        here = _is_node(text(call.body, criteria, "NodeName"), self._given.node)
        clients = [client for client in self._given.clients() if here and wanted(client)]
        found = list(_items(clients, kind, lines))
        result = self._result(
            call, found[: min(most, MOST)], here, "CtiNodes", "CtiItems", ("TotalItemsFound", len(found))
        )
        return [("selectCtiItemReturn", [("SelectCtiItemResult", result.fields), result.state])]

    async def _server(self, call: Call) -> Fields:
        """Which server this is; nothing of it for others."""
        given = self._given
        about = [
            ("os-name", "ctigw"),
            ("os-version", given.version),
            ("os-arch", ""),
            ("java-runtime-version", ""),
            ("java-vm-vendor", ""),
            ("call-manager-version", given.version),
            ("Active_Versions", given.version),
            ("In_Active_Versions", ""),
        ]
        hosts = [host for host in texts(call.body, "Hosts") or [given.node] if _is_node(host, given.node)]
        return [("getServerInfoReturn", [("HostName", host), *about]) for host in hosts]

    def _result(
        self,
        call: Call,
        told: Sequence[Fields],
        here: bool,
        nodes: str,
        items: str,
        total: tuple[str, int],
    ) -> _Result:
        """The one node with what is ``told`` of it, unless that is what the client was told last."""
        digest = hashlib.md5(repr(told).encode(), usedforsecurity=False).hexdigest()
        before = _STATE.search(text(call.body, "StateInfo"))
        same = before is not None and before[1] == digest
        state = (
            f'<StateInfo><Node Name="{self._given.node}" SubsystemStartTime="{int(self._given.started)}" '
            f'Digest="{digest}" TotalItemsFound="{total[1]}" TotalItemsReturned="{len(told)}"/></StateInfo>'
        )
        code = "Ok" if told else "NotFound" if here else "InvalidNodeName"
        node: Fields = [
            ("ReturnCode", code),
            ("Name", self._given.node),
            ("NoChange", same),
            (items, [] if same else [("item", each) for each in told]),
        ]
        return _Result([total, (nodes, [("item", node)])], ("StateInfo", state))


class _Result(NamedTuple):
    fields: Fields
    state: tuple[str, str]


def _is_node(asked: str, node: str) -> bool:
    """Whether a request is for this machine: every one that names none is."""
    return asked.lower() in ("", "any", node.lower(), node.lower().partition(".")[0])


def _device_filter(body: Element, criteria: str) -> Callable[[LineSeen], bool]:
    """Which lines a request is for.  Raises `Fault`."""
    # The name of the field until release 8 was Class.
    said = text(body, criteria, "DeviceClass") or text(body, criteria, "Class") or "Any"
    if said not in CLASSES:
        raise Fault("DeviceClass is none of " + ", ".join(sorted(CLASSES)))
    status = choice(body, criteria, "Status", among=STATUSES, default="Any")
    by = choice(body, criteria, "SelectBy", among=SELECT_BY, default="Name")
    protocol = choice(body, criteria, "Protocol", among=PROTOCOLS, default="Any")
    model = number(body, criteria, "Model", most=2**32 - 1, default=ANY_MODEL)
    fits = _fitting(texts(body, criteria, "SelectItems"))
    told = _SELECTED.get(by, _nothing)

    def wanted(line: LineSeen) -> bool:
        return status in ("Any", line.standing.value) and fits(told(line))

    possible = said in ("Any", "Phone") and model == ANY_MODEL and protocol in ("Any", "Unknown")
    return wanted if possible else _never


def _never(_line: LineSeen) -> bool:
    return False


def _nothing(_seen: object) -> str:
    return ""


_SELECTED: Mapping[str, Callable[[LineSeen], str]] = {
    "Name": lambda line: line.number,
    "DirNumber": lambda line: line.number,
    "Description": lambda line: line.owner,
}


def _device(line: LineSeen) -> Fields:
    """A line, in the words of a telephone."""
    return [
        ("Name", line.number),
        ("DirNumber", f"{line.number}-{line.standing.value}"),
        ("DeviceClass", "Phone"),
        ("Model", ANY_MODEL),
        ("Product", ANY_MODEL),
        ("BoxProduct", 0),
        ("Httpd", "Unknown"),
        ("RegistrationAttempts", 0),
        ("IsCtiControllable", True),
        ("LoginUserId", line.owner),
        ("Status", line.standing.value),
        ("StatusReason", 0),
        ("PerfMonObject", 0),
        ("DChannel", 0),
        ("Description", line.owner),
        ("H323Trunk", None),
        ("TimeStamp", 0),
        ("Protocol", "Unknown"),
        ("NumOfLines", 1),
        ("LinesStatus", [("item", [("DirectoryNumber", line.number), ("Status", line.standing.value)])]),
        ("ActiveLoadID", ""),
        ("InactiveLoadID", ""),
        ("DownloadStatus", "Unknown"),
        ("DownloadFailureReason", ""),
        ("DownloadServer", ""),
        ("IPAddress", []),
    ]


def _client_filter(body: Element, criteria: str) -> Callable[[ClientSeen], bool]:
    """Which clients a request is for; all of them are open, since nothing is kept of those that are gone.

    Raises `Fault`.
    """
    status = choice(body, criteria, "Status", among=CTI_STATUSES, default="Any")
    by = choice(body, criteria, "SelectAppBy", among=SELECT_APP_BY, default="AppId")
    fits = _fitting(texts(body, criteria, "AppItems"))
    told: Callable[[ClientSeen], str] = {
        "AppId": _app_id,
        "UserId": lambda client: client.user,
    }.get(by, lambda client: client.address)
    return lambda client: status in ("Any", "Open") and fits(told(client))


def _app_id(client: ClientSeen) -> str:
    """What tells a client from all others."""
    return f"CSTA {client.id}"


def _items(clients: Iterable[ClientSeen], kind: str, fits: Callable[[str], bool]) -> Iterable[Fields]:
    """One for each client, or for each line that a client watches."""
    for client in clients:
        lines = [line for line in client.controlled if fits(line)]
        if kind == "Provider":
            yield _item(client)
        else:
            yield from map(partial(_item, client, kind), lines)


def _item(client: ClientSeen, kind: str = "", line: str = "") -> Fields:
    since = int(client.since)
    is_v6 = _is_v6(client.address)
    device: Fields = [
        ("AppControlsMedia", False),
        ("DeviceName", line),
        ("DeviceStatus", "Open"),
        ("DeviceStatusReason", 0),
        ("DeviceTimeStamp", since),
    ]
    number_: Fields = [
        ("DirNumber", line),
        ("LineStatus", "Open"),
        ("LineStatusReason", 0),
        ("LineTimeStamp", since),
    ]
    return [
        ("AppId", _app_id(client)),
        ("UserId", client.user),
        ("AppIpAddr", "" if is_v6 else client.address),
        ("AppIpv6Addr", client.address if is_v6 else ""),
        ("AppStatus", "Open"),
        ("AppStatusReason", 0),
        ("AppTimeStamp", since),
        ("CtiDevice", device if kind == "Device" else None),
        ("CtiLine", number_ if kind == "Line" else None),
    ]


def _is_v6(address: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(address), ipaddress.IPv6Address)
    except ValueError:
        return False


def _fitting(items: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of ``items``, in which ``*`` stands for anything; no items: every name is."""
    if not items:
        return lambda _name: True
    exact = frozenset(item.lower() for item in items if "*" not in item)
    patterns = [matcher(item.lower(), "*") for item in items if "*" in item]
    return lambda name: name.lower() in exact or any(fits(name.lower()) for fits in patterns)


def service(given: Given) -> Service:
    """The service."""
    return Service(
        given.who, "ris.wsdl", Ris(given).operations(), {"selectCmDeviceExt": "selectCmDeviceResponse"}
    )
