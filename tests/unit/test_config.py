from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from ctigw.app import BACKLOG, _endpoint
from ctigw.config import Config, ConfigError, Listener, load, parse

TLS = "tls_certificate = 'c.pem'\ntls_key = 'k.pem'"
ADDRESS = "authentication = 'address'\nnetworks = ['192.0.2.0/24', '::1']"
CLIENT_CA = "tls_client_ca = 'ca.pem'"


def test_nothing_set_is_the_default() -> None:
    assert parse("") == Config()


def test_what_is_set_is_set() -> None:
    config = parse(
        """
        [[listeners]]
        endpoint = "tcp:1:interface=127.0.0.1"
        greet = true
        [[listeners]]
        endpoint = "unix:/run/ctigw"
        [driver]
        module = "office"
        [driver.settings]
        anything = [1, 2]
        """
    )
    assert [listener.endpoint for listener in config.listeners] == [
        "tcp:1:interface=127.0.0.1",
        "unix:/run/ctigw",
    ]
    assert config.listeners[0].greet
    assert config.driver.settings == {"anything": [1, 2]}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("listener = 1", "Object contains unknown field `listener`"),
        ("[limits]\nconnection = 1", "limits: Object contains unknown field `connection`"),
        ("[[listeners]]\nport = 1", "listeners[0]: Object contains unknown field `port`"),
        ("[limits]\nsend_queue = 'much'", "limits.send_queue: Expected `int`, got `str`"),
        ("[limits]\nmonitors_per_device = 0", "limits.monitors_per_device: Expected `int` >= 1"),
        ("[limits]\nlogin_seconds = -1.0", "limits.login_seconds: Expected `float` >= 0.0"),
        ("[limits]\ncommand_seconds = 0.0", "limits.command_seconds: Expected `float` > 0.0"),
        ("[[listeners]]\nmax_frame = 100", "listeners[0].max_frame: Expected `int` >= 1024"),
        ("[[listeners]]\nmax_frame = 65536", "listeners[0].max_frame: Expected `int` <= 65535"),
        ("[[listeners]]\nvalidate = 'on'", "listeners[0].validate: Invalid enum value 'on'"),
        ("[log]\nlevel = 'loud'", "log.level: Invalid enum value 'loud'"),
        ("[log]\nfile_bytes = 100", "log.file_bytes: Expected `int` >= 4096"),
        ("[log]\nfile_bytes = 100000000", "log.file_bytes: Expected `int` <= 67108864"),
        ("[log]\nfiles = 0", "log.files: Expected `int` >= 1"),
        ("listeners = []", "listeners: at least one is needed"),
        ("[[listeners]]\nauthentication = 'address'", "listeners[0].networks: "),
        (
            "[[listeners]]\nauthentication = 'address'\nnetworks = ['10.0.0.0/99']",
            "listeners[0].networks: '10.0.0.0/99' does not appear to be",
        ),
        *(
            (
                f"[[listeners]]\nendpoint = '{endpoint}'\n{ADDRESS}",
                'listeners[0].authentication: "address" cannot be told on a Unix socket',
            )
            for endpoint in ("unix:/run/ctigw", "systemd:domain=UNIX:index=0")
        ),
        ("[[listeners]]\nnetworks = ['10.0.0.1/8']", "listeners[0].networks: 10.0.0.1/8 has host bits set"),
        ("[[listeners]]\nnetworks = ['10.0.0.0/8']", "listeners[0].networks: nobody looks at them"),
        (
            "[[listeners]]\nendpoint = 'tcp:65536:interface=127.0.0.1'",
            "listeners[0].endpoint: the port must be",
        ),
        (
            "[[listeners]]\nendpoint = 'tcp6:port=70000:interface=localhost'",
            "listeners[0].endpoint: the port must",
        ),
        ("[[listeners]]\n[[listeners]]", "listeners[1].endpoint: another listener has it"),
        ("[limits]\nsession_shortest = 9\nsession_longest = 8", "limits.session_shortest: is longer than"),
        ("application = [{ name = 'a' }, { name = 'a' }]", "application[1].name: 'a' is there twice"),
        ("application = [{ name = '' }]", "application[0].name: Expected `str` of length >= 1"),
        ("application = [{ name = 'a', monitor = ['2*1'] }]", "application[0]: "),
        (
            "[[listeners]]\napplication = 'wallboard'",
            "listeners[0].application: no [[application]] is called",
        ),
        ("[[listeners]]\ntls_certificate = 'c.pem'", "listeners[0].tls_certificate: needs tls_key as well"),
        ("[[listeners]]\ntls_key = 'k.pem'", "listeners[0].tls_certificate: needs tls_key as well"),
        (
            f"[[listeners]]\nendpoint = 'unix:/run/ctigw'\n{TLS}",
            'listeners[0].tls_certificate: needs a "tcp:" endpoint',
        ),
        (
            "[[listeners]]\nendpoint = 'ssl:4722:interface=127.0.0.1:privateKey=k.pem:certKey=c.pem'",
            'listeners[0].endpoint: for TLS, set tls_certificate and tls_key on a "tcp:" endpoint',
        ),
        ("[[listeners]]\nauthentication = 'certificate'", 'listeners[0].authentication: "certificate" needs'),
        (
            f"[[listeners]]\n{TLS}\nauthentication = 'certificate'",
            'listeners[0].authentication: "certificate" needs',
        ),
        (f"[[listeners]]\n{TLS}\n{CLIENT_CA}", 'listeners[0].authentication: "certificate" needs'),
        (
            f"[[listeners]]\n{CLIENT_CA}\nauthentication = 'certificate'",
            'listeners[0].authentication: "certificate" needs',
        ),
        ("[[listeners]]\n[[listeners]]\nendpoint = 'tcp:1'", 'listeners[1].authentication: "none"'),
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
        f"[[listeners]]\n{TLS}",
        f"[[listeners]]\n{TLS}\n{CLIENT_CA}\nauthentication = 'certificate'",
        f"[[listeners]]\nendpoint = 'tcp:1'\n{TLS}\n{CLIENT_CA}\nauthentication = 'certificate'",
        "[[listeners]]\napplication = 'wallboard'\n[[application]]\nname = 'wallboard'\nmonitor = ['20*']",
        "[[listeners]]\nendpoint = 'tcp:0:interface=127.0.0.1'\n" * 2,
    ],
)
def test_what_belongs_together_can_be_used(text: str) -> None:
    assert parse(text).listeners


@pytest.mark.parametrize(
    ("endpoint", "safe"),
    [
        ("tcp:4721:interface=127.0.0.1", True),
        ("tcp:4721:interface=127.1.2.3:backlog=50", True),
        ("tcp:4721:interface=localhost", True),
        (r"tcp6:4721:interface=\:\:1", True),
        ("unix:/run/ctigw", True),
        ("tcp:4721", False),
        ("tcp:4721:interface=0.0.0.0", False),
        ("tcp:4721:interface=192.0.2.1", False),
        (r"tcp6:4721:interface=\:\:", False),
        ("tcp:4721:interface=localhost.example.com", False),
        ("tcp:4721:interface=", False),
        ("systemd:domain=INET:index=0", False),
    ],
)
def test_open_to_everybody_must_be_said(endpoint: str, safe: bool) -> None:
    text = f"[[listeners]]\nendpoint = '{endpoint}'\n"
    if safe:
        assert parse(text).listeners == (Listener(endpoint=endpoint),)
    else:
        with pytest.raises(ConfigError, match="open_to_everybody"):
            parse(text)
    assert parse(text + "open_to_everybody = true").listeners[0].open_to_everybody
    if not endpoint.startswith("unix:"):
        allowed = parse(text + ADDRESS)
        assert allowed.listeners[0].networks == ("192.0.2.0/24", "::1")


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_bytes('# Zürich\n[log]\nformat = "json"'.encode())
    assert load(file).log.format == "json"
    file.write_bytes('# Zürich\n[log]\nformat = "json"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=f"^{file}: .*utf-8"):
        load(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{tmp_path}/no.toml: No such file or directory$"):
        load(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match=f"^{tmp_path}: Is a directory$"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("endpoint", "waiting"),
    [
        ("tcp:0", BACKLOG),
        ("tcp:0:interface=127.0.0.1", BACKLOG),
        ("tcp6:0", BACKLOG),
        ("tcp:0:backlog=7", 7),
        ("tcp:0:127.0.0.1:9", 9),  # by its place
    ],
)
def test_many_can_wait_to_be_accepted(endpoint: str, waiting: int) -> None:
    made: Any = _endpoint(0, Listener(endpoint=endpoint), Clock())
    assert made._backlog == waiting
