"""Snapshot services (ECMA-269, snapshot services)."""

from __future__ import annotations

from ctigw.csta.types import ConnectionID, ExtendedDeviceID, LocalConnectionState, message
from ctigw.values import named
from ctigw.xml import child, choice


@message
class SnapshotDevice:
    """Ask for the calls of a device."""

    snapshot_object: str


@named
class CompoundCallState:
    """The states of a call's connections, the device's own first."""

    local_connection_state: tuple[LocalConnectionState, ...]


@choice
@named
class CallState:
    compound_call_state: CompoundCallState | None = None


@named
class SnapshotDeviceResponseInfo:
    """One call of the device: its connection there, and the state of all of the call."""

    connection_identifier: ConnectionID
    local_call_state: CallState


@named
class SnapshotDeviceDataList:
    snapshot_device_response_info: tuple[SnapshotDeviceResponseInfo, ...] = ()


@choice
@named
class SnapshotDeviceData:
    snapshot_data: SnapshotDeviceDataList | None = None


@message
class SnapshotDeviceResponse:
    cross_ref_id_or_snapshot_data: SnapshotDeviceData = child(name="crossRefIDorSnapshotData")


@message
class SnapshotCall:
    """Ask for the parties of a call."""

    snapshot_object: ConnectionID


@named
class SnapshotCallResponseInfo:
    """One party: its device, its connection, the state of that."""

    device_on_call: ExtendedDeviceID
    call_identifier: ConnectionID | None = None
    local_connection_info: LocalConnectionState | None = None


@named
class SnapshotCallDataList:
    snapshot_call_response_info: tuple[SnapshotCallResponseInfo, ...] = ()


@choice
@named
class SnapshotCallData:
    snapshot_data: SnapshotCallDataList | None = None


@message
class SnapshotCallResponse:
    cross_ref_id_or_snapshot_data: SnapshotCallData = child(name="crossRefIDorSnapshotData")
    calling_device: ExtendedDeviceID | None = None
    called_device: ExtendedDeviceID | None = None
