"""Calls and connections as the switch remembers them."""

from __future__ import annotations

from ctigw.switch.states import State


class Call:
    """A call: ``id`` is what clients see, ``driver_id`` what the driver calls it."""

    __slots__ = ("called", "calling", "connections", "driver_id", "id", "redirected_by")

    def __init__(self, call_id: str, driver_id: str) -> None:
        self.id, self.driver_id = call_id, driver_id
        self.calling = ""
        self.called = ""
        self.redirected_by = ""
        self.connections: dict[str, Connection] = {}

    def states(self) -> dict[str, State]:
        """The state of every party."""
        return {device: connection.state for device, connection in self.connections.items()}


class Connection:
    """The tie between one device and one call."""

    __slots__ = ("call", "device", "state")

    def __init__(self, call: Call, device: str) -> None:
        self.call, self.device = call, device
        self.state = State.NULL
