"""Live checks without sockets: their bounds, where listeners are, certificates, the disk."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from ctigw.checks import machine
from ctigw.checks.database import About, about, beside, check_database
from ctigw.checks.places import Places, configured, of_address, of_endpoint
from ctigw.checks.running import PATIENCE, Check, Skipped, Wrong, run_all
from ctigw.checks.table import Known, checks
from ctigw.cli.live import told
from ctigw.config import Config, parse
from ctigw.findings import Category, Finding, Outcome
from ctigw.net.exchange import At
from ctigw.net.own_certificate import own_certificate
from ctigw.store.database import HEAD, Database, DatabaseError, url_in
from tests.certificates import Authority
from tests.done import done


def check(work: Coroutine[Any, Any, str], name: str = "it") -> Check:
    return Check(Category.SYSTEM, name, lambda: work)


async def says(text: str) -> str:
    return text


async def fails(error: Exception) -> str:
    raise error


async def waits(until: Deferred[str]) -> str:
    return await until


def results(clock: Clock, *found: Check) -> list[list[Finding]]:
    """What comes of them, once it has."""
    told: list[list[Finding]] = []
    Deferred.fromCoroutine(run_all(found, clock)).addCallback(told.append)
    return told


def test_each_check_comes_to_something_in_its_order() -> None:
    clock, later = Clock(), Deferred[str]()
    found = results(
        clock,
        check(waits(later), "first"),
        check(says("fine"), "second"),
        check(fails(Skipped("off")), "third"),
        check(fails(Wrong("broken", "mend it")), "fourth"),
    )
    assert found == []
    later.callback("late")
    (findings,) = found
    assert [(each.name, each.outcome, each.found, each.remedy) for each in findings] == [
        ("first", Outcome.PASSED, "late", ""),
        ("second", Outcome.PASSED, "fine", ""),
        ("third", Outcome.SKIPPED, "off", ""),
        ("fourth", Outcome.FAILED, "broken", "mend it"),
    ]
    assert clock.getDelayedCalls() == []


def test_a_check_has_a_bounded_time_and_costs_the_others_none() -> None:
    clock, ended = Clock(), list[str]()

    async def hangs() -> str:
        try:
            return await Deferred[str]()
        finally:
            ended.append("let go")

    found = results(clock, *(check(hangs()) for _ in range(20)), check(says("fine")))
    clock.advance(PATIENCE - 0.1)
    assert found == []
    clock.advance(0.2)
    (findings,) = found
    assert [each.outcome for each in findings] == [Outcome.FAILED] * 20 + [Outcome.PASSED]
    assert "no answer within 5 s" in findings[0].found
    assert len(ended) == 20
    assert clock.getDelayedCalls() == []


def test_a_check_that_is_broken_says_so() -> None:
    with structlog.testing.capture_logs() as logged:
        ((finding,),) = results(Clock(), check(fails(KeyError("oops"))))
    assert (finding.outcome, finding.found) == (Outcome.FAILED, "the check itself has failed: KeyError")
    assert [entry["log_level"] for entry in logged] == ["error"]


@pytest.mark.parametrize(
    ("endpoint", "at"),
    [
        ("tcp:4721:interface=127.0.0.1", At("127.0.0.1", 4721)),
        ("tcp:port=4721:interface=192.0.2.1:backlog=5", At("192.0.2.1", 4721)),
        ("tcp:4721", At("127.0.0.1", 4721)),
        ("tcp:4721:interface=0.0.0.0", At("127.0.0.1", 4721)),
        ("tcp:4721:interface=localhost", At("127.0.0.1", 4721)),
        (r"tcp6:4721:interface=\:\:1", At("::1", 4721)),
        (r"tcp6:4721:interface=\:\:", At("::1", 4721)),
        ("tcp6:4721", At("::1", 4721)),
        ("unix:/run/ctigw.sock:mode=660", At("", 0, "/run/ctigw.sock")),
        (r"unix:/run/a\:b", At("", 0, "/run/a:b")),
        ("tcp:0:interface=127.0.0.1", None),
        ("systemd:domain=INET:index=0", None),
        ("nonsense", None),
    ],
)
def test_where_a_listener_is_reached(endpoint: str, at: At | None) -> None:
    assert of_endpoint(endpoint) == at


@pytest.mark.parametrize(
    ("address", "at", "shown"),
    [
        (IPv4Address("TCP", "0.0.0.0", 1), At("127.0.0.1", 1), "127.0.0.1:1"),
        (IPv4Address("TCP", "192.0.2.1", 1), At("192.0.2.1", 1), "192.0.2.1:1"),
        (IPv6Address("TCP", "::", 1), At("::1", 1), "[::1]:1"),
        (UNIXAddress(b"/run/ctigw"), At("", 0, "/run/ctigw"), "/run/ctigw"),
    ],
)
def test_where_something_listens(address: Any, at: At, shown: str) -> None:
    assert (of_address(address), str(of_address(address))) == (at, shown)


def names(config: Config, places: Places | None = None) -> list[tuple[str, str]]:
    async def look() -> About:
        return About(HEAD, 0, "")

    known = Known(config=config, data=Path("var"), places=places or configured(config), look=look)
    return [(each.category.value, each.name) for each in checks(known, Clock())]


def test_what_is_off_is_in_the_table_all_the_same() -> None:
    assert names(Config()) == [
        ("Database", "database"),
        ("CTI gateway", "CSTA 127.0.0.1:4721"),
        ("Proxy server", "SIP proxy"),
        ("Presence", "presence engine"),
        ("AXL", "AXL"),
        ("IPPM", "IP phone messenger"),
        ("System", "disk of var"),
    ]


def test_the_table_has_everything_that_is_on() -> None:
    config = parse(
        """
        [[listeners]]
        endpoint = "tcp:1:interface=127.0.0.1"
        tls_certificate = "a.pem"
        tls_key = "k.pem"
        [[listeners]]
        endpoint = "unix:/run/ctigw"
        [log]
        folder = "log"
        [[sip.listeners]]
        [[sip.listeners]]
        transport = "tls"
        port = 0
        tls_certificate = "a.pem"
        tls_key = "k.pem"
        [[web.listeners]]
        serves = ["epas", "axl"]
        tls_certificate = "b.pem"
        tls_key = "k.pem"
        [[web.listeners]]
        port = 8080
        serves = ["presence"]
        """
    )
    assert names(config) == [
        ("Database", "database"),
        ("CTI gateway", "CSTA 127.0.0.1:1"),
        ("CTI gateway", "CSTA /run/ctigw"),
        ("Proxy server", "SIP udp:127.0.0.1:5060"),
        ("Proxy server", "SIP tls:127.0.0.1"),
        ("Proxy server", "SIP proxy"),
        ("Presence", "presence engine"),
        ("Web", "epas https://127.0.0.1:8443"),
        ("AXL", "axl https://127.0.0.1:8443"),
        ("Web", "presence http://127.0.0.1:8080"),
        ("IPPM", "IP phone messenger"),
        ("System", "disk of var"),
        ("System", "disk of log"),
        ("System", "certificate a.pem"),
        ("System", "certificate b.pem"),
    ]


def test_the_guides_categories_are_all_there() -> None:
    guide = {"AXL", "Presence", "Proxy server", "IPPM", "CTI gateway"}
    assert guide <= {category for category, _ in names(Config())}


def test_a_certificate_that_lasts(tmp_path: Path) -> None:
    file, _ = own_certificate(tmp_path, "localhost")
    assert machine.certificate(str(file)).startswith("it expires on 20")


@pytest.mark.parametrize(
    ("later", "found"),
    [
        (timedelta(0), "in 0 days"),
        (timedelta(hours=2), "has expired on"),
        (timedelta(hours=-2), "is good from"),
    ],
)
def test_a_certificate_that_does_not(tmp_path: Path, later: timedelta, found: str) -> None:
    file, _ = Authority(tmp_path, "ca").issue("localhost")  # from an hour ago, for an hour
    with pytest.raises(Wrong, match=found):
        machine.certificate(str(file), lambda: datetime.now(UTC) + later)


def test_what_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nonsense")
    with pytest.raises(Wrong, match="no certificate"):
        machine.certificate(str(tmp_path / "a.pem"))
    with pytest.raises(Wrong, match="No such file"):
        machine.certificate(str(tmp_path / "b.pem"))


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MiB are free in" in machine.disk(tmp_path)
    assert "MiB are free in" in machine.disk(tmp_path / "not" / "yet")
    monkeypatch.setattr(machine, "LEAST", 1 << 60)
    with pytest.raises(Wrong, match="MiB are free"):
        machine.disk(tmp_path)


def test_a_database_says_which_it_is(database: Database) -> None:
    async def look() -> About:
        return database.run_now(about)

    assert done(check_database(look)) == f"answers: revision {HEAD}, 0 users"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (About("0001", 0, ""), "its tables are at revision 0001, and this version needs"),
        (DatabaseError("it is away\nfar away"), "it is away"),
    ],
)
def test_a_database_that_is_not_as_it_should_be(found: About | Exception, why: str) -> None:
    async def look() -> About:
        if isinstance(found, Exception):
            raise found
        return found

    with pytest.raises(Wrong, match=why):
        done(check_database(look))


def test_asking_for_a_database_does_not_make_one(tmp_path: Path) -> None:
    from ctigw.checks.database import _look

    with pytest.raises(DatabaseError, match="there is no"):
        _look(Config(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    database = Database(url_in(tmp_path))
    database.open()
    database.close()
    assert _look(Config(), tmp_path).revision == HEAD
    assert callable(beside(Config(), tmp_path, Clock()))


def test_people_are_told_in_columns_what_to_do() -> None:
    findings = [
        Finding(category=Category.DATABASE, name="database", outcome=Outcome.PASSED, found="answers"),
        Finding(
            category=Category.CTI, name="CSTA", outcome=Outcome.FAILED, found="a\x1b[2J\nb", remedy="mend it"
        ),
        Finding(category=Category.IPPM, name="IPPM", outcome=Outcome.SKIPPED, found="not here"),
    ]
    assert told(findings) == [
        "ok       Database     database  answers",
        "FAILED   CTI gateway  CSTA      a?[2J b",
        "         -> mend it",
        "skipped  IPPM         IPPM      not here",
        "1 of 3 checks failed",
    ]
    assert told(findings[::2])[-1] == "all is well"
