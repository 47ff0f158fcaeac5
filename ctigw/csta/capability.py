"""Capability exchange services (ECMA-269, capability exchange): what a gateway can do."""

from __future__ import annotations

from dataclasses import dataclass

from ctigw.csta.types import message


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """A service or event that is there, with nothing more to say of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCaps:
    """A service on a connection; ``device_id_only``: a ConnectionID without callID is accepted."""

    device_id_only: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCallCaps:
    auto_originate_prompt: bool | None = None
    auto_originate_do_not_prompt: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorStartCaps:
    monitor_object_device: bool | None = None
    monitor_type_device: bool | None = None
    monitor_existing_calls_in_ack: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CapExchangeServList:
    get_csta_features: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatusServList:
    request_system_status: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringServList:
    monitor_start: MonitorStartCaps | None = None
    monitor_stop: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallControlServList:
    answer_call: ConnectionCaps | None = None
    clear_connection: ConnectionCaps | None = None
    make_call: MakeCallCaps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallControlEvtsList:
    connection_cleared: Caps | None = None
    delivered: Caps | None = None
    diverted: Caps | None = None
    established: Caps | None = None
    failed: Caps | None = None
    netw_reached: Caps | None = None
    originated: Caps | None = None
    service_initiated: Caps | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedServices:
    cap_exchange_serv_list: CapExchangeServList | None = None
    system_stat_serv_list: SystemStatusServList | None = None
    monitoring_serv_list: MonitoringServList | None = None
    call_control_serv_list: CallControlServList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedEvents:
    call_control_evts_list: CallControlEvtsList | None = None


@message
class GetCSTAFeatures:
    """The client asks what is supported."""


@message
class GetCSTAFeaturesResponse:
    supported_services: SupportedServices | None = None
    supported_events: SupportedEvents | None = None
