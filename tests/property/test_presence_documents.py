"""Whatever is sent as a presence document, if it is one at all: what is made of it is valid, and stays so.

Documents grow from a seed: to draw each element by itself takes a hundred times as long.
"""

from __future__ import annotations

from random import Random
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctigw.presence.composition import Component, compose
from ctigw.presence.documents import MAX_BYTES, MAX_DEPTH, NotPidfError, checked, read, written
from ctigw.presence.filters import read as filters_of
from ctigw.presence.vocabulary import NAMESPACES, XML, XSI
from tests.pidf import ALICE, PIDF, wrong

NAMES = (
    "presence tuple status basic contact note timestamp person device deviceID activities mood place-is "
    "place-type privacy relationship service-class sphere status-icon time-offset user-input "
    "class servcaps "
    "devcaps audio video text description methods supported notsupported INVITE languages l "
    "priority equals "
    "range higherhan schemes s mobility fixed type isfocus card display-name icon source model "
    "other unknown "
    "home work assistant courier noisy ok thing list watcherinfo away busy on-the-phone available dnd idle "
    "phone-status afraid in_love"
)
# What may well stand in what, and the namespaces where these are at home.
INSIDE = {
    "presence": "tuple tuple note person person device activities thing",
    "tuple": "status contact note timestamp servcaps user-input source deviceID relationship class",
    "status": "basic activities",
    "person": "activities activities mood note timestamp status place-is place-type privacy sphere icon",
    "device": "deviceID note timestamp user-input devcaps",
    "activities": "away busy on-the-phone available dnd unknown other note thing",
    "mood": "afraid in_love unknown other note",
    "privacy": "audio video text unknown note",
    "place-is": "audio video text note",
    "place-type": "other thing home note",
    "sphere": "home work unknown thing note",
    "relationship": "assistant other unknown thing note",
    "servcaps": "audio video text description methods languages priority schemes type isfocus class",
    "devcaps": "mobility description",
    "methods": "supported notsupported",
    "languages": "supported",
    "schemes": "supported notsupported",
    "supported": "INVITE l s equals range",
    "audio": "noisy ok unknown",
}
HOMES = {
    name: namespace
    for namespace, names in {
        f"{PIDF}:data-model": "person device deviceID",
        f"{PIDF}:caps": "servcaps devcaps methods languages priority schemes supported mobility",
        f"{PIDF}:rpid": "activities mood place-is place-type privacy sphere relationship class user-input "
        "away busy on-the-phone unknown other afraid in_love home work assistant time-offset status-icon",
        f"{PIDF}:cipid": "display-name icon card",
        "urn:cisco:params:xml:ns:pidf:rpid": "available dnd",
        "urn:cisco:params:xml:ns:pidf:source": "source",
        "urn:example:x": "thing",
    }.items()
    for name in names.split()
}
SPACES = [
    *NAMESPACES, "", "urn:example:x", "urn:example:y", "urn:ietf:params:xml:ns:rlmi",
    "urn:ietf:params:xml:ns:watcherinfo",
]  # fmt: skip
TEXTS = [
    "", " ", "\n  ", "open", "OPEN", " closed\n", "active", "idle", "true", "1", "maybe", "-60", "9" * 30,
    "0.5",
    "2024-02-30T00:00:00Z", "2024-02-29T23:59:59.5+14:00", "2007-11-06t20:10:05z", "0000-01-01T00:00:00",
    "sip:a b@c", "%zz", "a#b#c", "1a:b", "//h:x/", "http://", "<&>\"'", "\t", "é€\U0001f600", "x y",
    "de-AT",
]  # fmt: skip
ATTRIBUTES = [
    "id", "id", "priority", "from", "until", "last-input", "idle-threshold", "value", "minvalue", "thing",
    "entity", "lang",
]  # fmt: skip
QUALIFIED = [(XML, "lang"), (XML, "space"), (XML, "base"), (XSI, "type"), (XSI, "nil")] + [
    (namespace, name)
    for namespace in (PIDF, f"{PIDF}:rpid", "urn:example:x", "urn:example:z")
    for name in ("mustUnderstand", "id", "b")
]
IDS = ["a", "b", "t1", "t1-2", "d1", "alice", "9", "a b", "a_b", "é", "\u03b1", "", "cmp-8-1sip:8@host"]
PREFIXES = ["", "", "dm", "r", "n1", "n2", "ce", "q"]


def element(random: Random, name: str, depth: int) -> str:
    """An element as XML; every one declares what it uses, sometimes under odd prefixes."""
    home = HOMES.get(name, PIDF)
    namespace = random.choice([home, home, home, home, random.choice(SPACES)])
    return spelled(random, name, namespace, attributes(random), content(random, name, depth))


def spelled(random: Random, name: str, namespace: str, attributes: dict[str, str], content: str) -> str:
    prefix = random.choice(PREFIXES) if namespace else ""
    declared = f" xmlns{prefix and ':'}{prefix}={quoteattr(namespace)}"
    tag = f"{prefix}:{name}" if prefix else name
    if random.random() < 0.2:
        space, local = random.choice(QUALIFIED)
        declared += f" xml:{local}=" if space == XML else f' xmlns:q7="{space}" q7:{local}='
        declared += quoteattr(random.choice(TEXTS) if local != "space" else "preserve")
    having = "".join(f" {key}={quoteattr(text)}" for key, text in attributes.items())
    return f"<{tag}{declared}{having}>{content}</{tag}>"


def attributes(random: Random) -> dict[str, str]:
    if random.random() < 0.5:
        return {}
    names = random.sample(sorted(set(ATTRIBUTES)), random.randint(1, 3))
    return {name: random.choice(IDS if name == "id" else TEXTS) for name in names}


def content(random: Random, name: str, depth: int) -> str:
    parts = [escape(random.choice(TEXTS))]
    likely = INSIDE.get(name, "").split()
    for _ in range(random.choice([0, 1, 2, 3, 5] if likely else [0, 0, 0, 1, 2]) if depth else 0):
        usual = likely and random.random() < 0.9
        parts.append(element(random, random.choice(likely if usual else NAMES.split()), depth - 1))
        parts.append(escape(random.choice(TEXTS)))
    return "".join(parts)


def document(seed: int) -> bytes:
    """A well-formed document, of no other virtue."""
    random = Random(seed)
    namespace = random.choice([PIDF, PIDF, "", random.choice(SPACES), "urn:example:old-pidf"])
    entity = random.choice([ALICE, "x", "sip:xten3@57.1.1.15", "a b", "%"])
    having = {**attributes(random), "entity": entity}
    inside = content(random, "presence", 6)
    if seed % 50 == 0:
        inside += f'<note xmlns="{PIDF}"><![CDATA[{"x & y > " * 8192}]]><!-- said --><?done?></note>'
    return spelled(random, "presence", namespace, having, inside).encode()


seeds = st.integers(0, 2**64)


def composed(*bodies: bytes) -> bytes:
    components = [Component("a", 1, since, read(body)) for since, body in enumerate(bodies)]
    return compose(ALICE, components).xml


@settings(max_examples=500, deadline=None)
@given(seeds)
def test_whatever_is_read_is_written_valid(seed: int) -> None:
    xml = document(seed)
    checked(xml)
    assert wrong(written(read(xml))) is None
    assert wrong(composed(xml)) is None


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_what_we_write_is_read_as_it_is(seed: int) -> None:
    xml = document(seed)
    once = written(read(xml), ALICE)
    assert written(read(once), ALICE) == once
    first = composed(xml)
    assert composed(first) == first


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(seeds, st.integers(0, 2), st.integers(0, 2)), max_size=4), st.data())
def test_the_order_of_arrival_does_not_matter(told: list[tuple[int, int, int]], data: st.DataObject) -> None:
    components = [
        Component(f"s{number}", priority, since, read(document(seed)))
        for number, (seed, priority, since) in enumerate(told)
    ]
    whole = compose(ALICE, components)
    assert wrong(whole.xml) is None
    assert compose(ALICE, data.draw(st.permutations(components))) == whole
    assert len(whole.xml) > MAX_BYTES or composed(whole.xml) == whole.xml


PATHS = ["//p:tuple/p:status/p:basic", "//p:tuple/*", "/*/*/*[@id='a']", "//dm:person", "//r:activities/*"]
SELECTIONS = [f"<{what}>{path}</{what}>" for what in ("include", "exclude") for path in [*PATHS, "//@*"]] + [
    f'<{what} type="namespace">{namespace}</{what}>'
    for what in ("include", "exclude")
    for namespace in (PIDF, f"{PIDF}:rpid", f"{PIDF}:data-model", "urn:example:x")
]


@settings(max_examples=200, deadline=None)
@given(seeds, st.lists(st.sampled_from(SELECTIONS), max_size=4))
def test_whatever_is_filtered_stays_valid(seed: int, selections: list[str]) -> None:
    bindings = "".join(
        f'<ns-binding prefix="{prefix}" urn="{urn}"/>'
        for prefix, urn in (("p", PIDF), ("r", f"{PIDF}:rpid"), ("dm", f"{PIDF}:data-model"))
    )
    what = f"<ns-bindings>{bindings}</ns-bindings><filter><what>{''.join(selections)}</what></filter>"
    filters = filters_of(f"<filter-set>{what}</filter-set>".encode())
    assert wrong(filters.apply(composed(document(seed)))) is None


@given(st.binary(max_size=60) | st.text("<presence/> entity='a'&;!", max_size=40).map(str.encode))
def test_what_is_no_document_is_refused_and_nothing_else_happens(body: bytes) -> None:
    try:
        checked(body)
    except NotPidfError:
        return
    assert b"entity" in body


@given(st.integers(1, 3 * MAX_DEPTH))
def test_depth_is_bounded_and_what_is_not_too_deep_is_read(depth: int) -> None:
    inside = '<a xmlns="urn:a">' * depth + "</a>" * depth
    body = f'<presence entity="a">{inside}</presence>'.encode()
    if depth < MAX_DEPTH:
        assert wrong(composed(body)) is None
    else:
        with pytest.raises(NotPidfError, match="deeper"):
            checked(body)
