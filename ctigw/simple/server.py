"""Every request that arrives, to whoever serves it: the order of the checks is the same for all.

Route → scheme → Require → whose domain → the method → who asks → may they → the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ctigw.simple.accounts import Accounts
from ctigw.simple.backend import Backend
from ctigw.simple.headers import option_tags
from ctigw.simple.identity import Identities, address
from ctigw.simple.messaging import Messaging
from ctigw.simple.packages import Package
from ctigw.simple.proxy import Proxy
from ctigw.simple.publishing import TYPES, Publishing
from ctigw.simple.registrar import Registrar
from ctigw.simple.subscriptions import Subscriptions
from ctigw.sip.errors import Rejected
from ctigw.sip.hops import DEFAULT_PORT, TLS_PORT, Local
from ctigw.sip.machines import Incoming
from ctigw.sip.message import Request
from ctigw.sip.uri import Uri, aor, parse_name_addr, parse_uri
from ctigw.values import named, value

SCHEMES = frozenset({"sip", "sips", "pres", "im"})
# What a client may require of us.
EXTENSIONS = frozenset({"eventlist"})


@named
class Parts:
    """Who serves what."""

    accounts: Accounts
    identities: Identities
    registrar: Registrar
    publishing: Publishing
    subscriptions: Subscriptions
    packages: Mapping[str, Package]
    messaging: Messaging
    proxy: Proxy
    backend: Backend


@value
class Method:
    """``serve`` sees who asks and whether they may; then it is for ``service``."""

    serve: Callable[[Incoming], None]
    service: type


class Server:
    """``locals_``: the addresses that are ours, beside the domains."""

    def __init__(self, parts: Parts, locals_: Sequence[Local]) -> None:
        self._parts = parts
        self._places = {(local.host, local.port) for local in locals_}
        self._ports = {0, *(local.port for local in locals_)}
        self.methods: Mapping[str, Method] = {
            "OPTIONS": Method(self._options, Server),
            "REGISTER": Method(self._register, Registrar),
            "PUBLISH": Method(self._publish, Publishing),
            "SUBSCRIBE": Method(self._subscribe, Subscriptions),
            "NOTIFY": Method(self._notify, Backend),
            "MESSAGE": Method(self._message, Messaging),
        }

    def serve(self, incoming: Incoming) -> None:
        """Answer a request, or see to it that somebody does.  Raises `Rejected`."""
        request = incoming.request
        if request.method == "ACK":
            return
        if request.lines("Route"):
            self._own_routes(request)
        uri = parse_uri(request.uri)
        if uri.scheme not in SCHEMES:
            raise Rejected(416)
        if request.values("Route") or not self._is_ours(uri):
            self._forward(incoming)
        else:
            self._here(incoming)

    def _here(self, incoming: Incoming) -> None:
        request = incoming.request
        unknown = option_tags(request, "Require") - EXTENSIONS
        if unknown:
            raise Rejected(420, headers=(("Unsupported", ", ".join(sorted(unknown))),))
        method = self.methods.get(request.method)
        if method is None:
            raise Rejected(405, headers=(("Allow", ", ".join(self.methods)),))
        method.serve(incoming)

    def _own_routes(self, request: Request) -> None:
        """Take away what only says that a request is to come by us (§16.4)."""
        routes = request.values("Route")
        while routes and self._is_us(parse_uri(parse_name_addr(routes[0]).uri)):
            del routes[0]
        request.set("Route", *routes)

    def _is_us(self, uri: Uri) -> bool:
        return self._is_place(uri) or (uri.port in self._ports and uri.host in self._parts.accounts.names)

    def _is_place(self, uri: Uri) -> bool:
        by_tls = uri.scheme == "sips" or (uri.param("transport") or "").lower() == "tls"
        default = TLS_PORT if by_tls else DEFAULT_PORT
        return (uri.host, uri.port or default) in self._places

    def _is_ours(self, uri: Uri) -> bool:
        return uri.host in self._parts.accounts.names or self._is_place(uri)

    def _forward(self, incoming: Incoming) -> None:
        """For those who are ours, or whom peers speak for that we trust: nobody else is sent on."""
        request, parts = incoming.request, self._parts
        if request.method == "INVITE":
            raise Rejected(405, headers=(("Allow", ", ".join(self.methods)),))
        unknown = option_tags(request, "Proxy-Require")
        if unknown:
            raise Rejected(420, headers=(("Unsupported", ", ".join(sorted(unknown))),))
        identity = parts.identities.of(incoming, proxy=True)
        if not (parts.accounts.exists(identity) or parts.identities.trusts(incoming)):
            raise Rejected(403, "Not For Strangers")
        parts.proxy.forward(incoming, identity)

    def _resource(self, request: Request) -> str:
        return self._parts.accounts.canonical(aor(request.uri))

    # The methods

    def _options(self, incoming: Incoming) -> None:
        """§11.2: what would be served."""
        incoming.respond(
            200,
            [
                ("Allow", ", ".join(self.methods)),
                ("Accept", ", ".join((*TYPES, "text/plain"))),
                ("Allow-Events", ", ".join(self._parts.packages)),
                ("Supported", ", ".join(sorted(EXTENSIONS))),
            ],
        )

    def _register(self, incoming: Incoming) -> None:
        identity = self._parts.identities.of(incoming)
        owner = self._parts.accounts.canonical(address(incoming.request, "To"))
        if identity != owner and not self._parts.identities.trusts(incoming):
            raise Rejected(403, "Not Your Address")
        if not self._parts.accounts.exists(owner):
            raise Rejected(404)
        self._parts.registrar.register(incoming, owner)

    def _publish(self, incoming: Incoming) -> None:
        """The resource is the Request-URI, whatever To and the document say (RFC 3903 §4)."""
        identity = self._parts.identities.of(incoming)
        resource = self._resource(incoming.request)
        if not self._parts.accounts.exists(resource):
            raise Rejected(404)
        if identity != resource:
            raise Rejected(403, "Not Your Presence")
        self._parts.publishing.publish(incoming, resource)

    def _subscribe(self, incoming: Incoming) -> None:
        request, subscriptions = incoming.request, self._parts.subscriptions
        identity = self._parts.identities.of(incoming)
        if request.to_tag:
            subscriptions.refresh(incoming, identity)
        else:
            subscriptions.initial(incoming, self._resource(request), identity)

    def _notify(self, incoming: Incoming) -> None:
        """Only from the servers that we have subscribed at."""
        self._parts.backend.notified(incoming)

    def _message(self, incoming: Incoming) -> None:
        identities, accounts = self._parts.identities, self._parts.accounts
        identity = identities.of(incoming, proxy=True)
        if accounts.canonical(address(incoming.request, "From")) != identity and not identities.trusts(
            incoming
        ):
            raise Rejected(403, "From Is Somebody Else")
        self._parts.messaging.message(incoming, identity, self._resource(incoming.request))
