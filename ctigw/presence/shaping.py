"""The shapes that known elements have: text of a type, a note, a sequence of children."""

from __future__ import annotations

from collections.abc import Mapping

from ctigw.presence.carrying import Handler, Scope, attributes, carried, text_of
from ctigw.presence.lexical import Mend, escaped, language, quoted
from ctigw.presence.vocabulary import PIDF, XML, parted
from ctigw.xml.parsing import Element

_LANG = f"{{{XML}}}lang"


def note(tag: str, element: Element) -> str:
    """Text in some language, and nothing else."""
    lang = language(str(element.get(_LANG, ""))) if element.keys() else None
    having = "" if lang is None else f" xml:lang={quoted(lang)}"
    text = escaped(text_of(element))
    return f"<{tag}{having}>{text}</{tag}>" if text else f"<{tag}{having}/>"


def leaf(tag: str, mend: Mend, own: Mapping[str, Mend] | None = None) -> Handler:
    """Text of a type.  ``own``: its attributes, if it may have any."""

    def write(element: Element, scope: Scope) -> str:
        text = mend(text_of(element))
        if text is None:
            return ""
        having = attributes(element, scope, own) if own is not None and element.keys() else ""
        return f"<{tag}{having}>{escaped(text)}</{tag}>"

    return write


def sequence(
    tag: str,
    namespace: str,
    children: Mapping[str, Handler],
    *,
    many: tuple[str, ...] = (),
    foreign: bool = True,
    own: Mapping[str, Mend] | None = None,
    empty: bool = True,
) -> Handler:
    """Children of ``namespace`` in the order of ``children``, each once unless it is of the ``many``.

    ``foreign``: anything of other namespaces behind them; ``own``: its attributes, if it may have any;
    ``empty``: whether it is something without children.
    """

    def write(element: Element, scope: Scope) -> str:
        found: dict[str, str] = {}
        others = []
        for child in element:
            where, local = parted(str(child.tag))
            if where in (namespace, PIDF, ""):
                handler = children.get(local)
                if handler is not None and (local not in found or local in many):
                    written = handler(child, scope)
                    if written:
                        found[local] = found.get(local, "") + written
            elif foreign:
                others.append(carried(child, scope))
        content = "".join([found[local] for local in children if local in found]) + "".join(others)
        if not content and not empty:
            return ""
        having = attributes(element, scope, own) if own is not None and element.keys() else ""
        return f"<{tag}{having}>{content}</{tag}>" if content else f"<{tag}{having}/>"

    return write
