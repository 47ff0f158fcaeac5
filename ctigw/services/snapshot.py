"""Snapshot services (ECMA-269, snapshot services), answered from the picture that events have drawn."""

from __future__ import annotations

from ctigw.csta import snapshot as csta
from ctigw.csta.types import ExtendedDeviceID, LocalConnectionState
from ctigw.services.dispatcher import Handler
from ctigw.services.event_messages import extended_device
from ctigw.services.naming import Naming, connection_id
from ctigw.services.session import Session
from ctigw.switch.model import Connection
from ctigw.switch.switch import Switch


def snapshot(switch: Switch) -> dict[type, Handler]:
    """The snapshot services."""
    naming = Naming(switch)

    async def snapshot_device(
        session: Session, request: csta.SnapshotDevice, _namespace: str
    ) -> csta.SnapshotDeviceResponse:
        line = naming.watched(session, request.snapshot_object)
        infos = tuple(
            csta.SnapshotDeviceResponseInfo(
                connection_identifier=connection_id(session, connection.call, line.number),
                local_call_state=_compound(connection),
            )
            for connection in switch.picture.connections(line.number)
        )
        data = csta.SnapshotDeviceDataList(snapshot_device_response_info=infos)
        return csta.SnapshotDeviceResponse(
            cross_ref_id_or_snapshot_data=csta.SnapshotDeviceData(snapshot_data=data)
        )

    async def snapshot_call(
        session: Session, request: csta.SnapshotCall, _namespace: str
    ) -> csta.SnapshotCallResponse:
        call = naming.watched_call(session, request.snapshot_object)
        infos = tuple(
            csta.SnapshotCallResponseInfo(
                device_on_call=ExtendedDeviceID(device_identifier=session.show(device)),
                call_identifier=connection_id(session, call, device),
                local_connection_info=LocalConnectionState(connection.state.value),
            )
            for device, connection in call.connections.items()
        )
        data = csta.SnapshotCallDataList(snapshot_call_response_info=infos)
        return csta.SnapshotCallResponse(
            cross_ref_id_or_snapshot_data=csta.SnapshotCallData(snapshot_data=data),
            calling_device=extended_device(call.calling, session.show),
            called_device=extended_device(call.called, session.show),
        )

    return {csta.SnapshotDevice: snapshot_device, csta.SnapshotCall: snapshot_call}


def _compound(connection: Connection) -> csta.CallState:
    """The states of a call's connections, the device's own first."""
    others = [other for other in connection.call.connections.values() if other is not connection]
    states = tuple(LocalConnectionState(each.state.value) for each in (connection, *others))
    return csta.CallState(compound_call_state=csta.CompoundCallState(local_connection_state=states))
