"""The namespaces and the names of presence documents, those that mean the same taken together."""

from __future__ import annotations

PIDF = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
RPID = "urn:ietf:params:xml:ns:pidf:rpid"
CAPS = "urn:ietf:params:xml:ns:pidf:caps"
CIPID = "urn:ietf:params:xml:ns:pidf:cipid"
CISCO = "urn:cisco:params:xml:ns:pidf:rpid"
SOURCE = "urn:cisco:params:xml:ns:pidf:source"
XML = "http://www.w3.org/XML/1998/namespace"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

# The prefixes that our documents bind, each to the same namespace always.
PREFIXES = {PIDF: "", DATA_MODEL: "dm", RPID: "r", CISCO: "ce", CAPS: "sc", CIPID: "ci", SOURCE: "so"}

# What is written for them, and what else they are called: by drafts, by older products, by slips.
_ALIASES = {
    PIDF: ("urn:ietf:params:xml:ns:cpim-pidf:", "urn:ietf:params:xml:ns:cpim-pidf"),
    DATA_MODEL: ("urn:ietf:params:xml:ns:pidf:person", "urn:ietf:params:xml:pidf:data-model"),
    RPID: (
        "urn:ietf:params:xml:ns:pidf:status:rpid",
        "urn:ietf:params:xml:ns:pidf:rpid:status:rpid",
        "urn:ietf:params:xml:pidf:rpid",
        "urn:ietf:params:xml:ns:pidf:rpid-status",
    ),
    CAPS: ("urn:ietf:params:xml:ns:pidf:servcaps",),
    CIPID: ("urn:ietf:params:xml:pidf:cipid",),
    CISCO: ("urn:cisco:params:xml:pidf:rpid",),
    SOURCE: ("urn:cisco:params:xml:pidf:source",),
}
NAMESPACES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}

# Documents of their own.  Inside a PIDF document they say nothing, and would have to be valid.
_OTHER_DOCUMENTS = (
    "urn:ietf:params:xml:ns:pidf-diff",
    "urn:ietf:params:xml:ns:rlmi",
    "urn:ietf:params:xml:ns:watcherinfo",
    "urn:ietf:params:xml:ns:resource-lists",
    "urn:ietf:params:xml:ns:rls-services",
    "urn:ietf:params:xml:ns:common-policy",
    "urn:ietf:params:xml:ns:pres-rules",
    "urn:ietf:params:xml:ns:dialog-info",
)
LEFT_OUT = frozenset((*_OTHER_DOCUMENTS, XML, XSI, "http://www.w3.org/2000/xmlns/"))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# RFC 4480 §3.2.
ACTIVITIES = _words(
    "appointment away breakfast busy dinner holiday in-transit looking-for-work meal meeting "
    "on-the-phone performance permanent-absence playing presentation shopping sleeping spectator steering "
    "travel tv vacation working worship"
)
# What Cisco's products say in the same place, in their own namespace.
CISCO_ACTIVITIES = _words(
    "available unavailable dnd do-not-disturb idle alerting ringing extended-away im-status "
    "phone-status offline online"
)
# They say only that somebody is there, or not, or not even that: anything else says more.
SAY_LITTLE = _words("available unavailable unknown im-status phone-status online offline")

MOODS = _words(
    "afraid amazed angry annoyed anxious ashamed bored brave calm cold confused contented cranky "
    "curious depressed disappointed disgusted distracted embarrassed excited flirtatious frustrated "
    "grumpy guilty happy hot humbled humiliated hungry hurt impressed in_awe in_love indignant "
    "interested invincible jealous lonely mean moody nervous neutral offended playful proud relieved "
    "remorseful restless sad sarcastic serious shocked shy sick sleepy stressed surprised thirsty "
    "worried"
)


def parted(tag: str) -> tuple[str, str]:
    """Namespace and name of a tag as lxml gives it, the namespace as we call it ("" for none)."""
    found = _TAGS.get(tag)
    if found is not None:
        return found
    if not tag.startswith("{"):
        return "", tag
    namespace, _, name = tag[1:].rpartition("}")
    return NAMESPACES.get(namespace, namespace), name


_USUAL = {
    PIDF: "presence tuple status basic contact note timestamp person activities source",
    DATA_MODEL: "person device deviceID note timestamp",
    RPID: "activities mood place-is place-type privacy relationship service-class sphere status-icon "
    "time-offset user-input class note other unknown " + " ".join(ACTIVITIES),
    CAPS: "servcaps audio video text",
    CIPID: "display-name",
    CISCO: "person activities model user-input " + " ".join(CISCO_ACTIVITIES),
    SOURCE: "source",
}
# Tags that come all the time.  A cache of whatever comes would be filled by whoever likes to.
_TAGS = {
    f"{{{alias}}}{name}": (namespace, name)
    for alias, namespace in NAMESPACES.items()
    for name in _USUAL[namespace].split()
}
