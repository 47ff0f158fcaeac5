"""TroubleshooterPort: the live checks of the gateway, run when they are asked for.

The product's contract for this service is not public.  Ours has one operation, ``troubleshoot``, which may
name the categories of interest.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.findings import Category, Finding, Outcome
from ctigw.soap.serviceability.asking import children, content
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.seen import Given
from ctigw.soap.serviceability.service import Call, Operation, Service
from ctigw.soap.serviceability.telling import Fields

CATEGORIES = {category.value.lower(): category for category in Category}


class Troubleshooter:
    """The operation."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def operations(self) -> Mapping[str, Operation]:
        """By its name."""
        return {"troubleshoot": self._troubleshoot}

    async def _troubleshoot(self, call: Call) -> Fields:
        wanted = {_category(said) for each in children(call.body) if (said := content(each))}
        findings = await self._given.checks()
        told = [finding for finding in findings if not wanted or finding.category in wanted]
        failed = any(finding.outcome is Outcome.FAILED for finding in told)
        return [
            (
                "troubleshootReturn",
                [
                    ("Node", self._given.node),
                    ("Passed", not failed),
                    ("Tests", [("item", _told(finding)) for finding in told]),
                ],
            )
        ]


def _category(said: str) -> Category:
    found = CATEGORIES.get(said.lower())
    if found is None:
        raise Fault(f"Category is none of {', '.join(category.value for category in Category)}")
    return found


def _told(finding: Finding) -> Fields:
    return [
        ("Category", finding.category.value),
        ("Name", finding.name),
        ("Result", finding.outcome.value),
        ("Found", finding.found),
        ("Remedy", finding.remedy),
    ]


def service(given: Given) -> Service:
    """The service."""
    return Service(given.who, "troubleshooter.wsdl", Troubleshooter(given).operations())
