from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.csta.frame import MAX_SENT, PREFIX, Frame, FrameError, FrameReader, FrameTooLongError

frames = st.builds(Frame, st.integers(0, 9999), st.binary(min_size=1, max_size=200))


@given(st.lists(frames, max_size=8), st.data())
def test_any_chunking_gives_the_same_frames(sent: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(frame.encode() for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader = FrameReader()
    got: list[Frame] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.feed(stream[start:stop])
    assert got == sent


@given(st.lists(frames, max_size=8), st.data())
def test_who_stops_half_way_gets_the_rest_later(sent: list[Frame], data: st.DataObject) -> None:
    reader = FrameReader()
    got: list[Frame] = []
    for frame in sent:
        arrived = reader.feed(frame.encode())
        wanted = data.draw(st.integers(0, 3))
        got += [frame for _, frame in zip(range(wanted), arrived, strict=False)]
    assert [*got, *reader.feed(b"")] == sent
    assert len(reader._buffer) == 0


def test_a_stream_that_is_lost_stays_lost_and_is_not_kept() -> None:
    reader = FrameReader()
    for data in (b"GET / HTTP/1.1", Frame(1, b"<a/>").encode(), b"x" * 100_000):
        with pytest.raises(FrameError, match="bad prefix b'GET / HTTP"):
            list(reader.feed(data))
        assert len(reader._buffer) == 0


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_garbage_is_refused_or_waited_for_never_anything_else(chunks: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for chunk in chunks:
            for frame in reader.feed(chunk):
                assert 0 <= frame.invoke_id <= 9999
                assert frame.body
    except FrameError:
        pass


@pytest.mark.parametrize(
    "prefix",
    [
        b"\0\1\0\x100001",  # SOAP
        b"GET / HT",
        b"\0\0\0\x080001",  # no body
        b"\0\0\0\0" + b"0001",
        b"\0\0\0\x1000a1",
        b"\0\0\0\x10-001",
        b"\0\0\0\x10 001",
    ],
)
def test_a_bad_prefix_is_refused_after_the_good_frames_before_it(prefix: bytes) -> None:
    good = Frame(1, b"<a/>")
    got: list[Frame] = []
    with pytest.raises(FrameError, match="bad prefix"):
        got.extend(FrameReader().feed(good.encode() + prefix))
    reader = FrameReader()
    stream = reader.feed(good.encode() + prefix)
    assert next(stream) == good
    with pytest.raises(FrameError):
        next(stream)


def test_a_frame_above_the_reader_s_limit_is_refused_by_its_prefix_alone() -> None:
    with pytest.raises(FrameError):
        list(FrameReader(limit=100).feed(Frame(1, b"x" * 93).encode()[:PREFIX]))
    assert list(FrameReader(limit=100).feed(Frame(1, b"x" * 92).encode())) == [Frame(1, b"x" * 92)]


def test_no_frame_is_sent_that_a_signed_reader_would_misread() -> None:
    assert len(Frame(1, b"x" * (MAX_SENT - PREFIX)).encode()) == 32767
    with pytest.raises(FrameTooLongError):
        Frame(1, b"x" * (MAX_SENT - PREFIX + 1)).encode()
