"""What unit tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pbx_bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A demo PBX on which nothing may be left when the test is over."""
    bench = Bench()
    yield bench
    bench.clear_everything()
    assert bench.nothing_left()
