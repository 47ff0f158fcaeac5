"""Logical device services: forwarding and do not disturb (ECMA-269, logical device features)."""

from __future__ import annotations

from dataclasses import replace

from ctigw.csta.logical import (
    ForwardingType,
    ForwardListItem,
    GetDoNotDisturb,
    GetDoNotDisturbResponse,
    GetForwarding,
    GetForwardingResponse,
    SetDoNotDisturb,
    SetDoNotDisturbResponse,
    SetForwarding,
    SetForwardingResponse,
)
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.naming import Naming, dialled
from ctigw.services.session import Session
from ctigw.switch.driver import Forwarding, ForwardRule, Line
from ctigw.switch.switch import Switch

# The bounds of ringCount: somebody must hear it, and callers do not wait for ever.
RINGS = range(1, 100)


def logical(switch: Switch) -> dict[type, Handler]:
    """The handlers of the services that the switch's driver has the commands for."""
    naming = Naming(switch)

    async def set_forwarding(
        session: Session, request: SetForwarding, _namespace: str
    ) -> SetForwardingResponse:
        destination = "" if _says_nowhere(request) else dialled(request.forward_dn or "")
        if request.ring_count is not None and request.ring_count not in RINGS:
            raise Refused(Reason.INVALID_PARAMETER_VALUE)
        line = naming.controlled(session, request.device)
        # A request that says where needs not know what is set already.
        known = request.activate_forward and destination
        present = () if known else (await switch.features(line)).forwarding
        if request.activate_forward:
            await switch.set_forwarding(line, _wanted(request, destination, present))
        else:
            await _switch_off(line, request, present)
        return SetForwardingResponse()

    async def _switch_off(line: Line, request: SetForwarding, present: tuple[ForwardRule, ...]) -> None:
        """Switch off the forwarding named, or all of them; what is not on needs nothing."""
        for rule in present:
            if rule.active and request.forwarding_type in (None, ForwardingType(rule.when.value)):
                await switch.set_forwarding(line, replace(rule, active=False))

    async def get_forwarding(
        session: Session, request: GetForwarding, _namespace: str
    ) -> GetForwardingResponse:
        line = naming.watched(session, request.device)
        features = await switch.features(line)
        return GetForwardingResponse(
            forwarding_list=tuple(
                ForwardListItem(
                    forwarding_type=ForwardingType(rule.when.value),
                    forward_status=rule.active,
                    forward_dn=session.show(rule.destination),
                    ring_count=rule.rings,
                )
                for rule in features.forwarding
            )
        )

    async def set_do_not_disturb(
        session: Session, request: SetDoNotDisturb, _namespace: str
    ) -> SetDoNotDisturbResponse:
        line = naming.controlled(session, request.device)
        await switch.set_do_not_disturb(line, on=request.do_not_disturb_on)
        return SetDoNotDisturbResponse()

    async def get_do_not_disturb(
        session: Session, request: GetDoNotDisturb, _namespace: str
    ) -> GetDoNotDisturbResponse:
        line = naming.watched(session, request.device)
        return GetDoNotDisturbResponse(do_not_disturb_on=(await switch.features(line)).do_not_disturb)

    needed: dict[type, tuple[set[str], Handler]] = {
        SetForwarding: ({"set_forwarding", "features"}, set_forwarding),
        GetForwarding: ({"features"}, get_forwarding),
        SetDoNotDisturb: ({"set_do_not_disturb"}, set_do_not_disturb),
        GetDoNotDisturb: ({"features"}, get_do_not_disturb),
    }
    return {request: handler for request, (commands, handler) in needed.items() if commands <= switch.offered}


def _says_nowhere(request: SetForwarding) -> bool:
    """Whether no number is given.  Clients leave it empty when they switch off; then that is none, too."""
    return request.forward_dn is None or (not request.forward_dn and not request.activate_forward)


def _wanted(request: SetForwarding, destination: str, present: tuple[ForwardRule, ...]) -> ForwardRule:
    """The forwarding asked for: immediate unless it says when.

    One without a destination leads where it led last, after as many rings unless it says how many.
    """
    when = Forwarding((request.forwarding_type or ForwardingType.FORWARD_IMMEDIATE).value)
    rings = request.ring_count if _rings(when) else None
    if destination:
        return ForwardRule(when, destination, rings=rings)
    last = next((rule for rule in present if rule.when is when), None)
    if last is None:
        raise Refused(Reason.INVALID_FORWARDING_DESTINATION)
    return replace(last, active=True, rings=rings or last.rings)


def _rings(when: Forwarding) -> bool:
    """Whether a number of rings means something for this kind of forwarding."""
    return when in (Forwarding.NO_ANSWER, Forwarding.NO_ANSWER_INTERNAL, Forwarding.NO_ANSWER_EXTERNAL)
