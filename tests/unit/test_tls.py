"""Certificates on a listener: what is shown to clients, and whose are trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from twisted.internet.protocol import Factory, Protocol

from ctigw.config import Listener
from ctigw.net.tls import TlsError, secured
from tests.certificates import Authority, tls
from tests.pipes import Loop, Pipe, TlsPeer


class Heard(Protocol):
    """Gathers what arrives."""

    def __init__(self) -> None:
        self.data = b""

    def dataReceived(self, data: bytes) -> None:
        self.data += data


def heard(listener: Listener, context: ssl.SSLContext) -> bytes:
    """What arrives of a client that sends hello."""
    protocol = Heard()
    factory = Factory.forProtocol(lambda: protocol)
    loop = Loop()
    pipe = Pipe(loop, secured(listener, factory, loop).buildProtocol(None))
    TlsPeer(pipe, context).send(b"hello")
    pipe.closes()
    return protocol.data


def joined(file: Path, *parts: Path) -> str:
    """A file of several others' texts, with something between them."""
    file.write_bytes(b"and then\n".join(part.read_bytes() for part in parts))
    return str(file)


def test_intermediate_certificates_are_shown(tmp_path: Path) -> None:
    root = Authority(tmp_path, "root")
    upper = Authority(tmp_path, "upper", root)
    lower = Authority(tmp_path, "lower", upper)
    own, key = lower.issue("localhost")
    chain = joined(tmp_path / "fullchain.pem", own, lower.file, upper.file)
    assert heard(Listener(tls_certificate=chain, tls_key=str(key)), tls(root)) == b"hello"
    with pytest.raises(ssl.SSLCertVerificationError):
        heard(Listener(tls_certificate=str(own), tls_key=str(key)), tls(root))


@pytest.mark.parametrize(
    ("offered", "known", "chosen"),
    [
        ([], [], None),
        (["h2", "http/1.1"], [b"http/1.1"], "http/1.1"),
        (["h2"], [b"http/1.1"], None),
        (["h2", "http/1.1"], [], None),
    ],
)
def test_who_offers_protocols_gets_through(
    tmp_path: Path, offered: list[str], known: list[bytes], chosen: str | None
) -> None:
    ours = Authority(tmp_path, "ours")
    own, key = ours.issue("localhost")
    protocol, loop, context = Heard(), Loop(), tls(ours)
    context.set_alpn_protocols(offered)
    files = Listener(tls_certificate=str(own), tls_key=str(key))
    secure = secured(files, Factory.forProtocol(lambda: protocol), loop, known)
    peer = TlsPeer(Pipe(loop, secure.buildProtocol(None)), context)
    peer.send(b"hello")
    assert protocol.data == b"hello"
    assert peer.chosen == chosen


def test_every_authority_is_trusted(tmp_path: Path) -> None:
    ours, yours, theirs = (Authority(tmp_path, name) for name in ("ours", "yours", "theirs"))
    own, key = ours.issue("localhost")
    listener = Listener(
        tls_certificate=str(own),
        tls_key=str(key),
        tls_client_ca=joined(tmp_path / "both.pem", ours.file, yours.file),
    )
    for authority in (ours, yours):
        assert heard(listener, tls(ours, authority.issue("client"))) == b"hello"
    assert heard(listener, tls(ours, theirs.issue("client"))) == b""
    assert heard(listener, tls(ours)) == b""


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    own, key = ours.issue("localhost")
    _, other = ours.issue("other")
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"")
    for listener, why in (
        (Listener(tls_certificate=str(own), tls_key=str(other)), f"{other}: not the key of the"),
        (Listener(tls_certificate=str(empty), tls_key=str(key)), f"{empty}: not what it should be"),
        (Listener(tls_certificate=str(own), tls_key=str(own)), f"{own}: not what it should be"),
        (
            Listener(tls_certificate=str(own), tls_key=str(key), tls_client_ca=str(key)),
            f"{key}: not what it should be",
        ),
        (Listener(tls_certificate=str(tmp_path), tls_key=str(key)), f"{tmp_path}: Is a directory"),
    ):
        with pytest.raises(TlsError, match=f"^{why}"):
            secured(listener, Factory(), Loop())
