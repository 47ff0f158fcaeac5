"""A SIP element without sockets and clocks: bytes in, bytes and events out.

Five calls, as of any protocol of this kind: `receive` what came, `lost` for a connection that is gone,
`outgoing` for what is to be sent, `events` for those above, `next_timeout` and `timeout` for the clock.
Those above answer by ``incoming.respond`` and ask by `request` and `forward`.

A connection is known by its number, ``Remote.flow``.  What is for TCP or TLS without a number goes by a
connection that whoever has the sockets opens, or has opened, to that host and port; what comes by it has the
same host and port, and a number.  Whether a connection could not be opened, or was and is closed, `lost` is
told, once or twice: by its number, or as it was asked for; of a datagram that cannot be sent, too.  Empty
bytes among what is to be sent mean: close this connection, when all before has been sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.events import Asked, Cancelled, Done, Event, Settings, Stray
from ctigw.sip.framing import Ping, StreamReader
from ctigw.sip.hops import Local, Remote
from ctigw.sip.machines import Client, Incoming, Input, State, input_of
from ctigw.sip.message import Message, Request, Response, parse
from ctigw.sip.plain import START, branch_in
from ctigw.sip.ready import HOPS, Ready
from ctigw.sip.replies import COOKIE, back_of, branch_of, cancelled_key, key_of, reply
from ctigw.sip.timers import Timers
from ctigw.sip.transactions import Transactions

_MAX_HOPS = 255
# What a plain answer says.
_OK = Response(200, "OK")
# As many peers as may be remembered to take no connections.
_MAX_NO_TCP = 10_000


class Stack:
    """``locals``: what each listener is called by others, by `Remote.local`.

    ``token`` gives random text for tags and branches: who can guess it can answer in the place of others.
    """

    def __init__(
        self,
        timers: Timers,
        token: Callable[[], str],
        locals: Sequence[Local],  # noqa: A002 - what they are
        settings: Settings | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.locals = locals
        self.counters: Counter[str] = Counter()
        self._timers = timers
        self._token = token
        self._layer = Transactions(timers, token, self.settings, self.counters)
        self._readers: dict[int, StreamReader] = {}
        # Connections on which a message has begun, each once.
        self._begun: set[int] = set()
        self._begun_lane = timers.lane(64 * self.settings.t1, self._ended)
        self._ways: dict[tuple[str, int], tuple[int, str]] = {}
        self._no_tcp: set[Hashable] = set()
        self._no_tcp_lane = timers.lane(self.settings.no_tcp, self._no_tcp.discard)

    # The clock

    def next_timeout(self) -> float | None:
        """When `timeout` is to be called, by the clock of the timers; None: not at all."""
        return self._timers.next()

    def timeout(self) -> None:
        """Do what is due."""
        self._timers.fire()

    # What is to be taken

    def outgoing(self) -> list[tuple[Remote, bytes]]:
        """What to send now, in order."""
        out = self._layer.out
        if out:
            self._layer.out = []
        return out

    def events(self) -> list[Event]:
        """What happened since the last time, in order."""
        events = self._layer.events
        if events:
            self._layer.events = []
        return events

    # The network

    def receive(self, data: bytes, source: Remote) -> None:
        """A datagram (``source.flow`` 0), or the next piece of a connection's stream.  Raises nothing."""
        if source.flow:
            self._receive_stream(data, source)
            return
        if data.startswith(START) and self._took_plain(data):
            return
        try:
            message = parse(data)
        except Malformed as error:
            if data.strip(b"\r\n\0"):  # else what keeps a translation of addresses open
                self._refuse(error, source)
            return
        self._take(message, source)

    def lost(self, remote: Remote) -> None:
        """Nothing goes there (any more): what waits for an answer fails (503), or goes as a datagram."""
        was_open = self._readers.pop(remote.flow, None) is not None
        self._begun.discard(remote.flow)
        fell_back = self._layer.lost(remote)
        place = (remote.host, remote.port)
        # One that was open and is closed says nothing of whether the next one will be taken.
        if fell_back and not was_open and place not in self._no_tcp and len(self._no_tcp) < _MAX_NO_TCP:
            self._no_tcp.add(place)
            self._no_tcp_lane.add(self._timers.now(), place)

    def _receive_stream(self, data: bytes, source: Remote) -> None:
        reader = self._readers.get(source.flow)
        if reader is None:
            settings = self.settings
            reader = self._readers[source.flow] = StreamReader(settings.max_head, settings.max_body)
        over = reader.over
        for item in reader.feed(data):
            if isinstance(item, (Request, Response)):
                self._take(item, source)
            elif isinstance(item, Ping):
                self._layer.send(source, b"\r\n")
            else:
                self._refuse(item, source)
        if reader.over and not over:
            self._layer.send(source, b"")
        elif reader.waits and source.flow not in self._begun:
            self._await(source, reader)

    def _await(self, source: Remote, reader: StreamReader) -> None:
        """A message has begun: it has as long to end as anything in SIP takes."""
        self._begun.add(source.flow)
        self._begun_lane.add(self._timers.now(), (source, reader.ended))

    def _ended(self, begun: tuple[Remote, int]) -> None:
        """Close the connection if nothing of what was sent there has come to an end since."""
        source, ended = begun
        reader = self._readers.get(source.flow)
        if reader is None:
            return
        self._begun.discard(source.flow)
        if reader.waits and reader.ended == ended:
            self.counters["messages without an end"] += 1
            self._layer.send(source, b"")
        elif reader.waits:
            self._await(source, reader)

    def _take(self, message: Message, source: Remote) -> None:
        if isinstance(message, Response):
            self._take_response(message, source)
        else:
            self._take_request(message, source)

    def _refuse(self, error: Malformed, source: Remote) -> None:
        """Answer what cannot be served, where that can be done; no transaction remembers it."""
        self.counters["malformed messages"] += 1
        request = error.message
        if request is None or request.method == "ACK" or "Via" not in request.headers:
            return
        try:
            back = back_of(request, source)
            self._layer.send(back, reply(request, error.status, error.reason, tag=self._token()))
        except (Malformed, ValueError):
            return

    def _took_plain(self, data: bytes) -> bool:
        """Whether ``data`` is the plain answer to a request of which only the status matters; it is taken."""
        branch = branch_in(data)
        client = self._layer.clients.get(f"{branch} NOTIFY") if branch else None
        if not isinstance(client, Client) or not client.ready:
            return False
        self._layer.fire(client, Input.SUCCESS, _OK)
        return True

    def _take_response(self, response: Response, source: Remote) -> None:
        key = f"{branch_of(response.headers['Via'][0])} {response.cseq_method}"
        client = self._layer.clients.get(key)
        if client is None:
            self.counters["stray responses"] += 1
            self._layer.events.append(Stray(response, source))
        elif not self._layer.fire(client, input_of(response.status), response):
            self.counters["repeated responses"] += 1

    def _take_request(self, request: Request, source: Remote) -> None:
        layer = self._layer
        method = request.method
        key = key_of(request)
        found = layer.servers.get(key)
        if found is not None and (method != "ACK" or found.state is not State.ACCEPTED):
            self.counters["repeated requests"] += method != "ACK"
            layer.fire(found, Input.ACK if method == "ACK" else Input.REQUEST)
            return
        incoming = Incoming(layer, request, source, back_of(request, source), key)
        if method == "ACK":
            # Of a success: it ends no transaction, and is answered by nobody (§13.3.1.4).
            incoming.state = State.TERMINATED
        elif layer.live >= self.settings.max_live:
            self.counters["requests too many"] += 1
            layer.send(incoming.to, reply(request, 503, headers=(("Retry-After", "5"),), tag=self._token()))
            return
        elif method == "CANCEL":
            layer.open(incoming)
            self._cancel(incoming)
            return
        elif not self._open(incoming):
            return
        layer.events.append(Asked(incoming))

    def _open(self, incoming: Incoming) -> bool:
        """Begin a transaction; False: it was about a request that came by another way too (§8.2.2.2)."""
        request = incoming.request
        if request.method in self.settings.merging and not request.to_tag:
            copy = hash((request.from_tag, request.call_id, request.headers["CSeq"][0])) or 1
            if copy in self._layer.copies:
                self.counters["merged requests"] += 1
                self._layer.open(incoming)
                incoming.respond(482)
                return False
            incoming.copy = copy
        self._layer.open(incoming)
        return True

    def _cancel(self, cancel: Incoming) -> None:
        invite = self._layer.servers.get(cancelled_key(cancel.key))
        if invite is None:
            cancel.respond(481)
            return
        cancel.respond(200)
        if isinstance(invite, Incoming) and invite.state is State.PROCEEDING:
            self._layer.events.append(Cancelled(invite))

    # Those above

    def request(self, request: Request, target: Remote, done: Done | None) -> Client:
        """Ask ``target`` as one who begins: with a Via of ours, and Max-Forwards where there is none.

        ``done`` comes back in an `Answered`, once, with the final response or with what went wrong.  Gives
        what `cancel` takes.  Raises `ValueError` for a line break in the request.
        """
        headers = request.headers
        if "Via" in headers:
            headers = {name: lines for name, lines in headers.items() if name != "Via"}
        if "Max-Forwards" not in headers:
            headers = {"Max-Forwards": [str(HOPS)], **headers}
        whole = Request(request.method, request.uri, headers, request.body)
        return self._send(whole, target, done, provisional=False)

    def send(self, ready: Ready, target: Remote, done: Done | None) -> Client:
        """As `request`, for what is written already; not for an INVITE."""
        return self._send(ready, target, done, provisional=False)

    def forward(self, request: Request, target: Remote, done: Done | None, mark: str = "") -> Client | None:
        """Pass on a request of somebody else's (§16.6): our Via before the others, one hop less.

        ``done`` comes back with every provisional response but 100, too.  An ACK is sent and forgotten: None.
        ``mark`` is at the end of the branch, for who wants to know it again.
        Raises `Rejected`: 483 when it has gone far enough; `Malformed`.
        """
        hops = request.number("Max-Forwards", _MAX_HOPS)
        if hops == 0:
            raise Rejected(483)
        headers = {**request.headers, "Max-Forwards": [str(HOPS if hops is None else hops - 1)]}
        whole = Request(request.method, request.uri, headers, request.body)
        if request.method != "ACK":
            return self._send(whole, target, done, provisional=True, mark=mark)
        target, prefix = self._way(target)
        self._layer.send(target, whole.write(f"Via: {prefix}{COOKIE}{self._token()}"))
        return None

    def send_ack(self, request: Request, target: Remote) -> None:
        """The ACK of a success: one of ours, outside of all transactions (§13.2.2.4)."""
        target, prefix = self._way(target)
        self._layer.send(target, request.write(f"Via: {prefix}{COOKIE}{self._token()}"))

    def cancel(self, client: Client) -> None:
        """Ask for an INVITE of ours to be given up (§9.1); its end comes as always."""
        self._layer.cancel(client)

    def connected(self, remote: Remote) -> bool:
        """Whether the connection that ``remote`` names is open, and something has come over it."""
        return remote.flow in self._readers

    def local(self, remote: Remote) -> Local:
        """How the other end is to reach us."""
        return self.locals[self._way(remote)[0].local]

    def _send(
        self, whole: Request | Ready, target: Remote, done: Done | None, *, provisional: bool, mark: str = ""
    ) -> Client:
        branch = COOKIE + self._token() + mark
        target, prefix = self._way(target)
        via = prefix + branch
        data = whole.write("Via: " + via)
        fallback = None
        if target.transport == "UDP" and 0 < self.settings.datagram_limit < len(data):
            over = Remote("TCP", target.host, target.port)
            if (target.host, target.port) not in self._no_tcp:
                fallback = (target, via, data)
                target, prefix = self._way(over)
                via = prefix + branch
                data = whole.write("Via: " + via)
        client = Client(whole, target, via, done, f"{branch} {whole.method}")
        client.provisional = provisional
        client.fallback = fallback
        client.ready = type(whole) is Ready
        self._layer.start(client, data)
        return client

    def _way(self, target: Remote) -> tuple[Remote, str]:
        """The remote as it can be reached now, and the Via of the listener that it is reached by."""
        known = self._ways.get((target.transport, target.local))
        if known is None:
            known = self._ways[target.transport, target.local] = self._listener(target)
        index, prefix = known
        flow = target.flow if target.flow in self._readers else 0
        if flow != target.flow or index != target.local:
            target = Remote(target.transport, target.host, target.port, flow, index)
        return target, prefix

    def _listener(self, target: Remote) -> tuple[int, str]:
        """The listener that the target names, else the first of its transport, else whichever it names."""
        index = target.local
        if not index < len(self.locals) or self.locals[index].transport != target.transport:
            fitting = (n for n, local in enumerate(self.locals) if local.transport == target.transport)
            index = next(fitting, min(index, len(self.locals) - 1))
        local = self.locals[index]
        return index, f"SIP/2.0/{target.transport} {local.host}:{local.port};rport;branch="
