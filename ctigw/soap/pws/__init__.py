"""The Presence Web Service: presence for programs that speak SOAP or REST instead of SIP.

``service``        the nine operations on values, shared by both faces; ``requests``: these values
``checks``         what the operations ask again and again
``logging_in``     logging in and out, and whose request it is
``endpoints``      where applications are called back; ``urls``: which addresses these may have
``subscriptions``  whom a user watches by which subscription
``publishing``     what a user says of themselves
``words``          presence documents in one word, and back
``numbers``        what clients are given for what is theirs
``numbered``       endpoints and subscriptions alike: by number, whose they are, until when
``callbacks``      telling endpoints that there is something to fetch
``soap_face``      SOAP: envelopes and faults; ``soap_operations``: what is in them
``rest_face``      REST: paths, headers and statuses
``reading``, ``writing``  XML as both faces have it
``errors``         the codes of what is refused
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ctigw.soap.http import Handler
from ctigw.soap.pws.rest_face import BASE, RestFace
from ctigw.soap.pws.service import Service
from ctigw.soap.pws.soap_face import SCHEMA, SoapFace, contract

__all__ = ("routes",)


def routes(
    service: Service,
    *,
    fault_status: Literal["ok", "standard"] = "ok",
    repeated_login: Literal["reuse", "refuse"] = "reuse",
) -> Mapping[str, Handler]:
    """Which path is whose: SOAP, its schema, and REST.

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
