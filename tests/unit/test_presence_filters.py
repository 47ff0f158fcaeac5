from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.presence import documents
from ctigw.presence.filters import MAX_BYTES, MAX_FILTERS, MAX_SELECTIONS, FilterError, read
from tests.pidf import ALICE, PIDF, presence, wrong

NAMESPACE = "urn:ietf:params:xml:ns:simple-filter"
DOCUMENT = documents.written(
    documents.read(
        presence(
            '<tuple id="a"><status><basic>open</basic></status><r:class>office</r:class>'
            '<sc:servcaps><sc:audio>true</sc:audio></sc:servcaps><contact priority="0.8">sip:a</contact>'
            '<note>n</note></tuple><tuple id="b"><status><basic>closed</basic></status>'
            "<r:class>home</r:class>"
            '<contact priority="0.2">sip:b</contact></tuple><note>whole</note><dm:person id="alice">'
            "<r:activities>"
            '<r:away/></r:activities><x:y/></dm:person><dm:device id="d"><r:user-input>idle</r:user-input>'
            "<dm:deviceID>urn:d</dm:deviceID></dm:device>"
        )
    )
)
NONE = documents.written(documents.read(presence("")))


def filter_set(what: str, *, attributes: str = "", package: str = ' package="presence"') -> bytes:
    return (
        f'<filter-set xmlns="{NAMESPACE}"{package}><ns-bindings><ns-binding prefix="p" urn="{PIDF}"/>'
        f'<ns-binding prefix="rpid" urn="{PIDF}:status:rpid"/>'
        f'<ns-binding prefix="dm" urn="{PIDF}:data-model"/>'
        f'</ns-bindings><filter id="1"{attributes}>{what}</filter></filter-set>'
    ).encode()


def selecting(include: str = "", exclude: str = "", kind: str = "") -> bytes:
    what = "".join(
        f"<{name}{kind}><![CDATA[{each}]]></{name}>"
        for name, texts in (("include", include), ("exclude", exclude))
        for each in texts.split("\n")
        if each
    )
    return filter_set(f"<what>{what}</what>")


def left(filters: bytes) -> str:
    xml = read(filters).apply(DOCUMENT, ALICE)
    assert wrong(xml) is None
    text = xml.decode()
    return text[text.index(">", text.index("<presence")) + 1 :].removesuffix("</presence>")


def test_what_is_included_comes_with_what_holds_it() -> None:
    assert left(selecting("//p:tuple/p:status/p:basic")) == (
        '<tuple id="a"><status><basic>open</basic></status></tuple>'
        '<tuple id="b"><status><basic>closed</basic></status></tuple>'
    )


@pytest.mark.parametrize(
    "path",
    [
        '/p:presence/p:tuple[@id="a"]/p:contact',
        "/presence/tuple[@id='a']/contact",
        '//tuple[status/basic="open"]/contact',
        '//p:tuple[rpid:class="office"]/p:contact',
        '//p:tuple[rpid:class="office" and status/basic="open"]/*[.="sip:a"]',
        '//p:tuple[rpid:class="x" or @id="a"]/contact/@priority',
        "//contact[@priority>0.5]",
        "//tuple[contact/@priority >= '0.8']/p:contact",
        '//tuple[@id="a"][status/basic!="closed"]/contact',
    ],
)
def test_paths_lead_to_the_same_contact(path: str) -> None:
    assert left(selecting(path)) == '<tuple id="a"><status/><contact priority="0.8">sip:a</contact></tuple>'


def test_names_without_a_prefix_are_of_the_default_namespace_that_is_bound() -> None:
    bound = selecting("//class").replace(
        b'prefix="p" urn="' + PIDF.encode(), b'prefix="" urn="' + f"{PIDF}:rpid".encode()
    )
    assert "office" in left(bound)
    assert left(selecting("//class")) == ""


def test_what_is_excluded_is_left_out_of_all_or_of_what_is_included() -> None:
    text = left(selecting(exclude="//p:tuple\n//dm:device"))
    assert "tuple" not in text
    assert "device" not in text
    assert "away" in text
    assert (
        left(selecting("//p:tuple", '//p:tuple[@id="b"]\n//p:tuple/*')) == '<tuple id="a"><status/></tuple>'
    )


def test_attributes_are_left_out_but_not_those_that_must_be() -> None:
    text = left(selecting(exclude="//@priority\n//@id"))
    assert "priority" not in text
    assert '<tuple id="a">' in text


def test_namespaces_are_included_and_excluded_as_a_whole() -> None:
    text = left(selecting(exclude=f"{PIDF}:status:rpid", kind=' type="namespace"'))
    assert "away" not in text
    assert "audio" in text
    assert left(selecting(f"{PIDF}:caps", kind=' type="namespace"')) == (
        '<tuple id="a"><status/><sc:servcaps><sc:audio>true</sc:audio></sc:servcaps></tuple>'
    )


def test_a_device_brings_what_it_must_have() -> None:
    assert left(selecting("//dm:device/rpid:user-input")) == (
        '<dm:device id="d"><r:user-input>idle</r:user-input><dm:deviceID>urn:d</dm:deviceID></dm:device>'
    )


def test_what_leads_nowhere_leaves_a_document_without_content() -> None:
    assert read(selecting("//p:nothing")).apply(DOCUMENT) == NONE
    assert read(selecting(exclude="/p:presence")).apply(DOCUMENT) == NONE


def test_a_filter_for_a_resource_goes_before_one_for_its_domain_and_that_before_one_for_all() -> None:
    filters = read(
        f'<filter-set xmlns="{NAMESPACE}"><filter id="1"><what><include>//note</include></what></filter>'
        '<filter id="2" domain="Example.com"><what><include>//contact</include></what></filter>'
        f'<filter id="3" uri="{ALICE}"><what><include>//status</include></what></filter>'
        '<filter id="4" enabled="false" uri="sip:z@z"/>'
        '<filter id="5" remove="true" uri="sip:z@z"/></filter-set>'.encode()
    )
    assert [len(filters.filters), filters.of(ALICE), filters.of("sip:bob@example.com")] == [
        3, filters.filters[2], filters.filters[1]
    ]  # fmt: skip
    assert filters.of("sip:z@z") == filters.filters[0]


def test_a_document_without_a_filter_of_its_own_stays_as_it_is() -> None:
    filters = read(filter_set("<what><include>//note</include></what>", attributes=' uri="sip:b@c"'))
    assert filters.apply(DOCUMENT, ALICE) is DOCUMENT
    assert read(filter_set("")).apply(DOCUMENT) == DOCUMENT


def test_what_is_no_filters_is_ignored() -> None:
    assert (
        read(filter_set("<what><min-interval>5</min-interval></what>", package="")).apply(DOCUMENT)
        == DOCUMENT
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "document empty"),
        (b"<x/>", "filter-set"),
        (b"<!DOCTYPE x><filter-set/>", "document type"),
        (b" " * (MAX_BYTES + 1), "longer"),
        (filter_set("", package=' package="dialog"'), "presence"),
        (filter_set("<trigger><changed>//basic</changed></trigger>"), "triggers"),
        (selecting("//*", kind=' type="xquery"'), "neither"),
        (selecting("q:tuple"), "prefix"),
        (selecting("//tuple[1]"), "not supported"),
        (selecting("//tuple[contains(note,'a')]"), "not supported"),
        (selecting("//tuple[@id='a'"), "not supported"),
        (selecting("count(//tuple)"), "not supported"),
        (selecting("//tuple/.."), "not supported"),
        (selecting("//@id/tuple"), "no path"),
        (filter_set("<what><include> </include></what>"), "no path"),
        (selecting("//*//*//*"), "times //"),
        (selecting("/*" * 11), "no path"),
        (selecting("//*" + "[a='1']" * 5), "tests"),
        (selecting("\n".join(["//a"] * (MAX_SELECTIONS + 1))), "selections"),
        (filter_set("").replace(b"</filter-set>", b"<filter/>" * MAX_FILTERS + b"</filter-set>"), "filters"),
    ],
)
def test_what_is_not_supported_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(FilterError, match=why):
        read(body)


@given(st.text("/*@.[]='ab:p()<>| and or", max_size=30))
def test_any_path_is_refused_or_leaves_a_valid_document(path: str) -> None:
    try:
        filters = read(selecting(path) if path.strip() else filter_set(""))
    except FilterError:
        return
    assert wrong(filters.apply(DOCUMENT)) is None
