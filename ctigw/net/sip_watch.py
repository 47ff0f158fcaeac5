"""A subscription (RFC 6665) from the side of who subscribes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ctigw.net.sip_agent import Agent, Kept, Numbers
from ctigw.sip.dialog import Dialog, key_of
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.events import Done, Outcome
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, Response
from ctigw.sip.uri import parse_params
from ctigw.values import named

# What says that the server knows nothing of a subscription (RFC 6665 4.1.2.2): a new one may be had.
FORGOTTEN = 481
# Ends of which a new subscription at once is what the server means (4.1.3).
AGAIN = frozenset(("deactivated", "timeout"))
# What a SUBSCRIBE wants unless it says otherwise.
PRESENCE = (("Event", "presence"), ("Accept", "application/pidf+xml"))


@named
class Notification:
    """What a NOTIFY says.  ``state``: active, pending or terminated; ``reason``: why it is over.

    ``expires``: for how many seconds it lasts, where that is said.
    """

    uri: str
    state: str
    reason: str = ""
    expires: int | None = None
    content_type: str = ""
    body: bytes = b""


class Watch(Kept):
    """A subscription to ``uri``; ``on_notify`` is told each NOTIFY.

    One with ``expires`` 0 only fetches: it is over with its first NOTIFY.
    """

    def __init__(
        self,
        agent: Agent,
        uri: str,
        expires: int,
        told: Done,
        on_notify: Callable[[Notification], None],
        *,
        headers: tuple[tuple[str, str], ...] = PRESENCE,
        body: bytes = b"",
    ) -> None:
        super().__init__(agent, expires, told)
        self.uri, self._headers, self._body = uri, headers, body
        self._on_notify = on_notify
        self._wanted = expires
        self.is_over = False
        self._begin()

    def _begin(self) -> None:
        self._call_id, self._numbers = self._agent.token(), Numbers()
        self._asked: Request | None = None
        self._dialog: Dialog | None = None
        self._agent.watches[self._call_id] = self._notified

    def _make(self) -> Request:
        agent = self._agent
        if self._dialog is not None:
            made = self._dialog.request("SUBSCRIBE")
        else:
            made = agent.request("SUBSCRIBE", self.uri, self._call_id, self._numbers.next())
            made.set("Contact", agent.contact)
            made.body = self._body
            self._asked = made
        made.set("Expires", str(self.expires))
        made.extend(self._headers)
        return made

    def _taken(self, response: Response) -> None:
        if self._dialog is not None:
            self._dialog.answered(response, "SUBSCRIBE")
        elif self._asked is not None:
            with suppress(Rejected):  # who does not say where to go says it in the NOTIFY
                self._dialog = Dialog.uac(self._asked, response)
        if self.is_over:
            self.expires = 0

    def _refused(self, outcome: Outcome) -> bool:
        if outcome.status != FORGOTTEN or self._dialog is None:
            return False
        self._agent.watches.pop(self._call_id, None)
        self._begin()
        return self.expires > 0

    def _failed(self) -> None:
        self._over()

    def _notified(self, incoming: Incoming) -> None:
        """Raises `Rejected`."""
        request = incoming.request
        if self._dialog is None and self._asked is not None and request.to_tag == self._agent.tag:
            self._dialog = Dialog.notified(self._asked, request)
        if self._dialog is None or key_of(request) != self._dialog.key:
            raise Rejected(481)
        found = self._read(request)
        self._dialog.check(request)
        incoming.respond(200)
        if found.state == "terminated":
            self._over()
        elif found.expires is not None and self.expires:
            self.expires = found.expires
            self._start()
        self._on_notify(found)
        if found.state == "terminated" and found.reason in AGAIN and self.expires:
            self._begin()
            self.is_over, self.expires = False, self._wanted
            self.refresh()

    def _read(self, request: Request) -> Notification:
        """Raises `Malformed`."""
        state, semicolon, rest = request.get("Subscription-State").partition(";")
        if not state:
            raise Malformed(400, "Missing Subscription-State")
        params = dict(parse_params(semicolon + rest)) if rest else {}
        seconds = params.get("expires", "")
        return Notification(
            uri=self.uri,
            state=state.strip().lower(),
            reason=params.get("reason", "").lower(),
            expires=int(seconds) if seconds.isascii() and seconds.isdigit() else None,
            content_type=request.get("Content-Type"),
            body=request.body,
        )

    def _over(self) -> None:
        self.is_over = True
        self.stop()
        self._agent.watches.pop(self._call_id, None)
