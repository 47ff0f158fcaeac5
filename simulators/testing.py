"""A pytest plugin for whoever tests a CSTA client: it is there wherever ctigw is installed.

::

    def test_my_client(ctigw):
        client = MyClient("127.0.0.1", ctigw.port)
        ctigw.ring("2001", caller="95551234")
        ...

Nothing is imported before a test asks for it, so that other tests neither wait for it nor get a reactor that
they have not chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulators.local import LocalGateway, ReactorThread


@pytest.fixture(scope="session")
def ctigw_thread() -> Iterator[ReactorThread]:
    """The thread in which the gateways of all tests run, one after the other."""
    from simulators.local import ReactorThread

    thread = ReactorThread()
    yield thread
    thread.stop()


@pytest.fixture
def ctigw_settings() -> Mapping[str, Any]:
    """The settings of the simulated PBX, those of the demo's lines; have a fixture of your own for others."""
    return {}


@pytest.fixture
def ctigw(ctigw_thread: ReactorThread, ctigw_settings: Mapping[str, Any]) -> Iterator[LocalGateway]:
    """A gateway before a simulated PBX, fresh for every test."""
    from simulators.local import LocalGateway

    gateway = LocalGateway(ctigw_thread, ctigw_settings)
    yield gateway
    gateway.stop()
