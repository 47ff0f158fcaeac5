"""SOAP: envelopes in both versions, the order of what is looked at, faults, and what hostile clients send."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as some
from lxml import etree

from ctigw.soap.contract import text
from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpResponse, Routes
from ctigw.soap.pws import routes
from ctigw.soap.pws.errors import MEANINGS, NEVER, Code
from ctigw.soap.pws.soap_face import contract
from ctigw.soap.pws.soap_operations import OPERATIONS
from ctigw.soap.sessions import Session
from tests.presence_web import URL, Bench

PATH = "/presence-service/soap"
CUP = "{urn:cisco:cup:presence:soap}"
CONTACTS = '<contactsList><contact contactURI="bob"/></contactsList>'
POLL = f"<getPolledPresence>{CONTACTS}<presenceType>BASIC_PRESENCE</presenceType></getPolledPresence>"
FETCH = (
    "<getSubscribedPresence><subscriptionID>{}</subscriptionID><presenceType>{}</presenceType>"
    "</getSubscribedPresence>"
)
REGISTER = (
    f"<registerEndPoint><url>{URL}</url><endPointID>0</endPointID>"
    "<expiration>{}</expiration></registerEndPoint>"
)
SUBSCRIBE = (
    f"<subscribe>{CONTACTS}<subscriptionType>PRESENCE_NOTIFICATION</subscriptionType>"
    "<expiration>3600</expiration><endPointID>1</endPointID><subscriptionID>0</subscriptionID></subscribe>"
)
SET = (
    "<setPresence><presenceType>{}</presenceType><presenceInfo>{}</presenceInfo>"
    "<expiration>{}</expiration></setPresence>"
)
UNSUBSCRIBE = "<unsubscribe><unsubscribeRequest>{}</unsubscribeRequest></unsubscribe>"
NAMED_AND_SECRET = "<username>webapp</username><password>secret</password>"
CONTRACT = contract()
NAMESPACES = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "t": "http://www.w3.org/2003/05/soap-envelope",
}


def envelope(
    body: str,
    key: str | None = None,
    version: Version = Version.SOAP_11,
    namespace: str = "urn:cisco:cup:presence:soap",
) -> str:
    header = "" if key is None else f"<session-key xmlns='{namespace}'>{key}</session-key>"
    body = re.sub(r"^<(\w+)", rf"<\1 xmlns='{namespace}'", body)
    return (
        f'<e:Envelope xmlns:e="{version.value}"><e:Header>{header}</e:Header>'
        f"<e:Body>{body}</e:Body></e:Envelope>"
    )


def asked(bench: Bench, body: str, session: Session | None = None, **more: object) -> HttpResponse:
    key = None if session is None else session.key
    return bench.asked("POST", PATH, envelope(body, key, **more))  # type: ignore[arg-type] # for brevity


def fault(answer: HttpResponse) -> tuple[int, str]:
    """Code and message of a fault, which says both twice."""
    root = etree.fromstring(answer.body)
    (error,) = root.iter(f"{CUP}error")
    code, message = (child.text or "" for child in error)
    words = root.xpath("//faultstring/text() | //t:Reason/t:Text/text()", namespaces=NAMESPACES)
    assert words == [message]
    assert MEANINGS[Code(int(code))].message == message
    whose = root.xpath("string(//faultcode | //t:Code/t:Value)", namespaces=NAMESPACES)
    ours = int(code) >= 200
    assert whose in (
        ("SOAP-ENV:Server", "SOAP-ENV:Receiver") if ours else ("SOAP-ENV:Client", "SOAP-ENV:Sender")
    )
    return int(code), message


def code_in(answer: HttpResponse) -> int:
    return fault(answer)[0]


def first(answer: HttpResponse, name: str) -> str:
    assert answer.status == 200
    found = etree.fromstring(answer.body).find(f".//{CUP}{name}")
    assert found is not None, answer.body
    return found.text or ""


@pytest.mark.parametrize("version", Version)
def test_every_operation_in_both_versions(version: Version) -> None:
    bench = Bench()

    def told(body: str, name: str, key: str | None = None) -> str:
        answer = bench.asked("POST", PATH, envelope(body, key, version))
        assert answer.content_type == version.content_type
        root = etree.fromstring(answer.body)
        assert root.tag == f"{{{version.value}}}Envelope"
        assert root.prefix == "SOAP-ENV"
        assert root.nsmap["SOAP-ENC"] == version.encoding
        # An empty header, but in the answer to a login.
        assert [etree.QName(each).localname for each in root] == (["Header", "Body"] if key else ["Body"])
        operation = re.match(r"<(\w+)", body)
        assert operation is not None
        (payload,) = root[-1]
        assert payload.tag == f"{CUP}{operation[1]}Response"
        assert CONTRACT.fits(payload)
        return first(answer, name)

    application = told(f"<login force='true'>{NAMED_AND_SECRET}</login>", "session-key")
    login = f"<login><username> alice </username><app-session-id> {application} </app-session-id></login>"
    user = told(login, "session-key")
    assert told(REGISTER.format(86_400), "endPointID", application) == "1"
    assert told(SUBSCRIBE, "subscriptionID", user) == "1"
    assert told(POLL, "presenceType", user) == "BASIC_PRESENCE"
    word = SET.format("BASIC_PRESENCE", "<basicPresence>DND</basicPresence><override>true</override>", 3600)
    assert told(word, "status", user) == "SUCCESS"
    assert told(FETCH.format(1, "RICH_PRESENCE"), "richPresenceList", user) == ""
    leave = UNSUBSCRIBE.format("<subscriptionID>1</subscriptionID><unsubscribeAll>true</unsubscribeAll>")
    assert told(leave, "status", user) == "SUCCESS"
    end = "<unregisterEndPoint><endPointID>1</endPointID></unregisterEndPoint>"
    assert told(end, "status", application) == "SUCCESS"
    assert told("<logout/>", "status", user) == "SUCCESS"
    assert told("<logout/>", "status", application) == "SUCCESS"
    assert len(bench.sessions) == 0
    assert bench.nothing_left()


def test_what_others_show_in_words_and_in_documents() -> None:
    bench = Bench()
    session = bench.login("alice")
    contacts = "".join(f'<contact contactURI="{uri}"/>' for uri in ("bob", "a&amp;b", "alice@example.com"))
    poll = POLL.replace('<contact contactURI="bob"/>', contacts)
    answer = asked(bench, poll, session)
    told = [dict(each.attrib) for each in etree.fromstring(answer.body).iter(f"{CUP}contact")]
    assert told == [
        {"contactURI": "bob", "presenceStatus": "UNAVAILABLE"},
        {"contactURI": "a&b", "presenceStatus": "UNKNOWN"},
        {"contactURI": "alice@example.com", "presenceStatus": "UNAVAILABLE"},
    ]
    answer = asked(bench, poll.replace("BASIC", "RICH"), session)
    assert answer.body.count(b"<?xml") == 1
    found = [
        each.get("entity")
        for each in etree.fromstring(answer.body).iter("{urn:ietf:params:xml:ns:pidf}presence")
    ]
    assert found == ["sip:bob@example.com", "sip:a&b@example.com", "sip:alice@example.com"]


PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com"><tuple id="cisco-pws">'
    '<status><basic>open</basic></status><source xmlns="urn:cisco:params:xml:ns:pidf:source">'
    "Presence Web Service</source></tuple>"
    '<note>1 &lt; 2 &amp; "3"</note></presence>'
)


@pytest.mark.parametrize(
    "written",
    [
        PIDF,
        f" {PIDF} ",
        PIDF.replace("&", "&amp;").replace("<", "&lt;"),
        f"<![CDATA[{PIDF}]]>",
        f"<![CDATA[<?xml version='1.0' encoding='utf-8'?>{PIDF}]]>",
        # Without any namespace, which here means that of the request.
        "<presence><person><activities><busy/></activities></person></presence>",
        '<presence xmlns=""><person><activities><busy/></activities></person></presence>',
    ],
)
def test_rich_presence_is_an_element_or_its_text(written: str) -> None:
    bench = Bench()
    session = bench.login("alice")
    rich = f"<richPresence>{written}</richPresence><override>false</override>"
    assert first(asked(bench, SET.format("RICH_PRESENCE", rich, 3600), session), "status") == "SUCCESS"
    (one,) = bench.sip.side.presence.publications.of("alice@example.com")
    if "note" in written:
        assert b'1 &lt; 2 &amp; "3"' in one.body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 103),
        ("<sleep/>", 103),
        ("<loginResponse/>", 103),
        (POLL.replace("BASIC_PRESENCE", "basic"), 110),
        (POLL.replace("<presenceType>BASIC_PRESENCE</presenceType>", ""), 110),
        (POLL.replace(CONTACTS, ""), 146),
        (POLL.replace('<contact contactURI="bob"/>', ""), 135),
        (POLL.replace('<contact contactURI="bob"/>', "<friend/>"), 147),
        (POLL.replace("contactURI", "uri"), 148),
        (POLL.replace('"bob"', '""'), 143),
        (POLL.replace('"bob"', '"a@b@c"'), 124),
        (POLL.replace('<contact contactURI="bob"/>', '<contact contactURI="bob"/>' * 101), 135),
        (POLL.replace("<presenceType>", "<extra/><presenceType>"), 102),
        ("<getSubscribedPresence><presenceType>BASIC_PRESENCE</presenceType></getSubscribedPresence>", 102),
        (FETCH.format(9, "BASIC_PRESENCE"), 133),
        (FETCH.format(9, "BASIC"), 110),
        (SET.format("BASIC_PRESENCE", "<basicPresence/><override>false</override>", 3600), 115),
        (SET.format("BASIC_PRESENCE", "<override>false</override>", 3600), 115),
        (
            SET.format("BASIC_PRESENCE", "<basicPresence>AWAY</basicPresence><override>no</override>", 3600),
            125,
        ),
        (
            SET.format("BASIC_PRESENCE", "<basicPresence>DND</basicPresence><override>0</override>", 3600),
            122,
        ),
        (
            SET.format(
                "BASIC_PRESENCE", "<basicPresence>AVAILABLE</basicPresence><override>1</override>", 3600
            ),
            121,
        ),
        (SET.format("BASIC_PRESENCE", "<basicPresence>AWAY</basicPresence>", 3599), 131),
        (SET.format("BASIC_PRESENCE", "<basicPresence>AWAY</basicPresence>", "soon"), 102),
        (SET.format("RICH_PRESENCE", "<richPresence/>", 3600), 120),
        (SET.format("RICH_PRESENCE", "<richPresence>AWAY</richPresence>", 3600), 120),
        (REGISTER.format(3600), 141),
        (SUBSCRIBE.replace("PRESENCE_NOTIFICATION", "EVERYTHING"), 134),
        (SUBSCRIBE.replace("<endPointID>1", "<endPointID>9"), 132),
        (SUBSCRIBE.replace("<endPointID>1", f"<endPointID>{'9' * 5000}"), 102),
        (SUBSCRIBE.replace("<subscriptionID>0", "<subscriptionID>9"), 133),
        (SUBSCRIBE.replace('<contact contactURI="bob"/>', '<contact contactURI="bob"/>' * 5001), 135),
        (SUBSCRIBE.replace('<contact contactURI="bob"/>', ""), 135),
        (UNSUBSCRIBE.format(""), 102),
        (UNSUBSCRIBE.format("<subscriptionID>1</subscriptionID><unsubscribeAll>yes</unsubscribeAll>"), 102),
        ("<unregisterEndPoint><endPointID>1</endPointID></unregisterEndPoint>", 141),
        ("<logout><now/></logout>", 102),
    ],
)
def test_a_request_that_is_wrong_gets_its_code_and_changes_nothing(body: str, code: int) -> None:
    bench = Bench()
    session = bench.login("alice")
    answer = asked(bench, body, session)
    assert (answer.status, code_in(answer)) == (200, code)
    assert bench.service.session(session.key) is session
    assert bench.nothing_left()
    assert not list(bench.sip.side.presence.publications.of(session.name))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<login/>", 113),
        ("<login><username>webapp</username></login>", 112),
        ("<login><username>webapp</username><app-session-id/></login>", 112),
        ("<login><username>webapp</username><password/></login>", 111),
        ("<login><username>webapp</username><password>wrong</password></login>", 114),
        ("<login><username>alice</username><app-session-id>x</app-session-id></login>", 101),
        (f"<login force='maybe'>{NAMED_AND_SECRET}</login>", 102),
        (f"<login>{NAMED_AND_SECRET}<app-session-id>x</app-session-id></login>", 102),
        ("<login><password>secret</password><username>webapp</username></login>", 102),
    ],
)
def test_a_login_that_is_wrong(body: str, code: int) -> None:
    bench = Bench()
    assert code_in(asked(bench, body)) == code
    assert len(bench.sessions) == 0


def test_who_is_logged_in_already_is_told_so_unless_by_force() -> None:
    bench = Bench()
    login = f"<login>{NAMED_AND_SECRET}</login>"
    key = first(asked(bench, login), "session-key")
    assert code_in(asked(bench, login)) == 160
    by_force = first(asked(bench, login.replace("<login>", "<login force='1'>")), "session-key")
    assert by_force != key


def test_the_key_may_be_in_the_other_namespace_that_is_printed() -> None:
    bench = Bench()
    session = bench.login("alice")
    xml = envelope("<logout/>", f" {session.key}\n").replace(
        "<session-key xmlns='urn:cisco:cup:presence:soap'", "<session-key xmlns='urn:cisco:cup:tpi:soap'"
    )
    assert first(bench.asked("POST", PATH, xml), "status") == "SUCCESS"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_everything_but_a_login_needs_a_key_before_anything_else_is_looked_at(operation: str) -> None:
    bench = Bench()
    assert code_in(asked(bench, f"<{operation}/>")) == 100
    for key in ("", " "):
        assert code_in(bench.asked("POST", PATH, envelope(f"<{operation}/>", key))) == 100
    assert code_in(bench.asked("POST", PATH, envelope(f"<{operation}/>", "nobody's"))) == 101


def billion_laughs() -> str:
    entities = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE x [<!ENTITY l0 'lol'>{entities}]>"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 150),
        (" \n", 150),
        ("not XML", 102),
        ("<half", 102),
        ("<login/>", 102),
        ("{}", 102),
        ("\x00", 102),
        ("<e:Envelope xmlns:e='urn:another'><e:Body/></e:Envelope>", 102),
        (envelope("<login/>").replace("e:Body", "e:Bodies"), 102),
        (billion_laughs() + envelope(f"<login>{NAMED_AND_SECRET}</login>"), 102),
        (
            "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
            + envelope("<login><username>&f;</username><password>x</password></login>"),
            102,
        ),
        (envelope(f"<login>{'<a>' * 100}{'</a>' * 100}</login>"), 102),
        (envelope(f"<login>{NAMED_AND_SECRET}</login>", namespace="urn:cisco:epas:soap"), 103),
        (envelope(f"<login>{NAMED_AND_SECRET}</login>", namespace=""), 103),
    ],
)
def test_what_is_no_request_is_refused_in_the_version_that_it_seems_to_be_of(body: str, code: int) -> None:
    bench = Bench()
    for version in Version:
        written = body.replace(Version.SOAP_11.value, version.value)
        answer = bench.asked("POST", PATH, written)
        assert (answer.status, code_in(answer)) == (200, code)
        if Version.SOAP_11.value in body:
            assert answer.content_type == version.content_type
    assert len(bench.sessions) == 0


def test_what_does_not_fit_the_schema_is_logged_without_what_it_says() -> None:
    bench = Bench()
    body = "<login><username>webapp</username><password>geheim</password><password>geheim</password></login>"
    with structlog.testing.capture_logs() as logged:
        assert code_in(asked(bench, body)) == 102
    (entry,) = logged
    assert (entry["event"], entry["what"]) == ("request does not fit the schema", "login")
    assert "geheim" not in str(entry)


def test_who_asks_too_often_is_told_by_the_status_as_well() -> None:
    bench = Bench(requests_per_second=1)
    session = bench.login("alice")
    answer = asked(bench, POLL, session)
    assert (answer.status, code_in(answer)) == (503, 212)
    assert answer.headers == (("Retry-After", "1"),)


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        (Version.SOAP_11, POLL, 500),
        (Version.SOAP_12, POLL, 400),
        (Version.SOAP_12, f"<login>{NAMED_AND_SECRET}</login>", 500),
    ],
)
def test_faults_can_have_the_status_of_the_standard(version: Version, body: str, status: int) -> None:
    bench = Bench()
    bench.is_away = True
    bench.routes = Routes(routes(bench.service, fault_status="standard"))
    assert asked(bench, body, version=version).status == status


# What is served


def test_the_contract_is_served_for_the_address_at_which_the_client_has_reached_us() -> None:
    bench = Bench()
    answer = bench.asked("GET", f"{PATH}?wsdl")
    assert (answer.status, answer.content_type) == (200, "text/xml; charset=utf-8")
    wsdl = etree.fromstring(answer.body)
    places = [each.get("location") for each in wsdl.iter("{*}address")]
    assert places == ["http://cup.example.com:8082/presence-service/soap"] * 2
    (imported,) = (str(each.get("schemaLocation")) for each in wsdl.iter("{*}import"))
    schema = bench.asked("GET", imported.removeprefix("http://cup.example.com:8082"))
    assert schema.status == 200
    etree.XMLSchema(etree.fromstring(schema.body))
    assert b"@BASE@" not in answer.body + schema.body


def test_the_names_are_those_that_clients_know() -> None:
    wsdl = etree.fromstring(text("pws", "presence.wsdl"))
    names = {
        kind: [e.get("name") for e in wsdl.iter(f"{{*}}{kind}") if e.get("name")]
        for kind in ("portType", "service", "port")
    }
    assert names == {
        "portType": ["PresenceSoapPortType"],
        "service": ["PresenceSoapService"],
        "port": ["PresenceSoapPort", "PresenceSoap12Port"],
    }
    binding, other = wsdl.iter("{http://schemas.xmlsoap.org/wsdl/}binding")
    assert (binding.get("name"), other.get("name")) == ("PresenceSoapBinding", "PresenceSoap12Binding")
    actions = [str(each.get("soapAction")) for each in binding.iter("{*}operation") if each.get("soapAction")]
    expected = [name if name != "getPolledPresence" else "getPresence" for name in ("login", *OPERATIONS)]
    assert sorted(actions) == sorted(f"urn:cisco:cup:presence:soap/{name}" for name in expected)
    for kind in (binding, other):
        headers = [each for each in kind.iter("{*}header") if each.get("part") == "session-key"]
        assert len(headers) == len(OPERATIONS)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_no_other_method_is_served(method: str) -> None:
    answer = Bench().asked(method, PATH)
    assert (answer.status, answer.headers) == (405, (("Allow", "GET, POST"),))


def test_a_post_may_carry_the_query_of_the_contract() -> None:
    bench = Bench()
    answer = bench.asked("POST", f"{PATH}?wsdl", envelope(f"<login>{NAMED_AND_SECRET}</login>"))
    assert first(answer, "session-key")


def test_every_code_that_can_occur_is_in_these_tests() -> None:
    folder = Path(__file__).parent
    tests = "".join(path.read_text() for path in folder.glob("test_pws_*.py"))
    missing = [code for code in Code if code not in NEVER and not re.search(rf"\b{code.value}\b", tests)]
    assert missing == []
    assert set(MEANINGS) == set(Code)


@settings(max_examples=200)
@given(some.sampled_from([POLL, SUBSCRIBE, SET, REGISTER]), some.data())
def test_whatever_is_cut_out_of_a_request_is_answered(body: str, data: some.DataObject) -> None:
    bench = Bench()
    session = bench.login("alice")
    xml = envelope(body, session.key)
    start = data.draw(some.integers(0, len(xml)))
    end = data.draw(some.integers(start, len(xml)))
    answer = bench.asked("POST", PATH, xml[:start] + xml[end:])
    assert answer.status == 200
    etree.fromstring(answer.body)


def test_a_bug_is_told_as_one_and_logged_without_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    session = bench.login("alice")
    monkeypatch.setattr(bench.service, "polled_presence", lambda *_asked: 1 / 0)
    with structlog.testing.capture_logs() as logged:
        answer = asked(bench, POLL, session)
        assert (answer.status, code_in(answer)) == (200, 200)
        path = "/presence-service/users/alice/presence/basic/contacts/bob"
        answer = bench.asked("GET", path, Presence_Session_Key=session.key)
        assert (answer.status, b"<code>200</code>" in answer.body) == (500, True)
    assert [(entry["event"], entry["path"]) for entry in logged] == [
        ("request failed", PATH),
        ("request failed", path),
    ]
    assert session.key not in str(logged)
