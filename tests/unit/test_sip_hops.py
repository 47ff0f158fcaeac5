from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed
from ctigw.sip.hops import Local, Remote, remote_of
from ctigw.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        ("sip:bob@example.com", Remote("UDP", "example.com", 5060)),
        ("sip:bob@192.0.2.7:5070;transport=TCP", Remote("TCP", "192.0.2.7", 5070)),
        ("sips:bob@example.com", Remote("TLS", "example.com", 5061)),
        ("sips:bob@example.com;transport=tcp", Remote("TLS", "example.com", 5061)),
        ("sip:bob@example.com;transport=tls", Remote("TLS", "example.com", 5061)),
        ("sip:[2001:db8::1]", Remote("UDP", "2001:db8::1", 5060)),
        ("sip:bob@example.com;maddr=203.0.113.1", Remote("UDP", "example.com", 5060)),
    ],
)
def test_where_a_uri_leads(uri: str, remote: Remote) -> None:
    assert remote_of(parse_uri(uri)) == remote


@pytest.mark.parametrize(
    ("uri", "status"), [("tel:+1", 416), ("sip:x;transport=ws", 400), ("sip:x;transport=", 400)]
)
def test_where_no_way_leads(uri: str, status: int) -> None:
    with pytest.raises(Malformed) as refused:
        remote_of(parse_uri(uri))
    assert refused.value.status == status


def test_the_contact_of_a_listener() -> None:
    assert Local("UDP", "192.0.2.1", 5060).uri("alice") == "sip:alice@192.0.2.1:5060"
    assert Local("TLS", "[2001:db8::1]", 5061).uri() == "sip:[2001:db8::1]:5061;transport=tls"
