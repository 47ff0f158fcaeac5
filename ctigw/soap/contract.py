"""The contract of an interface: its WSDL and XSD files, served as they are and used to judge requests.

So what a client generates from them is what is accepted, and there is no second description to be wrong.
"""

from __future__ import annotations

from functools import cached_property
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from ctigw.soap.http import HttpRequest, HttpResponse, plain
from ctigw.xml.parsing import Element

# What stands in a WSDL file in the place of the address at which the client has reached us.
BASE = "@BASE@"
# Characters of a complaint that are told.
COMPLAINT = 300


class _OurFiles(etree.Resolver):
    """Schemas import one another by the names of their files; no other file is ever opened."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        name = (system_url or "").rpartition("/")[2]
        return self.resolve_string(text(self._folder, name), context)


def text(folder: str, name: str) -> bytes:
    """The file ``name`` of the contract in ``folder``.  Raises `OSError`."""
    return (files("ctigw.soap") / "wsdl" / folder / name).read_bytes()


def placed(folder: str, name: str, address: str) -> HttpResponse:
    """The file ``name`` of the contract in ``folder``, for a client that has reached us at ``address``."""
    return HttpResponse(body=text(folder, name).replace(BASE.encode(), escape(address).encode()))


class Contract:
    """The files in ``folder``; ``main``: the schema of the messages, ``served``: what clients can get."""

    def __init__(self, folder: str, main: str, *served: str) -> None:
        self._folder, self._main, self._served = folder, main, served

    @cached_property
    def _schema(self) -> etree.XMLSchema:
        parser = etree.XMLParser(no_network=True, resolve_entities=False)
        parser.resolvers.add(_OurFiles(self._folder))
        return etree.XMLSchema(etree.fromstring(text(self._folder, self._main), parser, base_url=self._main))

    def fits(self, message: Element) -> bool:
        """Whether ``message`` is what the schema says."""
        return self._schema.validate(message)

    def complaint(self) -> str:
        """Where and why the last message did not fit, without what it said: that may be a password.

        Which element is there, or missing, where another should be can be told.
        """
        first = self._schema.error_log[0] if len(self._schema.error_log) else None
        if first is None:
            return ""
        named = first.message if first.type_name == "SCHEMAV_ELEMENT_CONTENT" else first.type_name
        return f"{named[:COMPLAINT].rstrip('.')} at line {first.line}"

    def serve(self, name: str, request: HttpRequest) -> HttpResponse:
        """The file ``name`` for the client that has sent ``request``."""
        if name not in self._served:
            return plain(404, "not found")
        return placed(self._folder, name, request.base)
