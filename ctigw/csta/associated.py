"""Call associated services and events (ECMA-269, call associated features)."""

from __future__ import annotations

from ctigw.csta.events import EventCause
from ctigw.csta.types import ConnectionID, LocalConnectionState, message
from ctigw.values import Enum, named


class DigitMode(Enum):
    ROTARY_PULSE = "rotaryPulse"
    DTMF = "dTMF"


@message
class GenerateDigits:
    """Send ``characters_to_send`` (0-9 * # A-D) into a call."""

    connection_to_send_digits: ConnectionID
    digit_mode: DigitMode | None = None
    characters_to_send: str


@message
class GenerateDigitsResponse:
    pass


@message
class DigitsGeneratedEvent:
    monitor_cross_ref_id: str
    connection: ConnectionID
    digit_generated_list: str | None = None


@named
class PrimaryCall:
    """A call that went on as it was (PrimaryOrSecondaryCall)."""

    device_id: str
    connection_id: ConnectionID
    local_connection_state: LocalConnectionState


@message
class ServiceCompletionFailureEvent:
    """A service that was accepted came to nothing; the device is in ``primary_call`` as it was before."""

    monitor_cross_ref_id: str
    primary_call: PrimaryCall
    cause: EventCause | None = None
