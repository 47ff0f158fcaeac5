from __future__ import annotations

from typing import Any

import pytest

from ctigw.soap.serviceability.perfmon import MOST_COUNTERS, MOST_SESSIONS, SESSION_SECONDS
from ctigw.soap.serviceability.seen import Counter
from tests.serviceability import PERFMON, FaultError, World, plain, q

CALLS, ERRORS = r"\\cup1\ctigw CSTA\calls", r"\\cup1\ctigw CSTA\errors"
HERE = r"\\cup1\ctigw listener(tcp:4721)\connections"


def world() -> World:
    return World(
        counters={
            "ctigw CSTA": {"": {"calls": Counter(3, "Calls now"), "errors": Counter(0, "Refusals")}},
            "ctigw listener": {
                "tcp:4721": {"connections": Counter(1, "Clients now")},
                "tcp:4722": {"connections": Counter(2, "Clients now")},
            },
        }
    )


def listed(value: Any) -> list[Any]:
    """What may be one thing, several or none, as a list."""
    return value if isinstance(value, list) else [value] if value else []


def ask(world: World, operation: str, fields: dict[str, Any] | None = None) -> list[Any]:
    """The returns in the answer."""
    answer = plain(world.ask(PERFMON, operation, q(fields or {})))
    return listed(answer and answer.get(f"{operation}Return"))


def names(*counters: str) -> dict[str, Any]:
    return {"Counter": [{"Name": name} for name in counters]}


def opened(world: World, *counters: str) -> str:
    """The handle of a session with ``counters``."""
    (handle,) = ask(world, "perfmonOpenSession")
    if counters:
        assert (
            ask(world, "perfmonAddCounter", {"SessionHandle": handle, "ArrayOfCounter": names(*counters)})
            == []
        )
    return str(handle)


def collected(world: World, handle: str) -> dict[str, tuple[str, str]]:
    """Value and status of each counter of a session."""
    returns = ask(world, "perfmonCollectSessionData", {"SessionHandle": handle})
    return {each["Name"]: (each["Value"], each["CStatus"]) for each in returns}


def test_a_session_shows_what_its_counters_are_each_time() -> None:
    here = world()
    handle = opened(here, CALLS, HERE)
    assert collected(here, handle) == {CALLS: ("3", "0"), HERE: ("1", "0")}
    here.counters["ctigw CSTA"][""]["calls"] = Counter(5, "Calls now")
    assert collected(here, handle) == {CALLS: ("5", "0"), HERE: ("1", "0")}


def test_a_counter_that_is_gone_says_so() -> None:
    here = world()
    handle = opened(here, CALLS, HERE)
    del here.counters["ctigw listener"]["tcp:4721"]
    assert collected(here, handle) == {CALLS: ("3", "0"), HERE: ("0", "1")}


def test_counters_are_added_and_removed() -> None:
    here = world()
    handle = opened(here, CALLS)
    for operation, counters in (("perfmonAddCounter", (CALLS, ERRORS)), ("perfmonRemoveCounter", (CALLS,))):
        ask(here, operation, {"SessionHandle": handle, "ArrayOfCounter": names(*counters)})
    assert list(collected(here, handle)) == [ERRORS]
    with pytest.raises(FaultError, match="not in the session"):
        ask(here, "perfmonRemoveCounter", {"SessionHandle": handle, "ArrayOfCounter": names(ERRORS, CALLS)})
    assert list(collected(here, handle)) == [ERRORS]


def test_all_counters_are_added_or_none() -> None:
    here = world()
    handle = opened(here, CALLS)
    unknown = names(ERRORS, r"\\cup1\ctigw CSTA\nonsense")
    with pytest.raises(FaultError, match="there is no counter"):
        ask(here, "perfmonAddCounter", {"SessionHandle": handle, "ArrayOfCounter": unknown})
    assert list(collected(here, handle)) == [CALLS]


@pytest.mark.parametrize("operation", ["CollectSessionData", "CloseSession", "AddCounter", "RemoveCounter"])
def test_a_session_that_is_closed_is_no_session(operation: str) -> None:
    here = world()
    handle = opened(here, CALLS)
    assert ask(here, "perfmonCloseSession", {"SessionHandle": handle}) == []
    fields: dict[str, Any] = {"SessionHandle": handle}
    if operation.endswith("Counter"):
        fields["ArrayOfCounter"] = names(CALLS)
    with pytest.raises(FaultError, match="no such session"):
        ask(here, f"perfmon{operation}", fields)


def test_a_session_ends_when_it_is_not_used() -> None:
    here = world()
    used, unused = opened(here, CALLS), opened(here, CALLS)
    here.clock.advance(SESSION_SECONDS - 5)
    assert collected(here, used)
    here.clock.advance(6)
    assert collected(here, used)
    with pytest.raises(FaultError, match="no such session"):
        collected(here, unused)
    here.clock.pump([SESSION_SECONDS, 2])
    with pytest.raises(FaultError, match="no such session"):
        collected(here, used)
    assert here.clock.getDelayedCalls() == []


def test_there_are_so_many_sessions_and_no_more() -> None:
    here = world()
    handles = [opened(here) for _ in range(MOST_SESSIONS)]
    with pytest.raises(FaultError, match="sessions already") as fault:
        opened(here)
    assert fault.value.code == "soapenv:Server"
    ask(here, "perfmonCloseSession", {"SessionHandle": handles[7]})
    assert opened(here) not in handles


def test_a_session_has_so_many_counters_and_no_more() -> None:
    here = world()
    here.counters["many"] = {"": {f"c{n}": Counter(n, "") for n in range(MOST_COUNTERS + 1)}}
    handle = opened(here, *(rf"\\a\many\c{n}" for n in range(MOST_COUNTERS)))
    more = {"SessionHandle": handle, "ArrayOfCounter": names(rf"\\a\many\c{MOST_COUNTERS}")}
    with pytest.raises(FaultError, match="at most"):
        ask(here, "perfmonAddCounter", more)
    assert len(collected(here, handle)) == MOST_COUNTERS
    too_many = names(*[CALLS] * (MOST_COUNTERS + 1))
    with pytest.raises(FaultError, match="more than"):
        ask(here, "perfmonAddCounter", {"SessionHandle": handle, "ArrayOfCounter": too_many})


def test_what_there_is_to_count_is_listed() -> None:
    here = world()

    def objects() -> dict[str, tuple[str, list[str]]]:
        return {
            each["Name"]: (each["MultiInstance"], [c["Name"] for c in listed(each["ArrayOfCounter"]["item"])])
            for each in ask(here, "perfmonListCounter", {"Host": "cup1"})
        }

    csta, listener = ("false", ["calls", "errors"]), ("true", ["connections"])
    assert objects() == {"ctigw CSTA": csta, "ctigw listener": listener}
    here.counters["Process"] = {"ctigw": {"VmRSS": Counter(1, "")}}
    assert objects()["Process"] == ("true", ["VmRSS"])


def test_instances_are_listed() -> None:
    here = world()

    def instances(what: str) -> list[str]:
        returns = ask(here, "perfmonListInstance", {"Host": "cup1", "Object": what})
        return [each["Name"] for each in returns]

    assert instances("ctigw listener") == ["tcp:4721", "tcp:4722"]
    del here.counters["ctigw listener"]["tcp:4721"]
    assert instances("ctigw listener") == ["tcp:4722"]
    assert instances("ctigw CSTA") == []
    with pytest.raises(FaultError, match="no object 'nonsense'"):
        instances("nonsense")


def test_everything_of_an_object_is_collected_at_once() -> None:
    here = world()

    def values(host: str, what: str) -> dict[str, str]:
        returns = ask(here, "perfmonCollectCounterData", {"Host": host, "Object": what})
        return {each["Name"]: each["Value"] for each in returns}

    assert values("cup1", "ctigw CSTA") == {CALLS: "3", ERRORS: "0"}
    here.counters["ctigw CSTA"][""]["errors"] = Counter(8, "")
    assert values("cup1", "ctigw CSTA") == {CALLS: "3", ERRORS: "8"}
    assert list(values("", "ctigw listener")) == [
        rf"\\cup1.example.com\ctigw listener(tcp:{port})\connections" for port in (4721, 4722)
    ]
    for host, what in (("cup1", "nonsense"), (r"cup1\x", "ctigw CSTA")):
        with pytest.raises(FaultError):
            values(host, what)


def test_a_counter_is_described() -> None:
    here = world()
    assert ask(here, "perfmonQueryCounterDescription", {"Counter": CALLS}) == ["Calls now"]
    here.counters["ctigw CSTA"][""]["calls"] = Counter(3, "Calls, now & then")
    assert ask(here, "perfmonQueryCounterDescription", {"Counter": CALLS}) == ["Calls, now & then"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "calls",
        r"\\cup1\ctigw CSTA",
        r"\\\ctigw CSTA\calls",
        r"\\cup1\ctigw CSTA\calls\more",
        r"\\cup1\ctigw CSTA()\calls",
        r"\\cup1\ctigw listener\connections",
        r"\\cup1\ctigw CSTA(tcp:4721)\calls",
        rf"\\{'a' * 300}\ctigw CSTA\calls",
        "x" * 2000,
    ],
)
def test_what_names_no_counter_is_refused(name: str) -> None:
    here = world()
    handle = opened(here)
    with pytest.raises(FaultError):
        ask(here, "perfmonQueryCounterDescription", {"Counter": name})
    with pytest.raises(FaultError):
        ask(here, "perfmonAddCounter", {"SessionHandle": handle, "ArrayOfCounter": names(name)})
    assert collected(here, handle) == {}


def test_a_client_of_2003_reads_the_lists_of_its_contract() -> None:
    here = world()
    (handle,) = here.old(PERFMON, "PerfmonOpenSession")
    assert handle.tag == "SessionHandle"
    xsi = "{http://www.w3.org/2001/XMLSchema-instance}"
    assert handle.get(f"{xsi}type") == "xsd:string"
    session = f'<SessionHandle xsi:type="a:SessionHandleType">{handle.text}</SessionHandle>'
    counters = f'<ArrayOfCounter href="#id0"/>{session}'
    beside = f'<multiRef id="id0"><item><Name xsi:type="xsd:string">{CALLS}</Name></item></multiRef>'
    assert len(here.old(PERFMON, "PerfmonAddCounter", counters, beside)) == 0
    told = here.old(PERFMON, "PerfmonCollectSessionData", session)
    assert told.tag == "{http://schemas.cisco.com/ast/soap/}PerfmonCollectSessionDataResponse"
    assert plain(told) == {"ArrayOfCounterInfo": {"item": {"Name": CALLS, "Value": "3", "CStatus": "0"}}}
    object_ = "<Host>cup1</Host><Object>ctigw listener</Object>"
    told = here.old(PERFMON, "PerfmonListInstance", object_)
    assert plain(told) == {"ArrayOfInstance": {"item": [{"Name": "tcp:4721"}, {"Name": "tcp:4722"}]}}
    told = here.old(PERFMON, "PerfmonQueryCounterDescription", f"<Counter>{CALLS}</Counter>")
    assert plain(told) == {"HelpText": "Calls now"}
    told = here.old(PERFMON, "PerfmonListCounter", "<Host>cup1</Host>")
    assert [each["Name"] for each in plain(told)["ArrayOfObjectInfo"]["item"]] == [
        "ctigw CSTA",
        "ctigw listener",
    ]


@pytest.mark.parametrize("href", ["#nothing", "#", "#id1", "http://192.0.2.1/"])
def test_references_that_lead_nowhere_are_nothing(href: str) -> None:
    here = world()
    with pytest.raises(FaultError):
        here.old(
            PERFMON, "PerfmonAddCounter", f'<ArrayOfCounter href="{href}"/>', f'<r id="id1" href="{href}"/>'
        )
