"""Publish and subscribe, through the whole server."""

from __future__ import annotations

from tests.presence import Bench, pidf


def test_a_publication_is_what_watchers_see() -> None:
    bench = Bench()
    published = bench.publish(body=pidf("open", "busy"))
    assert (published.status, published.get("Expires")) == (200, "600")
    assert published.get("SIP-ETag")
    answer = bench.subscribe()
    assert answer.status == 200
    (notify,) = bench.notified()
    assert notify.get("Subscription-State") == "active;expires=600"
    assert notify.get("Content-Type") == "application/pidf+xml"
    assert b"<r:busy/>" in notify.body
    assert b'entity="sip:alice@example.com"' in notify.body


def test_a_change_is_told_and_no_change_is_not() -> None:
    bench = Bench()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    bench.subscribe()
    bench.notified()
    etag = bench.publish(body=pidf("open", "away"), SIP_If_Match=etag).get("SIP-ETag")
    (notify,) = bench.notified()
    assert b"<r:away/>" in notify.body
    bench.publish(SIP_If_Match=etag)
    assert bench.notified() == []
