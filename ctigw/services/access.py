"""Who may do what: the one place where it is decided (which lines a session may monitor and control)."""

from __future__ import annotations

from collections.abc import Collection

from ctigw.errors import Reason, Refused
from ctigw.services.session import Rights, Session
from ctigw.switch.model import Call, Connection
from ctigw.switch.switch import Switch


def admitted(session: Session) -> Rights:
    """The rights of a session that has said who it is.  Raises `Refused` (security/generic)."""
    if session.rights is None:
        raise Refused(Reason.SECURITY_GENERIC)
    return session.rights


def may_monitor(session: Session, device: str) -> None:
    """Whether ``device`` may be watched.  Raises `Refused`."""
    if not admitted(session).monitor(device):
        raise Refused(Reason.PRIVILEGE_VIOLATION)


def may_control(session: Session, device: str) -> None:
    """Whether ``device`` may be commanded.  Raises `Refused`."""
    if not admitted(session).control(device):
        raise Refused(Reason.PRIVILEGE_VIOLATION)


def may_control_connection(session: Session, switch: Switch, connection: Connection) -> None:
    """Whether a connection may be commanded: that of a party outside, where a line of its call may be."""
    if connection.device in switch.picture.lines:
        may_control(session, connection.device)
    elif not any(map(admitted(session).control, _lines(switch, connection.call.connections))):
        raise Refused(Reason.PRIVILEGE_VIOLATION)


def may_control_call(session: Session, switch: Switch, call: Call) -> None:
    """Whether a call as a whole may be commanded: where one of its lines may be.  Raises `Refused`."""
    if not any(map(admitted(session).control, _lines(switch, call.connections))):
        raise Refused(Reason.PRIVILEGE_VIOLATION)


def may_monitor_call(session: Session, switch: Switch, call: Call) -> None:
    """Whether a call may be watched: where one of its lines may be.  Raises `Refused`."""
    admitted(session)
    if not may_watch(session, switch, call.connections):
        raise Refused(Reason.PRIVILEGE_VIOLATION)


def may_watch(session: Session, switch: Switch, parties: Collection[str]) -> bool:
    """Whether a call of these ``parties`` may be watched: where one of its lines may be."""
    rights = session.rights
    return rights is not None and any(map(rights.monitor, _lines(switch, parties)))


def _lines(switch: Switch, parties: Collection[str]) -> list[str]:
    """The lines in a call; of a call between parties outside, those: who may do everything may end it."""
    return [device for device in parties if device in switch.picture.lines] or list(parties)
