"""The ideas of RFC 4475, in messages of our own: what is unusual and right, wrong, and merely strange.

The names in the comments are the RFC's.
"""

from __future__ import annotations

import pytest

from ctigw.sip.errors import Malformed
from ctigw.sip.events import Asked
from ctigw.sip.fields import parse_via
from ctigw.sip.hops import Remote
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request, Response, parse
from ctigw.sip.uri import NameAddr, aor
from tests.sip import FLOW, PEER, Node, wire


def asked(data: bytes | str, source: Remote = PEER) -> Incoming:
    """The message is shown to those above, and nothing is answered for them."""
    node = Node()
    node.receive(data, source)
    (event,) = node.stack.events()
    assert isinstance(event, Asked)
    assert node.stack.outgoing() == []
    return event.incoming


def refused(data: bytes | str, source: Remote = PEER) -> tuple[int, str]:
    """The message is answered at once, and shown to nobody."""
    node = Node()
    node.receive(data, source)
    assert node.stack.events() == []
    ((_, response),) = node.stack.outgoing()  # not parsed: it repeats what was wrong
    version, status, reason = response.split(b"\r\n")[0].split(b" ", 2)
    assert version == b"SIP/2.0"
    return int(status), reason.decode()


def silent(data: bytes | str, source: Remote = PEER) -> None:
    """The message is answered by nothing, and shown to nobody."""
    node = Node()
    node.receive(data, source)
    assert node.stack.events() == []
    assert node.stack.outgoing() == []


WSINV = """INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
 sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
  ;
  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 4
cseq: 0009
  INVITE
Via  : SIP  /   2.0
 /UDP
    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
 continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
 <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
      newvalue ;
  secondparam ; q = 0.33

v=0
""".replace("\n", "\r\n")[:-1]


def test_wsinv_blanks_and_folds_wherever_they_may_be() -> None:
    request = parse(WSINV.encode())
    assert isinstance(request, Request)
    assert request.uri == "sip:vivekg@chair-dnrc.example.com;unknownparam"
    assert (request.to_tag, request.from_tag) == ("1918181833n", "98asjd8")
    assert request.from_.display == 'J Rosenberg \\"'
    assert request.number("Max-Forwards") == 68
    assert (request.cseq, request.cseq_method) == (9, "INVITE")
    assert request.get("Subject") == ""
    assert request.get("Newfangledheader") == "newfangled value continued newfangled value"
    assert request.get("Unknownheaderwithunusualvalue") == ";;,,;;,;"
    assert [(via.transport, via.host, via.branch) for via in map(parse_via, request.values("Via"))] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    (contact,) = request.contacts
    assert contact == NameAddr(
        'Quoted string ""',
        "sip:jdrosen@example.com",
        (("newparam", "newvalue"), ("secondparam", ""), ("q", "0.33")),
    )
    assert request.body == b"v=0\r"
    assert (
        asked(WSINV).request.get("Via").startswith("SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw;received=")
    )


def test_intmeth_any_token_is_a_method_and_a_name() -> None:
    method = "!interesting-Method0123456789_*+`.%indeed'~"
    request = asked(
        wire(
            method,
            uri="sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
            "@example.com",
            to='"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)@example.com>',
            sender="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
            ";fromParam''~+*_!.-%=\"работающий\";tag=_token~1'+`*%!-.",
            more="extensionHeader-!.%*+_`'~:大停電\r\n",
        )
    ).request
    assert request.method == method
    assert (request.address.user, request.address.host) == (
        "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
        "example.com",
    )
    assert request.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.from_tag == "_token~1'+`*%!-."
    assert request.from_.params[0] == ("fromparam''~+*_!.-%", "работающий")
    assert request.get("Extensionheader-!.%*+_`'~") == "大停電"


def test_esc01_escapes_in_a_uri_are_kept_and_compared() -> None:
    request = asked(
        wire(
            uri="sip:sips%3Auser%40example.com@example.net",
            to="sip:%75se%72@example.com",
            sender="<sip:I%20have%20spaces@example.net>;tag=938",
            more="Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\r\n",
        )
    ).request
    assert request.address.user == "sips%3Auser%40example.com"
    assert aor(request.uri) == "sips%3Auser%40example.com@example.net"
    assert aor(request.to.uri) == "user@example.com"
    assert aor(request.from_.uri) == "i%20have%20spaces@example.net"
    assert aor(request.contacts[0].uri) == "caller@host5.example.net"


def test_escnull_an_escaped_nul_is_no_end() -> None:
    request = asked(wire("REGISTER", more="Contact: <sip:%00@x>, <sip:%00%00@x>\r\n")).request
    assert [aor(contact.uri) for contact in request.contacts] == ["%00@x", "%00%00@x"]


def test_esc02_a_percent_in_a_method_is_no_escape() -> None:
    sender = '"%Z%45" <sip:resource@example.com>;tag=f232jadfj23'
    request = asked(wire("RE%47IST%45R", sender=sender)).request
    assert request.method == "RE%47IST%45R"
    assert request.from_.display == "%Z%45"


def test_lwsdisp_no_blank_between_a_name_and_its_bracket() -> None:
    assert asked(wire(sender="caller<sip:caller@example.com>;tag=323")).request.from_.display == "caller"


def test_longreq_everything_may_be_long() -> None:
    long = "long" * 60
    vias = "".join(
        f"v: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bK{long}{n};received=192.0.2.4\r\n" for n in range(33)
    )
    request = asked(
        wire(
            uri=f"sip:{'amazingly' * 100}@example.com;{long}",
            to=f'"I have a {"very " * 200}long name"<sip:user@example.com:6000;unknown1={long};u2={long}>',
            sender=f"sip:{long}@example.net;tag=12982{'424' * 100};unknown={long}",
            call_id=f"{long}ly@example.com",
            more=vias + f"Unknown-{long}-Name: unknown-{long}-value; parameter={long}\r\n",
        )
    ).request
    assert request.to.uri.startswith("sip:user@example.com:6000;unknown1=long")
    assert len(request.headers["Via"]) == 34


def test_dblreq_what_follows_the_body_in_a_datagram_is_nothing() -> None:
    assert asked(wire("REGISTER") + wire("INVITE")).request.method == "REGISTER"
    node = Node()
    node.receive(wire("REGISTER") + wire("INVITE", call_id="2", via="SIP/2.0/TCP x;branch=z9hG4bKb"), FLOW)
    methods = [event.incoming.request.method for event in node.stack.events() if isinstance(event, Asked)]
    assert methods == ["REGISTER", "INVITE"]


def test_semiuri_semicolons_in_a_user_part_are_no_parameters() -> None:
    request = asked(wire(uri="sip:user;par=u%40example.net@example.com")).request
    assert request.address.user == "user;par=u%40example.net"
    assert request.address.params == ()


@pytest.mark.parametrize("transport", ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP", "TDP"])
def test_transports_any_may_stand_in_a_via(transport: str) -> None:
    via = f"SIP/2.0/{transport} t1.example.com;branch=z9hG4bKkdjuw"
    assert parse_via(asked(wire(via=via)).request.get("Via")).transport == transport


def test_mpart01_a_body_of_many_parts_is_bytes() -> None:
    body = b"--7a9cbe\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbe\r\n\r\n\x00\xff\x80\r\n--7a9cbe--"
    data = wire("MESSAGE", more="Content-Type: multipart/mixed;boundary=7a9cbe\r\n")
    data = data.replace(b"Length: 0", b"Length: %d" % len(body)) + body
    assert asked(data).request.body == body


def test_unreason_and_noreason_a_reason_is_any_text_or_none() -> None:
    start = b"OPTIONS sip:bob@example.com SIP/2.0"
    unreason = parse(wire().replace(start, "SIP/2.0 200 = 2**3 * 5**2 но сто".encode()))
    assert isinstance(unreason, Response)
    assert unreason.reason == "= 2**3 * 5**2 но сто"
    for line in (b"SIP/2.0 100 ", b"SIP/2.0 100"):
        noreason = parse(wire().replace(start, line))
        assert isinstance(noreason, Response)
        assert (noreason.status, noreason.reason) == (100, "")


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        # badinv01: separators that separate nothing
        (wire(via="SIP/2.0/UDP 192.0.2.15;;,;,,"), (400, "Bad Via")),
        # clerr, ncl, mcl01: a length that is too large, negative, or two
        (wire(body="v=0").replace(b"Length: 3", b"Length: 9999"), (400, "Content-Length too large")),
        (wire().replace(b"Length: 0", b"Length: -999"), (400, "Bad Content-Length")),
        (wire(more="Content-Length: 13\r\n", body="There's no way"), (400, "Bad Content-Length")),
        # scalar02: numbers that are too large
        (wire(cseq="36893488147419103232 OPTIONS"), (400, "Bad CSeq")),
        (wire().replace(b"Max-Forwards: 70", b"Max-Forwards: 300"), (400, "Bad Max-Forwards")),
        # quotbal: a quote that nobody closes
        (wire(to='"Mr. J. User <sip:j.user@example.com>'), (400, "Bad address")),
        # ltgtruri, escruri: brackets round, and headers in, the Request-URI
        (wire(uri="<sip:user@example.com>"), (400, "Bad URI")),
        (wire(uri="sip:user@example.com?Route=%3Csip:x%3E"), (400, "Headers in the Request-URI")),
        # lwsruri, lwsstart, trws: blanks in the request line
        (wire(uri="sip:user@example.com; lr"), (400, "Bad request line")),
        (wire(uri=" sip:user@example.com "), (400, "Bad request line")),
        (wire().replace(b"SIP/2.0\r\n", b"SIP/2.0  \r\n", 1), (400, "Bad request line")),
        # badvers: a version that is not ours
        (wire().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), (505, "Version Not Supported")),
        # mismatch01, mismatch02: the method of CSeq, known or not
        (wire(cseq="8 INVITE"), (400, "CSeq of another method")),
        (wire("NEWMETHOD", cseq="8 INVITE"), (400, "CSeq of another method")),
        # insuf: no From, To, Call-ID
        (b"INVITE sip:user@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95\r\n\r\n",
         (400, "Missing From")),
        # multi01: what may stand once stands twice
        (wire(more="From: sip:other@example.net;tag=394833\r\n"), (400, "More than one From")),
        (wire(more="CSeq: 59 OPTIONS\r\n"), (400, "More than one CSeq")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_answered_with_what_is_wrong(data: bytes | str, answer: tuple[int, str]) -> None:
    assert refused(data) == answer


@pytest.mark.parametrize(
    "start",
    [
        b"SIP/2.0 4294967301 better not break the receiver",  # bigcode
        b"SIP/2.0 99 too small",
        b"SIP/2.0 700 too large",
        b"SIP/2.0 200 a response to nobody",
    ],
)
def test_a_response_that_nobody_waits_for_is_answered_by_nothing(start: bytes) -> None:
    node = Node()
    node.receive(wire().replace(b"OPTIONS sip:bob@example.com SIP/2.0", start))
    assert node.stack.outgoing() == []
    assert not any(isinstance(event, Asked) for event in node.stack.events())


def test_scalarlg_a_response_with_a_number_too_large_is_dropped() -> None:
    silent(
        wire(cseq="9292394834772304023312 OPTIONS").replace(b"OPTIONS sip:bob@example.com", b"SIP/2.0 503 x")
    )


def test_bcast_a_response_that_was_meant_for_others_is_a_stray() -> None:
    node = Node()
    vias = "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\n"
    node.receive(wire(more=vias).replace(b"OPTIONS sip:bob@example.com SIP/2.0", b"SIP/2.0 200 OK"))
    assert node.stack.counters["stray responses"] == 1
    assert node.stack.outgoing() == []


def test_baddate_a_date_is_no_reason_to_refuse() -> None:
    assert asked(wire(more="Date: Fri, 01 Jan 2010 16:00:00 EST\r\n")).request.get("Date").endswith("EST")


def test_badaspec_blanks_in_brackets_are_what_a_product_in_the_field_writes() -> None:
    request = asked(wire(more="P-Asserted-Identity: < sip:xten3@cisco.com >\r\n")).request
    assert request.values("P-Asserted-Identity") == ["< sip:xten3@cisco.com >"]


def test_baddn_a_comma_in_a_name_without_quotes_is_borne() -> None:
    assert asked(wire(sender="Bell, Alexander <sip:a.g.bell@example.com>;tag=43")).request.from_tag == "43"


def test_regbadct_a_contact_with_headers_and_no_brackets_is_refused_when_it_is_read() -> None:
    request = asked(wire("REGISTER", more="Contact: sip:user@example.com?Route=%3Csip:x%3E\r\n")).request
    with pytest.raises(Malformed, match="Bad address"):
        _ = request.contacts


def test_regescrt_cparam01_and_cparam02_whose_a_parameter_is() -> None:
    contacts = (
        "sip:+19725552222@gw1.example.net;unknownparam",
        "<sip:+19725552222@gw1.example.net;unknownparam>",
        "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
    )
    request = asked(wire("REGISTER", more="".join(f"Contact: {text}\r\n" for text in contacts))).request
    assert request.contacts == [
        NameAddr("", "sip:+19725552222@gw1.example.net", (("unknownparam", ""),)),
        NameAddr("", "sip:+19725552222@gw1.example.net;unknownparam"),
        NameAddr("", "sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
    ]


def test_scalar02_an_expiry_that_is_too_large_is_refused_when_it_is_read() -> None:
    request = asked(wire("REGISTER", more="Expires: 10000000000000\r\n")).request
    with pytest.raises(Malformed, match="Bad Expires"):
        _ = request.expires


def test_badbranch_a_branch_that_is_nothing_but_the_cookie_is_none() -> None:
    node = Node()
    via = "SIP/2.0/UDP 192.0.2.15;branch=z9hG4bK"
    for call_id in ("1", "1", "2"):
        node.receive(wire(via=via, call_id=call_id))
    assert len(node.stack.events()) == 2  # known by Call-ID, CSeq and tag


@pytest.mark.parametrize(
    "uri", ["nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002", "isbn:2983792873"]
)
def test_unkscm_and_novelsc_the_scheme_is_judged_by_those_above(uri: str) -> None:
    request = asked(wire(uri=uri)).request
    assert request.address.host == ""
    assert request.address.scheme == uri.partition(":")[0].lower()


def test_unksm2_any_scheme_may_stand_in_from_and_to() -> None:
    request = asked(
        wire("REGISTER", to="isbn:2983792873", sender="<http://www.example.com>;tag=3234233",
             more="Contact: <name:John_Smith>\r\n")
    ).request  # fmt: skip
    assert (request.to.uri, request.from_.uri) == ("isbn:2983792873", "http://www.example.com")
    assert request.contacts == [NameAddr("", "name:John_Smith")]


def test_bext01_invut_regaut01_and_sdp01_are_for_those_above() -> None:
    request = asked(
        wire("REGISTER", more="Require: nothingSupportsThis, nothingSupportsThisEither\r\n"
             "Proxy-Require: noProxiesSupportThis\r\nContent-Type: application/unknownformat\r\n"
             "Accept: text/nobodyKnowsThis\r\nAuthorization: NoOneKnowsThisScheme opaque-data=here\r\n",
             body="<audio>")
    ).request  # fmt: skip
    assert request.values("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert request.get("Authorization") == "NoOneKnowsThisScheme opaque-data=here"
    assert request.get("Accept") == "text/nobodyKnowsThis"


def test_zeromf_the_last_hop_may_have_none_left() -> None:
    assert asked(wire().replace(b"Forwards: 70", b"Forwards: 0")).request.number("Max-Forwards") == 0


def test_inv2543_an_invite_of_the_old_kind_is_served() -> None:
    old = (
        "INVITE sip:UserB@example.com SIP/2.0\r\nVia: SIP/2.0/UDP iftgw.example.com\r\n"
        "From: <sip:+13035551111@ift.example.net;user=phone>\r\nTo: sip:+16505552222@ss1.example.net\r\n"
        "Call-ID: inv2543.1717@ift.client.example.com\r\nCSeq: 56 INVITE\r\n"
        "Content-Type: application/sdp\r\n\r\nv=0"
    )
    incoming = asked(old)
    assert incoming.request.body == b"v=0"
    assert incoming.request.from_tag == ""
    assert incoming.request.get("Via") == "SIP/2.0/UDP iftgw.example.com;received=192.0.2.15"
    node = Node()
    node.receive(old)
    node.receive(old)
    assert len(node.stack.events()) == 1


def test_what_is_wrong_in_an_ack_is_answered_by_nothing() -> None:
    silent(wire("ACK", cseq="1 INVITE"))


@pytest.mark.parametrize(
    "data",
    [
        wire(via="nothing that could be answered", cseq="x"),
        wire(cseq="x").replace(b"Via: ", b"Why: "),
        b"OPTIONS",
        b"OPTIONS sip:bob@example.com\r\nVia: SIP/2.0/UDP 192.0.2.15\r\n\r\n",
        b"\r\n\r\n",
        b"\0",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42 a request of another protocol",
    ],
)
def test_what_nobody_can_be_answered_for_is_met_with_silence(data: bytes) -> None:
    silent(data)
