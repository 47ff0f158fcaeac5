"""Performance counters: what there is, what it is called, and that each is explained."""

from __future__ import annotations

import re
from pathlib import Path

from ctigw.app.counted import GRANTED, REFUSED, SUBSCRIPTIONS, TABLE, counters, process
from ctigw.net.garbage import LONGEST

SOURCE = Path(__file__).parents[2] / "ctigw"


def values(what: str, csta: dict[str, int], sip: dict[str, int] | None) -> dict[str, int]:
    found = counters(csta, sip, {}, [], [])[what][""]
    return {name: counter.value for name, counter in found.items()}


def test_what_was_counted_is_shown_and_what_was_not_is_none() -> None:
    before = values("ctigw CSTA", {}, None)
    assert set(before.values()) == {0}
    after = values("ctigw CSTA", {"calls": 3, "noCallToAnswer": 2}, None)
    assert after == before | {"calls": 3, "noCallToAnswer": 2}
    found = counters({"noCallToAnswer": 2}, None, {}, [], [])["ctigw CSTA"][""]
    assert found["noCallToAnswer"].description == REFUSED


def test_presence_is_an_object_of_its_own() -> None:
    figures = {"SIP requests": 5, "NOTIFYs sent": 4, "publications": 3, "subscriptions to dialog": 2}
    lamps = counters({}, figures, {}, [], [])["ctigw presence"][""]["subscriptions to dialog"]
    assert (lamps.value, lamps.description) == (2, GRANTED)
    assert values("ctigw presence", {}, figures)["NOTIFYs sent"] == 4
    assert values("ctigw SIP", {}, figures)["SIP requests"] == 5
    assert "publications" not in values("ctigw SIP", {}, figures)


def test_what_is_off_has_no_counters() -> None:
    assert set(counters({}, {}, {}, [], [])) - set(counters({}, None, {}, [], [])) == {
        "ctigw SIP",
        "ctigw presence",
    }


def test_listeners_are_instances() -> None:
    found = counters({}, None, {}, [("tcp:1", 2), ("tcp:2", 3)], [("127.0.0.1:8443", 1)])
    listeners = {name: inside["connections"].value for name, inside in found["ctigw CSTA listener"].items()}
    assert listeners == {"tcp:1": 2, "tcp:2": 3}
    assert found["ctigw web listener"]["127.0.0.1:8443"]["connections"].value == 1


def test_the_process_is_measured() -> None:
    before = process()
    assert before["VmRSS"].value > 1000
    assert before["Thread Count"].value >= 1
    with Path(__file__).open() as _one, Path(__file__).open() as _another:
        assert process()["Open Files"].value >= before["Open Files"].value + 2
    kept = b"x" * 50_000_000
    assert process()["VmRSS"].value > before["VmRSS"].value + 40_000
    assert len(kept) == 50_000_000


def test_everything_that_is_counted_is_explained() -> None:
    text = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    counted = set(re.findall(r"counters\[\"([^\"]+)\"", text)) | {LONGEST}
    known = {name for names in TABLE.values() for name in names}
    assert len(counted) > 40
    assert counted - known == set()
    assert f'counters[f"{SUBSCRIPTIONS}' in text


def test_every_explanation_fits_a_line() -> None:
    assert all(len(text) < 90 for names in TABLE.values() for text in names.values())
