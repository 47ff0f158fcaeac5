"""Events that are told by a template are what the encoder makes of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.csta.device_id import FORMS, shown_as
from ctigw.csta.frame import MAX_SENT, FrameReader, FrameTooLongError, event_frames, parted
from ctigw.csta.types import EDITIONS, csta
from ctigw.services.event_frames import Telling
from ctigw.services.event_messages import event_message
from ctigw.switch.driver import Cause, Kind
from ctigw.switch.events import Event
from ctigw.switch.states import TRANSITIONS, State

KINDS = [kind for kind, _sources, _target in TRANSITIONS]
SHOWS = [shown_as(form, "example.com") for form in FORMS]
numbers = st.text("0123456789", min_size=1, max_size=6) | st.text(
    "0129*#AB &<>\"'%{}\\äé€\n\U0001f600\x7f", min_size=1, max_size=8
)
perhaps = st.just("") | numbers
events = st.builds(
    Event,
    kind=st.sampled_from(KINDS),
    call=numbers,
    device=numbers,
    cause=st.sampled_from(Cause),
    calling=perhaps,
    called=perhaps,
    redirected_by=perhaps,
    destination=perhaps,
    network=perhaps,
    states=st.just({}),
)
ways = st.tuples(
    st.none() | st.sampled_from(State),
    st.sampled_from(["", *sorted(EDITIONS)]),
    st.sampled_from(SHOWS),
)


@given(event=events, ways=st.lists(ways, min_size=1, max_size=4))
@settings(max_examples=600, deadline=None)
def test_a_template_tells_what_the_encoder_does(event: Event, ways: list[Any]) -> None:
    telling = Telling(event)
    for local, namespace, show in ways:
        start, tail = telling.parts(local, namespace, show)
        wanted = csta.encode(event_message(event, "17", local, show), namespace)
        (frame,) = FrameReader().feed(event_frames(start, (b"17",), tail))
        assert (frame.invoke_id, frame.body) == (9999, wanted)


def test_what_is_known_of_one_event_is_not_taken_for_another() -> None:
    for device in ("", "200", "", "201"):
        event = Event(Kind.DELIVER, "7", device, Cause.NORMAL, "1", "2", "", "", "", {})
        _start, tail = Telling(event).parts(State.ALERTING, "", SHOWS[0])
        told = f"<alertingDevice><deviceIdentifier>{device}<" if device else "<alertingDevice><notKnown/>"
        assert told.encode() in tail


@given(
    event=events,
    references=st.integers(1, 6).flatmap(
        lambda length: st.lists(st.binary(min_size=length, max_size=length), min_size=1, max_size=90)
    ),
)
@settings(max_examples=60, deadline=None)
def test_many_frames_are_the_single_ones(event: Event, references: list[bytes]) -> None:
    start, tail = parted(csta.encode(event_message(event, "", None, SHOWS[0])))
    single = [event_frames(start, (reference,), tail) for reference in references]
    assert event_frames(start, references, tail) == b"".join(single)


def test_a_frame_is_never_longer_than_clients_read() -> None:
    start, tail = b"9999<a>", b"</a>"
    room = MAX_SENT - len(start) - len(tail) - 4
    assert len(event_frames(start, (b"1" * room,), tail)) == MAX_SENT
    for count in (1, 3):
        with pytest.raises(FrameTooLongError):
            event_frames(start, (b"1" * (room + 1),) * count, tail)
