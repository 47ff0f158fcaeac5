"""How fast each source may send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from ctigw.net.sip_pace import MOST, Pace


def test_a_second_of_requests_may_come_at_once_and_then_the_pace_holds() -> None:
    pace = Pace(10)
    assert [pace.allows("a", 100.0) for _ in range(11)] == [True] * 10 + [False]
    assert pace.allows("b", 100.0)
    assert not pace.allows("a", 100.05)
    assert pace.allows("a", 100.11)
    assert not pace.allows("a", 100.11)


def test_what_has_come_already_is_paid_for_later() -> None:
    pace = Pace(10)
    assert pace.spends("a", 100.0, 10) == 0.0
    assert round(pace.spends("a", 100.0, 5), 6) == 0.5
    assert not pace.allows("a", 100.4)
    assert pace.allows("a", 100.7)


def test_a_source_that_rests_starts_anew() -> None:
    pace = Pace(2)
    assert [pace.allows("a", now) for now in (1.0, 1.0, 1.0, 3.0, 3.0, 3.0)] == [True, True, False] * 2


def test_sources_are_forgotten_before_they_are_too_many() -> None:
    pace = Pace(1)
    for source in range(3 * MOST):
        pace.allows(str(source), 1.0)
        pace.spends(str(-source), 1.0, 1)
    assert len(pace._due) <= MOST
    pace = Pace(1)
    assert pace.allows("slow", 1.0)
    for source in range(3 * MOST):
        pace.allows(str(source), 2.0 + source)
    assert len(pace._due) <= MOST


@given(some.lists(some.floats(0, 10), max_size=60), some.integers(1, 20))
def test_nobody_gets_more_than_a_second_ahead(times: list[float], per_second: int) -> None:
    pace = Pace(per_second)
    times.sort()
    allowed = [now for now in times if pace.allows("a", now)]
    for first, start in enumerate(allowed):
        for last in range(first, len(allowed)):
            assert last - first + 1 <= (allowed[last] - start + 1) * per_second + 1e-6
