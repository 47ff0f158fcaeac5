"""Capability exchange: what is supported, derived from what is served and what the driver can do."""

from __future__ import annotations

from typing import Any

from ctigw.csta import capability as caps
from ctigw.csta.capability import GetCSTAFeatures, GetCSTAFeaturesResponse
from ctigw.services.dispatcher import Dispatcher, Handler
from ctigw.services.event_messages import SHAPES
from ctigw.services.session import Session
from ctigw.switch.driver import Kind

_DEVICE_ID_ONLY = caps.ConnectionCaps(device_id_only=True)
_PLAIN = caps.Caps()

# list, then its members: request -> (member, what is said of it)
_SERVICES: dict[str, tuple[type, dict[str, tuple[str, Any]]]] = {
    "cap_exchange_serv_list": (
        caps.CapExchangeServList,
        {"GetCSTAFeatures": ("get_csta_features", _PLAIN)},
    ),
    "system_stat_serv_list": (
        caps.SystemStatusServList,
        {"RequestSystemStatus": ("request_system_status", _PLAIN)},
    ),
    "monitoring_serv_list": (
        caps.MonitoringServList,
        {
            "MonitorStart": (
                "monitor_start",
                caps.MonitorStartCaps(
                    monitor_object_device=True,
                    monitor_type_device=True,
                    monitor_existing_calls_in_ack=True,
                ),
            ),
            "MonitorStop": ("monitor_stop", _PLAIN),
        },
    ),
    "call_control_serv_list": (
        caps.CallControlServList,
        {
            "AnswerCall": ("answer_call", _DEVICE_ID_ONLY),
            "ClearConnection": ("clear_connection", _DEVICE_ID_ONLY),
            "MakeCall": (
                "make_call",
                caps.MakeCallCaps(auto_originate_prompt=True, auto_originate_do_not_prompt=True),
            ),
        },
    ),
}
_EVENTS = {
    Kind.CLEAR: "connection_cleared",
    Kind.DELIVER: "delivered",
    Kind.DIVERT: "diverted",
    Kind.ESTABLISH: "established",
    Kind.FAIL: "failed",
    Kind.REACH_NETWORK: "netw_reached",
    Kind.ORIGINATE: "originated",
    Kind.INITIATE: "service_initiated",
}


def features(services: frozenset[str], kinds: frozenset[Kind]) -> GetCSTAFeaturesResponse:
    """The answer for a gateway that serves ``services`` and whose driver reports ``kinds``."""
    lists = {
        name: cls(**{member: said for request, (member, said) in members.items() if request in services})
        for name, (cls, members) in _SERVICES.items()
        if services & members.keys()
    }
    told = {member: _PLAIN for kind, member in _EVENTS.items() if kind in kinds and kind in SHAPES}
    return GetCSTAFeaturesResponse(
        supported_services=caps.SupportedServices(**lists),
        supported_events=caps.SupportedEvents(call_control_evts_list=caps.CallControlEvtsList(**told)),
    )


def capability(dispatcher: Dispatcher, kinds: frozenset[Kind]) -> dict[type, Handler]:
    """The capability exchange services, which tell what ``dispatcher`` serves and the driver reports."""

    async def get_csta_features(
        _session: Session, _request: GetCSTAFeatures, _namespace: str
    ) -> GetCSTAFeaturesResponse:
        return features(dispatcher.services, kinds)

    return {GetCSTAFeatures: get_csta_features}
