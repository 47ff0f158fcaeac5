"""What ``ctigw describe`` says of SOAP and REST, from the code that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def operations(_gateway: Any = None) -> list[dict[str, Any]]:
    """What can be asked for at each interface, by the name that `web.listeners` have for it, and the module
    that serves it.
    """
    found = (*_epas(), *_presence(), *_axl(), *_serviceability())
    return [{"interface": name, "asked": asked, "served": served} for name, asked, served in found]


_Rows = Iterator[tuple[str, str, str]]


def _epas() -> _Rows:
    from ctigw.soap.epas import logins
    from ctigw.soap.epas.service import OPERATIONS

    served = {name: _file(work) for name, work in OPERATIONS.items()}
    served |= dict.fromkeys(("login", "logout"), _file(logins.Logins))
    for name in sorted(served):
        yield "epas", name, served[name]


def _presence() -> _Rows:
    from ctigw.soap.pws.rest_face import BASE, ROUTES
    from ctigw.soap.pws.soap_face import SoapFace
    from ctigw.soap.pws.soap_operations import OPERATIONS

    served = {name: _file(operation.do) for name, operation in OPERATIONS.items()}
    served["login"] = _file(SoapFace)
    for name in sorted(served):
        yield "presence", name, served[name]
    for route in ROUTES:
        yield "presence", f"{route.method} {'/'.join((BASE, *route.path))}", _file(route.serve)


def _axl() -> _Rows:
    from ctigw.soap.axl.service import OPERATIONS, SERVED, Axl

    for name in sorted(SERVED):
        operation = OPERATIONS.get(name)
        yield "axl", name, _file(Axl if operation is None else operation.work)


def _serviceability() -> _Rows:
    """What its contracts say, which are as its services are."""
    from lxml import etree

    from ctigw.soap.contract import text
    from ctigw.soap.serviceability import control_center, logs, perfmon, ris, troubleshooter
    from ctigw.soap.serviceability.service import FOLDER

    contracts = {
        "control_center": control_center,
        "dime_get_file": logs,
        "log_collection": logs,
        "perfmon": perfmon,
        "ris": ris,
        "troubleshooter": troubleshooter,
    }
    served = {
        str(operation.get("name")): _path(module.__name__)
        for contract, module in contracts.items()
        for operation in etree.fromstring(text(FOLDER, f"{contract}.wsdl")).iterfind(
            "{*}portType/{*}operation"
        )
    }
    for name in sorted(served):
        yield "serviceability", name, served[name]


def _file(work: Any) -> str:
    return _path(work.__module__)


def _path(module: str) -> str:
    return module.replace(".", "/") + ".py"


TOPICS: Mapping[str, Callable[[Any], Any]] = {"web-operations": operations}
