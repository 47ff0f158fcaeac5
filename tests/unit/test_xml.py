from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import pytest

from ctigw.xml import (
    EMPTY,
    MAX_DEPTH,
    BadValueError,
    Empty,
    NotXmlError,
    Schema,
    UnknownMessageError,
    XmlError,
    camel_case,
    child,
    choice,
)
from ctigw.xml.parsing import MOST_PREFIXES, MOST_TAGS, parse

NS = "urn:test"


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "darkBlue"


@dataclass(frozen=True)
class Inner:
    device_id: str


@choice
@dataclass(frozen=True)
class Either:
    this: str | None = None
    that: Empty | None = None


schema = Schema(NS)


@schema.register
@dataclass(frozen=True)
class Everything:
    text: str
    number: int | None = None
    flag: bool | None = None
    colour: Colour | None = None
    data: bytes | None = None
    nothing: Empty | None = None
    inner: Inner | None = None
    either: Either | None = None
    many: tuple[Inner, ...] = ()
    wrapped: tuple[int, ...] = child(name="item", within="items", default=())
    odd: str | None = child(name="Odd-Name", default=None)


FULL = Everything(
    text="a < b & ü",
    number=-7,
    flag=True,
    colour=Colour.DARK_BLUE,
    data=b"\x00\xab",
    nothing=EMPTY,
    inner=Inner("1"),
    either=Either(that=EMPTY),
    many=(Inner("2"), Inner("3")),
    wrapped=(1, 2),
    odd="x",
)
FULL_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><Everything xmlns="urn:test"><text>a &lt; b &amp; &#252;</text>'
    "<number>-7</number><flag>true</flag><colour>darkBlue</colour><data>00AB</data><nothing/>"
    "<inner><deviceID>1</deviceID></inner><either><that/></either><many><deviceID>2</deviceID></many>"
    "<many><deviceID>3</deviceID></many><items><item>1</item><item>2</item></items><Odd-Name>x</Odd-Name>"
    "</Everything>"
)


def everything(body: str, *, attributes: str = "") -> Any:
    return schema.decode(f"<Everything{attributes}>{body}</Everything>".encode()).message


def test_writes_children_as_declared_in_ascii() -> None:
    assert schema.encode(FULL).decode("ascii") == FULL_XML


def test_reads_what_it_writes() -> None:
    document = schema.decode(FULL_XML.encode())
    assert (document.message, document.namespace) == (FULL, NS)


def test_what_is_absent_is_not_written() -> None:
    assert b"><text>t</text></Everything>" in schema.encode(Everything("t"))


@pytest.mark.parametrize(
    ("namespace", "start"),
    [("", b"<Everything><text>"), ("urn:other", b'<Everything xmlns="urn:other"><text>')],
)
def test_writes_in_the_namespace_asked_for(namespace: str, start: bytes) -> None:
    assert start in schema.encode(Everything("t"), namespace)


@pytest.mark.parametrize(
    ("xml", "namespace"),
    [
        ("<Everything><text>t</text></Everything>", ""),
        ('<Everything xmlns="urn:other"><text>t</text></Everything>', "urn:other"),
        ('<x:Everything xmlns:x="urn:other"><x:text>t</x:text></x:Everything>', "urn:other"),
        ('<Everything><text xmlns="urn:mixed">t</text></Everything>', ""),
        ('<?xml version="1.0" encoding="UTF-16"?><Everything><text>t</text></Everything>', ""),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><Everything><text>t</text></Everything>', ""),
        ("\ufeff<Everything><text>t</text></Everything>", ""),
        ("<!-- a --><Everything><!-- b --><text><!-- c -->t<?d e?></text></Everything>", ""),
        ('<Everything one="1"><new><deep/></new><text two="2"> t\n</text><new/></Everything>', ""),
        ("<Everything><text><![CDATA[t]]></text></Everything>", ""),
    ],
)
def test_reads_liberally(xml: str, namespace: str) -> None:
    document = schema.decode(xml.encode())
    assert (document.message, document.namespace) == (Everything("t"), namespace)


def test_children_may_come_in_any_order() -> None:
    two, three = (f"<many><deviceID>{number}</deviceID></many>" for number in (2, 3))
    assert everything(f"{two}<number>5</number><text>t</text>{three}") == Everything(
        "t", number=5, many=(Inner("2"), Inner("3"))
    )


def test_text_is_utf_8_whatever_is_declared() -> None:
    xml = '<?xml version="1.0" encoding="ISO-8859-1"?><Everything><text>ü</text></Everything>'
    assert schema.decode(xml.encode("utf-8")).message == Everything("ü")


@pytest.mark.parametrize(
    ("text", "flag"), [("true", True), ("1", True), ("false", False), ("0", False), (" true ", True)]
)
def test_booleans(text: str, flag: bool) -> None:
    assert everything(f"<text/><flag>{text}</flag>").flag is flag


def test_binary_data_may_have_white_space() -> None:
    assert everything("<text/><data> 00\n aB 10</data>").data == b"\x00\xab\x10"


def test_an_empty_element_is_an_empty_text() -> None:
    assert everything("<text/>").text == ""


@pytest.mark.parametrize(
    ("body", "path", "why"),
    [
        ("", "Everything", "missing text"),
        ("<text/><inner/>", "Everything/inner", "missing deviceID"),
        ("<text/><many><deviceID>1</deviceID></many><many/>", "Everything/many", "missing deviceID"),
        ("<text/><number>x</number>", "Everything/number", "bad value"),
        ("<text/><flag>yes</flag>", "Everything/flag", "bad value"),
        ("<text/><colour>Red</colour>", "Everything/colour", "bad value"),
        ("<text/><data>0</data>", "Everything/data", "bad value"),
        ("<text/><items><item>1</item><item/></items>", "Everything/items", "bad value"),
        ("<text/><either/>", "Everything/either", "needs exactly one of this, that"),
        ("<text/><either><this/><that/></either>", "Everything/either", "needs exactly one of this, that"),
    ],
)
def test_errors_say_where_and_why(body: str, path: str, why: str) -> None:
    with pytest.raises(BadValueError) as bad:
        everything(body, attributes=' xmlns="urn:x"')
    assert (bad.value.path, bad.value.why) == (path, why)
    assert (bad.value.name, bad.value.namespace) == ("Everything", "urn:x")


def test_a_long_name_is_told_in_part() -> None:
    with pytest.raises(UnknownMessageError) as unknown:
        schema.decode(b"<%b/>" % (b"x" * 5000))
    assert len(str(unknown.value)) < 150
    assert len(unknown.value.name) == 5000


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("<text>se&cret;99</text>", "undeclared entity at line 1, column "),
        ("<text>cret&secret</text>", "entityref semicol missing at line 1, column "),
        ("<text>x<secret</text>", "name required at line 1, column "),
        ("<text>\n</secret>", "tag name mismatch at line 2, column "),
        ("<text/><number>secret</number>", "bad value"),
        ("<text/><flag>secret</flag>", "bad value"),
        ("<text/><either>secret</either>", "needs exactly one of this, that"),
    ],
)
def test_errors_never_quote_the_document(body: str, why: str) -> None:
    with pytest.raises(XmlError) as bad:
        everything(body)
    assert bad.value.why.startswith(why)
    assert "cret" not in str(bad.value)


def test_an_unknown_root_is_told_by_name() -> None:
    with pytest.raises(UnknownMessageError) as unknown:
        schema.decode(b'<Rubbish xmlns="urn:x"/>')
    assert (unknown.value.name, unknown.value.namespace) == ("Rubbish", "urn:x")


@pytest.mark.parametrize(
    ("xml", "name", "namespace"),
    [
        (b"", "", None),
        (b"hello", "", None),
        (b"\x00\xff", "", None),
        (b"<Everything", "", None),
        (b'<Everything xmlns="urn:x"><text>', "Everything", "urn:x"),
        (b"<Everything><text>\xff</text></Everything>", "Everything", ""),
        (b"<Rubbish><text>", "", ""),
        (b"<Everything/><Everything/>", "Everything", ""),
    ],
)
def test_what_is_not_well_formed(xml: bytes, name: str, namespace: str | None) -> None:
    with pytest.raises(NotXmlError) as broken:
        schema.decode(xml)
    assert (broken.value.name, broken.value.namespace) == (name, namespace)


@pytest.mark.parametrize(
    "xml",
    [
        b"<!DOCTYPE Everything><Everything><text/></Everything>",
        b'<!DOCTYPE e [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><Everything><text>&b;</text></Everything>',
        b'<!DOCTYPE e SYSTEM "file:///etc/passwd"><Everything><text/></Everything>',
    ],
)
def test_document_types_are_refused(xml: bytes) -> None:
    with pytest.raises(NotXmlError, match="document type"):
        schema.decode(xml)


def test_undeclared_entities_are_refused() -> None:
    with pytest.raises(NotXmlError):
        schema.decode(b"<Everything><text>&a;</text></Everything>")


def nested(depth: int) -> bytes:
    """A document of ``depth`` elements one within the other, besides a sibling."""
    inner = depth - 1
    return b"<Everything><text/>" + b"<a>" * inner + b"</a>" * inner + b"</Everything>"


def test_depth_is_bounded_exactly() -> None:
    assert schema.decode(nested(MAX_DEPTH)).message == Everything("")
    with pytest.raises(NotXmlError, match="deeper") as deep:
        schema.decode(nested(MAX_DEPTH + 1))
    assert deep.value.name == "Everything"


def test_many_elements_are_not_deep() -> None:
    assert everything("<text/>" + "<a/>" * 1000) == Everything("")


def test_tags_are_bounded_before_anything_is_made_of_them() -> None:
    assert len(parse(b"<a>" + b"<b/>" * (MOST_TAGS - 2) + b"</a>", 2)) == MOST_TAGS - 2
    with pytest.raises(NotXmlError, match="tags"):
        parse(b"<a>" + b"<b/>" * (MOST_TAGS - 1) + b"</a>", 2)


def declaring(first: int, last: int) -> bytes:
    return b" ".join(b'xmlns:p%d="u"' % number for number in range(first, last))


def test_prefixes_are_bounded_where_many_are_declared_at_once() -> None:
    half = MOST_PREFIXES // 2
    outer, inner = declaring(0, half), declaring(half, MOST_PREFIXES)
    as_many = b"<a %s><b %s/></a>" % (outer, inner)
    assert parse(as_many, 2).tag == "a"
    assert parse(b"<a>" + as_many * 10 + b"</a>", 3).tag == "a"
    with pytest.raises(NotXmlError, match="prefixes"):
        parse(b"<a %s><b %s><c xmlns:more='u'/></b></a>" % (outer, inner), 3)


def test_a_document_of_nothing_but_depth_costs_an_error() -> None:
    with pytest.raises(XmlError):
        schema.decode(b"<a>" * 20_000)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("calling_device", "callingDevice"),
        ("monitor_cross_ref_id", "monitorCrossRefID"),
        ("call_id", "callID"),
        ("device_id_only", "deviceIDOnly"),
        ("get_csta_features", "getCSTAFeatures"),
        ("local_connection_info", "localConnectionInfo"),
        ("cause", "cause"),
        ("from_", "from"),
    ],
)
def test_names_follow_the_rule(attribute: str, name: str) -> None:
    assert camel_case(attribute) == name
