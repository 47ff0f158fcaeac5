"""The CTI gateway: RequestSystemStatus at each listener, as a client asks it."""

from __future__ import annotations

from typing import Any

from ctigw.checks.running import Skipped, Wrong, nothing_there
from ctigw.config import Listener
from ctigw.csta.application_session import (
    ApplicationInfo,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
)
from ctigw.csta.system import RequestSystemStatus, SystemStatusValue
from ctigw.csta.types import ED3
from ctigw.net.csta_client import CstaClient, Lost, NegativeAnswer
from ctigw.net.exchange import At, UnreachableError, own, reach, shown
from ctigw.values import value
from ctigw.xml import Elements

# Seconds for which the session of a check is asked: it ends with the connection.
SECONDS = 60
ELSEWHERE = "only the gateway knows which port it has taken"


@value
class Login:
    """As whom to log in; "" for nobody."""

    name: str = ""
    password: str = ""


async def check_listener(reactor: Any, listener: Listener, at: At | None, login: Login) -> str:
    """Ask how the gateway is.  Raises `Skipped`, `Wrong`."""
    if at is None:
        raise Skipped(ELSEWHERE)
    tls = bool(listener.tls_certificate)
    client = CstaClient(reactor, patience=60.0)  # the check has less
    try:
        await reach(reactor, at, client, tls=tls)
    except UnreachableError as error:
        raise nothing_there(error) from None
    try:
        if listener.authentication == "certificate":
            return "somebody listens; clients have to show a certificate, so nothing was asked"
        return await _asked(client, listener, login)
    finally:
        client.close()


async def _asked(client: CstaClient, listener: Listener, login: Login) -> str:
    logged_in = listener.authentication == "session" and login.name
    try:
        if logged_in:
            await _log_in(client, login)
        response = await client.request(RequestSystemStatus())
    except NegativeAnswer as refusal:
        if listener.authentication == "session" and not logged_in:
            return "answers, and wants to know who asks (--as asks more)"
        raise Wrong(
            f"it refuses: {refusal}", "see the rights of the application that the listener names"
        ) from None
    except Lost as error:
        if listener.authentication == "address":
            raise Skipped(
                "it serves only the addresses in its networks, and this one is not in them"
            ) from None
        raise nothing_there(error) from None
    if listener.tls_certificate:
        must_be_own(shown(client.transport), listener.tls_certificate)
    if response.system_status is SystemStatusValue.DISABLED:
        raise no_pbx()
    return f"answers: system status {response.system_status.value}"


async def _log_in(client: CstaClient, login: Login) -> None:
    said = Elements((("userName", login.name), ("password", login.password)))
    request = StartApplicationSession(
        application_info=ApplicationInfo(application_id="ctigw", application_specific_info=said),
        requested_protocol_versions=(ED3,),
        requested_session_duration=SECONDS,
    )
    if isinstance(await client.request(request), StartApplicationSessionNegResponse):
        raise Wrong(f"it does not let in {login.name}", "see the name and the password that --as is given")


def no_pbx() -> Wrong:
    """The gateway cannot reach its PBX."""
    return Wrong(
        "the gateway has lost its PBX: system status disabled",
        "see that the PBX of [driver] is up and can be reached from here; the gateway will find it by itself",
    )


def must_be_own(certificate: bytes, file: str) -> None:
    """Whether a listener shows the certificate in ``file``.  Raises `Wrong`."""
    try:
        same = certificate == own(file)
    except (OSError, ValueError):
        return  # that is for the check of the file
    if not same:
        raise Wrong(
            f"it shows another certificate than the one in {file}",
            "restart the gateway, which reads the file when it starts",
        )
