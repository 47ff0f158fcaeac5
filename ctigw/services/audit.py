"""The audit: who asked for what on whose behalf, and what came of it.

Commands are always in it; what only asks or watches is, when it was refused for want of a right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ctigw.csta import call_control as csta
from ctigw.csta.application_session import (
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StopApplicationSession,
)
from ctigw.csta.associated import GenerateDigits
from ctigw.csta.device_id import number_of
from ctigw.csta.logical import SetDoNotDisturb, SetForwarding
from ctigw.csta.types import ConnectionID, CSTAErrorCode, categories
from ctigw.errors import Reason
from ctigw.services.application_sessions import credentials
from ctigw.services.session import Rights, Session
from ctigw.store.audit import Audited
from ctigw.xml import Elements

COMMANDS = frozenset(
    {
        csta.MakeCall,
        csta.AnswerCall,
        csta.ClearConnection,
        csta.ClearCall,
        csta.DeflectCall,
        csta.HoldCall,
        csta.RetrieveCall,
        csta.ConsultationCall,
        csta.AlternateCall,
        csta.ReconnectCall,
        csta.TransferCall,
        csta.ConferenceCall,
        csta.SingleStepTransferCall,
        csta.SingleStepConferenceCall,
        GenerateDigits,
        SetForwarding,
        SetDoNotDisturb,
        StartApplicationSession,
        StopApplicationSession,
    }
)
WITHOUT_RIGHT = frozenset({Reason.PRIVILEGE_VIOLATION.value_name, Reason.SECURITY_GENERIC.value_name})
# Bytes of what a client has written that are kept.
LONGEST = 200


class Audit:
    """``put`` gets each entry, ``now`` gives the time (seconds since 1970, UTC)."""

    def __init__(self, put: Callable[[Audited], None], now: Callable[[], float]) -> None:
        self._put, self._now = put, now

    def record(self, session: Session, rights: Rights | None, request: object, answer: object) -> None:
        """``session``, with ``rights``, has asked for ``request`` and is given ``answer``."""
        outcome = _outcome(answer)
        if type(request) not in COMMANDS and outcome not in WITHOUT_RIGHT:
            return
        device, target = _subject(request)
        self._put(
            Audited(
                at=self._now(),
                who=_who(session, rights, request),
                request=type(request).__name__,
                outcome=outcome,
                on_behalf_of=device,
                target=target,
            )
        )


def _who(session: Session, rights: Rights | None, request: object) -> str:
    """The name that the client has, or wants to have; without one, where it is."""
    if isinstance(request, StartApplicationSession):
        name, _password = credentials(request.application_info.application_specific_info or Elements())
    else:
        name = rights.name if rights else ""
    return name[:LONGEST] or f"[{session.peer}]"


def _outcome(answer: object) -> str:
    if isinstance(answer, CSTAErrorCode):
        return next(iter(categories(answer).values()))
    if isinstance(answer, StartApplicationSessionNegResponse):
        why = answer.error_code.defined_error
        return why.value if why else "refused"
    return "ok"


def _subject(request: Any) -> tuple[str | None, str | None]:
    """The device that a request is for, and whatever else it names."""
    if isinstance(request, StartApplicationSession):
        return None, None  # its texts are secrets
    named = [(is_device, text[:LONGEST]) for is_device, text in _texts(request) if text]
    devices = [number_of(text) for is_device, text in named if is_device]
    others = [text for is_device, text in named if not is_device]
    return next(iter(devices), None), " ".join([*dict.fromkeys([*devices[1:], *others])]) or None


def _texts(request: Any) -> Iterator[tuple[bool, str]]:
    """The texts of a request, and whether each names a device."""
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        if isinstance(value, ConnectionID):
            yield True, value.device_id or ""
            yield False, f"call {value.call_id}" if value.call_id else ""
        elif isinstance(value, str):
            yield field.name in ("calling_device", "device"), value
