"""Validation of whole documents against ``csta_schemas/``: for tests, and for those who develop clients."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from lxml import etree

from ctigw.csta.types import ED3, EDITIONS


def validator(schema_file: Path | None = None) -> Callable[[bytes], str | None]:
    """A function that says why a document is not valid CSTA; None when it is.

    ``schema_file``: another XSD of the third edition to judge by.
    Documents of other editions, and of none, are judged as if they were of the third.
    """
    schema = etree.XMLSchema(file=str(schema_file or files("csta_schemas").joinpath("csta.xsd")))
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False)

    def why_not(xml: bytes) -> str | None:
        root = etree.fromstring(xml, parser)
        for element in root.iter(etree.Element):
            namespace, _, name = str(element.tag).rpartition("}")
            if not namespace or namespace[1:] in EDITIONS:
                element.tag = f"{{{ED3}}}{name}"
        if schema.validate(root):
            return None
        return str(schema.error_log.last_error)

    return why_not
