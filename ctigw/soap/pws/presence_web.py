"""Which path is whose in the Presence Web Service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ctigw.soap.http import Handler
from ctigw.soap.pws.rest_face import BASE, RestFace
from ctigw.soap.pws.service import Service
from ctigw.soap.pws.soap_face import SCHEMA, SoapFace, contract


def routes(
    service: Service,
    *,
    fault_status: Literal["ok", "standard"] = "ok",
    repeated_login: Literal["reuse", "refuse"] = "reuse",
) -> Mapping[str, Handler]:
    """For `soap.http.Routes`: SOAP, its schema, and REST.

    ``fault_status``: the HTTP status of SOAP faults; ``repeated_login``: what becomes of a REST login
    without force while there is a session.
    """
    soap = SoapFace(service, contract(), fault_status=fault_status)
    rest = RestFace(service, reuse=repeated_login == "reuse")
    return {
        f"{BASE}/soap": soap.serve,
        f"{BASE}/soap/{SCHEMA}": soap.schema,
        f"{BASE}/": rest.serve,
    }
