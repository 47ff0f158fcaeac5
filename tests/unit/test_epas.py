"""EPAS beyond what the Guide prints: who may ask, what is refused, what is told of what others have done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ctigw import rules as values
from ctigw.directory import (
    applications,
    contact_list,
    groups,
    lines,
    long_term,
    properties,
    recent,
    rules,
    users,
)
from ctigw.rules import Rule, Visibility
from ctigw.soap.epas.operations import EPAS
from ctigw.soap.epas.rules import OPERATIONS as RULE_OPERATIONS
from ctigw.soap.epas.service import OPERATIONS, RELEASES, SERVICE
from ctigw.soap.epas.statuses import as_it_came
from ctigw.soap.http import HttpRequest, HttpResponse, Routes
from ctigw.xml.characters import possible
from ctigw.xml.parsing import parse
from tests.epas import Epas
from tests.soap import SOAP_11, SOAP_12, envelope, inside, post, served, texts

ME = "alice@example.com"
PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:alice@example.com">'
    '<tuple id="cupc-override"><status><basic>closed</basic></status></tuple></presence>'
)


def remembered(timestamp: str, data: str) -> str:
    """A request to remember something."""
    said = f"<timestamp>{timestamp}</timestamp><type>2</type><data>{data}</data>"
    return f"<add-recent-comm>{said}</add-recent-comm>"


# A request of each operation, as small as it may be.
REQUESTS = {
    **{name: f"<{name}/>" for name in OPERATIONS},
    "publish-pres-status": f"<publish-pres-status>{PIDF}</publish-pres-status>",
    "set-calendaring": "<set-calendaring>true</set-calendaring>",
    "add-recent-comm": remembered("2006-03-24", ""),
}


@pytest.fixture
def epas(tmp_path: Path) -> Iterator[Epas]:
    bench = Epas(tmp_path)
    bench.people(ME, "bob@example.com", "carol@other.com")
    yield bench
    bench.close()


def told(fault: Any) -> str:
    """The reason of a fault, in either version."""
    assert fault.tag.endswith("}Fault"), fault.tag
    return str(fault.findtext("faultstring") or fault.findtext("{*}Reason/{*}Text"))


def refused(epas: Epas, request: bytes, **more: str) -> tuple[int, str]:
    response = epas.serve(post(request, **more))
    return response.status, told(inside(response))


# Who asks


@pytest.mark.parametrize("name", REQUESTS)
def test_every_operation_needs_a_session_and_has_an_answer_in_one(epas: Epas, name: str) -> None:
    assert told(epas.ask(REQUESTS[name])) == "Invalid request."
    assert told(epas.ask(REQUESTS[name], "b189aa60-24e3-4e66-a3b6-d8488235ba47")) == "Invalid request."
    assert epas.changes == 0
    key = epas.log_in("alice")
    for version in (SOAP_11, SOAP_12):
        response = epas.serve(post(envelope(REQUESTS[name], EPAS, key=key, version=version)))
        assert inside(response).tag == f"{{{EPAS}}}{name}-resp"
        kind = {SOAP_11: "text/xml", SOAP_12: "application/soap+xml"}[version]
        assert (response.status, response.content_type) == (200, f"{kind}; charset=utf-8")
    assert epas.changes == (0 if name.startswith("get-") else 2)


def test_a_session_ends_when_it_is_not_used(epas: Epas) -> None:
    key = epas.log_in("alice")
    epas.clock.advance(3000)
    epas.ask("<get-contact-list/>", key)
    epas.clock.advance(3000)
    epas.ask("<get-contact-list/>", key)
    epas.clock.advance(3602)
    assert told(epas.ask("<get-contact-list/>", key)) == "Invalid request."


def test_who_is_removed_gets_nothing_more(epas: Epas) -> None:
    key = epas.log_in("alice")
    epas.database.run_now(users.remove, ME)
    for name in ("get-contact-list", "add-group", "get-user-config", "get-acl"):
        assert told(epas.ask(REQUESTS[name], key)) == "Invalid request."


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "54321"), ("nobody", "12345"), ("", ""), ("alice", ""), ("a\u0000".strip("\0"), "x" * 5000)],
)
def test_who_is_not_known_is_told_the_same(epas: Epas, name: str, password: str) -> None:
    body = f"<login><username>{name}</username><password>{password}</password></login>"
    failed = epas.ask(body)
    assert failed.findtext(f".//{{{EPAS}}}reason") == "Wrong username/password"


def test_who_guesses_has_to_wait_and_others_have_not(epas: Epas) -> None:
    wrong = "<login><username>alice</username><password>no</password></login>"
    for _ in range(3):
        epas.ask(wrong)
    response = epas.serve(post(envelope(wrong, EPAS)))
    assert (response.status, dict(response.headers)) == (503, {"Retry-After": "2"})
    right = envelope("<login><username>alice</username><password>12345</password></login>", EPAS)
    assert epas.serve(post(right, peer="192.0.2.2")).status == 503
    bob = envelope("<login><username>bob</username><password>12345</password></login>", EPAS)
    assert epas.serve(post(bob, peer="192.0.2.2")).status == 200
    epas.clock.advance(2)
    assert epas.serve(post(right, peer="192.0.2.2")).status == 200


def test_a_session_of_one_type_of_client_is_not_anothers(epas: Epas) -> None:
    first = epas.log_in("alice", client_type="CUPC")
    second = epas.log_in("alice", client_type="CIPC")
    again = epas.ask(
        '<login client-type="CUPC"><username>ALICE@example.com</username><password>12345</password></login>'
    )
    assert again.findtext(f".//{{{EPAS}}}reason") == "A SOAP session has already been established."
    third = epas.log_in("alice", client_type="CUPC", force="1")
    assert told(epas.ask("<get-acl/>", first)) == "Invalid request."
    for key in (second, third):
        assert epas.ask("<get-acl/>", key).tag.endswith("get-acl-resp")


def test_an_application_may_vouch_for_the_users_it_was_given(epas: Epas) -> None:
    run = epas.database.run_now
    run(applications.add, "webapp", "12345")
    run(applications.grant, "webapp", "users", "*@example.com")
    run(applications.add, "other", "12345")
    webapp, other = epas.log_in("webapp"), epas.log_in("other")

    def vouched(key: str, name: str) -> Any:
        said = f"<login><username>{name}</username><app-session-id> {key} </app-session-id></login>"
        return epas.ask(said)

    for key, name in ((webapp, "carol"), (webapp, "nobody"), (other, "alice"), ("x", "alice")):
        assert vouched(key, name).findtext(f".//{{{EPAS}}}reason") == "Wrong username/password"
    key = vouched(webapp, "alice").findtext(f".//{{{EPAS}}}session-key")
    assert vouched(key, "bob").findtext(f".//{{{EPAS}}}reason") == "Wrong username/password"
    assert epas.ask("<get-acl/>", key).tag.endswith("get-acl-resp")
    assert told(epas.ask("<get-acl/>", webapp)) == "Invalid request."
    epas.ask("<logout/>", webapp)
    assert told(epas.ask("<get-acl/>", key)) == "Invalid request."


def test_an_application_vouches_with_the_rights_that_it_has_now(epas: Epas) -> None:
    run = epas.database.run_now
    run(applications.add, "webapp", "12345")
    key = epas.log_in("webapp")
    said = f"<login><username>alice</username><app-session-id>{key}</app-session-id></login>"
    assert epas.ask(said).findtext(f".//{{{EPAS}}}reason") == "Wrong username/password"
    run(applications.grant, "webapp", "users", "*@example.com")
    own = epas.ask(said).findtext(f".//{{{EPAS}}}session-key")
    assert epas.ask("<get-acl/>", own).tag.endswith("get-acl-resp")
    run(applications.remove, "webapp")
    assert epas.ask(said).findtext(f".//{{{EPAS}}}reason") == "Wrong username/password"
    assert len(epas.sessions) == 0


def test_an_application_that_logs_out_while_its_user_logs_in_has_no_user(epas: Epas) -> None:
    run = epas.database.run_now
    run(applications.add, "webapp", "12345")
    run(applications.grant, "webapp", "users", "*")
    key = epas.log_in("webapp")
    real = epas.run

    async def slow(*args: Any) -> Any:
        found = await real(*args)
        epas.sessions.forget("webapp")
        return found

    epas.service._logins._run = slow  # type: ignore[assignment] # of a test
    epas.ask(f"<login><username>alice</username><app-session-id>{key}</app-session-id></login>")
    assert len(epas.sessions) == 0


def test_there_are_not_more_sessions_than_may_be(epas: Epas) -> None:
    epas.sessions._most = 1
    epas.log_in("alice")
    bob = envelope("<login><username>bob</username><password>12345</password></login>", EPAS)
    assert refused(epas, bob)[0] == 503
    epas.log_in("alice", force="true")


def test_logging_out_withdraws_what_the_client_says(epas: Epas) -> None:
    epas.ask("<logout/>", epas.log_in("alice"))
    assert (epas.withdrawn, epas.changes) == ([], 0)
    epas.ask('<logout tuple-id="cupc-override"/>', epas.log_in("alice"))
    assert (epas.withdrawn, epas.changes) == ([(ME, "cupc-override")], 1)


# What is asked


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<get-everything/>",
        '<get-contact-list xmlns="urn:cisco:epas"/>',
        '<get-contact-list xmlns=""/>',
        "<get-contact-list><group/></get-contact-list>",
        "<add-group><group/></add-group>",
        '<add-group><group name="a" index="first"/></add-group>',
        '<add-group><group name="a" index="INF"/></add-group>',
        '<add-contact><group name=""><persona-id display-on-phone="perhaps"/></group></add-contact>',
        "<add-contact><persona-id>bob</persona-id></add-contact>",
        "<set-calendaring>maybe</set-calendaring>",
        "<set-calendaring/>",
        "<publish-pres-status/>",
        "<publish-pres-status>away</publish-pres-status>",
        "<publish-pres-status><a/></publish-pres-status>",
        f"<publish-pres-status>{PIDF}{PIDF}</publish-pres-status>",
        '<publish-pres-status><presence xmlns="urn:ietf:params:xml:ns:pidf"/></publish-pres-status>',
        '<set-presence-rules><presence-rule name="a"/></set-presence-rules>',
        "<set-presence-rules><presence-rule name='a'><rule><x/></rule></presence-rule></set-presence-rules>",
        "<add-recent-comm><type>2</type><data/></add-recent-comm>",
        "<login><username>alice</username></login>",
        '<login force="yes"><username>alice</username><password>12345</password></login>',
        "<login><username>alice</username><password>1</password><app-session-id>2</app-session-id></login>",
    ],
)
def test_what_is_not_in_the_contract_is_refused_and_changes_nothing(epas: Epas, body: str) -> None:
    key = epas.log_in("alice")
    before = epas.database.run_now(contact_list.contact_list, ME)
    assert refused(epas, envelope(body, EPAS, key=key)) == (400, "Invalid request.")
    assert refused(epas, envelope(body, EPAS, key=key, version=SOAP_11)) == (500, "Invalid request.")
    assert epas.database.run_now(contact_list.contact_list, ME) == before
    assert epas.changes == 0


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"get-contact-list",
        envelope("<get-contact-list/>", EPAS)[:-3],
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + envelope("<get-contact-list>&b;</get-contact-list>", EPAS),
        envelope("<get-contact-list/>", EPAS).replace(b"2003/05", b"2001/12"),
        b"<get-contact-list xmlns='urn:cisco:epas:soap'/>",
        envelope("<a>" * 1000 + "</a>" * 1000, EPAS),
    ],
)
def test_what_is_no_request_is_refused(epas: Epas, xml: bytes) -> None:
    assert refused(epas, xml) == (400, "Invalid request.")


def test_faults_can_have_the_status_of_success(tmp_path: Path) -> None:
    bench = Epas(tmp_path, faults_ok=True)
    assert refused(bench, b"") == (200, "Invalid request.")
    bench.close()


# Where clients write what they like, with a $ for it.
SAID = (
    "<add-group><group name='$'/></add-group>",
    "<modify-group><group old-name='$' new-name='$'/></modify-group>",
    "<add-group><group name='a' index='$'/></add-group>",
    "<delete-group><group name='$'/></delete-group>",
    "<add-contact><group name='$'><persona-id nickname='$'>$</persona-id></group></add-contact>",
    "<add-contact><group name='a'><persona-id index='$'>bob</persona-id></group></add-contact>",
    "<modify-contact><group name='$'><persona-id nickname='$'>$</persona-id></group></modify-contact>",
    "<delete-contact><group name='$'><persona-id>$</persona-id></group></delete-contact>",
    "<set-presence-rules><presence-rule name='$'><rule/></presence-rule></set-presence-rules>",
    "<get-acl><rule name='$'/></get-acl>",
    "<add-acl><rule name='$'><watcher>$</watcher></rule></add-acl>",
    "<delete-acl><rule name='$'><watcher>$</watcher></rule></delete-acl>",
    "<delete-presence-rules><rule name='$'/></delete-presence-rules>",
    "<set-user-config><property name='$' is-public='true'>$</property></set-user-config>",
    "<set-calendaring>$</set-calendaring>",
    "<add-recent-comm><timestamp>$</timestamp><type>$</type><data>$</data></add-recent-comm>",
)


@pytest.mark.parametrize("request_", SAID)
def test_what_clients_write_gets_to_the_operation(epas: Epas, request_: str) -> None:
    """Or there would be nothing in what follows."""
    answer = epas.ask(request_.replace("$", "1"), epas.log_in("alice"))
    assert answer.tag.endswith("-resp"), told(answer)


@given(st.text(max_size=50), st.sampled_from(SAID))
def test_no_text_in_an_operation_makes_the_server_fail(
    epas_for_all: tuple[Epas, str], text: str, request_: str
) -> None:
    bench, key = epas_for_all
    said = possible(text).translate({ord(c): f"&#{ord(c)};" for c in "<&>\"'\t\n\r"})
    answer = bench.ask(request_.replace("$", said), key)
    assert answer.tag.endswith("-resp") or told(answer) == "Invalid request."


@pytest.fixture(scope="module")
def epas_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Epas, str]]:
    """With the key of a user."""
    bench = Epas(tmp_path_factory.mktemp("epas"))
    bench.people(ME, "bob@example.com")
    yield bench, bench.log_in("alice")
    bench.close()


def test_a_bug_is_told_as_one_and_logged(epas: Epas, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_of: object) -> Any:
        raise RuntimeError("with a secret")

    key = epas.log_in("alice")
    monkeypatch.setattr(contact_list, "contact_list", broken)
    with structlog.testing.capture_logs() as logged:
        assert refused(epas, envelope("<get-contact-list/>", EPAS, key=key)) == (
            500,
            "The server has failed.",
        )
    assert [entry["event"] for entry in logged] == ["operation failed"]


def test_no_password_gets_into_the_log(epas: Epas) -> None:
    with structlog.testing.capture_logs() as logged:
        epas.ask("<login><username>alice</username><password>hush</password><x>hush</x></login>")
        epas.ask("<login><username>alice</username><password>hush</password></login>")
    assert "hush" not in str(logged)
    assert logged


def test_a_database_that_is_away_is_told_and_so_is_its_return(epas: Epas) -> None:
    epas.away = True
    login = envelope("<login><username>alice</username><password>12345</password></login>", EPAS)
    for _ in range(10):  # which is held against nobody
        assert refused(epas, login) == (500, "Could not connect to database.")
    epas.away = False
    key = epas.log_in("alice")
    epas.away = True
    assert refused(epas, envelope("<add-group/>", EPAS, key=key)) == (500, "Could not connect to database.")
    epas.away = False
    assert epas.ask("<add-group/>", key).tag.endswith("add-group-resp")


# Addresses and contract


def test_the_service_is_at_every_address_of_the_product_and_the_contract_too(epas: Epas) -> None:
    routes = Routes(epas.service.routes())
    for release in RELEASES:
        got = served(routes.serve, HttpRequest(method="GET", path=SERVICE + release, query="wsdl"))
        assert b"EpasSoapServiceInterface" in got.body
        response = served(routes.serve, post(envelope("", EPAS), SERVICE + release))
        assert response.status == 400
    for name in ("epas-soap-interface.xsd", "presence-rules.xsd"):
        got = served(routes.serve, HttpRequest(method="GET", path=f"/EPASSoap/{name}"))
        assert b"schema" in got.body
    assert served(routes.serve, HttpRequest(method="GET", path="/EPASSoap/epas.wsdl")).status == 404


def test_a_post_may_have_the_query_of_the_contract(epas: Epas) -> None:
    request = HttpRequest(method="POST", path=SERVICE, query="wsdl", body=envelope("<get-acl/>", EPAS))
    assert inside(served(epas.service.serve, request)).tag.endswith("Fault")


def test_the_contract_says_where_the_client_has_reached_us(epas: Epas) -> None:
    request = HttpRequest(method="GET", path=SERVICE, base="https://cup.example.com:8443")
    got = served(epas.service.serve, request).body
    assert b'location="https://cup.example.com:8443/EPASSoap/service"' in got
    assert b"@" not in got


def test_other_methods_are_not_served(epas: Epas) -> None:
    response: HttpResponse = served(epas.service.serve, HttpRequest(method="PUT", path=SERVICE))
    assert (response.status, dict(response.headers)["Allow"]) == (405, "GET, HEAD, POST")


# What is done


def test_people_of_other_domains_are_told_with_theirs(epas: Epas) -> None:
    key = epas.log_in("alice")
    people = ("bob", "carol@other.com", "dan@elsewhere.com", "dan@nowhere.com")
    said = "".join(f"<persona-id>{name}</persona-id>" for name in people)
    said = said.replace(">carol@other.com", ' domain="other.com">carol')
    done = epas.ask(f'<add-contact><group name="">{said}</group></add-contact>', key)
    assert [text for _, text in texts(done)] == ["succeeded"] * 3 + ["Contact does not exist in."]
    (group,) = epas.ask("<get-contact-list/>", key)
    assert [text for _, text in texts(group)] == ["bob", "carol@other.com", "dan@elsewhere.com"]


def test_an_empty_group_without_a_name_is_not_told_of(epas: Epas) -> None:
    key = epas.log_in("alice")
    epas.database.run_now(groups.add, ME, [groups.Wanted("work")])
    assert [group.get("name") for group in epas.ask("<get-contact-list/>", key)] == ["work"]


def test_a_thousand_parts_are_one_request_and_too_many_are_none(epas: Epas) -> None:
    key = epas.log_in("alice")
    parts = [f'<group name="g{n}"/>' for n in range(contact_list.MOST_PARTS + 1)]
    assert told(epas.ask(f"<add-group>{''.join(parts)}</add-group>", key)) == "Invalid request."
    done = epas.ask(f"<add-group>{''.join(parts[:1000])}</add-group>", key)
    outcomes = [text for _, text in texts(done)]
    assert (outcomes.count("succeeded"), outcomes.count("failed")) == (groups.MOST - 1, 1001 - groups.MOST)


def test_a_line_is_the_users_first(epas: Epas) -> None:
    epas.database.run_now(lines.add, "2001", ME)
    found = {a["name"]: t for a, t in texts(epas.ask("<get-user-config/>", epas.log_in("alice")))}
    assert found == {"CallControl.Lineid": "2001"}


def test_settings_are_kept_for_each_user_apart(epas: Epas) -> None:
    alice, bob = epas.log_in("alice"), epas.log_in("bob")
    set_ = '<set-user-config><property name="UI.Color" is-public="1"> red\u00e9 </property></set-user-config>'
    assert [a for a, _ in texts(epas.ask(set_, alice))] == [{"name": "UI.Color", "status-code": "0"}]
    assert [t for _, t in texts(epas.ask("<get-user-config/>", alice))] == ["", " red\u00e9 "]
    assert [t for _, t in texts(epas.ask("<get-user-config/>", bob))] == [""]


def test_a_setting_that_cannot_be_kept_has_another_code(epas: Epas) -> None:
    key = epas.log_in("alice")
    long = "x" * (properties.LONGEST + 1)
    said = f'<property name="a">{long}</property><property name="b">1</property>'
    body = f"<set-user-config>{said}</set-user-config>"
    assert [a["status-code"] for a, _ in texts(epas.ask(body, key))] == ["1", "0"]


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("", 6),
        ("<contact-list/>", 1),
        ("<dialing-rules/><contact-list/>", 2),
        ('<contact-list/><federated-domains auth-policy="x"/><contact-info/>', 1),
        ("<contact-info/>", 0),
    ],
)
def test_everything_is_what_is_asked_for(epas: Epas, asked: str, got: int) -> None:
    made = epas.ask(f"<get-all-config>{asked}</get-all-config>", epas.log_in("alice"))
    assert len(made) == got


@pytest.mark.parametrize(
    ("rule", "visibility", "policy"),
    [
        (None, "all", "Allow All"),
        (Rule("a", Visibility.BLOCK), "block", "Block All"),
        (Rule("a", Visibility.CONFIRM, reachability_source="phone"), "confirm", "Ask"),
    ],
)
def test_the_rule_for_everybody_is_told_among_everything(
    epas: Epas, rule: Rule | None, visibility: str, policy: str
) -> None:
    if rule is not None:
        epas.database.run_now(rules.set_rules, ME, [rule, Rule("b")])
    made = epas.ask("<get-all-config><presence-rules/></get-all-config>", epas.log_in("alice"))[0]
    assert made.findtext(f"{{{EPAS}}}visibility") == visibility
    assert made.findtext(f"{{{EPAS}}}privacy-policy") == policy


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("", ["visibility", "reachability", "filter"]),
        ("<filter/>", ["filter"]),
        ("<visibility/><filter/>", ["visibility", "filter"]),
    ],
)
def test_a_rule_can_be_asked_for_in_parts(epas: Epas, asked: str, got: list[str]) -> None:
    epas.database.run_now(rules.set_rules, ME, [Rule("a", excluded_sources=("phone",))])
    made = epas.ask(f"<get-presence-rules>{asked}</get-presence-rules>", epas.log_in("alice"))
    assert [part.tag.rpartition("}")[2] for part in made[0][0]] == got


exprs = st.recursive(
    st.builds(values.Status, st.text("abc", max_size=3), st.text("xyz", max_size=3)),
    lambda inner: st.one_of(
        *(
            st.builds(kind, st.lists(inner, max_size=3).map(tuple))
            for kind in (values.And, values.Or, values.Not)
        )
    ),
    max_leaves=8,
)
any_rule = st.builds(
    Rule,
    st.text("abc ", min_size=1, max_size=5),
    st.sampled_from(Visibility),
    st.lists(st.text("abc", max_size=3), max_size=3).map(tuple),
    st.none() | st.text("abc", max_size=3),
    st.lists(
        st.builds(values.When, st.text("xyz", max_size=3), st.lists(exprs, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
)


@given(any_rule)
def test_a_rule_is_told_as_it_can_be_set(epas_with_alice: tuple[Epas, str], rule: Rule) -> None:
    from lxml import etree

    epas, key = epas_with_alice
    run = epas.database.run_now
    run(rules.delete_rules, ME, [each.name for each in run(rules.rules_of, ME)])
    run(rules.set_rules, ME, [rule])
    (told_,) = epas.ask("<get-presence-rules/>", key)
    run(rules.delete_rules, ME, [rule.name])
    said = etree.tostring(told_, encoding="unicode")
    done = epas.ask(f"<set-presence-rules>{said}</set-presence-rules>", key)
    assert [text for _, text in texts(done)] == ["succeeded"]
    assert run(rules.rules_of, ME) == (rule,)


@pytest.fixture(scope="module")
def epas_with_alice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Epas, str]]:
    bench = Epas(tmp_path_factory.mktemp("epas"))
    bench.people(ME)
    yield bench, bench.log_in("alice")
    bench.close()


def test_a_rule_that_cannot_be_kept_fails_and_the_others_do_not(epas: Epas) -> None:
    key = epas.log_in("alice")
    rule = '<presence-rule name="{}"><rule><visibility>{}</visibility></rule></presence-rule>'
    parts = rule.format("a", "all") + rule.format("b", "everything") + rule.format("c", "block")
    done = epas.ask(f"<set-presence-rules>{parts}</set-presence-rules>", key)
    assert [text for _, text in texts(done)] == ["succeeded", "failed", "succeeded"]
    assert [each.name for each in epas.database.run_now(rules.rules_of, ME)] == ["a", "c"]


def test_a_list_of_a_rule_that_is_not_there_is_told_so(epas: Epas) -> None:
    key = epas.log_in("alice")
    for operation in ("add-acl", "delete-acl"):
        done = epas.ask(f'<{operation}><rule name="x"><watcher>bob</watcher></rule></{operation}>', key)
        assert [text for _, text in texts(done[0])] == ["Invalid Policy name"]


def test_a_status_is_kept_as_it_came_as_an_element_or_as_text(epas: Epas) -> None:
    key = epas.log_in("alice")
    for said in (PIDF, PIDF.replace("&", "&amp;").replace("<", "&lt;")):
        made = epas.ask(f"<publish-pres-status>\n {said}</publish-pres-status>", key)
        assert made.findtext(f"{{{EPAS}}}status-code") == "0"
        kept = epas.database.run_now(long_term.status, ME)
        assert kept is not None
        assert b"cupc-override" in kept
        epas.ask("<unpublish-pres-status/>", key)
        assert epas.database.run_now(long_term.status, ME) is None


def test_what_is_remembered_keeps_its_own_namespaces_and_text(epas: Epas) -> None:
    key = epas.log_in("alice")
    data = 'said &lt;b&gt; &amp; <what>one</what> and <w xmlns="urn:w" a="1"/> &amp; more'
    epas.ask(remembered("2006-03-24T10:00:00Z", data), key)
    (record,) = epas.ask("<get-recent-comm/>", key)
    kept = record.find(f"{{{EPAS}}}data")
    assert kept.text == "said <b> & "
    assert [(part.tag, part.text, part.tail) for part in kept] == [
        (f"{{{EPAS}}}what", "one", " and "),
        ("{urn:w}w", None, " & more"),
    ]


def test_what_has_no_date_is_not_remembered(epas: Epas) -> None:
    key = epas.log_in("alice")
    (record,) = epas.ask(remembered("yesterday", ""), key)
    assert dict(record.attrib) == {"timestamp": "yesterday", "status-code": "1"}
    assert len(epas.ask("<get-recent-comm/>", key)) == 0


def test_what_is_around_a_communication_is_not_repeated_without_end(epas: Epas) -> None:
    around = "u" * recent.LONGEST_DATA
    data = f'<data xmlns:x="{around}">{"<a/>" * 1000}</data>'
    assert len(as_it_came(parse(data.encode(), 2))) < 3 * recent.LONGEST_DATA
    (record,) = epas.ask(remembered("2006-03-24", data), epas.log_in("alice"))
    assert record.get("status-code") == "1"


def test_everything_has_a_bounded_number_of_parts(epas: Epas) -> None:
    key = epas.log_in("alice")
    made = epas.ask(f"<get-all-config><contact-list/>{'<new/>' * 99}</get-all-config>", key)
    assert [part.tag for part in made] == [f"{{{EPAS}}}get-contact-list-resp"]
    many = envelope(f"<get-all-config><contact-list/>{'<new/>' * 100}</get-all-config>", EPAS, key=key)
    assert refused(epas, many) == (400, "Invalid request.")


def test_the_tables_of_the_modules_have_no_name_twice() -> None:
    assert len(OPERATIONS) == 25
    assert set(RULE_OPERATIONS) < set(OPERATIONS)
