"""A whole gateway on real sockets: what it serves, and that nothing is left of it."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import structlog
from msgspec.structs import replace
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from ctigw.app import Running, start
from ctigw.config import Config, ConfigError, DriverSettings, Listener, Store
from ctigw.csta.call_control import AnswerCall, ClearConnection, MakeCall
from ctigw.csta.events import ConnectionClearedEvent, DeliveredEvent, EstablishedEvent
from ctigw.csta.frame import FrameReader
from ctigw.csta.monitoring import MonitorObject, MonitorStart, MonitorStop
from ctigw.csta.system import RequestSystemStatus, SystemStatusValue
from ctigw.csta.types import ConnectionID
from ctigw.net.csta_client import CstaClient, Lost, connect
from simulators.pbx import Pbx
from tests.certificates import Authority
from tests.turns import turns

ANYWHERE = Config(listeners=(Listener(endpoint="tcp:0:interface=127.0.0.1"),))


@pytest_twisted.async_yield_fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """The default gateway, on a free port."""
    gateway = await start(ANYWHERE, tmp_path, reactor)
    yield gateway
    await gateway.stop()
    await turns(2)


async def client_of(running: Running, events: list[Any] | None = None) -> CstaClient:
    on_event = events.append if events is not None else lambda _event: None
    return await connect(reactor, f"127.0.0.1:{running.addresses[0].port}", on_event)


async def monitor(client: CstaClient, *lines: str) -> list[str]:
    asked = [MonitorStart(monitor_object=MonitorObject(device_object=line)) for line in lines]
    return [(await client.request(request)).monitor_cross_ref_id for request in asked]


def left_behind(running: Running) -> dict[str, int]:
    """How much of everything there is in the gateway and in its PBX."""
    switch = running.gateway.switch
    pbx = running.gateway.driver
    assert isinstance(pbx, Pbx)
    return {
        "calls": len(switch.picture.calls),
        "connections": sum(len(switch.picture.connections(line)) for line in switch.picture.lines),
        "monitors": len(running.gateway.monitors),
        "calls of the PBX": pbx.live_calls,
        "connections of the PBX": pbx.live_legs,
        "timers of the PBX": pbx.pending_timers,
    }


NOTHING = dict.fromkeys(
    (
        "calls",
        "connections",
        "monitors",
        "calls of the PBX",
        "connections of the PBX",
        "timers of the PBX",
    ),
    0,
)


async def one_call(client: CstaClient, caller: str, called: str) -> None:
    """Call, ring, answer, talk, hang up; the PBX reports one turn after it has accepted."""
    made = await client.request(MakeCall(calling_device=caller, called_directory_number=called))
    call = made.calling_device.call_id
    await client.request(AnswerCall(call_to_be_answered=ConnectionID(call_id=call, device_id=called)))
    await client.request(
        ClearConnection(connection_to_be_cleared=ConnectionID(call_id=call, device_id=caller))
    )


@pytest_twisted.ensureDeferred
async def test_a_call_is_seen_from_both_ends(running: Running) -> None:
    events: list[Any] = []
    client = await client_of(running, events)
    await monitor(client, "2001", "2002")
    await one_call(client, "2001", "2002")
    await turns(5)
    seen = [(type(event), event.monitor_cross_ref_id) for event in events]
    assert seen[2:] == [
        (DeliveredEvent, "1"),
        (DeliveredEvent, "2"),
        (EstablishedEvent, "1"),
        (EstablishedEvent, "2"),
        (ConnectionClearedEvent, "2"),
        (ConnectionClearedEvent, "1"),
        (ConnectionClearedEvent, "2"),
    ]
    await client.close()


@pytest.mark.timeout(120)
@pytest_twisted.ensureDeferred
async def test_a_thousand_calls_one_after_the_other_leave_nothing(running: Running) -> None:
    events: list[Any] = []
    client = await client_of(running, events)
    references = await monitor(client, "2001", "2002")
    for _ in range(1000):
        await one_call(client, "2001", "2002")
    await turns(5)
    assert sum(isinstance(event, EstablishedEvent) for event in events) == 2000
    for reference in references:
        await client.request(MonitorStop(monitor_cross_ref_id=reference))
    assert left_behind(running) == NOTHING
    await client.close()


@pytest.mark.timeout(120)
@pytest_twisted.ensureDeferred
async def test_two_hundred_calls_at_once_leave_nothing(tmp_path: Path) -> None:
    lines = [str(number) for number in range(3000, 3400)]
    settings = {"lines": [{"number": line} for line in lines]}
    config = Config(ANYWHERE.listeners, driver=DriverSettings(settings=settings))
    running = await start(config, tmp_path, reactor)
    clients = [await client_of(running) for _ in range(20)]
    for index, client in enumerate(clients):
        await monitor(client, *lines[index::20])
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    calls = [one_call(clients[index % 20], *pair) for index, pair in enumerate(pairs)]
    assert len(calls) == 200
    await gatherResults([Deferred.fromCoroutine(call) for call in calls])
    await turns(5)
    for client in clients:  # their monitors end with them
        await client.close()
    await turns(5)
    assert left_behind(running) == NOTHING
    await running.stop()
    await turns(2)


@pytest_twisted.ensureDeferred
async def test_clients_come_over_tls(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path, "authority").issue("localhost")
    listener = replace(ANYWHERE.listeners[0], tls_certificate=str(certificate), tls_key=str(key))
    running = await start(Config(listeners=(listener,)), tmp_path, reactor)
    try:
        at = f"tls:localhost:{running.addresses[0].port}"
        client = await connect(reactor, f"{at}:trustRoots={tmp_path}")
        assert (await client.request(RequestSystemStatus())).system_status is SystemStatusValue.NORMAL
        await client.close()
        stranger = await connect(reactor, at)  # which does not trust that certificate
        with pytest.raises(Lost, match="certificate verify failed"):
            await stranger.request(RequestSystemStatus())
        await stranger.lost
    finally:
        await running.stop()
        await turns(5)


@pytest.mark.parametrize(("one_by_one", "frames"), [(False, [1, 4]), (True, [1, 1, 1, 1, 1])])
@pytest_twisted.ensureDeferred
async def test_frames_that_go_by_themselves_have_a_send_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_by_one: bool, frames: list[int]
) -> None:
    sent: list[bytes] = []
    send = socket.socket.send

    def recorded(self: socket.socket, data: bytes) -> int:
        sent.append(bytes(data))
        return send(self, data)

    monkeypatch.setattr(socket.socket, "send", recorded)
    listener = Listener(endpoint="tcp:0:interface=127.0.0.1", one_frame_per_segment=one_by_one)
    running = await start(Config(listeners=(listener,)), tmp_path, reactor)
    client = await client_of(running)
    asked = [client.request(RequestSystemStatus()) for _ in range(5)]
    await gatherResults([Deferred.fromCoroutine(request) for request in asked])
    await client.close()
    await running.stop()
    await turns(2)
    answers = [list(FrameReader().feed(data)) for data in sent if b"StatusResponse" in data]
    assert [len(answer) for answer in answers] == frames


@pytest_twisted.ensureDeferred
async def test_settings_outlive_the_gateway(tmp_path: Path) -> None:
    for expected in (False, True):
        running = await start(ANYWHERE, tmp_path, reactor)
        pbx = running.gateway.driver
        assert isinstance(pbx, Pbx)
        assert pbx.line_features("2001").do_not_disturb is expected
        await pbx.set_do_not_disturb("2001", on=True)
        await running.stop()


@pytest_twisted.ensureDeferred
async def test_clients_are_told_goodbye_when_the_gateway_stops(tmp_path: Path) -> None:
    running = await start(ANYWHERE, tmp_path, reactor)
    client = await client_of(running)
    await turns(2)
    await running.stop()
    await client.lost
    assert client.why_lost == "the gateway has closed the connection"


@pytest.mark.parametrize(
    ("config", "blamed"),
    [
        (
            Config(listeners=(Listener(endpoint="nonsense:1"),)),
            "listeners[0].endpoint: Unknown endpoint type",
        ),
        (Config(listeners=(ANYWHERE.listeners[0], Listener(endpoint="tcp:x"))), "listeners[1].endpoint: "),
        (
            Config(listeners=(Listener(endpoint=f"ssl:0:privateKey={__file__}:interface=127.0.0.1"),)),
            "listeners[0].endpoint: [('",
        ),
        (
            Config(listeners=(replace(ANYWHERE.listeners[0], tls_certificate="/no.pem", tls_key="/no.pem"),)),
            "listeners[0].tls_certificate: /no.pem: No such file or directory",
        ),
        (
            Config(listeners=(replace(ANYWHERE.listeners[0], tls_certificate=__file__, tls_key=__file__),)),
            f"listeners[0].tls_certificate: {__file__}: not what it should be (PEM)",
        ),
        (Config(driver=DriverSettings(module="no.such")), "driver.module: No module named 'no'"),
        (Config(driver=DriverSettings(module="ctigw.errors")), "driver.module: module 'ctigw.errors' has no"),
        (
            Config(driver=DriverSettings(settings={"tone": 1})),
            "driver.settings: Object contains unknown field",
        ),
        (
            Config(driver=DriverSettings(settings={"limits": {"tone": -1}})),
            "driver.settings.limits.tone: Expected `float` >= 0",
        ),
        (Config(store=Store(url="nonsense")), "store.url: Could not parse"),
        (Config(store=Store(url="sqlite:////dev/null/x")), "store.url: unable to open database file"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_cannot_be_used_is_named_by_its_key(tmp_path: Path, config: Config, blamed: str) -> None:
    with pytest.raises(ConfigError) as refused:
        await start(config, tmp_path, reactor)
    assert str(refused.value).startswith(blamed)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("endpoint", "at"),
    [
        ("tcp:0:interface=127.0.0.1", r"127\.0\.0\.1:\d+"),
        (r"tcp6:0:interface=\:\:1", r"\[::1\]:\d+"),
        ("unix:{}/socket", "{}/socket"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_where_it_listens_is_logged(tmp_path: Path, endpoint: str, at: str) -> None:
    config = Config(listeners=(Listener(endpoint=endpoint.format(tmp_path)),))
    with structlog.testing.capture_logs() as logged:
        running = await start(config, tmp_path, reactor)
    await running.stop()
    said = [entry["at"] for entry in logged if entry["event"] == "listening"]
    assert len(said) == 1
    assert re.fullmatch(at.format(re.escape(str(tmp_path))), said[0])


@pytest.mark.usefixtures("running")
@pytest_twisted.ensureDeferred
async def test_a_folder_is_one_gateways(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--data: another gateway uses "):
        await start(Config(), tmp_path, reactor)


@pytest_twisted.ensureDeferred
async def test_a_taken_port_is_named_by_its_key(running: Running, tmp_path: Path) -> None:
    taken = Listener(endpoint=f"tcp:{running.addresses[0].port}:interface=127.0.0.1")
    with pytest.raises(ConfigError, match=r"^listeners\[0\].endpoint: .*Address already in use"):
        await start(Config(listeners=(taken,)), tmp_path / "other", reactor)


@pytest_twisted.ensureDeferred
async def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^--data: .*Not a directory"):
        await start(ANYWHERE, tmp_path / "file" / "var", reactor)
