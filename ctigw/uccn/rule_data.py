"""A presence rule as the one text that a notice has for it.

What the product sends there was never seen.  It is the rule as clients know it from get-presence-rules-resp
of the EPAS interface: an element ``rule`` with visibility, reachability and filter, in the namespaces of
that.  For whom the rule is, is not in it: each watcher is a change of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from ctigw.rules import And, Expr, Not, Or, Rule, Status, When
from ctigw.uccn.markup import element, text

EPAS = "urn:cisco:epas:soap"
RULES = "urn:cisco:epas:presence:rules"
_JOINED = {And: "pr:and", Or: "pr:or", Not: "pr:not"}


def rule_data(rule: Rule) -> str:
    """``rule`` without its name and its list."""
    sources = [element("pr:excludedsource", text(source)) for source in rule.excluded_sources]
    return element(
        "rule",
        element("visibility", text(rule.visibility.value)),
        element("pr:reachability", *_condition(rule)),
        element("pr:filter", *sources),
        attributes={"xmlns": EPAS, "xmlns:pr": RULES},
    )


def _condition(rule: Rule) -> Iterable[str]:
    if rule.reachability_source is None and not rule.whens:
        return ()
    source = rule.reachability_source
    otherwise = () if source is None else (element("pr:epas-reachability", attributes={"source": source}),)
    return (element("pr:cond", *otherwise, *map(_when, rule.whens)),)


def _when(when: When) -> str:
    return element("pr:when", *map(_expr, when.exprs), attributes={"reachability-status": when.status})


def _expr(expr: Expr) -> str:
    if isinstance(expr, Status):
        return element("pr:epas-status", attributes={"source": expr.source, "status": expr.status})
    return element(_JOINED[type(expr)], *map(_expr, expr.exprs))
