"""The SIP half of the gateway: from its configuration to one node, joined with the switch and the
directory.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network

from msgspec import Struct
from twisted.internet.interfaces import IReactorTime

from ctigw.app.foreign import BRIDGE_KEY, elsewhere, foreign, hop, password, provisioned
from ctigw.app.uccn import notices_of, telling, uccn_packages
from ctigw.bridge.lamps import Lamps
from ctigw.bridge.source import Bridge
from ctigw.config import Config
from ctigw.config.presence import Presence as PresenceConfig
from ctigw.config.sip import Sip
from ctigw.config.values import Expires
from ctigw.directory.journal import Change
from ctigw.directory.people import Profile
from ctigw.means import Means
from ctigw.net.background import spawn
from ctigw.presence import engine
from ctigw.presence.engine import Presence
from ctigw.presence.publications import Keep as KeepPublication
from ctigw.presence.publications import forgetful
from ctigw.presence.sources import PHONE
from ctigw.rules import Rule, Visibility
from ctigw.simple import registrar, subscriptions
from ctigw.simple.accounts import Accounts
from ctigw.simple.backend import Backend
from ctigw.simple.dialog_package import DialogPackage
from ctigw.simple.headers import Expiries
from ctigw.simple.identity import Door, Guesses, Identities
from ctigw.simple.list_watch import Lists
from ctigw.simple.messaging import History, Mailbox, Messaging, no_history
from ctigw.simple.node import Node
from ctigw.simple.packages import Package
from ctigw.simple.presence_package import PresencePackage
from ctigw.simple.proxy import Proxy
from ctigw.simple.publisher import Publisher
from ctigw.simple.publishing import Publishing
from ctigw.simple.registrar import Registrar
from ctigw.simple.server import Parts, Server
from ctigw.simple.subscriptions import Subscriptions
from ctigw.simple.watcher_package import WatcherPackage
from ctigw.sip.digest import Digest, Login
from ctigw.sip.events import Settings
from ctigw.sip.hops import Local
from ctigw.sip.stack import Stack
from ctigw.sip.timers import Timers
from ctigw.sip.tokens import tokens
from ctigw.sip.uri import aor
from ctigw.switch.driver import Category
from ctigw.switch.switch import Switch


class Person(Struct, frozen=True, gc=False):
    """A profile, as those who serve SIP ask for it."""

    profile: Profile

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def rules(self) -> Sequence[Rule]:
        return self.profile.rules

    @property
    def lines(self) -> Sequence[str]:
        return self.profile.lines

    @property
    def contacts(self) -> Sequence[str]:
        """Of all groups, each once."""
        return tuple(dict.fromkeys(name for group in self.profile.groups for name in group.members))

    def ha1(self, algorithm: str) -> str | None:
        return {"MD5": self.profile.ha1_md5, "SHA-256": self.profile.ha1_sha256}.get(algorithm)


@dataclass(slots=True)
class Kept:
    """Where what is to last is kept; as it stands, nowhere."""

    publication: KeepPublication = forgetful
    binding: registrar.Keep = registrar.forgetful
    mailbox: Mailbox | None = None
    history: History = no_history


@dataclass(slots=True)
class SipSide:
    """The parts of it that others have to do with."""

    node: Node
    stack: Stack
    timers: Timers
    accounts: Accounts
    presence: Presence
    registrar: Registrar
    subscriptions: Subscriptions
    backend: Backend
    server: Server
    packages: dict[str, Package]
    counters: Counter[str]
    owners: Owners
    # Tells clients what has changed in the directory.
    changed: Callable[[Sequence[Change]], None]
    bridge: Bridge | None = None
    lamps: Lamps | None = None
    publisher: Publisher | None = None

    def put(self, profiles: Sequence[Profile]) -> None:
        """The directory knows these people, or knows them otherwise than before."""
        for profile in profiles:
            self.owners.put(profile.name, profile.lines)
        self.accounts.put(map(Person, profiles))

    def gone(self, name: str) -> None:
        """There is nobody of that name any more."""
        self.owners.put(name, ())
        self.accounts.remove(name)
        if not self.accounts.exists(name):
            self.registrar.forget(name)
            self.subscriptions.forget(name)
            self.presence.gone(name)

    def long_term(self, name: str, body: bytes | None) -> None:
        """The long-term status of somebody."""
        self.presence.contribute(name, "long-term", body, "long-term")

    def close(self) -> None:
        """Tell watchers, and the servers that we watch, that it is over."""
        if self.bridge is not None:
            self.bridge.close()
        self.subscriptions.close()
        self.backend.close()

    def figures(self) -> dict[str, int]:
        """How many there are of everything now, and what was counted since the start."""
        return {
            "subscriptions": len(self.subscriptions),
            "bindings": len(self.registrar),
            "back-end subscriptions": len(self.backend),
            **self.presence.figures(),
            **self.stack.counters,
            **self.counters,
        }


class Owners:
    """Whose each line is; ``changed`` is told the lines that are somebody else's now."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._lines: dict[str, tuple[str, ...]] = {}
        self.changed: Callable[[Iterable[str]], None] = lambda _lines: None

    def get(self, line: str) -> str | None:
        """The address of record of its owner."""
        return self._of.get(line)

    def put(self, name: str, lines: Sequence[str]) -> None:
        """These are the lines of ``name`` now."""
        before = self._lines.pop(name, ())
        if lines:
            self._lines[name] = tuple(lines)
        for line in before:
            if self._of.get(line) == name:
                del self._of[line]
        self._of.update(dict.fromkeys(lines, name))
        others = set(before) ^ set(lines)
        if others:
            self.changed(sorted(others))


def sip_side(
    config: Config,
    locals_: Sequence[Local],
    clock: IReactorTime,
    kept: Kept,
    *,
    token: Callable[[], str] | None = None,
) -> SipSide:
    """Everything behind the listeners that are known as ``locals_``; ``token`` gives random text."""
    sip, counters = config.sip, Counter[str]()
    timers = Timers(clock.seconds)
    means = Means(clock.seconds, timers.after, token or tokens(secrets.token_bytes))
    stack = Stack(timers, means.token, locals_, _stack_settings(sip))
    accounts = Accounts(
        sip.domains,
        aliases=sip.aliases,
        elsewhere=elsewhere(config.presence),
        open_domain=sip.open_domain,
    )
    presence = Presence(_engine_settings(config.presence), means, rules=accounts.rules, keep=kept.publication)
    accounts.changed.append(presence.reviewed)
    notices = notices_of(config.uccn, counters)
    packages = _packages(config.presence, presence, accounts, means)
    packages |= uccn_packages(config.uccn, notices, accounts)
    notifier = Subscriptions(stack, _subscription_settings(config.presence), packages, means, counters)
    bindings = Registrar(_registrar_settings(sip), means, keep=kept.binding)
    proxy = Proxy(stack, {route.domain.lower(): hop(route.next_hop) for route in sip.routes}, sip.domains)
    longest = config.presence.limits.document_bytes
    servers = [foreign(server, stack, means.token) for server in config.presence.foreign]
    backend = Backend(stack, presence, servers, means, counters, longest=longest)
    identities = Identities(_doors(sip), _digests(sip, clock), accounts, Guesses(clock))
    parts = Parts(
        accounts=accounts,
        identities=identities,
        registrar=bindings,
        publishing=Publishing(presence, _expiries(config.presence.publication_expires), longest=longest),
        subscriptions=notifier,
        packages=packages,
        messaging=Messaging(
            stack, proxy, accounts, bindings, means, mailbox=kept.mailbox, history=kept.history
        ),
        proxy=proxy,
        backend=backend,
    )
    server = Server(parts, locals_)
    node = Node(stack, server, presence, notifier, counters)
    identities.certified = node.certified
    node.disconnected = backend.lost
    return SipSide(
        node=node,
        stack=stack,
        timers=timers,
        accounts=accounts,
        presence=presence,
        registrar=bindings,
        subscriptions=notifier,
        backend=backend,
        server=server,
        packages=packages,
        counters=counters,
        owners=Owners(),
        changed=telling(config.uccn, notices, accounts),
    )


def _packages(
    settings: PresenceConfig, presence: Presence, accounts: Accounts, means: Means
) -> dict[str, Package]:
    """What can be subscribed to, without a switch; see `join`."""
    fixed = {aor(each.uri): map(aor, each.members) for each in settings.lists}
    lists = Lists(presence, accounts, fixed, means, seconds=settings.list_seconds)
    found: tuple[Package, ...] = (
        PresencePackage(presence, accounts, lists),
        WatcherPackage(presence, accounts),
    )
    return {package.name: package for package in found}


def join(
    side: SipSide,
    switch: Switch,
    config: Config,
    later: Callable[[Callable[[], None]], object],
    wake: Callable[[], None],
) -> None:
    """Have the lines of ``switch`` show in presence, and light lamps."""
    side.lamps = lamps = Lamps(switch, later)
    switch.observe(lamps.observers())
    package = DialogPackage(
        lamps,
        side.accounts,
        side.presence,
        has=lambda line: _is_station(switch, line),
        owner=side.owners.get,
    )
    side.packages[package.name] = package
    settings = config.presence.bridge
    if settings.target == "off":
        return
    domain = settings.domain or config.sip.domains[0]
    if settings.target == "internal":
        contribute = partial(_contribute, side.presence, wake)
    else:
        side.publisher = publisher = _publisher(config, side)
        contribute = partial(_publish, publisher, wake)
    side.bridge = bridge = Bridge(switch, side.owners.get, contribute, later, domain, spawn=spawn)
    side.owners.changed = bridge.owners_changed
    switch.observe(bridge.observers())


def _is_station(switch: Switch, number: str) -> bool:
    line = switch.picture.lines.get(number)
    return line is not None and line.category is Category.STATION


def _contribute(
    presence: Presence, wake: Callable[[], None], owner: str, line: str, body: bytes | None
) -> None:
    presence.contribute(owner, f"phone {line}", body, PHONE)
    wake()


def _publish(
    publisher: Publisher, wake: Callable[[], None], owner: str, line: str, body: bytes | None
) -> None:
    publisher.put(owner, line, body)
    wake()


def _publisher(config: Config, side: SipSide) -> Publisher:
    settings = config.presence.bridge
    target = hop(settings.target)
    token = tokens(secrets.token_bytes)
    login = None
    if settings.user:
        secret = password(settings.password_file, BRIDGE_KEY)
        login = Login(settings.user, secret, token)
    return Publisher(
        lambda request, done: side.stack.request(request, target, done),
        side.timers,
        token,
        login=login,
        expires=config.presence.publication_expires.default,
        counters=side.counters,
    )


def _expiries(expires: Expires) -> Expiries:
    return Expiries(expires.shortest, expires.longest, expires.default)


def _stack_settings(sip: Sip) -> Settings:
    limits = sip.limits
    return Settings(
        t1=sip.t1,
        max_live=limits.server_transactions,
        max_kept=limits.kept_answers,
        max_head=limits.header_bytes,
        max_body=limits.stream_bytes - limits.header_bytes,
    )


def _engine_settings(presence: PresenceConfig) -> engine.Settings:
    limits = presence.limits
    return engine.Settings(
        source=provisioned(presence),
        without_rule=Visibility(presence.without_rule),
        publications_per_presentity=limits.publications_per_presentity,
        watchers_per_presentity=limits.subscriptions_per_presentity,
        watchings_per_watcher=limits.watched_per_watcher,
    )


def _subscription_settings(presence: PresenceConfig) -> subscriptions.Settings:
    return subscriptions.Settings(
        expiries=_expiries(presence.subscription_expires),
        notify_seconds=presence.notify_seconds,
        per_watcher=presence.limits.subscriptions_per_watcher,
    )


def _registrar_settings(sip: Sip) -> registrar.Settings:
    return registrar.Settings(
        expiries=_expiries(sip.registration_expires), contacts=sip.limits.contacts_per_user
    )


def _digests(sip: Sip, clock: IReactorTime) -> dict[str, Digest]:
    secret = secrets.token_bytes(32)
    return {
        domain: Digest(domain, secret, clock.seconds, sip.nonce_seconds, algorithms=sip.digest_algorithms)
        for domain in sip.domains
    }


def _doors(sip: Sip) -> list[Door]:
    return [
        Door(
            authentication=listener.authentication,
            trusted=[ip_network(network) for network in listener.trusted],
        )
        for listener in sip.listeners
    ]
