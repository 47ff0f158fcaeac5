"""Foreign servers that know more of some people, through the whole server; the test is the foreign server."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctigw.config import ConfigError
from ctigw.presence.sources import Provisioned
from ctigw.sip.digest import Digest, Outcome, ha1
from ctigw.sip.hops import Remote
from ctigw.sip.message import Request, Response
from tests.presence import OPEN, Bench, answer, person, pidf
from tests.unit.test_simple_presence import inside, nothing_left, watched

FOREIGN = """
[[presence.foreign]]
name = "cm"
servers = ["sip:203.0.113.1:5080;transport=udp", "sip:203.0.113.2:5080;transport=udp"]
expires = 1000
users = [{ local = "alice@example.com", foreign = "sip:5555@cm.example" }]
"""
FIRST, SECOND = Remote("UDP", "203.0.113.1", 5080), Remote("UDP", "203.0.113.2", 5080)
CONTACT = "<sip:5555@203.0.113.1:5080>"


class Office(Bench):
    """A server that asks others about Alice."""

    def __init__(self, more: str = "", foreign: str = FOREIGN) -> None:
        super().__init__(OPEN + more + foreign)
        self.number = 0

    def subscribed(self) -> tuple[Remote, Request]:
        """The only SUBSCRIBE that was sent since the last time."""
        (found,) = self.asked("SUBSCRIBE")
        return found

    def accept(self, request: Request, status: int = 200, to: Remote = FIRST, **headers: str) -> None:
        """The foreign server answers a SUBSCRIBE."""
        more = {"Contact": CONTACT, "Expires": "1000", **headers} if status == 200 else headers
        self.receive(answer(request, status, **more), to)

    def notify(
        self,
        subscribe: Request,
        body: str = "",
        state: str = "active;expires=900",
        source: Remote = FIRST,
        **headers: str,
    ) -> int:
        """The foreign server notifies in the dialog of ``subscribe``; what that is answered."""
        self.number += 1
        fields = {"Event": "presence", "Subscription-State": state, "Contact": CONTACT}
        if body:
            fields["Content-Type"] = "application/pidf+xml"
        fields |= {name.replace("_", "-"): text for name, text in headers.items()}
        more = "".join(f"{name}: {text}\r\n" for name, text in fields.items() if text)
        self.receive(
            f"NOTIFY {subscribe.contacts[0].uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 203.0.113.1:5080;branch=z9hG4bKn{self.number}\r\n"
            f"From: <sip:5555@cm.example>;tag=theirs\r\nTo: {subscribe.get('From')}\r\n"
            f"Call-ID: {subscribe.call_id}\r\nCSeq: {self.number} NOTIFY\r\n{more}"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}",
            source,
        )
        for index, (_, message) in enumerate(self.mail):
            if isinstance(message, Response) and message.get("CSeq") == f"{self.number} NOTIFY":
                del self.mail[index]
                return message.status
        raise AssertionError("no answer")

    def begun(self) -> tuple[Request, Request]:
        """Bob watches Alice, and the foreign server has taken us; the SUBSCRIBE, and Bob's first NOTIFY."""
        notify = watched(self, Expires="3600")
        _, request = self.subscribed()
        self.accept(request)
        return request, notify


def test_who_is_watched_is_asked_about_under_the_name_that_the_server_knows() -> None:
    office = Office()
    watched(office, Accept="application/pidf+xml, application/cpim-pidf+xml, text/x-other")
    to, request = office.subscribed()
    assert to == FIRST
    assert request.uri == request.to.uri == "sip:5555@cm.example"
    assert request.from_.uri == "sip:bob@example.com"
    assert request.get("P-Asserted-Identity") == "<sip:bob@example.com>"
    assert request.get("Accept") == "application/pidf+xml, application/cpim-pidf+xml, text/x-other"
    assert (request.get("Event"), request.get("Expires")) == ("presence", "1000")
    assert request.contacts[0].uri == "sip:192.0.2.1:5060"


@pytest.mark.parametrize(
    ("who", "whom", "headers"),
    [
        ("alice", "alice", {"Accept": "application/vnd.ctigw.explanation+json"}),
        (
            "bob",
            "bob-contacts",
            {"Accept": "multipart/related, application/rlmi+xml", "Supported": "eventlist"},
        ),
    ],
)
def test_nothing_is_asked_for_that_only_we_make(who: str, whom: str, headers: dict[str, str]) -> None:
    office = Office()
    office.side.put([person("bob", contacts=("alice",))])
    assert office.subscribe(who, whom, **headers).status == 200
    assert office.subscribed()[1].get("Accept") == "application/pidf+xml, application/cpim-pidf+xml"


def test_who_is_not_known_there_is_not_asked_about() -> None:
    office = Office()
    office.subscribe("bob", "carol")
    assert office.asked("SUBSCRIBE") == []


def test_a_star_stands_for_everybody() -> None:
    office = Office(foreign=FOREIGN.replace('"alice@', '"*@').replace("5555@", "*@"))
    office.subscribe("bob", "carol")
    assert office.subscribed()[1].uri == "sip:carol@cm.example"


def test_who_only_a_foreign_server_knows_can_be_watched() -> None:
    office = Office(foreign=FOREIGN.replace("alice@", "Zoe@"))
    office.subscribe("bob", "zoe")
    assert office.subscribed()[1].uri == "sip:5555@cm.example"


def test_what_it_says_is_a_source_like_others() -> None:
    office = Office()
    request, _ = office.begun()
    assert office.notify(request, pidf("open", "busy", "cmp-1")) == 200
    (told,) = office.notified()
    assert b"<r:busy/>" in told.body
    assert b'entity="sip:alice@example.com"' in told.body
    office.publish(body=pidf("open", "away", "desk"))  # of higher priority
    (told,) = office.notified()
    assert b"<r:away/>" in told.body
    assert told.body.count(b"<tuple ") == 2


def test_a_notify_may_overtake_the_answer() -> None:
    office = Office()
    watched(office, Expires="3600")
    _, request = office.subscribed()
    assert office.notify(request, pidf("open", "busy")) == 200
    assert len(office.notified()) == 1
    office.accept(request)
    office.passes(801)
    _, refresh = office.subscribed()
    assert (refresh.to_tag, refresh.call_id) == ("theirs", request.call_id)


def test_all_who_watch_share_one_subscription() -> None:
    office = Office()
    request, first = office.begun()
    second = watched(office, "carol")
    assert office.asked("SUBSCRIBE") == []
    office.notify(request, pidf("open", "busy"))
    assert len(office.notified()) == 2
    inside(office, first)
    office.notified()
    assert office.asked("SUBSCRIBE") == []
    inside(office, second)
    office.notified()
    _, last = office.subscribed()
    assert last.get("Expires") == "0"


def test_when_the_last_one_leaves_it_ends_and_nothing_is_left() -> None:
    office = Office()
    request, notify = office.begun()
    office.notify(request, pidf("open", "busy"))
    office.notified()
    inside(office, notify)
    office.notified()
    to, last = office.subscribed()
    assert to == Remote("UDP", "203.0.113.1", 5080)
    assert (last.uri, last.get("Expires")) == ("sip:5555@203.0.113.1:5080", "0")
    assert (last.call_id, last.to_tag, last.cseq) == (request.call_id, "theirs", 2)
    office.accept(last, Expires="0")
    nothing_left(office)
    backend = office.side.backend
    assert [*backend._of, *backend._by_call, *office.side.presence._presentities] == []
    assert office.notify(request, pidf("open", "busy")) == 481
    office.passes(5000)
    assert office.asked("SUBSCRIBE") == []


def test_who_leaves_before_the_answer_comes_leaves_nothing_there_either() -> None:
    office = Office()
    office.subscribe(Expires="0")
    office.notified()
    _, request = office.subscribed()
    office.accept(request)
    _, last = office.subscribed()
    assert (last.get("Expires"), last.to_tag) == ("0", "theirs")
    assert office.side.backend._by_call == {}


def test_it_is_refreshed_when_four_fifths_of_its_time_are_over() -> None:
    office = Office()
    watched(office, Expires="3600")
    _, request = office.subscribed()
    office.accept(request, Expires="100")
    for cseq in (2, 3):
        office.passes(79.5)
        assert office.asked("SUBSCRIBE") == []
        office.passes(0.6)
        to, refresh = office.subscribed()
        assert to == FIRST
        assert (refresh.uri, refresh.cseq, refresh.get("Expires")) == (
            "sip:5555@203.0.113.1:5080",
            cseq,
            "1000",
        )
        office.accept(refresh, Expires="100")


@pytest.mark.parametrize("expires", ["", "0", "999999999"])
def test_what_the_server_says_of_the_time_does_no_harm(expires: str) -> None:
    office = Office()
    watched(office, Expires="3600")
    _, request = office.subscribed()
    office.accept(request, Expires=expires) if expires else office.receive(
        answer(request, 200, Contact=CONTACT), FIRST
    )
    office.passes(799)
    assert office.asked("SUBSCRIBE") == []
    office.passes(2)
    assert len(office.asked("SUBSCRIBE")) == 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {}),
        (503, {}),
        (401, {"WWW_Authenticate": 'Digest realm="r", nonce="n"'}),
        (200, {"Contact": ""}),
        (200, {"Contact": "<tel:1>"}),
        (200, {"Expires": "soon"}),
    ],
)
def test_a_server_that_does_not_take_us_is_followed_by_the_next(status: int, headers: dict[str, str]) -> None:
    office = Office()
    watched(office)
    to, request = office.subscribed()
    assert to == FIRST
    office.accept(request, status, FIRST, **headers)
    to, again = office.subscribed()
    assert to == SECOND
    assert again.call_id != request.call_id
    assert office.notify(request, pidf()) == 481
    assert office.notify(again, pidf("open", "busy")) == 200


def test_a_server_that_does_not_answer_is_followed_by_the_next() -> None:
    office = Office()
    watched(office)
    office.subscribed()
    office.passes(33)
    assert office.asked("SUBSCRIBE")[-1][0] == SECOND


def test_when_none_takes_us_all_are_asked_again_after_a_pause_that_grows() -> None:
    office = Office()
    watched(office, Expires="3600")
    for pause in (5, 10, 20, 40):
        for server in (FIRST, SECOND):
            to, request = office.subscribed()
            assert to == server
            office.accept(request, 403)
        office.passes(pause - 0.5)
        assert office.asked("SUBSCRIBE") == []
        office.passes(0.6)
    _, request = office.subscribed()
    office.accept(request)
    assert office.notify(request, pidf("open", "busy")) == 200


def test_what_was_known_is_known_until_no_server_has_us_any_more() -> None:
    office = Office()
    request, _ = office.begun()
    office.notify(request, pidf("open", "busy"))
    office.notified()
    office.passes(801)
    _, refresh = office.subscribed()
    office.accept(refresh, 481)
    office.mail = [each for each in office.mail if each[1].get("CSeq").endswith("SUBSCRIBE")]
    _, again = office.subscribed()
    office.accept(again, 403)
    assert office.side.presence.explain("alice@example.com") == []


@pytest.mark.parametrize(
    ("state", "wait"),
    [
        ("terminated;reason=deactivated", 0),
        ("Terminated ; reason=Timeout", 0),
        ("terminated", 5),
        ("terminated;reason=probation", 5),
        ("terminated;reason=probation;retry-after=30", 30),
        ("terminated;reason=giveup;retry-after=\xb2", 5),
        ("terminated;reason=rejected", None),
        ("terminated;reason=noresource;retry-after=3", None),
    ],
)
def test_a_subscription_that_the_server_ends_begins_again_as_it_says(state: str, wait: float | None) -> None:
    office = Office()
    request, _ = office.begun()
    office.notify(request, pidf("open", "busy"))
    office.notified()
    assert office.notify(request, state=state) == 200
    (told,) = office.notified()
    assert b"busy" not in told.body
    if wait:
        office.passes(wait - 0.1)
        assert office.asked("SUBSCRIBE") == []
    office.passes(0.2)
    assert len(office.asked("SUBSCRIBE")) == (wait is not None)
    if wait is None:
        office.passes(550)
        assert office.asked("SUBSCRIBE") == []


def test_an_end_that_overtakes_the_answer_counts() -> None:
    for state, again in (("terminated;reason=rejected", 0), ("terminated;reason=deactivated", 1)):
        office = Office()
        watched(office)
        _, request = office.subscribed()
        office.notify(request, state=state)
        office.accept(request)
        found = [each for _, each in office.asked("SUBSCRIBE") if each.get("Expires") != "0"]
        office.passes(20)
        found += [each for _, each in office.asked("SUBSCRIBE") if each.get("Expires") != "0"]
        assert len({each.call_id for each in found}) == again


def test_a_server_that_takes_us_only_to_send_us_away_is_not_asked_all_the_time() -> None:
    office = Office()
    watched(office)
    asked = 0
    for _ in range(20):
        for _, request in office.asked("SUBSCRIBE"):
            if request.get("Expires") != "0":
                asked += 1
                office.accept(request)
                office.notify(request, state="terminated;reason=deactivated")
        office.passes(1)
    assert 2 <= asked <= 6


def test_a_refresh_that_is_answered_after_the_end_ends_nothing_new() -> None:
    office = Office()
    request, _ = office.begun()
    office.passes(801)
    _, refresh = office.subscribed()
    office.notify(request, state="terminated;reason=deactivated")
    office.passes(0.1)
    _, again = office.subscribed()
    office.accept(refresh, 481)
    assert office.asked("SUBSCRIBE") == []
    office.accept(again)
    assert office.notify(again, pidf("open", "busy")) == 200


# What is notified


def test_a_notify_for_nothing_that_we_know_is_refused() -> None:
    office = Office()
    request, _ = office.begun()
    stranger = Request("SUBSCRIBE", request.uri, {**request.headers})
    for header, text in (("Call-ID", "other"), ("From", "<sip:bob@example.com>;tag=other")):
        stranger.headers[header] = [text]
        assert office.notify(stranger, pidf("open", "busy")) == 481
        stranger.headers[header] = request.headers[header]
    assert office.notified() == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("<presence", {}, 400),
        ("<x/>", {}, 400),
        (pidf(), {"Content_Type": "text/plain"}, 415),
        (pidf(), {"Event": "dialog"}, 489),
        (pidf(), {"Content_Type": ""}, 415),
        (pidf() + " " * 70_000, {}, 413),
    ],
)
def test_a_document_that_is_none_is_refused_and_changes_nothing(
    body: str, headers: dict[str, str], status: int
) -> None:
    office = Office()
    request, _ = office.begun()
    assert office.notify(request, pidf("open", "busy")) == 200
    office.notified()
    assert office.notify(request, body, "active", FIRST, **headers) == status
    assert office.notified() == []


def test_a_notify_that_was_overtaken_is_refused() -> None:
    office = Office()
    request, _ = office.begun()
    office.number = 10
    office.notify(request, pidf("open", "busy"))
    office.number = 3
    assert office.notify(request, pidf("open", "away")) == 500


def test_a_notify_without_a_document_changes_nothing() -> None:
    office = Office()
    request, _ = office.begun()
    office.notify(request, pidf("open", "busy"))
    office.notified()
    assert office.notify(request) == 200
    assert office.notified() == []


AGENTS = '[presence]\nuser_agents = { "Cisco-CUCM*" = "cucm" }\npriorities = { cucm = 950 }\n'


def test_the_user_agent_says_what_source_it_is() -> None:
    office = Office(AGENTS)
    request, _ = office.begun()
    office.notify(request, pidf("open", "busy", "a"), User_Agent="Cisco-CUCM7.0")
    office.publish(body=pidf("open", "away", "b"))
    explained = office.side.presence.explain("alice@example.com")
    assert [(each["source"], each["priority"]) for each in explained] == [("cucm", 950), ("publication", 500)]


@pytest.mark.parametrize(
    ("more", "agent", "expected"),
    [
        ("", "", ("foreign", 400)),
        ("priority = 800\n", "", ("foreign", 800)),
        ("priority = 800\n", "Cisco-CUCM7", ("cucm", 950)),
        ('user_agent = "Cisco-CUCM9"\n', "x", ("cucm", 950)),
    ],
)
def test_a_server_may_have_a_priority_of_its_own(more: str, agent: str, expected: tuple[str, int]) -> None:
    office = Office(AGENTS, FOREIGN + more)
    request, _ = office.begun()
    office.notify(request, pidf("open", "busy"), User_Agent=agent)
    (explained,) = office.side.presence.explain("alice@example.com")
    assert (explained["source"], explained["priority"]) == expected


def test_sources_are_provisioned_by_what_they_are() -> None:
    provisioned: Provisioned = Office().side.presence._sources._provisioned
    assert provisioned("phone", "", "") == ("phone", 700)


# Passwords


def guarded(tmp_path: Path) -> Office:
    (tmp_path / "secret").write_text("open sesame\n")
    more = f'user = "gateway"\npassword_file = "{tmp_path / "secret"}"\n'
    return Office(foreign=FOREIGN + more)


def test_a_server_that_asks_for_a_password_gets_it(tmp_path: Path) -> None:
    office = guarded(tmp_path)
    digest = Digest("cm.example", b"s" * 32, office.clock.seconds, 600)
    watched(office, Expires="3600")
    _, request = office.subscribed()
    assert request.lines("Authorization") == []
    (challenge, *_) = digest.challenges(stale=False)
    office.accept(request, 401, WWW_Authenticate=challenge)
    to, again = office.subscribed()
    assert to == FIRST
    assert (again.call_id, again.from_tag, again.cseq) == (request.call_id, request.from_tag, 2)

    def known(user: str, algorithm: str) -> str | None:
        return ha1(user, "cm.example", "open sesame", algorithm) if user == "gateway" else None

    lines = again.lines("Authorization")
    assert digest.check(lines, "SUBSCRIBE", again.uri, known).outcome is Outcome.ACCEPTED
    office.accept(again)
    assert office.notify(again, pidf("open", "busy")) == 200
    office.notified()
    office.passes(801)
    _, refresh = office.subscribed()  # which brings it without being asked
    assert refresh.cseq == 3
    lines = refresh.lines("Authorization")
    assert digest.check(lines, "SUBSCRIBE", refresh.uri, known).outcome is not Outcome.ACCEPTED  # 600 s old
    (challenge, *_) = digest.challenges(stale=True)
    office.accept(refresh, 401, WWW_Authenticate=challenge)
    _, refresh = office.subscribed()
    assert refresh.cseq == 4
    office.accept(refresh)
    office.passes(801)
    assert office.subscribed()[1].cseq == 5


def test_several_who_are_asked_at_the_same_time_all_get_in(tmp_path: Path) -> None:
    office = guarded(tmp_path)
    office.side.put([person("bob", contacts=["alice"])])
    backend = office.side.backend
    (foreign,) = backend._foreign
    assert foreign.ask is not None
    ended: list[int] = []
    for number in range(3):
        headers = {
            "From": ["<sip:bob@example.com>;tag=1"],
            "To": ["<sip:x@cm.example>"],
            "Call-ID": [f"at once {number}"],
            "CSeq": ["1 SUBSCRIBE"],
        }
        request = Request("SUBSCRIBE", "sip:x@cm.example", headers)
        foreign.ask(request, FIRST, lambda outcome: ended.append(outcome.status))
    office.turn()
    for _, request in office.asked("SUBSCRIBE"):
        office.accept(request, 401, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth"')
    again = [request for _, request in office.asked("SUBSCRIBE")]
    assert [request.lines("Authorization") != [] for request in again] == [True] * 3
    for request in again:
        office.accept(request)
    assert ended == [200] * 3


def test_a_password_that_is_wrong_is_not_tried_for_ever(tmp_path: Path) -> None:
    office = guarded(tmp_path)
    watched(office)
    asked = []
    while found := office.asked("SUBSCRIBE"):
        for to, request in found:
            asked.append(to)
            office.accept(request, 401, to=to, WWW_Authenticate=f'Digest realm="r", nonce="{len(asked)}"')
    assert asked == [FIRST, FIRST, SECOND, SECOND]


def test_in_the_end_foreign_servers_are_told() -> None:
    office = Office()
    office.begun()
    office.side.close()
    office.turn()
    _, last = office.subscribed()
    assert last.get("Expires") == "0"
    assert len(office.side.backend) == 0


def test_a_contact_that_cannot_be_reached_costs_nobody_anything() -> None:
    office = Office()
    notify = watched(office, Expires="3600")
    _, request = office.subscribed()
    office.accept(request, Contact="<sip:5555@203.0.113.1;transport=smoke>")
    to, again = office.subscribed()
    assert to == SECOND
    office.accept(again, to=SECOND)
    contact = "<sip:5555@203.0.113.1;transport=smoke>"
    assert office.notify(again, pidf("open", "busy"), Contact=contact) == 400
    office.notified()
    assert inside(office, notify).status == 200
    office.notified()
    nothing_left(office)


def test_a_password_that_cannot_be_read_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    more = f'user = "gateway"\npassword_file = "{file}"\n'
    with pytest.raises(ConfigError, match=r"foreign cm\.password_file: .*: No such file"):
        Office(foreign=FOREIGN + more)
    file.write_bytes(b"s\xff\xffcret")
    with pytest.raises(ConfigError) as raised:
        Office(foreign=FOREIGN + more)
    assert "cret" not in str(raised.value).replace(str(file), "")
