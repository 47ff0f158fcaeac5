from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ctigw.soap import envelope
from ctigw.soap.envelope import MAX_DEPTH, Code, NotSoapError, Style, Version
from tests.soap import SOAP_11, SOAP_12, canonical

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
SENDER = (
    "<env:Code><env:Value>env:Sender</env:Value></env:Code>"
    '<env:Reason><env:Text xml:lang="en">No.</env:Text></env:Reason>'
)


def envelope_of(version: str, inside: str = "<s:Body><a xmlns='urn:x'/></s:Body>") -> bytes:
    return f'<s:Envelope xmlns:s="{version}">{inside}</s:Envelope>'.encode()


@pytest.mark.parametrize(("namespace", "version"), [(each.value, each) for each in Version])
def test_the_namespace_says_the_version(namespace: str, version: Version) -> None:
    asked = envelope.read(envelope_of(namespace))
    assert asked.version is version
    assert asked.body is not None
    assert asked.body.tag == "{urn:x}a"


def test_what_is_in_the_header_is_found_by_its_name() -> None:
    header = "<s:Header><k xmlns='urn:x'>\n a key </k><k xmlns='urn:y'>another</k></s:Header><s:Body/>"
    asked = envelope.read(envelope_of(SOAP_12, header))
    assert asked.headed("urn:x", "k") == "a key"
    assert asked.headed("urn:x", "l") is None
    assert asked.body is None


@pytest.mark.parametrize(
    ("xml", "version"),
    [
        (b"", Version.SOAP_12),
        (b"\xff\xfe", Version.SOAP_12),
        (b"<a/>", Version.SOAP_12),
        (b"<Envelope/>", Version.SOAP_12),
        (f'<Envelope xmlns="{SOAP_11}"/>'.encode(), Version.SOAP_11),
        (f'<envelope xmlns="{SOAP_11}"/>'.encode(), Version.SOAP_11),
        (f'<Envelope xmlns="{SOAP_11}"><Body>'.encode(), Version.SOAP_11),
        (f'<Envelope xmlns="{SOAP_12}"><Body>'.encode(), Version.SOAP_12),
        (b'<Envelope xmlns="http://www.w3.org/2002/06/soap-envelope"><Body/></Envelope>', Version.SOAP_12),
        (BOMB + envelope_of(SOAP_11), Version.SOAP_11),
        (
            envelope_of(SOAP_12, "<s:Body>" + "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH + "</s:Body>"),
            Version.SOAP_12,
        ),
    ],
)
def test_what_is_no_request_says_the_version_to_say_so_in(xml: bytes, version: Version) -> None:
    with pytest.raises(NotSoapError) as caught:
        envelope.read(xml)
    assert caught.value.version is version


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(junk: bytes) -> None:
    for xml in (junk, envelope_of(SOAP_12)[:100] + junk, envelope_of(SOAP_11) + junk):
        try:
            envelope.read(xml)
        except NotSoapError:
            continue


@pytest.mark.parametrize(
    ("version", "code", "expected"),
    [
        (
            Version.SOAP_12,
            Code.SENDER,
            SENDER,
        ),
        (
            Version.SOAP_11,
            Code.RECEIVER,
            "<faultcode>env:Server</faultcode><faultstring>No.</faultstring>",
        ),
    ],
)
def test_a_fault_is_in_the_form_of_its_version(version: Version, code: Code, expected: str) -> None:
    around = f'<env:Envelope xmlns:env="{version.value}"><env:Body><env:Fault>{expected}'
    assert (
        canonical(envelope.fault(version, code, "No.")) == f"{around}</env:Fault></env:Body></env:Envelope>"
    )


def test_a_fault_can_have_details() -> None:
    detail = etree.Element("code")
    detail.text = "131"
    for version, path in ((Version.SOAP_11, ".//detail/code"), (Version.SOAP_12, ".//{*}Detail/code")):
        fault = envelope.fault(version, Code.SENDER, "No.", detail=[detail])
        assert etree.fromstring(fault).findtext(path) == "131"
        detail = etree.fromstring(etree.tostring(detail))


def test_other_interfaces_have_other_prefixes_and_an_empty_header() -> None:
    style = Style("SOAP-ENV", "SOAP-ENC", {"cup": "urn:cisco:cup:presence:soap"})
    written = envelope.write(Version.SOAP_11, None, style, header=())
    assert written.startswith(b"<?xml")
    root = etree.fromstring(written)
    assert root.nsmap == {
        "SOAP-ENV": SOAP_11,
        "SOAP-ENC": "http://schemas.xmlsoap.org/soap/encoding/",
        "cup": "urn:cisco:cup:presence:soap",
    }
    assert [child.tag for child in root] == [f"{{{SOAP_11}}}Header", f"{{{SOAP_11}}}Body"]


@pytest.mark.parametrize(
    ("version", "code", "status"),
    [
        (Version.SOAP_11, Code.SENDER, 500),
        (Version.SOAP_11, Code.RECEIVER, 500),
        (Version.SOAP_12, Code.SENDER, 400),
        (Version.SOAP_12, Code.RECEIVER, 500),
    ],
)
def test_http_has_a_status_for_each_fault(version: Version, code: Code, status: int) -> None:
    assert envelope.fault_status(version, code) == status
