"""Passwords: argon2id, whose work is the same whether or not there is such a user."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ctigw.directory.errors import DirectoryError

if TYPE_CHECKING:  # imported at the first password: many a gateway never sees one
    from argon2 import PasswordHasher

# Of a password that nobody knows, with today's parameters; a test compares them.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$IFsyHE5KrAaNNfW9NrL7iQ$VbwhtF1msUjqmG3aRPpvr/YcHDUbhe3Hzq2GscIkxJ8"
LONGEST = 1024


class Ha1(NamedTuple):
    """What SIP's digest is checked with, in hexadecimal."""

    md5: str
    sha256: str


@cache
def _hasher() -> PasswordHasher:
    """OWASP's least: some 20 ms and 19 MiB.

    More would make a site's morning long, when everybody logs in at once.
    """
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def hash_password(password: str) -> str:
    """What to keep of ``password``.  Raises `DirectoryError`."""
    if not password or len(password) > LONGEST:
        raise DirectoryError(f"a password has 1 to {LONGEST} characters")
    try:
        return _hasher().hash(password)
    except UnicodeEncodeError:
        raise DirectoryError("the password is not text") from None


def verify_password(kept: str | None, password: str) -> bool:
    """Whether ``kept`` is of ``password``.  None, for nobody, takes as long as somebody."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > LONGEST:
        return False
    try:
        _hasher().verify(kept or NOBODYS, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return kept is not None


def needs_rehash(kept: str) -> bool:
    """Whether ``kept`` was made with other parameters than today's."""
    return _hasher().check_needs_rehash(kept)


def sip_ha1(name: str, password: str) -> Ha1:
    """What to keep of ``password`` for SIP (RFC 8760, section 2.4); ``name``: "alice@example.com".

    It is of "alice" in the realm "example.com": who has it can log in by SIP, so it is as secret as the
    password.  A client that logs in as "Alice" has another one.
    """
    user, _, realm = name.partition("@")
    text = f"{user}:{realm}:{password}".encode()
    return Ha1(hashlib.md5(text, usedforsecurity=False).hexdigest(), hashlib.sha256(text).hexdigest())
