"""What judges presence documents in tests, where the IETF's schemas are at hand; and a few documents."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
SCHEMAS = REFERENCE / "sip" / "xsd"
EXAMPLES = REFERENCE / "cup" / "examples"

PIDF = "urn:ietf:params:xml:ns:pidf"
ALICE = "sip:alice@example.com"


@cache
def _schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SCHEMAS / name))


def wrong(xml: bytes, schema: str = "presence-all.xsd") -> str | None:
    """What is wrong with a document; None where nothing is, or where there is no schema to say so."""
    root = etree.fromstring(xml)
    if not SCHEMAS.exists() or _schema(schema).validate(root):
        return None
    return str(_schema(schema).error_log)


def presence(content: str, entity: str = ALICE) -> bytes:
    """A document with this content, with the usual prefixes."""
    return (
        f'<presence xmlns="{PIDF}" xmlns:dm="{PIDF}:data-model" xmlns:r="{PIDF}:rpid" '
        'xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" xmlns:sc="urn:ietf:params:xml:ns:pidf:caps" '
        'xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid" xmlns:so="urn:cisco:params:xml:ns:pidf:source" '
        f'xmlns:x="urn:example:x" entity="{entity}">{content}</presence>'
    ).encode()
