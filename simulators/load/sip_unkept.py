"""The gateway's presence alone, which keeps nothing: ``python -m simulators.load.sip_unkept CONFIG``.

The same node behind the same sockets; what it lacks is the database, and the gateway around it.
"""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def serve(file: str) -> None:
    """Until the process is ended."""
    gc.disable()
    from twisted.internet import reactor

    from ctigw.app.sip import Kept, sip_side
    from ctigw.config import load
    from ctigw.net import logs
    from ctigw.net.garbage import Garbage
    from ctigw.net.sip_endpoint import SipEndpoint

    loop: Any = reactor
    config = load(Path(file))
    logs.configure(config.log)
    endpoint = SipEndpoint(config.sip, loop)
    addresses = endpoint.open()
    side = sip_side(config, addresses, loop, Kept())
    endpoint.serve(side.node)
    Garbage(loop, Counter(), lambda: side.counters["SIP requests"]).start()
    at = f"127.0.0.1:{addresses[0].port}"
    sys.stdout.write(json.dumps({"event": "listening", "at": at}) + "\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    serve(sys.argv[1])
