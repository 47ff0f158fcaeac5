from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ctigw.presence.lexical import (
    active_idle,
    basic,
    boolean,
    escaped,
    integer,
    language,
    ncname,
    positive,
    priority,
    quoted,
    timestamp,
    token,
    uri,
)

_XSD = "http://www.w3.org/2001/XMLSchema"
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
addresses = st.lists(
    st.sampled_from(
        ["sip:", "http:", "//", "/", ":", "@", "a", "1", "?", "#", "%", "%41", " ", ";", "é", "|", "."]
    ),
    max_size=9,
).map("".join)


def judge(kind: str) -> etree.XMLSchema:
    return etree.XMLSchema(
        etree.XML(f'<s:schema xmlns:s="{_XSD}"><s:element name="a" type="s:{kind}"/></s:schema>')
    )


def accepted(schema: etree.XMLSchema, text: str) -> bool:
    element = etree.Element("a")
    element.text = text
    return schema.validate(element)


URI, DATE_TIME, ID, LANGUAGE = judge("anyURI"), judge("dateTime"), judge("NCName"), judge("language")


@given(addresses | texts)
def test_any_text_becomes_a_uri_and_a_uri_stays_one(text: str) -> None:
    assert accepted(URI, uri(text))
    assert uri(uri(text)) == uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:alice@example.com;transport=tcp",
        "sip:alice:secret@example.com:5060?subject=a%20b",
        "sip:alice@[2001:db8::1]:5060",
        "sips:[::1]",
        "http://user@[::1]:80/a?b#c",
        "tel:+43-1-234",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "",
    ],
)
def test_uris_of_the_field_stay_as_they_are(text: str) -> None:
    assert uri(f" {text}\n") == text


@given(texts)
def test_any_text_becomes_an_id_or_nothing(text: str) -> None:
    name = ncname(text)
    assert (name == "") == (text.strip() == "")
    assert not name or accepted(ID, name)
    assert ncname(name) == name


digits = st.integers(0, 99).map("{:02}".format)
times = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["2024", "2023", "0000", "0001", "12024"]), digits, digits, st.sampled_from("Tt _"),
    digits, digits, digits, st.sampled_from(["", ".5", "."]),
    st.sampled_from(["", "Z", "z", "+14:00", "+14:01", "-13:59", "+1:00"]),
)  # fmt: skip


@given(times)
def test_a_timestamp_is_one_or_nothing(text: str) -> None:
    found = timestamp(text)
    assert found is None or accepted(DATE_TIME, found)
    if accepted(DATE_TIME, text) and ":60" not in text and "24:00:00" not in text:
        assert found == text or text.startswith("12024")


@given(texts | st.from_regex(r"[a-zA-Z]{1,9}(-[a-z0-9]{1,9})?", fullmatch=True))
def test_a_language_is_one_or_nothing(text: str) -> None:
    found = language(text)
    assert found is None or accepted(LANGUAGE, found)


@given(st.floats().map(str) | st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,4}", fullmatch=True))
def test_a_priority_is_between_0_and_1_or_nothing(text: str) -> None:
    found = priority(text)
    assert found is None or re.fullmatch(r"0(\.[0-9]{1,3})?|1", found)


@pytest.mark.parametrize(
    ("mend", "sent", "mended"),
    [
        (priority, "0.80", "0.8"),
        (priority, "-1", "0"),
        (priority, "1e3", None),
        (basic, " Open", "open"),
        (basic, "", None),
        (active_idle, "IDLE", "idle"),
        (boolean, "Yes", "true"),
        (boolean, "0", "false"),
        (boolean, "perhaps", None),
        (integer, "+007", "7"),
        (integer, "٣", None),
        (integer, "1.5", None),
        (positive, "0", None),
        (positive, "5", "5"),
        (token, " a \n b ", "a b"),
    ],
)
def test_values_are_mended_where_it_is_plain_what_they_mean(
    mend: object, sent: str, mended: str | None
) -> None:
    assert callable(mend)
    assert mend(sent) == mended


@given(st.text("<>&\"' \t\r\né]x", max_size=20))
def test_what_is_written_is_what_a_parser_reads(text: str) -> None:
    element = etree.fromstring(f"<a b={quoted(text)}>{escaped(text)}</a>")
    assert element.get("b") == text
    assert (element.text or "") == text
