"""What is read by its shape is what the parser reads, or is left to the parser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.csta.types import ED3, csta
from ctigw.xml import Elements, Schema, XmlError
from ctigw.xml import shapes as shapes_module
from ctigw.xml.shapes import ALIKE, EVERY, MOST, Shapes
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
    """Shapes that have seen one document, as often as it takes."""
    shapes = Shapes(csta.plan)
    document = parsed.decode(xml)
    for _ in range(EVERY):
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
        f"<MonitorStop><monitorCrossRefID>{'7' * 5000}</monitorCrossRefID></MonitorStop>",
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


def test_one_in_so_many_documents_is_looked_at() -> None:
    shapes = Shapes(csta.plan)
    message = parsed.decode(stop(7)).message
    for _ in range(EVERY - 1):
        shapes.learn(stop(7), message, ED3)
    assert shapes.read(stop(7)) is None
    shapes.learn(stop(7), message, ED3)
    assert shapes.read(stop(7)) is not None


def test_few_shapes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes_module, "EVERY", 1)
    shapes = Shapes(csta.plan)
    shapes._until_next = 1
    for number in range(MOST + 10):
        xml = stop(7, f"urn:{number}")
        shapes.learn(xml, parsed.decode(xml).message, f"urn:{number}")
    assert len(shapes._known) == MOST
    assert shapes.read(stop(7, "urn:0")) is None
    for number in range(ALIKE + 3):
        xml = stop(7).replace(b"</MonitorStop>", b"<a/>" * number + b"</MonitorStop>")
        shapes.learn(xml, parsed.decode(xml).message, ED3)
    assert {len(known) for known in shapes._known.values()} == {1, ALIKE}


def test_it_takes_no_longer_for_being_wrong_at_the_end() -> None:
    """No repetition can be gone back into: a mebibyte of white space and texts is read in one go."""
    shapes = learned(b"<MonitorStop><a>1</a> <b>2</b> <monitorCrossRefID>7</monitorCrossRefID></MonitorStop>")
    long = b" " * 300_000
    xml = b"<MonitorStop><a>%b</a>%b<b>%b</b> <monitorCrossRefID>7</monitorCrossRefID></MonitorStop" % (
        long, long, long,
    )  # fmt: skip
    assert shapes.read(xml) is None
