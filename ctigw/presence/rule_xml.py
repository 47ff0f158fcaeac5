"""Presence rules as elements: what the EPAS interface and change notices tell of them alike.

For whom a rule is, is not in it: watchers are told by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from lxml import etree

from ctigw.rules import Expr, Rule, Status
from ctigw.xml.characters import possible
from ctigw.xml.parsing import Element

EPAS = "urn:cisco:epas:soap"
RULES = "urn:cisco:epas:presence:rules"


def _visibility(above: Element, rule: Rule) -> None:
    etree.SubElement(above, f"{{{EPAS}}}visibility").text = rule.visibility.value


def reachability(above: Element, rule: Rule | None) -> None:
    """<pr:reachability>, empty where ``rule`` says nothing of it."""
    made = _add(above, "reachability")
    if rule is None or (rule.reachability_source is None and not rule.whens):
        return
    cond = _add(made, "cond")
    if rule.reachability_source is not None:
        _add(cond, "epas-reachability", source=rule.reachability_source)
    for when in rule.whens:
        _exprs(_add(cond, "when", reachability_status=when.status), when.exprs)


def _exprs(above: Element, exprs: Iterable[Expr]) -> None:
    """``exprs`` below ``above``; rules are bounded in how deep they go."""
    for expr in exprs:
        if isinstance(expr, Status):
            _add(above, "epas-status", source=expr.source, status=expr.status)
        else:
            _exprs(_add(above, type(expr).__name__.lower()), expr.exprs)


def _filter(above: Element, rule: Rule) -> None:
    made = _add(above, "filter")
    for source in rule.excluded_sources:
        _add(made, "excludedsource").text = possible(source)


def _add(above: Element, name: str, /, **attributes: str) -> Element:
    made: Element = etree.SubElement(above, f"{{{RULES}}}{name}")
    for key, value in attributes.items():
        made.set(key.replace("_", "-"), possible(value))
    return made


# What there is to be told of a rule, in its order; each is written below the element that the rule is.
PARTS: Mapping[str, Callable[[Element, Rule], None]] = {
    "visibility": _visibility,
    "reachability": reachability,
    "filter": _filter,
}
