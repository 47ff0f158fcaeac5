"""What is read by its shape is what the parser reads, or is left to the parser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from ctigw.csta.types import ED3, csta
from ctigw.xml import Elements, Schema, XmlError
from ctigw.xml.shapes import ALIKE, LONGEST, MOST, PAUSE, Shapes
from tests.property.test_messages import MESSAGES, digits, instances

parsed = Schema(ED3, shapes=False)
parsed.messages = csta.messages
REQUESTS = [cls for cls in MESSAGES if not cls.__name__.endswith(("Response", "Event"))]

# What may stand between the tags of a document that nobody has tidied up.
gaps = st.sampled_from(["", " ", "\n  ", "\r\n\t"])
strangers = st.sampled_from(
    [
        "",
        "<new>x</new>",
        "<new><in>1</in><in>2</in></new>",
        '<n:new xmlns:n="urn:n" a="1"><n:deep/></n:new>',
        "<extensions><a><b><c>d</c></b></a></extensions>",
    ]
)
plain_texts = st.text("0123456789 abcXYZ-_:;./\"'", max_size=12)
ODD = (
    "&amp;", "&#65;", "a&b", "<![CDATA[x]]>", "<!--c-->", "<?p?>", "]]>", "a>b", "ü", "\x01", "\x7f", "</x>",
    "<y/>", "\r", "\r\n", "<deviceID>7</deviceID>", "\t", " ", "true", "1", "doNotPrompt",
)  # fmt: skip
odd_texts = plain_texts | st.sampled_from(ODD)


def untidy(data: st.DataObject, xml: str) -> str:
    """A document with white space and children of no interest put in."""

    def put(found: re.Match[str]) -> str:
        end, begin = found.groups()
        if begin.startswith("</") and not end.startswith("</") and not end.endswith("/>"):
            return found[0]  # a leaf
        return f"{end}{data.draw(gaps)}{data.draw(strangers)}{data.draw(gaps)}{begin}"

    return re.sub(r"((?<=[^?])>)(?=(<[^?]))", lambda found: put(found).removesuffix(found[2]), xml)


def with_texts(data: st.DataObject, xml: str, texts: st.SearchStrategy[str]) -> str:
    """A document of the same tags with other texts."""
    leaf = r"(<[^/<>?][^<>]*(?<!/)>)[^<>]*(?=</)"
    return re.sub(leaf, lambda found: found[1] + data.draw(texts), xml)


def learned(xml: bytes) -> Shapes:
    """Shapes that have seen one document."""
    shapes = Shapes()
    document = parsed.decode(xml)
    shapes.learn(xml, document.message, document.namespace)
    return shapes


def by_parser(xml: bytes) -> Any:
    try:
        document = parsed.decode(xml)
    except XmlError:
        return None
    return document.message, document.namespace


@pytest.mark.parametrize("cls", REQUESTS, ids=lambda cls: cls.__name__)
def test_it_reads_what_the_parser_reads_or_nothing(cls: type) -> None:
    @given(data=st.data(), message=instances(cls, digits, {}))
    @settings(max_examples=60, deadline=None)
    def holds(data: st.DataObject, message: Any) -> None:
        first = untidy(data, csta.encode(message).decode())
        shapes = learned(first.encode())
        for texts in (plain_texts, odd_texts):
            other = with_texts(data, first, texts).encode()
            found = shapes.read(other)
            assert found is None or found == by_parser(other)

    holds()


def has_any_content(cls: type) -> bool:
    """Whether a message has a part whose content is the client's own, which no shape has."""
    return any(
        child.type is Elements
        or (hasattr(child.type, "__dataclass_fields__") and has_any_content(child.type))
        for child in csta.plan(cls).children
    )


@pytest.mark.parametrize(
    "cls", [cls for cls in REQUESTS if not has_any_content(cls)], ids=lambda cls: cls.__name__
)
def test_it_reads_the_same_again_and_whatever_differs_in_texts(cls: type) -> None:
    @given(data=st.data(), message=instances(cls, digits, {}))
    @settings(max_examples=20, deadline=None)
    def holds(data: st.DataObject, message: Any) -> None:
        first = untidy(data, csta.encode(message).decode())
        shapes = learned(first.encode())
        if len(first) > LONGEST:
            assert shapes.read(first.encode()) is None
            return
        assert shapes.read(first.encode()) == by_parser(first.encode())
        other = with_texts(data, first, st.text("0123456789", min_size=1, max_size=9)).encode()
        assert shapes.read(other) == by_parser(other)  # None, where a text is no value

    holds()


STOP = '<MonitorStop xmlns="{}"><monitorCrossRefID>{}</monitorCrossRefID></MonitorStop>'


def stop(reference: int, namespace: str = ED3) -> bytes:
    return STOP.format(namespace, reference).encode()


@pytest.mark.parametrize(
    "xml",
    [
        STOP.format(ED3, "7"),
        f'<?xml version="1.0" encoding="UTF-8"?>\n{STOP.format(ED3, "7")}\n',
        '<c:MonitorStop xmlns:c="urn:c"><c:monitorCrossRefID>7</c:monitorCrossRefID></c:MonitorStop>',
        '<MonitorStop a="b"><monitorCrossRefID c="d">7</monitorCrossRefID></MonitorStop>',
        "<MonitorStop><new/><monitorCrossRefID>7</monitorCrossRefID><x><y>z</y></x></MonitorStop>",
        "<RequestSystemStatus/>",
        "<RequestSystemStatus></RequestSystemStatus>",
    ],
)
def test_these_have_a_shape(xml: str) -> None:
    assert learned(xml.encode()).read(xml.encode()) == by_parser(xml.encode())


@pytest.mark.parametrize(
    "xml",
    [
        "<MonitorStop>text<monitorCrossRefID>7</monitorCrossRefID></MonitorStop>",
        "<MonitorStop><!-- c --><monitorCrossRefID>7</monitorCrossRefID></MonitorStop>",
        "<MonitorStop><monitorCrossRefID>&#55;</monitorCrossRefID></MonitorStop>",
        "<MonitorStop><monitorCrossRefID>7<new/></monitorCrossRefID></MonitorStop>",
        "<MonitorStop><monitorCrossRefID>ü</monitorCrossRefID></MonitorStop>",
        f"<MonitorStop><monitorCrossRefID>{'7' * LONGEST}</monitorCrossRefID></MonitorStop>",
    ],
)
def test_these_have_none(xml: str) -> None:
    shapes = learned(xml.encode())
    assert shapes.read(xml.encode()) is None
    assert shapes._known == {}


def test_the_tags_must_be_the_same_to_the_letter() -> None:
    shapes = learned(stop(7))
    assert shapes.read(stop(8)) == by_parser(stop(8))
    for other in (
        stop(8).replace(b"<monitorCrossRefID>", b"<monitorCrossRefID >"),
        stop(8).replace(b"</MonitorStop>", b"<a>1</a></MonitorStop>"),
        stop(8).replace(b"</MonitorStop>", b"</MonitorStop>x"),
        stop(8).replace(b"MonitorStop ", b"MonitorStop  "),
        stop(8)[:-1],
    ):
        assert shapes.read(other) is None


def test_they_are_made_now_and_then() -> None:
    clock = Clock()
    shapes = Shapes(clock.seconds)
    other = stop(7, "")
    shapes.learn(stop(7), parsed.decode(stop(7)).message, ED3)
    shapes.learn(other, parsed.decode(other).message, "")
    assert (shapes.read(stop(7)), shapes.read(other)) == (by_parser(stop(7)), None)
    clock.advance(PAUSE)
    shapes.learn(other, parsed.decode(other).message, "")
    assert shapes.read(other) == by_parser(other)


def test_few_shapes_are_kept() -> None:
    clock = Clock()
    shapes = Shapes(clock.seconds)

    def learn(xml: bytes, namespace: str) -> None:
        clock.advance(PAUSE)
        shapes.learn(xml, parsed.decode(xml).message, namespace)

    for number in range(MOST + 10):
        learn(stop(7, f"urn:{number}"), f"urn:{number}")
    assert len(shapes._known) == MOST
    assert shapes.read(stop(7, "urn:9")) is None
    assert shapes.read(stop(7, "urn:10")) is not None
    for number in range(ALIKE + 3):  # what is added to stays longest, and costs one of the others alone
        learn(stop(7, "urn:10").replace(b"</MonitorStop>", b"<a/>" * number + b"</MonitorStop>"), "urn:10")
    learn(stop(7), ED3)
    assert len(shapes._known) == MOST
    assert {len(known) for known in shapes._known.values()} == {1, ALIKE}
    assert (shapes.read(stop(7, "urn:11")), len(shapes._known[stop(7).split(b">")[0] + b">"])) == (None, 1)


def test_what_is_there_twice_has_no_shape() -> None:
    """The parser looks at each, and the last one counts."""
    xml = "<MonitorStart><monitorObject><deviceObject>1</deviceObject></monitorObject>{}</MonitorStart>"
    twice = "<monitorType>{}</monitorType><monitorType>device</monitorType>"
    shapes = learned(xml.format(twice.format("call")).encode())
    rubbish = xml.format(twice.format("rubbish")).encode()
    assert (shapes.read(rubbish), by_parser(rubbish)) == (None, None)


def test_it_takes_no_longer_for_being_wrong_at_the_end() -> None:
    """No repetition can be gone back into: a mebibyte of white space and texts is read in one go."""
    shapes = learned(b"<MonitorStop><a>1</a> <b>2</b> <monitorCrossRefID>7</monitorCrossRefID></MonitorStop>")
    long = b" " * 300_000
    xml = b"<MonitorStop><a>%b</a>%b<b>%b</b> <monitorCrossRefID>7</monitorCrossRefID></MonitorStop" % (
        long, long, long,
    )  # fmt: skip
    assert shapes.read(xml) is None
