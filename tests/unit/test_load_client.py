"""What the load client does with answers and events, and what the suite makes of runs."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctigw.config import parse
from simulators.load import latency, processes
from simulators.load.bench import Bench, Reached, Side, calibrate, compared, interleaved, paired
from simulators.load.client import Cycles, Requests, Span, WrongAnswerError
from simulators.load.crowd import Calls
from simulators.load.cycles import CHECKS, F1X
from simulators.load.fanout import END, Counter
from simulators.load.judging import Row as AnyRow
from simulators.load.judging import Verdict, verdict

MADE = b"0001<MakeCallResponse><callingDevice><callID>17</callID><deviceID>1</deviceID></callingDevice>"
REFUSED = b"0001<CSTAErrorCode><operation>generic</operation></CSTAErrorCode>"


def test_a_cycle_makes_answers_and_clears_a_call() -> None:
    cycles = Cycles([("20001", "20002")])
    assert b"<MakeCall " in cycles.first(0, b"0001")
    answering = cycles.next(0, MADE)
    assert answering is not None
    assert b"<callID>17</callID><deviceID>20002</deviceID>" in answering
    clearing = cycles.next(0, b"0001<AnswerCallResponse/>")
    assert clearing is not None
    assert b"<callID>17</callID><deviceID>20001</deviceID>" in clearing
    assert cycles.done == 0
    assert cycles.next(0, b"0001<ClearConnectionResponse/>") is None
    assert cycles.done == 1


def test_what_is_refused_is_no_cycle() -> None:
    cycles = Cycles([("20001", "20002")])
    cycles.first(0, b"0001")
    with pytest.raises(WrongAnswerError):
        cycles.next(0, REFUSED)
    cycles.first(0, b"0001")
    cycles.next(0, MADE)
    with pytest.raises(WrongAnswerError):
        cycles.next(0, REFUSED)


def test_requests_are_so_many_and_answered_as_they_should_be() -> None:
    requests = Requests([b"<a/>", b"<b/>"], most=3)
    sent = [requests.first(0, b"0001") for _ in range(4)]
    assert [frame and frame[8:] for frame in sent] == [b"<a/>", b"<b/>", b"<a/>", None]
    requests.next(0, b"0001<aResponse/>")
    assert requests.done == 1
    with pytest.raises(WrongAnswerError):
        requests.next(0, REFUSED)
    Requests([b"<a/>"], refused=True).next(0, REFUSED)
    with pytest.raises(WrongAnswerError):
        Requests([b"<a/>"], refused=True).next(0, b"0001<aResponse/>")


def test_calls_that_stay_are_remembered() -> None:
    calls = Calls([("1", "2"), ("3", "4")], answer=True)
    calls.first(0, b"0001")
    answering = calls.next(0, MADE)
    assert answering is not None
    assert b"<deviceID>2</deviceID>" in answering
    assert calls.next(0, b"0001<AnswerCallResponse/>") is None
    assert calls.made == {b"1": b"17"}
    assert calls.first(0, b"0001") is not None
    assert calls.first(1, b"0002") is None


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
    with ours, theirs:
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield ours, theirs


def test_events_are_counted_however_they_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    counter = Counter([ours])
    event = b"<HeldEvent x='1'></HeldEvent>"
    sent = 0
    for cut in range(len(event) + 1):
        sent += 1
        theirs.sendall(event + event[:cut])
        counter.until(counter.events + 1 + (cut == len(event)))
        if cut < len(event):
            theirs.sendall(event[cut:])
            counter.until(counter.events + 1)
        sent += 1
    assert counter.events == sent
    assert counter.bytes == sent * len(event)
    assert event.count(END) == 1
    counter.close()


def test_bytes_that_are_let_go_by_must_be_as_many(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    counter = Counter([ours])
    theirs.sendall(b"x" * 1000)
    counter.take(1000)
    theirs.sendall(b"x" * 1000)
    with pytest.raises(WrongAnswerError):
        counter.take(999)
    theirs.close()
    with pytest.raises(WrongAnswerError):
        counter.until(1)
    counter.close()


def span(work: int, cpu: float = 1.0, share: float = 0.5) -> Span:
    """A run of a second."""
    return Span(work, cpu, share, 1.0)


def test_rates_are_compared_pair_by_pair() -> None:
    assert paired([span(10), span(30, 2.0)], [span(20), span(20)]) == (0.5, 0.75)


@pytest.mark.parametrize(
    ("share", "reached", "expected"),
    [
        (0.5, Reached(41_000, 40_000), Verdict.REPORTED),
        (0.5, Reached(39_000, 40_000), Verdict.VOID),
        (0.95, Reached(41_000, 40_000), Verdict.VOID),
        (0.5, None, Verdict.REPORTED),
    ],
)
def test_a_busy_client_and_a_slow_floor_are_void(
    share: float, reached: Reached | None, expected: Verdict
) -> None:
    spans = {"gateway": [span(10, share=share)], F1X: [span(20)], "against": [span(15)]}
    measured = compared(spans, F1X, unit="cycles", reached=reached)
    assert measured.values == (0.5,)
    assert measured.notes["against/gateway"] == 1.5
    assert verdict(AnyRow("a row"), measured) is expected


def test_sides_run_by_turns() -> None:
    ran: list[str] = []

    def side(name: str) -> Side:
        def run(_seconds: float) -> Span:
            ran.append(name)
            return span(1)

        return Side(name, run)

    bench = Bench(folder=Path(), pairs=3, seconds=1, warm_up=0.5, quick=True)
    spans = interleaved(bench, [side("a"), side("b")])
    assert "".join(ran) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(runs) for name, runs in spans.items()} == {"a": 3, "b": 3}


def test_the_floor_can_read_the_sample() -> None:
    assert calibrate(rounds=1, count=10) > 0


def test_gateways_understand_their_configuration() -> None:
    config = parse(processes.config(["2001", "2002"], listener=CHECKS, limits="send_queue = 4096"))
    assert [phone["number"] for phone in config.driver.settings["lines"]] == ["2001", "2002"]
    assert config.limits.send_queue == 4096
    assert config.listeners[0].authentication == "session"


def test_percentiles() -> None:
    values = [float(value) for value in itertools.chain(range(100, 0, -1))]
    assert latency.percentile(values, 0.5) == 51.0
    assert latency.percentile(values, 0.99) == 100.0
    assert latency.percentile([1.0], 0.99) == 1.0
