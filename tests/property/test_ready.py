"""What is written at once is what the plain way gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctigw.presence.composition import _DEFAULT, _UNAVAILABLE, compose
from ctigw.presence.parts import put_together
from ctigw.sip.dialog import Dialog
from ctigw.sip.message import Request, parse
from ctigw.sip.ready import HOPS
from ctigw.sip.tokens import LENGTH, tokens

VIA = "Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK1"
WORD = st.text("abcäöü019._-", min_size=1, max_size=8)
HOST = st.sampled_from(["example.com", "192.0.2.1:5070", "[2001:db8::1]"])
LOOSE = st.builds("<sip:{};lr>".format, HOST)
STRICT = st.builds("<sip:{};method=NOTIFY>".format, HOST)
FIELDS = st.lists(
    st.tuples(st.sampled_from(["Event", "Content-Type", "Subscription-State"]), WORD),
    max_size=3,
    unique_by=lambda field: field[0],
)


@st.composite
def dialogs(draw: st.DrawFn) -> list[Dialog]:
    """A dialog, twice: each request counts on in it."""
    call_id, tags, users = draw(WORD), draw(st.tuples(WORD, st.just("") | WORD)), draw(st.tuples(WORD, WORD))
    routes = draw(st.lists(LOOSE | STRICT, max_size=3))
    target, sequence = draw(st.builds("sip:{}@{}".format, WORD, HOST)), draw(st.integers(0, 10**6))
    return [
        Dialog(
            call_id,
            local=(f"<sip:{users[0]}@x>", tags[0]),
            remote=(f'"Ä. B" <sip:{users[1]}@y>', tags[1]),
            contact="<sip:127.0.0.1:5060>",
            remote_target=target,
            route_set=routes,
            local_seq=sequence,
            remote_seq=None,
        )
        for _ in range(2)
    ]


@given(dialogs(), FIELDS, st.binary(max_size=40))
def test_a_ready_request_is_the_request(
    pair: list[Dialog], fields: list[tuple[str, str]], body: bytes
) -> None:
    plain, quick = pair
    request = plain.request("NOTIFY")
    headers = {"Max-Forwards": [str(HOPS)], **request.headers, **{name: [text] for name, text in fields}}
    expected = Request("NOTIFY", request.uri, headers, body)
    ready = quick.ready("NOTIFY", fields, body)
    assert ready.write(VIA) == expected.write(VIA)
    assert parse(ready.write(VIA)).body == body
    assert plain.hop() == quick.hop()
    assert plain.local_seq == quick.local_seq


@given(dialogs(), st.sampled_from(["a\r\nInjected: b", "a\nb", "a\rb"]))
def test_no_field_has_a_line_break(pair: list[Dialog], text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        pair[0].ready("NOTIFY", [("Event", text)]).write(VIA)


@given(
    st.sampled_from(["sip:", "pres:", ""]), st.text(max_size=12), st.sampled_from(["example.com", "[::1]"])
)
def test_who_is_unknown_has_the_document_of_nobody(scheme: str, user: str, host: str) -> None:
    entity = f"{scheme}{user}@{host}"
    plain = put_together(entity, [_DEFAULT], person=[_UNAVAILABLE])
    assert compose(entity, []).xml == plain
    assert compose("sip:default@x", []).xml == put_together(
        "sip:default@x", [_DEFAULT], person=[_UNAVAILABLE]
    )


def test_tokens_are_all_the_randomness_that_was_drawn() -> None:
    drawn: list[bytes] = []

    def draw(count: int) -> bytes:
        drawn.append(bytes((len(drawn) * 7 + n // 8) % 256 for n in range(count)))
        return drawn[-1]

    token = tokens(draw)
    found = [token() for _ in range(300)]
    assert len(drawn) == 2
    assert all(len(each) == LENGTH for each in found)
    assert "".join(found) == b"".join(drawn).hex()[: 300 * LENGTH]
