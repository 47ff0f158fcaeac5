"""The one tree of refusals that the domain can give.

``Refused(reason)``  a request that cannot be served; the client is told `Reason`
                     (one category and one value of ECMA-323's UniversalFailure)

Everything else that is raised behind the dispatcher is a bug.
"""

from __future__ import annotations

import enum


class Reason(enum.Enum):
    """Why a request is refused: (category, value) in the words of the wire."""

    GENERIC = ("operation", "generic")
    SERVICE_NOT_SUPPORTED = ("operation", "serviceNotSupported")
    INVALID_PARAMETER_VALUE = ("operation", "invalidParameterValue")
    INVALID_DEVICE_ID = ("operation", "invalidDeviceID")
    INVALID_CALLING_DEVICE_ID = ("operation", "invalidCallingDeviceID")
    INVALID_CALLED_DEVICE_ID = ("operation", "invalidCalledDeviceID")
    INVALID_DESTINATION = ("operation", "invalidDestination")
    INVALID_DESTINATION_DEVICE_OBJECT = ("operation", "invalidDestinationDeviceObject")
    INVALID_DIVERTING_DEVICE_ID = ("operation", "invalidDivertingDeviceID")
    INVALID_HELD_DEVICE_ID = ("operation", "invalidHeldDeviceID")
    INVALID_FORWARDING_DESTINATION = ("operation", "invalidForwardingDestination")
    INVALID_CONNECTION_ID = ("operation", "invalidConnectionID")
    INVALID_CROSS_REF_ID = ("operation", "invalidCrossRefID")
    INVALID_MONITOR_OBJECT_TYPE = ("operation", "invalidMonitorObjectType")
    MONITOR_TYPE_NOT_SUPPORTED = ("operation", "monitorTypeNotSupported")
    DIGIT_MODE_NOT_SUPPORTED = ("operation", "digitModeNotSupported")
    PRIVILEGE_VIOLATION = ("operation", "privilegeViolationSpecifiedDevice")
    SECURITY_GENERIC = ("security", "generic")
    INVALID_CONNECTION_STATE = ("stateIncompatibility", "invalidConnectionState")
    CONNECTED_CALL_EXISTS = ("stateIncompatibility", "connectedCallExists")
    NO_CALL_TO_ANSWER = ("stateIncompatibility", "noCallToAnswer")
    NO_CONNECTION_TO_CLEAR = ("stateIncompatibility", "noConnectionToClear")
    NO_ACTIVE_CALL = ("stateIncompatibility", "noActiveCall")
    NO_HELD_CALL = ("stateIncompatibility", "noHeldCall")
    INVALID_HELD_DEVICE_STATE = ("stateIncompatibility", "invalidHeldDeviceState")
    RESOURCE_BUSY = ("systemResourceAvailibility", "resourceBusy")
    RESOURCE_OUT_OF_SERVICE = ("systemResourceAvailibility", "resourceOutOfService")
    RESOURCE_LIMIT_EXCEEDED = ("systemResourceAvailibility", "resourceLimitExceeded")
    DEVICE_OUT_OF_SERVICE = ("systemResourceAvailibility", "deviceOutOfService")
    CALLING_DEVICE_OUT_OF_SERVICE = ("systemResourceAvailibility", "callingDeviceOutOfService")
    CONFERENCE_MEMBER_LIMIT_EXCEEDED = ("systemResourceAvailibility", "conferenceMemberLimitExceeded")
    REGISTRATION_LIMIT_EXCEEDED = ("systemResourceAvailibility", "registrationLimitExceeded")
    OVERALL_MONITOR_LIMIT_EXCEEDED = ("systemResourceAvailibility", "overallMonitorLimitExceeded")
    OBJECT_MONITOR_LIMIT_EXCEEDED = ("subscribedResourceAvailability", "objectMonitorLimitExceeded")
    PERFORMANCE_LIMIT_EXCEEDED = ("performanceManagement", "performanceLimitExceeded")
    OUTSTANDING_REQUEST_LIMIT_EXCEEDED = ("subscribedResourceAvailability", "outstandingReqLimitExceeded")

    @property
    def category(self) -> str:
        """The child element of CSTAErrorCode."""
        return self.value[0]

    @property
    def value_name(self) -> str:
        """The text of that child."""
        return self.value[1]


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """The domain says no, and this is the reason that the client is told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("/".join(reason.value))
        self.reason = reason
