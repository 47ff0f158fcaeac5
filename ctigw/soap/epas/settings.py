"""Settings of the site and of the user: what clients ask for first of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ctigw import rules
from ctigw.directory import dial_rules, licensing, properties, system
from ctigw.directory import rules as kept
from ctigw.directory.journal import PropertyItem
from ctigw.directory.outcomes import Outcome
from ctigw.presence.rule_xml import reachability
from ctigw.rules import Visibility
from ctigw.soap.epas.contacts import get_contact_list
from ctigw.soap.epas.operations import (
    Call,
    InvalidError,
    Operation,
    add,
    answer,
    boolean,
    children,
    content,
    said,
)
from ctigw.soap.epas.rules import answer_with_rules
from ctigw.xml.declaration import BOOLEANS
from ctigw.xml.parsing import Element, local

# How the rule that is for everybody is called by what it lets them see.  The first is printed; the others are
# ours.
POLICIES: Mapping[Visibility, str] = {
    Visibility.ALL: "Allow All",
    Visibility.REACHABILITY_ONLY: "Reachability Only",
    Visibility.POLITE_BLOCK: "Polite Block",
    Visibility.BLOCK: "Block All",
    Visibility.CONFIRM: "Ask",
}
# As statuses of single settings and records: there is no other word for a failure than that it is not 0.
CODES: Mapping[Outcome, str] = {Outcome.SUCCEEDED: "0", Outcome.FAILED: "1"}


def get_system_config(call: Call, _body: Element) -> Element:
    """The settings of the site, with what is the user's own in their place."""
    made = answer("get-system-config")
    for name, value in system.system_config(call.session, call.user, call.settings.system):
        add(made, "property", value or None, name=name)
    return made


def get_user_config(call: Call, _body: Element) -> Element:
    """What the user's clients keep here."""
    made = answer("get-user-config")
    for item in properties.properties(call.session, call.user):
        add(made, "property", item.value or None, name=item.name, is_public=said(item.is_public))
    return made


def set_user_config(call: Call, body: Element) -> Element:
    """Keep settings of clients; what is not said to be public is not."""
    wanted = [
        PropertyItem(part.attrib["name"], content(part), boolean(part.get("is-public")) or False)
        for part in children(body, "property")
    ]
    done = properties.set_properties(call.session, call.user, wanted)
    made = answer("set-user-config")
    for item, outcome in zip(wanted, done.outcomes, strict=True):
        add(made, "property", name=item.name, status_code=CODES[outcome])
    return made


def get_licensing_features(call: Call, _body: Element) -> Element:
    """What the user may use."""
    features = licensing.features(call.session, call.user)
    made = answer("get-licensing-features")
    for name in ("base", "im", "audio", "video"):
        add(made, name, said(getattr(features, name)))
    return made


def get_dialing_rules(call: Call, _body: Element) -> Element:
    """How numbers are changed before they are dialled or looked up."""
    made = answer("get-dialing-rules")
    for rule in dial_rules.dial_rules(call.session):
        inside = add(made, "rule")
        for name in rule.__struct_fields__:
            add(inside, name.replace("_", "-"), str(getattr(rule, name)) or None)
    return made


def get_calendaring(call: Call, _body: Element) -> Element:
    """Whether the user's calendar is part of their presence."""
    return answer("get-calendaring", said(properties.calendaring(call.session, call.user)))


def set_calendaring(call: Call, body: Element) -> Element:
    """Make it so, or not."""
    wanted = BOOLEANS.get(content(body).strip())
    if wanted is None:
        raise InvalidError
    properties.set_calendaring(call.session, call.user, wanted)
    return answer("set-calendaring", Outcome.SUCCEEDED.value)


def _rule_for_all(call: Call, _body: Element) -> Element:
    """The rule that is for everybody who is in no list, in the form that it has among everything else."""
    rule = rules.applying(kept.rules_of(call.session, call.user), "")
    visibility = call.settings.without_rule if rule is None else rule.visibility
    made = answer_with_rules("get-presence-rules")
    add(made, "visibility", visibility.value)
    reachability(made, rule)
    add(made, "privacy-policy", POLICIES[visibility])
    add(made, "acl")
    return made


# What can be asked for at once, in the order of the answer.
ALL: Mapping[str, Callable[[Call, Element], Element]] = {
    "system-config": get_system_config,
    "user-config": get_user_config,
    "licensing-features": get_licensing_features,
    "contact-list": get_contact_list,
    "presence-rules": _rule_for_all,
    "dialing-rules": get_dialing_rules,
}


def get_all_config(call: Call, body: Element) -> Element:
    """Everything, or the parts that are asked for."""
    asked = [local(part) for part in body] or list(ALL)
    made = answer("get-all-config")
    made.extend([part(call, body) for name, part in ALL.items() if name in asked])
    return made


OPERATIONS: Mapping[str, Operation] = {
    "get-all-config": get_all_config,
    "get-system-config": get_system_config,
    "get-user-config": get_user_config,
    "set-user-config": set_user_config,
    "get-licensing-features": get_licensing_features,
    "get-dialing-rules": get_dialing_rules,
    "get-calendaring": get_calendaring,
    "set-calendaring": set_calendaring,
}
