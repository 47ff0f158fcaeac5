"""What a message's declaration says: its children in order, their names and their types."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class Empty(enum.Enum):
    """An element without content, such as ``<notKnown/>``."""

    EMPTY = ""


EMPTY = Empty.EMPTY


class Elements(tuple[tuple[str, str], ...]):
    """The leaves of an element that may have any content: (local name, text), in document order."""

    __slots__ = ()


def child(*, name: str | None = None, within: str | None = None, default: Any = dataclasses.MISSING) -> Any:
    """A field whose element has an odd ``name``, or (repeated) lies ``within`` a wrapper element."""
    return dataclasses.field(default=default, metadata={"name": name, "within": within})


def choice(cls: type[T]) -> type[T]:
    """Class decorator: exactly one of the (optional) children is present."""
    cls.__xml_choice__ = True  # type: ignore[attr-defined] # a mark on the class, read by `plan` alone
    return cls


@dataclass(frozen=True, slots=True)
class Child:
    """One field: its element's name, the wrapper around it, how often it comes, and the type of one."""

    attribute: str
    name: str
    within: str | None
    many: bool
    required: bool
    type: Any

    @property
    def outer(self) -> str:
        """The name of the element that lies directly in the message."""
        return self.within or self.name


@dataclass(frozen=True, slots=True)
class Plan:
    """The fields of a class, in order; ``by_name`` by the element that lies directly in it."""

    children: tuple[Child, ...]
    by_name: dict[str, Child]
    choice: bool


@cache
def plan(cls: type) -> Plan:
    """What the declaration of ``cls`` says; looked at once."""
    hints = typing.get_type_hints(cls)
    children = tuple(_child(field, hints[field.name]) for field in dataclasses.fields(cls))
    return Plan(children, {child.outer: child for child in children}, hasattr(cls, "__xml_choice__"))


def _child(field: dataclasses.Field[Any], hint: Any) -> Child:
    required = field.default is dataclasses.MISSING
    if isinstance(hint, types.UnionType):  # T | None
        hint = next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)
    many = typing.get_origin(hint) is tuple
    if many:
        hint = typing.get_args(hint)[0]
    name = field.metadata.get("name") or camel_case(field.name)
    return Child(field.name, name, field.metadata.get("within"), many, required, hint)


def is_record(hint: Any) -> bool:
    """Whether a type has children of its own."""
    return dataclasses.is_dataclass(hint) and isinstance(hint, type)


_ACRONYMS = {word: word.upper() for word in ("id", "dn", "csta", "dnd", "dtmf", "abcd")}


def camel_case(name: str) -> str:
    """``monitor_cross_ref_id`` to ``monitorCrossRefID``: the naming rule of CSTA XML."""
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(_ACRONYMS.get(word) or word.capitalize() for word in rest)


def flag_name(flag: enum.Flag) -> str:
    """The element that tells of ``flag``, one member of a set."""
    return camel_case((flag.name or "").lower())


BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parser_of(hint: Any) -> Any:
    """The function from the text of a leaf of this type to its value; raises ValueError or KeyError."""
    return _PARSERS.get(hint) or {member.value: member for member in hint}.__getitem__


_PARSERS: dict[Any, Any] = {
    str: str,
    int: int,
    bool: BOOLEANS.__getitem__,
    # Captured traffic has white space inside hexBinary: bytes.fromhex skips it.
    bytes: bytes.fromhex,
}
