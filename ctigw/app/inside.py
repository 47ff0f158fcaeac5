"""What a gateway shows of itself to those who keep watch: its parts, clients, lines, log, and live checks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from ctigw.app.counted import counters
from ctigw.app.log_reading import content, listed
from ctigw.app.sip_running import SipRunning
from ctigw.app.site import node
from ctigw.checks.csta import no_pbx
from ctigw.checks.database import About, about
from ctigw.checks.places import listening
from ctigw.checks.running import Check, Wrong, run_all
from ctigw.checks.table import Known, checks
from ctigw.config import Config
from ctigw.findings import Category, Finding
from ctigw.means import Means
from ctigw.services.session import Session, Watched
from ctigw.soap.given import Who
from ctigw.soap.serviceability.logs import LARGEST
from ctigw.soap.serviceability.seen import (
    ClientSeen,
    Counters,
    Given,
    LineSeen,
    LogFile,
    ServiceSeen,
    Standing,
)
from ctigw.soap.sessions import session_key
from ctigw.store.database import Database
from ctigw.switch.driver import Category as Kind

if TYPE_CHECKING:
    from ctigw.app import Gateway
    from ctigw.app.web import WebRunning

# Nobody is called so: what is said of them for a moment is nobody's presence.
NOBODY = "check@check.invalid"
DOCUMENT = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:check@check.invalid">\
<tuple id="check"><status><basic>open</basic></status></tuple></presence>"""
DATABASE, PBX = "ctigw database", "ctigw PBX driver"
# What serves each of the web interfaces, and how the names of its checks begin.
INTERFACES = {
    "epas": ("ctigw client configuration (EPAS)", "Web/epas "),
    "presence": ("ctigw presence web service", "Web/presence "),
    "axl": ("ctigw administration (AXL)", "AXL/"),
    "serviceability": ("ctigw serviceability", "Web/serviceability "),
}


@dataclass(slots=True)
class Inside:
    """``csta``: the addresses of the CSTA listeners."""

    config: Config
    data: Path
    database: Database
    reactor: Any
    gateway: Gateway
    csta: Sequence[Any]
    sip: SipRunning | None
    web: WebRunning
    started: float = field(default_factory=time.time)
    # Who waits for the checks that are under way, if any are.
    _waiting: list[Deferred[list[Finding]]] | None = None

    def given(self, who: Who) -> Given:
        """What the serviceability interface is given."""
        folder = Path(self.config.log.folder) if self.config.log.folder else None

        def logs() -> list[LogFile] | None:
            return None if folder is None else listed(folder)

        async def read_log(name: str) -> bytes:
            assert folder is not None
            in_thread: Any = deferToThread  # untyped in Twisted
            data: bytes = await in_thread(content, folder, name, LARGEST)
            return data

        return Given(
            who=who,
            means=Means(self.reactor.seconds, self.reactor.callLater, session_key),
            node=node(self.config),
            version=own_version(),
            started=self.started,
            counters=self.counters,
            lines=self.lines,
            clients=self.clients,
            services=self.services,
            checks=self.checks,
            logs=logs,
            read_log=read_log,
            offset=lambda: time.localtime().tm_gmtoff,
            zone=lambda: time.localtime().tm_zone,
        )

    def counters(self) -> Counters:
        """What is counted, and how much of it there is."""
        return counters(
            self.gateway.own_figures(),
            None if self.sip is None else self.sip.figures(),
            self.web.figures(),
            [(each.endpoint, each.connections) for each in self.gateway.factories],
            [
                (f"{address.host}:{address.port}", each.connections)
                for address, each in zip(self.web.addresses, self.web.factories, strict=True)
            ],
        )

    def lines(self) -> list[LineSeen]:
        """The stations of the PBX; whose they are is known where SIP is on."""
        switch, owners = self.gateway.switch, self.sip.side.owners if self.sip else None
        stations = [line for line in switch.picture.lines.values() if line.category is Kind.STATION]
        return [
            LineSeen(
                line.number,
                _standing(linked=switch.linked, in_service=line.in_service),
                (owners.get(line.number) or "") if owners else "",
            )
            for line in stations
        ]

    def clients(self) -> list[ClientSeen]:
        """The CSTA clients of all listeners."""
        return [
            _client(f"{index}.{session.number}", session)
            for index, factory in enumerate(self.gateway.factories)
            for session in factory.sessions()
        ]

    def services(self) -> list[ServiceSeen]:
        """The parts of the gateway."""
        sip = self.sip is not None
        served = {what for listener in self.config.web.listeners for what in listener.serves}
        return [
            ServiceSeen(name=DATABASE, on=True, checked=("Database/",)),
            ServiceSeen(name=PBX, on=True, checked=("CTI gateway/PBX",)),
            ServiceSeen(
                name="ctigw CTI gateway", on=True, checked=("CTI gateway/CSTA",), needs=(PBX, DATABASE)
            ),
            ServiceSeen(name="ctigw SIP proxy", on=sip, checked=("Proxy server/",), needs=(DATABASE,)),
            ServiceSeen(name="ctigw presence engine", on=sip, checked=("Presence/",), needs=(DATABASE,)),
            *(
                ServiceSeen(name=name, on=what in served, checked=(begins,), needs=(DATABASE,))
                for what, (name, begins) in INTERFACES.items()
            ),
        ]

    async def checks(self) -> list[Finding]:
        """What the live checks find.  Who asks while they run is told what they find, too."""
        mine: Deferred[list[Finding]] = Deferred()
        if self._waiting is None:
            self._waiting = [mine]
            run = run_all(checks(self._known(), self.reactor), self.reactor)
            Deferred.fromCoroutine(run).addBoth(self._found)
        else:
            self._waiting.append(mine)
        return await mine

    def _found(self, findings: Any) -> None:
        waiting, self._waiting = self._waiting or [], None
        for each in waiting:
            each.callback(findings)  # which a Failure makes an errback

    def _known(self) -> Known:
        sip = self.sip.endpoint.listening if self.sip else []
        return Known(
            config=self.config,
            data=self.data,
            places=listening(self.config, self.csta, sip, self.web.addresses),
            look=self._look,
            inside=(Check(Category.CTI, "PBX", self._check_link),),
            presence=Check(Category.PRESENCE, "presence engine", self._check_engine) if self.sip else None,
        )

    async def _look(self) -> About:
        return await self.database.run(about)

    async def _check_link(self) -> str:
        if not self.gateway.switch.linked:
            raise no_pbx()
        lines = self.lines()
        well = sum(line.standing is Standing.REGISTERED for line in lines)
        return f"is linked; {well} of {len(lines)} lines are in service"

    async def _check_engine(self) -> str:
        """Somebody who is nobody says something, which is composed and taken away again."""
        assert self.sip is not None
        presence = self.sip.side.presence
        try:
            presence.contribute(NOBODY, "check", DOCUMENT, "publication")
            said = presence.explain(NOBODY)
        finally:
            presence.contribute(NOBODY, "check", None, "publication")
        if not any(each["basic"] == "open" and each["won"] for each in said):
            raise Wrong("what is published does not come out of it", "see the log of the gateway")
        if presence.explain(NOBODY):
            raise Wrong("what is taken away stays in it", "see the log of the gateway")
        return f"composes; {presence.figures()['publications']} publications"


def own_version() -> str:
    """Of this program; "" where it was not installed."""
    try:
        return version("ctigw")
    except PackageNotFoundError:
        return ""


def _standing(*, linked: bool, in_service: bool) -> Standing:
    if not linked:
        return Standing.UNKNOWN
    return Standing.REGISTERED if in_service else Standing.UNREGISTERED


def _client(identifier: str, session: Session) -> ClientSeen:
    watching = session.watching.monitors.values() if session.watching else ()
    lines = (monitor.number for monitor in watching if monitor.watched is Watched.DEVICE)
    return ClientSeen(
        id=identifier,
        user=session.rights.name if session.rights else "",
        address=session.peer,
        since=session.since,
        controlled=tuple(dict.fromkeys(lines)),
    )
