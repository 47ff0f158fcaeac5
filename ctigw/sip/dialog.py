"""Dialogs: what two user agents must remember to speak of the same thing (RFC 3261 §12, RFC 6665 §4.4.1).

A dialog knows no transactions and no sockets: it makes the requests that are sent in it, and judges those
that arrive in it.  Names are from where we stand: ``local`` is us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote, remote_of
from ctigw.sip.message import Headers, Request, Response
from ctigw.sip.ready import HOPS, Ready
from ctigw.sip.uri import NameAddr, parse_name_addr, parse_uri

# Call-ID, local tag, remote tag.
Key = tuple[str, str, str]

# Requests whose Contact is where the next ones go (§12.2, RFC 6665 §4.1.2.1, RFC 3311).
REFRESHING = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "UPDATE", "REFER"})
_SUCCESS = range(200, 300)


def key_of(request: Request) -> Key:
    """The `Dialog.key` of the dialog that a request arrived in; its second part is "" outside of any."""
    return (request.call_id, request.to_tag, request.from_tag)


class Dialog:
    """``local`` and ``remote``: the addresses of From and To, without tags, as they are written.

    ``contact``: ours, a whole value of Contact.  ``remote_target``: the URI that requests go to.
    ``route_set``: values of Route, in the order in which we send them.  ``local_seq``: of the last request
    that we made.  ``remote_seq``: of the last one that came; None before any has.
    """

    __slots__ = (
        "call_id", "contact", "local", "local_seq", "local_tag", "remote", "remote_seq", "remote_tag",
        "remote_target", "route_set",
    )  # fmt: skip

    def __init__(
        self,
        call_id: str,
        *,
        local: tuple[str, str],
        remote: tuple[str, str],
        contact: str,
        remote_target: str,
        route_set: Iterable[str],
        local_seq: int,
        remote_seq: int | None,
    ) -> None:
        self.call_id = call_id
        self.local, self.local_tag = local
        self.remote, self.remote_tag = remote
        self.contact, self.remote_target = contact, remote_target
        self.route_set = tuple(route_set)
        for route in self.route_set:
            remote_of(parse_uri(parse_name_addr(route).uri))  # as in `_target`
        self.local_seq, self.remote_seq = local_seq, remote_seq

    @classmethod
    def uas(cls, request: Request, tag: str, contact: str) -> Dialog:
        """The dialog that we make by accepting ``request`` with ``tag`` in To (§12.1.1).

        Raises `Rejected` when it does not say where to send what is to come.
        """
        target = _target(request)
        if target is None:
            raise Rejected(400, "Missing Contact")
        return cls(
            request.call_id,
            local=(_untagged(request.to), tag),
            remote=(_untagged(request.from_), request.from_tag),
            contact=contact,
            remote_target=target,
            route_set=request.values("Record-Route"),
            local_seq=0,
            remote_seq=request.cseq,
        )

    @classmethod
    def uac(cls, request: Request, response: Response) -> Dialog:
        """The dialog that the other side makes by ``response`` to our ``request`` (§12.1.2).

        Raises `Rejected` when that does not say where to send what is to come.
        """
        target = _target(response)
        if target is None:
            raise Rejected(400, "Missing Contact")
        return cls._asked(request, response.to_tag, target, reversed(response.values("Record-Route")), None)

    @classmethod
    def notified(cls, request: Request, notify: Request) -> Dialog:
        """The dialog that the first NOTIFY makes, which may overtake the response to our SUBSCRIBE, or be one
        of several that a forked SUBSCRIBE gets (RFC 6665 §4.4.1).

        Raises `Rejected` as `uac` does.
        """
        target = _target(notify)
        if target is None:
            raise Rejected(400, "Missing Contact")
        return cls._asked(request, notify.from_tag, target, notify.values("Record-Route"), notify.cseq)

    @classmethod
    def _asked(
        cls, request: Request, tag: str, target: str, route_set: Iterable[str], remote_seq: int | None
    ) -> Dialog:
        return cls(
            request.call_id,
            local=(_untagged(request.from_), request.from_tag),
            remote=(_untagged(request.to), tag),
            contact=request.get("Contact"),
            remote_target=target,
            route_set=route_set,
            local_seq=request.cseq,
            remote_seq=remote_seq,
        )

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def request(self, method: str) -> Request:
        """The next request that we send in it (§12.2.1.1); Via and Max-Forwards are for whoever sends it."""
        self.local_seq += 1
        uri, route = self._way()
        headers: Headers = {
            "From": [_tagged(self.local, self.local_tag)],
            "To": [_tagged(self.remote, self.remote_tag)],
            "Call-ID": [self.call_id],
            "CSeq": [f"{self.local_seq} {method}"],
            "Contact": [self.contact],
        }
        if route:
            headers["Route"] = list(route)
        return Request(method, uri, headers)

    def ready(self, method: str, fields: Iterable[tuple[str, str]], body: bytes = b"") -> Ready:
        """The same as `request` with ``fields`` and ``body``, and Max-Forwards, for `Stack.send`."""
        self.local_seq += 1
        uri, route = self._way()
        lines = 6
        text = (
            f"Max-Forwards: {HOPS}\r\n"
            f"From: {_tagged(self.local, self.local_tag)}\r\nTo: {_tagged(self.remote, self.remote_tag)}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {self.local_seq} {method}\r\nContact: {self.contact}\r\n"
        )
        for each in route:
            text += f"Route: {each}\r\n"
            lines += 1
        for name, content in fields:
            text += f"{name}: {content}\r\n"
            lines += 1
        return Ready(method, uri, text, lines, body)

    def hop(self, local: int = 0) -> Remote:
        """Where its requests go (§8.1.2): to the first route, whatever kind of router that is."""
        uri = parse_name_addr(self.route_set[0]).uri if self.route_set else self.remote_target
        return remote_of(parse_uri(uri), local=local)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """The Request-URI and the values of Route."""
        uri, route = self.remote_target, self.route_set
        if route and not _loose(route[0]):
            # The first hop knows no loose routing: it takes its own address for that of the request.
            return _as_request_uri(route[0]), (*route[1:], f"<{uri}>")
        return uri, route

    def check(self, request: Request) -> None:
        """A request arrived in it.  Raises `Rejected`: 500 when a later one has come already (§12.2.2).

        A request with the number of the last one is let through: the transactions have sorted out what is
        sent twice, and there are clients that ask again with credentials without counting on.
        """
        number = request.cseq
        if self.remote_seq is not None and number < self.remote_seq:
            raise Rejected(500, "CSeq out of order")
        target = _target(request) if request.method in REFRESHING else None
        self.remote_seq = number
        if target is not None:
            self.remote_target = target

    def answered(self, response: Response, method: str) -> None:
        """Our request of ``method`` was answered: that, too, may say where the next ones go (§12.2.1.2)."""
        if method in REFRESHING and response.status in _SUCCESS:
            try:
                self.remote_target = _target(response) or self.remote_target
            except Malformed:
                return  # what we know has been good so far


def _target(message: Request | Response) -> str | None:
    """The URI of Contact; None when there is no Contact.  Raises `Malformed`."""
    contacts = message.contacts
    if not contacts:
        return None
    uri = parse_uri(contacts[0].uri)
    if not uri.host:
        raise Malformed(400, "Bad Contact")
    remote_of(uri)  # refused now, and not when something is to be sent
    # Header fields are for who begins something there, and no part of a Request-URI (§19.1.1).
    return str(replace(uri, headers="")) if uri.headers else contacts[0].uri


def _untagged(address: NameAddr) -> str:
    params = tuple([(name, text) for name, text in address.params if name != "tag"])
    return str(NameAddr(address.display, address.uri, params))


def _tagged(address: str, tag: str) -> str:
    """An old client has no tag (§12.1.1)."""
    return f"{address};tag={tag}" if tag else address


def _loose(route: str) -> bool:
    """Raises `Malformed`."""
    return parse_uri(parse_name_addr(route).uri).param("lr") is not None


def _as_request_uri(route: str) -> str:
    """What a URI of a route may not have as that of a request, is left out (§19.1.1)."""
    uri = parse_uri(parse_name_addr(route).uri)
    params = tuple((name, text) for name, text in uri.params if name != "method")
    return str(replace(uri, params=params, headers=""))
