"""Endpoints: where an application is called back.  They last for a time that only the application renews."""

from __future__ import annotations

from collections.abc import Callable

from ctigw.expiring import Expiring
from ctigw.means import Means
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.numbers import Numbers
from ctigw.soap.sessions import Session


class Endpoint:
    """``session``: of the application whose it is; nobody else may name it."""

    __slots__ = ("due", "number", "session", "url")

    def __init__(self, number: int, session: Session, url: str) -> None:
        self.number, self.session, self.url = number, session, url
        self.due = 0


class Endpoints:
    """All endpoints.  ``ended`` is told of each that is no more, however that came."""

    def __init__(
        self, means: Means, *, most: int, per_application: int, ended: Callable[[Endpoint], None]
    ) -> None:
        self._now, self._most, self._each, self._ended = means.now, most, per_application, ended
        self._by_number: dict[int, Endpoint] = {}
        self._numbers = Numbers()
        self._expiring: Expiring[Endpoint] = Expiring(means, self.end)

    def __len__(self) -> int:
        return len(self._by_number)

    def __contains__(self, endpoint: Endpoint) -> bool:
        return self._by_number.get(endpoint.number) is endpoint

    def register(self, session: Session, url: str, seconds: int) -> Endpoint:
        """A new endpoint of the application ``session``.  Raises `PwsError`: ENDPOINTS_TAKEN."""
        if len(self) >= self._most or len(self._of(session)) >= self._each:
            raise PwsError(Code.ENDPOINTS_TAKEN)
        endpoint = Endpoint(self._numbers.take(), session, url)
        self._by_number[endpoint.number] = endpoint
        self.renew(endpoint, seconds)
        return endpoint

    def renew(self, endpoint: Endpoint, seconds: int) -> None:
        """It ends in so many seconds from now."""
        self._expiring.set(endpoint, self._now() + seconds)

    def of(self, session: Session | None, number: int | None) -> Endpoint:
        """The endpoint ``number``, of the application ``session``.

        Raises `PwsError`: NO_SUCH_ENDPOINT, NOT_YOUR_ENDPOINT.
        """
        endpoint = None if number is None else self._by_number.get(number)
        if endpoint is None:
            raise PwsError(Code.NO_SUCH_ENDPOINT)
        if endpoint.session is not session:
            raise PwsError(Code.NOT_YOUR_ENDPOINT)
        return endpoint

    def end(self, endpoint: Endpoint) -> None:
        """It is no more."""
        self._expiring.drop(endpoint)
        del self._by_number[endpoint.number]
        self._numbers.give_back(endpoint.number)
        self._ended(endpoint)

    def end_session(self, session: Session) -> None:
        """``session`` is over, and with it what is its."""
        for endpoint in self._of(session):
            self.end(endpoint)

    def _of(self, session: Session) -> list[Endpoint]:
        return [each for each in self._by_number.values() if each.session is session]
