"""Presence rules: who may see how much of somebody, as values; the words are those of the EPAS interface.

They are kept as JSON and evaluated in memory.  What a rule may be is bounded, since clients write them:
see `within_bounds`.  A word that is not known is refused: a rule without it might show more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct, json

from ctigw.values import Enum

# Expressions in one rule, how deep they stand in one another, and the characters of each text.
MOST = 500
DEEPEST = 20
LONGEST = 255


class Visibility(Enum):
    """What the watchers of a rule see.

    ALL: everything; REACHABILITY_ONLY: the basic status and one word; POLITE_BLOCK: closed, for ever, as if
    that were all there is; BLOCK: nothing, they are refused; CONFIRM: closed, until the user decides.
    """

    ALL = "all"
    REACHABILITY_ONLY = "reachability-only"
    POLITE_BLOCK = "polite-block"
    BLOCK = "block"
    CONFIRM = "confirm"


class Status(Struct, frozen=True, gc=False, tag="status", forbid_unknown_fields=True):
    """Whether ``source`` shows ``status``: epas-status."""

    source: str
    status: str


class And(Struct, frozen=True, tag="and", forbid_unknown_fields=True):
    """Whether all of ``exprs`` hold; so it is when there are none."""

    exprs: tuple[Expr, ...]


class Or(Struct, frozen=True, tag="or", forbid_unknown_fields=True):
    """Whether one of ``exprs`` holds."""

    exprs: tuple[Expr, ...]


class Not(Struct, frozen=True, tag="not", forbid_unknown_fields=True):
    """Whether none of ``exprs`` holds."""

    exprs: tuple[Expr, ...]


Expr: TypeAlias = Status | And | Or | Not


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """The reachability is ``status`` while all of ``exprs`` hold."""

    status: str
    exprs: tuple[Expr, ...] = ()


class Rule(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A presence rule.

    ``acl``: the names of the watchers for whom it is.  None: for all for whom there is no other.  An empty
    one is for nobody, since who takes the last watcher from a list does not mean to open it to everybody.
    ``reachability_source``: whose status is the reachability if none of ``whens`` holds.
    """

    name: str
    visibility: Visibility = Visibility.ALL
    excluded_sources: tuple[str, ...] = ()
    reachability_source: str | None = None
    whens: tuple[When, ...] = ()
    acl: tuple[str, ...] | None = None


_encoder = json.Encoder()
_decoder = json.Decoder(Rule)


def encode(rule: Rule) -> str:
    """``rule`` as it is kept."""
    return _encoder.encode(rule).decode()


def decode(text: str) -> Rule:
    """The rule that was kept.  Raises `msgspec.MsgspecError`: somebody else wrote it."""
    return _decoder.decode(text)


def within_bounds(rule: Rule) -> bool:
    """Whether somebody else's ``rule`` may be kept: not too large, and every text one line."""
    texts = [rule.name, *rule.excluded_sources]
    if rule.reachability_source is not None:
        texts.append(rule.reachability_source)
    if len(rule.excluded_sources) + len(rule.whens) > MOST:
        return False
    for when in rule.whens:
        texts.append(when.status)
        for depth, expr in _inside(when.exprs):
            if depth > DEEPEST or len(texts) > 2 * MOST:
                return False
            texts += (expr.source, expr.status) if isinstance(expr, Status) else ("", "")
    return len(texts) <= 2 * MOST and all(len(text) <= LONGEST and text.isprintable() for text in texts)


def _inside(exprs: Sequence[Expr]) -> Iterator[tuple[int, Expr]]:
    """All expressions in ``exprs``, and how deep each stands; no recursion, which has an end of its own."""
    waiting = [(1, expr) for expr in exprs]
    while waiting:
        depth, expr = waiting.pop()
        yield depth, expr
        if not isinstance(expr, Status) and depth <= DEEPEST:
            waiting += [(depth + 1, inner) for inner in expr.exprs]


def applying(rules: Sequence[Rule], watcher: str) -> Rule | None:
    """The rule that is for ``watcher``; None: there is none.

    The first by name that has them in its list, else the first by name without a list.
    """
    default = None
    for rule in sorted(rules, key=lambda rule: rule.name):
        if rule.acl is None:
            default = default or rule
        elif watcher in rule.acl:
            return rule
    return default


def reachability(rule: Rule, statuses: Mapping[str, str]) -> str | None:
    """What ``rule`` tells of the reachability while sources show ``statuses``; None: it says nothing of it.

    The first `When` that holds wins.
    """
    for when in rule.whens:
        if all(holds(expr, statuses) for expr in when.exprs):
            return when.status
    return None if rule.reachability_source is None else statuses.get(rule.reachability_source)


def holds(expr: Expr, statuses: Mapping[str, str]) -> bool:
    """Whether ``expr`` is true while sources show ``statuses``, by the names of the sources."""
    match expr:
        case Status(source, status):
            return statuses.get(source) == status
        case And(exprs):
            return all(holds(inner, statuses) for inner in exprs)
        case Or(exprs):
            return any(holds(inner, statuses) for inner in exprs)
        case Not(exprs):
            return not any(holds(inner, statuses) for inner in exprs)
