"""The requests that the clients send, and frames: bytes, without an XML library.

They look as a typical CSTA client writes them: a declaration, the namespace, and the optional children that
such clients fill in (data that tie the call to a customer), which the gateway reads over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ED3 = b"http://www.ecma-international.org/standards/ecma-323/csta/ed3"
PREFIX = 8
EVENT = b"9999"
CALL_ID = re.compile(rb"<(?:\w+:)?callID>([^<]+)<")
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_CORRELATOR = b"<correlatorData><string>43524D2D32303236303431372D3030303138323731</string></correlatorData>"
_USER_DATA = (
    b"<userData><string>637573746F6D65723D3138323731383238313B717565756529323B6167656E743D313035</string>"
    b"</userData>"
)
_EXTENSIONS = b"<extensions><security><timeStamp>20261121103000Z</timeStamp></security></extensions>"

MAKE_CALL = (
    _HEAD + b'<MakeCall xmlns="' + ED3 + b'">'
    b"<callingDevice>%b</callingDevice><calledDirectoryNumber>%b</calledDirectoryNumber>"
    b"<autoOriginate>doNotPrompt</autoOriginate>"
    + _CORRELATOR
    + _USER_DATA
    + b"<callCharacteristics><priorityCall>false</priorityCall></callCharacteristics>"
    b"<subjectOfCall>Order 18271</subjectOfCall>" + _EXTENSIONS + b"</MakeCall>"
)
ANSWER_CALL = (
    _HEAD + b'<AnswerCall xmlns="' + ED3 + b'">'
    b"<callToBeAnswered><callID>%b</callID><deviceID>%b</deviceID></callToBeAnswered>"
    + _CORRELATOR
    + _USER_DATA
    + _EXTENSIONS
    + b"</AnswerCall>"
)
CLEAR_CONNECTION = (
    _HEAD + b'<ClearConnection xmlns="' + ED3 + b'">'
    b"<connectionToBeCleared><callID>%b</callID><deviceID>%b</deviceID></connectionToBeCleared>"
    + _CORRELATOR
    + _USER_DATA
    + b"<reason>normalClearing</reason>"
    + _EXTENSIONS
    + b"</ClearConnection>"
)
MONITOR_START = (
    _HEAD + b'<MonitorStart xmlns="' + ED3 + b'">'
    b"<monitorObject><deviceObject>%b</deviceObject></monitorObject>"
    b"<requestedMonitorFilter><callcontrol><bridged>true</bridged><digitsDialed>true</digitsDialed>"
    b"<networkReached>true</networkReached></callcontrol></requestedMonitorFilter>"
    b"<monitorType>device</monitorType></MonitorStart>"
)
SESSION = b"http://www.ecma-international.org/standards/ecma-354/appl_session"
START_SESSION = (
    _HEAD + b'<StartApplicationSession xmlns="' + SESSION + b'"><applicationInfo>'
    b"<applicationID>load</applicationID><applicationSpecificInfo>"
    b'<userName xmlns="">%b</userName><password xmlns="">%b</password>'
    b"</applicationSpecificInfo></applicationInfo><requestedProtocolVersions><protocolVersion>"
    + ED3
    + b"</protocolVersion></requestedProtocolVersions>"
    b"<requestedSessionDuration>3600</requestedSessionDuration></StartApplicationSession>"
)
STATUS = _HEAD + b'<RequestSystemStatus xmlns="' + ED3 + b'"/>'


def framed(invoke_id: bytes, body: bytes) -> bytes:
    """A frame; ``invoke_id`` is four digits."""
    length = len(body) + PREFIX
    return b"\0\0%c%c%b%b" % (length >> 8, length & 255, invoke_id, body)


def sizes() -> Mapping[str, int]:
    """Bytes of the frame of each kind of request, with ids as long as they usually are."""
    made = {
        "MakeCall": MAKE_CALL % (b"20001", b"20002"),
        "AnswerCall": ANSWER_CALL % (b"12345", b"20002"),
        "ClearConnection": CLEAR_CONNECTION % (b"12345", b"20001"),
        "MonitorStart": MONITOR_START % b"20001",
    }
    return {name: len(framed(b"0001", body)) for name, body in made.items()}


def sample() -> bytes:
    """A request of about 575 bytes: what the calibration parses."""
    return CLEAR_CONNECTION % (b"12345", b"20001")


class Walker:
    """Cuts what arrives into frames by their lengths alone; ``events`` counts those that nobody asked for."""

    __slots__ = ("_rest", "events")

    def __init__(self) -> None:
        self._rest = b""
        self.events = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take ``data``; gives the answers that are complete: four digits of an invoke id, and the body."""
        if self._rest:
            data = self._rest + data
        answers = []
        at, end, events = 0, len(data), 0
        while end - at >= PREFIX:
            stop = at + (data[at + 2] << 8 | data[at + 3])
            if stop > end:
                break
            if data[at + 4 : at + 8] == EVENT:
                events += 1
            else:
                answers.append(data[at + 4 : stop])
            at = stop
        self._rest = data[at:]
        self.events += events
        return answers
