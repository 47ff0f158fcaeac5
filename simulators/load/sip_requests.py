"""PUBLISH, and SUBSCRIBE with its NOTIFY: the CPU time that each costs, against a bare responder's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from statistics import median

from simulators.load import processes
from simulators.load.bench import REFERENCE, Bench, Side, calibrate, compared, interleaved, paired
from simulators.load.client import Span
from simulators.load.cycles import Measure
from simulators.load.judging import Measured
from simulators.load.processes import LULL, Server, config
from simulators.load.sip_client import Publishing, SipLoad, SipWork, Subscribing
from simulators.load.sip_kamailio import KamailioError, kamailio

PUBLISH, SUBSCRIBE = "PUBLISH", "SUBSCRIBE with its NOTIFY"
DURABLE, TO_KAMAILIO = "PUBLISH, kept, to not kept", "PUBLISH, kept, to Kamailio with SQLite"
BARE, UNKEPT = "bare", "not kept"
# Requests in flight: as many as a socket with the system's usual buffer can hold.
DEPTH = 64
# µs that the bare responder may take where the sample takes `REFERENCE`.
SLOWEST = 30.0
WORKS: Mapping[str, type[Publishing | Subscribing]] = {PUBLISH: Publishing, SUBSCRIBE: Subscribing}


def sip_config(limits: str = "") -> str:
    """A gateway that speaks SIP with whoever is there; ``limits``: more TOML for those of SIP."""
    return f"""\
{config(["2001", "2002"])}
[sip]
domains = ["example.com"]
open_domain = true
[[sip.listeners]]
port = 0
authentication = "none"
[sip.limits]
requests_per_second = 1000000000
{limits}
[presence]
without_rule = "all"
"""


@contextmanager
def bare(bench: Bench) -> Iterator[Server]:
    """The floor."""
    with processes.module(bench.place(), BARE, "simulators.load.sip_floor") as server:
        yield server


@contextmanager
def unkept(bench: Bench) -> Iterator[Server]:
    """The gateway's presence without a database."""
    file = bench.place()
    file.write_text(sip_config(), encoding="utf-8")
    with processes.module(
        bench.place(), UNKEPT, "simulators.load.sip_unkept", str(file), lull=LULL
    ) as server:
        yield server


@contextmanager
def sip_loads(servers: Sequence[Server], depth: int = DEPTH) -> Iterator[list[SipLoad]]:
    """A load for each server."""
    with ExitStack() as ending:
        made = []
        for server in servers:
            load = SipLoad(server, depth)
            ending.callback(load.close)
            made.append(load)
        yield made


def requests(name: str) -> Measure:
    """Measures the work ``name`` on the gateway, as it runs, and on the bare responder."""

    def measure(bench: Bench) -> Mapping[str, Measured]:
        with ExitStack() as ending:
            servers = ending.enter_context(bench.gateways(sip_config()))
            servers.append(ending.enter_context(bare(bench)))
            notes: dict[str, float | str] = {}
            try:
                servers.append(ending.enter_context(kamailio(bench.place())))
            except KamailioError as error:
                notes["no Kamailio"] = str(error)
            works: list[SipWork] = [WORKS[name]() for _ in servers]
            spans = _driven(bench, servers, works)
        measured = compared(spans, BARE, unit="requests")
        notes["came twice"] = sum(work.repeated for work in works)
        now = calibrate(rounds=5, count=1000)
        return {name: judged(measured, spans, now, notes)}

    return measure


def _driven(bench: Bench, servers: Sequence[Server], works: Sequence[SipWork]) -> dict[str, list[Span]]:
    with sip_loads(servers) as loads:
        sides = [
            Side(server.name, partial(load.run, work))
            for server, load, work in zip(servers, loads, works, strict=True)
        ]
        return dict(interleaved(bench, sides))


def judged(
    measured: Measured, spans: Mapping[str, Sequence[Span]], now: float, notes: Mapping[str, float | str]
) -> Measured:
    """Void, if the floor is slow where the sample takes ``now`` µs: such a floor would flatter.

    That the client is busy is no reason: a bare responder leaves it as much to do as it has itself, and a
    datagram costs a server the same however many others wait.
    """
    taken, allowed = 1e6 / median(span.rate for span in spans[BARE]), SLOWEST * now / REFERENCE
    void = f"the bare responder took {taken:.3g} µs, more than {allowed:.3g}" if taken > allowed else ""
    return replace(
        measured, void=void, notes={**measured.notes, **notes, "bare may take, µs": round(allowed, 1)}
    )


def durable(bench: Bench) -> Mapping[str, Measured]:
    """What keeping costs: the gateway with its database, the same node without one, and another server."""
    why = ""
    with ExitStack() as ending:
        ours, *_ = ending.enter_context(bench.gateways(sip_config()))
        servers = [ours, ending.enter_context(unkept(bench))]
        try:
            servers.append(ending.enter_context(kamailio(bench.place(), kept=True)))
        except KamailioError as error:
            why = f"no Kamailio: {error}"
        spans = _driven(bench, servers, [Publishing() for _ in servers])
    notes: dict[str, float | str] = {
        f"{name} µs": 1e6 / median(span.rate for span in runs) for name, runs in spans.items()
    }
    other = Measured(void=why) if why else Measured(paired(spans[ours.name], spans[servers[-1].name]))
    return {
        DURABLE: Measured(paired(spans[ours.name], spans[UNKEPT]), notes=notes),
        TO_KAMAILIO: other,
    }
