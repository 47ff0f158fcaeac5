from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from lxml import etree

from ctigw.presence.documents import (
    MAX_ATTRIBUTES,
    MAX_BYTES,
    MAX_TAGS,
    Document,
    NotPidfError,
    checked,
    document_of,
    read,
    written,
)
from ctigw.presence.vocabulary import ACTIVITIES, MOODS, NAMESPACES, parted
from tests.pidf import ALICE, EXAMPLES, PIDF, SCHEMAS, presence, wrong

PRINTED = [
    "02-notify.pidf.xml",
    "03-notify-list.scalar1.pidf.xml",
    "03-notify-list.scalar2.pidf.xml",
    "04-publish.pidf.xml",
    "55-publish-pres-status-filled.request.xml",
]


def again(content: str) -> str:
    """What is written of a document with this content, between the tags of the root."""
    xml = written(read(presence(content)))
    assert wrong(xml) is None
    assert written(read(xml)) == xml
    return inside(xml)


def inside(xml: bytes) -> str:
    text = xml.decode()
    start = text.index(">", text.index("<presence")) + 1
    return text[start:].removesuffix("</presence>") if text.endswith("</presence>") else ""


def content_of(root: etree._Element) -> list[tuple[str, ...]]:
    """What a document means: its leaves, with the names of what they stand in, in no order."""
    found = []
    for each in root.iter():
        if len(each) or parted(str(each.tag))[1] == "presence":
            continue
        names = [parted(str(one.tag)) for one in itertools.chain(each.iterancestors(), [each])]
        within = sorted(f"{space} {name}" for space, name in names if name not in ("Envelope", "Body"))
        found.append((*within, (each.text or "").strip(), *sorted(map(str, each.attrib.values()))))
    return sorted(found)


@pytest.mark.parametrize("name", PRINTED)
def test_every_printed_document_is_written_valid_and_loses_nothing(name: str) -> None:
    if not EXAMPLES.exists():
        pytest.skip("the examples are not here")
    root = etree.parse(Path(EXAMPLES / name)).getroot()
    root = next(each for each in root.iter() if parted(str(each.tag))[1] == "presence")
    document = document_of(root)
    xml = written(document)
    assert wrong(xml) is None
    # Read where it stands, as a part of a larger document too.
    alone = etree.fromstring(etree.tostring(root))
    assert content_of(etree.fromstring(xml)) == content_of(alone)
    assert document.entity == root.get("entity")
    assert [each.key for each in document.tuples] == [
        str(each.get("id")) for each in root if parted(str(each.tag))[1] == "tuple"
    ]


def test_what_the_guide_prints_is_known_by_name() -> None:
    document = read(
        presence(
            '<dm:person id="p3"><r:activities><ce:available/></r:activities></dm:person><tuple id="t0">'
            '<contact priority="1">sip:xten3@57.1.1.15</contact>'
            "<so:source> Manually set by persona </so:source>"
            '<sc:servcaps xmlns:sc="urn:ietf:params:xml:ns:pidf:servcaps"><sc:audio>true</sc:audio>'
            "<sc:video>false</sc:video><sc:text>true</sc:text></sc:servcaps><status>"
            "<basic>open</basic></status>"
            "</tuple>"
        )
    )
    (tuple_,) = document.tuples
    assert (tuple_.key, tuple_.source, tuple_.basic) == ("t0", "Manually set by persona", "open")
    assert (tuple_.contact, tuple_.priority) == ("sip:xten3@57.1.1.15", "1")
    assert document.activities == ("available",)
    assert document.basic == "open"


# The wire forms of the field, as they are known from captures and clients.


def test_form_1_the_root_has_no_namespace_and_the_person_has_a_status() -> None:
    body = (
        '<presence entity="sip:8001@a.b"><tuple id="cmp-1-8001"><status><basic>open</basic>'
        f'<e:activities xmlns:e="{PIDF}:status:rpid"><e:on-the-phone/></e:activities></status>'
        '<contact priority="0.8">sip:8001@a.b:5060</contact><note>Ready</note></tuple></presence>'
    ).encode()
    document = read(body)
    assert inside(written(document)) == (
        '<tuple id="cmp-1-8001"><status><basic>open</basic><r:activities><r:on-the-phone/>'
        "</r:activities></status>"
        '<contact priority="0.8">sip:8001@a.b:5060</contact><note>Ready</note></tuple>'
    )
    assert wrong(written(document)) is None


def test_form_2_a_status_and_empty_activities_in_the_person() -> None:
    content = (
        '<tuple id="cmp-1-7"><status><basic>closed</basic></status></tuple><dm:person><status>'
        "<basic>open</basic>"
        "</status><r:activities/></dm:person>"
    )
    assert again(content) == (
        '<tuple id="cmp-1-7"><status><basic>closed</basic></status></tuple>'
        '<dm:person id="alice"><r:activities/></dm:person>'
    )


def test_form_3_a_person_of_ciscos_with_statuses_among_the_activities() -> None:
    content = (
        '<tuple id="cisco-upc"><status><basic>open</basic></status></tuple>'
        '<person xmlns="urn:cisco:params:xml:ns:pidf:rpid" id="user"><activities><available/>'
        "<phone-status>unavailable</phone-status><im-status>available</im-status></activities>"
        "<user-input>idle</user-input>"
        '<display-name xmlns="urn:ietf:params:xml:ns:pidf:cipid">A</display-name>'
        "</person>"
    )
    assert again(content) == (
        '<tuple id="cisco-upc"><status><basic>open</basic></status></tuple><dm:person id="alice">'
        "<r:activities><ce:available/><ce:phone-status>unavailable</ce:phone-status>"
        "<ce:im-status>available</ce:im-status></r:activities><r:user-input>idle</r:user-input>"
        "<ci:display-name>A</ci:display-name></dm:person>"
    )
    assert read(presence(content)).activities == ("available", "phone-status", "im-status")


def test_form_4_activities_of_rpid_without_their_namespace() -> None:
    content = (
        '<tuple id="pws-override"><status><basic>open</basic></status>'
        "<so:source>Presence Web Service</so:source>"
        '</tuple><ce:person id="u"><ce:activities><busy/></ce:activities></ce:person>'
    )
    person = '<dm:person id="alice"><r:activities><r:busy/></r:activities></dm:person>'
    assert again(content).endswith(person)
    (tuple_,) = read(presence(content)).tuples
    assert (tuple_.key, tuple_.source) == ("pws-override", "Presence Web Service")


@pytest.mark.parametrize("name", ["available", "alerting", "dnd"])
def test_form_5_and_6_a_person_without_id_before_the_tuple(name: str) -> None:
    content = (
        f"<dm:person><r:activities><ce:{name}/></r:activities></dm:person>"
        '<tuple id="1"><status><basic>open</basic></status></tuple>'
    )
    assert again(content) == (
        '<tuple id="_1"><status><basic>open</basic></status></tuple>'
        f'<dm:person id="alice"><r:activities><ce:{name}/></r:activities></dm:person>'
    )


def test_a_client_sends_a_person_without_any_namespace() -> None:
    document = read(b'<presence entity="a"><person><activities><dnd/></activities></person></presence>')
    assert document.activities == ("dnd",)
    assert b"<r:activities><ce:dnd/></r:activities>" in written(document)


@pytest.mark.parametrize("alias", sorted(NAMESPACES))
def test_namespaces_that_mean_the_same_are_one(alias: str) -> None:
    namespace = NAMESPACES[alias]
    xml = written(read(presence(f'<tuple><x:e xmlns:x="{alias}">v</x:e></tuple>')))
    if namespace != PIDF:
        assert f'="{namespace}"' in xml.decode()
        assert alias == namespace or alias not in xml.decode()
    assert wrong(xml) is None


# What is mended.


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<status><basic>OPEN </basic></status>", "<status><basic>open</basic></status>"),
        ("<status><basic>maybe</basic></status>", "<status/>"),
        ("<contact priority='7'>sip:a</contact>", '<status/><contact priority="1">sip:a</contact>'),
        ("<contact priority='0.12345'>sip:a</contact>",
         '<status/><contact priority="0.123">sip:a</contact>'),
        ("<contact priority='high'>sip:a</contact>", "<status/><contact>sip:a</contact>"),
        ("<contact>sip:a%zz#b#c</contact>", "<status/><contact>sip:a%25zz#b%23c</contact>"),
        ("<timestamp>2007-11-06 20:10:05z</timestamp>",
         "<status/><timestamp>2007-11-06T20:10:05Z</timestamp>"),
        ("<timestamp>2007-02-30T20:10:05Z</timestamp>", "<status/>"),
        ("<timestamp>yesterday</timestamp>", "<status/>"),
        ("<note xml:lang='de-AT'>a &lt; b</note>", '<status/><note xml:lang="de-AT">a &lt; b</note>'),
        ("<note xml:lang='?'>a</note>", "<status/><note>a</note>"),
        ("<r:user-input>Idle</r:user-input>", "<status/><r:user-input>idle</r:user-input>"),
        ("<r:user-input>asleep</r:user-input>", "<status/>"),
        ("<r:user-input last-input='x'>idle</r:user-input>", "<status/><r:user-input>idle</r:user-input>"),
        ("<r:time-offset>+60</r:time-offset>", "<status/><r:time-offset>60</r:time-offset>"),
        ("<sc:servcaps><sc:text>yes</sc:text><sc:audio>1</sc:audio><sc:video>?</sc:video></sc:servcaps>",
         "<status/><sc:servcaps><sc:audio>true</sc:audio><sc:text>true</sc:text></sc:servcaps>"),
        ("<x:y a='1'><z xmlns=''/> t </x:y>",
         '<status/><x:y xmlns:x="urn:example:x" a="1"><z xmlns=""/> t </x:y>'),
        ("<source>cupc</source>", "<status/><so:source>cupc</so:source>"),
        ("<dm:deviceID>urn:a</dm:deviceID>", "<status/><dm:deviceID>urn:a</dm:deviceID>"),
        ("<dm:person id='p'/><unknown/>text", "<status/>"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_tuple_is_mended_or_left_out(sent: str, kept: str) -> None:
    assert again(f'<tuple id="a">{sent}</tuple>') == f'<tuple id="a">{kept}</tuple>'


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<r:activities><r:away/><r:unknown/></r:activities>", "<r:activities><r:away/></r:activities>"),
        ("<r:activities><r:unknown/></r:activities>", "<r:activities><r:unknown/></r:activities>"),
        ("<r:activities><ce:unknown/></r:activities>", "<r:activities><ce:unknown/></r:activities>"),
        ("<r:activities><ce:busy/></r:activities>", "<r:activities><r:busy/></r:activities>"),
        ("<r:activities><r:dnd/></r:activities>", "<r:activities><ce:dnd/></r:activities>"),
        ("<r:activities><r:fishing/></r:activities>",
         "<r:activities><r:other>fishing</r:other></r:activities>"),
        ("<r:activities><r:away/><r:note>n</r:note></r:activities>",
         "<r:activities><r:note>n</r:note><r:away/></r:activities>"),
        ("<r:activities id='x' from='now'><r:away/></r:activities>",
         "<r:activities><r:away/></r:activities>"),
        ("<r:mood><r:note>n</r:note></r:mood><r:activities/>", "<r:activities/>"),
        ("<r:mood><r:happy>!</r:happy></r:mood>", "<r:mood><r:happy/></r:mood>"),
        ("<r:place-type><r:office/></r:place-type>",
         "<r:place-type><r:other>office</r:other></r:place-type>"),
        ("<r:place-is><r:video><r:dark/></r:video><r:audio><r:loud/></r:audio></r:place-is>",
         "<r:place-is><r:video><r:dark/></r:video></r:place-is>"),
        ("<r:privacy><r:video/><r:audio/><r:video/></r:privacy>",
         "<r:privacy><r:audio/><r:video/></r:privacy>"),
        ("<r:privacy><r:unknown/></r:privacy>", "<r:privacy><r:unknown/></r:privacy>"),
        ("<r:sphere><r:note>n</r:note><r:home/><r:work/></r:sphere>", "<r:sphere><r:home/></r:sphere>"),
        ("<r:sphere><x:gym/></r:sphere>", '<r:sphere><x:gym xmlns:x="urn:example:x"/></r:sphere>'),
        ("<dm:timestamp>2020-01-01T00:00:00Z</dm:timestamp><note>n</note><r:class>c</r:class>",
         "<r:class>c</r:class><dm:note>n</dm:note><dm:timestamp>2020-01-01T00:00:00Z</dm:timestamp>"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_person_is_mended_or_left_out(sent: str, kept: str) -> None:
    assert again(f'<dm:person id="p">{sent}</dm:person>') == f'<dm:person id="alice">{kept}</dm:person>'


def test_tuples_come_first_then_notes_then_the_rest() -> None:
    assert again(
        "<x:z/><note>n</note><dm:device id='d'><dm:deviceID>urn:a</dm:deviceID></dm:device><tuple id='t'/>"
    ) == (
        '<tuple id="t"><status/></tuple><note>n</note><dm:device id="d"><dm:deviceID>urn:a</dm:deviceID>'
        '</dm:device><x:z xmlns:x="urn:example:x"/>'
    )


def test_ids_are_kept_where_they_can_be_and_are_unique() -> None:
    keys = ["", "t1", "a", "a", "9", "cmp-8001-1sip:8001@host", "alice"]
    content = "".join(f'<tuple id="{key}"/>' for key in keys)
    xml = again(f"{content}<tuple/><dm:person><r:activities/></dm:person>")
    names = [str(each.get("id")) for each in etree.fromstring(f"<a xmlns:dm='d' xmlns:r='r'>{xml}</a>")]
    assert names == ["t1-2", "t1", "a", "a-2", "_9", "cmp-8001-1sip_8001_host", "alice", "t1-3", "alice-2"]


def test_a_thousand_equal_ids_take_no_time() -> None:
    xml = written(read(presence('<tuple id="a"/>' * 2000)))
    assert len({str(each.get("id")) for each in etree.fromstring(xml)}) == 2000


def test_of_several_persons_the_first_tells_what_it_has() -> None:
    assert (
        again(
            "<dm:person id='a'><r:activities><r:away/></r:activities></dm:person>"
            "<dm:person id='b'><r:activities><r:busy/></r:activities><r:class>c</r:class></dm:person>"
        )
        == '<dm:person id="alice"><r:activities><r:away/></r:activities><r:class>c</r:class></dm:person>'
    )


def test_a_person_who_alone_is_open_is_reachable_somewhere() -> None:
    assert read(presence("<dm:person><status><basic>open</basic></status></dm:person>")).basic == "open"
    assert read(presence("<dm:person/>")).basic == ""


def test_a_device_without_its_id_is_left_out() -> None:
    assert again("<dm:device id='d'><dm:note>n</dm:note></dm:device>") == ""


def test_unknown_namespaces_keep_their_prefixes_where_these_are_free() -> None:
    assert again('<tuple id="t"><dm:q xmlns:dm="urn:q" dm:a="1"><r/></dm:q></tuple>') == (
        '<tuple id="t"><status/><n1:q xmlns:n1="urn:q" n1:a="1"><r/></n1:q></tuple>'
    )


def test_hints_for_validators_and_other_documents_are_left_out() -> None:
    assert (
        again(
            '<x:y xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="z" i:schemaLocation="a b"/>'
            '<l:list xmlns:l="urn:ietf:params:xml:ns:rlmi"/>'
        )
        == '<x:y xmlns:x="urn:example:x"/>'
    )


def test_the_person_is_called_after_whoever_it_is() -> None:
    content = "<dm:person id='x'><r:class>c</r:class></dm:person>"
    called = {"sip:bob@b.c": "bob", "pres:9@b": "_9", "tel:+43": "_43", "sip:b.c": "b.c"}
    for entity, name in called.items():
        assert f'<dm:person id="{name}">' in written(read(presence(content)), entity).decode()


def test_an_address_of_ipv6_stays_one() -> None:
    xml = written(read(presence("<tuple><contact>sip:a@[::1]:5060;x=[</contact></tuple>")))
    assert b"<contact>sip:a@[::1]:5060;x=%5B</contact>" in xml


# What is refused.


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "document empty"),
        (b"<presence entity='a'>", "tag not finished|gt required|premature"),
        (b"<!DOCTYPE presence><presence entity='a'/>", "document type"),
        (b'<!DOCTYPE p [<!ENTITY a "aaaa">]><presence entity="&a;"/>', "document type"),
        (b"<presence entity='a'>&lol;</presence>", "undeclared entity"),
        (b"<list entity='a'/>", "root"),
        (b"<presence/>", "entity"),
        (b"<presence entity='  '/>", "entity"),
        (b"<presence entity='a'>" + b"<a>" * 40 + b"</a>" * 40 + b"</presence>", "deeper"),
        (b"<presence entity='a'>" + b"x" * MAX_BYTES + b"</presence>", "longer"),
        (b"<presence entity='a'>" + b"<a/>" * MAX_TAGS + b"</presence>", "tags"),
        (b"<presence entity='a'>" + b"=" * MAX_ATTRIBUTES + b"</presence>", "attributes"),
        (b"<presence entity='a'>\xff</presence>", "encod|char"),
    ],
)
def test_what_is_no_document_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(NotPidfError, match=why):
        checked(body)


def test_what_is_checked_tells_the_entity() -> None:
    assert checked(b"<presence entity=' sip:a@b '/>") == "sip:a@b"
    assert checked(b"<q:presence xmlns:q='urn:z' entity='a'/>") == "a"


def test_the_reason_quotes_nothing() -> None:
    with pytest.raises(NotPidfError) as error:
        checked(b"<presence entity='a'><secret></presence>")
    assert "secret" not in str(error.value)


def test_nothing_is_nothing() -> None:
    assert Document("").empty
    assert read(presence("")).empty
    assert written(read(presence(""))).endswith(f' entity="{ALICE}"/>'.encode())
    assert not read(presence("<note>n</note>")).empty


@pytest.mark.parametrize(("element", "names"), [("activities", ACTIVITIES), ("mood", MOODS)])
def test_the_names_are_those_of_the_schema(element: str, names: frozenset[str]) -> None:
    if not SCHEMAS.exists():
        pytest.skip("the schemas are not here")
    space = "{http://www.w3.org/2001/XMLSchema}"
    (declared,) = [
        each
        for each in etree.parse(SCHEMAS / "rpid.xsd").iter(f"{space}element")
        if each.get("name") == element
    ]
    found = {str(each.get("name")) for each in declared.iter(f"{space}element")}
    assert names == found - {element, "note", "other", "unknown"}
