"""A request over HTTP and its answer, as values, and which interface a path belongs to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import unquote

from ctigw.values import named

XML = "text/xml; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@named
class HttpRequest:
    """``path``: without the query, as it was sent (see `parts`); ``headers``: names in lower case.

    ``peer``: the address of the client; ``base``: where it has reached us, such as "https://host:8443".
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""
    base: str = "http://localhost"

    def parts(self) -> tuple[str, ...]:
        """The parts of the path between its slashes, as they are meant; one may have a slash in it then."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))


@named
class HttpResponse:
    """``headers``: beside Content-Type, Content-Length and those that every answer has."""

    status: int = 200
    body: bytes = b""
    content_type: str = XML
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponse]]


def plain(status: int, text: str, *headers: tuple[str, str]) -> HttpResponse:
    """An answer in one line of words, for people."""
    return HttpResponse(status=status, body=f"{text}\n".encode(), content_type=TEXT, headers=headers)


class Routes:
    """Which handler serves a path: the one that has exactly this path, else the longest beginning that fits.

    A beginning ends with a slash.  Paths are compared as they are, but for a slash at their end.
    """

    def __init__(self, *tables: Mapping[str, Handler]) -> None:
        every = {path: handler for table in tables for path, handler in table.items()}
        self._exact = {path.rstrip("/"): handler for path, handler in every.items()}
        self._beginnings = sorted((path for path in every if path.endswith("/")), key=len, reverse=True)
        self._every = every

    async def serve(self, request: HttpRequest) -> HttpResponse:
        """The answer to ``request``: 404 where nobody serves its path."""
        handler = self._handler(request.path)
        return plain(404, "not found") if handler is None else await handler(request)

    def _handler(self, path: str) -> Handler | None:
        found = self._exact.get(path.rstrip("/"))
        if found is not None:
            return found
        beginning = next((each for each in self._beginnings if path.startswith(each)), None)
        return None if beginning is None else self._every[beginning]
