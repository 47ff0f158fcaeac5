"""The dialling rules, which clients apply: plain functions over a Session.

They are the site's: a change of one is everybody's concern.  All raise `DirectoryError`.
"""

from __future__ import annotations

import re

from msgspec.structs import asdict
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import Change, DialRuleItem, Kind
from ctigw.store.tables import DialRuleRow

Changes = tuple[Change, ...]
# What `DialRuleItem.type` is: for numbers that are dialled, and for those whose owner is looked up.
APPLICATION, LOOKUP = 1, 2
# Rules of both types, the lowest priority there is, and the digits of a number.
MOST = 1000
LOWEST = 9999
LONGEST = 50
_DIGITS = re.compile(rf"[0-9+*#]{{0,{LONGEST}}}")


def dial_rules(session: Session) -> tuple[DialRuleItem, ...]:
    """All, by type, priority and name."""
    order = (DialRuleRow.type, DialRuleRow.priority, DialRuleRow.name)
    return tuple(_item(row) for row in session.scalars(select(DialRuleRow).order_by(*order)))


def dial_rule(session: Session, type_: int, name: str) -> DialRuleItem:
    """One of them."""
    return _item(_row(session, type_, name))


def add(session: Session, rule: DialRuleItem) -> Changes:
    """A new rule."""
    _check(rule)
    _must_be_new(session, rule)
    if (session.scalar(select(func.count()).select_from(DialRuleRow)) or 0) >= MOST:
        raise DirectoryError(f"there are {MOST} dialling rules already")
    session.add(DialRuleRow(**asdict(rule)))
    session.flush()
    return _changed(session, None, rule)


def modify(session: Session, type_: int, name: str, rule: DialRuleItem) -> Changes:
    """Keep ``rule`` in the place of the one of ``type_`` that is called ``name``; both may be others then."""
    row = _row(session, type_, name)
    before = _item(row)
    _check(rule)
    if before == rule:
        return ()
    if (rule.type, rule.name) != (type_, name):
        _must_be_new(session, rule)
    for field, value in asdict(rule).items():
        setattr(row, field, value)
    session.flush()
    return _changed(session, before, rule)


def remove(session: Session, type_: int, name: str) -> Changes:
    """Forget a rule."""
    row = _row(session, type_, name)
    before = _item(row)
    session.delete(row)
    session.flush()
    return _changed(session, before, None)


def _row(session: Session, type_: int, name: str) -> DialRuleRow:
    _check_key(type_, name)
    found = session.get(DialRuleRow, (type_, name))
    if found is None:
        raise DirectoryError(f"there is no dialling rule {name} of type {type_}")
    return found


def _must_be_new(session: Session, rule: DialRuleItem) -> None:
    if session.get(DialRuleRow, (rule.type, rule.name)):
        raise DirectoryError(f"there is a dialling rule {rule.name} of type {rule.type} already")


def _item(row: DialRuleRow) -> DialRuleItem:
    return DialRuleItem(**{field: getattr(row, field) for field in DialRuleItem.__struct_fields__})


def _changed(session: Session, before: DialRuleItem | None, after: DialRuleItem | None) -> Changes:
    return journal.record(session, [Change(Kind.DIAL_RULE, "", before, after)])


def _check_key(type_: int, name: str) -> None:
    if type_ not in (APPLICATION, LOOKUP):
        raise DirectoryError(f"a dialling rule is of type {APPLICATION} (application) or {LOOKUP} (lookup)")
    if not names.is_name(name):
        raise DirectoryError(f"the name of a dialling rule is one line of 1 to {names.LONGEST} characters")


def _check(rule: DialRuleItem) -> None:
    """That a rule begins with more digits than it has is no error: the product's own examples do."""
    _check_key(rule.type, rule.name)
    names.one_line(rule.description, "the description of a dialling rule")
    if not 0 <= rule.priority <= LOWEST:
        raise DirectoryError(f"the priority of a dialling rule is a number from 0 to {LOWEST}")
    for digits in (rule.number_begins_with, rule.prefix):
        if not _DIGITS.fullmatch(digits):
            raise DirectoryError(f"{digits[:64]!r} is not up to {LONGEST} digits, + * #")
    if not 0 <= rule.digits_to_be_removed <= rule.number_of_digits <= LONGEST:
        raise DirectoryError(
            f"a dialling rule is for numbers of 0 to {LONGEST} digits, and removes no more than those"
        )
