"""The Presence Web Service: what it is given, and where its callbacks go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from ctigw.app.sip import SipSide
from ctigw.config import Config, ConfigError
from ctigw.directory.credentials import vouching
from ctigw.means import Means
from ctigw.net import tls
from ctigw.net.background import spawn
from ctigw.net.web_client import WebClient
from ctigw.soap.given import Run, Who
from ctigw.soap.http import Handler
from ctigw.soap.pws import callbacks, routes
from ctigw.soap.pws.callbacks import Callbacks
from ctigw.soap.pws.logging_in import People
from ctigw.soap.pws.service import Service, Settings, Surroundings
from ctigw.soap.pws.urls import Allowed
from ctigw.soap.sessions import Sessions


@dataclass(slots=True)
class PresenceWebSide:
    """Everything behind the listeners that serve it."""

    service: Service
    client: WebClient
    routes: Mapping[str, Handler]

    def close(self) -> None:
        """Call nobody back any more."""
        self.service.close()
        self.client.close()


def presence_web(
    config: Config,
    reactor: Any,
    sip: SipSide,
    sessions: Sessions,
    who: Who,
    run: Run,
    means: Means,
    *,
    wake: Callable[[], object],
    counters: Counter[str],
) -> PresenceWebSide:
    """The service, with the presence of ``sip``, which ``wake`` has settled; ``reactor`` is for callbacks.

    Raises `ConfigError`.
    """
    settings, limits = config.presence_web, config.presence_web.limits
    allowed = Allowed(settings.callback_networks)
    client = WebClient(reactor, allowed, trust(config), seconds=settings.callback_seconds)
    service = Service(
        Surroundings(
            presence=sip.presence,
            sessions=sessions,
            people=People(who=who, vouching=lambda application, name: run(vouching, application, name)),
            means=means,
            exists=sip.accounts.exists,
            wake=wake,
            promise=Deferred,
            spawn=spawn,
            callbacks=Callbacks(client.fetch, spawn, means, _callback_settings(config), counters),
            allowed=allowed,
        ),
        Settings(
            endpoints=limits.endpoints,
            endpoints_per_application=limits.endpoints_per_application,
            subscriptions=limits.subscriptions,
            subscriptions_per_user=limits.subscriptions_per_user,
            contacts_per_subscription=limits.contacts_per_subscription,
            requests_per_second=limits.requests_per_second,
            document_bytes=config.presence.limits.document_bytes,
            keep_presence=settings.keep_presence,
        ),
    )
    sessions.ended = service.ended
    sip.accounts.changed.append(service.changed)
    served = routes(service, fault_status=settings.fault_status, repeated_login=settings.repeated_login)
    return PresenceWebSide(service, client, served)


def trust(config: Config) -> Any:
    """Whom to believe that an endpoint is who it says.  Raises `ConfigError`."""
    try:
        return tls.trusted(config.presence_web.callback_ca)
    except tls.TlsError as error:
        raise ConfigError(f"presence_web.callback_ca: {error}") from None


def _callback_settings(config: Config) -> callbacks.Settings:
    settings, limits = config.presence_web, config.presence_web.limits
    return callbacks.Settings(
        tries=settings.callback_tries,
        wait=settings.callback_wait,
        per_endpoint=limits.callbacks_per_endpoint,
        at_once=limits.callbacks_at_once,
    )
