"""What ten thousand subscriptions, publications and bindings take of the gateway's memory."""

from __future__ import annotations

import time
from collections.abc import Mapping

from simulators.load.bench import Bench
from simulators.load.judging import Measured
from simulators.load.processes import PATIENCE, Server
from simulators.load.sessions import settled
from simulators.load.sip_client import Once, SipLoad, SipWork, Subscribing, published
from simulators.load.sip_messages import register
from simulators.load.sip_requests import DEPTH, sip_config

SUBSCRIPTION, PUBLICATION, BINDING = "a subscription", "a publication", "a binding"
MANY, FEW = 10_000, 1_000
# Answers are kept for half a minute, however many subscriptions there are then: here none.
LIMITS = "kept_answers = 1"
# Seconds for which a server knows its own requests that were answered (RFC 3261, timer K), and some.
GONE = 6.5


def sizes(bench: Bench) -> Mapping[str, Measured]:
    """Bytes of each, of one kind after the other.

    All names have been seen before: what is remembered of names is bounded, and nobody's in particular.
    """
    count = FEW if bench.quick else MANY
    found: dict[str, Measured] = {}
    with bench.gateways(sip_config(limits=LIMITS)) as (server, *_):
        load = SipLoad(server, DEPTH)
        try:
            load.run(Subscribing(most=count), PATIENCE)
            works: Mapping[str, SipWork] = {
                SUBSCRIPTION: Subscribing(leave=False, most=count),
                PUBLICATION: Once(published, count, first_user=count),
                BINDING: Once(register, count),
            }
            for name, work in works.items():
                before = _at_rest(server)
                load.run(work, PATIENCE)
                each = (_at_rest(server) - before) / count
                found[name] = Measured((each,), notes={"of": count, "came twice": work.repeated})
        finally:
            load.close()
    return found


def _at_rest(server: Server) -> int:
    time.sleep(GONE)
    return settled(server)
