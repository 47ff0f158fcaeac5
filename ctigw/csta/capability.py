"""Capability exchange services (ECMA-269, capability exchange): what a gateway and its devices can do."""

from __future__ import annotations

from ctigw.csta import caps
from ctigw.csta.types import message
from ctigw.values import Enum, named
from ctigw.xml import child


class DeviceCategory(Enum):
    ACD = "acd"
    GROUP = "group"
    NETWORK_INTERFACE = "networkInterface"
    PARK = "park"
    ROUTEING_DEVICE = "routeingDevice"
    STATION = "station"
    VOICE_UNIT = "voiceUnit"
    OTHER = "other"


class ReqDeviceCategory(Enum):
    """What GetSwitchingFunctionDevices can ask for: groups by their kind."""

    ACD = "acd"
    GROUP_ACD = "groupACD"
    GROUP_HUNT = "groupHunt"
    GROUP_PICK = "groupPick"
    GROUP_USER = "groupUser"
    GROUP_OTHER = "groupOther"
    NETWORK_INTERFACE = "networkInterface"
    PARK = "park"
    ROUTEING_DEVICE = "routeingDevice"
    STATION = "station"
    VOICE_UNIT = "voiceUnit"
    OTHER = "other"


class IgnoreUnsupportedParameters(Enum):
    IGNORE_PARAMETERS = "ignoreParameters"
    REJECT_MESSAGE = "rejectMessage"


class ConnectionView(Enum):
    """Whether a connection looks the same from everywhere (fixed), or only in the local view."""

    FIXED = "fixed"
    LOCAL = "local"


class AppearanceType(Enum):
    SELECTED_STANDARD = "selectedStandard"
    BASIC_STANDARD = "basicStandard"
    BASIC_BRIDGED = "basicBridged"
    EXCLUSIVE_BRIDGED = "exclusiveBridged"
    INDEPENDENT_SHARED_BRIDGED = "independentSharedBridged"
    INTERDEPENDENT_SHARED_BRIDGED = "interdependentSharedBridged"


@message
class GetCSTAFeatures:
    """The client asks what is supported."""


@message
class GetCSTAFeaturesResponse:
    supported_services: caps.SupportedServices | None = None
    supported_events: caps.SupportedEvents | None = None


@message
class GetSwitchingFunctionCaps:
    """The client asks what the switching function is."""


@message
class GetSwitchingFunctionCapsResponse:
    manufacturer_name: str | None = None
    sw_appearance_types: caps.SwAppearanceTypes | None = None
    ignore_unsupported_parameters: IgnoreUnsupportedParameters
    trans_and_conf_setup: caps.TransAndConfSetup | None = None
    connection_view: ConnectionView
    serv_evts_list: caps.ServEvtsList | None = None


@message
class GetSwitchingFunctionDevices:
    """The client asks for one device, for those of a category, or for all."""

    requested_device_id: str | None = None
    requested_device_category: ReqDeviceCategory | None = None


@message
class GetSwitchingFunctionDevicesResponse:
    """`SwitchingFunctionDevices` with this ``service_cross_ref_id`` follow."""

    service_cross_ref_id: str


@named
class DeviceListDevice:
    device_id: str | None = None
    device_category: DeviceCategory | None = None


@message
class SwitchingFunctionDevices:
    """A part of the list of devices: a request of the gateway's own, which has no answer."""

    service_cross_ref_id: str | None = None
    segment_id: int | None = None
    last_segment: bool
    device_list: tuple[DeviceListDevice, ...] = child(name="device", within="deviceList", default=())


@message
class GetLogicalDeviceInformation:
    device: str | None = None


@message
class GetLogicalDeviceInformationResponse:
    device_category: DeviceCategory | None = None
    has_physical_element: bool
    appearance_addressable: bool
    appearance_type: AppearanceType
    trans_and_conf_setup: caps.TransAndConfSetup | None = None
    log_dev_serv_list: caps.LogDevServList | None = None
    log_dev_evts_list: caps.LogDevEvtsList | None = None
    device_maint_evts_list: caps.DeviceMaintEvtsList | None = None


@message
class GetPhysicalDeviceInformation:
    device: str | None = None


@message
class GetPhysicalDeviceInformationResponse:
    device_category: DeviceCategory
    has_logical_element: bool
