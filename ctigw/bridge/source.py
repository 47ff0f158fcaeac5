"""The phones as a source of presence: a document for each line that somebody owns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ctigw.bridge.marking import Later, Marked, Observers
from ctigw.bridge.phones import Phone, phone
from ctigw.bridge.settings import NOTHING_SET, Setting, Settings, Spawn
from ctigw.presence.dialog_info import line_uri, marked
from ctigw.switch.driver import Category
from ctigw.switch.events import (
    CallsJoined,
    DoNotDisturbSet,
    Event,
    ForwardingSet,
    LinkChanged,
    ServiceChanged,
)
from ctigw.switch.switch import Switch

# How presence knows this source (its priority among others is a setting).
SOURCE = "phone"
_NAMESPACES = (
    'xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" '
    'xmlns:sc="urn:ietf:params:xml:ns:pidf:caps" '
    'xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid" '
    'xmlns:so="urn:cisco:params:xml:ns:pidf:source"'
)
# What the person does who has the phone.
_ACTIVITIES: dict[Phone, str] = {
    Phone.RINGING: "<ce:alerting/>",
    Phone.ON_HOLD: "<r:on-the-phone/>",
    Phone.ON_THE_PHONE: "<r:on-the-phone/>",
}
_BASIC: dict[Phone, str] = {Phone.OUT_OF_SERVICE: "<basic>closed</basic>", Phone.UNKNOWN: ""}
_NOTES: dict[Phone, str] = {
    Phone.ON_HOLD: "<note>on hold</note>",
    Phone.OUT_OF_SERVICE: "<note>out of service</note>",
    Phone.UNKNOWN: "<note>unknown: the PBX cannot be reached</note>",
}
# What an xs:ID may not have, and the mark itself.
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.-]")


class Bridge:
    """The phones as a source of presence.

    ``owner`` gives whose a line is ("alice@example.com"; None: nobody's).  ``contribute`` gets the owner, the
    line, and the document of its state or, when it contributes nothing any more, None; it is called again for
    a line only if that has changed.  ``later`` calls a function in a later turn, ``spawn`` runs what nobody
    waits for.  ``domain``: that of the lines' URIs.
    """

    def __init__(
        self,
        switch: Switch,
        owner: Callable[[str], str | None],
        contribute: Callable[[str, str, bytes | None], None],
        later: Later,
        domain: str,
        *,
        spawn: Spawn,
    ) -> None:
        self._switch, self._owner, self._contribute = switch, owner, contribute
        self._domain = domain
        self._owned: dict[str, str] = {}
        # Who has been told of a line, and what: the document is made of nothing else.
        self._told: dict[str, tuple[str, Phone, Setting]] = {}
        self._lines = Marked(self._tell, later)
        self._settings = Settings(switch, self._owned, self._lines.add, later, spawn)
        self._open = True
        self._link()

    def observers(self) -> Observers:
        """What takes the events of each class."""
        return {
            Event: self._of_call,
            CallsJoined: self._of_call,
            ServiceChanged: self._service,
            DoNotDisturbSet: self._settings.do_not_disturb,
            ForwardingSet: self._settings.forwarding,
            LinkChanged: self._link,
        }

    def owners_changed(self, lines: Iterable[str]) -> None:
        """``lines`` belong to somebody else, or to nobody, from now on."""
        if not self._open:
            return
        stations = self._switch.picture.lines
        for number in lines:
            line, before = stations.get(number), self._owned.get(number)
            owner = self._owner(number) if line is not None and line.category is Category.STATION else None
            if owner == before:
                continue
            if number in self._told:  # at once: what is known of whose it was may be forgotten now
                self._contribute(self._told.pop(number)[0], number, None)
            if owner is None:
                del self._owned[number]
                self._settings.forget(number)
            else:
                self._owned[number] = owner
            if before is None:
                self._settings.ask(number)  # first: then what is told of a PBX that answers at once is true
            self._lines.add(number)

    def close(self) -> None:
        """Tell nothing any more.  What was told stays: who goes down says so otherwise."""
        self._open = False
        self._owned.clear()
        self._lines.clear()
        self._settings.stop()

    def _of_call(self, event: Event | CallsJoined) -> None:
        owned = self._owned
        for device in event.states:
            if device in owned:
                self._lines.add(device)

    def _service(self, event: ServiceChanged) -> None:
        if event.device in self._owned:
            self._lines.add(event.device)

    def _link(self, _event: LinkChanged | None = None) -> None:
        """Everything may be otherwise, lines that are new included."""
        if not self._open:
            return
        self._settings.stop()  # what is still to be asked is asked now
        for line in self._owned:
            self._settings.ask(line)
            self._lines.add(line)
        self.owners_changed(self._switch.picture.lines)

    def _tell(self, line: str) -> None:
        owner, told = self._owned.get(line), self._told.get(line)
        if owner is None:
            return
        does = phone(self._switch, line)
        setting = NOTHING_SET if does is Phone.UNKNOWN else self._settings.of(line)
        if told != (owner, does, setting):
            self._told[line] = (owner, does, setting)
            self._contribute(owner, line, line_document(owner, line, self._domain, does, setting))


def line_document(owner: str, line: str, domain: str, does: Phone, setting: Setting) -> bytes:
    """What the ``line`` of ``owner`` contributes: PIDF of one tuple, and of a person where there is something
    to say of one.

    The tuple of an unknown phone has no basic status, and there is nothing to be said of what it is set to.
    """
    user, _, host = owner.rpartition("@")
    name = _NOT_IN_ID.sub(lambda odd: f"_{ord(odd[0]):X}_", line)
    activities = _ACTIVITIES.get(does, "") + ("<ce:dnd/>" if setting.do_not_disturb else "")
    notes = _NOTES.get(does, "")
    if setting.forwarded:
        notes += f"<note>forwarded to {marked(setting.forwarded)}</note>"
    person = f'<dm:person id="phone-{name}"><r:activities>{activities}</r:activities></dm:person>'
    return (
        f'<presence {_NAMESPACES} entity="{marked(line_uri(user, host))}"><tuple id="cmp-{name}">'
        f"<status>{_BASIC.get(does, '<basic>open</basic>')}</status>"
        f"<so:source>{SOURCE}</so:source><sc:servcaps><sc:audio>true</sc:audio></sc:servcaps>"
        f'<contact priority="0.8">{marked(line_uri(line, domain))}</contact>{notes}</tuple>'
        f"{person if activities else ''}</presence>"
    ).encode()
