"""Validation of whole documents against ``csta_schemas/``: for tests, and for those who develop clients."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from lxml import etree

from ctigw.csta import application_session
from ctigw.csta.application_session import SESSION
from ctigw.csta.types import ED3, EDITIONS, csta

SESSION_MESSAGES = frozenset(
    name for name, cls in csta.messages.items() if cls.__module__ == application_session.__name__
)
# "" is no namespace.
JUDGED = EDITIONS | {"", SESSION}


def validator(
    schema_file: Path | None = None, *, session_schema_file: Path | None = None
) -> Callable[[bytes], str | None]:
    """A function that says why a document is not valid CSTA; None when it is.

    ``schema_file``: another XSD of the third edition to judge by.
    ``session_schema_file``: another XSD of the application session (ECMA-354) to judge by.
    The root's name says which of the two a document is judged by.  Documents of other editions, and of none,
    are judged as if they were of the third; those of a session as if they were in its namespace, which
    clients forget.
    """
    csta_schema = _schema(schema_file, "csta.xsd")
    session_schema = _schema(session_schema_file, "application-session.xsd")
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)

    def why_not(xml: bytes) -> str | None:
        root = etree.fromstring(xml, parser)
        # Whatever is foreign in a session's messages belongs to the application.
        session = etree.QName(root).localname in SESSION_MESSAGES
        schema, wanted = (session_schema, SESSION) if session else (csta_schema, ED3)
        ours = {etree.QName(root).namespace or ""} & JUDGED if session else JUDGED
        for element in root.iter(etree.Element):
            namespace, _, name = str(element.tag).rpartition("}")
            if namespace[1:] in ours:
                element.tag = f"{{{wanted}}}{name}"
        if schema.validate(root):
            return None
        return str(schema.error_log.last_error)

    return why_not


def _schema(file: Path | None, ours: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(file or files("csta_schemas").joinpath(ours)))
