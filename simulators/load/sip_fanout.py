"""One change, told to 500 watchers: how long until the last of them knows, against a bare responder's."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median

from simulators.load.bench import Bench
from simulators.load.client import WrongAnswerError
from simulators.load.judging import Measured
from simulators.load.machine import urgent
from simulators.load.processes import Server
from simulators.load.sip_client import SipLoad, Subscribing
from simulators.load.sip_messages import ETAG, NOTIFY, OK, answer, call, documents, publish
from simulators.load.sip_requests import DEPTH, bare, sip_config

WATCHERS = 500
NAME = f"a change to {WATCHERS} watchers, until the last"
STAR = b"star"
# Seconds after which a server has read all answers, and may be changed again.
PAUSE = 0.05


class Fan:
    """A presentity at one server, and its watchers, who are all behind one socket and answer at once."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._load = SipLoad(server, DEPTH)
        self._load.run(Subscribing(leave=False, most=WATCHERS, whom=STAR), 60.0)
        self._documents = documents(STAR)
        self._etag = b""
        self._changes = 0

    def close(self) -> None:
        """Watch no more."""
        self._load.close()

    def run(self, seconds: float) -> tuple[list[float], float]:
        """Changes for so long: the seconds that each took, and the server's CPU seconds for a NOTIFY."""
        self.server.settled_cpu()
        before, until = self.server.cpu(), time.perf_counter() + seconds
        taken: list[float] = []
        while not taken or time.perf_counter() < until:
            taken.append(self._change())
            time.sleep(PAUSE)
        return taken, (self.server.settled_cpu() - before) / len(taken) / WATCHERS

    def _change(self) -> float:
        self._changes += 1
        body = self._documents[self._changes % len(self._documents)]
        load = self._load
        # A slot of its own: the others' calls are the watchers'.
        name = call(DEPTH, self._changes)
        message = publish(STAR, load.port, name, 1, etag=self._etag, body=body)
        told: set[bytes] = set()
        last, answered = 0.0, False
        began = time.perf_counter()
        load.socket.send(message)
        while len(told) < WATCHERS or not answered:
            out = []
            for data in load.waiting():
                if data.startswith(NOTIFY):
                    told.add(b"%d.%d" % load.whose(data))
                    out.append(answer(data))
                elif load.whose(data)[0] == DEPTH:
                    self._etag, answered = _etag(data), True
            last = time.perf_counter()
            for message in out:
                load.socket.send(message)
        return last - began


def _etag(data: bytes) -> bytes:
    found = ETAG.search(data)
    if not data.startswith(OK) or found is None:
        raise WrongAnswerError(data)
    return found[1]


def fan_out(bench: Bench) -> Mapping[str, Measured]:
    """Changes by turns."""
    with ExitStack() as ending:
        ours, *_ = ending.enter_context(bench.gateways(sip_config()))
        theirs = ending.enter_context(bare(bench))
        fans = []
        for server in (ours, theirs):
            fans.append(Fan(server))
            ending.callback(fans[-1].close)
        ending.enter_context(urgent(ours.pid, theirs.pid))
        times: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        costs: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for fan in fans:
            fan.run(bench.warm_up)
        for number in range(bench.pairs):
            for fan in fans if number % 2 == 0 else reversed(fans):
                taken, cost = fan.run(bench.seconds)
                times[fan.server.name].append(median(taken))
                costs[fan.server.name].append(cost)
    notes: dict[str, float | str] = {f"{name} ms": 1e3 * median(found) for name, found in times.items()}
    notes |= {f"{name}'s CPU for a NOTIFY, µs": 1e6 * median(found) for name, found in costs.items()}
    ratios = [our / their for our, their in zip(times[ours.name], times[theirs.name], strict=True)]
    return {NAME: Measured(tuple(ratios), notes=notes)}
