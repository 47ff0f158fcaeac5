"""The audit: who asked for what on whose behalf, and what came of it.

Commands are always in it; what only asks or watches is, when it was refused for want of a right.  What
strangers can be refused as often as they like is in it once for each connection, and once in a while for
each host: more would say nothing new, and fill the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any

from ctigw.csta import call_control as csta
from ctigw.csta.application_session import (
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartError,
    StopApplicationSession,
    StopApplicationSessionNegResponse,
)
from ctigw.csta.associated import GenerateDigits
from ctigw.csta.capability import GetLogicalDeviceInformation, GetPhysicalDeviceInformation
from ctigw.csta.device_id import number_of
from ctigw.csta.logical import GetDoNotDisturb, GetForwarding, SetDoNotDisturb, SetForwarding
from ctigw.csta.monitoring import MonitorObject, MonitorStart
from ctigw.csta.snapshot import SnapshotCall, SnapshotDevice
from ctigw.csta.types import ConnectionID, CSTAErrorCode, categories
from ctigw.directory import names
from ctigw.errors import Reason
from ctigw.services.application_sessions import credentials
from ctigw.services.session import Rights, Session
from ctigw.store.audit import Audited
from ctigw.xml import Elements

# What is audited of each request, field by field: what is not named here may be a secret, and is not kept.
COMMANDS: Mapping[type, tuple[str, ...]] = {
    csta.MakeCall: ("calling_device", "called_directory_number"),
    csta.AnswerCall: ("call_to_be_answered",),
    csta.ClearConnection: ("connection_to_be_cleared",),
    csta.ClearCall: ("call_to_be_cleared",),
    csta.DeflectCall: ("call_to_be_diverted", "new_destination"),
    csta.HoldCall: ("call_to_be_held",),
    csta.RetrieveCall: ("call_to_be_retrieved",),
    csta.ConsultationCall: ("existing_call", "consulted_device"),
    csta.AlternateCall: ("held_call", "active_call"),
    csta.ReconnectCall: ("active_call", "held_call"),
    csta.TransferCall: ("held_call", "active_call"),
    csta.ConferenceCall: ("held_call", "active_call"),
    csta.SingleStepTransferCall: ("active_call", "transferred_to"),
    csta.SingleStepConferenceCall: ("active_call", "device_to_join"),
    GenerateDigits: ("connection_to_send_digits",),  # the digits may be somebody's PIN
    SetForwarding: ("device", "forward_dn"),
    SetDoNotDisturb: ("device",),
    StartApplicationSession: (),
    StopApplicationSession: ("session_id",),
}
QUESTIONS: Mapping[type, tuple[str, ...]] = {
    GetForwarding: ("device",),
    GetDoNotDisturb: ("device",),
    GetLogicalDeviceInformation: ("device",),
    GetPhysicalDeviceInformation: ("device",),
    MonitorStart: ("monitor_object",),
    SnapshotDevice: ("snapshot_object",),
    SnapshotCall: ("snapshot_object",),
}
# Those that do not change who somebody is.
_PLAIN = frozenset(COMMANDS) - {StartApplicationSession, StopApplicationSession}
AUDITED = {**COMMANDS, **QUESTIONS}
# The fields that say for which device a request is, besides connections.
DEVICES = frozenset({"calling_device", "device", "snapshot_object"})
# Of these only the length.
COUNTED: Mapping[type, str] = {GenerateDigits: "characters_to_send"}
OK = "ok"
WITHOUT_RIGHT = frozenset({Reason.PRIVILEGE_VIOLATION.value_name, Reason.SECURITY_GENERIC.value_name})
# Characters of what a client has written that are kept.
LONGEST = 200
# A host that is refused again after so many seconds is worth another entry; so many hosts are remembered.
WHILE = 60.0
HOSTS = 10_000


class Audit:
    """``put`` gets each entry, ``now`` gives the time (seconds since 1970, UTC)."""

    def __init__(self, put: Callable[[Audited], None], now: Callable[[], float]) -> None:
        self._put, self._now = put, now
        # When a host was last refused for a reason that costs strangers nothing, oldest first.
        self._refused: dict[tuple[str, str], float] = {}

    def record(self, session: Session, rights: Rights | None, request: object, answer: object) -> None:
        """``session``, with ``rights``, has asked for ``request`` and is given ``answer``."""
        cls = type(request)
        tell = _OUTCOMES.get(type(answer))
        if tell is None and rights is not None and cls in _PLAIN:
            # Nearly all: a command of somebody who is known, carried out.  There is nothing to weigh.
            who, outcome = rights.name[:LONGEST] or f"[{session.peer}]", OK
        else:
            outcome = tell(answer) if tell else OK
            if not self._is_worth_it(session, rights, request, outcome):
                return
            who = _who(session, rights, request, outcome)
        device, target = _ABOUT.get(cls, _subject)(request)
        # By position, which takes half as long as by name.
        self._put(Audited(self._now(), who, cls.__name__, outcome, device, target))

    def _is_worth_it(self, session: Session, rights: Rights | None, request: object, outcome: str) -> bool:
        """Whether a request with this outcome is audited."""
        if type(request) not in COMMANDS and outcome not in WITHOUT_RIGHT:
            return False
        return not _costs_nothing(rights, request, outcome) or self._is_new(session, outcome)

    def _is_new(self, session: Session, outcome: str) -> bool:
        """Whether a refusal has not been audited for this connection, nor lately for its host."""
        if outcome in session.refusals_audited:
            return False
        session.refusals_audited = (*session.refusals_audited, outcome)
        key, now = (session.peer, outcome), self._now()
        if now - self._refused.get(key, -WHILE) < WHILE:
            return False
        self._refused.pop(key, None)
        self._refused[key] = now
        if len(self._refused) > HOSTS:
            del self._refused[next(iter(self._refused))]
        return True


def is_refusal(entry: Audited) -> bool:
    """Whether somebody was not let in, or lacked a right: what strangers can cause."""
    at_the_door = entry.request in (StartApplicationSession.__name__, StopApplicationSession.__name__)
    return entry.outcome in WITHOUT_RIGHT or (at_the_door and entry.outcome != OK)


def _costs_nothing(rights: Rights | None, request: object, outcome: str) -> bool:
    """Whether anybody can be refused like this as often as they like.

    Not so when a password was looked at: who fails to guess has to wait.
    """
    if type(request) is StartApplicationSession:
        looked_at = outcome == StartError.INVALID_APPLICATION_INFO.value and _looked_at(_name(request))
        return outcome != OK and not looked_at
    if type(request) is StopApplicationSession:
        return outcome != OK
    return rights is None


def _looked_at(name: str) -> bool:
    return 0 < len(name) <= names.LONGEST


def _name(request: StartApplicationSession) -> str:
    name, _password = credentials(request.application_info.application_specific_info or Elements())
    return name


def _who(session: Session, rights: Rights | None, request: object, outcome: str) -> str:
    """The name that the client has, or wanted to have; without one, where it is."""
    wanted = ""
    if type(request) is StartApplicationSession:
        wanted = _name(request)
        rights = session.rights  # those that it has now
    name = (outcome != OK and wanted) or (rights.name if rights else "")
    return name[:LONGEST] or f"[{session.peer}]"


def _category(answer: CSTAErrorCode) -> str:
    return next(iter(categories(answer).values()))


def _session_error(answer: StartApplicationSessionNegResponse | StopApplicationSessionNegResponse) -> str:
    why = answer.error_code.defined_error
    return why.value if why else "refused"


# The answers that say no, and in which words.
_OUTCOMES: Mapping[type, Callable[[Any], str]] = {
    CSTAErrorCode: _category,
    StartApplicationSessionNegResponse: _session_error,
    StopApplicationSessionNegResponse: _session_error,
}


def _subject(request: object) -> tuple[str | None, str | None]:
    """The device that a request is for, and whatever else it names."""
    named = [(is_device, text[:LONGEST]) for is_device, text in _texts(request) if text]
    devices = [number_of(text) for is_device, text in named if is_device]
    others = [text for is_device, text in named if not is_device]
    return next(iter(devices), None), " ".join([*dict.fromkeys([*devices[1:], *others])]) or None


def _texts(request: object) -> Iterator[tuple[bool, str]]:
    """The texts of a request that are audited, and whether each names a device."""
    for field in AUDITED.get(type(request), ()):
        value = getattr(request, field)
        if isinstance(value, MonitorObject):
            yield True, value.device_object or ""
            value = value.call_object
        if isinstance(value, ConnectionID):
            yield True, value.device_id or ""
            yield False, f"call {value.call_id}" if value.call_id else ""
        elif value is not None:
            yield field in DEVICES, value
    if type(request) in COUNTED:
        yield False, f"digits: {len(getattr(request, COUNTED[type(request)]))}"


About = Callable[[Any], tuple[str | None, str | None]]


def _about_connection(field: str) -> About:
    """What `_subject` says of a request in which ``field`` alone, a connection, is audited."""
    connection = attrgetter(field)

    def about(request: Any) -> tuple[str | None, str | None]:
        named = connection(request)
        call, device = named.call_id, named.device_id
        if not call or not device or len(call) + len(device) > LONGEST:
            return _subject(request)
        return number_of(device), f"call {call}"[:LONGEST]

    return about


def _about_call(request: csta.MakeCall) -> tuple[str | None, str | None]:
    """The same for the other request that comes with every call."""
    device, called = request.calling_device, request.called_directory_number
    if not device or not called or len(device) + len(called) > LONGEST:
        return _subject(request)
    return number_of(device), called


_ABOUT: Mapping[type, About] = {
    csta.MakeCall: _about_call,
    csta.AnswerCall: _about_connection("call_to_be_answered"),
    csta.ClearConnection: _about_connection("connection_to_be_cleared"),
    csta.HoldCall: _about_connection("call_to_be_held"),
    csta.RetrieveCall: _about_connection("call_to_be_retrieved"),
}
