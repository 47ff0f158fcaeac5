"""What is kept of a request, for every request that is served."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from ctigw.app import gateway
from ctigw.config import Config
from ctigw.csta.application_session import (
    ApplicationInfo,
    EndReason,
    StartApplicationSession,
    StartApplicationSessionNegResponse,
    StartError,
    StartErrorCode,
    StopApplicationSession,
    StopApplicationSessionNegResponse,
    StopError,
    StopErrorCode,
)
from ctigw.csta.associated import GenerateDigits
from ctigw.csta.snapshot import SnapshotDevice
from ctigw.csta.types import ConnectionID, csta, error_code
from ctigw.errors import Reason
from ctigw.services.audit import _ABOUT, AUDITED, COMMANDS, COUNTED, Audit, _subject, is_refusal
from ctigw.services.session import EVERYTHING, Rights, Session
from ctigw.store.audit import Audited
from ctigw.xml import Elements
from simulators.pbx import Pbx
from tests.clients import Remembering

_clock = Clock()
SERVED = sorted(gateway(Config(), Pbx(_clock), _clock).dispatcher.handlers, key=lambda cls: cls.__name__)


def client(peer: str = "10.0.0.1") -> Session:
    return Session(Remembering(), peer)


def start(name: str) -> StartApplicationSession:
    said = Elements([("userName", name), ("password", "wonder")])
    return StartApplicationSession(
        application_info=ApplicationInfo(application_id="x", application_specific_info=said),
        requested_protocol_versions=(),
        requested_session_duration=60,
    )


def refused(why: StartError) -> StartApplicationSessionNegResponse:
    return StartApplicationSessionNegResponse(error_code=StartErrorCode(defined_error=why))


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


def test_who_is_let_in_goes_by_the_name_of_the_directory() -> None:
    entries: list[Audited] = []
    audit, session = Audit(entries.append, lambda: 1.0), client()
    session.rights = None
    audit.record(session, None, start("alice"), refused(StartError.INVALID_APPLICATION_INFO))
    session.rights = Rights("alice@example.com")
    audit.record(session, None, start("alice"), object())
    assert [entry.who for entry in entries] == ["alice", "alice@example.com"]


# What strangers can do as often as they like


STRANGE = [
    (SnapshotDevice(snapshot_object="2001"), error_code(Reason.SECURITY_GENERIC)),
    (start("alice"), refused(StartError.SERVER_RESOURCES_BUSY)),
    (start("alice"), refused(StartError.MAX_NUMBER_SESSIONS)),
    (start(""), refused(StartError.INVALID_APPLICATION_INFO)),
    (start("x" * 256), refused(StartError.INVALID_APPLICATION_INFO)),
    (
        StopApplicationSession(session_id="1", session_end_reason=EndReason(app_end_reason="bye")),
        StopApplicationSessionNegResponse(
            error_code=StopErrorCode(defined_error=StopError.INVALID_SESSION_ID)
        ),
    ),
]


@pytest.mark.parametrize(("request_", "answer"), STRANGE)
def test_what_costs_nothing_is_kept_once_for_a_connection_and_once_in_a_while_for_a_host(
    request_: object, answer: object
) -> None:
    clock = Clock()
    entries: list[Audited] = []
    audit = Audit(entries.append, clock.seconds)

    def ask(session: Session, times: int = 1) -> int:
        """How many entries there are of it."""
        entries.clear()
        for _ in range(times):
            audit.record(session, None, request_, answer)
        return len(entries)

    first = client()
    assert ask(first, 5000) == 1
    assert is_refusal(entries[0])
    assert ask(client()) == 0
    assert ask(client("10.0.0.2"), 10) == 1
    clock.advance(60)
    assert ask(first) == 0
    assert ask(client()) == 1


def test_every_password_that_was_looked_at_is_kept() -> None:
    entries: list[Audited] = []
    audit = Audit(entries.append, lambda: 1.0)
    session = client()
    for _ in range(5):
        audit.record(session, None, start("alice"), refused(StartError.INVALID_APPLICATION_INFO))
    assert [entry.outcome for entry in entries] == ["invalidApplicationInfo"] * 5
    assert all(map(is_refusal, entries))


def test_only_so_many_hosts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctigw.services.audit.HOSTS", 2)
    entries: list[Audited] = []
    audit = Audit(entries.append, lambda: 1.0)
    for peer in "abcca":
        audit.record(client(peer), None, *STRANGE[0])
    assert [entry.who for entry in entries] == ["[a]", "[b]", "[c]", "[a]"]
    assert len(audit._refused) == 2


def test_commands_are_no_refusals_and_are_all_kept() -> None:
    request = GenerateDigits(connection_to_send_digits=ConnectionID(call_id="1"), characters_to_send="1")
    for answer in (object(), error_code(Reason.INVALID_CONNECTION_ID)):
        (entry,) = recorded(request, answer)
        assert not is_refusal(entry)
    assert is_refusal(recorded(request, error_code(Reason.PRIVILEGE_VIOLATION))[0])


said = st.text("0123456789:;tel@ N<>", max_size=12) | st.text("1", min_size=190, max_size=260)
connections = st.builds(ConnectionID, call_id=st.none() | said, device_id=st.none() | said)


@pytest.mark.parametrize("cls", list(_ABOUT), ids=str)
def test_the_short_way_to_a_subject_leads_where_the_long_one_does(cls: type) -> None:
    fields = [field for field in csta.plan(cls).children if field.required]

    @given(data=st.data())
    @settings(max_examples=150, deadline=None)
    def holds(data: st.DataObject) -> None:
        drawn = [data.draw(connections if field.type is ConnectionID else said) for field in fields]
        request = cls(**{field.attribute: value for field, value in zip(fields, drawn, strict=True)})
        assert _ABOUT[cls](request) == _subject(request)

    holds()
