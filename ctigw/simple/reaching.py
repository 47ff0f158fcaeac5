"""How somebody is reached who has asked before, or has registered.

A Contact says where; but a connection that is open is the better way (a TLS client's Contact often names a
port that nobody listens on), and behind a translation of addresses it is the only one.
"""

from __future__ import annotations

from ctigw.sip.dialog import Dialog
from ctigw.sip.errors import Malformed
from ctigw.sip.hops import Remote, remote_of
from ctigw.sip.machines import Incoming
from ctigw.sip.message import parse_via, split_list
from ctigw.sip.stack import Stack
from ctigw.sip.uri import parse_uri


def way_back(incoming: Incoming) -> Remote | None:
    """The way by which ``incoming`` came, where its sender's Contact may be of no use; None: ask that.

    Only of what came directly from the one who sent it: a proxy between knows better.
    """
    vias, source = incoming.request.lines("Via"), incoming.source
    if source.flow:
        return source
    if len(vias) != 1 or "rport" not in vias[0].lower() or len(split_list(vias[0])) != 1:
        return None
    via = parse_via(vias[0])
    # The sender asked to be answered where it is seen (RFC 3581), and is seen elsewhere than it thinks it is.
    translated = via.param("rport") is not None and via.host.strip("[]") != source.host
    return source if translated else None


def towards(stack: Stack, dialog: Dialog, back: Remote | None) -> Remote:
    """Where requests in ``dialog`` go, to somebody to whom `way_back` gave ``back``.  Raises `Malformed`."""
    if back is not None and _is_open(stack, back):
        return back
    return dialog.hop(0 if back is None else back.local)


def reachable(stack: Stack, uri: str, back: Remote | None) -> Remote | None:
    """Where somebody is who has registered ``uri``; None when it cannot be told."""
    if back is not None and _is_open(stack, back):
        return back
    try:
        return remote_of(parse_uri(uri))
    except Malformed:
        return None


def _is_open(stack: Stack, back: Remote) -> bool:
    return not back.flow or stack.connected(back)


def contact(stack: Stack, remote: Remote) -> str:
    """The Contact by which ``remote`` reaches us."""
    return f"<{stack.local(remote).uri()}>"
