"""Documents of dialogs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ctigw.presence.dialog_info import Dialog, dialog_info, line_uri, marked

XSD = Path(__file__).parents[3] / "shared" / "reference" / "sip" / "xsd" / "dialog-info.xsd"
ENTITY = "sip:2001@example.com"
RINGING = Dialog(id="7", state="early", direction="recipient", local="2001", remote="2002")
HELD = Dialog(id="8", state="confirmed", direction="initiator", local="2001", remote="95551234", held=True)
NS = "{urn:ietf:params:xml:ns:dialog-info}"
texts = st.text(st.characters(codec="utf-8"), max_size=20)
dialogs = st.builds(
    Dialog,
    id=texts,
    state=st.sampled_from(["trying", "proceeding", "early", "confirmed", "terminated"]),
    direction=st.sampled_from(["initiator", "recipient"]),
    local=texts,
    remote=texts,
    held=st.booleans(),
)


def test_a_ringing_line() -> None:
    assert dialog_info(ENTITY, 3, [RINGING]) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="full"'
        b' entity="sip:2001@example.com"><dialog id="7" direction="recipient"><state>early</state>'
        b'<local><identity>sip:2001@example.com</identity><target uri="sip:2001@example.com"/></local>'
        b'<remote><identity>sip:2002@example.com</identity><target uri="sip:2002@example.com"/></remote>'
        b"</dialog></dialog-info>"
    )


def test_a_line_without_calls_has_a_document_without_dialogs() -> None:
    root = etree.fromstring(dialog_info(ENTITY, 0, []))
    assert (root.get("state"), root.get("version"), len(root)) == ("full", "0", 0)


def test_a_held_call_is_not_rendered_where_it_is_held() -> None:
    root = etree.fromstring(dialog_info(ENTITY, 0, [RINGING, HELD], full=False))
    assert root.get("state") == "partial"
    (param,) = root.iter(f"{NS}param")
    assert dict(param.attrib) == {"pname": "+sip.rendering", "pval": "no"}
    assert root.findall(f"{NS}dialog/{NS}local/{NS}target/{NS}param") == [param]


def test_an_unknown_party_is_left_out() -> None:
    shown = dialog_info(ENTITY, 0, [Dialog(id="1", state="trying", direction="initiator", local="2001")])
    assert b"<local>" in shown
    assert b"<remote>" not in shown


@pytest.mark.parametrize(
    ("number", "uri"),
    [
        ("2001", "sip:2001@example.com"),
        ("+4930123", "sip:+4930123@example.com"),
        ("*21#", "sip:*21%23@example.com"),
        ("a b%c@d", "sip:a%20b%25c%40d@example.com"),
        ("sip:bob@other.example;user=phone", "sip:bob@other.example;user=phone"),
        ("tel:+4930123", "tel:+4930123"),
        ("sip:%zz", "sip:sip%3A%25zz@example.com"),
    ],
)
def test_a_number_becomes_a_uri_and_a_uri_stays_one(number: str, uri: str) -> None:
    assert line_uri(number, "example.com") == uri


@pytest.mark.parametrize("entity", ["sip:2001@example.com", "sip:example.com", "sips:example.com"])
def test_numbers_have_the_domain_of_the_entity(entity: str) -> None:
    assert b">sip:2002@example.com<" in dialog_info(entity, 0, [RINGING])


def test_what_no_document_can_have_is_replaced() -> None:
    assert marked("a\x00<'\ud800>\U0001f600") == "a?&lt;&apos;?&gt;\U0001f600"


@given(st.lists(dialogs, max_size=4), st.integers(0, 2**31), st.booleans(), texts)
def test_every_document_is_valid(several: list[Dialog], version: int, full: bool, user: str) -> None:
    document = dialog_info(line_uri(user, "example.com"), version, several, full=full)
    if XSD.exists():
        etree.XMLSchema(file=str(XSD)).assertValid(etree.fromstring(document))
