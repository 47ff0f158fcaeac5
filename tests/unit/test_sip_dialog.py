"""Dialogs."""

from __future__ import annotations

from typing import Any

import pytest

from ctigw.sip.dialog import Dialog, key_of
from ctigw.sip.errors import Malformed, Rejected
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response, parse

CONTACT = "<sip:gateway.example.com:5060>"
TARGET = "sip:alice@10.0.0.1:5062;transport=tcp"


def subscribe(**headers: str | list[str]) -> Request:
    usual: dict[str, Any] = {
        "Via": "SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK1",
        "From": '"Alice" <sip:alice@example.com>;tag=a1',
        "To": "<sip:bob@example.com>",
        "Call-ID": "call-1",
        "CSeq": "7 SUBSCRIBE",
        "Contact": f"<{TARGET}>",
        "Event": "presence",
    }
    usual |= {name.replace("_", "-"): lines for name, lines in headers.items()}
    fields = {name: [lines] if isinstance(lines, str) else lines for name, lines in usual.items() if lines}
    return Request("SUBSCRIBE", "sip:bob@example.com", fields)


def accepted(request: Request, **headers: str | list[str]) -> Response:
    fields = {name: request.lines(name) for name in ("From", "Call-ID", "CSeq")}
    fields["To"] = [request.get("To") + ";tag=b1"]
    fields["Contact"] = ["<sip:server.example.com>"]
    for name, lines in headers.items():
        fields[name.replace("_", "-")] = [lines] if isinstance(lines, str) else lines
    return Response(200, "OK", fields)


def served(**headers: str | list[str]) -> Dialog:
    return Dialog.uas(subscribe(**headers), "b1", CONTACT)


# Made by who serves


def test_who_serves_speaks_from_the_other_end() -> None:
    notify = served().request("NOTIFY")
    assert (notify.method, notify.uri) == ("NOTIFY", TARGET)
    assert notify.headers == {
        "From": ["<sip:bob@example.com>;tag=b1"],
        "To": ['"Alice" <sip:alice@example.com>;tag=a1'],
        "Call-ID": ["call-1"],
        "CSeq": ["1 NOTIFY"],
        "Contact": [CONTACT],
    }


def test_a_request_of_a_dialog_is_a_message() -> None:
    notify = served(Record_Route="<sip:p1;lr>").request("NOTIFY")
    notify.set("Via", "SIP/2.0/UDP x;branch=z9hG4bK2")
    assert parse(notify.write()) == notify


def test_every_request_has_a_number_of_its_own() -> None:
    dialog = served()
    assert [dialog.request("NOTIFY").cseq for _ in range(3)] == [1, 2, 3]


def test_a_dialog_is_found_by_the_requests_that_come_in_it() -> None:
    dialog = served()
    assert dialog.key == ("call-1", "b1", "a1")
    assert key_of(subscribe(To="<sip:bob@example.com>;tag=b1")) == dialog.key
    assert key_of(subscribe()) == ("call-1", "", "a1")


def test_a_client_without_a_tag_is_answered_without_one() -> None:
    dialog = served(From="sip:alice@example.com")
    assert dialog.key == ("call-1", "b1", "")
    assert dialog.request("NOTIFY").get("To") == "<sip:alice@example.com>"


def test_parameters_other_than_the_tag_are_kept() -> None:
    notify = served(From="<sip:a@b>;x=1;tag=t;y").request("NOTIFY")
    assert notify.get("To") == "<sip:a@b>;x=1;y;tag=t"


@pytest.mark.parametrize("contact", ["", "*", "<sip:a b>", "<tel:+49>", "nothing"])
def test_who_does_not_say_where_to_send_is_refused(contact: str) -> None:
    with pytest.raises(Rejected) as refused:
        served(Contact=contact)
    assert refused.value.status == 400


# Routes


def test_who_serves_sends_through_the_proxies_as_they_are_listed() -> None:
    notify = served(Record_Route=["<sip:p2;lr>, <sip:p1;lr>", "<sip:p0;lr>"]).request("NOTIFY")
    assert notify.uri == TARGET
    assert notify.lines("Route") == ["<sip:p2;lr>", "<sip:p1;lr>", "<sip:p0;lr>"]


def test_who_asks_sends_through_them_the_other_way_round() -> None:
    request = subscribe()
    dialog = Dialog.uac(request, accepted(request, Record_Route=["<sip:p2;lr>, <sip:p1;lr>"]))
    assert dialog.request("SUBSCRIBE").lines("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]


def test_a_strict_router_is_asked_as_if_it_were_the_target() -> None:
    notify = served(Record_Route="<sip:p2;method=INVITE;x=1?a=b>, <sip:p1;lr>").request("NOTIFY")
    assert notify.uri == "sip:p2;x=1"
    assert notify.lines("Route") == ["<sip:p1;lr>", f"<{TARGET}>"]


@pytest.mark.parametrize("route", ["<sip:p2;lr>, nothing", "<sip:>"])
def test_a_route_that_leads_nowhere_is_refused_at_once(route: str) -> None:
    with pytest.raises(Malformed):
        served(Record_Route=route)


# Made by who asks


def test_who_asks_goes_on_counting_from_the_first_request() -> None:
    request = subscribe()
    dialog = Dialog.uac(request, accepted(request))
    again = dialog.request("SUBSCRIBE")
    assert dialog.key == ("call-1", "a1", "b1")
    assert (again.uri, again.cseq) == ("sip:server.example.com", 8)
    assert (again.from_tag, again.to_tag) == ("a1", "b1")
    assert again.get("Contact") == f"<{TARGET}>"


def test_an_acceptance_that_does_not_say_where_to_send_is_of_no_use() -> None:
    request = subscribe()
    with pytest.raises(Rejected):
        Dialog.uac(request, accepted(request, Contact=[]))


def notify(**headers: str | list[str]) -> Request:
    return subscribe(
        From="<sip:bob@example.com>;tag=n1",
        To="<sip:alice@example.com>;tag=a1",
        CSeq="900 NOTIFY",
        Contact="<sip:server.example.com>",
        **headers,
    )


def test_a_notification_makes_the_dialog_before_the_response_does() -> None:
    dialog = Dialog.notified(subscribe(), notify(Record_Route="<sip:p2;lr>, <sip:p1;lr>"))
    assert dialog.key == ("call-1", "a1", "n1")
    assert (dialog.local_seq, dialog.remote_seq) == (7, 900)
    assert dialog.request("SUBSCRIBE").lines("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
    with pytest.raises(Rejected):
        Dialog.notified(subscribe(), Request("NOTIFY", "sip:x", {**notify().headers, "Contact": []}))


# What comes in it


def test_a_request_that_a_later_one_has_overtaken_is_refused_and_changes_nothing() -> None:
    dialog = served()
    with pytest.raises(Rejected) as refused:
        dialog.check(subscribe(CSeq="6 SUBSCRIBE", Contact="<sip:elsewhere>"))
    assert refused.value.status == 500
    assert (dialog.remote_seq, dialog.remote_target) == (7, TARGET)
    dialog.check(subscribe(CSeq="7 SUBSCRIBE"))
    dialog.check(subscribe(CSeq="9 SUBSCRIBE"))
    assert dialog.remote_seq == 9


def test_the_first_request_from_the_other_side_may_have_any_number() -> None:
    request = subscribe()
    dialog = Dialog.uac(request, accepted(request))
    assert dialog.remote_seq is None
    dialog.check(notify())
    assert dialog.remote_seq == 900


def test_a_contact_moves_the_target() -> None:
    dialog = served()
    dialog.check(subscribe(CSeq="8 SUBSCRIBE", Contact="<sip:alice@10.0.0.2>"))
    assert dialog.request("NOTIFY").uri == "sip:alice@10.0.0.2"
    dialog.check(subscribe(CSeq="9 SUBSCRIBE", Contact=""))
    assert dialog.remote_target == "sip:alice@10.0.0.2"


def test_the_contact_of_a_request_that_refreshes_nothing_is_not_looked_at() -> None:
    dialog = served()
    other = subscribe(CSeq="8 MESSAGE", Contact="*")
    other.method = "MESSAGE"
    dialog.check(other)
    assert (dialog.remote_target, dialog.remote_seq) == (TARGET, 8)


def test_a_contact_that_is_none_changes_nothing() -> None:
    dialog = served()
    with pytest.raises(Malformed):
        dialog.check(subscribe(CSeq="8 SUBSCRIBE", Contact="*"))
    assert (dialog.remote_target, dialog.remote_seq) == (TARGET, 7)


def test_an_answer_may_move_the_target_too() -> None:
    dialog, request = served(), subscribe()
    dialog.answered(accepted(request, Contact="<sip:moved@x>"), "NOTIFY")
    assert dialog.remote_target == "sip:moved@x"
    dialog.answered(accepted(request, Contact=[]), "NOTIFY")
    dialog.answered(accepted(request, Contact="*"), "NOTIFY")
    dialog.answered(accepted(request, Contact="<sip:x>"), "INFO")
    refused = accepted(request, Contact="<sip:x>")
    refused.status = 404
    dialog.answered(refused, "NOTIFY")
    assert dialog.remote_target == "sip:moved@x"


@pytest.mark.parametrize(
    ("routes", "place"),
    [
        ((), "192.0.2.15"),
        (("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"), "p1.example.com"),
        (("<sip:p1.example.com>", "<sip:p2.example.com;lr>"), "p1.example.com"),
        (("<sip:p1.example.com>",), "p1.example.com"),
    ],
)
def test_requests_go_to_the_first_route_whatever_kind_of_router_that_is(
    routes: tuple[str, ...], place: str
) -> None:
    dialog = Dialog(
        "call",
        local=("<sip:a@x>", "1"),
        remote=("<sip:b@y>", "2"),
        contact="<sip:192.0.2.1>",
        remote_target="sip:b@192.0.2.15",
        route_set=routes,
        local_seq=0,
        remote_seq=None,
    )
    assert dialog.hop(local=1) == Remote("UDP", place, 5060, 0, 1)
