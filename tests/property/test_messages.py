"""Every message, whatever is in it: it comes back as it went out, and what goes out is valid."""

from __future__ import annotations

import enum
import functools
import operator
import types
import typing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.csta import (
    application_session,
    associated,
    call_control,
    capability,
    events,
    logical,
    monitoring,
    snapshot,
    system,
)
from ctigw.csta.application_session import SESSION
from ctigw.csta.association import SERVER_IDS, Association
from ctigw.csta.frame import Frame
from ctigw.csta.types import EDITIONS, ConnectionID, CSTAErrorCode, csta, error_code
from ctigw.csta.validation import validator
from ctigw.errors import Reason
from ctigw.xml import EMPTY, Elements, Empty
from tests import trees

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "csta" / "oracle" / "csta-ed3.xsd"
# By module, so that messages of other tests' making are left out.
MODULES = (
    application_session,
    associated,
    call_control,
    capability,
    events,
    logical,
    monitoring,
    snapshot,
    system,
)
MESSAGES = [cls for cls in csta.messages.values() if cls.__module__ in {m.__name__ for m in MODULES}]
NAMESPACES = ["", *sorted(EDITIONS)]

# What XML can carry and reading does not trim.
anything = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20).map(str.strip)
# All that XML can carry.
texts = anything | st.text("a \t\n\r<>&\"'%{}\\äé€\u2028\U0001f600\x7f\x85", max_size=12)
digits = st.text("0123456789", min_size=1, max_size=8)
Text = st.SearchStrategy[str]


Known = dict[type, st.SearchStrategy[Any]]


def values(hint: Any, text: Text, known: Known) -> st.SearchStrategy[Any]:
    """Any value of a field's type: ``text`` for texts, what is ``known`` for its type."""
    plain = {str: text, bool: st.booleans(), int: st.integers(0, 32767), Empty: st.just(EMPTY)} | known
    if hint in plain:
        return plain[hint]
    if isinstance(hint, types.UnionType):
        return st.none() | values(_some(hint), text, known)
    if typing.get_origin(hint) is tuple:
        return st.lists(values(typing.get_args(hint)[0], text, known), min_size=1, max_size=3).map(tuple)
    return members(hint) if issubclass(hint, (enum.Enum, Elements)) else instances(hint, text, known)


def members(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of an enumeration, any set of flags, any content where any is allowed."""
    if hint is Elements:
        names = st.text("abcdefgh", min_size=1, max_size=8)
        return st.lists(st.tuples(names, anything), max_size=3).map(Elements)
    if issubclass(hint, enum.Flag):
        flags = st.sets(st.sampled_from(list(hint)))
        return flags.map(lambda some: functools.reduce(operator.or_, some, hint(0)))
    return st.sampled_from(list(hint))


def instances(cls: type, text: Text, known: Known) -> st.SearchStrategy[Any]:
    """Any instance of a message, or of what it is made of."""
    hints = typing.get_type_hints(cls)
    if hasattr(cls, "__xml_choice__"):
        one = (st.builds(cls, **{name: values(_some(hint), text, known)}) for name, hint in hints.items())
        return st.one_of(list(one))
    return st.builds(cls, **{name: values(hint, text, known) for name, hint in hints.items()})


def _some(hint: Any) -> Any:
    """The T of ``T | None``."""
    return next(arg for arg in typing.get_args(hint) if arg is not types.NoneType)


# The property is inside the test: pytest-twisted cannot have one that is parametrized as well.
@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_a_message_comes_back_as_it_went_out(cls: type) -> None:
    @given(message=instances(cls, anything, {}), namespace=st.sampled_from(NAMESPACES))
    @settings(max_examples=30, deadline=None)
    def holds(message: Any, namespace: str) -> None:
        document = csta.decode(csta.encode(message, namespace))
        own = SESSION if namespace and cls.__module__ == application_session.__name__ else namespace
        assert (document.message, document.namespace) == (message, own)

    holds()


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_what_is_generated_writes_as_trees_do(cls: type) -> None:
    @given(message=instances(cls, texts, {}), namespace=st.sampled_from(NAMESPACES))
    @settings(max_examples=30, deadline=None)
    def holds(message: Any, namespace: str) -> None:
        own = SESSION if namespace and cls.__module__ == application_session.__name__ else namespace
        assert csta.encode(message, namespace) == trees.encode(csta, message, own)

    holds()


judges = [validator()] + ([validator(REFERENCE)] if REFERENCE.exists() else [])


# What is written is stricter than what is read: connections in full, one object to monitor, a reason to stop.
WRITTEN: Known = {
    application_session.StopApplicationSession: st.builds(
        application_session.StopApplicationSession,
        session_id=digits,
        session_end_reason=st.builds(application_session.EndReason, app_end_reason=digits),
    ),
    ConnectionID: st.builds(ConnectionID, call_id=digits, device_id=digits),
    monitoring.MonitorObject: st.builds(monitoring.MonitorObject, device_object=digits),
}


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_what_goes_out_is_valid(cls: type) -> None:
    @given(message=values(cls, digits, WRITTEN))
    @settings(max_examples=30, deadline=None)
    def holds(message: Any) -> None:
        xml = csta.encode(message)
        assert [why for judge in judges if (why := judge(xml)) is not None] == []

    holds()


@given(reason=st.sampled_from(Reason), namespace=st.sampled_from(NAMESPACES))
@settings(deadline=None)
def test_refusals_come_back_as_they_went_out(reason: Reason, namespace: str) -> None:
    refusal = error_code(reason)
    document = csta.decode(csta.encode(refusal, namespace))
    assert (document.message, document.namespace) == (refusal, namespace)
    assert isinstance(document.message, CSTAErrorCode)


bodies = st.one_of(
    st.sampled_from(MESSAGES).flatmap(lambda cls: instances(cls, digits, {})).map(csta.encode),
    st.sampled_from([b"hello", b"<Rubbish/>", b"<MakeCall>", b"<!DOCTYPE a><a/>", b"<FutureEvent/>"]),
)


@given(
    frames=st.lists(st.tuples(st.integers(0, 9999), bodies), max_size=6),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
)
@settings(max_examples=100, deadline=None)
def test_any_chunking_gives_the_same(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(Frame(invoke_id, body).encode() for invoke_id, body in frames)
    whole = list(Association(SERVER_IDS).receive(stream))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    association = Association(SERVER_IDS)
    chunked = [
        incoming for start, stop in pairwise(edges) for incoming in association.receive(stream[start:stop])
    ]
    assert chunked == whole


@given(body=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_association(body: bytes) -> None:
    frame = Frame(1, body or b" ").encode()
    assert len(list(Association(SERVER_IDS).receive(frame))) <= 1
