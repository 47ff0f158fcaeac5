"""Call control events (ECMA-269, call control events; names and order of ECMA-323 ed3).

Every event begins with ``monitor_cross_ref_id``: some clients read it as child 0.
"""

from __future__ import annotations

from ctigw.csta.types import (
    ConnectionID,
    ConnectionListItem,
    ExtendedDeviceID,
    LocalConnectionState,
    RedirectionDeviceID,
    message,
)
from ctigw.values import Enum
from ctigw.xml import child


class EventCause(Enum):
    """The causes that the gateway gives (the schema has them all)."""

    ALTERNATE = "alternate"
    BUSY = "busy"
    CALL_CANCELLED = "callCancelled"
    CALL_FORWARD = "callForward"
    CALL_FORWARD_BUSY = "callForwardBusy"
    CALL_FORWARD_IMMEDIATE = "callForwardImmediate"
    CALL_FORWARD_NO_ANSWER = "callForwardNoAnswer"
    CALL_NOT_ANSWERED = "callNotAnswered"
    CONFERENCE = "conference"
    CONSULTATION = "consultation"
    DEST_NOT_OBTAINABLE = "destNotObtainable"
    DEST_OUT_OF_ORDER = "destOutOfOrder"
    DO_NOT_DISTURB = "doNotDisturb"
    MAINTENANCE = "maintenance"
    MAKE_CALL = "makeCall"
    NEW_CALL = "newCall"
    NORMAL = "normal"
    NORMAL_CLEARING = "normalClearing"
    REDIRECTED = "redirected"
    SINGLE_STEP_CONFERENCE = "singleStepConference"
    SINGLE_STEP_TRANSFER = "singleStepTransfer"
    TIMEOUT = "timeout"
    TRANSFER = "transfer"


@message
class ServiceInitiatedEvent:
    monitor_cross_ref_id: str
    initiated_connection: ConnectionID
    initiating_device: ExtendedDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class OriginatedEvent:
    monitor_cross_ref_id: str
    originated_connection: ConnectionID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class NetworkReachedEvent:
    """A call has left the switching domain; nothing is known yet of the far end."""

    monitor_cross_ref_id: str
    outbound_connection: ConnectionID
    network_interface_used: ExtendedDeviceID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class DeliveredEvent:
    monitor_cross_ref_id: str
    connection: ConnectionID
    alerting_device: ExtendedDeviceID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class EstablishedEvent:
    monitor_cross_ref_id: str
    established_connection: ConnectionID
    answering_device: ExtendedDeviceID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class DivertedEvent:
    monitor_cross_ref_id: str
    connection: ConnectionID
    diverting_device: ExtendedDeviceID
    new_destination: ExtendedDeviceID
    calling_device: ExtendedDeviceID | None = None
    called_device: ExtendedDeviceID | None = None
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class FailedEvent:
    monitor_cross_ref_id: str
    failed_connection: ConnectionID
    failing_device: ExtendedDeviceID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class ConnectionClearedEvent:
    monitor_cross_ref_id: str
    dropped_connection: ConnectionID
    releasing_device: ExtendedDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class CallClearedEvent:
    """A call is over; monitors of calls are told."""

    monitor_cross_ref_id: str
    cleared_call: ConnectionID
    cause: EventCause


@message
class HeldEvent:
    monitor_cross_ref_id: str
    held_connection: ConnectionID
    holding_device: ExtendedDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class RetrievedEvent:
    monitor_cross_ref_id: str
    retrieved_connection: ConnectionID
    retrieving_device: ExtendedDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class QueuedEvent:
    monitor_cross_ref_id: str
    queued_connection: ConnectionID
    queue: ExtendedDeviceID
    calling_device: ExtendedDeviceID
    called_device: ExtendedDeviceID
    last_redirection_device: RedirectionDeviceID
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class TransferedEvent:
    """Spelled with one r on the wire.

    ``primary_old_call``: the transferring device's connection in the call that was held, or the only one.
    """

    monitor_cross_ref_id: str
    primary_old_call: ConnectionID
    secondary_old_call: ConnectionID | None = None
    transferring_device: ExtendedDeviceID
    transferred_to_device: ExtendedDeviceID
    transferred_connections: tuple[ConnectionListItem, ...] = child(
        name="connectionListItem", within="transferredConnections"
    )
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause


@message
class ConferencedEvent:
    """As `TransferedEvent`, but the conferencing device stays in the call."""

    monitor_cross_ref_id: str
    primary_old_call: ConnectionID
    secondary_old_call: ConnectionID | None = None
    conferencing_device: ExtendedDeviceID
    added_party: ExtendedDeviceID
    conference_connections: tuple[ConnectionListItem, ...] = child(
        name="connectionListItem", within="conferenceConnections"
    )
    local_connection_info: LocalConnectionState | None = None
    cause: EventCause
