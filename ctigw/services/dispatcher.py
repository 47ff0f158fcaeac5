"""From a request to the function that serves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import structlog

from ctigw.csta.association import Unreadable
from ctigw.csta.types import CSTAErrorCode, csta, error_code
from ctigw.errors import Reason, Refused
from ctigw.services.access import admitted
from ctigw.services.session import Rights, Session
from ctigw.values import value

# A handler gets the session, the request, and the namespace that the request came in.
Handler = Callable[[Session, Any, str], Awaitable[object]]
Record = Callable[[Session, Rights | None, object, object], None]
log = structlog.get_logger(__name__)


@value
class Reply:
    """A response that requests of the gateway's own follow, on the same connection.

    They are made one by one, when the client has taken those before.
    """

    response: object
    followed_by: Iterator[object]


class Dispatcher:
    """One handler per request type; it answers everything and raises nothing.

    ``record`` is told of every request that a handler was there for, the rights that it came with, and its
    answer.  ``counters``: requests, and the errors that they were refused with.
    """

    def __init__(
        self,
        record: Record = lambda _session, _rights, _request, _answer: None,
        counters: Counter[str] | None = None,
    ) -> None:
        self._record = record
        self._handlers: dict[type, Handler] = {}
        self._for_strangers: set[type] = set()
        self.counters: Counter[str] = Counter() if counters is None else counters

    def serve_with(self, handlers: Mapping[type, Handler], *, strangers: bool = False) -> None:
        """Serve the requests of one service group as well.

        ``strangers``: also those of clients that have not said who they are.
        """
        self._handlers |= handlers
        if strangers:
            self._for_strangers |= handlers.keys()

    @property
    def handlers(self) -> Mapping[type, Handler]:
        """What is served, and by what."""
        return MappingProxyType(self._handlers)

    @property
    def services(self) -> frozenset[str]:
        """The names of the requests that are served: what GetCSTAFeatures may promise."""
        return frozenset(cls.__name__ for cls in self._handlers)

    async def serve(self, session: Session, request: object, namespace: str) -> object:
        """The answer to ``request``: a response, a `Reply`, or a CSTAErrorCode."""
        self.counters["requests"] += 1
        cls = type(request)
        handler = self._handlers.get(cls)
        if handler is None:
            return self._refusal(Reason.SERVICE_NOT_SUPPORTED)
        rights = session.rights
        answer: object
        try:
            if cls not in self._for_strangers:
                admitted(session)
            answer = await handler(session, request, namespace)
        except Refused as refused:
            answer = self._refusal(refused.reason)
        except Exception:  # a bug must cost its own request only
            log.exception("handler failed", service=cls.__name__, peer=session.peer)
            answer = self._refusal(Reason.GENERIC)
        try:
            self._record(session, rights, request, answer)
        except Exception:  # the request is served, and that must be told
            log.exception("request not recorded", service=cls.__name__, peer=session.peer)
        return answer

    def refuse(self, unreadable: Unreadable) -> CSTAErrorCode:
        """The answer to what could not be decoded: not served comes before malformed."""
        if unreadable.unknown or (unreadable.name and csta.messages[unreadable.name] not in self._handlers):
            return self._refusal(Reason.SERVICE_NOT_SUPPORTED)
        return self._refusal(Reason.INVALID_PARAMETER_VALUE if unreadable.name else Reason.GENERIC)

    def _refusal(self, reason: Reason) -> CSTAErrorCode:
        self.counters[reason.value_name] += 1
        return error_code(reason)
