from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed, Rejected, reason_of
from ctigw.sip.uri import NameAddr, Uri, aor, parse_name_addr, parse_params, parse_uri, tag_of, write_params


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:alice@example.com", Uri("sip", "alice", "example.com")),
        ("SIPS:alice@Example.COM:5071", Uri("sips", "alice", "example.com", 5071)),
        ("sip:example.com;LR", Uri("sip", "", "example.com", params=(("lr", ""),))),
        (
            "sip:a:secret@x;transport=tcp;Maddr=h?Subject=Hi&Route=%3Cy%3E",
            Uri(
                "sip",
                "a",
                "x",
                0,
                (("transport", "tcp"), ("maddr", "h")),
                "secret",
                "Subject=Hi&Route=%3Cy%3E",
            ),
        ),
        ("sip:[2001:db8::10]:5070", Uri("sip", "", "[2001:db8::10]", 5070)),
        ("pres:alice@example.com", Uri("pres", "alice", "example.com")),
        ("im:alice@example.com", Uri("im", "alice", "example.com")),
        (
            "tel:+1-201-555-0123;phone-context=x",
            Uri("tel", "+1-201-555-0123", "", params=(("phone-context", "x"),)),
        ),
        ("urn:service:sos", Uri("urn", "service:sos", "")),
        # A user part may have what looks like parameters and headers.
        ("sip:user;par=u%40example.net@example.com", Uri("sip", "user;par=u%40example.net", "example.com")),
        ("sip:a?b@x", Uri("sip", "a?b", "x")),
        ("sip:null-%00-null@example.com", Uri("sip", "null-%00-null", "example.com")),
    ],
)
def test_a_uri_is_parted_and_put_together_again(text: str, uri: Uri) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    ["", "alice", "sip:", "sip:@x", "sip:a@", "sip:a@x:0", "sip:a@x:65536", "sip:a@x:port", "<sip:a@x>",
     "sip:a b@x",      "sip:a@x\x00", "1sip:a@x", ":a@x", "sip:a@[::1", "sip:a@x y", 'sip:"a"@x', "sip:;lr"],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_uri(text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "text",
    ["sip:Alice@EXAMPLE.com", "sips:alice@example.com:5061", "sip:alice:pw@example.com;user=phone",
     "sip:%61lice@example.com", "sip:%41LICE@example.com?subject=x", "pres:alice@example.com",
     "im:alice@example.com"],
)  # fmt: skip
def test_all_that_name_the_same_person_have_one_form(text: str) -> None:
    assert aor(text) == "alice@example.com"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("sip:Example.com:5060;lr", "example.com"),
        ("tel:+1-(201)555.0123", "+12015550123"),
        ("sip:[2001:DB8::1]", "[2001:db8::1]"),
        ("sip:a%40b@x", "a%40b@x"),  # not the user b@x of somebody
        ("sip:a%0d%0ab@x", "a%0D%0Ab@x"),  # nothing that would end a line
        ("sip:%E4%BD%A0@x", "%E4%BD%A0@x"),
        ("sip:+1;phone-context=y@x", "+1;phone-context=y@x"),
        ("sip:a%3Ab@x", "a%3Ab@x"),
    ],
)
def test_the_form_of_others(text: str, form: str) -> None:
    assert aor(text) == form


def test_the_form_of_a_form_is_itself() -> None:
    for text in ("sip:a%40b@x", "sip:a%0d%0ab@x", "sip:%25@x", "sip:+1;x=y@x"):
        assert aor("sip:" + aor(text)) == aor(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('"A. G. Bell" <sip:agb@x> ;tag=a48s', NameAddr("A. G. Bell", "sip:agb@x", (("tag", "a48s"),))),
        ("sip:x;tag=887s", NameAddr("", "sip:x", (("tag", "887s"),))),
        ("Anonymous <sip:c8@x>;tag=hyh8", NameAddr("Anonymous", "sip:c8@x", (("tag", "hyh8"),))),
        ("xten3<sip:xten3@x>;tag=5577e92b", NameAddr("xten3", "sip:xten3@x", (("tag", "5577e92b"),))),
        ("< sip:x >", NameAddr("", "sip:x")),
        ("<sip:a@x;unknown>", NameAddr("", "sip:a@x;unknown")),
        ("sip:a@x;unknown", NameAddr("", "sip:a@x", (("unknown", ""),))),
        ("<sip:a@x?Route=%3Csip:y%3E>", NameAddr("", "sip:a@x?Route=%3Csip:y%3E")),
        (r'"a \"b\" \\" <sip:a@x>;q = 0.33', NameAddr(r'a "b" \ '.rstrip(), "sip:a@x", (("q", "0.33"),))),
        ('<sip:a@x>;+sip.instance="<urn:uuid:1>";reg-id=1',
         NameAddr("", "sip:a@x", (("+sip.instance", "<urn:uuid:1>"), ("reg-id", "1")))),
        ('<sip:1>;+u.sip!devicename.ccm.cisco.com="SEP1"',
         NameAddr("", "sip:1", (("+u.sip!devicename.ccm.cisco.com", "SEP1"),))),
        ("Bell, Alexander <sip:a@x>;tag=43", NameAddr("Bell, Alexander", "sip:a@x", (("tag", "43"),))),
        ('"<sip:joe@y>" <sip:a@x>', NameAddr("<sip:joe@y>", "sip:a@x")),
    ],
)  # fmt: skip
def test_an_address_in_a_header_field(text: str, address: NameAddr) -> None:
    assert parse_name_addr(text) == address
    assert parse_name_addr(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "<>", "alice", '"Mr. J. User <sip:j.user@x>', "<sip:a@x", '"A" sip:a@x', "sip:a@x?Route=%3Cy%3E",
     "sip:a@x,b", '"Joe" <sip:joe@x>;;;;', '"A" B <sip:a@x>', "<sip:a b@x>", "<sip:a@x>;tag=a b",
     "<sip:a@x> x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_name_addr(text)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:a@x>;tag=1", "1"),
        ("sip:a@x;tag=1", "1"),
        ("sip:a@x ;   TAG    = 1918181833n", "1918181833n"),
        ("<sip:a@x;tag=no>", ""),
        ("<sip:a@x>", ""),
        ("<sip:a@x>;x=y;tag=1;z", "1"),
        ("<sip:a@x>;mytag=2", ""),
        ('<sip:a@x>;x=";tag=no";tag=1', "1"),
        ('"<sip:b@y>;tag=no" <sip:a@x>;tag=1', "1"),
    ],
)
def test_the_tag_is_found_wherever_it_stands(text: str, tag: str) -> None:
    assert tag_of(text) == tag
    assert parse_name_addr(text).tag == tag


def test_parameters_are_quoted_where_they_must_be() -> None:
    params = (("a", ""), ("b", "token"), ("c", 'two words; "so"'))
    assert write_params(params) == ';a;b=token;c="two words; \\"so\\""'
    assert parse_params(write_params(params)) == params
    assert parse_params(" ; a = b  ; c ") == (("a", "b"), ("c", ""))


def test_every_status_has_a_phrase() -> None:
    assert reason_of(489) == "Bad Event"
    assert reason_of(599) == "Server Internal Error"
    assert reason_of(299) == "OK"
    assert reason_of(699) == "Busy Everywhere"
    assert str(Rejected(423)) == "423 Interval Too Brief"
    assert Rejected(420, headers=[("Unsupported", "x")]).headers == [("Unsupported", "x")]


def test_what_is_long_is_not_remembered() -> None:
    long = "sip:" + "a" * 300 + "@x"
    assert parse_uri(long).user == "a" * 300
    assert parse_name_addr(f"<{long}>").uri == long
    assert aor(long) == long[4:]
    assert parse_uri(long) is not parse_uri(long)
    assert parse_uri("sip:short@x") is parse_uri("sip:short@x")
