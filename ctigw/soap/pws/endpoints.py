"""Endpoints: where an application is called back.  They last for a time that only the application renews."""

from __future__ import annotations

from collections.abc import Callable

from ctigw.means import Means
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.numbered import Numbered
from ctigw.soap.sessions import Session


class Endpoint:
    """``session``: of the application whose it is."""

    __slots__ = ("due", "number", "session", "url")

    def __init__(self, session: Session, url: str) -> None:
        self.session, self.url = session, url
        self.number = self.due = 0


class Endpoints(Numbered[Endpoint]):
    """All endpoints.  ``ended`` is told of each that is no more, however that came."""

    def __init__(
        self, means: Means, *, most: int, per_application: int, ended: Callable[[Endpoint], None]
    ) -> None:
        super().__init__(means, Code.NO_SUCH_ENDPOINT, Code.NOT_YOUR_ENDPOINT)
        self._most, self._each, self._ended = most, per_application, ended

    def register(self, session: Session, url: str, seconds: int) -> Endpoint:
        """A new endpoint of the application ``session``.  Raises `PwsError`: ENDPOINTS_TAKEN."""
        if len(self) >= self._most or len(self._of(session)) >= self._each:
            raise PwsError(Code.ENDPOINTS_TAKEN)
        endpoint = Endpoint(session, url)
        self._put(endpoint, seconds)
        return endpoint

    def end(self, endpoint: Endpoint) -> None:
        """It is no more."""
        self._take(endpoint)
        self._ended(endpoint)

    def end_session(self, session: Session) -> None:
        """``session`` is over, and with it what is its."""
        for endpoint in self._of(session):
            self.end(endpoint)

    def _of(self, session: Session) -> list[Endpoint]:
        return [each for each in self._by_number.values() if each.session is session]
