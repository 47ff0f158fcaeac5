"""All checks of a configuration, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ctigw.checks import csta, machine, sip, web
from ctigw.checks.csta import Login
from ctigw.checks.database import About, check_database
from ctigw.checks.places import Places
from ctigw.checks.running import Check, Skipped
from ctigw.config import Config
from ctigw.findings import Category
from ctigw.values import named


@named
class Known:
    """What the checks work with.

    ``look`` asks the database.  ``inside``: what only the gateway can look at; ``presence``: its engine,
    where it can be looked at, else None.
    """

    config: Config
    data: Path
    places: Places
    look: Callable[[], Awaitable[About]]
    login: Login = Login()
    inside: tuple[Check, ...] = ()
    presence: Check | None = None


def checks(known: Known, reactor: Any) -> list[Check]:
    """The table."""
    return [
        Check(Category.DATABASE, "database", partial(check_database, known.look)),
        *known.inside,
        *_csta(known, reactor),
        *_sip(known, reactor),
        *_web(known, reactor),
        Check(Category.IPPM, "IP phone messenger", partial(_skip, "it is no part of this gateway")),
        *_machine(known),
    ]


def _csta(known: Known, reactor: Any) -> Iterator[Check]:
    for listener, at in known.places.csta:
        run = partial(csta.check_listener, reactor, listener, at, known.login)
        yield Check(Category.CTI, f"CSTA {at or listener.endpoint}", run)


def _sip(known: Known, reactor: Any) -> Iterator[Check]:
    places, settings = list(known.places.sip), known.config.sip
    domain = settings.domains[0]
    if not places:
        off = partial(_skip, "SIP is off: [sip] has no listeners")
        yield Check(Category.PROXY, "SIP proxy", off)
        yield Check(Category.PRESENCE, "presence engine", off)
        return
    for listener, at in places:
        name = f"{listener.transport}:{at or listener.address}"
        yield Check(Category.PROXY, f"SIP {name}", partial(sip.check_listener, reactor, listener, at, domain))
    # Through one of them: the proxy behind all of them is the same.
    plain = next((each for each in places if each[0].authentication != "certificate"), places[0])
    yield Check(Category.PROXY, "SIP proxy", partial(sip.check_proxy, reactor, *plain, domain))
    yield known.presence or Check(Category.PRESENCE, "presence engine", partial(_presence, known, reactor))


async def _presence(known: Known, reactor: Any) -> str:
    try:
        somebody = (await known.look()).somebody
    except Exception:  # noqa: BLE001 - which is told by the check of the database
        raise Skipped("the database does not say of whom there is presence") from None
    places = list(known.places.sip)
    return await sip.check_presence(reactor, known.config.sip, places, somebody, known.login)


def _web(known: Known, reactor: Any) -> Iterator[Check]:
    served = [(listener, at, what) for listener, at in known.places.web for what in listener.serves]
    if not any(what == "axl" for _, _, what in served):
        why = "it is off: none of [web] listeners serves it" if served else "the web interfaces are off"
        yield Check(Category.AXL, "AXL", partial(_skip, why))
    for listener, at, what in served:
        scheme = "https" if listener.tls_certificate else "http"
        category = Category.AXL if what == "axl" else Category.WEB
        name = f"{what} {scheme}://{at or listener.address}"
        if what == "presence" and not known.config.sip.listeners:
            yield Check(category, name, partial(_skip, "it is about what is said by SIP, which is off"))
        else:
            yield Check(category, name, partial(web.check_interface, reactor, listener, at, what))


def _machine(known: Known) -> Iterator[Check]:
    logs = known.config.log.folder
    for folder in (known.data, *([Path(logs)] if logs else [])):
        yield Check(Category.SYSTEM, f"disk of {folder}", partial(_at_once, machine.disk, folder))
    for file in machine.files(known.config):
        yield Check(Category.SYSTEM, f"certificate {file}", partial(_at_once, machine.certificate, file))


async def _at_once(look: Callable[[Any], str], at: Any) -> str:
    return look(at)


async def _skip(why: str) -> str:
    raise Skipped(why)
