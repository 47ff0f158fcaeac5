"""What the Presence Web Service refuses, by the codes that its clients know (cookbook 10.5, appendix 1).

One table for both faces: a code, its words, and the HTTP status that REST gives it.  SOAP carries all of them
in faults.  Codes that this gateway never gives are in it as well: `NEVER` says why each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ctigw.values import Enum


class Meaning(NamedTuple):
    """A code's words, and its HTTP status in REST."""

    message: str
    status: int


class Code(Enum):
    """What is wrong; the value is the number that clients are told."""

    NO_KEY = 100
    INVALID_KEY = 101
    NOT_XML = 102
    WRONG_ROOT = 103
    PRESENCE_TYPE = 110
    NO_PASSWORD = 111
    LOGIN_TYPE = 112
    USERNAME = 113
    LOGIN_FAILED = 114
    NO_BASIC_PRESENCE = 115
    PRESENCE_DATA = 120
    AVAILABLE_OVERRIDES = 121
    DND_WITHOUT_OVERRIDE = 122
    URL_IN_UPDATE = 123
    CONTACT_URI = 124
    OVERRIDE_PARAMETER = 125
    NO_URL = 130
    EXPIRY = 131
    NO_SUCH_ENDPOINT = 132
    NO_SUCH_SUBSCRIPTION = 133
    SUBSCRIPTION_TYPE = 134
    NUMBER_OF_CONTACTS = 135
    NOT_YOUR_ENDPOINT = 136
    NOT_YOUR_SUBSCRIPTION = 137
    ENDPOINTS_TAKEN = 138
    SUBSCRIPTIONS_TAKEN = 139
    NOT_AN_END_USER = 140
    NOT_AN_APPLICATION = 141
    BLANKS_IN_URL = 142
    EMPTY_CONTACT = 143
    NOT_IN_SUBSCRIPTION = 144
    NOTHING_TO_SUBSCRIBE = 145
    NO_CONTACT_LIST = 146
    ELEMENT_IN_LIST = 147
    CONTACT_ATTRIBUTE = 148
    NO_BODY = 150
    LOGGED_IN_ALREADY = 160
    OVERRIDE_TUPLE = 161
    SOURCE = 162
    SERVER_ERROR = 200
    UNREGISTER_FAILED = 201
    SUBSCRIBE_FAILED = 202
    UNSUBSCRIBE_FAILED = 203
    SET_PRESENCE_FAILED = 204
    LOGOUT_FAILED = 205
    NO_ENDPOINT_ID = 206
    NO_SUBSCRIPTION_ID = 207
    LOGIN_NOT_POSSIBLE = 208
    REGISTER_FAILED = 209
    CPU = 210
    SIP_SUBSCRIPTIONS = 211
    TOO_MANY_REQUESTS = 212


MEANINGS: Mapping[Code, Meaning] = {
    Code.NO_KEY: Meaning("Session key not present in request", 401),
    Code.INVALID_KEY: Meaning("Invalid session key", 401),
    Code.NOT_XML: Meaning("Unable to parse XML request", 400),
    Code.WRONG_ROOT: Meaning("The XML root element is invalid", 400),
    Code.PRESENCE_TYPE: Meaning("The presence type is not valid", 400),
    Code.NO_PASSWORD: Meaning("The password is not valid", 400),
    Code.LOGIN_TYPE: Meaning("The login type is not valid", 400),
    Code.USERNAME: Meaning("The username is not valid", 404),
    Code.LOGIN_FAILED: Meaning("Failed to login user", 400),
    Code.NO_BASIC_PRESENCE: Meaning("Basic presence parameter specified is either null or empty", 400),
    Code.PRESENCE_DATA: Meaning("Failed to set presence data", 400),
    Code.AVAILABLE_OVERRIDES: Meaning(
        "User's presence status cannot be set to AVAILABLE in override mode", 400
    ),
    Code.DND_WITHOUT_OVERRIDE: Meaning(
        "User's presence status cannot be set to DND in non-override mode", 400
    ),
    Code.URL_IN_UPDATE: Meaning("Endpoint URL specified in endpoint registration update", 400),
    Code.CONTACT_URI: Meaning("An invalid contact URI was provided", 400),
    Code.OVERRIDE_PARAMETER: Meaning("An invalid override parameter was provided", 400),
    Code.NO_URL: Meaning("The endpoint URL is null or empty", 400),
    Code.EXPIRY: Meaning("The expiry value must be between 3600 and 86400 seconds", 400),
    Code.NO_SUCH_ENDPOINT: Meaning("The endpoint id does not exist", 400),
    Code.NO_SUCH_SUBSCRIPTION: Meaning("The subscription id does not exist", 400),
    Code.SUBSCRIPTION_TYPE: Meaning("The subscription type is not valid", 400),
    Code.NUMBER_OF_CONTACTS: Meaning("The number of contacts must be between 0 and 5000.", 400),
    Code.NOT_YOUR_ENDPOINT: Meaning("You do not have permission to access this endpoint", 400),
    Code.NOT_YOUR_SUBSCRIPTION: Meaning("You do not have permission to access this subscription", 400),
    Code.ENDPOINTS_TAKEN: Meaning("There are no free endpoints available", 400),
    Code.SUBSCRIPTIONS_TAKEN: Meaning("There are no free subscriptions available", 400),
    Code.NOT_AN_END_USER: Meaning("You must be an end user to perform this task", 400),
    Code.NOT_AN_APPLICATION: Meaning("You must be an application user to perform this task", 400),
    Code.BLANKS_IN_URL: Meaning("The endpoint URL contains spaces", 400),
    Code.EMPTY_CONTACT: Meaning("A null or empty contact was provided", 400),
    Code.NOT_IN_SUBSCRIPTION: Meaning(
        "At least one of the contacts provided is not part of the subscription", 400
    ),
    Code.NOTHING_TO_SUBSCRIBE: Meaning("No expiry value or contacts provided", 400),
    Code.NO_CONTACT_LIST: Meaning("No contact list provided", 400),
    Code.ELEMENT_IN_LIST: Meaning("Invalid element in contact list", 400),
    Code.CONTACT_ATTRIBUTE: Meaning("Invalid contact attribute", 400),
    Code.NO_BODY: Meaning("Could not read the message body of the http request", 400),
    Code.LOGGED_IN_ALREADY: Meaning("User is already logged in", 409),
    Code.OVERRIDE_TUPLE: Meaning("Invalid override tuple-id specified in rich presence document", 400),
    Code.SOURCE: Meaning("Invalid source element in rich presence document", 400),
    Code.SERVER_ERROR: Meaning("Server error occurred", 500),
    Code.UNREGISTER_FAILED: Meaning("Failed to unregister endpoint", 500),
    Code.SUBSCRIBE_FAILED: Meaning("Failed to subscribe to contact's presence", 500),
    Code.UNSUBSCRIBE_FAILED: Meaning("Failed to unsubscribe to contact's presence", 500),
    Code.SET_PRESENCE_FAILED: Meaning("Failed to set contact's presence status", 500),
    Code.LOGOUT_FAILED: Meaning("Failed to logout user", 500),
    Code.NO_ENDPOINT_ID: Meaning("Failed to acquire endpointID", 500),
    Code.NO_SUBSCRIPTION_ID: Meaning("Failed to acquire subscriptionID", 500),
    Code.LOGIN_NOT_POSSIBLE: Meaning("Failed to login user", 500),
    Code.REGISTER_FAILED: Meaning("Failed to register endpoint", 500),
    Code.CPU: Meaning("Max CPU utilization reached", 503),
    Code.SIP_SUBSCRIPTIONS: Meaning("No free SIP Subscriptions available", 503),
    Code.TOO_MANY_REQUESTS: Meaning("Max number of requests per second reached", 503),
}
# Those that have their HTTP status in SOAP as well, whatever faults are given otherwise.
BUSY = frozenset((Code.CPU, Code.TOO_MANY_REQUESTS))
_NOTHING_CAN_FAIL = "it is done in memory, where nothing can fail"
NEVER: Mapping[Code, str] = {
    Code.UNREGISTER_FAILED: _NOTHING_CAN_FAIL,
    Code.SUBSCRIBE_FAILED: _NOTHING_CAN_FAIL,
    Code.UNSUBSCRIBE_FAILED: _NOTHING_CAN_FAIL,
    Code.LOGOUT_FAILED: _NOTHING_CAN_FAIL,
    Code.NO_ENDPOINT_ID: "the bounds on endpoints are reached first, which is ENDPOINTS_TAKEN",
    Code.NO_SUBSCRIPTION_ID: "the bounds on subscriptions are reached first, which is SUBSCRIPTIONS_TAKEN",
    Code.CPU: "the load of the machine is nobody's fault: requests are bounded by session, TOO_MANY_REQUESTS",
}


class PwsError(Exception):
    """The request is refused; ``code`` says why."""

    def __init__(self, code: Code) -> None:
        super().__init__(f"{code.value} {MEANINGS[code].message}")
        self.code = code

    @property
    def message(self) -> str:
        """The words that clients are told."""
        return MEANINGS[self.code].message

    @property
    def status(self) -> int:
        """The HTTP status that REST gives it."""
        return MEANINGS[self.code].status
