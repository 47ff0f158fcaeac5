"""The section [uccn]: what may be said, what is refused, and that it is what is served."""

from __future__ import annotations

import pytest

from ctigw.config import ConfigError, parse
from ctigw.config.uccn import TAKEN, Uccn
from ctigw.simple.uccn_package import TYPES
from ctigw.uccn.documents import NAMESPACE, OTHER_NAMESPACE
from tests.presence import Bench


def test_nothing_set_is_the_default() -> None:
    assert parse("").uccn == Uccn("uccn", (), "urn:cisco:epas:uccn", "application/xml", 1000, 1 << 20)


@pytest.mark.parametrize(
    ("key", "values"),
    [("namespace", (NAMESPACE, OTHER_NAMESPACE)), ("content_type", TYPES)],
)
def test_whatever_can_be_sent_can_be_set(key: str, values: tuple[str, ...]) -> None:
    for value in values:
        assert getattr(parse(f'[uccn]\n{key} = "{value}"').uccn, key) == value


@pytest.mark.parametrize("name", ["uccn", "UC-Config", "config.change", "a!%*_+`~'", "x" * 100])
def test_an_event_package_may_have_any_name_that_sip_can_say(name: str) -> None:
    assert parse(f'[uccn]\nevent = "{name}"').uccn.event == name
    assert parse(f'[uccn]\nevent = "other"\naliases = ["{name}"]').uccn.aliases == (name,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[uccn]\nevents = 'uccn'", "uccn: Object contains unknown field `events`"),
        ("[uccn]\nevent = ''", "uccn.event: '' is no token"),
        ("[uccn]\nevent = 'uc config'", "uccn.event: 'uc config' is no token"),
        ("[uccn]\nevent = 'uccn;id=1'", "uccn.event: 'uccn;id=1' is no token"),
        ("[uccn]\nevent = 'änderung'", "uccn.event: 'änderung' is no token"),
        (f"[uccn]\nevent = '{'x' * 101}'", f"uccn.event: '{'x' * 100}' is no token"),
        ("[uccn]\nevent = 'presence'", "uccn.event: 'presence' is another event package"),
        ("[uccn]\naliases = ['a', 'Dialog']", "uccn.aliases[1]: 'Dialog' is another event package"),
        ("[uccn]\naliases = ['presence.winfo']", "uccn.aliases[0]: 'presence.winfo' is another"),
        ("[uccn]\naliases = ['UCCN']", "uccn.aliases[0]: 'UCCN' is there twice"),
        ("[uccn]\naliases = ['a', 'a']", "uccn.aliases[1]: 'a' is there twice"),
        ("[uccn]\nnamespace = 'urn:x'", "uccn.namespace: Invalid enum value 'urn:x': it is one of "),
        ("[uccn]\ncontent_type = 'text/plain'", "uccn.content_type: Invalid enum value"),
        ("[uccn]\nqueue = 0", "uccn.queue: Expected `int` >= 1"),
        ("[uccn]\nqueue_bytes = 1023", "uccn.queue_bytes: Expected `int` >= 1024"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_key(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(text, "my.toml")
    assert str(wrong.value).startswith(f"my.toml: {why}")
    assert "\n" not in str(wrong.value)


def test_the_names_that_are_taken_are_those_of_the_other_packages() -> None:
    assert {*Bench().side.packages, "dialog"} == {"uccn", *TAKEN}  # dialog comes with a switch
