"""What is said of each service and event in capability answers (ECMA-269, capability exchange).

Flags are in the order of the schema; those that the gateway never has to say are left out.
"""

from __future__ import annotations

import enum
from typing import TypeVar, dataclass_transform

from ctigw.values import named

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def caps(cls: type[T]) -> type[T]:
    """Class decorator: a list of optional members."""
    return named(cls)


@caps
class Caps:
    """A service or event that is there, with nothing more to say of it."""


SystemRegisterCaps = enum.Flag(
    "SystemRegisterCaps",
    "REQUEST_TYPES_SYSTEM_STATUS STATUS_FILTER_ENABLED STATUS_FILTER_MESSAGE_LOST STATUS_FILTER_DISABLED",
)
StatusCaps = enum.Flag(
    "StatusCaps",
    "SYSTEM_STATUS_ENABLED SYSTEM_STATUS_NORMAL SYSTEM_STATUS_MESSAGE_LOST SYSTEM_STATUS_DISABLED"
    " SWITCHING_FUNCTION_SUPPORTS_SENDING SWITCHING_FUNCTION_SUPPORTS_RECEIVING",
)
MonitorStartCaps = enum.Flag(
    "MonitorStartCaps",
    "MONITOR_OBJECT_DEVICE MONITOR_OBJECT_CALL REQUESTED_MONITOR_FILTER MONITOR_TYPE_CALL MONITOR_TYPE_DEVICE"
    " MONITOR_EXISTING_CALLS_IN_ACK CALL_ID_ONLY SW_DOMAIN_DEFAULT_FOR_MONITOR_TYPE_IS_DEVICE",
)
MonitorStopCaps = enum.Flag(
    "MonitorStopCaps", "SWITCHING_FUNCTION_SUPPORTS_SENDING SWITCHING_FUNCTION_SUPPORTS_RECEIVING"
)
SnapshotCallCaps = enum.Flag("SnapshotCallCaps", "CALLING_DEVICE_IN_ACK CALLED_DEVICE_IN_ACK CALL_ID_ONLY")
SnapshotDeviceCaps = enum.Flag("SnapshotDeviceCaps", "LOCAL_CALL_STATE_COMPOUND_CALL_STATE")
DevicesCaps = enum.Flag(
    "DevicesCaps",
    "REQUESTED_DEVICE_ID REQUESTED_DEVICE_CATEGORY_NETW_INTERFACE REQUESTED_DEVICE_CATEGORY_STATION",
)
DeviceListCaps = enum.Flag("DeviceListCaps", "SEGMENT_ID DEVICE_LIST_DEVICE_CATEGORY")
# Which states a service takes a connection in, and whether half a ConnectionID is accepted.
DeviceIDOnlyCaps = enum.Flag("DeviceIDOnlyCaps", "DEVICE_ID_ONLY")
AlternateCallCaps = enum.Flag("AlternateCallCaps", "HOLD DEVICE_ID_ONLY")
ClearCallCaps = enum.Flag(
    "ClearCallCaps", "ALERTING CONNECTED FAILED INITIATED HOLD DEVICE_ID_ONLY CALL_ID_ONLY"
)
ClearConnectionCaps = enum.Flag(
    "ClearConnectionCaps", "ALERTING CONNECTED FAIL INITIATED HOLD DEVICE_ID_ONLY"
)
DeflectCallCaps = enum.Flag("DeflectCallCaps", "ALERTING DEVICE_ID_ONLY")
AnswerCallCaps = enum.Flag("AnswerCallCaps", "ALERTING INITIATED DEVICE_ID_ONLY")
ReconnectCallCaps = enum.Flag("ReconnectCallCaps", "CONNECTED DEVICE_ID_ONLY")
MakeCallCaps = enum.Flag(
    "MakeCallCaps", "NULL AUTO_ORIGINATE_PROMPT AUTO_ORIGINATE_DO_NOT_PROMPT SUPPORTS_PROMPTING"
)
ConsultationCallCaps = enum.Flag("ConsultationCallCaps", "CONSULT_OPTION_UNRESTRICTED DEVICE_ID_ONLY")
JoinCaps = enum.Flag("JoinCaps", "ACTIVE_CALL_CONNECTED HELD_CALL_HOLD DEVICE_ID_ONLY")
SingleStepConferenceCaps = enum.Flag(
    "SingleStepConferenceCaps", "PARTICIPATION_TYPE_ACTIVE PARTICIPATION_TYPE_SILENT DEVICE_ID_ONLY"
)
GenerateDigitsCaps = enum.Flag(
    "GenerateDigitsCaps", "DIGIT_MODE_DTMF DEVICE_ID_ONLY SUPPORTS_DTMF_TONES_ABCD"
)
SetForwardingCaps = enum.Flag(
    "SetForwardingCaps",
    "FORWARDING_TYPE_BUSY FORWARDING_TYPE_BUSY_INT FORWARDING_TYPE_BUSY_EXT"
    " FORWARDING_TYPE_DND FORWARDING_TYPE_DND_INT FORWARDING_TYPE_DND_EXT"
    " FORWARDING_TYPE_NO_ANS FORWARDING_TYPE_NO_ANS_INT FORWARDING_TYPE_NO_ANS_EXT"
    " FORWARDING_TYPE_IMMEDIATE FORWARDING_TYPE_IMM_INT FORWARDING_TYPE_IMM_EXT FORWARD_DN RING_COUNT",
)
GetForwardingCaps = enum.Flag("GetForwardingCaps", "FORWARD_LIST_IN_ACK FORWARD_DN_IN_ACK RING_COUNT_IN_ACK")
ClearedCaps = enum.Flag("ClearedCaps", "CALL_ID_ONLY")
DivertedCaps = enum.Flag("DivertedCaps", "CALLING_DEVICE CALLED_DEVICE SENDS_DIVERTED_TO_ALL")
TransAndConfSetup = enum.Flag("TransAndConfSetup", "CONSULTATION_CALL HOLD_CALL_MAKE_CALL ALTERNATE_CALL")
SwAppearanceTypes = enum.Flag("SwAppearanceTypes", "SELECTED_STANDARD")


@caps
class CapExchangeServList:
    get_csta_features: Caps | None = None
    get_logical_device_information: Caps | None = None
    get_physical_device_information: Caps | None = None
    get_switching_function_caps: Caps | None = None
    get_switching_function_devices: DevicesCaps | None = None
    switching_function_devices: DeviceListCaps | None = None


@caps
class SystemStatusServList:
    change_system_status_filter: Caps | None = None
    system_register: SystemRegisterCaps | None = None
    system_status_register_cancel: Caps | None = None
    request_system_status: StatusCaps | None = None
    system_status: StatusCaps | None = None


@caps
class MonitoringServList:
    change_monitor_filter: Caps | None = None
    monitor_start: MonitorStartCaps | None = None
    monitor_stop: MonitorStopCaps | None = None


@caps
class SnapshotServList:
    snapshot_call: SnapshotCallCaps | None = None
    snapshot_device: SnapshotDeviceCaps | None = None


@caps
class CallControlServList:
    alternate_call: AlternateCallCaps | None = None
    answer_call: AnswerCallCaps | None = None
    clear_call: ClearCallCaps | None = None
    clear_connection: ClearConnectionCaps | None = None
    conference_call: JoinCaps | None = None
    consultation_call: ConsultationCallCaps | None = None
    deflect_call: DeflectCallCaps | None = None
    hold_call: DeviceIDOnlyCaps | None = None
    make_call: MakeCallCaps | None = None
    reconnect_call: ReconnectCallCaps | None = None
    retrieve_call: DeviceIDOnlyCaps | None = None
    single_step_conference: SingleStepConferenceCaps | None = None
    single_step_transfer: DeviceIDOnlyCaps | None = None
    transfer_call: JoinCaps | None = None


@caps
class CallAssociatedServList:
    generate_digits: GenerateDigitsCaps | None = None


@caps
class LogicalServList:
    get_do_not_disturb: Caps | None = None
    get_forwarding: GetForwardingCaps | None = None
    set_do_not_disturb: Caps | None = None
    set_forwarding: SetForwardingCaps | None = None


@caps
class CallControlEvtsList:
    call_cleared: ClearedCaps | None = None
    conferenced: Caps | None = None
    connection_cleared: Caps | None = None
    delivered: Caps | None = None
    diverted: DivertedCaps | None = None
    established: Caps | None = None
    failed: Caps | None = None
    held: Caps | None = None
    netw_reached: Caps | None = None
    originated: Caps | None = None
    queued: Caps | None = None
    retrieved: Caps | None = None
    service_initiated: Caps | None = None
    transferred: Caps | None = None


@caps
class CallAssociatedEvtsList:
    digits_generated: Caps | None = None
    service_completion_failure: Caps | None = None


@caps
class LogicalEvtsList:
    do_not_disturb: Caps | None = None
    forwarding: Caps | None = None


@caps
class DeviceMaintEvtsList:
    back_in_service: Caps | None = None
    out_of_service: Caps | None = None


@caps
class SupportedServices:
    cap_exchange_serv_list: CapExchangeServList | None = None
    system_stat_serv_list: SystemStatusServList | None = None
    monitoring_serv_list: MonitoringServList | None = None
    snapshot_serv_list: SnapshotServList | None = None
    call_control_serv_list: CallControlServList | None = None
    call_associated_serv_list: CallAssociatedServList | None = None
    logical_serv_list: LogicalServList | None = None


@caps
class SupportedEvents:
    call_control_evts_list: CallControlEvtsList | None = None
    call_associated_evts_list: CallAssociatedEvtsList | None = None
    logical_evts_list: LogicalEvtsList | None = None
    device_maint_evts_list: DeviceMaintEvtsList | None = None


@caps
class ServEvtsList:
    """Services and events in one list, as GetSwitchingFunctionCaps has them."""

    cap_exchange_serv_list: CapExchangeServList | None = None
    system_serv_list: SystemStatusServList | None = None
    monitoring_serv_list: MonitoringServList | None = None
    snapshot_serv_list: SnapshotServList | None = None
    call_control_serv_list: CallControlServList | None = None
    call_control_evts_list: CallControlEvtsList | None = None
    call_associated_serv_list: CallAssociatedServList | None = None
    call_associated_evts_list: CallAssociatedEvtsList | None = None
    logical_serv_list: LogicalServList | None = None
    logical_evts_list: LogicalEvtsList | None = None
    device_maint_evts_list: DeviceMaintEvtsList | None = None


@caps
class LogDevServList:
    """The services of one logical device."""

    call_control_serv_list: CallControlServList | None = None
    call_associated_serv_list: CallAssociatedServList | None = None
    logical_serv_list: LogicalServList | None = None


@caps
class LogDevEvtsList:
    """The events of one logical device."""

    call_control_evts_list: CallControlEvtsList | None = None
    call_associated_evts_list: CallAssociatedEvtsList | None = None
    logical_evts_list: LogicalEvtsList | None = None
