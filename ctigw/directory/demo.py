"""The demo's people, its application, and its dialling rules."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Session

from ctigw.directory import applications, contacts, dial_rules, groups, lines, users
from ctigw.directory.contact_list import Group, contact_list
from ctigw.directory.journal import DialRuleItem
from ctigw.directory.passwords import verify_password
from ctigw.store.tables import Application, DialRuleRow, Line, User

PEOPLE = {"alice": "2001", "bob": "2002", "carol": "2003", "dave": "2004", "erin": "2005"}
GROUP = "colleagues"
DOMAIN = "example.com"
PASSWORD = "demo"  # noqa: S105 - told to everybody who runs the demo
# It may act for everybody and administer, so that every interface can be tried.
APPLICATION = "webapp"
# The demo's PBX reaches the outside by a 9.
DIAL_RULES = (
    DialRuleItem(dial_rules.APPLICATION, "outside", "A 9 before numbers of the town", 1, "555", 7, 0, "9"),
    DialRuleItem(
        dial_rules.LOOKUP, "from outside", "Who calls from the town, without the 9", 1, "9", 8, 1, ""
    ),
)


def ensure_demo(session: Session) -> None:
    """alice, bob, carol, dave and erin at example.com have the lines 2001 to 2005, and each has the others as
    contacts; there is the application webapp, and there are the dialling rules.  What is there stays, also a
    list in which there is anything.
    """
    for person, number in PEOPLE.items():
        name = f"{person}@{DOMAIN}"
        user = session.get(User, name)
        if user is None:
            users.add(session, name, PASSWORD, person.capitalize())
        elif user.sip_ha1_md5 is None and verify_password(user.password_hash, PASSWORD):
            users.set_password(session, name, PASSWORD)  # from before there were passwords for SIP
        if session.get(Line, number) is None:
            lines.add(session, number, name)
    for person in PEOPLE:
        _know_each_other(session, f"{person}@{DOMAIN}")
    if session.get(Application, APPLICATION) is None:
        applications.add(session, APPLICATION, PASSWORD)
        applications.grant(session, APPLICATION, "users", "*")
        applications.grant(session, APPLICATION, "administer")
    for rule in DIAL_RULES:
        if session.get(DialRuleRow, (rule.type, rule.name)) is None:
            dial_rules.add(session, rule)


def _know_each_other(session: Session, name: str) -> None:
    if contact_list(session, name) == (Group("", Decimal(0)),):
        others = [f"{person}@{DOMAIN}" for person in PEOPLE if f"{person}@{DOMAIN}" != name]
        groups.add(session, name, [groups.Wanted(GROUP)])
        contacts.add(session, name, [contacts.Wanted(GROUP, other) for other in others])
