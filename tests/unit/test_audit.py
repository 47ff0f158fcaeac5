"""What is kept of a request, for every request that is served."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta.associated import GenerateDigits
from ctigw.csta.types import ConnectionID, error_code
from ctigw.errors import Reason
from ctigw.services.audit import AUDITED, COMMANDS, COUNTED, Audit
from ctigw.services.session import EVERYTHING, Session
from ctigw.store.audit import Audited
from ctigw.xml import Elements
from simulators.pbx import Pbx

_clock = Clock()
SERVED = sorted(gateway(Config(), Pbx(_clock), _clock).dispatcher.handlers, key=lambda cls: cls.__name__)


def client() -> Session:
    def nothing(_message: object, _namespace: str) -> None:
        """Nobody is told anything here."""

    return Session(nothing, nothing, nothing, "10.0.0.1")


def filled(hint: Any, name: str) -> Any:
    """A value of that type; each text in it is the path of where it stands."""
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is tuple:
        return (filled(typing.get_args(hint)[0], name),)
    if hint is str:
        return f"<{name}>"
    if hint is Elements:
        return Elements([("userName", "alice"), ("password", f"<{name}>")])
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return hint(**{f.name: filled(hints[f.name], f"{name}.{f.name}") for f in dataclasses.fields(hint)})
    return next(iter(hint)) if hasattr(hint, "__members__") else hint()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name))


def recorded(request: object, answer: object) -> list[Audited]:
    entries: list[Audited] = []
    Audit(entries.append, lambda: 1.0).record(client(), EVERYTHING, request, answer)
    return entries


@pytest.mark.parametrize("cls", SERVED)
def test_nothing_is_kept_that_is_not_named_in_the_table(cls: type) -> None:
    request = filled(cls, "")
    (entry,) = recorded(request, error_code(Reason.PRIVILEGE_VIOLATION))
    kept = f"{entry.on_behalf_of} {entry.target}"
    named = [f"<.{field}" for field in AUDITED.get(cls, ())]
    leaked = [t for t in texts(request) if t in kept and not t.startswith(tuple(named) or "-")]
    assert leaked == []
    missing = [f for f in AUDITED.get(cls, ()) if f"<.{f}" not in kept]
    assert missing == []


def test_every_command_and_every_request_that_names_a_device_is_in_the_table() -> None:
    naming = [cls for cls in SERVED if {"device", "calling_device"} & {*typing.get_type_hints(cls)}]
    assert set(naming) <= set(AUDITED) <= set(SERVED)
    assert set(COUNTED) <= set(COMMANDS)


def test_of_digits_only_their_number_is_kept() -> None:
    where = ConnectionID(call_id="1", device_id="2001")
    (entry,) = recorded(GenerateDigits(connection_to_send_digits=where, characters_to_send="4711#"), object())
    assert (entry.on_behalf_of, entry.target) == ("2001", "call 1 digits: 5")
