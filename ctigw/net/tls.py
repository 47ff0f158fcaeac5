"""TLS on a listener, with clients that have to show who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL.crypto import Error
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.ssl import Certificate, KeyPair, PrivateCertificate
from twisted.protocols.tls import TLSMemoryBIOFactory

from ctigw.config import Listener


class TlsError(ValueError):
    """What a listener's TLS needs cannot be used; the text says which file."""


class _TlsFactory(TLSMemoryBIOFactory):
    """Asks the factory behind it first: Twisted's own puts TLS before nobody, and never closes that."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection for the client at ``addr``; None, which closes it, when it is not welcome."""
        welcome = self.wrappedFactory.buildProtocol(addr)
        return None if welcome is None else self.protocol(self, welcome)


def secured(listener: Listener, factory: Factory, clock: IReactorTime) -> Any:
    """``factory`` behind TLS, where ``listener`` says so.  Raises `TlsError`."""
    if not listener.tls_certificate:
        return factory
    pair: Any = KeyPair  # untyped in Twisted
    certificate = _read(listener.tls_certificate, Certificate.loadPEM)
    key = _read(listener.tls_key, lambda pem: pair.load(pem, 1))  # 1: PEM
    joined: Any = PrivateCertificate.fromCertificateAndKeyPair  # untyped as well
    own = joined(certificate, key)
    trusted = [_read(listener.tls_client_ca, Certificate.loadPEM)] if listener.tls_client_ca else []
    # With anybody to trust, clients without a certificate of theirs do not get through the handshake.
    return _TlsFactory(own.options(*trusted), isClient=False, wrappedFactory=factory, clock=clock)


def _read(file: str, load: Any) -> Any:
    try:
        return load(Path(file).read_bytes())
    except OSError as error:
        raise TlsError(f"{file}: {error.strerror}") from None
    except (Error, ValueError):
        raise TlsError(f"{file}: not what it should be (PEM)") from None
