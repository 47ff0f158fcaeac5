"""The sections [sip] and [presence]: what may be said, what is refused, what is made of it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ctigw.config import Config, ConfigError, parse
from ctigw.config.presence import PRIORITIES, Foreign, Presence, PresenceList
from ctigw.config.sip import Route, SipListener
from ctigw.config.values import is_hop, wildcard

TLS = "transport = 'tls'\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'"
HOP = "sip:192.0.2.1"
FOREIGN = "[[presence.foreign]]\nname = 'cm'"
USERS = "users = [{ local = '*@a.b', foreign = 'sip:*@c.d' }]"


def listener(*lines: str) -> str:
    return "\n".join(("[[sip.listeners]]", *lines))


def test_sip_is_off_until_somebody_says_where() -> None:
    config = Config()
    assert config.sip.listeners == ()
    assert config.presence.without_rule == "confirm"


def test_a_listener_is_on_loopback_and_asks_for_passwords() -> None:
    (found,) = parse(listener()).sip.listeners
    assert found == SipListener("udp", "127.0.0.1", 5060, "", "digest")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[sip]\ndomain = 'a'", "sip: Object contains unknown field `domain`"),
        ("[sip]\ndomains = []", "sip.domains: at least one is needed"),
        ("[sip]\ndomains = ['Example.com']", "sip.domains[0]: 'Example.com' is no domain in lower case"),
        ("[sip]\ndomains = ['a', 'a']", "sip.domains[1]: 'a' is there twice"),
        ("[sip]\ndigest_algorithms = []", "sip.digest_algorithms: Expected `array` of length >= 1"),
        (
            "[sip]\ndigest_algorithms = ['md5']",
            'sip.digest_algorithms[0]: Invalid enum value \'md5\': it is one of "MD5", "SHA-256"',
        ),
        (
            "[sip]\naliases = { 'sip.a' = 'a' }",
            "sip.aliases: 'sip.a' is to mean 'a', which is none of the domains",
        ),
        (
            "[[presence.lists]]\nuri = 'sip:l@a'\nmembers = ['sip:b@localhost']",
            "presence.lists[0].uri: 'a' is none of sip.domains",
        ),
        ("[sip]\nopen_domain = true\n" + listener("address = '192.0.2.1'"), "sip.open_domain: is for"),
        ("[sip]\nroutes = [{ domain = 'b', next_hop = 'b:5060' }]", "sip.routes[0].next_hop: has the form"),
        (
            f"[sip]\nroutes = [{{ domain = 'localhost', next_hop = '{HOP}' }}]",
            "sip.routes[0].domain: 'localhost' is served here",
        ),
        (
            "[sip]\nroutes = [" + f"{{ domain = 'b', next_hop = '{HOP}' }}," * 2 + "]",
            "sip.routes[1].domain: 'b' is there twice",
        ),
        ("[sip]\nt1 = 0.0", "sip.t1: Expected `float` > 0.0"),
        (
            "[sip]\nregistration_expires = { shortest = 9, longest = 8 }",
            "sip.registration_expires.default: must lie between",
        ),
        ("[sip.limits]\nstream_bytes = 2048", "sip.limits.header_bytes: is more than stream_bytes"),
        ("[sip.limits]\ndatagram_bytes = 65536", "sip.limits.datagram_bytes: Expected `int` <= 65535"),
        (listener("transport = 'sctp'"), "sip.listeners[0].transport: Invalid enum value 'sctp'"),
        (listener("address = ''"), "sip.listeners[0].address: an IP address"),
        (listener("address = 'localhost'"), "sip.listeners[0].address: an IP address"),
        (listener("port = 65536"), "sip.listeners[0].port: Expected `int` <= 65535"),
        (listener("advertise = 'a:0'"), "sip.listeners[0].advertise: has the form host or host:port"),
        (listener("advertise = 'a b'"), "sip.listeners[0].advertise: has the form host or host:port"),
        (listener("trusted = ['10.0.0.1/8']"), "sip.listeners[0].trusted: 10.0.0.1/8 has host bits set"),
        (listener("transport = 'tls'"), 'sip.listeners[0].transport: "tls" needs tls_certificate'),
        (listener("tls_key = 'k.pem'"), 'sip.listeners[0].transport: certificates are for "tls"'),
        (listener(TLS, "authentication = 'certificate'"), 'sip.listeners[0].authentication: "certificate"'),
        (listener(TLS, "tls_client_ca = 'a.pem'"), 'sip.listeners[0].authentication: "certificate" needs'),
        (
            listener("authentication = 'none'", "address = '192.0.2.1'"),
            'sip.listeners[0].authentication: "none" on an address that is not loopback',
        ),
        (listener() + "\n" + listener(), "sip.listeners[1].port: another listener has it"),
        (
            listener("transport = 'tcp'") + "\n" + listener(TLS),
            "sip.listeners[1].port: another listener has it",
        ),
        ("[presence]\nwithout_rule = 'some'", "presence.without_rule: Invalid enum value 'some'"),
        ("[presence]\nlist_seconds = -1.0", "presence.list_seconds: Expected `float` >= 0.0"),
        (
            "[presence]\nsubscription_expires = { longest = 60 }",
            "presence.subscription_expires.default: must lie between",
        ),
        (
            "[presence]\npublication_expires = { shortest = 3601 }",
            "presence.publication_expires.default: must lie between",
        ),
        ("[presence.priorities]\nphone = -1", "presence.priorities[...]: Expected `int` >= 0"),
        (
            "[[presence.lists]]\nuri = 'support'\nmembers = []",
            "presence.lists[0].uri: Expected",
        ),
        (
            "[[presence.lists]]\nuri = 'sip:a@b'\nmembers = []\n" * 2,
            "presence.lists[1].uri: ",
        ),
        (
            "[presence.limits]\nlist_members = 1\n[[presence.lists]]\nuri = 'sip:a@b'\nmembers = ['c', 'd']",
            "presence.lists[0].members: more than limits.list_members",
        ),
        (f"{FOREIGN}\nservers = []\n{USERS}", "presence.foreign[0].servers: at least one is needed"),
        (f"{FOREIGN}\nservers = ['cm']\n{USERS}", "presence.foreign[0].servers[0]: has the form"),
        (f"{FOREIGN}\nservers = ['{HOP}']\nusers = []", "presence.foreign[0].users: at least one is needed"),
        (
            f"{FOREIGN}\nservers = ['{HOP}']\n{USERS}\nuser = 'me'",
            "presence.foreign[0].user: needs password_file",
        ),
        (f"{FOREIGN}\nservers = ['{HOP}']\n{USERS}\n" * 2, "presence.foreign[1].name: 'cm' is there twice"),
        *(
            (
                f"{FOREIGN}\nservers = ['{HOP}']\nusers = [{{ local = '{local}', foreign = '{foreign}' }}]",
                "presence.foreign[0].users[0]: one * at most",
            )
            for local, foreign in (
                ("*@*", "sip:*@c.d"),
                ("*@a.b", "sip:*@*"),
                ("a@a.b", "sip:*@c.d"),
            )
        ),
        ("[presence.bridge]\ntarget = 'there'", 'presence.bridge.target: is "internal", "off" or has'),
        ("[presence.bridge]\nuser = 'me'\npassword_file = 'f'", "presence.bridge.user: nobody asks for it"),
        (
            f"[presence.bridge]\ntarget = '{HOP}'\nuser = 'me'",
            "presence.bridge.user: needs password_file as well",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(text, "my.toml")
    assert str(wrong.value).startswith(f"my.toml: {why}")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    "text",
    [
        listener() + "\n" + listener("transport = 'tcp'") + "\n" + listener(TLS, "port = 5061"),
        "\n".join(listener("port = 0") for _ in range(2)),
        listener(TLS, "authentication = 'certificate'", "tls_client_ca = 'ca.pem'"),
        "[sip]\nopen_domain = true\n" + listener("authentication = 'none'", "address = '::1'"),
        listener("address = '0.0.0.0'", "advertise = 'sip.example.com:5070'", "trusted = ['10.0.0.0/8']"),
        listener("address = '::'", "authentication = 'none'", "open_to_everybody = true"),
        f"[sip]\nroutes = [{{ domain = '*', next_hop = '{HOP}:5061;transport=tls' }}]",
        f"{FOREIGN}\nservers = ['{HOP}', 'sip:[2001:db8::1]:5060;transport=tcp']\n{USERS}",
        "[presence.bridge]\ntarget = 'sip:192.0.2.9:5060'\nuser = 'me'\npassword_file = 'f'",
    ],
)
def test_what_belongs_together_can_be_used(text: str) -> None:
    assert parse(text) != Config()


def test_some_priorities_leave_the_others_as_they_are() -> None:
    presence = parse("[presence.priorities]\nphone = 950\nMessenger = 600").presence
    assert presence.source("phone") == ("phone", 950)
    assert presence.source("publication") == ("publication", PRIORITIES["publication"])
    assert presence.source("publication", "Messenger") == ("Messenger", 600)


def test_a_source_is_what_the_document_says_else_what_its_sender_is_else_its_kind() -> None:
    presence = Presence(
        priorities={"softphone": 650},
        user_agents={"Cisco-CUCM*": "phone", "*phone/*": "softphone", "*": "publication"},
    )
    assert presence.source("publication", "softphone", "Cisco-CUCM7.0") == ("softphone", 650)
    assert presence.source("foreign", "", "cisco-cucm7.0") == ("phone", PRIORITIES["foreign"])
    assert presence.source("publication", "", "Anyphone/1.0") == ("softphone", 650)
    assert presence.source("publication", "", "other") == ("publication", 500)
    assert presence.source("publication", "nobody knows it") == ("nobody knows it", 500)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("sip:192.0.2.1", True),
        ("sip:pbx.example.com:5060;transport=TCP", True),
        ("SIPS:[2001:db8::1]:5061;transport=tls", True),
        ("sip:192.0.2.1:0", False),
        ("sip:192.0.2.1:65536", False),
        ("sip:192.0.2.1;transport=sctp", False),
        ("sip:user@192.0.2.1", False),
        ("192.0.2.1:5060", False),
        ("sip:2001:db8::1", False),
        ("sip:192.0.2.1\n", False),
    ],
)
def test_a_next_hop_is_a_host_with_a_transport(text: str, is_one: bool) -> None:
    assert is_hop(text) is is_one


@given(some.text(max_size=20), some.text(max_size=20))
def test_a_star_stands_for_anything_and_nothing_else_does(before: str, between: str) -> None:
    before = before.replace("*", "")
    found = wildcard(f"{before}*]").fullmatch(f"{before}{between}]")
    assert found is not None
    assert found[1] == between
    assert wildcard(before).fullmatch(f"{before}.") is None


def test_every_default_can_be_written_and_read_again() -> None:
    assert msgspec.convert(msgspec.to_builtins(Config()), Config) == Config()


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        ("sip.listeners", SipListener),
        ("sip.routes", Route),
        ("presence.lists", PresenceList),
        ("presence.foreign", Foreign),
    ],
)
def test_the_blocks_that_are_only_shown_name_every_setting(block: str, kind: type[msgspec.Struct]) -> None:
    lines = (Path(__file__).parents[2] / "etc" / "ctigw.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"#   [[{block}]]") + 1
    shown = itertools.takewhile(lambda line: line.startswith("#   "), lines[start:])
    named = [found[1] for line in shown if (found := re.match(r"#   (\w+) = ", line))]
    assert named == list(kind.__struct_fields__)
