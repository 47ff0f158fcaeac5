"""What holds in every test: nothing is logged as an error, nothing is left on the reactor, every CSTA message
that an association sends is valid, by our schemas and by the reference ones where those are at hand, and so
is every body that a SIP server tells something in, by the IETF's where those are at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import URL
from twisted.internet import reactor
from twisted.logger import globalLogPublisher

from ctigw.csta.association import Association
from ctigw.csta.frame import FrameReader, event_frames
from ctigw.csta.validation import validator
from ctigw.sip.events import Done
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Client, Incoming
from ctigw.sip.message import Request, parse_head
from ctigw.sip.ready import Ready
from ctigw.sip.stack import Stack
from ctigw.store.database import Database, url_in
from tests import bodies, postgresql
from tests.clients import Remembering

REFERENCE = Path(__file__).parents[2] / "shared" / "reference" / "csta" / "oracle"
judges: list[Callable[[bytes], str | None]] = [validator()]
if REFERENCE.exists():
    judges.append(validator(REFERENCE / "csta-ed3.xsd", session_schema_file=REFERENCE / "appl-session.xsd"))


@pytest.fixture(autouse=True)
def only_valid_messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Collects what is wrong with the messages sent, since raising there would only look like a crash."""
    wrong: list[tuple[str, bytes]] = []
    send, event = Association._send, Association.event

    def judged(body: bytes) -> None:
        wrong.extend((why, body) for judge in judges if (why := judge(body)) is not None)

    def judged_send(self: Association, invoke_id: int, body: bytes) -> None:
        send(self, invoke_id, body)
        judged(body)

    def judged_event(self: Association, start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> None:
        event(self, start, cross_ref_ids, tail)
        for frame in FrameReader().feed(event_frames(start, cross_ref_ids, tail)):
            judged(frame.body)

    monkeypatch.setattr(Association, "_send", judged_send)
    monkeypatch.setattr(Association, "event", judged_event)
    monkeypatch.setattr(Remembering, "judge", lambda _self, body: judged(body))
    yield
    assert wrong == []


@pytest.fixture(autouse=True)
def only_valid_bodies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As `only_valid_messages`, of what SIP servers tell: not of what their users have said."""
    wrong: list[tuple[str, bytes]] = []
    send, respond = Stack._send, Incoming.respond

    def judged_send(
        self: Stack, whole: Request | Ready, target: Remote, done: Done | None, **more: Any
    ) -> Client:
        if whole.method == "NOTIFY" and whole.body:
            written = whole.write("Via: judged") if isinstance(whole, Ready) else whole.write()
            kind = parse_head(written.partition(b"\r\n\r\n")[0]).message.get("Content-Type")
            wrong.extend((why, whole.body) for why in bodies.faults(kind, whole.body))
        return send(self, whole, target, done, **more)

    def judged_respond(
        self: Incoming,
        status: int,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        reason: str = "",
        tag: str | None = None,
    ) -> None:
        headers = tuple(headers)
        if body:
            wrong.extend((why, body) for why in bodies.faults(dict(headers).get("Content-Type", ""), body))
        respond(self, status, headers, body, reason, tag)

    monkeypatch.setattr(Stack, "_send", judged_send)
    monkeypatch.setattr(Incoming, "respond", judged_respond)
    yield
    assert wrong == []


@pytest.fixture(autouse=True)
def no_errors_logged() -> Iterator[None]:
    """A test that means an error to be logged captures the log itself."""
    failures: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type] # any callable observes
    try:
        with structlog.testing.capture_logs() as logged:
            yield
    finally:
        globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type] # as above
    assert failures == []
    assert [entry for entry in logged if entry["log_level"] in ("error", "critical")] == []


@pytest.fixture(autouse=True)
def clean_reactor() -> Iterator[None]:
    """What a test opens or puts off on the real reactor is over when the test is."""
    loop: Any = reactor
    yield
    assert [call for call in loop.getDelayedCalls() if call.active()] == []
    assert [reader for reader in loop.getReaders() if "Waker" not in type(reader).__name__] == []


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """Started for the first test that needs it."""
    with contextlib.ExitStack() as ending:
        try:
            url = ending.enter_context(postgresql.server())
        except postgresql.Unavailable as why:
            pytest.skip(str(why))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        return url_in(tmp_path)
    server: URL = request.getfixturevalue("postgresql_server")
    postgresql.empty(server)
    return server


@pytest.fixture
def database(url: URL) -> Iterator[Database]:
    """A database that is open, once of each kind."""
    database = Database(url)
    database.open()
    yield database
    database.close()
