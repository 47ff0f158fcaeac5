"""Validation of whole documents against ``csta_schemas/``: for tests, and for those who develop clients."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from lxml import etree

from ctigw.csta.application_session import SESSION
from ctigw.csta.types import ED3, EDITIONS


def validator(
    schema_file: Path | None = None, *, session_schema_file: Path | None = None
) -> Callable[[bytes], str | None]:
    """A function that says why a document is not valid CSTA; None when it is.

    ``schema_file``: another XSD of the third edition to judge by.
    ``session_schema_file``: another XSD of the application session (ECMA-354) to judge by.
    The root's namespace says which of the two a document is judged by. Documents of other editions, and of
    none, are judged as if they were of the third.
    """
    csta_schema = _schema(schema_file, "csta.xsd")
    session_schema = _schema(session_schema_file, "application-session.xsd")
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)

    def why_not(xml: bytes) -> str | None:
        root = etree.fromstring(xml, parser)
        if etree.QName(root).namespace == SESSION:
            schema = session_schema  # as it stands: whatever is foreign in it belongs to the application
        else:
            schema = csta_schema
            for element in root.iter(etree.Element):
                namespace, _, name = str(element.tag).rpartition("}")
                if not namespace or namespace[1:] in EDITIONS:
                    element.tag = f"{{{ED3}}}{name}"
        if schema.validate(root):
            return None
        return str(schema.error_log.last_error)

    return why_not


def _schema(file: Path | None, ours: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(file or files("csta_schemas").joinpath(ours)))
