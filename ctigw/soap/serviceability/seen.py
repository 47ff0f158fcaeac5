"""What the serviceability interface is shown of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

from ctigw.findings import Finding
from ctigw.means import Means
from ctigw.soap.given import Who
from ctigw.values import Enum, named, value


class Standing(Enum):
    """How a line stands with its PBX."""

    REGISTERED = "Registered"
    UNREGISTERED = "UnRegistered"
    # The PBX cannot be asked.
    UNKNOWN = "Unknown"


@value
class LineSeen:
    """A station of the PBX; ``owner``: the name of its user, "" for nobody."""

    number: str
    standing: Standing
    owner: str = ""


@named
class ClientSeen:
    """A CSTA connection: who it is ("" before it has said so), from where, since when (seconds since 1970).

    ``controlled``: the lines that it monitors.
    """

    id: str
    user: str
    address: str
    since: float
    controlled: tuple[str, ...] = ()


@named
class ServiceSeen:
    """A part of the gateway.

    ``on``: whether the configuration has it.  ``checked``: how the names of the checks begin that say whether
    it runs, with their categories ("CTI gateway/CSTA").  ``needs``: the parts without which it cannot work.
    """

    name: str
    on: bool
    checked: tuple[str, ...]
    needs: tuple[str, ...] = ()


@value
class LogFile:
    """A file of the gateway's log: its name without any folder, its bytes, when it was last written to."""

    name: str
    size: int
    modified: float


@value
class Counter:
    """What is counted: its value now, and what that means."""

    value: int
    description: str


# The counters of an object by instance ("" for an object that there is once), then by name.
Counters = Mapping[str, Mapping[str, Mapping[str, Counter]]]


@named
class Given:
    """Everything that the interface is given.  What is called is called at each request: nothing is kept.

    ``node``: the name of this machine; ``version``, ``started``: of the gateway (seconds since 1970).
    ``offset``: of local time, in seconds east of Greenwich; ``zone``: its name.
    ``logs``: the files there are, None when the gateway writes none; ``read_log`` gives the content of the
    one that has this name.  It raises `OSError`.
    """

    who: Who
    means: Means
    node: str
    version: str
    started: float
    counters: Callable[[], Counters]
    lines: Callable[[], Sequence[LineSeen]]
    clients: Callable[[], Sequence[ClientSeen]]
    services: Callable[[], Sequence[ServiceSeen]]
    checks: Callable[[], Awaitable[Sequence[Finding]]]
    logs: Callable[[], Sequence[LogFile] | None]
    read_log: Callable[[str], Awaitable[bytes]]
    offset: Callable[[], int] = lambda: 0
    zone: Callable[[], str] = lambda: "UTC"

    def shown(self, moment: float) -> str:
        """``moment``, in seconds since 1970, as the product writes it in answers, in local time."""
        local = timezone(timedelta(seconds=self.offset()))
        return datetime.fromtimestamp(moment, UTC).astimezone(local).strftime("%a %b %d %H:%M:%S %Y")
