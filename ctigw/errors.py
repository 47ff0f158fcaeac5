"""The one tree of refusals that the domain can give.

``Refused(reason)``  a request that cannot be served; the client is told `Reason`
                     (one category and one value of ECMA-323's UniversalFailure)

Everything else that is raised behind the dispatcher is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.values import Enum


class Reason(Enum):
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


# What each is said for, in the words of `ctigw describe`.
MEANINGS: Mapping[Reason, str] = {
    Reason.GENERIC: "what arrived is not a CSTA message, or the gateway itself failed",
    Reason.SERVICE_NOT_SUPPORTED: "neither this gateway nor its PBX has the service",
    Reason.INVALID_PARAMETER_VALUE: "something mandatory is missing, or a value is outside its type",
    Reason.INVALID_DEVICE_ID: "no such device",
    Reason.INVALID_CALLING_DEVICE_ID: "no such device, or none that can call",
    Reason.INVALID_CALLED_DEVICE_ID: "the PBX cannot place a call there, or not from this device",
    Reason.INVALID_DESTINATION: "the call cannot be sent there",
    Reason.INVALID_DESTINATION_DEVICE_OBJECT: "the device is in the call already, or no phone",
    Reason.INVALID_DIVERTING_DEVICE_ID: "no such device to divert from, or the call does not ring there",
    Reason.INVALID_HELD_DEVICE_ID: "heldCall is not at a known device that is in both calls",
    Reason.INVALID_FORWARDING_DESTINATION: "outside the plan, or round a loop",
    Reason.INVALID_CONNECTION_ID: "no such call, no such device in it, or more than one connection fits",
    Reason.INVALID_CROSS_REF_ID: "this connection has no monitor or registration of that name",
    Reason.INVALID_MONITOR_OBJECT_TYPE: "neither a device nor a call, or none that can be monitored",
    Reason.MONITOR_TYPE_NOT_SUPPORTED: "a device cannot be monitored as a call, nor a call as a device",
    Reason.DIGIT_MODE_NOT_SUPPORTED: "digits are sent as tones only",
    Reason.PRIVILEGE_VIOLATION: "whoever asks has no right to this device",
    Reason.SECURITY_GENERIC: "log in first: this listener serves nobody without a session",
    Reason.INVALID_CONNECTION_STATE: "the connection is in a state in which this cannot be done",
    Reason.CONNECTED_CALL_EXISTS: "the device talks already",
    Reason.NO_CALL_TO_ANSWER: "nothing rings at the device",
    Reason.NO_CONNECTION_TO_CLEAR: "the device is in no call",
    Reason.NO_ACTIVE_CALL: "the device talks in no call",
    Reason.NO_HELD_CALL: "the device holds no call",
    Reason.INVALID_HELD_DEVICE_STATE: "the call that is named as held is not held",
    Reason.RESOURCE_BUSY: "every appearance of the line is taken, or the PBX did not react in time",
    Reason.RESOURCE_OUT_OF_SERVICE: "the PBX cannot be reached",
    Reason.RESOURCE_LIMIT_EXCEEDED: "the answer would not fit into a frame",
    Reason.DEVICE_OUT_OF_SERVICE: "the device is out of service",
    Reason.CALLING_DEVICE_OUT_OF_SERVICE: "the calling device is out of service",
    Reason.CONFERENCE_MEMBER_LIMIT_EXCEEDED: "the PBX joins no more parties than it has",
    Reason.REGISTRATION_LIMIT_EXCEEDED: "this client has as many registrations as it may",
    Reason.OVERALL_MONITOR_LIMIT_EXCEEDED: "this client has as many monitors as it may",
    Reason.OBJECT_MONITOR_LIMIT_EXCEEDED: "the object has as many monitors as it may",
    Reason.PERFORMANCE_LIMIT_EXCEEDED: "this client asks more often than it may",
    Reason.OUTSTANDING_REQUEST_LIMIT_EXCEEDED: "this client has as many requests waiting as it may",
}


class Refused(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """The domain says no, and this is the reason that the client is told."""

    def __init__(self, reason: Reason) -> None:
        super().__init__("/".join(reason.value))
        self.reason = reason
