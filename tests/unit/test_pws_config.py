"""The section [presence_web], and what is made of it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from ctigw.app import check
from ctigw.config import Config, ConfigError, parse
from ctigw.config.presence_web import PresenceWeb
from ctigw.soap.pws.callbacks import Settings as CallbackSettings
from ctigw.soap.pws.service import Settings

SERVED = "[[web.listeners]]\nserves = ['presence']\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "callback_networks = ['10.0.0.1/8']",
            "presence_web.callback_networks: 10.0.0.1/8 has host bits set",
        ),
        (
            "callback_networks = ['everywhere']",
            "presence_web.callback_networks: 'everywhere' does not appear",
        ),
        ("repeated_login = 'maybe'", "presence_web.repeated_login: Invalid enum value 'maybe'"),
        ("fault_status = '200'", "presence_web.fault_status: Invalid enum value '200'"),
        ("callback_seconds = 0.0", "presence_web.callback_seconds: Expected `float` > 0.0"),
        ("callback_tries = 0", "presence_web.callback_tries: Expected `int` >= 1"),
        ("port = 8082", "presence_web: Object contains unknown field `port`"),
        ("limits = { contacts_per_subscription = 5001 }", "presence_web.limits.contacts_per_subscription: "),
        ("limits = { requests_per_second = 0 }", "presence_web.limits.requests_per_second: Expected"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        parse(f"[presence_web]\n{text}", "my.toml")
    assert str(wrong.value).startswith(f"my.toml: {why}")


def test_presence_is_served_where_there_is_any() -> None:
    with pytest.raises(ConfigError, match=r'web\.listeners\[0\]\.serves: "presence" needs sip\.listeners'):
        parse(SERVED)
    assert parse(f"{SERVED}[[sip.listeners]]\n").web.listeners


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    text = f"{SERVED}[[sip.listeners]]\n[presence_web]\ncallback_ca = '{file}'\n"
    with pytest.raises(ConfigError, match=rf"^presence_web\.callback_ca: {file}: not what it should be"):
        check(parse(text))
    file.unlink()
    with pytest.raises(ConfigError, match=r"No such file"):
        check(parse(text))


def test_the_defaults_are_the_same_everywhere() -> None:
    """What the service has by itself, for its tests, is what the configuration says."""
    settings, limits = PresenceWeb(), PresenceWeb().limits
    assert Settings() == Settings(
        endpoints=limits.endpoints,
        endpoints_per_application=limits.endpoints_per_application,
        subscriptions=limits.subscriptions,
        subscriptions_per_user=limits.subscriptions_per_user,
        contacts_per_subscription=limits.contacts_per_subscription,
        requests_per_second=limits.requests_per_second,
        document_bytes=Config().presence.limits.document_bytes,
        keep_presence=settings.keep_presence,
    )
    assert CallbackSettings() == CallbackSettings(
        tries=settings.callback_tries,
        wait=settings.callback_wait,
        per_endpoint=limits.callbacks_per_endpoint,
        at_once=limits.callbacks_at_once,
    )


def test_the_contract_is_in_the_package() -> None:
    folder = files("ctigw.soap") / "wsdl" / "pws"
    assert {each.name for each in folder.iterdir()} == {"presence.wsdl", "presence.xsd"}
