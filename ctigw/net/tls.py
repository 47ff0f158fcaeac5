"""TLS on a listener, with clients that have to show who they are, and towards servers, which have to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL.crypto import X509, Error
from OpenSSL.SSL import NO_OVERLAPPING_PROTOCOLS
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    KeyPair,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Files(Protocol):
    """What a listener says of TLS: PEM files, empty for none."""

    @property
    def tls_certificate(self) -> str: ...
    @property
    def tls_key(self) -> str: ...
    @property
    def tls_client_ca(self) -> str: ...


class TlsError(ValueError):
    """What a listener's TLS needs cannot be used; the text says which file."""


class _TlsFactory(TLSMemoryBIOFactory):
    """Asks the factory behind it first: Twisted's own puts TLS before nobody, and never closes that."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A connection for the client at ``addr``; None, which closes it, when it is not welcome."""
        welcome = self.wrappedFactory.buildProtocol(addr)
        return None if welcome is None else self.protocol(self, welcome)


def secured(
    listener: Files, factory: Factory[Any], clock: IReactorTime, protocols: Sequence[bytes] = ()
) -> Any:
    """``factory`` behind TLS, where ``listener`` says so.  Raises `TlsError`.

    ``protocols``: those of a client's offer (ALPN, RFC 7301) that are chosen, if there is one.
    """
    if not listener.tls_certificate:
        return factory
    own, *others = _read(listener.tls_certificate, _certificates)
    key = _read(listener.tls_key, _key)
    if not key.matches(own.getPublicKey()):
        raise TlsError(f"{listener.tls_key}: not the key of the (first) certificate")
    clients = _read(listener.tls_client_ca, _trust) if listener.tls_client_ca else None
    options = CertificateOptions(
        privateKey=key.original,
        certificate=own.original,
        extraCertChain=[certificate.original for certificate in others],
        # With anybody to trust, clients without a certificate of theirs do not get through the handshake.
        trustRoot=clients,
    )
    _choose(options.getContext(), protocols)
    return _TlsFactory(options, isClient=False, wrappedFactory=factory, clock=clock)


def _choose(context: Any, protocols: Sequence[bytes]) -> None:
    """Answer an offer of protocols of which none is known with silence.

    Twisted's answer is an empty name, which pyOpenSSL takes for a failure of the server: clients that offer
    any, as those of HTTP do, would not get through.
    """

    def choose(_connection: object, offered: Sequence[bytes]) -> Any:
        return next((each for each in protocols if each in offered), NO_OVERLAPPING_PROTOCOLS)

    context.set_alpn_select_callback(choose)


def trusted(file: str) -> Any:
    """Whom to believe that a server is who it says: those in ``file``, or the system's.

    Raises `TlsError`.
    """
    system: Any = platformTrust  # untyped in Twisted
    return _read(file, _trust) if file else system()


def towards(host: str, trust: Any) -> Any:
    """TLS with the server that was reached as ``host``, a name or an address, which it must prove to be."""
    options: Any = optionsForClientTLS  # typed for fewer kinds of trust than it takes
    return options(host, trustRoot=trust)


def names(certificate: X509) -> tuple[str, ...]:
    """Whom a certificate is of: its URIs and host names first (RFC 5922), its common name last."""
    own = certificate.to_cryptography()
    found: list[str] = []
    try:
        others = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        pass
    else:
        for kind in (x509.UniformResourceIdentifier, x509.DNSName, x509.RFC822Name):
            found.extend(others.get_values_for_type(kind))
    found.extend(str(name.value) for name in own.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    return tuple(dict.fromkeys(found))


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
