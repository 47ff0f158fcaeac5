"""AXL, the administration of users and settings by SOAP: ``POST /axl/``.

``access``    who may: a password or a cookie, and the right to administer
``versions``  which version a request is of
``messages``  requests and answers as elements and values
``service``   one request served, from HTTP to HTTP
``users``     the operations on users
``settings``  those on licences, applications, this host and what clients are told
``sql``       questions in SQL
``site``      what this host is called, and users and things in answers
``errors``    AXL's numbers of what is wrong

What the product has beside that is for a Communications Manager, and refused as disabled.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.soap.axl.access import Access
from ctigw.soap.axl.service import Axl, Given
from ctigw.soap.axl.site import Site
from ctigw.soap.http import Handler
from ctigw.soap.sessions import Sessions

__all__ = ["Given", "Site", "routes"]


def routes(given: Given, sessions: Sessions, site: Site) -> Mapping[str, Handler]:
    """What is served below /axl/; the WSDL, which needs no password, at ``GET /axl/?wsdl``."""
    return {"/axl/": Axl(given, Access(given.run, given.who, sessions), site).serve}
