"""Passwords: argon2id, whose work is the same whether or not there is such a user."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from ctigw.directory.errors import DirectoryError

if TYPE_CHECKING:  # imported at the first password: many a gateway never sees one
    from argon2 import PasswordHasher

# Of a password that nobody knows, with today's parameters; a test compares them.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$IFsyHE5KrAaNNfW9NrL7iQ$VbwhtF1msUjqmG3aRPpvr/YcHDUbhe3Hzq2GscIkxJ8"
LONGEST = 1024
# Of a hash: its characters, and the KiB and rounds that it may cost to verify it.
LONGEST_HASH = 255
MOST_MEMORY = 1 << 20
MOST_TIME = 64
_MD5, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")


class Kept(NamedTuple):
    """What is kept of a password.  ``ha1_md5`` and ``ha1_sha256``: None for an application, which has no SIP,
    and where the password was set before there was SIP.
    """

    hash: str
    ha1_md5: str | None = None
    ha1_sha256: str | None = None


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


def keep(password: str, name: str | None = None) -> Kept:
    """What to keep of ``password``, for SIP too if it is of the user ``name``.  Raises `DirectoryError`.

    Slow, and needs no database: what was made in time is as good as a password wherever one is set.
    """
    kept = hash_password(password)
    return Kept(kept) if name is None else Kept(kept, *sip_ha1(name, password))


def is_kept(kept: Kept) -> bool:
    """Whether ``kept``, which was written elsewhere, is of a password, and not too much work to verify."""
    from argon2 import extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        found = extract_parameters(kept.hash)
    except InvalidHashError:
        return False
    short = len(kept.hash) <= LONGEST_HASH and kept.hash.isascii() and kept.hash.isprintable()
    little = found.memory_cost <= MOST_MEMORY and found.time_cost <= MOST_TIME
    digests = ((kept.ha1_md5, _MD5), (kept.ha1_sha256, _SHA256))
    return short and little and all(text is None or form.fullmatch(text) for text, form in digests)


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
