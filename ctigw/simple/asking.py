"""Requests of ours to servers that ask for a password."""

from __future__ import annotations

from ctigw.sip.digest import AUTHENTICATES, Login
from ctigw.sip.events import Done, Outcome
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from ctigw.sip.stack import Stack

# Answers to challenges for one request: a nonce that got too old is one, a proxy's another.
MOST = 3


class Asking:
    """Sends requests with what ``login`` knows to say, and again when it has been told what to say."""

    def __init__(self, stack: Stack, login: Login) -> None:
        self._stack, self._login = stack, login

    def __call__(self, request: Request, target: Remote, done: Done) -> None:
        """Send ``request``; ``done`` is told the answer that is none to a missing password.

        The request has the CSeq of the last attempt then (RFC 3261 §22.2).
        """
        self._send(request, target, done, MOST)

    def _send(self, request: Request, target: Remote, done: Done, left: int) -> None:
        for name in ("Authorization", "Proxy-Authorization"):
            request.set(name)
        request.extend(self._login.headers(request.method, request.uri))
        told = self._login.told

        def answered(outcome: Outcome) -> None:
            if left and self._may_again(outcome, told):
                request.set("CSeq", f"{request.cseq + 1} {request.method}")
                self._send(request, target, done, left - 1)
            else:
                done(outcome)

        self._stack.request(request, target, answered)

    def _may_again(self, outcome: Outcome, told: int) -> bool:
        """Whether there is something to say that was not said when it had been ``told`` so much."""
        response, status = outcome.response, outcome.status
        if response is None or status not in AUTHENTICATES:
            return False
        return self._login.learn(status, response.lines(AUTHENTICATES[status]), told)
