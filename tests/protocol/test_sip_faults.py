"""What established presence servers are known to do wrong, and their users complain of: not here.

First the faults that were seen at one such server, then what its and other servers' users write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ctigw.app.sip import Kept
from ctigw.presence.publications import Change, Publication
from ctigw.rules import Rule, Visibility
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request
from tests import bodies
from tests.presence import LASTING, OPEN, Bench, answer, person, pidf
from tests.sip import PEER

TLS = Remote("TLS", "192.0.2.15", 40001, 7, 2)
OTHER = Remote("UDP", "192.0.2.16", 5060)


@dataclass
class Slow:
    """A store that answers when it is told to."""

    waiting: list[tuple[Change, Callable[[bool], None]]] = field(default_factory=list)

    def keep(self, change: Change, done: Callable[[bool], None]) -> None:
        self.waiting.append((change, done))

    def answers(self, kept: bool = True) -> None:
        """It answers the first that waits."""
        self.waiting.pop(0)[1](kept)


def raw(bench: Bench, *lines: str, body: str = "", source: Remote = PEER) -> None:
    """A message arrives as it is written."""
    bench.receive("\r\n".join((*lines, "", body)), source)


def tag_of(request: Request) -> str:
    return request.get("From").partition(";tag=")[2]


def within(bench: Bench, notify: Request, branch: str, cseq: int, *more: str, source: Remote = PEER) -> int:
    """The answer to a SUBSCRIBE in the dialog of ``notify``."""
    raw(
        bench,
        "SUBSCRIBE sip:192.0.2.1:5060 SIP/2.0",
        f"Via: SIP/2.0/{source.transport} {source.host}:{source.port};branch=z9hG4bK{branch}",
        f"From: {notify.get('To')}",
        f"To: {notify.get('From')}",
        f"Call-ID: {notify.call_id}",
        f"CSeq: {cseq} SUBSCRIBE",
        "Event: presence",
        f"Contact: <sip:{source.host}:{source.port}>",
        "Content-Length: 0",
        *more,
        source=source,
    )
    return bench.answer(notify.call_id).status


# Faults that were seen


def test_fault_1_who_subscribes_to_watcher_information_harms_nobody() -> None:
    """One such SUBSCRIBE killed the server, as long as it kept everything in memory."""
    bench = Bench()
    for who in ("alice", "bob"):
        bench.ask("SUBSCRIBE", who, "alice", Event="presence.winfo", Contact="<sip:192.0.2.15>")
    bench.subscribe()
    assert bench.ask("OPTIONS", "carol", "alice").status == 200
    assert [n.get("Event") for n in bench.notified()] == ["presence.winfo", "presence", "presence.winfo"]


def test_fault_2_a_refresh_does_not_erase_the_document() -> None:
    bench = Bench()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    assert bench.publish(SIP_If_Match=etag).status == 200
    bench.subscribe(Expires="0")
    (notify,) = bench.notified()
    assert b"<r:busy/>" in notify.body


def test_fault_3_a_refresh_tells_nobody_anything() -> None:
    bench = Bench()
    bench.subscribe()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    bench.notified()
    for _ in range(3):
        etag = bench.publish(SIP_If_Match=etag).get("SIP-ETag")
    # nor does who says the same again, in other words
    bench.publish(body=pidf("open", "busy").replace("><", "> <"), SIP_If_Match=etag)
    assert bench.notified() == []


def test_fault_4_a_removal_without_content_length_is_one() -> None:
    """It was refused: the user stayed online."""
    bench = Bench()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    raw(
        bench,
        "PUBLISH sip:alice@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bK1",
        "From: <sip:alice@example.com>;tag=1",
        "To: <sip:alice@example.com>",
        "Call-ID: 1",
        "CSeq: 2 PUBLISH",
        "Event: presence",
        "Expires: 0",
        f"SIP-If-Match: {etag}",
    )
    assert bench.answer("1").status == 200
    bench.subscribe(Expires="0")
    (notify,) = bench.notified()
    assert b"closed" in notify.body
    assert b"open" not in notify.body


def test_fault_5_of_two_publications_with_one_tuple_id_the_newer_one_wins() -> None:
    """A client that was killed and comes back could not go offline: what it had said before won."""
    bench = Bench()
    bench.publish(body=pidf("open", "busy"))
    bench.passes(1)
    bench.publish(body=pidf("closed", "away"))
    bench.subscribe(Expires="0")
    (notify,) = bench.notified()
    assert notify.body.count(b"<tuple") == 1
    assert b"<basic>closed</basic>" in notify.body
    assert b"<r:away/>" in notify.body


@pytest.mark.parametrize("etag", ["a.1234.5678.9.0", "unknown", "t0", '"quoted"', "a" * 2000])
def test_fault_6_an_entity_tag_of_any_form_that_nobody_knows_is_412(etag: str) -> None:
    assert Bench().publish(SIP_If_Match=etag).status == 412


def test_fault_6_a_lower_number_in_a_dialog_is_500_and_changes_nothing() -> None:
    bench = Bench()
    bench.subscribe()
    (notify,) = bench.notified()
    assert within(bench, notify, "a", 5) == 200
    bench.notified()
    assert within(bench, notify, "b", 4, "Expires: 0") == 500
    assert bench.notified() == []
    assert within(bench, notify, "c", 6) == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no XML",
        "<presence",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        '<absence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"/>',
        '<!DOCTYPE presence [<!ENTITY a "b">]><presence entity="sip:alice@example.com">&a;</presence>',
        "\N{REPLACEMENT CHARACTER}",
    ],
)
def test_fault_6_what_is_no_presence_document_is_400_not_415(body: str) -> None:
    assert Bench().publish(body=body).status == 400


def test_fault_6_a_document_of_another_kind_is_415_and_the_answer_names_those_that_are_taken() -> None:
    refused = Bench().publish(body="hello", Content_Type="text/plain")
    assert (refused.status, refused.get("Accept")) == (415, "application/pidf+xml, application/cpim-pidf+xml")


def test_fault_6_accept_is_not_ignored() -> None:
    bench = Bench()
    assert bench.subscribe(Accept="text/plain").status == 406
    for accept, given in (
        ("application/cpim-pidf+xml", "application/cpim-pidf+xml"),
        ("application/xpidf+xml, application/pidf+xml;q=0.5", "application/pidf+xml"),
        ("*/*", "application/pidf+xml"),
    ):
        assert bench.subscribe(Accept=accept, Expires="0").status == 200
        (notify,) = bench.notified()
        assert notify.get("Content-Type") == given


def test_fault_7_a_subscription_is_refreshed_whatever_becomes_of_the_store() -> None:
    """With one kind of database every SUBSCRIBE in a dialog was 500."""
    slow = Slow()
    bench = Bench(kept=Kept(publication=slow.keep))
    bench.subscribe()
    (notify,) = bench.notified()
    raw(bench, *publish_lines("1"), body=pidf("open", "busy"))
    assert bench.mail == []  # it is not answered before it is stored
    assert within(bench, notify, "a", 2) == 200
    assert [n.get("CSeq") for n in bench.notified()] == ["2 NOTIFY"]
    slow.answers()
    bench.turn()
    assert bench.answer("1").status == 200
    assert [n.get("CSeq") for n in bench.notified()] == ["3 NOTIFY"]


def publish_lines(call: str, etag: str = "", expires: int = 600) -> list[str]:
    return [
        "PUBLISH sip:alice@example.com SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bK{call}",
        "From: <sip:alice@example.com>;tag=1",
        "To: <sip:alice@example.com>",
        f"Call-ID: {call}",
        "CSeq: 1 PUBLISH",
        "Event: presence",
        f"Expires: {expires}",
        "Content-Type: application/pidf+xml",
        *([f"SIP-If-Match: {etag}"] if etag else []),
    ]


def test_fault_8_what_cannot_be_stored_is_refused_for_the_moment_and_changes_nothing() -> None:
    """PUBLISHes were lost, with 500, when the database was locked."""
    slow = Slow()
    bench = Bench(kept=Kept(publication=slow.keep))
    bench.subscribe()
    bench.notified()
    raw(bench, *publish_lines("1"), body=pidf("open", "busy"))
    slow.answers(kept=False)
    bench.turn()
    refused = bench.answer("1")
    assert (refused.status, refused.get("Retry-After")) == (503, "5")
    assert bench.notified() == []
    raw(bench, *publish_lines("2"), body=pidf("open", "away"))
    slow.answers()
    bench.turn()
    assert bench.answer("2").status == 200
    (notify,) = bench.notified()
    assert b"<r:away/>" in notify.body


def test_fault_9_a_notify_goes_by_the_connection_that_the_subscribe_came_by() -> None:
    """A client's Contact names the port it listens at: a new connection was opened to it, in vain."""
    bench = Bench()
    contact = "<sip:bob@192.0.2.15:5061;transport=tls>"
    bench.ask("SUBSCRIBE", "bob", "alice", TLS, Event="presence", Contact=contact)
    ((to, notify),) = bench.mail
    assert to == TLS
    assert isinstance(notify, Request)
    assert notify.uri == contact[1:-1]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("CSeq", "CSeq:\r\n  1\r\n\tSUBSCRIBE"),
        ("Via", "Via: SIP/2.0/UDP\r\n 192.0.2.15:5060\r\n ;branch=z9hG4bK1"),
        ("Event", "o:\r\n presence"),
    ],
)
def test_fault_10_folded_header_fields_are_read(name: str, folded: str) -> None:
    lines = {
        "Via": "Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bK1",
        "From": "f: <sip:bob@example.com>;tag=1",
        "To": "t: <sip:alice@example.com>",
        "Call-ID": "i: 1",
        "CSeq": "CSeq: 1 SUBSCRIBE",
        "Event": "o: presence",
        "Contact": "m: <sip:192.0.2.15>",
    }
    bench = Bench()
    raw(bench, "SUBSCRIBE sip:alice@example.com SIP/2.0", *{**lines, name: folded}.values())
    assert bench.answer("1").status == 200


def test_fault_10_no_gruu_is_given_to_who_did_not_ask_or_did() -> None:
    bench = Bench()
    for supported in ("", "gruu, outbound"):
        contact = '<sip:bob@192.0.2.15>;+sip.instance="<urn:uuid:1>"'
        answer = bench.ask("REGISTER", "bob", "bob", Contact=contact, Supported=supported)
        assert answer.status == 200
        assert "gruu" not in answer.write().decode()


# What users complain of


def test_complaint_1_it_can_be_said_who_wins_and_asked_who_did() -> None:
    """Documents were united: a person twice, and nobody knew which counted."""
    bench = Bench(OPEN + "[presence]\n[presence.priorities]\npublication = 500\noffice = 800\n")
    bench.publish(body=sourced("home", "away", "t1"))
    bench.publish(body=sourced("office", "busy", "t2"))
    bench.subscribe(Expires="0")
    (notify,) = bench.notified()
    assert notify.body.count(b":person ") == 1
    assert b"<r:busy/>" in notify.body
    assert b"<r:away/>" not in notify.body
    explained = bench.side.presence.explain("alice@example.com")
    assert [(each["source"], each["priority"]) for each in explained] == [("office", 800), ("home", 500)]
    assert [("activities" in str(each["won"])) for each in explained] == [True, False]


def sourced(source: str, activity: str, tuple_id: str) -> str:
    named = f'<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source">{source}</so:source></tuple>'
    return pidf("open", activity, tuple_id).replace("</tuple>", named)


@pytest.mark.parametrize("order", ["busy, then away", "away, then busy"])
def test_complaint_2_publications_close_together_take_effect_one_after_the_other(order: str) -> None:
    """The state got stuck at the one before the last, or was mixed of both."""
    slow = Slow()
    bench = Bench(kept=Kept(publication=slow.keep))
    bench.subscribe()
    bench.notified()
    activities = order.split(", then ")
    for index, activity in enumerate(activities):
        raw(bench, *publish_lines(str(index)), body=pidf("open", activity))
        bench.clock.advance(0.001)
    assert len(slow.waiting) == 1  # the second waits for the first
    for _ in activities:
        slow.answers()
        bench.turn()
    bench.notified()
    bench.subscribe(Expires="0")
    last = bench.notified()[-1]
    assert f"<r:{activities[1]}/>".encode() in last.body
    assert f"<r:{activities[0]}/>".encode() not in last.body


def test_complaint_3_of_two_changes_under_one_entity_tag_one_is_done_and_the_other_told_so() -> None:
    slow = Slow()
    bench = Bench(kept=Kept(publication=slow.keep))
    raw(bench, *publish_lines("0"), body=pidf("open", "busy"))
    slow.answers()
    bench.turn()
    etag = bench.answer("0").get("SIP-ETag")
    for call in ("1", "2"):
        raw(bench, *publish_lines(call, etag), body=pidf("open", "away", call))
    slow.answers()
    bench.turn()
    assert slow.waiting == []
    done, refused = bench.answer("1"), bench.answer("2")
    assert (done.status, refused.status) == (200, 412)
    # whoever is refused publishes anew, and that is the end of it
    raw(bench, *publish_lines("3"), body=pidf("open", "away", "2"))
    slow.answers()
    bench.turn()
    assert bench.answer("3").status == 200


def test_complaint_3_a_publish_that_comes_again_is_answered_the_same_again() -> None:
    """An answer was lost: the same request under an entity-tag that is used up was 412."""
    bench = Bench()
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    answers = []
    for _ in range(2):
        raw(bench, *publish_lines("1", etag), body=pidf("open", "away"))
        answers.append(bench.answer("1"))
    assert answers[0].status == 200
    assert answers[0] == answers[1]


def test_complaint_4_notifies_come_one_at_a_time_in_order_and_the_newest_state_wins() -> None:
    bench = Bench()
    bench.subscribe()
    (first,) = [m for _, m in bench.mail if isinstance(m, Request)]
    bench.mail.clear()
    etag = ""
    for activity in ("busy", "away", "meeting"):
        etag = bench.publish(body=pidf("open", activity), **({"SIP_If_Match": etag} if etag else {})).get(
            "SIP-ETag"
        )
    assert bench.mail == []  # the first one is still under way
    bench.receive(answer(first))
    (second,) = bench.notified()
    assert [first.get("CSeq"), second.get("CSeq")] == ["1 NOTIFY", "2 NOTIFY"]
    assert b"<r:meeting/>" in second.body


def test_complaint_4_a_subscribe_that_comes_again_is_one_subscription() -> None:
    bench = Bench()
    lines = [
        "SUBSCRIBE sip:alice@example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.15:5060;branch=z9hG4bK1",
        "From: <sip:bob@example.com>;tag=1",
        "To: <sip:alice@example.com>",
        "Call-ID: 1",
        "CSeq: 1 SUBSCRIBE",
        "Event: presence",
        "Contact: <sip:192.0.2.15>",
    ]
    raw(bench, *lines)
    first = bench.answer("1")
    raw(bench, *lines)
    assert bench.answer("1") == first
    assert len(bench.notified()) == 1
    assert len(bench.side.subscriptions) == 1


def test_complaint_5_all_of_it_works_without_any_store() -> None:
    """In memory alone, servers crashed, or knew nothing of some of this."""
    bench = Bench()
    for event in ("presence", "presence.winfo"):
        bench.ask("SUBSCRIBE", "alice", "alice", Event=event, Contact="<sip:192.0.2.15>", Expires="60")
    bench.notified()
    etag = bench.publish(body=pidf("open", "busy"), Expires="60").get("SIP-ETag")
    assert len(bench.notified()) == 1
    bench.publish(SIP_If_Match=etag, Expires="60")
    bench.passes(30)
    bench.ask("REGISTER", "bob", "bob", Contact="<sip:bob@192.0.2.15>;expires=60")
    bench.passes(100)
    # each more than once, as nobody has answered for so long
    states = {(n.get("Event"), n.get("Subscription-State")) for n in bench.notified()}
    assert states == {(event, "terminated;reason=timeout") for event in ("presence", "presence.winfo")}
    bench.passes(100)
    assert nothing_left(bench)


def nothing_left(bench: Bench) -> bool:
    """Half a minute after the last message."""
    figures, layer = bench.side.figures(), bench.side.stack._layer
    kept = [figures[name] for name in LASTING]
    kept += [
        len(layer.clients),
        len(layer.servers),
        len(layer.copies),
        len(bench.side.subscriptions._expiring),
    ]
    return not any(kept)


def test_complaint_6_nothing_but_a_publication_waits_for_the_store() -> None:
    slow = Slow()
    bench = Bench(kept=Kept(publication=slow.keep))
    raw(bench, *publish_lines("1"), body=pidf("open", "busy"))
    for method, headers in (
        ("SUBSCRIBE", {"Event": "presence", "Contact": "<sip:192.0.2.15>", "Expires": "60"}),
        ("OPTIONS", {}),
        ("MESSAGE", {"body": "hello", "Content-Type": "text/plain"}),
    ):
        assert bench.ask(method, "bob", "alice", **headers).status in (200, 480)
    bench.notified()
    bench.passes(60)
    over = bench.notified()[0]  # and watchers whose time is up do not stay
    assert over.get("Subscription-State") == "terminated;reason=timeout"


def test_complaint_6_publications_outlive_the_server_and_are_refreshed_under_their_entity_tags() -> None:
    stored: dict[str, Publication] = {}

    def keep(change: Change, done: Callable[[bool], None]) -> None:
        new = change.publication
        stored[new.id] = Publication(
            new.id, new.presentity, new.etag, new.agent, new.expires, new.published, new.body
        )
        done(True)

    before = Bench(kept=Kept(publication=keep))
    etag = before.publish(body=pidf("open", "busy")).get("SIP-ETag")
    after = Bench()
    after.side.presence.restore(stored.values())
    assert after.publish(SIP_If_Match=etag).status == 200
    after.subscribe(Expires="0")
    (notify,) = after.notified()
    assert b"<r:busy/>" in notify.body


def test_complaint_7_a_list_begins_with_everybody_in_it_and_says_how_it_is_to_be_read() -> None:
    """Clients crash without start=; others never learned of those who did not change."""
    bench = Bench()
    bench.side.put([person("alice", contacts=("bob", "carol"))])
    bench.ask(
        "SUBSCRIBE",
        "alice",
        "alice-contacts",
        Event="presence",
        Contact="<sip:192.0.2.15>",
        Supported="eventlist",
    )
    (notify,) = bench.notified()
    content_type = notify.get("Content-Type")
    assert ';type="application/rlmi+xml";start="<' in content_type
    assert list(bodies.faults(content_type, notify.body)) == []
    rlmi = bodies.parts(content_type, notify.body)[0][2]
    assert b'fullState="true"' in rlmi
    assert len(bodies.documents(content_type, notify.body)) == 2


def test_complaint_8_a_connection_that_is_gone_ends_nobodys_presence() -> None:
    """What was published stays until it expires: the client may be back before; watchers are found again."""
    bench = Bench()
    etag = bench.ask(
        "PUBLISH",
        "alice",
        "alice",
        TLS,
        Event="presence",
        Content_Type=bodies.PIDF,
        body=pidf("open", "busy"),
    ).get("SIP-ETag")
    bench.ask("SUBSCRIBE", "bob", "alice", TLS, Event="presence", Contact="<sip:bob@192.0.2.15:5062>")
    bench.notified()
    bench.side.node.lost(TLS)
    bench.turn()
    assert bench.mail == []
    assert bench.publish(body=pidf("open", "away"), SIP_If_Match=etag).status == 200
    ((to, _),) = bench.mail
    assert (to.transport, to.host, to.port, to.flow) == ("UDP", "192.0.2.15", 5062, 0)


def test_complaint_8_what_no_datagram_should_carry_goes_over_tcp_and_then_back_if_nobody_listens() -> None:
    bench = Bench()
    bench.publish(body=pidf("open", "busy").replace("<tuple", f"<note>{'x' * 1300}</note><tuple", 1))
    bench.subscribe()
    ((to, notify),) = bench.mail
    assert (to.transport, to.host) == ("TCP", "192.0.2.15")
    assert isinstance(notify, Request)
    bench.mail.clear()
    bench.side.node.lost(to)
    bench.turn()
    ((again, _),) = bench.mail
    assert again == PEER
    assert len(bench.notified()) == 1


@pytest.mark.parametrize("status", [200, 404, 481, 489])
def test_complaint_9_dead_subscriptions_leave_nothing_behind(status: int) -> None:
    bench = Bench()
    for _ in range(20):
        bench.subscribe()
    bench.ask("SUBSCRIBE", "alice", "alice", Event="presence.winfo", Contact="<sip:192.0.2.15>")
    bench.notified(status)
    etag = bench.publish(body=pidf("open", "busy")).get("SIP-ETag")
    bench.notified(status)
    assert bench.publish(SIP_If_Match=etag, Expires="0").status == 200
    bench.notified(status)
    bench.passes(4000)
    bench.notified(status)
    bench.passes(100)
    assert nothing_left(bench)


def test_complaint_9_watchers_that_vanish_without_a_word_leave_nothing_behind() -> None:
    bench = Bench()
    for number in range(20):
        bench.subscribe(Contact=f"<sip:192.0.2.{100 + number}:5060>")
    bench.mail.clear()
    bench.passes(33)
    assert nothing_left(bench)
    assert bench.side.figures()["watchers gone"] == 20


def test_complaint_10_a_contact_leads_back_to_the_listener_by_which_the_request_came() -> None:
    bench = Bench()
    answer = bench.ask("SUBSCRIBE", "bob", "alice", TLS, Event="presence", Contact="<sip:192.0.2.15>")
    assert answer.get("Contact") == "<sip:192.0.2.1:5061;transport=tls>"
    assert bench.subscribe().get("Contact") == "<sip:192.0.2.1:5060>"


def test_complaint_10_an_answer_that_is_lost_does_not_end_the_subscription() -> None:
    """One lost 200 put the lamp out."""
    bench = Bench()
    bench.subscribe()
    ((_, first),) = bench.mail
    bench.mail.clear()
    bench.passes(0.5)
    ((_, again),) = bench.mail
    assert again == first
    assert isinstance(again, Request)
    bench.mail.clear()
    bench.receive(answer(again))
    bench.receive(answer(again))
    bench.publish(body=pidf("open", "busy"))
    (notify,) = bench.notified()
    assert notify.get("CSeq") == "2 NOTIFY"


@pytest.mark.parametrize("status", [302, 400, 401, 500, 503])
def test_complaint_10_a_watcher_that_does_not_like_one_notify_is_sent_the_next_all_the_same(
    status: int,
) -> None:
    bench = Bench()
    bench.subscribe()
    bench.notified(status)
    bench.publish(body=pidf("open", "busy"))
    (notify,) = bench.notified()
    assert b"<r:busy/>" in notify.body


def test_complaint_10_who_is_blocked_politely_cannot_tell() -> None:
    """Rules are for the user to choose, and to be kept."""
    bench = Bench()
    bench.side.put([person("alice", rules=(Rule("r", Visibility.POLITE_BLOCK),))])
    bench.publish(body=pidf("open", "busy"))
    bench.subscribe()
    bench.ask("SUBSCRIBE", "bob", "carol", Event="presence", Contact="<sip:192.0.2.15>")
    blocked, absent = bench.notified()
    assert blocked.get("Subscription-State").startswith("active")
    assert blocked.body == absent.body.replace(b"carol", b"alice")
