"""AXL's operations: what each does, what it refuses, and that what it refuses changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from ctigw.directory import credentials, journal, licensing, system, users
from ctigw.directory.credentials import Principal
from ctigw.directory.details import Details, details
from ctigw.directory.licensing import Features
from ctigw.directory.vocabulary import PASSWORD as LDAP_PASSWORD
from ctigw.soap.axl import Site
from ctigw.soap.axl.messages import Part, Request, answer
from ctigw.soap.axl.service import AUTHENTICATE, OPERATIONS, QUERY, SERVED
from ctigw.soap.axl.settings import EVERYWHERE, SERVICE
from ctigw.soap.axl.site import guid
from ctigw.soap.axl.versions import NAMESPACE, NAMESPACES
from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpRequest
from ctigw.store.tables import Application, User
from ctigw.xml.parsing import local, name_of
from tests.axl import ADMIN, SECRET, Axl, authorization, request
from tests.newcomers import newcomer
from tests.soap import PASSWORD, SOAP_11, SOAP_12

TOM, ERIN = "tttt@example.com", "erin@example.com"
DISABLED, UNKNOWN = "this is for a Communications Manager", "there is no such request"
KNOWN = Details("Tom", "Tulip", "555-2001", "Sales", "erin", "English United States")


def parameter(name: str, node: str = "cups1", service: str = SERVICE) -> str:
    """How a setting is named."""
    return f"<name>{name}</name><processNodeName>{node}</processNodeName><service>{service}</service>"


def new_user(userid: str, password: str = "<password>x</password>", more: str = "<lastname/>") -> str:
    return f"<newUser>{more}<userid>{userid}</userid>{password}</newUser>"


# A request of each operation, as small as it may be, that succeeds.
REQUESTS = {
    "getUser": "<userid>tttt</userid>",
    "addUser": "<newUser><lastname>New</lastname><userid>new</userid><password>p</password></newUser>",
    "updateUser": "<userid>tttt</userid>",
    "removeUser": "<userid>tttt</userid>",
    "listUserByName": "",
    "getLicenseCapabilities": "<userid>tttt</userid>",
    "updateLicenseCapabilities": "<userid>tttt</userid>",
    "updateAppUser": f"<userid>{ADMIN}</userid><password>other</password>",
    "getProcessNode": "<name>cups1</name>",
    "listAllProcessNodes": "",
    "getServiceParameter": parameter("Security"),
    "updateServiceParameter": parameter("Security") + "<newValue>1</newValue>",
    AUTHENTICATE: "<userid>tttt</userid><password>12345</password>",
    QUERY: "<sql>select * from enduser</sql>",
}


def asked(operation: str, inside: str | None = None) -> str:
    return f"<axl:{operation}>{REQUESTS[operation] if inside is None else inside}</axl:{operation}>"


@pytest.fixture
def axl(tmp_path: Path) -> Iterator[Axl]:
    bench = Axl(tmp_path)
    yield bench
    bench.close()


def tree(element: Any) -> Any:
    """An element as nested tuples: its name, and its text or children."""
    return element.tag, [tree(child) for child in element] if len(element) else element.text or ""


def everything(axl: Axl) -> Any:
    """What a change would change: the number of the last one, and the passwords of applications."""
    run = axl.database.run_now
    return run(journal.last), run(lambda s: [row.password_hash for row in s.query(Application)])


# What each operation tells.


def test_there_is_a_request_of_each() -> None:
    assert set(REQUESTS) == SERVED


@pytest.mark.parametrize(
    ("operation", "version", "namespace"),
    [
        *((operation, version, NAMESPACE) for operation in sorted(SERVED) for version in (SOAP_11, SOAP_12)),
        *(("getUser", version, namespace) for namespace in NAMESPACES for version in (SOAP_11, SOAP_12)),
    ],
)
def test_each_is_answered_in_kind(axl: Axl, operation: str, version: str, namespace: str) -> None:
    """In the version and namespace of the request, with its number."""
    body = asked(operation).replace(">", ' sequence="18446744073709551615">', 1)
    response = axl.serve(request(body, version=version, namespace=namespace))
    root: Any = etree.fromstring(response.body)
    told = root[0][0]
    assert (response.status, root.tag) == (200, f"{{{version}}}Envelope")
    assert response.content_type.startswith(Version(version).content_type.partition(";")[0])
    assert name_of(told) == (f"{operation}Response", namespace)
    assert dict(told.attrib) == {"sequence": "18446744073709551615"}
    assert [child.tag for child in told] == ["return"]


def test_what_has_no_number_gets_none(axl: Axl) -> None:
    assert dict(axl.ask(asked("getUser")).attrib) == {}


@pytest.mark.parametrize("operation", sorted(SERVED))
def test_only_changes_are_told_of(axl: Axl, operation: str) -> None:
    axl.returned(asked(operation))
    changes = operation in OPERATIONS and OPERATIONS[operation].changes
    assert axl.changes == int(changes)


@pytest.mark.parametrize("userid", ["tttt", "TTTT", "tttt@example.com", "  tttt "])
def test_a_user(axl: Axl, userid: str) -> None:
    (user,) = axl.returned(asked("getUser", f"<userid>{userid}</userid>"))
    assert dict(user.attrib) == {"uuid": guid("user", TOM)}
    assert tree(user)[1] == [
        ("firstname", "Tom"),
        ("lastname", "Tulip"),
        ("userid", "tttt"),
        ("telephoneNumber", "555-2001"),
        ("extension", "2001"),
        ("department", "Sales"),
        ("manager", "erin"),
        ("userLocale", "English United States"),
        ("associatedDevices", [("device", "2001")]),
        ("enableCTI", "true"),
    ]


def test_a_key_is_the_same_for_ever(axl: Axl) -> None:
    """Scripts keep keys."""
    assert guid("user", TOM) == "{786A310A-2403-5AA9-A19D-9E28481AD62A}"
    axl.returned(asked("removeUser"))
    new = "<newUser><lastname>x</lastname><userid>tttt</userid><password>p</password></newUser>"
    assert axl.returned(asked("addUser", new)).text == guid("user", TOM)


def test_users_of_other_domains_are_called_in_full(tmp_path: Path) -> None:
    axl = Axl(tmp_path, site=Site(domain="other.com"))
    try:
        for userid in (TOM, "tttt"):  # the only one of that name
            (user,) = axl.returned(asked("getUser", f"<userid>{userid}</userid>"))
            assert user.findtext("userid") == TOM
        (found,) = axl.returned(asked("listUserByName", "<firstname>Tom</firstname>"))
        assert found.get("userid") == TOM
        axl.returned(asked("addUser"))
        assert axl.database.run_now(details, "new@other.com").last_name == "New"
    finally:
        axl.close()


def test_of_two_of_one_name_the_site_s_is_meant(axl: Axl) -> None:
    run = axl.database.run_now
    for name in ("x@a.com", "x@b.com", "tttt@other.com"):
        run(newcomer, name)
    assert axl.returned(asked("getUser"))[0].get("uuid") == guid("user", TOM)
    assert axl.refused(asked("removeUser", "<userid>x</userid>"))[0] == 5007
    axl.returned(asked("removeUser"))
    assert axl.returned(asked("getUser"))[0].findtext("userid") == "tttt@other.com"
    assert axl.refused(asked("removeUser"))[0] == 5007
    axl.returned(asked("removeUser", "<userid>tttt@other.com</userid>"))


def test_a_user_is_not_an_application(axl: Axl) -> None:
    axl.database.run_now(newcomer, f"{ADMIN}@other.com")
    assert axl.refused(asked("getUser", f"<userid>{ADMIN}</userid>"))[0] == 5007


NEW = """
    <newUser><firstname>Nora</firstname><lastname>Nix</lastname><userid>Nora</userid>
    <password> pass word </password><pin>12345</pin><telephoneNumber>555</telephoneNumber>
    <extension>99</extension><department>Lab</department><manager>tttt</manager>
    <userLocale>German</userLocale><associatedDevices><device>2002</device><device>nowhere</device>
    <device/></associatedDevices><associatedPC>pc</associatedPC>
    <associatedGroups><userGroup><name>Standard CTI Enabled</name></userGroup></associatedGroups>
    <enableCTI>true</enableCTI><digestCredentials>digest</digestCredentials>
    <phoneProfiles><profileName>p</profileName></phoneProfiles><enableMobility>false</enableMobility>
    </newUser>"""


def test_a_new_user_has_what_is_said_and_can_log_in(axl: Axl) -> None:
    assert axl.returned(asked("addUser", NEW)).text == guid("user", "nora@example.com")
    run = axl.database.run_now
    assert run(details, "nora@example.com") == Details("Nora", "Nix", "555", "Lab", "tttt", "German")
    principal = run(credentials.verify, "nora", " pass word ")
    assert principal == Principal("nora@example.com", "user", ("2002",), ("2002",))
    (found,) = [info for info in run(users.users) if info.name == "nora@example.com"]
    assert found.display_name == "Nora Nix"


def test_the_elements_of_a_request_have_no_order(axl: Axl) -> None:
    new = "<newUser><password>p</password><userid>x</userid><lastname>L</lastname></newUser>"
    assert axl.returned(asked("addUser", new)).text == guid("user", "x@example.com")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", KNOWN),
        ("<lastname>T</lastname>", replace(KNOWN, last_name="T")),
        ("<manager/><userLocale/>", replace(KNOWN, manager="", locale="")),
        ("<telephoneNumber> 1 </telephoneNumber>", replace(KNOWN, telephone_number="1")),
    ],
)
def test_an_update_changes_what_it_mentions(axl: Axl, said: str, expected: Details) -> None:
    assert axl.returned(asked("updateUser", f"<userid>tttt</userid>{said}")).text == "true"
    assert axl.database.run_now(details, TOM) == expected
    assert lines_of(axl, TOM) == ["2001"]


def lines_of(axl: Axl, name: str) -> list[str]:
    user = axl.returned(asked("getUser", f"<userid>{name}</userid>"))[0]
    return [str(device.text) for device in user.find("associatedDevices")]


@pytest.mark.parametrize(
    ("devices", "tom", "erin"),
    [
        (("2002",), ["2002"], []),
        (("2002", "2001", "nowhere", "2002"), ["2001", "2002"], []),
        ((), [], []),
        (("nowhere",), [], []),
    ],
)
def test_devices_are_all_that_a_user_has(
    axl: Axl, devices: tuple[str, ...], tom: list[str], erin: list[str]
) -> None:
    said = "".join(f"<device>{device}</device>" for device in devices)
    update = f"<userid>tttt</userid><associatedDevices>{said}</associatedDevices>"
    axl.returned(asked("updateUser", update))
    assert (lines_of(axl, TOM), lines_of(axl, ERIN)) == (tom, erin)


def test_a_device_is_one_user_s(axl: Axl) -> None:
    update = "<userid>erin</userid><associatedDevices><device>2001</device></associatedDevices>"
    axl.returned(asked("updateUser", update))
    assert (lines_of(axl, TOM), lines_of(axl, ERIN)) == ([], ["2001"])


def test_the_name_that_is_shown_follows_unless_it_is_another(axl: Axl) -> None:
    run = axl.database.run_now

    def shown(userid: str) -> str:
        return axl.rows(f"select displayname from enduser where userid = '{userid}'")[0]["displayname"]

    axl.returned(asked("updateUser", "<userid>tttt</userid><firstname>Thomas</firstname>"))
    assert shown("tttt") == "Thomas Tulip"
    run(users.set_display_name, TOM, "The Boss")
    axl.returned(asked("updateUser", "<userid>tttt</userid><firstname>Tim</firstname>"))
    assert shown("tttt") == "The Boss"


def test_a_new_password_is_one(axl: Axl) -> None:
    axl.returned(asked("updateUser", "<userid>tttt</userid><password>newer</password>"))
    run = axl.database.run_now
    assert run(credentials.verify, "tttt", PASSWORD) is None
    assert run(credentials.verify, "tttt", "newer") is not None


def test_a_user_who_is_removed_is_gone(axl: Axl) -> None:
    assert axl.returned(asked("removeUser")).text == "true"
    assert axl.refused(asked("getUser"))[0] == 5007
    assert axl.refused(asked("removeUser"))[0] == 5007
    assert axl.rows("select fkenduser from device where name = '2001'") == [{"fkenduser": ""}]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ["erin", "tttt"]),
        ("<firstname/><lastname/>", ["erin", "tttt"]),
        ("<firstname>tom</firstname>", ["tttt"]),
        ("<firstname>T%</firstname><lastname>%</lastname>", ["tttt"]),
        ("<lastname>tulip</lastname><searchLimit>1</searchLimit>", ["erin"]),
        ("<lastname>%LI%</lastname><searchLimit>0</searchLimit>", ["erin", "tttt"]),
        ("<lastname>%LI%</lastname><searchLimit>-7</searchLimit>", ["erin", "tttt"]),
        ("<lastname>Tul</lastname>", []),
        ("<firstname>Erin</firstname><lastname>Rose</lastname>", []),
    ],
)
def test_users_are_found_by_their_names(axl: Axl, said: str, expected: list[str]) -> None:
    found = axl.returned(asked("listUserByName", said))
    assert [user.get("userid") for user in found] == expected
    names = {"erin": "Erin", "tttt": "Tom"}
    for user in found:
        assert tree(user)[1] == [("firstname", names[user.get("userid")]), ("lastname", "Tulip")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("<userid>tttt</userid><password>12345</password>", "true"),
        ("<password>12345</password><userid>tttt@example.com</userid>", "true"),
        ("<userid>tttt</userid><password>1234</password>", "false"),
        ("<userid>tttt</userid><password/>", "false"),
        ("<userid>tttt</userid><pin>12345</pin>", "false"),
        ("<userid>nobody</userid><password>12345</password>", "false"),
        (f"<userid>{ADMIN}</userid><password>{SECRET}</password>", "false"),
    ],
)
def test_passwords_of_users_are_looked_at(axl: Axl, said: str, expected: str) -> None:
    assert tree(axl.returned(asked(AUTHENTICATE, said))[0]) == ("userAuthenticated", expected)


def test_who_is_asked_for_too_often_waits_and_nobody_else(axl: Axl) -> None:
    """The client that asks is one host, for all its users."""
    for _ in range(4):
        wrong = request(asked(AUTHENTICATE, "<userid>tttt</userid><password>x</password>"))
        response = axl.serve(wrong)
    assert response.status == 503
    assert dict(response.headers)["Retry-After"] == "5"
    said = "<userid>erin</userid><password>12345</password>"
    assert axl.returned(asked(AUTHENTICATE, said))[0].text == "true"


@pytest.mark.parametrize(
    ("said", "features"),
    [
        ("", Features()),
        ("<enableUPC>false</enableUPC>", Features(base=False)),
        ("<enableUPS>0</enableUPS><enableUPC>1</enableUPC>", Features(ups=False)),
    ],
)
def test_what_a_user_may_use(axl: Axl, said: str, features: Features) -> None:
    axl.returned(asked("updateLicenseCapabilities", f"<userid>tttt</userid>{said}"))
    assert axl.database.run_now(licensing.features, TOM) == features
    (told,) = axl.returned(asked("getLicenseCapabilities"))
    flags = [("enableUPS", str(features.ups).lower()), ("enableUPC", str(features.base).lower())]
    assert tree(told) == ("licenseCapabilities", [("userid", "tttt"), *flags])


def test_what_a_user_may_use_beside_that_stays(axl: Axl) -> None:
    run = axl.database.run_now
    run(licensing.set_features, TOM, Features(video=True, audio=False))
    update = "<userid>tttt</userid><enableUPC>false</enableUPC>"
    axl.returned(asked("updateLicenseCapabilities", update))
    assert run(licensing.features, TOM) == Features(base=False, video=True, audio=False)


def test_an_application_has_a_new_password(axl: Axl) -> None:
    said = f"<userid> {ADMIN.upper()} </userid><password>other</password>"
    assert axl.returned(asked("updateAppUser", said)).text == "true"
    assert axl.serve(request(asked("getUser"))).status == 401
    assert axl.serve(request(asked("getUser"), authorization=authorization(password="other"))).status == 200


@pytest.mark.parametrize(
    "said", ["<name>cups1</name>", "<name>CUPS1</name>", f"<uuid>{guid('node', 'cups1')}</uuid>"]
)
def test_this_host(axl: Axl, said: str) -> None:
    (one,), (other,) = axl.returned(asked("getProcessNode", said)), axl.returned(asked("listAllProcessNodes"))
    assert tree(one) == ("processNode", [("name", "cups1"), ("description", "the gateway")]) == tree(other)
    assert one.get("uuid") == other.get("uuid") == guid("node", "cups1")


NODE = f"<processNodeId>{guid('node', 'cups1')}</processNodeId>"
NAMED = [
    parameter("Presence.Domain"),
    f"<service>{SERVICE}</service><processNodeName>CUPS1</processNodeName><name>Presence.Domain</name>",
    parameter("Presence.Domain", EVERYWHERE),
    f"<service>{SERVICE}</service><name>Presence.Domain</name>{NODE}",
    f"<uuid>{guid('parameter', 'Presence.Domain')}</uuid>",
]


@pytest.mark.parametrize("named", NAMED)
@pytest.mark.parametrize("element", ["newValue", "value"])
def test_a_setting_is_told_and_changed(axl: Axl, named: str, element: str) -> None:
    new = f"{named}<{element}> cisco.com </{element}>"
    assert axl.returned(asked("updateServiceParameter", new)).text == "true"
    assert axl.database.run_now(system.setting, "Presence.Domain") == "cisco.com"
    (told,) = axl.returned(asked("getServiceParameter", named))
    assert told.get("uuid") == guid("parameter", "Presence.Domain")
    assert tree(told)[1][1:] == [
        ("name", "Presence.Domain"),
        ("service", SERVICE),
        ("value", "cisco.com"),
        ("valueType", "String"),
        ("primaryData", "false"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("TFTP.Primary", "tftp", "String"),  # the gateway's own, in tests.axl
        ("Directory.Map.userid", "uid", "String"),
        ("IM.enable", "TRUE", "Boolean"),
        ("VoiceMail.PilotNumber", "", "String"),
    ],
)
def test_what_nobody_has_set_is_told_all_the_same(axl: Axl, name: str, value: str, kind: str) -> None:
    (told,) = axl.returned(asked("getServiceParameter", parameter(name)))
    assert (told.findtext("value"), told.findtext("valueType")) == (value, kind)


def test_nil_takes_back_what_was_set(axl: Axl) -> None:
    named = parameter("TFTP.Primary")
    axl.returned(asked("updateServiceParameter", f"{named}<newValue/>"))
    assert axl.returned(asked("getServiceParameter", named))[0].findtext("value") == ""
    nil = '<newValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
    axl.returned(asked("updateServiceParameter", named + nil))
    assert axl.returned(asked("getServiceParameter", named))[0].findtext("value") == "tftp"


# What is refused.

DEVICES = f"<associatedDevices>{'<device>1</device>' * 1001}</associatedDevices>"


@pytest.mark.parametrize(
    ("operation", "inside", "code"),
    [
        # There is none of that name.
        *((name, "<userid>nobody</userid>", 5007) for name in ("getUser", "updateUser", "removeUser")),
        ("getLicenseCapabilities", "<userid>nobody</userid>", 5007),
        ("updateLicenseCapabilities", "<userid>nobody</userid>", 5007),
        ("getUser", "<userid>a b</userid>", 5007),
        ("getUser", "<userid>@</userid>", 5007),
        ("getUser", f"<userid>{ADMIN}</userid>", 5007),
        ("updateAppUser", "<userid>tttt</userid><password>x</password>", 5007),
        ("getProcessNode", "<name>cups2</name>", 5007),
        ("getProcessNode", f"<uuid>{guid('node', 'cups2')}</uuid>", 5007),
        ("getServiceParameter", parameter("No.Such"), 5007),
        ("getServiceParameter", f"<uuid>{guid('parameter', 'No.Such')}</uuid>", 5007),
        ("getServiceParameter", parameter("Security", service="Cisco CallManager"), 5007),
        ("getServiceParameter", parameter("Security", "cups2"), 5007),
        ("getServiceParameter", "", 5007),
        # There is one already.
        ("addUser", new_user("tttt"), -239),
        ("addUser", new_user("TTTT@example.com"), -239),
        # It cannot be.
        ("addUser", new_user("a b"), 5003),
        ("addUser", new_user("a", "<password/>"), 5003),
        ("addUser", new_user("a", ""), 5003),
        ("addUser", new_user("a", more="<lastname>a\nb</lastname>"), 5003),
        ("updateUser", "<userid>tttt</userid><lastname>changed</lastname><password/>", 5003),
        (
            "updateUser",
            "<userid>tttt</userid><lastname>changed</lastname><department>a\tb</department>",
            5003,
        ),
        ("updateAppUser", f"<userid>{ADMIN}</userid><password/>", 5003),
        ("getProcessNode", "", 5003),
        ("getProcessNode", f"<name>cups1</name><uuid>{guid('node', 'cups1')}</uuid>", 5003),
        ("updateServiceParameter", parameter("Security"), 5003),
        ("updateServiceParameter", parameter("IM.enable") + "<newValue>maybe</newValue>", 5003),
        ("updateServiceParameter", parameter("Presence.Primary.Port") + "<newValue>0</newValue>", 5003),
        # It is not as the schema says.
        ("getUser", "", 5005),
        ("getUser", "<userid/>", 5005),
        ("getUser", f"<userid>{'x' * 256}</userid>", 5005),
        ("getUser", "<userid>tttt</userid><userid>erin</userid>", 5005),
        ("getUser", "<userid>tttt<b/></userid>", 5005),
        ("getUser", "<userId>tttt</userId>", 5005),
        ("getUser", "<userid xmlns='urn:x'>tttt</userid>", 5005),
        ("getUser", "<userid>tttt</userid>text", 5005),
        ("getUser", "<userid x='y'>tttt</userid>", 5005),
        ("addUser", new_user("a", more="<nonsense/>"), 5005),
        ("addUser", "<userid>a</userid>", 5005),
        ("updateUser", "<userid>tttt</userid><enableCTI>maybe</enableCTI>", 5005),
        ("updateUser", f"<userid>tttt</userid><lastname>{'x' * 256}</lastname>", 5005),
        ("updateUser", f"<userid>tttt</userid>{DEVICES}", 5005),
        ("updateLicenseCapabilities", "<userid>tttt</userid><enableUPC>yes</enableUPC>", 5005),
        ("listUserByName", "<searchLimit>many</searchLimit>", 5005),
        ("listAllProcessNodes", "<name>x</name>", 5005),
        (AUTHENTICATE, "<password>x</password>", 5005),
        (QUERY, "", 5005),
        (QUERY, f"<sql>{'x' * 8001}</sql>", 5005),
        # Its text is no question.
        (QUERY, "<sql/>", -201),
        (QUERY, "<sql>select</sql>", -201),
        (QUERY, "<sql>delete from enduser</sql>", -201),
        (QUERY, "<sql>select * from users</sql>", -206),
        (QUERY, "<sql>select password from enduser</sql>", -217),
        (QUERY, "<sql>select password_hash from enduser</sql>", -217),
        (QUERY, "<sql>select pkid from enduser, device</sql>", -324),
        (QUERY, "<sql>select today() from enduser</sql>", -674),
    ],
)
def test_what_is_refused_changes_nothing(axl: Axl, operation: str, inside: str, code: int) -> None:
    before = everything(axl)
    assert axl.refused(asked(operation, inside))[0] == code
    assert everything(axl) == before
    assert axl.changes == 0


@pytest.mark.parametrize("number", ["-1", "x", "18446744073709551616", ""])
def test_a_number_that_is_none_is_refused(axl: Axl, number: str) -> None:
    body = asked("removeUser").replace(">", f' sequence="{number}">', 1)
    assert axl.refused(body)[0] == 5005
    axl.returned(asked("getUser"))


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        *((name, DISABLED) for name in ("addPhone", "getLine", "updatePhone", "removeGatekeeper")),
        *((name, DISABLED) for name in ("listPhoneByName", "doDeviceReset", "createAutogeneratedProfile")),
        *((name, DISABLED) for name in ("executeSQLUpdate", "getCCMVersion", "addUserGroup", "getUsers")),
        *((name, UNKNOWN) for name in ("nonsense", "get", "getting", "GetUser", "login", "Envelope")),
    ],
)
@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
def test_what_else_the_product_has_is_disabled(axl: Axl, operation: str, why: str, version: str) -> None:
    before = everything(axl)
    code, said = axl.refused(f"<axl:{operation}><x/></axl:{operation}>", version=version)
    assert code == 5002
    assert said.startswith(why)
    assert everything(axl) == before


@pytest.mark.parametrize("version", [SOAP_11, SOAP_12])
def test_a_fault_is_of_its_time(axl: Axl, version: str) -> None:
    response = axl.serve(request(asked("getUser", "<userid>nobody</userid>"), version=version))
    told: Any = etree.fromstring(response.body)
    fault = told[0][0]
    detail = fault.find("detail" if version == SOAP_11 else f"{{{SOAP_12}}}Detail")
    text = "Item not valid: The specified User was not found"
    assert response.status == (500 if version == SOAP_11 else 400)
    assert etree.tostring(detail[0], method="c14n", exclusive=True).decode() == (
        '<axl:Error xmlns:axl="http://www.cisco.com/AXL/1.0"><axl:code>5007</axl:code>'
        f"<axl:message>{text}</axl:message><request>getUser</request></axl:Error>"
    )
    if version == SOAP_11:
        assert [fault.findtext(name) for name in ("faultcode", "faultstring")] == ["SOAP-ENV:Client", text]
    else:
        code = fault.findtext(f"{{{SOAP_12}}}Code/{{{SOAP_12}}}Value")
        assert (code, fault.findtext(f"{{{SOAP_12}}}Reason/{{{SOAP_12}}}Text")) == ("SOAP-ENV:Sender", text)


def raw(axl: Axl, body: bytes, **headers: str) -> Any:
    """The fault that answers ``body``: the version, AXL's number and the request that it names."""
    like = request("", **headers)
    sent = HttpRequest(
        method="POST", path="/axl/", headers=like.headers, body=body, peer=like.peer, base=like.base
    )
    response = axl.serve(sent)
    root: Any = etree.fromstring(response.body)
    error = root.find(".//{http://www.cisco.com/AXL/1.0}Error")
    return name_of(root)[1], int(error[0].text), error[2].text or ""


E11, E12 = (f'<s:Envelope xmlns:s="{version}">'.encode() for version in (SOAP_11, SOAP_12))
END = b"</s:Envelope>"
LATER = b"<s:Body><a:getUser xmlns:a='http://www.cisco.com/AXL/API/14.0'/></s:Body>"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (SOAP_11, 5000, "")),
        (b"nonsense", (SOAP_11, 5000, "")),
        (b"\xff\xfe\x00", (SOAP_11, 5000, "")),
        (E11, (SOAP_11, 5000, "")),
        (E12, (SOAP_12, 5000, "")),
        (E11 + END, (SOAP_11, 5000, "")),
        (E12 + END, (SOAP_12, 5000, "")),
        (E11 + b"<s:Body/>" + END, (SOAP_11, 5002, "")),
        (E12 + b"<s:Body/>" + END, (SOAP_12, 5002, "")),
        (b"<getUser><userid>tttt</userid></getUser>", (SOAP_11, 5000, "")),
        (E11 + b"<s:Body><getUser/></s:Body>" + END, (SOAP_11, 5002, "getUser")),
        (E12 + b"<s:Body><a:getUser xmlns:a='urn:x'/></s:Body>" + END, (SOAP_12, 5002, "getUser")),
        (E11 + LATER + END, (SOAP_11, 5002, "getUser")),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + E11 + END, (SOAP_11, 5000, "")),
        (E11 + b"<s:Body>" + b"<a>" * 100 + b"</a>" * 100 + b"</s:Body>" + END, (SOAP_11, 5000, "")),
    ],
)
def test_what_cannot_be_read_is_told_so(axl: Axl, body: bytes, expected: tuple[str, int, str]) -> None:
    before = everything(axl)
    assert raw(axl, body) == expected
    assert everything(axl) == before


def test_whatever_is_sent_is_told_what_is_wrong_with_it(axl: Axl) -> None:
    """Bytes, and elements that nobody has thought of."""
    before = everything(axl)
    (cookie,) = [v for _, v in axl.serve(request(asked("getUser"))).headers if v.startswith("JSESSIONID=")]
    names = st.sampled_from([*sorted(SERVED), "userid", "newUser", "x", "password", "sql", "return"])
    texts = st.sampled_from(["", "tttt", "&#1114109;", "<![CDATA[<]]>", "<!-- -->", "<?x y?>", "a" * 300])
    elements = st.recursive(
        texts, lambda inner: st.builds(lambda n, i: f"<{n}>{i}</{n}>", names, inner), max_leaves=4
    )

    @settings(max_examples=60, deadline=None)
    @given(
        st.binary(max_size=60) | st.builds(lambda name, inside: f"{name} {inside}".encode(), names, elements)
    )
    def sent(said: bytes) -> None:
        for body in (said, E11 + said + END, E11 + b"<s:Body>" + said + b"</s:Body>" + END):
            assert raw(axl, body, cookie=cookie)[1] in (5000, 5002)
        asked_for = E11 + b"<s:Body><a:getUser xmlns:a='http://www.cisco.com/AXL/API/1.0'><x>"
        told = raw(axl, asked_for + said + b"</x></a:getUser></s:Body>" + END, cookie=cookie)
        assert told[1] in (5000, 5005)

    sent()
    assert everything(axl) == before


def test_children_in_the_namespace_are_read_as_well(axl: Axl) -> None:
    said = {"lastname": "L", "userid": "q", "password": "p"}
    inner = "".join(f"<axl:{name}>{text}</axl:{name}>" for name, text in said.items())
    new = f"<axl:newUser>{inner}</axl:newUser>"
    axl.returned(asked("addUser", new), namespace="http://www.cisco.com/AXL/1.0")
    assert axl.database.run_now(details, "q@example.com").last_name == "L"


def test_the_address_of_a_schema_is_not_asked_for(axl: Axl) -> None:
    """The Guide's example has one, of a server of its own."""
    where = f'xsi:schemaLocation="{NAMESPACE} http://127.0.0.1:1/axlsoap.xsd"'
    declared = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {where}'
    assert local(axl.ask(asked("getUser").replace(">", f" {declared}>", 1))) == "getUserResponse"


# What is nobody's business.


@pytest.mark.parametrize("operation", sorted(SERVED - {"addUser"}))
def test_no_answer_has_a_secret(axl: Axl, operation: str) -> None:
    run = axl.database.run_now
    run(system.set_system, {LDAP_PASSWORD: "ldapsecret"})
    row = run(
        lambda session: [(u.password_hash, u.sip_ha1_md5, u.sip_ha1_sha256) for u in session.query(User)]
    )
    secrets = [SECRET, PASSWORD, "ldapsecret", "$argon2", *(x for r in row for x in r if x)]
    told = [axl.serve(request(asked(operation))).body.decode()]
    if operation == "getServiceParameter":
        told.append(axl.serve(request(asked(operation, parameter(LDAP_PASSWORD)))).body.decode())
    if operation == QUERY:
        tables = ("enduser", "device", "numplan", "devicenumplanmap", "enduserdevicemap", "contacts")
        told += [
            axl.serve(request(asked(QUERY, f"<sql>select * from {x}</sql>"))).body.decode() for x in tables
        ]
    for text in told:
        assert "Response" in text
        assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize(
    "inside", ["<userid>tttt</userid><password>{}</password><nonsense/>", "<password>{}</password>"]
)
def test_no_fault_has_a_secret(axl: Axl, inside: str) -> None:
    for operation in ("updateUser", "updateAppUser", AUTHENTICATE):
        response = axl.serve(request(asked(operation, inside.format("s3cret"))))
        assert response.status == 500
        assert b"s3cret" not in response.body


def test_a_lost_database_is_told_of_and_comes_back(axl: Axl) -> None:
    axl.away = True
    response = axl.serve(request(asked("getUser")))
    assert (response.status, response.body) == (503, b"the database cannot be reached\n")
    axl.away = False
    assert axl.serve(request(asked("getUser"))).status == 200


def test_a_database_that_is_lost_meanwhile_is_a_fault(axl: Axl) -> None:
    """Who asks is known, with which password, and then it is away."""
    axl.runs = 2
    response = axl.serve(request(asked("getUser")))
    assert response.status == 500
    assert b"<axl:code>5004</axl:code><axl:message>Could not connect to database." in response.body
    assert b"<faultcode>SOAP-ENV:Server</faultcode>" in response.body
    axl.away = False
    assert axl.serve(request(asked("getUser"))).status == 200


@given(st.text(max_size=40))
def test_whatever_is_known_can_be_told(text: str) -> None:
    """What XML has no way to say becomes a question mark."""
    told = answer(Request(version=Version.SOAP_11, operation="getUser"), [Part("x", text)])
    root: Any = etree.fromstring(told.body)
    found = root.find(".//x").text or ""
    assert all(told in (said, "?") for told, said in zip(found, text, strict=True))


def test_a_bug_is_told_as_one_and_logged(axl: Axl, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_of: object) -> Any:
        raise RuntimeError("with a secret")

    table: Any = OPERATIONS
    monkeypatch.setitem(table, "listAllProcessNodes", OPERATIONS["getUser"]._replace(work=broken))
    with structlog.testing.capture_logs() as logged:
        response = axl.serve(request("<axl:listAllProcessNodes/>"))
    assert response.status == 500
    assert b"<faultstring>The server has failed.</faultstring>" in response.body
    assert b"secret" not in response.body
    assert "operation failed" in [entry["event"] for entry in logged]
