"""What administrators set: more of a user, licences, the site's settings, dialling rules, rights to act."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from ctigw.directory import (
    applications,
    credentials,
    details,
    dial_rules,
    journal,
    licensing,
    lines,
    names,
    system,
    users,
    vocabulary,
    wildcards,
)
from ctigw.directory.applications import ApplicationInfo
from ctigw.directory.credentials import Principal
from ctigw.directory.demo import ensure_demo
from ctigw.directory.details import Details
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, DialRuleItem, Kind, SystemItem, UserItem
from ctigw.directory.licensing import Features
from ctigw.directory.users import UserInfo
from ctigw.store import migrations
from ctigw.store.database import Database
from ctigw.store.tables import SystemRow, UserSystemRow
from tests.newcomers import newcomer

ALICE, BOB = "alice@example.com", "bob@example.com"
# The printed names, where they are at hand.
PRINTED = Path(__file__).parents[3] / "shared" / "reference" / "cup" / "examples" / "properties.json"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Where alice and bob are, without passwords, which take time."""
    with database._sessions.begin() as session:
        for name in (ALICE, BOB):
            newcomer(session, name)
        yield session


def told(changes: tuple[Change, ...]) -> list[Any]:
    return [(x.kind, x.user, x.old, x.new) for x in changes]


# More of a user.


def test_of_a_new_user_nothing_more_is_known_and_they_may_use_all_but_video(session: Session) -> None:
    assert details.details(session, ALICE) == Details()
    assert licensing.features(session, ALICE) == Features(
        ups=True, base=True, im=True, audio=True, video=False
    )


def test_details_and_features_are_kept_for_one_user_and_told_as_a_change_of_theirs(session: Session) -> None:
    known = Details("Alíce", "Liddell", "+49 30 1234", "Wonderland", "queen", "English United States")
    item = UserItem("Alice")
    may = Features(ups=False, base=False, im=False, audio=False, video=True)
    expected = [(Kind.USER, ALICE, item, item)]
    assert told(details.set_details(session, "Alice@example.com", known)) == expected
    assert told(licensing.set_features(session, ALICE, may)) == expected
    session.expire_all()
    assert (details.details(session, ALICE), licensing.features(session, ALICE)) == (known, may)
    assert (details.details(session, BOB), licensing.features(session, BOB)) == (Details(), Features())
    assert details.set_details(session, ALICE, known) == ()
    assert licensing.set_features(session, ALICE, may) == ()
    details.set_details(session, ALICE, Details(last_name="L"))
    assert details.details(session, ALICE) == Details(last_name="L")


@pytest.mark.parametrize(("field", "most"), [(x, 255) for x in ("first_name", "last_name", "manager")])
@pytest.mark.parametrize("wrong", ["a\nb", "a\0", "\ud800"])
def test_details_are_one_line_each(session: Session, field: str, most: int, wrong: str) -> None:
    details.set_details(session, ALICE, replace(Details(), **{field: "x" * most}))
    for value in ("x" * (most + 1), wrong):
        with pytest.raises(
            DirectoryError, match=f"a {field.replace('_', ' ')} is one line of at most {most}"
        ):
            details.set_details(session, ALICE, replace(Details(), **{field: value}))


@pytest.mark.parametrize("field", ["telephone_number", "locale"])
def test_what_is_short_is_short(session: Session, field: str) -> None:
    details.set_details(session, ALICE, replace(Details(), **{field: "1" * 64}))
    with pytest.raises(DirectoryError, match="at most 64 characters"):
        details.set_details(session, ALICE, replace(Details(), **{field: "1" * 65}))


# Looking for users.


@pytest.fixture
def people(session: Session) -> Session:
    names_of = {
        "ann": ("Ann", "Ådal"),
        "anna": ("Anna", "Berg"),
        "bert": ("BERT", "Ångström"),
        "carl": ("Carl", "100%"),
        "dora": ("", ""),
    }
    for name, (first, last) in names_of.items():
        newcomer(session, f"{name}@c")
        details.set_details(session, f"{name}@c", Details(first, last, department="x"))
    lines.add(session, "2", "ann@c")
    lines.add(session, "1", "ann@c")
    for name in (ALICE, BOB):
        users.remove(session, name)
    return session


@pytest.mark.parametrize(
    ("first", "last", "most", "expected"),
    [
        ("%", "%", 9, "ann anna bert carl dora"),
        ("", "", 9, "ann anna bert carl dora"),
        ("", "%", 2, "ann anna"),
        ("%", "%", 0, ""),
        ("ann", "", 9, "ann"),
        ("AN%", "", 9, "ann anna"),
        ("%n%a", "", 9, "anna"),
        ("b%t", "å%", 9, "bert"),
        ("", "Å%", 9, "ann bert"),
        ("_nn", "", 9, ""),
        ("zoe", "", 9, ""),
        ("ann", "berg", 9, ""),
    ],
)
def test_users_are_found_by_their_names(
    people: Session, first: str, last: str, most: int, expected: str
) -> None:
    found = users.search(people, first, last, most)
    assert [info.name for info, _ in found] == [f"{name}@c" for name in expected.split()]


def test_who_is_found_comes_with_lines_and_details(people: Session) -> None:
    assert users.search(people, "ann", "", 1) == [
        (UserInfo("ann@c", "Ann", ("1", "2")), Details("Ann", "Ådal", department="x"))
    ]


@pytest.mark.parametrize("pattern", ["%" * 256, "a\n"])
def test_what_is_looked_for_is_bounded(people: Session, pattern: str) -> None:
    with pytest.raises(DirectoryError, match="a pattern is one line of at most 255 characters"):
        users.search(people, "", pattern, 9)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", [""], ["a"]),
        ("a", ["a"], ["", "A", "aa", "*"]),
        ("*", ["", "a", "*"], []),
        ("a*a", ["aa", "aba", "aaa"], ["a", "ab", "ba"]),
        ("*a*", ["a", "bab"], ["", "b"]),
        ("a*b*c", ["abc", "axbxc", "abbc"], ["ac", "acb", "abcd"]),
        ("*ab*ab*", ["abab", "xabxabx"], ["ab", "aab", "abab"[:3]]),
        ("a**b", ["ab", "axb"], ["a", "b"]),
        ("ab*bc", ["abbc", "abxbc"], ["abc"]),
        ("*ab*b", ["abb", "xabxb"], ["ab"]),
    ],
)
def test_wildcards(pattern: str, matching: Sequence[str], other: Sequence[str]) -> None:
    matches = wildcards.matcher(pattern, "*")
    assert [text for text in matching if not matches(text)] == []
    assert [text for text in other if matches(text)] == []


def test_many_wildcards_take_no_time() -> None:
    assert not wildcards.matcher("*a" * 120 + "b", "*")("a" * 255)


# Rights.


def test_an_application_may_act_for_users_and_administer(session: Session) -> None:
    applications.add(session, "web", "secret")
    for pattern in (" *@Example.com ", "zoe@example.org", "zoe@example.org"):
        applications.grant(session, "web", "users", pattern)
    applications.grant(session, "web", "administer")
    applications.grant(session, "web", "administer")
    info = ApplicationInfo("web", users=("*@example.com", "zoe@example.org"), administers=True)
    assert applications.applications(session) == [info]
    principal = credentials.check(credentials.look_up(session, "Web"), "secret")
    assert principal == Principal("web", "application", (), (), info.users, administers=True)
    applications.revoke(session, "web", "administer")
    applications.revoke(session, "web", "users", "*@EXAMPLE.com")
    assert applications.applications(session) == [ApplicationInfo("web", users=("zoe@example.org",))]


def test_a_right_to_users_is_none_to_lines(session: Session) -> None:
    applications.add(session, "web", "secret")
    applications.grant(session, "web", "users", "*")
    applications.grant(session, "web", "monitor", "20*")
    applications.grant(session, "web", "control", "2001")
    assert applications.rights(session, "web") == ApplicationInfo("web", ("20*",), ("2001",), ("*",))
    assert applications.rights(session, "other") == ApplicationInfo("other")


@pytest.mark.parametrize(
    ("users_", "name", "may"),
    [
        (["*"], ALICE, True),
        (["*@example.com"], ALICE, True),
        (["*@example.com"], " ALICE@Example.com", True),
        (["*@example.com"], "alice@example.com.evil.org", False),
        (["*@example.com"], "alice@example.org", False),
        (["alice@example.com"], ALICE, True),
        (["alice@example.com"], "malice@example.com", False),
        (["al*@*"], ALICE, True),
        (["bob@example.com", "alice@example.com"], ALICE, True),
        (["strasse@example.com"], "straße@example.com", False),
        ([], ALICE, False),
    ],
)
def test_who_may_act_for_whom(users_: list[str], name: str, may: bool) -> None:
    assert credentials.may_act_for(users_, name) is may


@pytest.mark.parametrize(
    ("kind", "pattern", "why"),
    [
        ("users", "alice", "is not a user's name, or a pattern of some"),
        ("users", "", "is not a user's name, or a pattern of some"),
        ("users", "a b*", "is not a user's name, or a pattern of some"),
        ("users", "*@a@b", "is not a user's name, or a pattern of some"),
        ("users", "*" + "a" * 255, "is not a user's name, or a pattern of some"),
        ("users", "*\0", "is not a user's name, or a pattern of some"),
        ("administer", "*", "it has no pattern"),
        ("monitor", "*@example.com", "is not a pattern such as"),
    ],
)
def test_what_is_no_right_is_refused(
    session: Session, kind: applications.Kind, pattern: str, why: str
) -> None:
    applications.add(session, "web", "secret")
    for act in (applications.grant, applications.revoke):
        with pytest.raises(DirectoryError, match=why.replace("*", r"\*")):
            act(session, "web", kind, pattern)


def test_what_was_not_granted_is_not_taken_back(session: Session) -> None:
    applications.add(session, "web", "secret")
    with pytest.raises(DirectoryError, match=r"^web has no right to administer$"):
        applications.revoke(session, "web", "administer")
    with pytest.raises(DirectoryError, match=r"^web has no right to users \*$"):
        applications.revoke(session, "web", "users", "*")


# Names.


def test_whom_people_mean(session: Session) -> None:
    meant = names.people(ALICE, ["BOB", "sip:bob@example.com", "zoe@b", "", "a b", "a@b@c"])
    assert meant == [BOB, BOB, "zoe@b", None, None, None]
    assert names.users_among(session, meant) == {BOB}
    assert names.users_among(session, [None]) == set()


# The site's settings.


@pytest.mark.skipif(not PRINTED.exists(), reason="the printed names are not at hand")
def test_the_names_are_the_printed_ones() -> None:
    printed = json.loads(PRINTED.read_text())
    assert tuple(x["name"] for x in printed["system_config"]) == vocabulary.SYSTEM
    found = {file: tuple(payload["properties"]) for file, payload in printed["uccn"].items()}
    of_objects = {told.object.lower(): told.names for told in vocabulary.OBJECTS}
    files = {
        "ucsystemcfg": "01-ucsystemcfg-update",
        "ucattributemap": "11-ucattributemap-update",
        "ucctigatewayhost": "13-ucctigatewayhost-update",
        "ucldaphost": "22-ucldaphost-update",
        "ucmeetingplacehost": "23-ucmeetingplacehost-update",
        "ucproxyprofile": "26-ucproxyprofile-update",
        "ucunityhost": "27-ununityhost-update",
        "voicemessagingpilot": "29-voicemessagingpilot-update",
        "cupsystemcfg": "36-cupsystemcfg-update",
        "pebackendgateway": "40-pebackendgateway-update",
    }
    assert of_objects == {name: found[f"{file}.notify.xml"] for name, file in files.items()}
    of_a_user = (
        *(f"{n}-enduser-update-fkuc{name}profile" for n, name in ((14, "unity"), (15, "meetingplace"))),
        *(f"{n}-enduser-update-fkuc{name}profile" for n, name in ((16, "ctigateway"), (17, "ldap"))),
        *("18-enduser-update-fkucproxyprofile", "21-ucldapprofile-update"),
    )
    assert [told.names for told in vocabulary.OF_A_USER] == [found[f"{x}.notify.xml"] for x in of_a_user]


def test_there_are_79_names_and_the_defaults_are_the_printed_ones(session: Session) -> None:
    found = system.system_config(session, None)
    assert len(found) == len(dict(found)) == 79
    assert found == system.system_config(session, ALICE)
    assert {name: value for name, value in found if value} == {
        "Directory.Map.userid": "uid",
        "Directory.Map.givenName": "givenname",
        "Directory.Map.surName": "sn",
        "Directory.Map.middleName": "middleinitial",
        "Directory.Map.displayName": "cn",
        "Directory.Map.internalSnailMailAddress": "postofficebox",
        "Directory.Map.site": "site",
        "Directory.Map.building": "building",
        "Directory.Map.floor": "floor",
        "Directory.Map.orgPersonNumber": "employeenumber",
        "Directory.Map.orgPersonType": "employeetype",
        "Directory.Map.title": "title",
        "Directory.Map.departmentNumber": "departmentnumber",
        "Directory.Map.managerID": "manageruid",
        "Directory.Map.status": "status",
        "Directory.AnonymousBind": "FALSE",
        "Directory.SearchRecursive1": "FALSE",
        "Directory.SearchRecursive2": "FALSE",
        "Directory.SearchRecursive3": "FALSE",
    }
    assert not set(vocabulary.ELSEWHERE) & set(dict(found))


def test_every_setting_is_told_and_no_two_objects_tell_the_same_change() -> None:
    of = [name for told in vocabulary.OBJECTS for name in told.of]
    assert sorted(of) == sorted(system.NAMES)
    for told_ in (*vocabulary.OBJECTS, *vocabulary.OF_A_USER):
        assert {vocabulary.SOAP_NAMES.get(name, name) for name in told_.names} <= system.NAMES
    own = [name for told in vocabulary.OF_A_USER for name in told.of]
    assert len(own) == len(set(own)) == 54


def test_what_the_user_has_wins_over_the_sites_and_that_over_the_gateways(session: Session) -> None:
    gateways = {"Presence.Domain": "example.com", "Presence.Primary.Port": "5060"}

    def now(user: str | None) -> list[str]:
        found = dict(system.system_config(session, user, gateways))
        return [
            found[name] for name in ("Presence.Domain", "Presence.Primary.Port", "VoiceMail.Primary.Port")
        ]

    assert now(None) == now(ALICE) == ["example.com", "5060", ""]
    system.set_system(session, {"Presence.Domain": "site.org", "VoiceMail.Primary.Port": "143"})
    assert now(None) == now(ALICE) == ["site.org", "5060", "143"]
    system.set_system(session, {"Presence.Domain": "", "Presence.Primary.Port": "5061"}, "Alice@example.com")
    assert now(ALICE) == ["", "5061", "143"]
    assert now(None) == now(BOB) == ["site.org", "5060", "143"]
    assert system.stored(session, ALICE) == {"Presence.Domain": "", "Presence.Primary.Port": "5061"}
    system.set_system(session, {"Presence.Domain": None, "Presence.Primary.Port": None}, ALICE)
    system.set_system(session, {"Presence.Domain": None})
    assert now(ALICE) == ["example.com", "5060", "143"]
    assert system.stored(session) == {"VoiceMail.Primary.Port": "143"}


@pytest.mark.parametrize(
    ("name", "value", "objects"),
    [
        ("Security", "1", ["UcSystemCfg"]),
        ("TFTP.Backup2", "hostc", ["UcSystemCfg"]),
        ("Directory.Map.site", "l", ["UcAttributeMap"]),
        ("Directory.Map.URL", "url", ["UcAttributeMap"]),
        ("CallControl.Primary.Port", "2748", ["UcCtiGatewayHost"]),
        ("Directory.DN", "cn=x", ["UcLdapHost"]),
        ("MeetingPlace.Backup1.Protocol", "HTTPS", ["UcMeetingPlaceHost"]),
        ("Presence.Domain", "a.b", ["UcProxyProfile"]),
        ("VoiceMail.Primary.Address", "vm", ["UcUnityHost"]),
        ("VoiceMail.PilotNumber", "9999", ["VoiceMessagingPilot"]),
        ("IM.enable", "FALSE", ["CUPSystemCfg"]),
        ("Presence.ExchangeEnabled", "TRUE", ["PEBackendGateway"]),
    ],
)
def test_a_setting_of_the_site_is_told_to_all_with_what_belongs_to_it(
    session: Session, name: str, value: str, objects: list[str]
) -> None:
    changes = system.set_system(session, {name: value})
    assert [(x.kind, x.user, x.new.object) for x in changes if isinstance(x.new, SystemItem)] == [
        (Kind.SYSTEM, "", object_) for object_ in objects
    ]
    (change,) = changes
    assert isinstance(change.old, SystemItem)
    assert isinstance(change.new, SystemItem)
    was, is_ = dict(change.old.properties), dict(change.new.properties)
    assert {key: is_[key] for key in is_ if is_[key] != was[key]} == ({name: value} if name in is_ else {})
    assert journal.since(session, 0)[-1] == change
    assert system.set_system(session, {name: value}) == ()
    assert [(x.old, x.new) for x in system.set_system(session, {name: None})] == [(change.new, change.old)]
    assert system.set_system(session, {name: None}) == ()


def test_one_change_for_each_object_that_is_touched(session: Session) -> None:
    values = {
        "TFTP.Primary": "a",
        "Security": "1",
        "VoiceMail.PilotNumber": "9",
        "VoiceMail.Primary.Port": "1",
    }
    changes = system.set_system(session, {**values, "Directory.Map.title": None})
    assert [x.new.object for x in changes if isinstance(x.new, SystemItem)] == [
        "UcSystemCfg",
        "UcUnityHost",
        "VoiceMessagingPilot",
    ]
    assert changes[0].new == SystemItem(
        "UcSystemCfg",
        (("Security", "1"), ("TFTP.Primary", "a"), ("TFTP.Backup1", ""), ("TFTP.Backup2", "")),
    )


def test_attributes_are_told_in_uccns_words(session: Session) -> None:
    (change,) = system.set_system(session, {"Directory.Map.givenName": "gn", "Directory.Map.IM": "im"})
    assert isinstance(change.new, SystemItem)
    assert change.new.properties == tuple(
        (f"Directory.Map.{name}", value)
        for name, value in (
            *(("UID", "employeenumber"), ("FirstName", "gn"), ("LastName", "sn")),
            *(("MiddleName", "middleinitial"), ("nickname", ""), ("UserID", "uid"), ("Photo", "")),
            *(("Title", "title"), ("DisplayName", "cn"), ("NamePrefix", ""), ("NameSuffix", "")),
            *(("Gender", ""), ("BusinessEMail", "mail"), ("IM", "im")),
            *(("BusinessPhoneNumber", "telephoneNumber"), ("BusinessVoiceMail", "voicemail")),
            *(("BusinessMobilePhone", "mobile"), ("BusinessPager", "pager")),
            *(("BusinessFax", "facsimileTelephoneNumber"), ("BusinessOtherPhone", "")),
            *(("HomeEMail", ""), ("HomeMobilePhone", ""), ("HomeFax", ""), ("URL", "labeledURI")),
        )
    )


def test_what_a_user_has_of_their_own_is_told_to_them(session: Session) -> None:
    system.set_system(session, {"VoiceMail.Primary.Port": "143", "VoiceMail.Primary.Address": "site"})
    values = {"VoiceMail.Primary.Address": "own", "CallControl.Primary.Port": "2748", "Directory.DN": "cn=a"}
    voice, control, ldap = system.set_system(session, values, ALICE)
    for change, object_ in ((voice, "EndUser"), (control, "EndUser"), (ldap, "UcLdapProfile")):
        assert isinstance(change.new, SystemItem)
        assert (change.kind, change.user, change.new.object) == (Kind.SYSTEM, ALICE, object_)
    assert isinstance(voice.new, SystemItem)
    assert dict(voice.new.properties)["VoiceMail.Primary.Port"] == "143"
    assert dict(voice.new.properties)["VoiceMail.Primary.Address"] == "own"


def test_who_tells_a_change_looks_up_what_there_is_to_tell(session: Session) -> None:
    (change,) = system.set_system(session, {"Presence.Primary.Port": "5060"})
    system.set_system(session, {"Presence.Primary.Port": "5061"}, ALICE)
    assert isinstance(change.new, SystemItem)
    gateways = {"Presence.Domain": "example.com"}
    for user, port in ((ALICE, "5061"), (BOB, "5060")):
        found = system.told(session, change.new, user, gateways).properties
        assert [name for name, _ in found] == [name for name, _ in change.new.properties]
        assert (dict(found)["Presence.Primary.Port"], dict(found)["Presence.Domain"]) == (port, "example.com")


def test_a_password_is_in_one_table_only(session: Session) -> None:
    (change,) = system.set_system(session, {"Directory.Password": "hush"})
    assert change.old == change.new
    assert isinstance(change.new, SystemItem)
    assert dict(system.told(session, change.new, ALICE).properties)["Directory.Password"] == "hush"
    assert dict(system.system_config(session, ALICE))["Directory.Password"] == "hush"
    system.set_system(session, {"Directory.Password": "own"}, ALICE)
    assert dict(system.told(session, change.new, ALICE).properties)["Directory.Password"] == "own"
    kept = session.execute(text("SELECT old, new FROM directory_changes")).all()
    assert kept
    assert "hush" not in repr(kept)
    assert "own" not in repr(kept)


def test_what_is_a_users_own_goes_with_them(session: Session) -> None:
    system.set_system(session, {"Directory.DN": "cn=a"}, ALICE)
    users.remove(session, ALICE)
    session.expire_all()
    newcomer(session, ALICE)
    assert system.stored(session, ALICE) == {}


@pytest.mark.parametrize(
    ("name", "value", "user", "why"),
    [
        ("Directory", "x", None, "there is no setting 'Directory'"),
        ("directory.dn", "x", None, "there is no setting"),
        ("Directory.Map.organizationName", "o", None, "there is no setting"),
        ("x" * 10_000, "x", None, "there is no setting"),
        ("Security", "x", ALICE, "users have none of their own"),
        ("IM.enable", "TRUE", ALICE, "users have none of their own"),
        ("Directory.Map.site", "x", ALICE, "users have none of their own"),
        ("Directory.DN", "x", "zoe@b", "there is no user zoe@b"),
        ("Directory.DN", "x\ny", None, "one line of at most 1024 characters"),
        ("Directory.DN", "x" * 1025, None, "one line of at most 1024 characters"),
        ("Directory.DN", "\ud800", None, "one line of at most 1024 characters"),
        ("Directory.AnonymousBind", "yes", None, "is TRUE or FALSE"),
        ("IM.enable", "", None, "is TRUE or FALSE"),
        *(
            ("VoiceMail.Primary.Port", port, None, "is a port: a number from 1 to 65535")
            for port in ("0", "65536", "x", "-1", "1000000", "٣", "01")
        ),
    ],
)
def test_what_is_no_setting_is_refused_and_changes_nothing(
    session: Session, name: str, value: str, user: str | None, why: str
) -> None:
    with pytest.raises(DirectoryError, match=why) as refused:
        system.set_system(session, {"Presence.Domain": "a.b", name: value}, user)
    assert len(str(refused.value)) < 400
    assert session.query(SystemRow).count() == session.query(UserSystemRow).count() == 0
    assert journal.since(session, 0) == []


@pytest.mark.parametrize(
    ("name", "value", "kept"), [("IM.enable", "false", "FALSE"), ("TFTP.Primary", "", "")]
)
def test_values_are_kept_in_one_form(session: Session, name: str, value: str, kept: str) -> None:
    system.set_system(session, {name: value})
    assert system.setting(session, name) == kept
    assert system.stored(session) == {name: kept}


def test_one_setting_can_be_asked_for(session: Session) -> None:
    assert system.setting(session, "IM.enable") == "TRUE"
    assert system.setting(session, "Presence.ExchangeEnabled") == "FALSE"
    system.set_system(session, {"Presence.Domain": "a.b"})
    system.set_system(session, {"Presence.Domain": "own"}, ALICE)
    assert system.setting(session, "Presence.Domain", ALICE) == "own"
    assert system.setting(session, "Presence.Domain") == "a.b"
    with pytest.raises(DirectoryError, match="there is no setting"):
        system.setting(session, "none")


# Dialling rules.

RULE = DialRuleItem(1, "App dialing rule", "From 89 to 7", 1, "89", 1, 0, "7")
LOOKUP = DialRuleItem(2, "Directory dialing rule", "", 1, "97876", 2, 2, "98")


def test_dialling_rules_are_kept_by_type_priority_and_name(session: Session) -> None:
    later = replace(RULE, name="a", priority=2)
    same = replace(RULE, name="B")
    other = replace(LOOKUP, name=RULE.name)
    for rule in (LOOKUP, later, RULE, same, other):
        assert told(dial_rules.add(session, rule)) == [(Kind.DIAL_RULE, "", None, rule)]
    assert [x for x in dial_rules.dial_rules(session) if x.type == 1] in (
        [RULE, same, later],
        [same, RULE, later],
    )
    assert [x.type for x in dial_rules.dial_rules(session)] == [1, 1, 1, 2, 2]
    assert told(dial_rules.remove(session, 2, RULE.name)) == [(Kind.DIAL_RULE, "", other, None)]
    assert dial_rules.dial_rules(session)[-1] == LOOKUP


def test_a_rule_is_replaced_also_by_one_of_another_name(session: Session) -> None:
    dial_rules.add(session, RULE)
    new = replace(RULE, number_begins_with="", number_of_digits=50, digits_to_be_removed=50, prefix="+*#0")
    assert told(dial_rules.modify(session, 1, RULE.name, new)) == [(Kind.DIAL_RULE, "", RULE, new)]
    assert dial_rules.modify(session, 1, RULE.name, new) == ()
    dial_rules.add(session, LOOKUP)
    moved = replace(new, type=2, name="moved")
    dial_rules.modify(session, 1, RULE.name, moved)
    session.expire_all()
    assert set(dial_rules.dial_rules(session)) == {moved, LOOKUP}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"type": 0}, "is of type 1"),
        ({"type": 3}, "is of type 1"),
        ({"name": ""}, "is one line of 1 to 255 characters"),
        ({"name": "a\n"}, "is one line of 1 to 255 characters"),
        ({"name": "a" * 256}, "is one line of 1 to 255 characters"),
        ({"description": "a\n"}, "is one line of at most 255 characters"),
        ({"description": "a" * 256}, "is one line of at most 255 characters"),
        ({"priority": -1}, "a number from 0 to 9999"),
        ({"priority": 10_000}, "a number from 0 to 9999"),
        ({"number_begins_with": "1" * 51}, "is not up to 50 digits"),
        ({"number_begins_with": "x"}, "is not up to 50 digits"),
        ({"number_begins_with": "٣"}, "is not up to 50 digits"),
        ({"number_begins_with": "1\n"}, "is not up to 50 digits"),
        ({"prefix": "1 2"}, "is not up to 50 digits"),
        ({"number_of_digits": -1, "digits_to_be_removed": -1}, "removes no more than those"),
        ({"number_of_digits": 51}, "numbers of 0 to 50 digits"),
        ({"number_of_digits": 1, "digits_to_be_removed": 2}, "removes no more than those"),
    ],
)
def test_what_is_no_rule_is_refused(session: Session, change: dict[str, Any], why: str) -> None:
    dial_rules.add(session, LOOKUP)
    wrong = replace(RULE, **change)
    for act in (
        lambda: dial_rules.add(session, wrong),
        lambda: dial_rules.modify(session, 2, LOOKUP.name, wrong),
    ):
        with pytest.raises(DirectoryError, match=why):
            act()
    assert dial_rules.dial_rules(session) == (LOOKUP,)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda s: dial_rules.add(s, RULE), "there is a dialling rule App dialing rule of type 1 already"),
        (lambda s: dial_rules.modify(s, 2, LOOKUP.name, RULE), "there is a dialling rule App dialing rule"),
        (lambda s: dial_rules.modify(s, 2, RULE.name, RULE), "there is no dialling rule App dialing rule"),
        (
            lambda s: dial_rules.remove(s, 2, RULE.name),
            "there is no dialling rule App dialing rule of type 2",
        ),
        (lambda s: dial_rules.remove(s, 9, RULE.name), "a dialling rule is of type 1"),
        (lambda s: dial_rules.remove(s, 1, "a\0"), "the name of a dialling rule is one line"),
    ],
)
def test_rules_that_there_are_not_or_already_are(
    session: Session, act: Callable[[Session], Any], why: str
) -> None:
    dial_rules.add(session, RULE)
    dial_rules.add(session, LOOKUP)
    with pytest.raises(DirectoryError, match=why):
        act(session)
    assert set(dial_rules.dial_rules(session)) == {RULE, LOOKUP}


def test_rules_are_not_too_many(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_rules, "MOST", 1)
    dial_rules.add(session, RULE)
    with pytest.raises(DirectoryError, match="there are 1 dialling rules already"):
        dial_rules.add(session, LOOKUP)


# The demo and the tables.


def test_the_demo_has_an_application_and_rules_that_can_be_changed(session: Session) -> None:
    ensure_demo(session)
    principal = credentials.verify(session, "webapp", "demo")
    assert principal == Principal("webapp", "application", (), (), ("*",), administers=True)
    assert [rule.type for rule in dial_rules.dial_rules(session)] == [1, 2]
    applications.revoke(session, "webapp", "administer")
    rule = dial_rules.dial_rules(session)[0]
    dial_rules.modify(session, rule.type, rule.name, replace(rule, prefix="0"))
    ensure_demo(session)
    assert applications.rights(session, "webapp") == ApplicationInfo("webapp", users=("*",))
    assert dial_rules.dial_rules(session)[0].prefix == "0"


def test_who_was_there_before_has_the_defaults_and_keeps_their_rights(url: URL) -> None:
    database = Database(url)
    with database._engine.begin() as connection:
        migrations.upgrade(connection, "0004")
        connection.execute(
            text("INSERT INTO users (name, display_name, password_hash) VALUES ('a@b', 'A', 'x')")
        )
        connection.execute(text("INSERT INTO applications (name, password_hash) VALUES ('app', 'x')"))
        connection.execute(
            text(
                "INSERT INTO application_rights (application, kind, pattern) VALUES ('app', 'control', '2*')"
            )
        )
    database.migrate()
    assert database.run_now(details.details, "a@b") == Details()
    assert database.run_now(licensing.features, "a@b") == Features()
    assert database.run_now(applications.applications) == [ApplicationInfo("app", control=("2*",))]
    database.run_now(applications.remove, "app")
    with database._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM application_rights")).scalar() == 0
    database.close()


def test_an_older_program_does_not_see_rights_that_it_does_not_know(url: URL) -> None:
    from alembic import command

    def prepare(session: Session) -> None:
        applications.add(session, "app", "secret")
        applications.grant(session, "app", "monitor", "2*")
        applications.grant(session, "app", "users", "*")
        applications.grant(session, "app", "administer")

    database = Database(url)
    database.migrate()
    database.run_now(prepare)
    with database._engine.begin() as connection:
        config = migrations.settings()
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        kept = connection.execute(text("SELECT kind, pattern FROM application_rights")).all()
    assert [tuple(row) for row in kept] == [("monitor", "2*")]
    database.migrate()
    assert database.run_now(applications.applications) == [ApplicationInfo("app", ("2*",))]
    database.close()
