"""Whose addresses the server is responsible for, and what it knows of their owners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from ctigw.rules import Rule

NONE: Mapping[str, str] = MappingProxyType({})


class Known(Protocol):
    """What the directory knows of a user; `directory.people.Profile` is one."""

    @property
    def name(self) -> str:
        """The address of record."""

    @property
    def rules(self) -> Sequence[Rule]:
        """What others may see of them."""

    @property
    def contacts(self) -> Sequence[str]:
        """The addresses of record of their contacts, in the order of the list."""

    @property
    def lines(self) -> Sequence[str]:
        """The numbers of their lines."""

    def ha1(self, algorithm: str) -> str | None:
        """What digest authentication compares with; None: there is none."""


class Accounts:
    """The people of ``domains``.

    ``aliases``: other names of domains.  ``elsewhere``: who exists although the directory has nobody of that
    name, since a foreign server knows their state.  ``open_domain``: whoever is named in a domain exists.
    """

    def __init__(
        self,
        domains: Iterable[str],
        *,
        aliases: Mapping[str, str] = NONE,
        elsewhere: Iterable[str] = (),
        open_domain: bool = False,
    ) -> None:
        self.domains = tuple(domain.lower() for domain in domains)
        self._aliases = {alias.lower(): domain.lower() for alias, domain in aliases.items()}
        # Every host name that means one of the domains.
        self.names = frozenset((*self.domains, *self._aliases))
        self._elsewhere = frozenset(elsewhere)
        self._open = open_domain
        self._people: dict[str, Known] = {}
        # Told the address of record of whom something has changed.
        self.changed: list[Callable[[str], None]] = []

    def put(self, people: Iterable[Known]) -> None:
        """They are as this says now."""
        for person in people:
            self._people[person.name] = person
            self._tell(person.name)

    def remove(self, aor: str) -> None:
        """There is nobody of that name any more."""
        if self._people.pop(aor, None) is not None:
            self._tell(aor)

    def _tell(self, aor: str) -> None:
        for observer in self.changed:
            observer(aor)

    def get(self, aor: str) -> Known | None:
        """Who is called ``aor``; None also for those who exist in an open domain alone."""
        return self._people.get(aor)

    def exists(self, aor: str) -> bool:
        """Whether somebody of this server is called ``aor``."""
        if aor in self._people or aor in self._elsewhere:
            return True
        user, _, domain = aor.rpartition("@")
        return self._open and bool(user) and domain in self.domains

    def canonical(self, aor: str) -> str:
        """``aor`` in the domain that its own is another name of."""
        user, _, host = aor.rpartition("@")
        domain = self._aliases.get(host)
        return aor if domain is None else f"{user}@{domain}"

    def rules(self, aor: str) -> Sequence[Rule]:
        """What ``aor`` lets others see; empty when there is nobody."""
        person = self._people.get(aor)
        return person.rules if person else ()

    def ha1(self, domain: str, user: str, algorithm: str) -> str | None:
        """What digest authentication of ``user``, which stands alone, compares with; None: there is
        nothing.
        """
        person = self._people.get(f"{user.lower()}@{domain}")
        return None if person is None else person.ha1(algorithm)
