"""Call control services (ECMA-269, call control; names and order of ECMA-323 ed3).

Parameters that the gateway has no use for (correlator and user data, account codes, a ``reason`` with free
text in it) are accepted and ignored, as the capability answers say.
"""

from __future__ import annotations

from ctigw.csta.types import ConnectionID, ConnectionListItem, message
from ctigw.values import Enum
from ctigw.xml import child


class AutoOriginate(Enum):
    """Whether the calling phone asks its user to lift the handset before the call is placed."""

    PROMPT = "prompt"
    DO_NOT_PROMPT = "doNotPrompt"


class ParticipationType(Enum):
    """How somebody who is added to a call takes part in it."""

    SILENT = "silent"
    ACTIVE = "active"
    NONE = "none"


@message
class MakeCall:
    """Place a call from ``calling_device`` to ``called_directory_number``."""

    calling_device: str
    called_directory_number: str
    auto_originate: AutoOriginate | None = None


@message
class MakeCallResponse:
    """``calling_device`` is the calling device's connection in the new call."""

    calling_device: ConnectionID


@message
class AnswerCall:
    """Answer an alerting connection, or lift the handset of a prompted one."""

    call_to_be_answered: ConnectionID


@message
class AnswerCallResponse:
    pass


@message
class ClearConnection:
    """Take a device out of a call."""

    connection_to_be_cleared: ConnectionID


@message
class ClearConnectionResponse:
    pass


@message
class ClearCall:
    """End a call for everybody."""

    call_to_be_cleared: ConnectionID


@message
class ClearCallResponse:
    pass


@message
class DeflectCall:
    """Send an alerting call elsewhere."""

    call_to_be_diverted: ConnectionID
    new_destination: str


@message
class DeflectCallResponse:
    pass


@message
class HoldCall:
    """Put a call on hold at one device."""

    call_to_be_held: ConnectionID


@message
class HoldCallResponse:
    pass


@message
class RetrieveCall:
    """Take a held call back."""

    call_to_be_retrieved: ConnectionID


@message
class RetrieveCallResponse:
    pass


@message
class ConsultationCall:
    """Hold a call and place another one to ``consulted_device``."""

    existing_call: ConnectionID
    consulted_device: str


@message
class ConsultationCallResponse:
    """``initiated_call`` is the consulting device's connection in the new call."""

    initiated_call: ConnectionID


@message
class AlternateCall:
    """Hold the active call and take the held one back."""

    held_call: ConnectionID
    active_call: ConnectionID


@message
class AlternateCallResponse:
    pass


@message
class ReconnectCall:
    """Leave the active call and take the held one back."""

    active_call: ConnectionID
    held_call: ConnectionID


@message
class ReconnectCallResponse:
    pass


@message
class TransferCall:
    """Join the other parties of two calls of one device, which leaves them."""

    held_call: ConnectionID
    active_call: ConnectionID


@message
class TransferCallResponse:
    """``transferred_call`` is the transferred-to party's connection in the resulting call.

    ``connections``: what is known of the parties of the resulting call; their events tell the rest.
    """

    transferred_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] = child(
        name="connectionListItem", within="connections", default=()
    )


@message
class SingleStepTransferCall:
    """Replace the device of ``active_call`` by ``transferred_to``."""

    active_call: ConnectionID
    transferred_to: str


@message
class SingleStepTransferCallResponse:
    """``transferred_call`` is the connection that the transferred-to device will have."""

    transferred_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] = child(
        name="connectionListItem", within="connections", default=()
    )


@message
class ConferenceCall:
    """Join two calls of one device, which stays in."""

    held_call: ConnectionID
    active_call: ConnectionID


@message
class ConferenceCallResponse:
    """``conference_call`` is the conferencing device's connection in the resulting call."""

    conference_call: ConnectionID
    connections: tuple[ConnectionListItem, ...] = child(
        name="connectionListItem", within="connections", default=()
    )


@message
class SingleStepConferenceCall:
    """Add ``device_to_join`` to a call."""

    active_call: ConnectionID
    device_to_join: str
    participation_type: ParticipationType


@message
class SingleStepConferenceCallResponse:
    """``conferenced_call`` is the connection that the joining device will have."""

    conferenced_call: ConnectionID | None = None
