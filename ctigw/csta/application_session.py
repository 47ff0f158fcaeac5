"""The application session (ECMA-354): who the client is, and for how long it will be here.

A namespace of its own, which the answers are written in whatever the request came in, unless it had none:
clients send some of these messages in CSTA's.
"""

from __future__ import annotations

from typing import TypeVar, dataclass_transform

from ctigw.csta.types import csta
from ctigw.values import Enum, named
from ctigw.xml import Elements, child, choice

T = TypeVar("T")
SESSION = "http://www.ecma-international.org/standards/ecma-354/appl_session"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message(cls: type[T]) -> type[T]:
    """Class decorator: a message of ECMA-354."""
    return csta.register(named(cls), SESSION)


@named
class ApplicationInfo:
    """``application_specific_info``: whatever the client says of itself, its credentials among it."""

    application_id: str
    application_specific_info: Elements | None = None


@message
class StartApplicationSession:
    """``requested_session_duration``: seconds until the gateway may end the session, unless it is reset."""

    application_info: ApplicationInfo
    requested_protocol_versions: tuple[str, ...] = child(
        name="protocolVersion", within="requestedProtocolVersions"
    )
    requested_session_duration: int


@message
class StartApplicationSessionPosResponse:
    session_id: str
    actual_protocol_version: str
    actual_session_duration: int


class StartError(Enum):
    INVALID_APPLICATION_INFO = "invalidApplicationInfo"
    REQUESTED_PROTOCOL_VERSION_NOT_SUPPORTED = "requestedProtocolVersionNotSupported"
    SERVER_RESOURCES_BUSY = "serverResourcesBusy"
    MAX_NUMBER_SESSIONS = "maxNumberSessions"


@choice
@named
class StartErrorCode:
    appl_error: str | None = None
    defined_error: StartError | None = None


@message
class StartApplicationSessionNegResponse:
    error_code: StartErrorCode


@message
class ResetApplicationSessionTimer:
    session_id: str
    requested_session_duration: int


@message
class ResetApplicationSessionTimerPosResponse:
    actual_session_duration: int


class ResetError(Enum):
    INVALID_SESSION_ID = "invalidSessionID"
    SERVER_CANNOT_RESET_SESSION_TIMER = "serverCannotResetSessionTimer"


@choice
@named
class ResetErrorCode:
    appl_error: str | None = None
    defined_error: ResetError | None = None


@message
class ResetApplicationSessionTimerNegResponse:
    error_code: ResetErrorCode


class DefinedEndReason(Enum):
    NORMAL = "normal"


@choice
@named
class EndReason:
    """Why a client ends its session; any text will do."""

    app_end_reason: str | None = None
    defined_end_reason: DefinedEndReason | None = None


@message
class StopApplicationSession:
    """The standard wants a reason; clients that leave it out are read, too: they close at once anyway."""

    session_id: str
    session_end_reason: EndReason | None = None


@message
class StopApplicationSessionPosResponse:
    pass


class StopError(Enum):
    INVALID_SESSION_ID = "invalidSessionID"


@choice
@named
class StopErrorCode:
    appl_error: str | None = None
    defined_error: StopError | None = None


@message
class StopApplicationSessionNegResponse:
    error_code: StopErrorCode


class DefinedTermReason(Enum):
    RESOURCE_LIMITATION = "resourceLimitation"
    SESSION_TIMER_EXPIRED = "sessionTimerExpired"


@choice
@named
class TermReason:
    defined_term_reason: DefinedTermReason | None = None
    server_term_reason: str | None = None


@message
class ApplicationSessionTerminated:
    """The gateway ends the session; nothing answers it."""

    session_id: str
    session_term_reason: TermReason
