"""PerfmonPort: what the gateway counts, now or again and again in a session.

An object is a part of the gateway, "ctigw CSTA" or "Process".  A counter is named with its host and object,
``\\\\host\\object\\counter``, and where there are several of an object with the instance,
``\\\\host\\object(instance)\\counter``.  The host in a name is the one that the client has asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ctigw.expiring import Expiring
from ctigw.means import Means
from ctigw.soap.envelope import Code
from ctigw.soap.serviceability.asking import child, children, content, text
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.seen import Counter, Counters, Given
from ctigw.soap.serviceability.service import Call, Operation, Service
from ctigw.soap.serviceability.telling import Fields
from ctigw.values import value

# Seconds after which a session ends that nobody collects from: pollers ask every few minutes at most.
SESSION_SECONDS = 1800.0
# Some hundred bytes each, and 100 for each of their counters.
MOST_SESSIONS = 200
MOST_COUNTERS = 1000
_NAME = re.compile(r"\\\\([^\\]{1,255})\\([^\\()]{1,255})(?:\(([^\\]{1,255})\))?\\([^\\]{1,255})")
# The counter is what it is (0), or there is none of that name now.
VALID, GONE = 0, 1


@value
class Name:
    """A counter's name as clients write it."""

    host: str
    object: str
    instance: str
    counter: str

    def __str__(self) -> str:
        instance = f"({self.instance})" if self.instance else ""
        return f"\\\\{self.host}\\{self.object}{instance}\\{self.counter}"


class Session:
    """Somebody's counters; ``due`` is `Expiring`'s."""

    __slots__ = ("counters", "due", "key")

    def __init__(self, key: str) -> None:
        self.key, self.due = key, 0
        # In the order in which they were added.
        self.counters: dict[Name, None] = {}


class Sessions:
    """All sessions, by their handles."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._by_key: dict[str, Session] = {}
        self._expiring: Expiring[Session] = Expiring(means, self._over)

    def __len__(self) -> int:
        return len(self._by_key)

    def open(self) -> str:
        """The handle of a new one.  Raises `Fault`: there are too many."""
        if len(self._by_key) >= MOST_SESSIONS:
            raise Fault(f"there are {MOST_SESSIONS} sessions already; close one", Code.RECEIVER)
        session = Session(self._means.token())
        self._by_key[session.key] = session
        self._touch(session)
        return session.key

    def used(self, key: str) -> Session:
        """The session ``key``, which lasts longer now.  Raises `Fault`: there is none."""
        session = self._by_key.get(key)
        if session is None:
            raise Fault("there is no such session; it may have ended for not being used")
        self._touch(session)
        return session

    def close(self, key: str) -> None:
        """Raises `Fault`: there is none."""
        session = self.used(key)
        self._expiring.drop(session)
        self._over(session)

    def _touch(self, session: Session) -> None:
        self._expiring.set(session, self._means.now() + SESSION_SECONDS)

    def _over(self, session: Session) -> None:
        del self._by_key[session.key]


class Perfmon:
    """The operations."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self.sessions = Sessions(given.means)

    def operations(self) -> Mapping[str, Operation]:
        """By their names."""
        return {
            "perfmonOpenSession": self._open,
            "perfmonAddCounter": self._add,
            "perfmonRemoveCounter": self._remove,
            "perfmonCollectSessionData": self._collect_session,
            "perfmonCloseSession": self._close,
            "perfmonListInstance": self._list_instances,
            "perfmonQueryCounterDescription": self._describe,
            "perfmonListCounter": self._list_counters,
            "perfmonCollectCounterData": self._collect,
        }

    async def _open(self, _call: Call) -> Fields:
        return [("perfmonOpenSessionReturn", self.sessions.open())]

    async def _close(self, call: Call) -> Fields:
        self.sessions.close(_handle(call))
        return []

    async def _add(self, call: Call) -> Fields:
        """All of them, or none."""
        session, counters = self.sessions.used(_handle(call)), self._given.counters()
        names = _names(call)
        for name in names:
            _must_be(counters, name)
        if len(session.counters.keys() | set(names)) > MOST_COUNTERS:
            raise Fault(f"a session has {MOST_COUNTERS} counters at most")
        session.counters.update(dict.fromkeys(names))
        return []

    async def _remove(self, call: Call) -> Fields:
        session, names = self.sessions.used(_handle(call)), _names(call)
        for name in names:
            if name not in session.counters:
                raise Fault(f"{str(name)!r} is not in the session")
        for name in names:
            session.counters.pop(name, None)
        return []

    async def _collect_session(self, call: Call) -> Fields:
        session, counters = self.sessions.used(_handle(call)), self._given.counters()
        found = ((name, _counter(counters, name)) for name in session.counters)
        return [("perfmonCollectSessionDataReturn", _measured(name, counter)) for name, counter in found]

    async def _collect(self, call: Call) -> Fields:
        host, what = self._host(call), text(call.body, "Object")
        counters = _object(self._given.counters(), what)
        return [
            ("perfmonCollectCounterDataReturn", _measured(Name(host, what, instance, name), counter))
            for instance, inside in counters.items()
            for name, counter in inside.items()
        ]

    async def _list_counters(self, _call: Call) -> Fields:
        return [
            (
                "perfmonListCounterReturn",
                [
                    ("Name", what),
                    ("MultiInstance", _is_several(instances)),
                    ("ArrayOfCounter", [("item", [("Name", name)]) for name in _counter_names(instances)]),
                ],
            )
            for what, instances in self._given.counters().items()
        ]

    async def _list_instances(self, call: Call) -> Fields:
        instances = _object(self._given.counters(), text(call.body, "Object"))
        return [("perfmonListInstanceReturn", [("Name", name)]) for name in instances if name]

    async def _describe(self, call: Call) -> Fields:
        counter = _must_be(self._given.counters(), _name(text(call.body, "Counter")))
        return [("perfmonQueryCounterDescriptionReturn", counter.description)]

    def _host(self, call: Call) -> str:
        host = text(call.body, "Host") or self._given.node
        if "\\" in host:
            raise Fault("Host is no name of a host")
        return host


def _handle(call: Call) -> str:
    return text(call.body, "SessionHandle")


def _names(call: Call) -> list[Name]:
    """The counters in a request.  Raises `Fault`."""
    found = child(call.body, "ArrayOfCounter")
    given = [] if found is None else children(found)
    if not given:
        raise Fault("ArrayOfCounter has no counters")
    return [_name(text(each, "Name") or content(each)) for each in given]


def _name(said: str) -> Name:
    """Raises `Fault`: it is none."""
    found = _NAME.fullmatch(said)
    if found is None:
        raise Fault(r"a counter is named \\host\object\counter, or \\host\object(instance)\counter")
    return Name(found[1], found[2], found[3] or "", found[4])


def _object(counters: Counters, what: str) -> Mapping[str, Mapping[str, Counter]]:
    """The counters of the object ``what`` by instance.  Raises `Fault`: there is none."""
    if what not in counters:
        raise Fault(f"there is no object {what[:100]!r}; perfmonListCounter names those that there are")
    return counters[what]


def _counter(counters: Counters, name: Name) -> Counter | None:
    return counters.get(name.object, {}).get(name.instance, {}).get(name.counter)


def _must_be(counters: Counters, name: Name) -> Counter:
    """Raises `Fault`: there is no counter of that name."""
    found = _counter(counters, name)
    if found is None:
        _object(counters, name.object)
        raise Fault(f"there is no counter {str(name)!r}")
    return found


def _measured(name: Name, counter: Counter | None) -> Fields:
    """A counter as it is now; it may have been one of an instance that is gone."""
    found, status = (0, GONE) if counter is None else (counter.value, VALID)
    return [("Name", str(name)), ("Value", found), ("CStatus", status)]


def _is_several(instances: Mapping[str, object]) -> bool:
    return "" not in instances


def _counter_names(instances: Mapping[str, Mapping[str, Counter]]) -> Iterator[str]:
    """Those of all instances, each once."""
    return iter(dict.fromkeys(name for inside in instances.values() for name in inside))


def service(given: Given) -> Service:
    """The service, with its sessions."""
    return Service(given.who, "perfmon.wsdl", Perfmon(given).operations())
