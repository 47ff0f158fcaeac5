"""Types that several CSTA messages share (ECMA-323, 3rd edition)."""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

from ctigw.errors import Reason
from ctigw.values import Enum, named
from ctigw.xml import Empty, Schema, choice

T = TypeVar("T")
ED3 = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"
EDITIONS = frozenset(
    {"http://www.ecma.ch/standards/ecma-323/csta/ed2", ED3, ED3[:-1] + "4", ED3[:-1] + "5", ED3[:-1] + "6"}
)

csta = Schema(ED3)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message(cls: type[T]) -> type[T]:
    """Class decorator: a CSTA message, named as its root element, its fields the children in order."""
    return csta.register(named(cls))


def answer_namespace(namespace: str | None) -> str:
    """The namespace to answer in: the requester's when it is an edition of CSTA or "" (none), else ed3."""
    return namespace if namespace == "" or namespace in EDITIONS else ED3


class LocalConnectionState(Enum):
    """LocalConnectionState; held and failed are spelled hold and fail on the wire."""

    NULL = "null"
    INITIATED = "initiated"
    ALERTING = "alerting"
    CONNECTED = "connected"
    HOLD = "hold"
    QUEUED = "queued"
    FAIL = "fail"


@named
class ConnectionID:
    """A call as one device sees it.  On the wire either may stand alone; the gateway writes both."""

    call_id: str | None = None
    device_id: str | None = None


@choice
@named
class ExtendedDeviceID:
    """A device in an event: SubjectDeviceID, CallingDeviceID, CalledDeviceID."""

    device_identifier: str | None = None
    not_known: Empty | None = None
    restricted: Empty | None = None


@choice
@named
class RedirectionDeviceID:
    """The device that redirected the call last; ``not_required`` when there is none."""

    number_dialed: str | None = None
    not_known: Empty | None = None
    not_required: Empty | None = None
    not_specified: Empty | None = None
    restricted: Empty | None = None


@choice
@named
class Endpoint:
    """A party of a joined call."""

    device_id: str | None = None
    not_known: Empty | None = None
    restricted: Empty | None = None


@named
class ConnectionListItem:
    """A party's connection in a joined call and, where it had another one, in the call before."""

    new_connection: ConnectionID | None = None
    old_connection: ConnectionID | None = None
    endpoint: Endpoint | None = None


@choice
@message
class CSTAErrorCode:
    """The negative answer: exactly one category (UniversalFailure), its value as text."""

    operation: str | None = None
    security: str | None = None
    state_incompatibility: str | None = None
    system_resource_availibility: str | None = None
    subscribed_resource_availability: str | None = None
    performance_management: str | None = None
    private_data: str | None = None
    private_error_code: str | None = None
    unspecified: Empty | None = None


_CATEGORIES = {
    "operation": "operation",
    "security": "security",
    "stateIncompatibility": "state_incompatibility",
    "systemResourceAvailibility": "system_resource_availibility",
    "subscribedResourceAvailability": "subscribed_resource_availability",
    "performanceManagement": "performance_management",
    "privateData": "private_data",
    "privateErrorCode": "private_error_code",
}


def error_code(reason: Reason) -> CSTAErrorCode:
    """The message that tells a client ``reason``."""
    category: dict[str, Any] = {_CATEGORIES[reason.category]: reason.value_name}
    return CSTAErrorCode(**category)


def categories(answer: CSTAErrorCode) -> dict[str, str]:
    """The category of ``answer`` and its value, in the words of the wire."""
    told = {category: getattr(answer, field) for category, field in _CATEGORIES.items()}
    return {category: value for category, value in told.items() if value is not None} or {"unspecified": ""}
