"""What a SIP request can be refused with.

``Rejected(status)``   whoever serves a request says no; it becomes the response
``Malformed(400)``     the same, of a message, or a part of it that is read later, that is not SIP

Neither says anything of the program: both are answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctigw.sip.message import Request

# RFC 3261 §21, and what came later: RFC 3903 (412), 6665 (202, 489), 4028 (422), 3329 (494), 5626 (430) ...
REASONS: Mapping[int, str] = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    199: "Early Dialog Terminated", 200: "OK", 202: "Accepted", 204: "No Notification",
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 412: "Conditional Request Failed", 413: "Request Entity Too Large",
    414: "Request-URI Too Long", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme",
    417: "Unknown Resource-Priority", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 424: "Bad Location Information",
    428: "Use Identity Header", 429: "Provide Referrer Identity", 430: "Flow Failed",
    433: "Anonymity Disallowed", 436: "Bad Identity-Info", 437: "Unsupported Certificate",
    438: "Invalid Identity Header", 439: "First Hop Lacks Outbound Support", 440: "Max-Breadth Exceeded",
    469: "Bad Info Package", 470: "Consent Needed", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending", 493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    555: "Push Notification Service Not Supported", 580: "Precondition Failure",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
    607: "Unwanted",
}  # fmt: skip


def reason_of(status: int) -> str:
    """The usual phrase; for a status that nobody has defined, that of its class (§8.1.3.2)."""
    return REASONS.get(status) or REASONS.get(status // 100 * 100, "Global Failure")


class Rejected(Exception):  # noqa: N818 - it is an answer, not an error of the program
    """A request is answered with ``status``, ``reason`` ("": the usual phrase) and these ``headers``."""

    def __init__(self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{status} {reason or reason_of(status)}")
        self.status = status
        self.reason = reason
        self.headers = headers


class Malformed(Rejected):
    """What arrived, or a part of it, is not SIP.

    ``why``: a phrase of ours, with nothing from the wire in it; it becomes the reason phrase (§21.4.1).
    ``message``: the request as far as it could be read, when that is enough to think of an answer.
    """

    def __init__(self, status: int, why: str, message: Request | None = None) -> None:
        super().__init__(status, why)
        self.why = why
        self.message = message
