"""Capability exchange: what is supported, derived from what is served and what the driver can do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from xml.sax.saxutils import escape

from ctigw.csta import capability as csta
from ctigw.csta import caps
from ctigw.csta.frame import MAX_SENT
from ctigw.services import access
from ctigw.services.dispatcher import Dispatcher, Handler, Reply
from ctigw.services.monitors import told
from ctigw.services.naming import Naming
from ctigw.services.session import Session
from ctigw.switch.driver import Category, Kind, Line
from ctigw.switch.switch import Switch

# Bytes of the devices in one SwitchingFunctionDevices; what is round them fits into the rest of a frame.
SEGMENT = MAX_SENT - 512
# Bytes of one device without its id: the tags, and the longest of the categories.
DEVICE = 96
_PLAIN = caps.Caps()
_STATUS = (
    caps.StatusCaps.SYSTEM_STATUS_ENABLED
    | caps.StatusCaps.SYSTEM_STATUS_NORMAL
    | caps.StatusCaps.SYSTEM_STATUS_MESSAGE_LOST
    | caps.StatusCaps.SYSTEM_STATUS_DISABLED
)


def _all(flags: Any) -> Any:
    """Every flag of a set."""
    return ~flags(0)


# list, then its members: request -> (member, what is said of it)
_SERVICES: dict[str, tuple[type, dict[str, tuple[str, Any]]]] = {
    "cap_exchange_serv_list": (
        caps.CapExchangeServList,
        {
            "GetCSTAFeatures": ("get_csta_features", _PLAIN),
            "GetLogicalDeviceInformation": ("get_logical_device_information", _PLAIN),
            "GetPhysicalDeviceInformation": ("get_physical_device_information", _PLAIN),
            "GetSwitchingFunctionCaps": ("get_switching_function_caps", _PLAIN),
            "GetSwitchingFunctionDevices": ("get_switching_function_devices", _all(caps.DevicesCaps)),
            "SwitchingFunctionDevices": ("switching_function_devices", _all(caps.DeviceListCaps)),
        },
    ),
    "system_stat_serv_list": (
        caps.SystemStatusServList,
        {
            "ChangeSysStatFilter": ("change_system_status_filter", _PLAIN),
            "SystemRegister": ("system_register", _all(caps.SystemRegisterCaps)),
            "SystemRegisterCancel": ("system_status_register_cancel", _PLAIN),
            "RequestSystemStatus": (
                "request_system_status",
                _STATUS | caps.StatusCaps.SWITCHING_FUNCTION_SUPPORTS_RECEIVING,
            ),
            "SystemStatus": ("system_status", _STATUS | caps.StatusCaps.SWITCHING_FUNCTION_SUPPORTS_SENDING),
        },
    ),
    "monitoring_serv_list": (
        caps.MonitoringServList,
        {
            "ChangeMonitorFilter": ("change_monitor_filter", _PLAIN),
            "MonitorStart": ("monitor_start", _all(caps.MonitorStartCaps)),
            "MonitorStop": ("monitor_stop", _all(caps.MonitorStopCaps)),
        },
    ),
    "snapshot_serv_list": (
        caps.SnapshotServList,
        {
            "SnapshotCall": ("snapshot_call", _all(caps.SnapshotCallCaps)),
            "SnapshotDevice": ("snapshot_device", _all(caps.SnapshotDeviceCaps)),
        },
    ),
    "call_control_serv_list": (
        caps.CallControlServList,
        {
            "AlternateCall": ("alternate_call", _all(caps.AlternateCallCaps)),
            "AnswerCall": ("answer_call", _all(caps.AnswerCallCaps)),
            "ClearCall": ("clear_call", _all(caps.ClearCallCaps)),
            "ClearConnection": ("clear_connection", _all(caps.ClearConnectionCaps)),
            "ConferenceCall": ("conference_call", _all(caps.JoinCaps)),
            "ConsultationCall": ("consultation_call", _all(caps.ConsultationCallCaps)),
            "DeflectCall": ("deflect_call", _all(caps.DeflectCallCaps)),
            "HoldCall": ("hold_call", _all(caps.DeviceIDOnlyCaps)),
            "MakeCall": ("make_call", _all(caps.MakeCallCaps)),
            "ReconnectCall": ("reconnect_call", _all(caps.ReconnectCallCaps)),
            "RetrieveCall": ("retrieve_call", _all(caps.DeviceIDOnlyCaps)),
            "SingleStepConferenceCall": ("single_step_conference", _all(caps.SingleStepConferenceCaps)),
            "SingleStepTransferCall": ("single_step_transfer", _all(caps.DeviceIDOnlyCaps)),
            "TransferCall": ("transfer_call", _all(caps.JoinCaps)),
        },
    ),
    "call_associated_serv_list": (
        caps.CallAssociatedServList,
        {"GenerateDigits": ("generate_digits", _all(caps.GenerateDigitsCaps))},
    ),
    "logical_serv_list": (
        caps.LogicalServList,
        {
            "GetDoNotDisturb": ("get_do_not_disturb", _PLAIN),
            "GetForwarding": ("get_forwarding", _all(caps.GetForwardingCaps)),
            "SetDoNotDisturb": ("set_do_not_disturb", _PLAIN),
            "SetForwarding": ("set_forwarding", _all(caps.SetForwardingCaps)),
        },
    ),
}
_EVENTS: dict[str, tuple[type, dict[Kind, tuple[str, Any]]]] = {
    "call_control_evts_list": (
        caps.CallControlEvtsList,
        {
            Kind.CONFERENCE: ("conferenced", _PLAIN),
            Kind.CLEAR: ("connection_cleared", _PLAIN),
            Kind.DELIVER: ("delivered", _PLAIN),
            Kind.DIVERT: ("diverted", _all(caps.DivertedCaps)),
            Kind.ESTABLISH: ("established", _PLAIN),
            Kind.FAIL: ("failed", _PLAIN),
            Kind.HOLD: ("held", _PLAIN),
            Kind.REACH_NETWORK: ("netw_reached", _PLAIN),
            Kind.ORIGINATE: ("originated", _PLAIN),
            Kind.QUEUE: ("queued", _PLAIN),
            Kind.RETRIEVE: ("retrieved", _PLAIN),
            Kind.INITIATE: ("service_initiated", _PLAIN),
            Kind.TRANSFER: ("transferred", _PLAIN),
        },
    ),
    "call_associated_evts_list": (
        caps.CallAssociatedEvtsList,
        {
            Kind.DIGITS: ("digits_generated", _PLAIN),
            Kind.COMPLETION_FAILURE: ("service_completion_failure", _PLAIN),
        },
    ),
    "logical_evts_list": (
        caps.LogicalEvtsList,
        {Kind.DO_NOT_DISTURB: ("do_not_disturb", _PLAIN), Kind.FORWARDING: ("forwarding", _PLAIN)},
    ),
    "device_maint_evts_list": (
        caps.DeviceMaintEvtsList,
        {Kind.BACK_IN_SERVICE: ("back_in_service", _PLAIN), Kind.OUT_OF_SERVICE: ("out_of_service", _PLAIN)},
    ),
}
# What the gateway sends of its own accord, once the service that leads to it is served.
_OWN = {"GetSwitchingFunctionDevices": "SwitchingFunctionDevices", "SystemRegister": "SystemStatus"}
# The lists of a whole switching function, as one list names them.
_SYSTEM_AS = {"system_stat_serv_list": "system_serv_list"}


def service_lists(services: frozenset[str]) -> dict[str, Any]:
    """What there is to say of ``services``, by list."""
    services |= {own for leading, own in _OWN.items() if leading in services}
    return {
        name: cls(**{member: said for request, (member, said) in members.items() if request in services})
        for name, (cls, members) in _SERVICES.items()
        if services & members.keys()
    }


def event_lists(services: frozenset[str], kinds: frozenset[Kind]) -> dict[str, Any]:
    """What there is to say of the events that come of ``kinds`` of report, by list."""
    lists = {}
    for name, (cls, members) in _EVENTS.items():
        told_of = {member: said for kind, (member, said) in members.items() if kind in kinds}
        if name == "call_control_evts_list" and "MonitorStart" in services:
            told_of["call_cleared"] = _all(caps.ClearedCaps)  # the gateway's own: monitors of calls are told
        if told_of:
            lists[name] = cls(**told_of)
    return lists


def _only(lists: dict[str, Any], cls: type) -> dict[str, Any]:
    """Those of ``lists`` that ``cls`` has a place for."""
    return {name: said for name, said in lists.items() if name in cls.__dataclass_fields__}  # type: ignore[attr-defined] # the caller gives a dataclass


def capability(dispatcher: Dispatcher, switch: Switch) -> dict[type, Handler]:
    """The capability exchange services, which tell what ``dispatcher`` serves and the driver reports."""
    naming = Naming(switch)
    references = count(1)

    def services() -> dict[str, Any]:
        return service_lists(dispatcher.services)

    def events() -> dict[str, Any]:
        return event_lists(dispatcher.services, told(switch.kinds))

    def setup() -> caps.TransAndConfSetup:
        return _setup(switch.offered)

    async def get_csta_features(
        _session: Session, _request: csta.GetCSTAFeatures, _namespace: str
    ) -> csta.GetCSTAFeaturesResponse:
        return csta.GetCSTAFeaturesResponse(
            supported_services=caps.SupportedServices(**services()),
            supported_events=caps.SupportedEvents(**events()),
        )

    async def get_switching_function_caps(
        _session: Session, _request: csta.GetSwitchingFunctionCaps, _namespace: str
    ) -> csta.GetSwitchingFunctionCapsResponse:
        lists = {_SYSTEM_AS.get(name, name): said for name, said in (services() | events()).items()}
        return csta.GetSwitchingFunctionCapsResponse(
            manufacturer_name="ctigw",
            sw_appearance_types=_all(caps.SwAppearanceTypes),
            ignore_unsupported_parameters=csta.IgnoreUnsupportedParameters.IGNORE_PARAMETERS,
            trans_and_conf_setup=setup(),
            connection_view=csta.ConnectionView.FIXED,
            serv_evts_list=caps.ServEvtsList(**lists),
        )

    async def get_switching_function_devices(
        session: Session, request: csta.GetSwitchingFunctionDevices, _namespace: str
    ) -> Reply:
        reference = str(next(references))
        devices = _devices(naming, session, request)
        return Reply(
            csta.GetSwitchingFunctionDevicesResponse(service_cross_ref_id=reference),
            _segments(reference, devices),
        )

    async def get_logical_device_information(
        session: Session, request: csta.GetLogicalDeviceInformation, _namespace: str
    ) -> csta.GetLogicalDeviceInformationResponse:
        line = naming.known(session, request.device)
        if line.category is not Category.STATION:  # calls pass through it; nothing can be asked of it
            return csta.GetLogicalDeviceInformationResponse(
                device_category=_category(line),
                has_physical_element=False,
                appearance_addressable=False,
                appearance_type=csta.AppearanceType.SELECTED_STANDARD,
            )
        every_event = events()
        return csta.GetLogicalDeviceInformationResponse(
            device_category=_category(line),
            has_physical_element=True,
            appearance_addressable=False,
            appearance_type=csta.AppearanceType.SELECTED_STANDARD,
            trans_and_conf_setup=setup(),
            log_dev_serv_list=caps.LogDevServList(**_only(services(), caps.LogDevServList)),
            log_dev_evts_list=caps.LogDevEvtsList(**_only(every_event, caps.LogDevEvtsList)),
            device_maint_evts_list=every_event.get("device_maint_evts_list"),
        )

    async def get_physical_device_information(
        session: Session, request: csta.GetPhysicalDeviceInformation, _namespace: str
    ) -> csta.GetPhysicalDeviceInformationResponse:
        line = naming.known(session, request.device)
        return csta.GetPhysicalDeviceInformationResponse(
            device_category=_category(line), has_logical_element=True
        )

    return {
        csta.GetCSTAFeatures: get_csta_features,
        csta.GetSwitchingFunctionCaps: get_switching_function_caps,
        csta.GetSwitchingFunctionDevices: get_switching_function_devices,
        csta.GetLogicalDeviceInformation: get_logical_device_information,
        csta.GetPhysicalDeviceInformation: get_physical_device_information,
    }


def _setup(commands: frozenset[str]) -> caps.TransAndConfSetup:
    """The ways in which two calls that can be joined come about."""
    flags = caps.TransAndConfSetup
    ways = {
        flags.CONSULTATION_CALL: {"consult"},
        flags.HOLD_CALL_MAKE_CALL: {"hold", "make_call"},
        flags.ALTERNATE_CALL: {"alternate"},
    }
    there = flags(0)
    for flag, needed in ways.items():
        there |= flag if needed <= commands else flags(0)
    return there


def _category(line: Line) -> csta.DeviceCategory:
    return csta.DeviceCategory(line.category.value)


def _devices(
    naming: Naming, session: Session, request: csta.GetSwitchingFunctionDevices
) -> Iterator[csta.DeviceListDevice]:
    """The devices asked for: one, those of a category, or all; only such as the session may know of.

    Raises `Refused` at once; the devices are gathered when they are wanted.
    """
    rights = access.admitted(session)
    wanted = None
    if request.requested_device_id is not None:
        wanted = naming.known(session, request.requested_device_id).number

    def gathered() -> Iterator[csta.DeviceListDevice]:
        for number, line in tuple(naming.switch.picture.lines.items()):
            listed = wanted in (None, number) and _asked_for(line, request.requested_device_category)
            if listed and (line.category is not Category.STATION or rights.monitor(number)):
                yield csta.DeviceListDevice(device_id=session.show(number), device_category=_category(line))

    return gathered()


def _segments(
    reference: str, devices: Iterator[csta.DeviceListDevice]
) -> Iterator[csta.SwitchingFunctionDevices]:
    """``devices`` in as many messages as they need."""
    part: list[csta.DeviceListDevice] = []
    number, size = 1, 0

    def segment(*, last: bool) -> csta.SwitchingFunctionDevices:
        return csta.SwitchingFunctionDevices(
            service_cross_ref_id=reference, segment_id=number, last_segment=last, device_list=tuple(part)
        )

    for device in devices:
        more = _size(device)
        if part and size + more > SEGMENT:
            yield segment(last=False)
            part, number, size = [], number + 1, 0
        part.append(device)
        size += more
    yield segment(last=True)


def _size(device: csta.DeviceListDevice) -> int:
    """At most so many bytes in a list of devices."""
    text = escape(device.device_id or "").encode("ascii", "xmlcharrefreplace")
    return DEVICE + len(text)


def _asked_for(line: Line, category: csta.ReqDeviceCategory | None) -> bool:
    """Whether ``line`` is of the ``category``; there are five words for a group."""
    if category is None:
        return True
    return category.value.startswith(line.category.value)
