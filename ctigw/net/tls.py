"""TLS on a listener, with clients that have to show who they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from OpenSSL.crypto import Error
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctigw.config import Listener

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class TlsError(ValueError):
    """What a listener's TLS needs cannot be used; the text says which file."""


class _TlsFactory(TLSMemoryBIOFactory):
    """Asks the factory behind it first: Twisted's own puts TLS before nobody, and never closes that."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection for the client at ``addr``; None, which closes it, when it is not welcome."""
        welcome = self.wrappedFactory.buildProtocol(addr)
        return None if welcome is None else self.protocol(self, welcome)


def secured(listener: Listener, factory: Factory[Any], clock: IReactorTime) -> Any:
    """``factory`` behind TLS, where ``listener`` says so.  Raises `TlsError`."""
    if not listener.tls_certificate:
        return factory
    own, *others = _read(listener.tls_certificate, _certificates)
    key = _read(listener.tls_key, _key)
    if not key.matches(own.getPublicKey()):
        raise TlsError(f"{listener.tls_key}: not the key of the (first) certificate")
    trusted = _read(listener.tls_client_ca, _trust) if listener.tls_client_ca else None
    options = CertificateOptions(
        privateKey=key.original,
        certificate=own.original,
        extraCertChain=[certificate.original for certificate in others],
        # With anybody to trust, clients without a certificate of theirs do not get through the handshake.
        trustRoot=trusted,
    )
    return _TlsFactory(options, isClient=False, wrappedFactory=factory, clock=clock)


def _certificates(pem: bytes) -> list[Any]:
    """All that are in a file: those that lead from a certificate to its authority follow it."""
    found = [Certificate.loadPEM(block) for block in _CERTIFICATE.findall(pem)]
    if not found:
        raise ValueError("no certificate")
    return found


def _trust(pem: bytes) -> Any:
    together: Any = trustRootFromCertificates  # untyped in Twisted
    return together(_certificates(pem))


def _key(pem: bytes) -> Any:
    pair: Any = KeyPair  # untyped in Twisted
    return pair.load(pem, 1)  # 1: PEM


def _read(file: str, load: Callable[[bytes], Any]) -> Any:
    try:
        return load(Path(file).read_bytes())
    except OSError as error:
        raise TlsError(f"{file}: {error.strerror}") from None
    except (Error, ValueError):
        raise TlsError(f"{file}: not what it should be (PEM)") from None
