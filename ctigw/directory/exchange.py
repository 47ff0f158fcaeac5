"""The directory as a file that people can read, change and bring elsewhere (TOML): what is in it.

`exporting` fills a `Document`, `importing` brings the directory to what one says.  A word that is not known
is refused, since what it was meant to say would go without saying.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ctigw.directory import toml
from ctigw.directory.details import Details
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import DialRuleItem
from ctigw.directory.licensing import Features
from ctigw.rules import Rule

# The form of these files, and bytes of one.
FORMAT = 1
LONGEST = 256 * 1024 * 1024
# Characters of what is said to be wrong with one, which may quote it.
LONGEST_REASON = 500


class _Entry(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is `msgspec.UNSET` is not said, and stays as it is."""


class ContactEntry(_Entry, frozen=True):
    """``index`` None: after all others, or where it is."""

    name: str
    index: Decimal | None = None
    nickname: str = ""
    display_on_phone: bool = False


class GroupEntry(_Entry, frozen=True):
    """A group, and who is in it: nobody else."""

    name: str
    index: Decimal | None = None
    contacts: tuple[ContactEntry, ...] | UnsetType = UNSET


class PropertyEntry(_Entry, frozen=True):
    """A setting of a client."""

    name: str
    value: str
    public: bool = False


class StatusEntry(_Entry, frozen=True):
    """A PIDF document, as ``text``, or, if it is no UTF-8, as ``base64``; without either there is none.

    ``published``: seconds since 1970.
    """

    text: str = ""
    base64: bytes = b""
    published: Decimal | None = None

    def body(self) -> bytes:
        """The document; empty if there is none."""
        return self.base64 or self.text.encode()


class PasswordEntry(_Entry, frozen=True):
    """What is kept of a password: whoever reads it can try passwords, and log in by SIP."""

    hash: str
    sip_md5: str | None = None
    sip_sha256: str | None = None


class UserEntry(_Entry, frozen=True):
    """A user.  What is said of them is all there is, what is not said stays."""

    name: str
    display_name: str | UnsetType = UNSET
    password: PasswordEntry | UnsetType = UNSET
    details: Details | UnsetType = UNSET
    features: Features | UnsetType = UNSET
    calendaring: bool | UnsetType = UNSET
    lines: tuple[str, ...] | UnsetType = UNSET
    settings: dict[str, str] | UnsetType = UNSET
    long_term_status: StatusEntry | UnsetType = UNSET
    properties: tuple[PropertyEntry, ...] | UnsetType = UNSET
    groups: tuple[GroupEntry, ...] | UnsetType = UNSET
    rules: tuple[Rule, ...] | UnsetType = UNSET


class ApplicationEntry(_Entry, frozen=True):
    """An application and its rights."""

    name: str
    password: PasswordEntry | UnsetType = UNSET
    monitor: tuple[str, ...] | UnsetType = UNSET
    control: tuple[str, ...] | UnsetType = UNSET
    users: tuple[str, ...] | UnsetType = UNSET
    administers: bool | UnsetType = UNSET


class Document(_Entry, frozen=True):
    """The directory.  What is not named here stays: no user, application, line, rule or setting is removed.

    ``foreign``: domains of other servers, of which everybody can be a contact or in the list of a rule;
    ``lines``: those that are nobody's.
    """

    WORDS: ClassVar[str] = "The directory of a CTI gateway: ctigw directory import reads it."

    format: int
    foreign: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    settings: dict[str, str] = {}
    dial_rule: tuple[DialRuleItem, ...] = ()
    user: tuple[UserEntry, ...] = ()
    application: tuple[ApplicationEntry, ...] = ()


def read(text: str) -> Document:
    """The document that ``text`` is.  Raises `DirectoryError`, which says where it is none."""
    try:
        given: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise DirectoryError(f"not TOML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError) as error:  # too deep; a number too long
        raise DirectoryError(f"not TOML that can be read: {type(error).__name__}") from None
    if given.get("format") != FORMAT:
        raise DirectoryError(f"format is {FORMAT} in a file that this program reads")
    try:
        return msgspec.convert(given, Document)
    except msgspec.ValidationError as error:
        raise DirectoryError(" ".join(str(error)[:LONGEST_REASON].split())) from None
    except RecursionError:
        raise DirectoryError("something is in itself too deep") from None


def write(document: Document) -> str:
    """``document`` as text."""
    given = msgspec.to_builtins(document, builtin_types=(Decimal,))
    for user in given.get("user", ()):
        if "rules" in user:
            user["rules"] = [_in_full(rule) for rule in user["rules"]]
    return f"# {document.WORDS}\n\n{toml.written(given)}"


def _in_full(rule: dict[str, Any]) -> dict[str, Any]:
    """``rule`` with the visibility, also where it is the default: for whoever reads who may see what."""
    return {"name": rule["name"], "visibility": Rule("").visibility.value, **rule}


def statuses(document: Document) -> Iterator[tuple[str, bytes]]:
    """Of each user for whom there is one, the long-term status: the caller sees whether it is one."""
    for user in document.user:
        if isinstance(user.long_term_status, StatusEntry) and (body := user.long_term_status.body()):
            yield user.name, body
