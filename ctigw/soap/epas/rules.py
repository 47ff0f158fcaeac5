"""Presence rules: get, set and delete, and the same for the watchers in their lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lxml import etree

from ctigw.directory import rules as kept
from ctigw.directory.outcomes import Done, Outcome
from ctigw.presence.rule_xml import PARTS, RULES
from ctigw.rules import And, Expr, Not, Or, Rule, Status, Visibility, When
from ctigw.soap.epas.operations import Call, Operation, add, answer, children, content
from ctigw.xml.parsing import Element, local

_WORDS: Mapping[str, type[And | Or | Not]] = {"and": And, "or": Or, "not": Not}


def get_presence_rules(call: Call, body: Element) -> Element:
    """All rules, by name; of each what is asked for, everything if nothing is."""
    asked = [local(part) for part in body if local(part) in PARTS] or list(PARTS)
    made = answer_with_rules("get-presence-rules")
    for rule in kept.rules_of(call.session, call.user):
        inside = add(add(made, "presence-rule", name=rule.name), "rule")
        for part, write in PARTS.items():
            if part in asked:
                write(inside, rule)
    return made


def answer_with_rules(name: str) -> Element:
    """As `answer`, with the prefix that printed answers have for what is in rules."""
    made = answer(name)
    wider: Element = etree.Element(made.tag, nsmap={**made.nsmap, "pr": RULES})
    return wider


def set_presence_rules(call: Call, body: Element) -> Element:
    """Rules, each in the place of what was called so; what cannot be a rule fails."""
    names = [part.attrib["name"] for part in children(body, "presence-rule")]
    read = [_rule(part) for part in children(body, "presence-rule")]
    done = kept.set_rules(call.session, call.user, [rule for rule in read if rule is not None])
    outcomes = iter(done.outcomes)
    told = [Outcome.FAILED if rule is None else next(outcomes) for rule in read]
    return _answered("set-presence-rules", names, told)


def delete_presence_rules(call: Call, body: Element) -> Element:
    """Rules are no more, and their lists."""
    names = [part.attrib["name"] for part in children(body, "rule")]
    done = kept.delete_rules(call.session, call.user, names)
    return _answered("delete-presence-rules", names, done.outcomes)


def _answered(name: str, names: Sequence[str], outcomes: Sequence[Outcome]) -> Element:
    made = answer(name)
    for rule, outcome in zip(names, outcomes, strict=True):
        add(made, "status", outcome.value, name=rule)
    return made


def _rule(part: Element) -> Rule | None:
    """The rule that ``part`` writes; None: its visibility is none that there is."""
    rule = children(part, "rule")[0]
    word = next((content(each).strip() for each in children(rule, "visibility")), Visibility.ALL.value)
    visibility = next((each for each in Visibility if each.value == word), None)
    if visibility is None:
        return None
    excluded = [content(source).strip() for source in rule.iterfind(f"{{{RULES}}}filter/{{*}}excludedsource")]
    cond = rule.find(f"{{{RULES}}}reachability/{{{RULES}}}cond")
    source = None if cond is None else next(iter(children(cond, "epas-reachability", RULES)), None)
    whens = [] if cond is None else children(cond, "when", RULES)
    return Rule(
        part.attrib["name"],
        visibility,
        tuple(excluded),
        None if source is None else source.get("source", ""),
        tuple(When(when.attrib["reachability-status"], _exprs(when)) for when in whens),
    )


def _exprs(above: Element) -> tuple[Expr, ...]:
    """What stands below ``above``; the depth of envelopes is bounded."""
    return tuple(_expr(part) for part in above)


def _expr(part: Element) -> Expr:
    name = local(part)
    if name == "epas-status":
        return Status(part.attrib["source"], part.attrib["status"])
    return _WORDS[name](_exprs(part))


def get_acl(call: Call, body: Element) -> Element:
    """The watchers in the lists of rules."""
    made = answer("get-acl")
    for part in children(body, "rule"):
        rule = add(made, "rule", name=part.attrib["name"])
        found = kept.acl(call.session, call.user, part.attrib["name"])
        if found is None:
            rule.text = Outcome.NO_RULE.value
        for watcher in found or ():
            add(rule, "acl", f"sip:{watcher}")
    return made


def add_acl(call: Call, body: Element) -> Element:
    """Watchers into the lists of rules."""

    def put(rule: str, watchers: Sequence[str]) -> Done:
        return kept.add_acl(call.session, call.user, rule, watchers, foreign=call.settings.foreign)

    return _listed("add-acl", body, put)


def delete_acl(call: Call, body: Element) -> Element:
    """Watchers out of the lists of rules."""
    return _listed(
        "delete-acl", body, lambda rule, watchers: kept.delete_acl(call.session, call.user, rule, watchers)
    )


def _listed(name: str, body: Element, work: Callable[[str, Sequence[str]], Done]) -> Element:
    made = answer(name)
    for part in children(body, "rule"):
        rule = add(made, "rule", name=part.attrib["name"])
        watchers = [content(watcher).strip() for watcher in children(part, "watcher")]
        done = work(part.attrib["name"], watchers)
        for watcher, outcome in zip(watchers, done.outcomes, strict=True):
            add(rule, "status", outcome.value, watcher=watcher)
    return made


OPERATIONS: Mapping[str, Operation] = {
    "get-presence-rules": get_presence_rules,
    "set-presence-rules": set_presence_rules,
    "delete-presence-rules": delete_presence_rules,
    "get-acl": get_acl,
    "add-acl": add_acl,
    "delete-acl": delete_acl,
}
