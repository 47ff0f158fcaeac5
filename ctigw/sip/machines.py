"""The four transactions of RFC 3261 §17, with the corrections of RFC 6026.

Rule 1: what a transaction does when is in the four tables below, and nowhere else; above them stands what
their words do.  A pair of state and input that is not in a table changes nothing.

Most transactions of a presence server are over a moment after they began, and then stay half a minute for
the sake of a request that comes again.  What stays of them is small: `Kept` and `GONE`.  A transaction that
has ended is in no table and in no timer, and needs no collector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from ctigw.sip.errors import Rejected
from ctigw.sip.events import Answered, Done, Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.message import Headers, Request, Response
from ctigw.sip.ready import HOPS, Ready
from ctigw.sip.replies import reply
from ctigw.sip.timers import Timer
from ctigw.values import Enum

if TYPE_CHECKING:
    from ctigw.sip.transactions import Transactions


class State(Enum):
    """In the words of the RFC's figures 5 to 8."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(Enum):
    """What can happen to a transaction; responses come from the network or from the user above."""

    REQUEST = "the request again"
    ACK = "ACK"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    AGAIN = "timer A, E or G"
    EXPIRED = "timer B, C, F or H"
    OVER = "timer D, I, J, K, L or M"
    SILENT = "200 ms without a response"
    LOST = "the connection is gone"


def input_of(status: int) -> Input:
    """What a response is to a transaction."""
    return Input.PROVISIONAL if status < 200 else Input.SUCCESS if status < 300 else Input.FAILURE  # noqa: PLR2004


# What the words of the tables do: with the layer, the transaction, and the response if that is the input.


def _send(layer: Transactions, it: Any, sent: bytes) -> None:
    it.sent = sent
    layer.send(it.to, sent)


def _resend(layer: Transactions, it: Any, _: object) -> None:
    if it.sent:
        layer.send(it.to, it.sent)


def _send_trying(layer: Transactions, it: Incoming, _: object) -> None:
    _send(layer, it, reply(it.request, 100))


def _keep_j(layer: Transactions, it: Incoming, _: object) -> None:
    """Timer J is 0 over a connection, where nothing comes twice."""
    layer.keep(it)


def _start_gh(layer: Transactions, it: Any, _: object) -> None:
    it.interval, it.deadline = layer.settings.t1, layer.timers.now() + layer.lifetime
    layer.arm(it)


_start_ef = _start_ab = _start_gh


def _slower(layer: Transactions, it: Any, _: object) -> None:
    it.interval = min(it.interval * 2, layer.settings.t2)
    layer.arm(it)


def _slower_a(layer: Transactions, it: Client, _: object) -> None:
    it.interval *= 2
    layer.arm(it)


def _slowest(layer: Transactions, it: Client, _: object) -> None:
    it.interval = layer.settings.t2
    layer.arm(it)


def _start_c(layer: Transactions, it: Client, _: object) -> None:
    if it.cancelled:  # it has its last half minute
        return
    it.interval, it.deadline = inf, layer.timers.now() + layer.settings.timer_c
    layer.arm(it)
    if it.cancelling:
        layer.cancel(it)


def _start_i(layer: Transactions, it: Any, _: object) -> None:
    layer.stay(it, layer.settings.t4)


def _start_d(layer: Transactions, it: Any, _: object) -> None:
    layer.stay(it, layer.lifetime)


def _start_lm(layer: Transactions, it: Any, _: object) -> None:
    layer.stay(it, layer.lifetime, reliable_too=True)


def _leave_k(layer: Transactions, it: Client, _: object) -> None:
    layer.leave(it)


def _tell(layer: Transactions, it: Client, response: Response) -> None:
    if it.done is not None and (response.status >= 200 or (it.provisional and response.status > 100)):  # noqa: PLR2004
        layer.events.append(Answered(it.done, Outcome(response.status, response)))


def _ack(layer: Transactions, it: Client, response: Response) -> None:
    """§17.1.1.3: the ACK of a failure belongs to this transaction, and goes where the INVITE went."""
    assert it.request is not None
    _send(layer, it, within(it.request, "ACK", it.via, response.headers["To"]).write())


def within(request: Request, method: str, via: str, to: list[str]) -> Request:
    """An ACK or CANCEL of an INVITE: the same in all by which it is recognised (§9.1, §17.1.1.3)."""
    of = request.headers
    headers: Headers = {"Via": [via], "Max-Forwards": [str(HOPS)], "From": of["From"], "To": to}
    headers |= {"Call-ID": of["Call-ID"], "CSeq": [f"{request.cseq} {method}"]}
    if "Route" in of:
        headers["Route"] = of["Route"]
    return Request(method, request.uri, headers)


def _time_out(layer: Transactions, it: Client, _: object) -> None:
    layer.fail(it, 408)


def _give_up(layer: Transactions, it: Client, _: object) -> None:
    """§16.8: who rings for ever is told to stop, and not waited for much longer."""
    if it.cancelled:
        layer.fail(it, 408)
    else:
        layer.cancel(it)


def _fall_back(layer: Transactions, it: Client, _: object) -> None:
    layer.unreachable(it)


def _end(layer: Transactions, it: Any, _: object) -> None:
    layer.end(it)


def _count_no_ack(layer: Transactions, _it: Incoming, _: object) -> None:
    layer.counters["answers without ACK"] += 1


Action = Callable[["Transactions", Any, Any], None]
Table = Mapping[tuple[State, Input], tuple[tuple[Action, ...], State]]
S, I = State, Input  # noqa: E741 - a table is read across

# Figure 8.  COMPLETED is the state of a `Kept`.
SERVER: Table = {
    (S.TRYING, I.PROVISIONAL): ((_send,), S.PROCEEDING),
    (S.TRYING, I.SUCCESS): ((_send, _keep_j), S.COMPLETED),
    (S.TRYING, I.FAILURE): ((_send, _keep_j), S.COMPLETED),
    (S.PROCEEDING, I.REQUEST): ((_resend,), S.PROCEEDING),
    (S.PROCEEDING, I.PROVISIONAL): ((_send,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): ((_send, _keep_j), S.COMPLETED),
    (S.PROCEEDING, I.FAILURE): ((_send, _keep_j), S.COMPLETED),
    (S.COMPLETED, I.REQUEST): ((_resend,), S.COMPLETED),
}

# Figure 7, and RFC 6026 figure 5.
SERVER_INVITE: Table = {
    (S.PROCEEDING, I.REQUEST): ((_resend,), S.PROCEEDING),
    (S.PROCEEDING, I.SILENT): ((_send_trying,), S.PROCEEDING),
    (S.PROCEEDING, I.PROVISIONAL): ((_send,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): ((_send, _start_lm), S.ACCEPTED),
    (S.PROCEEDING, I.FAILURE): ((_send, _start_gh), S.COMPLETED),
    (S.COMPLETED, I.REQUEST): ((_resend,), S.COMPLETED),
    (S.COMPLETED, I.AGAIN): ((_resend, _slower), S.COMPLETED),
    (S.COMPLETED, I.ACK): ((_start_i,), S.CONFIRMED),
    (S.COMPLETED, I.EXPIRED): ((_count_no_ack, _end), S.TERMINATED),
    (S.CONFIRMED, I.OVER): ((_end,), S.TERMINATED),
    (S.ACCEPTED, I.SUCCESS): ((_send,), S.ACCEPTED),
    (S.ACCEPTED, I.OVER): ((_end,), S.TERMINATED),
}

# Figure 6.  COMPLETED is the state of `GONE`.
CLIENT: Table = {
    (S.TRYING, I.REQUEST): ((_resend, _start_ef), S.TRYING),
    (S.TRYING, I.AGAIN): ((_resend, _slower), S.TRYING),
    (S.TRYING, I.PROVISIONAL): ((_tell,), S.PROCEEDING),
    (S.TRYING, I.SUCCESS): ((_tell, _leave_k), S.COMPLETED),
    (S.TRYING, I.FAILURE): ((_tell, _leave_k), S.COMPLETED),
    (S.TRYING, I.EXPIRED): ((_time_out,), S.TERMINATED),
    (S.TRYING, I.LOST): ((_fall_back,), S.TRYING),
    (S.PROCEEDING, I.AGAIN): ((_resend, _slowest), S.PROCEEDING),
    (S.PROCEEDING, I.PROVISIONAL): ((_tell,), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): ((_tell, _leave_k), S.COMPLETED),
    (S.PROCEEDING, I.FAILURE): ((_tell, _leave_k), S.COMPLETED),
    (S.PROCEEDING, I.EXPIRED): ((_time_out,), S.TERMINATED),
    (S.PROCEEDING, I.LOST): ((_fall_back,), S.TRYING),
}

# Figure 5, and RFC 6026 figure 4.
CLIENT_INVITE: Table = {
    (S.CALLING, I.REQUEST): ((_resend, _start_ab), S.CALLING),
    (S.CALLING, I.AGAIN): ((_resend, _slower_a), S.CALLING),
    (S.CALLING, I.PROVISIONAL): ((_tell, _start_c), S.PROCEEDING),
    (S.CALLING, I.SUCCESS): ((_tell, _start_lm), S.ACCEPTED),
    (S.CALLING, I.FAILURE): ((_ack, _tell, _start_d), S.COMPLETED),
    (S.CALLING, I.EXPIRED): ((_time_out,), S.TERMINATED),
    (S.CALLING, I.LOST): ((_fall_back,), S.CALLING),
    (S.PROCEEDING, I.PROVISIONAL): ((_tell, _start_c), S.PROCEEDING),
    (S.PROCEEDING, I.SUCCESS): ((_tell, _start_lm), S.ACCEPTED),
    (S.PROCEEDING, I.FAILURE): ((_ack, _tell, _start_d), S.COMPLETED),
    (S.PROCEEDING, I.EXPIRED): ((_give_up,), S.PROCEEDING),
    (S.PROCEEDING, I.LOST): ((_fall_back,), S.CALLING),
    (S.COMPLETED, I.FAILURE): ((_resend,), S.COMPLETED),
    (S.COMPLETED, I.OVER): ((_end,), S.TERMINATED),
    (S.COMPLETED, I.LOST): ((_end,), S.TERMINATED),
    (S.ACCEPTED, I.SUCCESS): ((_tell,), S.ACCEPTED),
    (S.ACCEPTED, I.OVER): ((_end,), S.TERMINATED),
    (S.ACCEPTED, I.LOST): ((_end,), S.TERMINATED),
}


class Kept(Struct, gc=False):
    """What stays of an answered request: for one that comes again.  ``copy``: see `Transactions.copies`."""

    machine: ClassVar[Table] = SERVER
    state: ClassVar[State] = State.COMPLETED
    to: Remote
    sent: bytes
    copy: int


class Gone:
    """What stays of a request of ours that was answered: answers that come again are no strays."""

    __slots__ = ()
    machine: ClassVar[Table] = CLIENT
    state: ClassVar[State] = State.COMPLETED


GONE = Gone()


class Incoming:
    """A request that somebody sent: a server transaction.

    ``source``: who sent it.  ``request``: as it came, with what its top Via got on the way.
    """

    __slots__ = (
        "_tag", "copy", "deadline", "interval", "key", "layer", "machine", "request", "sent", "source",
        "state", "timer", "to",
    )  # fmt: skip

    def __init__(self, layer: Transactions, request: Request, source: Remote, to: Remote, key: str) -> None:
        self.layer = layer
        self.request = request
        self.source = source
        self.to = to
        self.key = key
        self.copy = 0
        self.sent = b""
        self.timer: Timer | None = None
        self.interval = self.deadline = 0.0
        self._tag = ""
        self.machine, self.state = SERVER, State.TRYING

    @property
    def tag(self) -> str:
        """The To tag of the answers: the request's, or one of ours that stays the same."""
        if not self._tag:
            self._tag = self.request.to_tag or self.layer.token()
        return self._tag

    def respond(
        self,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
        tag: str | None = None,
    ) -> None:
        """Answer (§8.2.6); ``tag`` is To's, where the request has none.  A second final answer goes nowhere.

        Raises `ValueError` for a line break in what is given.
        """
        if tag is None:
            tag = self.tag if status > 100 else ""  # noqa: PLR2004
        else:
            self._tag = tag
        self._answer(status, reply(self.request, status, reason, headers, body, tag))

    def reject(self, rejected: Rejected) -> None:
        """Answer with what was raised while the request was served."""
        self.respond(rejected.status, rejected.headers, reason=rejected.reason)

    def relay(self, response: Response) -> None:
        """Answer with what another server answered to the request that we passed on (§16.7)."""
        headers = {**response.headers, "Via": self.request.headers["Via"]}
        whole = Response(response.status, response.reason, headers, response.body)
        self._answer(response.status, whole.write())

    def _answer(self, status: int, data: bytes) -> None:
        if not self.layer.fire(self, input_of(status), data):
            self.layer.counters["answers too late"] += 1


class Client:
    """A request of ours that is on its way.

    ``fallback``: where and how it goes as a datagram, if no connection can be had.  ``ready``: of the answer
    only the status is of interest.
    """

    __slots__ = (
        "cancelled", "cancelling", "deadline", "done", "fallback", "interval", "key", "machine",
        "provisional", "ready", "request", "sent", "state", "timer", "to", "via",
    )  # fmt: skip

    def __init__(self, request: Request | Ready, to: Remote, via: str, done: Done | None, key: str) -> None:
        self.key = key
        self.to = to
        self.via = via
        self.done = done
        self.sent = b""
        self.provisional = self.cancelling = self.cancelled = self.ready = False
        self.fallback: tuple[Remote, str, bytes] | None = None
        self.timer: Timer | None = None
        self.interval = self.deadline = 0.0
        # An INVITE is needed again, for its ACK and CANCEL.
        self.request = request if isinstance(request, Request) and request.method == "INVITE" else None
        self.machine = CLIENT_INVITE if self.request else CLIENT
        self.state = State.CALLING if self.request else State.TRYING


Transaction = Incoming | Client | Kept | Gone
