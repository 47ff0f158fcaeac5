"""What is counted, as performance counters: objects, their counters, and what each of them means.

A counter of this table is there before anything was counted.  What is counted beside them (requests refused,
by reason) comes to the object of those who count it, once it has happened.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable, Mapping
from pathlib import Path

from ctigw.soap.serviceability.seen import Counter, Counters

_CSTA = "ctigw CSTA"
_SIP = "ctigw SIP"
_PRESENCE = "ctigw presence"
_WEB = "ctigw web"
_CSTA_LISTENER = "ctigw CSTA listener"
_WEB_LISTENER = "ctigw web listener"
_PROCESS = "Process"
# What is counted only once it happens: requests refused, by reason, and subscriptions, by event package.
REFUSED = "Requests refused for this reason"
SUBSCRIPTIONS, GRANTED = "subscriptions to ", "Subscriptions to this event package granted"

TABLE: Mapping[str, Mapping[str, str]] = {
    _CSTA: {
        "connections": "CSTA clients that are connected now",
        "sessions": "Application sessions that are open now",
        "monitors": "Monitors that there are now",
        "registrations": "Registrations for the system's status that there are now",
        "calls": "Calls that the PBX has now",
        "log entries dropped": "Entries of call log and audit that could not be stored",
        "requests": "CSTA requests served",
        "unreadable requests": "Requests that could not be read",
        "unreadable events": "Events of clients that could not be read",
        "events from clients": "Events that clients have sent, which nobody wants",
        "stray responses": "Responses of clients to nothing that was asked",
        "bad prefixes": "Connections closed because what came was no frame",
        "answers too long": "Answers that did not fit into a frame",
        "events too long": "Events that did not fit into a frame",
        "events dropped": "Events dropped because a client did not read",
        "requests never answered": "Requests whose client was gone before the answer",
        "closed for not logging in": "Clients closed because they did not say who they are",
        "closed for not reading": "Clients closed because they did not read",
        "closed without goodbye": "Connections closed though the other end had not closed",
        "addresses refused": "Clients refused because of where they are",
        "connections refused": "Clients refused because there were too many",
        "longest gc pause ms": "The longest time that collecting garbage has taken, in milliseconds",
    },
    _SIP: {
        "SIP connections": "TCP and TLS connections that there are now, either way",
        "bindings": "Devices that are registered now",
        "SIP requests": "SIP requests served",
        "SIP connections refused": "Connections refused because there were too many",
        "SIP connections slowed down": "Times that a connection was read later because it sent too fast",
        "SIP requests dropped for their pace": "Datagrams dropped because their sender sent too fast",
        "SIP peers closed for not reading": "Connections closed because the other end did not read",
        "idle SIP connections closed": "Connections closed because nothing came",
        "SIP node failures": "Failures of the program while it served SIP",
        "datagrams not sent": "Datagrams that the system did not take",
        "datagrams refused": "Datagrams that nobody listens for at the other end",
        "malformed messages": "Messages that could not be read",
        "messages without an end": "Streams closed because nobody could tell where a message ends",
        "merged requests": "Requests that came by two ways",
        "repeated requests": "Requests that came again",
        "repeated responses": "Responses that came again",
        "stray responses": "Responses to nothing that was asked",
        "requests too many": "Requests refused because too many waited for their answer",
        "answers forgotten early": "Answers that were not kept for as long as a request may come again",
        "answers too late": "Answers that came after the gateway had given up",
        "answers without ACK": "Answers that nobody has acknowledged",
    },
    _PRESENCE: {
        "publications": "Publications that there are now",
        "presentities": "People of whom something is known, or who are watched, now",
        "watchings": "Views of people that watchers have now",
        "subscriptions": "Subscriptions that there are now",
        "back-end subscriptions": "Subscriptions at other servers that there are now",
        "back-end subscriptions refused": "Subscriptions that other servers have refused",
        "NOTIFYs sent": "NOTIFYs sent",
        "watchers gone": "Subscriptions ended because their watcher did not answer",
        "publications lost": "Publications that the other server has forgotten",
        "publications refused": "Publications that the other server has refused",
        "publications unanswered": "Publications that the other server has not answered",
        "subscribers overrun by changes": "Times that a subscriber to change notices was too slow for them",
    },
    _WEB: {
        "web connections": "HTTP connections that there are now",
        "web sessions": "Sessions of SOAP and REST that are open now",
        "presence web endpoints": "Addresses that clients of the presence web service are called back at now",
        "presence web subscriptions": "Subscriptions of the presence web service that there are now",
        "callbacks waiting": "Callbacks that are still to be made",
        "callbacks": "Callbacks that were answered as they should be",
        "callbacks failed": "Callbacks that were not answered as they should be",
        "callbacks given up": "Callbacks that are not tried any more",
        "web requests": "HTTP requests served",
        "web requests refused": "Requests refused because they, or all together, were too large",
        "web connections refused": "Connections refused because there were too many",
        "web connections timed out": "Connections closed because they were too slow",
        "web errors": "Failures of the program while it served HTTP",
    },
}
_LISTENER = "Clients that are connected to this listener now"


def counters(
    csta: Mapping[str, int],
    sip: Mapping[str, int] | None,
    web: Mapping[str, int],
    csta_listeners: Iterable[tuple[str, int]],
    web_listeners: Iterable[tuple[str, int]],
) -> Counters:
    """All objects.  ``csta``, ``sip``, ``web``: figures by name, None for what is off; then of each listener
    the name and how many clients it has.
    """
    found = {_CSTA: {"": _described(_CSTA, csta)}}
    if sip is not None:
        presence = {name: value for name, value in sip.items() if _is_presence(name)}
        rest = {name: value for name, value in sip.items() if name not in presence}
        found[_SIP] = {"": _described(_SIP, rest)}
        found[_PRESENCE] = {"": _described(_PRESENCE, presence)}
    found[_WEB] = {"": _described(_WEB, web)}
    for what, listeners in ((_CSTA_LISTENER, csta_listeners), (_WEB_LISTENER, web_listeners)):
        found[what] = {name: {"connections": Counter(clients, _LISTENER)} for name, clients in listeners}
    return {**found, _PROCESS: {"ctigw": process()}}


def _is_presence(name: str) -> bool:
    return name in TABLE[_PRESENCE] or name.startswith(SUBSCRIPTIONS)


def _described(what: str, figures: Mapping[str, int]) -> dict[str, Counter]:
    """The counters of an object: those of the table, and whatever else was counted."""
    known = TABLE[what]
    names = dict.fromkeys((*known, *figures))
    return {name: Counter(figures.get(name, 0), known.get(name) or _otherwise(name)) for name in names}


def _otherwise(name: str) -> str:
    return GRANTED if name.startswith(SUBSCRIPTIONS) else REFUSED


def process() -> dict[str, Counter]:
    """What the gateway takes of its machine."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    status = _status()
    return {
        "UTime": Counter(round(used.ru_utime * 1000), "Time of a processor in the program, in milliseconds"),
        "STime": Counter(round(used.ru_stime * 1000), "Time of a processor in the system, in milliseconds"),
        "VmRSS": Counter(status.get("VmRSS", used.ru_maxrss), "Memory that is used now, in kilobytes"),
        "VmSize": Counter(status.get("VmSize", 0), "Address space that is used now, in kilobytes"),
        "Thread Count": Counter(status.get("Threads", 1), "Threads that there are now"),
        "Open Files": Counter(_open_files(), "Files and sockets that are open now"),
    }


def _status() -> dict[str, int]:
    """The numbers in Linux's account of this process; none elsewhere."""
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    words = (line.replace(":", " ", 1).split() for line in text.splitlines())
    return {each[0]: int(each[1]) for each in words if len(each) > 1 and each[1].isdigit()}


def _open_files() -> int:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0
