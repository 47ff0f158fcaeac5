"""What judges and reads change notices in tests, where the reference is at hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

from tests.pidf import EXAMPLES

PAYLOADS = EXAMPLES / "uccn"
# By the namespace that they are for.
SCHEMAS = {
    "urn:cisco:epas:uccn": EXAMPLES / "uccn-wire.xsd",
    "urn:cisco:CUPS:UCCN": EXAMPLES / "uccn.xsd",
}


def canonical(xml: bytes) -> bytes:
    """``xml`` without the white space between its elements, which is only how it was printed."""
    parser = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(xml, parser), method="c14n")


def wrong(xml: bytes) -> str | None:
    """What is wrong with a notice; None where nothing is, or where there is no schema to say so."""
    root = etree.fromstring(xml)
    schema = SCHEMAS.get(etree.QName(root).namespace or "")
    if schema is None:
        return f"it is no notice: {etree.QName(root).text}"
    if not schema.exists() or _schema(schema).validate(root):
        return None
    return str(_schema(schema).error_log)


@cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


def payloads() -> list[Path]:
    """The printed ones; none where they are not at hand."""
    return sorted(PAYLOADS.glob("*.xml"))


def said(xml: bytes) -> tuple[str, list[str]]:
    """The action of a notice, and all texts and values of attributes in it, in their order."""
    root = etree.fromstring(xml)
    found: list[str] = []
    for each in root.iter(f"{{{etree.QName(root).namespace}}}*"):
        if each is not root:
            found += [str(content) for content in each.attrib.values()]
            found.append(each.text or "")
    return root[0].text or "", found
