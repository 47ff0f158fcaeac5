"""What the phones do, as the picture of the switch has it."""

from __future__ import annotations

from ctigw.switch.model import Connection
from ctigw.switch.states import State
from ctigw.switch.switch import Switch
from ctigw.values import Enum


class Phone(Enum):
    """What a phone does.  The last one that fits any of its calls is what it does."""

    IDLE = 0
    RINGING = 1
    ON_HOLD = 2
    ON_THE_PHONE = 3
    OUT_OF_SERVICE = 4
    UNKNOWN = 5


_DOES: dict[State, Phone] = {
    State.NULL: Phone.IDLE,
    State.ALERTING: Phone.RINGING,
    State.HOLD: Phone.ON_HOLD,
    State.INITIATED: Phone.ON_THE_PHONE,
    State.CONNECTED: Phone.ON_THE_PHONE,
    State.QUEUED: Phone.ON_THE_PHONE,
    State.FAIL: Phone.ON_THE_PHONE,
}
_UNSURE = frozenset({State.QUEUED, State.FAIL})


def own(connection: Connection) -> bool:
    """Whether the line itself is busy with a call that failed or waits there.

    A call that fails at the line that it is for (busy, do not disturb), or queues there, is nothing that its
    phone does: it is the caller who listens to a tone.
    """
    call = connection.call
    return connection.state not in _UNSURE or connection.device == call.calling or len(call.connections) == 1


def phone(switch: Switch, number: str) -> Phone:
    """What the phone of a line does now."""
    line = switch.picture.lines.get(number)
    if not switch.linked or line is None:
        return Phone.UNKNOWN
    if not line.in_service:
        return Phone.OUT_OF_SERVICE
    does = Phone.IDLE
    for connection in switch.picture.connections(number):
        this = _DOES[connection.state] if own(connection) else Phone.IDLE
        if this._value_ > does._value_:
            does = this
    return does
