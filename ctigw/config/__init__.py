"""The configuration: one TOML file, every setting with its default and the reason for it.

Unknown keys are refused with their path.  ``etc/ctigw.toml`` shows every setting at its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from ctigw.config import presence as presence_section
from ctigw.config import presence_web as presence_web_section
from ctigw.config import sip as sip_section
from ctigw.config import uccn as uccn_section
from ctigw.config import web as web_section
from ctigw.config.axl import Axl
from ctigw.config.presence import Presence
from ctigw.config.presence_web import PresenceWeb
from ctigw.config.sip import Sip
from ctigw.config.uccn import Uccn
from ctigw.config.values import LAST_PORT, Positive, Seconds, is_loopback_host, network_faults
from ctigw.config.web import Web
from ctigw.patterns import matcher

__all__ = ["LAST_PORT", "Config", "ConfigError", "Limits", "Listener", "Log", "load", "parse", "with_key"]


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the file and the key."""


class Listener(Struct, frozen=True, forbid_unknown_fields=True):
    """One place where CSTA clients connect."""

    # A Twisted endpoint description; TLS is a matter of `tls_certificate` and `tls_key`, not of "ssl:", which
    # would not close the connections that are refused.
    # 4721 is where plain CSTA over TCP is usually found; loopback, because nobody has to log in.
    endpoint: str = "tcp:4721:interface=127.0.0.1"
    # "none": whoever can connect is served.  "address": whoever connects from `networks` is.
    # "session": whoever says who it is with StartApplicationSession.  "certificate": whoever has a TLS client
    # certificate of `tls_client_ca`, whose common name is that of an application.
    authentication: Literal["none", "address", "session", "certificate"] = "none"
    # The entry of `application` whose rights clients without a session have; empty: they may do everything.
    application: str = ""
    # PEM files: TLS on a "tcp:" endpoint, and who may say that a client's certificate is true.  Intermediate
    # certificates follow the listener's own in its file; there may be several authorities.
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    # "none" on an address that others can reach needs this said as well.
    open_to_everybody: bool = False
    networks: tuple[str, ...] = ()
    # Some clients say nothing until the gateway has sent SystemStatus; most would be puzzled by it.
    greet: bool = False
    # How devices are written in answers and events; every usual form is read.
    device_id_form: Literal["digits", "tel", "sip", "switching-function"] = "digits"
    # The host part of the form "sip".
    device_id_domain: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.\-\[\]:]{1,253}$")] = "localhost"
    # Some clients wait for ServiceInitiated before anything else of a call.
    service_initiated: bool = True
    # Judge requests by the schema as well: "log" or "reject", for those who develop clients.
    validate: Literal["off", "log", "reject"] = "off"
    # For clients that take one recv for one frame.
    one_frame_per_segment: bool = False
    # Bytes; the length field allows no more, and every client's requests are far below.
    max_frame: Annotated[int, Meta(ge=1024, le=65535)] = 65535


class Application(Struct, frozen=True, forbid_unknown_fields=True):
    """What the clients of a listener may do, or those with a certificate of this name.

    Lines are named by patterns: ``2001``, ``20*``, ``2001-2005``, ``*``.
    """

    name: Annotated[str, Meta(min_length=1)]
    monitor: tuple[str, ...] = ()
    control: tuple[str, ...] = ()


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on what clients may take."""

    # On each listener.  Ten thousand idle clients cost some 25 MB.
    connections: Positive = 10_000
    # A client that must say who it is and has not after so many seconds is closed; 0: never.  Programs do it
    # at once, and who never does must not hold the places of those who do.
    login_seconds: Annotated[float, Meta(ge=0)] = 30.0
    # Enough for a client that watches every line of a large site.
    monitors_per_session: Positive = 100_000
    # As many applications as may share a line before one of them must be leaking monitors.
    monitors_per_device: Positive = 1_000
    # Nobody needs to be told the same thing more often.
    registrations_per_session: Positive = 16
    # Requests of one connection that wait for the PBX; clients wait for answers long before.
    requests_in_hand: Positive = 1_000
    # Requests of one connection in a second: far more than phones make, less than what would starve others.
    requests_per_second: Positive = 10_000
    # Bytes waiting for a client that does not read; beyond them its events are dropped, and it is told later.
    send_queue: Positive = 4 * 1024 * 1024
    # A client that has read nothing for so long after that is closed: it is more likely dead than slow.
    send_queue_seconds: Seconds = 60.0
    # Seconds that an application session lasts unless it is reset: what clients ask for, within these.
    # Some ask for a minute and never reset; they may need a longer shortest.
    session_shortest: Positive = 60
    session_longest: Positive = 86_400
    # A command without an answer from the PBX for so long is answered resourceBusy (clients wait 5 to 10 s).
    command_seconds: Seconds = 5.0


class DriverSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which PBX, and how it is reached."""

    # A module with a function driver(settings, clock, memory); found by name, so that it may be anybody's.
    module: str = "simulators.driver"
    # What that function understands.
    settings: dict[str, Any] = field(default_factory=dict)


class Store(Struct, frozen=True, forbid_unknown_fields=True):
    """Where settings are kept."""

    # An SQLAlchemy URL; empty: the file ctigw.sqlite in the data directory.
    url: str = ""
    # Days that the call log and the audit go back: some places may not keep them longer.
    log_days: Positive = 90


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said on standard error, and in files."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"
    figures_seconds: Annotated[float, Meta(ge=0)] = 60.0
    # The folder of the files, which can be fetched over SOAP; empty: there are none, since standard error is
    # usually kept by whoever started the gateway.
    folder: str = ""
    # Bytes of a file; then the next one is begun.  One of this size is fetched within a second, and read at
    # once into memory: no more than 64 MiB.
    file_bytes: Annotated[int, Meta(ge=4096, le=64 * 1024 * 1024)] = 10 * 1024 * 1024
    # As many are kept beside the one that is written to: at the default size 100 MiB in all.
    files: Annotated[int, Meta(ge=1, le=1000)] = 9


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    listeners: tuple[Listener, ...] = (Listener(),)
    # Clients that say who they are have the rights of the directory (`ctigw app`, `ctigw user`) instead.
    application: tuple[Application, ...] = ()
    limits: Limits = Limits()
    driver: DriverSettings = field(default_factory=DriverSettings)
    store: Store = Store()
    log: Log = Log()
    sip: Sip = Sip()
    presence: Presence = field(default_factory=Presence)
    uccn: Uccn = Uccn()
    web: Web = Web()
    presence_web: PresenceWeb = PresenceWeb()
    axl: Axl = Axl()


def load(path: Path) -> Config:
    """The configuration in ``path``.  Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return parse(text, str(path))


def parse(text: str, name: str = "configuration") -> Config:
    """The configuration written in ``text``, which errors call ``name``.  Raises `ConfigError`."""
    try:
        config = msgspec.toml.decode(text, type=Config)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name}: {with_key(_with_choice(str(error)))}") from None
    for fault in _faults(config):
        raise ConfigError(f"{name}: {fault}")
    return config


def _faults(config: Config) -> Iterator[str]:
    """What makes no sense although each value by itself does: the key, and why."""
    if not config.listeners:
        yield "listeners: at least one is needed"
    if config.limits.session_shortest > config.limits.session_longest:
        yield "limits.session_shortest: is longer than session_longest"
    names = [application.name for application in config.application]
    for index, application in enumerate(config.application):
        if application.name in names[:index]:
            yield f"application[{index}].name: {application.name!r} is there twice"
        try:
            matcher((*application.monitor, *application.control))
        except ValueError as error:
            yield f"application[{index}]: {error}"
    endpoints = [listener.endpoint for listener in config.listeners]
    for index, listener in enumerate(config.listeners):
        for why in (*_unsafe(listener), *_unusable(listener, set(names))):
            yield f"listeners[{index}].{why}"
        if listener.endpoint in endpoints[:index] and _port(listener) != 0:
            yield f"listeners[{index}].endpoint: another listener has it"
    yield from (f"sip.{fault}" for fault in sip_section.faults(config.sip))
    yield from (f"presence.{fault}" for fault in presence_section.faults(config.presence))
    yield from (f"uccn.{fault}" for fault in uccn_section.faults(config.uccn))
    yield from (f"web.{fault}" for fault in web_section.faults(config.web))
    yield from (f"presence_web.{fault}" for fault in presence_web_section.faults(config.presence_web))
    yield from _list_faults(config)
    yield from _without_presence(config)


def _without_presence(config: Config) -> Iterator[str]:
    for index, listener in enumerate(config.web.listeners):
        if "presence" in listener.serves and not config.sip.listeners:
            yield f'web.listeners[{index}].serves: "presence" needs sip.listeners, whose presence it shows'


def _list_faults(config: Config) -> Iterator[str]:
    here = {*config.sip.domains, *config.sip.aliases}
    for index, each in enumerate(config.presence.lists):
        domain = each.uri.rpartition("@")[2].lower()
        if domain not in here:
            yield f"presence.lists[{index}].uri: {domain!r} is none of sip.domains, so nobody would ask here"


def _with_choice(message: str) -> str:
    """msgspec's "Invalid enum value" with the values that there are."""
    found = re.fullmatch(r"(Invalid enum value .*?)( - at `\$\.?(.*)`)", message)
    if found is None:
        return message
    kind: Any = msgspec.inspect.type_info(Config)
    for part in re.findall(r"\[[^]]*\]|\w+", found[3]):
        if part.startswith("["):
            kind = getattr(kind, "item_type", None) or getattr(kind, "value_type", None)
        else:
            kind = next((each.type for each in getattr(kind, "fields", ()) if each.encode_name == part), None)
    choice = ", ".join(f'"{value}"' for value in getattr(kind, "values", ()))
    return f"{found[1]}: it is one of {choice}{found[2]}" if choice else message


def with_key(message: str, under: str = "") -> str:
    """msgspec's "… - at `$.limits.connections`" with the key in front, below the key ``under``."""
    found = re.fullmatch(r"(.*) - at `\$\.?(.*)`", message)
    why, key = (found[1], found[2]) if found else (message, "")
    return ": ".join(part for part in (".".join(filter(None, (under, key))), why) if part)


def _unsafe(listener: Listener) -> Iterator[str]:
    """Why a listener may not be opened as it is set."""
    for why in network_faults(listener.networks):
        yield f"networks: {why}"
    if listener.networks and listener.authentication != "address":
        yield 'networks: nobody looks at them; authentication = "address" does'
    if listener.authentication == "address" and not listener.networks:
        yield 'networks: authentication = "address" needs at least one'
    if listener.authentication == "address" and _is_unix(listener):
        yield 'authentication: "address" cannot be told on a Unix socket, whose clients have none'
    if listener.authentication == "none" and not listener.open_to_everybody and not _is_loopback(listener):
        yield (
            'authentication: "none" on an address that is not loopback lets anybody control every line; '
            "say open_to_everybody = true if that is meant"
        )


def _unusable(listener: Listener, applications: set[str]) -> Iterator[str]:
    """What a listener lacks of what its other settings need."""
    if listener.application and listener.application not in applications:
        yield f"application: no [[application]] is called {listener.application!r}"
    if listener.endpoint.startswith("ssl:"):
        yield 'endpoint: for TLS, set tls_certificate and tls_key on a "tcp:" endpoint instead of "ssl:"'
    if (_port(listener) or 0) > LAST_PORT:
        yield f"endpoint: the port must be a number from 0 to {LAST_PORT}"
    tls = (listener.tls_certificate, listener.tls_key)
    if any(tls) and not all(tls):
        yield "tls_certificate: needs tls_key as well, and the other way round"
    if any(tls) and not listener.endpoint.startswith("tcp"):
        yield 'tls_certificate: needs a "tcp:" endpoint'
    if bool(listener.tls_client_ca) != (listener.authentication == "certificate") or (
        listener.tls_client_ca and not all(tls)
    ):
        yield (
            'authentication: "certificate" needs tls_certificate, tls_key and tls_client_ca, and only it does'
        )


def _port(listener: Listener) -> int | None:
    found = re.match(r"tcp6?:(?:port=)?([0-9]{1,20})(?::|$)", listener.endpoint)
    return int(found[1]) if found else None


def _is_unix(listener: Listener) -> bool:
    return re.match(r"unix:|systemd:.*domain=UNIX\b", listener.endpoint) is not None


def _is_loopback(listener: Listener) -> bool:
    if listener.endpoint.startswith("unix:"):
        return True
    interface = re.search(r":interface=((?:\\.|[^:\\])*)", listener.endpoint)
    if interface is None:
        return False
    return is_loopback_host(interface[1].replace("\\", ""))
