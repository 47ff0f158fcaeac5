"""Validation of whole documents against ``csta_schemas/``: for tests, and for those who develop clients."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from importlib.resources import files
from pathlib import Path
from typing import Any

from lxml import etree

from ctigw.csta import application_session
from ctigw.csta.application_session import SESSION
from ctigw.csta.types import ED3, EDITIONS, csta
from ctigw.xml.parsing import hardened

SESSION_MESSAGES = frozenset(
    name for name, cls in csta.messages.items() if cls.__module__ == application_session.__name__
)
# Characters of an element's name and namespace that are told.
SHOWN = 200
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
    clients forget.  What it says quotes no value, and nothing at all of a session's messages: passwords are
    in there, and what it says is logged.
    """
    csta_schema = _schema(schema_file, "csta.xsd")
    session_schema = _schema(session_schema_file, "application-session.xsd")
    parser = hardened()

    def why_not(xml: bytes) -> str | None:
        root = etree.fromstring(xml, parser)
        opening, _, name = str(root.tag).rpartition("}")
        namespace = opening[1:]
        session = name in SESSION_MESSAGES
        schema, wanted = (session_schema, SESSION) if session else (csta_schema, ED3)
        # Nearly always there is one namespace, and it is the one that the schema is for.
        if namespace != wanted or root.prefix is not None or xml.count(b"xmlns") != 1:
            # Whatever is foreign in a session's messages belongs to the application.
            _move(root, {namespace} & JUDGED if session else JUDGED, wanted)
        if schema.validate(root):
            return None
        why: Any = schema.error_log.last_error
        return f"{why.type_name} in {name}" if session else _told(why)

    return why_not


def _move(root: Any, ours: AbstractSet[str], wanted: str) -> None:
    """Have every element whose namespace is one of ``ours`` be in the one that is ``wanted``."""
    for element in root.iter(etree.Element):
        namespace, _, name = str(element.tag).rpartition("}")
        if namespace[1:] in ours:
            element.tag = f"{{{wanted}}}{name}"


def _told(why: Any) -> str:
    """A violation of a schema without the value that violates it: its kind, and the element or more."""
    where, _, more = why.message.partition(": ")
    # Where elements are wrong, libxml2 names elements only: those that it has expected.
    return f"{why.type_name}: {where[:SHOWN]}" + (
        f": {more}" if why.type_name == "SCHEMAV_ELEMENT_CONTENT" else ""
    )


def _schema(file: Path | None, ours: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(file or files("csta_schemas").joinpath(ours)))
