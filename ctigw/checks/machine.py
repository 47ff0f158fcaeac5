"""The machine: room on the disk, and certificates that expire."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from ctigw.checks.running import Wrong
from ctigw.config import Config
from ctigw.net.tls import Files

# The call log of a busy day has some 50 MB, and SQLite needs as much again while it writes.
LEAST = 200 * 1024 * 1024
# Long enough to have a certificate signed.
SOON = timedelta(days=14)


def disk(folder: Path) -> str:
    """Whether there is room in ``folder``, or where it would be.  Raises `Wrong`."""
    existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    free = shutil.disk_usage(existing).free
    found = f"{free // (1024 * 1024):,} MiB are free in {folder}"
    if free < LEAST:
        raise Wrong(found, "make room: the gateway refuses to change settings when the disk is full")
    return found


def files(config: Config) -> list[str]:
    """The certificates of all listeners, each once."""
    listeners: tuple[Files, ...] = (*config.listeners, *config.sip.listeners, *config.web.listeners)
    return list(dict.fromkeys(each.tls_certificate for each in listeners if each.tls_certificate))


def certificate(file: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """Whether the first certificate in ``file`` is good for some time.  Raises `Wrong`."""
    renew = "put a new one in its place and restart the gateway"
    try:
        found = x509.load_pem_x509_certificates(Path(file).read_bytes())[0]
    except OSError as error:
        raise Wrong(f"it cannot be read: {error.strerror}", "see tls_certificate") from None
    except ValueError:
        raise Wrong("it is no certificate (PEM)", "see tls_certificate") from None
    last = found.not_valid_after_utc
    if last <= now():
        raise Wrong(f"it has expired on {last:%Y-%m-%d}", renew)
    if now() < found.not_valid_before_utc:
        raise Wrong(f"it is good from {found.not_valid_before_utc:%Y-%m-%d} on only", "see the clock")
    if last - now() < SOON:
        raise Wrong(f"it expires on {last:%Y-%m-%d}, in {(last - now()).days} days", renew)
    return f"it expires on {last:%Y-%m-%d}"
