"""The operations in SOAP: what is asked for of each element, what is done, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from ctigw.soap.pws import checks, reading
from ctigw.soap.pws.errors import Code, PwsError
from ctigw.soap.pws.requests import RegisterEndPoint, Seen, SetPresence, Subscribe, Unsubscribe
from ctigw.soap.pws.service import Service
from ctigw.soap.sessions import Session
from ctigw.xml.parsing import Element

SUCCESS = "SUCCESS"


class Operation(NamedTuple):
    """``read``: the request of its element.  ``do``: what is answered, and the documents in it."""

    read: Callable[[Element], Any]
    do: Callable[[Service, Session, Any], Awaitable[Told]]


class Told(NamedTuple):
    """The first child of the answer by name and text, or what is seen."""

    name: str
    text: str = ""
    seen: Seen | None = None


_DONE = Told("status", SUCCESS)


# What is asked for, of each element


def _nothing(_body: Element) -> None:
    """There is nothing to be read."""


def _polled(body: Element) -> Any:
    contacts = reading.contacts(body, checks.MOST_POLLED)
    if contacts is None:
        raise PwsError(Code.NO_CONTACT_LIST)
    return contacts, reading.kind(reading.text(body, "presenceType"))


def _subscribed(body: Element) -> Any:
    return reading.whole(body, "subscriptionID"), reading.kind(reading.text(body, "presenceType"))


def _set_presence(body: Element) -> SetPresence:
    info = reading.child(body, "presenceInfo")
    return SetPresence(
        kind=reading.kind(reading.text(body, "presenceType")),
        basic=reading.text(info, "basicPresence"),
        rich=reading.document(reading.child(info, "richPresence")),
        override=reading.boolean(reading.text(info, "override"), Code.OVERRIDE_PARAMETER),
        seconds=reading.whole(body, "expiration"),
    )


def _subscribe(body: Element) -> Subscribe:
    return Subscribe(
        contacts=reading.contacts(body),
        type=reading.text(body, "subscriptionType") or "",
        endpoint=reading.whole(body, "endPointID"),
        seconds=reading.whole(body, "expiration"),
        number=reading.whole(body, "subscriptionID", 0),
    )


def _unsubscribe(body: Element) -> Unsubscribe:
    asked = reading.child(body, "unsubscribeRequest")
    everybody = reading.text(asked, "unsubscribeAll")
    return Unsubscribe(
        number=reading.whole(asked, "subscriptionID"),
        contacts=reading.contacts(asked),
        all=reading.boolean(everybody, Code.NOT_XML),
    )


def _register(body: Element) -> RegisterEndPoint:
    return RegisterEndPoint(
        url=reading.text(body, "url") or "",
        number=reading.whole(body, "endPointID", 0),
        seconds=reading.whole(body, "expiration"),
    )


def _unregister(body: Element) -> int | None:
    return reading.whole(body, "endPointID")


# What is done


async def _log_out(service: Service, session: Session, _none: None) -> Told:
    service.logout(session)
    return _DONE


async def _poll(service: Service, session: Session, asked: Any) -> Told:
    return Told("", seen=await service.polled_presence(session, *asked))


async def _get_subscribed(service: Service, session: Session, asked: Any) -> Told:
    return Told("", seen=await service.subscribed_presence(session, *asked))


async def _put(service: Service, session: Session, asked: SetPresence) -> Told:
    await service.set_presence(session, asked)
    return _DONE


async def _begin(service: Service, session: Session, asked: Subscribe) -> Told:
    return Told("subscriptionID", str(service.subscribe(session, asked)))


async def _end(service: Service, session: Session, asked: Unsubscribe) -> Told:
    service.unsubscribe(session, asked)
    return _DONE


async def _call_back(service: Service, session: Session, asked: RegisterEndPoint) -> Told:
    return Told("endPointID", str(service.register_end_point(session, asked)))


async def _call_no_more(service: Service, session: Session, number: int | None) -> Told:
    service.unregister_end_point(session, number)
    return _DONE


# All but login, which is the only one without a session.
OPERATIONS: Mapping[str, Operation] = {
    "logout": Operation(_nothing, _log_out),
    "getPolledPresence": Operation(_polled, _poll),
    "getSubscribedPresence": Operation(_subscribed, _get_subscribed),
    "setPresence": Operation(_set_presence, _put),
    "subscribe": Operation(_subscribe, _begin),
    "unsubscribe": Operation(_unsubscribe, _end),
    "registerEndPoint": Operation(_register, _call_back),
    "unregisterEndPoint": Operation(_unregister, _call_no_more),
}
