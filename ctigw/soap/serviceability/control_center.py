"""ControlCenterServicesPort: the parts of the gateway, and whether they run.

A part runs when the live checks of it pass, those of `ctigw check --live`.  Nothing is started or stopped
from afar: the parts are one process, and which of them there are is for the configuration to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ctigw.findings import Finding, Outcome
from ctigw.soap.serviceability.asking import children, content
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.seen import Given, ServiceSeen
from ctigw.soap.serviceability.service import Call, Operation, Service
from ctigw.soap.serviceability.telling import Fields

GROUP, PRODUCT = "ctigw services", "ctigw"
# The codes with which the product says what is the matter with a service.
FINE, NOT_RUNNING, NOT_ACTIVATED = -1, -1019, -1068
REFUSED = (
    "nothing is started or stopped from afar: the parts of the gateway are one process, which is started and "
    "stopped on its machine, and its configuration says which of them there are"
)


class ControlCenter:
    """The operations."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def operations(self) -> Mapping[str, Operation]:
        """By their names."""
        return {
            "soapGetStaticServiceList": self._list,
            "soapGetServiceStatus": self._status,
            "soapDoServiceDeployment": self._refuse,
            "soapDoControlServices": self._refuse,
            "getProductInformationList": self._product,
        }

    async def _list(self, _call: Call) -> Fields:
        listed = [("item", _specified(service)) for service in self._given.services()]
        return [("soapGetStaticServiceListReturn", [("Services", listed)])]

    async def _status(self, call: Call) -> Fields:
        services = {service.name: service for service in self._given.services()}
        asked = [said for each in children(call.body) if (said := content(each))]
        for name in asked:
            if name not in services:
                raise Fault(
                    f"there is no service {name[:100]!r}; soapGetStaticServiceList names those there are"
                )
        findings = await self._given.checks()
        told = [services[name] for name in dict.fromkeys(asked)] if asked else list(services.values())
        return [
            (
                "soapGetServiceStatusReturn",
                [
                    ("ReturnCode", "0"),
                    ("ReasonCode", FINE),
                    ("ReasonString", ""),
                    ("ServiceInfoList", [("item", self._standing(each, findings)) for each in told]),
                ],
            )
        ]

    def _standing(self, service: ServiceSeen, findings: Sequence[Finding]) -> Fields:
        """How ``service`` is, by what was found of it."""
        failed = [finding for finding in findings if finding.outcome is Outcome.FAILED]
        named = ((f"{finding.category.value}/{finding.name}", finding) for finding in failed)
        wrong = next((finding for name, finding in named if name.startswith(service.checked)), None)
        if not service.on:
            status, code, why = "Stopped", NOT_ACTIVATED, "Service Not Activated"
        elif wrong is not None:
            status, code, why = "Stopped", NOT_RUNNING, f"{wrong.name}: {wrong.found}"
        else:
            status, code, why = "Started", FINE, " "
        runs = status == "Started"
        return [
            ("ServiceName", service.name),
            ("ServiceStatus", status),
            ("ReasonCode", code),
            ("ReasonCodeString", why),
            ("StartTime", self._given.shown(self._given.started) if runs else ""),
            ("UpTime", max(0, int(self._given.means.now() - self._given.started)) if runs else -1),
        ]

    async def _refuse(self, _call: Call) -> Fields:
        raise Fault(REFUSED)

    async def _product(self, _call: Call) -> Fields:
        given = self._given
        product: Fields = [
            ("ProductName", PRODUCT),
            ("ProductVersion", given.version),
            ("ProductDescription", "CTI gateway and presence server"),
            ("ProductID", PRODUCT),
            ("ShortName", PRODUCT),
        ]
        services = [("item", [("ProductID", PRODUCT), *_specified(each)]) for each in given.services()]
        return [
            (
                "getProductInformationListReturn",
                [
                    ("ActiveServerVersion", given.version),
                    ("PrimaryNode", given.node),
                    ("SecondaryNode", ""),
                    ("Products", [("item", product)]),
                    ("Services", services),
                ],
            )
        ]


def _specified(service: ServiceSeen) -> Fields:
    return [
        ("ServiceName", service.name),
        ("ServiceType", "Service"),
        ("Deployable", False),
        ("GroupName", GROUP),
        ("DependentServices", [("Service", name) for name in service.needs]),
    ]


def service(given: Given) -> Service:
    """The service."""
    return Service(given.who, "control_center.wsdl", ControlCenter(given).operations())
