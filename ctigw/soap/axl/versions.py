"""Which version of AXL a request is of.

The header SOAPAction says it, in SOAP 1.2 the parameter of that name in Content-Type; who does not say means
the oldest there is.  The namespace says nothing of it: each of ours is of every version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# 6.0.1 is how some write 6.0(1).
SUPPORTED = frozenset(("1.0", "6.0", "6.0.1"))
UNSUPPORTED = 599
# Clients look for these words, and take the versions from what follows.
WHY_UNSUPPORTED = "Incorrect axl version. Supported axl versions: 1.0, 6.0"
# That of the schema, of the Guide's example, and of clients that put the version there.
NAMESPACE = "http://www.cisco.com/AXL/API/1.0"
NAMESPACES = frozenset((NAMESPACE, "http://www.cisco.com/AXL/1.0", "http://www.cisco.com/AXL/API/6.0"))
_ACTION = re.compile(r'"?CUCM:DB ver=([0-9.]+)( +\S+)?"?')
_PARAMETER = re.compile(r';\s*action\s*=\s*("[^"]*"|[^\s;"]+)', re.IGNORECASE)


def action(headers: Mapping[str, str]) -> str:
    """What a request says that it is for; "": nothing."""
    if (said := headers.get("soapaction")) is not None:
        return said.strip()
    found = _PARAMETER.search(headers.get("content-type", ""))
    return found[1].strip('"').strip() if found else ""


def asked(said: str) -> str | None:
    """The version in an `action`; None: it names none."""
    found = _ACTION.fullmatch(said)
    return found[1] if found else None


def is_supported(said: str) -> bool:
    """Whether a request with this `action` can be served."""
    version = asked(said)
    return version is None or version in SUPPORTED
