"""The presence rules of users, and who is in the list of each.

Where clients were never seen, this is what is decided.  To set a rule replaces it but for its list, which
only `add_acl` and `delete_acl` change.  A rule has no list until the first watcher is added; when the last
one is taken out the list stays, empty, and the rule is for nobody: only a rule that is set anew, after it was
deleted, is for everybody again, or one of which an administrator says so.  To add a watcher twice succeeds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw import rules
from ctigw.directory import journal, names
from ctigw.directory.errors import DirectoryError
from ctigw.directory.journal import AclItem, Change, Kind
from ctigw.directory.outcomes import Done, Outcome
from ctigw.rules import Rule
from ctigw.store import rows
from ctigw.store.tables import AclRow, RuleRow

# What one user may have, and the watchers of one rule or request.
MOST_RULES = 100
MOST_WATCHERS = 5000
_COLUMNS = ("owner", "name", "has_acl", "rule")


def rules_of(session: Session, user: str) -> tuple[Rule, ...]:
    """The rules of ``user``, by name."""
    return tuple(_load(session, names.user(session, user).name).values())


def set_rules(session: Session, user: str, wanted: Sequence[Rule]) -> Done:
    """Keep ``wanted``, each in the place of what was called so; their lists are not looked at."""
    owner = names.user(session, user).name
    found = _load(session, owner)
    outcomes, changes = [], []
    put: dict[str, Rule] = {}
    for rule in wanted:
        old = found.get(rule.name)
        fits = old is not None or len(found) < MOST_RULES
        if not (fits and rule.name and rules.within_bounds(rule)):
            outcomes.append(Outcome.FAILED)
            continue
        new = replace(rule, acl=None if old is None else old.acl)
        found[rule.name] = put[rule.name] = new
        outcomes.append(Outcome.SUCCEEDED)
        if old != new:
            changes.append(Change(Kind.RULE, owner, old and _alone(old), _alone(new)))
    kept = [(owner, name, rule.acl is not None, rules.encode(_alone(rule))) for name, rule in put.items()]
    rows.upsert(session, RuleRow.__tablename__, _COLUMNS, _COLUMNS[:2], kept)
    return Done(tuple(outcomes), journal.record(session, changes))


def delete_rules(session: Session, user: str, wanted: Sequence[str]) -> Done:
    """Remove rules and their lists."""
    owner = names.user(session, user).name
    found = _load(session, owner)
    outcomes, changes, gone = [], [], []
    for name in wanted:
        rule = found.pop(name, None)
        outcomes.append(Outcome.NO_RULE if rule is None else Outcome.SUCCEEDED)
        if rule is not None:
            gone.append((owner, name))
            changes += [Change(Kind.ACL, owner, AclItem(name, watcher), None) for watcher in rule.acl or ()]
            changes.append(Change(Kind.RULE, owner, _alone(rule), None))
    rows.delete(session, RuleRow.__tablename__, _COLUMNS[:2], gone)
    return Done(tuple(outcomes), journal.record(session, changes))


def acl(session: Session, user: str, rule: str) -> tuple[str, ...] | None:
    """The watchers in the list of ``rule``, by name; None: there is no such rule."""
    found = _load(session, names.user(session, user).name).get(rule)
    return None if found is None else found.acl or ()


def add_acl(
    session: Session, user: str, rule: str, watchers: Sequence[str], *, foreign: Collection[str] = ()
) -> Done:
    """Put ``watchers`` into the list of ``rule``: users, and anybody of the domains ``foreign``.

    Somebody else fails.  Where there is no such rule, every part says so.
    """
    owner = names.user(session, user).name
    found = _load(session, owner).get(rule)
    if found is None:
        return Done((Outcome.NO_RULE,) * len(watchers), ())
    meant = _people(owner, watchers)
    users = names.users_among(session, meant)
    there = set(found.acl or ())
    outcomes: list[Outcome] = []
    new: list[str] = []
    for name in meant:
        known = name is not None and (name in users or name.partition("@")[2] in foreign)
        fits = name in there or len(there) < MOST_WATCHERS
        outcomes.append(Outcome.SUCCEEDED if known and fits else Outcome.FAILED)
        if name is not None and outcomes[-1] is Outcome.SUCCEEDED and name not in there:
            there.add(name)
            new.append(name)
    if new and found.acl is None:
        kept = (owner, rule, True, rules.encode(_alone(found)))
        rows.upsert(session, RuleRow.__tablename__, _COLUMNS, _COLUMNS[:2], [kept])
    rows.insert(session, AclRow.__tablename__, ("owner", "rule", "watcher"), _entries(owner, rule, new))
    changes = [Change(Kind.ACL, owner, None, AclItem(rule, name)) for name in new]
    return Done(tuple(outcomes), journal.record(session, changes))


def delete_acl(session: Session, user: str, rule: str, watchers: Sequence[str]) -> Done:
    """Take ``watchers`` out of the list of ``rule``; who is not in it fails."""
    owner = names.user(session, user).name
    found = _load(session, owner).get(rule)
    if found is None:
        return Done((Outcome.NO_RULE,) * len(watchers), ())
    there = set(found.acl or ())
    outcomes, gone = [], []
    for name in _people(owner, watchers):
        outcomes.append(Outcome.SUCCEEDED if name in there else Outcome.FAILED)
        if name is not None and name in there:
            there.remove(name)
            gone.append(name)
    rows.delete(session, AclRow.__tablename__, ("owner", "rule", "watcher"), _entries(owner, rule, gone))
    changes = [Change(Kind.ACL, owner, AclItem(rule, name), None) for name in gone]
    return Done(tuple(outcomes), journal.record(session, changes))


def set_acl(
    session: Session,
    user: str,
    rule: str,
    watchers: Sequence[str] | None,
    *,
    foreign: Collection[str] = (),
) -> Done:
    """Let exactly ``watchers`` be in the list of ``rule``; None: it has no list, and is for all others.

    As administrators say it, not clients.  The outcomes are those of `add_acl`.
    """
    owner = names.user(session, user).name
    found = _load(session, owner).get(rule)
    if found is None:
        return Done((Outcome.NO_RULE,) * max(1, len(watchers or ())), ())
    stay = set(_people(owner, watchers or ()))
    gone = delete_acl(session, owner, rule, [name for name in found.acl or () if name not in stay])
    done = add_acl(session, owner, rule, watchers or (), foreign=foreign)
    changes = (*gone.changes, *done.changes)
    listed = watchers is not None
    if listed is not (found.acl is not None):
        alone = _alone(found)
        kept = (owner, rule, listed, rules.encode(alone))
        rows.upsert(session, RuleRow.__tablename__, _COLUMNS, _COLUMNS[:2], [kept])
        changes = changes or journal.record(session, [Change(Kind.RULE, owner, alone, alone)])
    return Done(done.outcomes, changes)


def forget_watcher(session: Session, name: str) -> list[Change]:
    """Take ``name``, who is no more, out of all lists: another one of that name would not be meant.

    What changed, for the journal.
    """
    query = select(AclRow.owner, AclRow.rule).where(AclRow.watcher == name, AclRow.owner != name)
    found = session.execute(query.order_by(AclRow.owner, AclRow.rule)).all()
    rows.delete(session, AclRow.__tablename__, ("watcher",), [(name,)])
    return [Change(Kind.ACL, owner, AclItem(rule, name), None) for owner, rule in found]


def assembled(
    kept: Iterable[tuple[str, str, bool, str]], entries: Iterable[tuple[str, str, str]]
) -> dict[str, dict[str, Rule]]:
    """The rules by owner and name, of rows of `RuleRow` and `AclRow` in the order of their columns."""
    lists: dict[tuple[str, str], list[str]] = {}
    for owner, rule, watcher in entries:
        lists.setdefault((owner, rule), []).append(watcher)
    found: dict[str, dict[str, Rule]] = {}
    for owner, name, has_acl, text in kept:
        rule_ = rules.decode(text)
        if has_acl:
            rule_ = replace(rule_, acl=tuple(sorted(lists.get((owner, name), ()))))
        found.setdefault(owner, {})[name] = rule_
    return {owner: dict(sorted(of_owner.items())) for owner, of_owner in found.items()}


def _load(session: Session, owner: str) -> dict[str, Rule]:
    """The rules of ``owner``, in the order of their names."""
    kept = select(RuleRow.owner, RuleRow.name, RuleRow.has_acl, RuleRow.rule).where(RuleRow.owner == owner)
    entries = select(AclRow.owner, AclRow.rule, AclRow.watcher).where(AclRow.owner == owner)
    return assembled(session.execute(kept), session.execute(entries)).get(owner, {})


def _people(owner: str, watchers: Sequence[str]) -> list[str | None]:
    """The full names of ``watchers``; None: nobody can be called so.  Raises `DirectoryError`."""
    if len(watchers) > MOST_WATCHERS:
        raise DirectoryError(f"a request has {MOST_WATCHERS} watchers at most")
    return names.people(owner, watchers)


def _alone(rule: Rule) -> Rule:
    """``rule`` without its list."""
    return replace(rule, acl=None)


def _entries(owner: str, rule: str, watchers: Sequence[str]) -> list[tuple[str, str, str]]:
    return [(owner, rule, watcher) for watcher in watchers]
