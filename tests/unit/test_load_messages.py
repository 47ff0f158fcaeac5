"""What the load client sends, and how it cuts what arrives."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ctigw.csta.frame import Frame
from ctigw.csta.validation import validator
from simulators.load import messages
from simulators.load.fanout import END
from simulators.load.messages import Walker, framed

REQUESTS = (
    messages.MAKE_CALL % (b"20001", b"20002"),
    messages.ANSWER_CALL % (b"1", b"20002"),
    messages.CLEAR_CONNECTION % (b"1", b"20001"),
    messages.MONITOR_START % b"20001",
    messages.STATUS,
)
ANSWER = st.tuples(st.integers(1, 9998), st.binary(min_size=1, max_size=400))
FRAMES = st.lists(
    st.one_of(ANSWER, st.tuples(st.just(9999), st.binary(min_size=1, max_size=400))), max_size=12
)


def test_requests_are_valid() -> None:
    why_not = validator()
    for body in REQUESTS:
        assert why_not(body) is None


def test_frames_are_those_of_the_gateway() -> None:
    assert framed(b"0042", b"x" * 600) == Frame(42, b"x" * 600).encode()


def test_requests_are_as_long_as_those_of_clients_usually_are() -> None:
    sizes = messages.sizes()
    cycle = [sizes[name] for name in ("MakeCall", "AnswerCall", "ClearConnection")]
    assert 550 <= sum(cycle) / 3 <= 600
    assert 550 <= len(messages.sample()) <= 600


@given(FRAMES, st.lists(st.integers(0, 5000), max_size=20))
def test_frames_are_cut_however_they_arrive(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(framed(b"%04d" % invoke_id, body) for invoke_id, body in frames)
    walker = Walker()
    answers = []
    for start, stop in pairwise(sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})):
        answers += walker.feed(stream[start:stop])
    assert answers == [b"%04d" % invoke_id + body for invoke_id, body in frames if invoke_id != 9999]
    assert walker.events == sum(invoke_id == 9999 for invoke_id, _ in frames)


def test_what_ends_an_event_is_there_once() -> None:
    event = b'<DeliveredEvent xmlns="x"><cause>newCall</cause></DeliveredEvent>'
    assert event.count(END) == 1
