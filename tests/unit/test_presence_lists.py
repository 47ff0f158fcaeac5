from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.presence.lists import MAX_PARTS, Instance, NotListError, Rlmi, read, write
from tests.pidf import EXAMPLES, wrong

LIST = "sip:alice-contacts@example.com"
BOB = Instance("active", document=b"<presence entity='sip:bob@example.com'/>", name="Bob & Co")
EVE = Instance("terminated", "noresource")
KIM = Instance("pending")


def subscription() -> Rlmi:
    return Rlmi(LIST, "f00d", "gateway.example.com")


def told(notice: tuple[str, bytes] | None) -> tuple[int, bool, dict[str, Instance]]:
    assert notice is not None
    listed = read(*notice)
    assert listed.uri == LIST
    return listed.version, listed.full, dict(listed.resources)


def test_the_first_notice_is_full_and_tells_all() -> None:
    notice = subscription().notify({"sip:bob@b": BOB, "sip:eve@b": EVE, "sip:kim@b": KIM})
    assert told(notice) == (0, True, {"sip:bob@b": BOB, "sip:eve@b": EVE, "sip:kim@b": KIM})


def test_later_ones_tell_what_has_changed_each_with_the_next_version() -> None:
    rlmi = subscription()
    rlmi.notify({"sip:bob@b": BOB, "sip:eve@b": EVE})
    busy = Instance(
        "active", document=b"<presence entity='sip:bob@example.com'>busy</presence>", name="Bob & Co"
    )
    assert told(rlmi.notify({"sip:bob@b": busy, "sip:eve@b": EVE})) == (1, False, {"sip:bob@b": busy})
    assert told(rlmi.notify({"sip:eve@b": KIM})) == (2, False, {"sip:eve@b": KIM})
    assert rlmi.notify({"sip:bob@b": busy, "sip:eve@b": KIM}) is None
    assert told(rlmi.notify({"sip:bob@b": busy}, full=True)) == (3, True, {"sip:bob@b": busy})
    assert told(rlmi.notify({"sip:eve@b": KIM})) == (4, False, {"sip:eve@b": KIM})


def test_an_empty_list_is_told_too() -> None:
    assert told(subscription().notify({})) == (0, True, {})


def test_the_form_is_the_one_that_clients_need() -> None:
    kind, body = write(
        LIST, 0, {"sip:bob@b": BOB}, full=True, host="h", token="t", content_type="application/x"
    )
    assert kind == 'multipart/related;type="application/rlmi+xml";start="<t.0@h>";boundary="part-t-0"'
    lines = body.split(b"\r\n")
    assert lines[:4] == [
        b"--part-t-0",
        b"Content-Transfer-Encoding: binary",
        b"Content-ID: <t.0@h>",
        b'Content-Type: application/rlmi+xml;charset="UTF-8"',
    ]
    assert lines[-2:] == [b"--part-t-0--", b""]
    assert b"Content-ID: <t.1@h>\r\nContent-Type: application/x\r\n\r\n<presence" in body
    rlmi = lines[5]
    assert wrong(rlmi, "rlmi.xsd") is None
    assert b'<name>Bob &amp; Co</name><instance id="1" state="active" cid="t.1@h"/>' in rlmi


def test_content_ids_and_boundaries_are_never_used_twice() -> None:
    rlmi = subscription()
    first, second = rlmi.notify({"sip:bob@b": BOB}), rlmi.notify({"sip:bob@b": BOB}, full=True)
    assert first is not None
    assert second is not None
    assert first[0] != second[0]


def test_a_boundary_that_is_in_a_document_is_not_taken() -> None:
    sly = Instance("active", document=b"\r\n--part-t-0--\r\n")
    kind, body = write(LIST, 0, {"sip:sly@b": sly}, full=True, host="h", token="t")
    assert read(kind, body).resources == (("sip:sly@b", sly),)


def test_a_state_that_there_is_not_is_a_fault_of_ours() -> None:
    with pytest.raises(ValueError, match="never"):
        subscription().notify({"sip:bob@b": Instance("resting")})


def test_the_printed_notice_is_read() -> None:
    if not EXAMPLES.exists():
        pytest.skip("the examples are not here")
    head, _, body = (EXAMPLES / "03-notify-list.sip").read_bytes().partition(b"\r\n\r\n")
    kind = next(line for line in head.decode().split("\r\n") if line.startswith("Content-Type:"))
    listed = read(kind.partition(":")[2], body)
    assert (listed.uri, listed.version, listed.full) == ("sip:publisher@cisco.com", 0, True)
    assert [(name, each.state) for name, each in listed.resources] == [
        ("sip:scalar1@cisco.com", "active"),
        ("sip:scalar2@cisco.com", "active"),
    ]
    assert all(b"<presence" in (each.document or b"") for _, each in listed.resources)


def test_what_is_sloppy_is_read_all_the_same() -> None:
    rlmi = (
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:l"><resource uri="sip:a">'
        b'<instance state="odd" id="1"/>'
        b'</resource><resource uri="sip:b"/></list>'
    )
    body = b"--b 1\nContent-Type: application/rlmi+xml\n\n" + rlmi + b"\n--b 1--"
    listed = read("multipart/related;type=application/rlmi+xml; boundary=other", body)
    assert [name for name, _ in listed.resources] == ["sip:a", "sip:b"]
    assert {each for _, each in listed.resources} == {Instance("pending")}


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("text/plain", b"", "multipart"),
        ("multipart/related", b"", "boundary"),
        ("multipart/related;boundary=x", b"--x--", "parts"),
        ("multipart/related;boundary=x", b"--x\r\n\r\n<a/>\r\n--x--", "no list"),
        ("multipart/related;boundary=x", b"--x\r\n\r\n<a>\r\n--x--", "line"),
        ("multipart/related;boundary=x", b'--x\r\n\r\n<list version="v"/>\r\n--x--', "number"),
        ("multipart/related;boundary=x", b"--x\r\n" * (MAX_PARTS + 2), "parts"),
    ],
)
def test_what_is_no_list_is_refused(kind: str, body: bytes, why: str) -> None:
    with pytest.raises(NotListError, match=why):
        read(kind, body)


@given(st.text(max_size=40), st.binary(max_size=80))
def test_whatever_comes_is_read_or_refused(kind: str, body: bytes) -> None:
    with pytest.raises(NotListError):
        read(f"multipart/related;{kind}", body)


plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=10)
instances = st.builds(
    Instance,
    st.sampled_from(["active", "pending", "terminated"]),
    plain,
    st.none() | st.binary(max_size=50),
    plain,
)


@given(st.dictionaries(st.from_regex(r"sip:[a-z]{1,5}@[a-z]{1,5}", fullmatch=True), instances, max_size=5))
def test_what_is_written_is_read_again(resources: dict[str, Instance]) -> None:
    assert told(subscription().notify(resources)) == (0, True, resources)
