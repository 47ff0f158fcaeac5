"""Values: dataclasses that nobody changes, and enumerations that cost nothing to look up.

A gateway makes some hundred values for each call.  What Python 3.11 takes for them by default is more than
the work that is done with them, so both are given the cheapest form that says the same:

* A frozen dataclass stores each field through a function call, twice the price of the whole object.
  `value` makes one that is frozen to the type checker only.
* An enumeration's member is hashed by Python code (by its name), and so is its ``.value`` got.  `Enum` hashes
  members by what they are, one of a kind, and ``_value_`` is the plain attribute behind ``.value``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Class decorator: a dataclass with slots that is equal and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def named(cls: type[T]) -> type[T]:
    """Class decorator: a `value` whose fields are given by name."""
    return dataclass(slots=True, unsafe_hash=True, kw_only=True)(cls)


class Enum(enum.Enum):
    """An enumeration whose members are hashed by identity, which is what their equality is."""

    __hash__: Any = object.__hash__


class Flag(enum.Flag):
    """A set of flags; its members, and sets of them, are one of a kind too."""

    __hash__: Any = object.__hash__
