"""A certificate of one's own: good enough to try TLS with, and its key nobody else's."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from ctigw.net.own_certificate import own_certificate


def read(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_it_is_for_the_names_that_were_asked_for(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path, "sip.example.com", "127.0.0.1", "::1")
    names = read(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["sip.example.com"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))  # who wants to trust it can
    assert len(client.get_ca_certs()) == 1


def test_it_is_good_now_and_for_years(tmp_path: Path) -> None:
    found = read(own_certificate(tmp_path, "localhost")[0])
    now = datetime.now(UTC)
    assert found.not_valid_before_utc < now - timedelta(hours=1)
    assert found.not_valid_after_utc > now + timedelta(days=3000)


def test_its_key_is_nobody_elses(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    _, key = own_certificate(folder, "localhost")
    assert key.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o077 == 0


def test_a_key_that_others_could_read_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "own-key.pem").write_text("of an attempt that failed")
    (tmp_path / "own-key.pem").chmod(0o644)
    _, key = own_certificate(tmp_path, "localhost")
    assert key.stat().st_mode & 0o777 == 0o600


def test_it_stays_the_same(tmp_path: Path) -> None:
    first = [file.read_bytes() for file in own_certificate(tmp_path, "localhost")]
    assert [file.read_bytes() for file in own_certificate(tmp_path, "localhost")] == first


@pytest.mark.parametrize("missing", [0, 1])
def test_half_of_one_is_none(tmp_path: Path, missing: int) -> None:
    before = own_certificate(tmp_path, "localhost")
    before[missing].unlink()
    certificate, key = own_certificate(tmp_path, "localhost")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
