"""A presence rule as the one text that a notice has for it.

What the product sends there was never seen.  It is the rule as clients know it from get-presence-rules-resp
of the EPAS interface: an element ``rule`` with visibility, reachability and filter, in the namespaces of
that.  For whom the rule is, is not in it: each watcher is a change of its own.
"""

from __future__ import annotations

from lxml import etree

from ctigw.presence.rule_xml import EPAS, PARTS, RULES
from ctigw.rules import Rule


def rule_data(rule: Rule) -> str:
    """``rule`` without its name and its list."""
    made = etree.Element(f"{{{EPAS}}}rule", nsmap={None: EPAS, "pr": RULES})
    for write in PARTS.values():
        write(made, rule)
    return etree.tostring(made, encoding="unicode")
