"""What ten thousand subscriptions, publications and bindings take of the gateway's memory."""

from __future__ import annotations

import time
from collections.abc import Mapping

from simulators.load.bench import Bench
from simulators.load.judging import Measured
from simulators.load.processes import PATIENCE, Server
from simulators.load.sessions import settled
from simulators.load.sip_client import Once, SipWork, Subscribing, published
from simulators.load.sip_messages import register
from simulators.load.sip_requests import sip_config, sip_loads

SUBSCRIPTION, PUBLICATION, BINDING = "a subscription", "a publication", "a binding"
MANY, FEW = 10_000, 1_000
# Answers are kept for half a minute, however many subscriptions there are then: here none.
LIMITS = "kept_answers = 1"
# Seconds after which nothing is known any more of requests of its own that were answered (RFC 3261, timer
# K), and the collector has looked at everything once.
GONE = 10.5


def sizes(bench: Bench) -> Mapping[str, Measured]:
    """Bytes of each, on a gateway for each kind: none may have what another one gave back."""
    count = FEW if bench.quick else MANY
    works: Mapping[str, SipWork] = {
        SUBSCRIPTION: Subscribing(leave=False, most=count),
        PUBLICATION: Once(published, count),
        BINDING: Once(register, count),
    }
    return {name: _measured(bench, work, count) for name, work in works.items()}


def _measured(bench: Bench, work: SipWork, count: int) -> Measured:
    with bench.gateways(sip_config(limits=LIMITS)) as (server, *_), sip_loads([server]) as (load,):
        # All names have been seen then: what is remembered of names is bounded, and nobody's in particular.
        load.run(Subscribing(most=count), PATIENCE)
        before = _at_rest(server)
        load.run(work, PATIENCE)
        each = (_at_rest(server) - before) / count
    return Measured((each,), notes={"of": count, "came twice": work.repeated})


def _at_rest(server: Server) -> int:
    time.sleep(GONE)
    return settled(server)
