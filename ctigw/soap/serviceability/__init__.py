"""The serviceability interface of a Unified Presence server (INTERFACES 4.2): SOAP for those who keep watch.

``perfmon``         what is counted
``ris``             lines and CSTA clients
``control_center``  the parts of the gateway, and whether they run
``logs``            the files of its log; ``dime``: how one of them is attached to an answer
``troubleshooter``  its live checks
``service``         one service: its contract, who may ask, and which operation is asked for
``asking``, ``telling``  requests read and answers written, for clients of both ages
``seen``            what all of them are given of the gateway
``faults``          why a request is not done

Everything is for those who administer the gateway, who say who they are with each request (`soap.basic`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.soap.http import Handler, HttpRequest, HttpResponse, plain
from ctigw.soap.serviceability import control_center, logs, perfmon, ris, troubleshooter
from ctigw.soap.serviceability.seen import Given
from ctigw.soap.serviceability.service import Service

__all__ = ("Given", "routes")

_PERFMON = (
    "/perfmonservice/services/PerfmonPort",
    "/perfmonservice2/services/PerfmonService",
)
_RIS = (
    "/realtimeservice/services/RisPort",
    "/realtimeservice2/services/RISService",
    "/realtimeservice2/services/RISService70",
)
_CONTROL_CENTER = (
    "/controlcenterservice/services/ControlCenterServicesPort",
    "/controlcenterservice2/services/ControlCenterServices",
)
_LOG_COLLECTION = (
    "/logcollectionservice/services/LogCollectionPort",
    "/logcollectionservice2/services/LogCollectionPortTypeService",
)
_DIME_GET_FILE = (
    "/logcollectionservice/services/DimeGetFileService",
    "/logcollectionservice2/services/DimeGetFileService",
)
_TROUBLESHOOTER = ("/TroubleshooterService/services/TroubleshooterPort",)
_SOAP_MONITOR = "/realtimeservice/services/SOAPMonitorService"
_NO_CONTRACT = (
    "SOAPMonitorService is a tool of another server's SOAP engine: it has no contract, and is not here"
)


def routes(given: Given) -> Mapping[str, Handler]:
    """Who serves each of the URLs: those of the Guide, and those of later releases."""
    log_collection, dime_get_file = logs.services(given)
    table: tuple[tuple[Service, tuple[str, ...]], ...] = (
        (perfmon.service(given), _PERFMON),
        (ris.service(given), _RIS),
        (control_center.service(given), _CONTROL_CENTER),
        (log_collection, _LOG_COLLECTION),
        (dime_get_file, _DIME_GET_FILE),
        (troubleshooter.service(given), _TROUBLESHOOTER),
    )
    served = {path: service.at(path) for service, paths in table for path in paths}
    return {**served, _SOAP_MONITOR: _monitor}


async def _monitor(_request: HttpRequest) -> HttpResponse:
    return plain(404, _NO_CONTRACT)
