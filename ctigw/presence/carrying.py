"""Elements that nobody here knows, written as they came; and the tables of those that are known.

Documents are carried as text.  All of it may be put under one root that binds the usual prefixes
(`vocabulary.PREFIXES`); other namespaces are declared where they are used, with the sender's prefix where
that is free.  White space between elements is dropped, and so is what says nothing in a document that is
put together of others: ids inside of extensions, and hints for validators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count

from ctigw.presence.lexical import Mend, boolean, escaped, language, quoted, uri
from ctigw.presence.vocabulary import LEFT_OUT, PIDF, PREFIXES, XML, XSI, parted
from ctigw.xml.parsing import Element

# The prefixes bound where an element stands, by namespace; "" is the prefix of the default namespace.
Scope = Mapping[str, str]
ROOT: Scope = PREFIXES
# Writes an element; "" for one that cannot be mended, and is left out.
Handler = Callable[[Element, Scope], str]

_FIXED = frozenset((*PREFIXES.values(), "xml", "xmlns")) - {""}
# Elements that the schemas know wherever they stand, by namespace and name.  `extensions` fills it.
KNOWN: dict[tuple[str, str], Handler] = {}

_XML_ATTRIBUTES: dict[str, Mend] = {
    f"{{{XML}}}lang": language,
    f"{{{XML}}}space": {"default": "default", "preserve": "preserve"}.get,
    f"{{{XML}}}base": uri,
}


def carried(element: Element, scope: Scope) -> str:
    """An element that may be any: mended if it is known, else as it came; "" if it must be left out."""
    namespace, name = parted(str(element.tag))
    handler = KNOWN.get((namespace, name))
    if handler is not None:
        return handler(element, scope)
    if namespace in LEFT_OUT:
        return ""
    declared = ""
    prefix = scope.get(namespace)
    if prefix is None:
        prefix = _prefix(namespace, element.prefix, scope)
        declared = f" xmlns{prefix and ':'}{prefix}={quoted(namespace)}"
        scope = {**{other: bound for other, bound in scope.items() if bound != prefix}, namespace: prefix}
    tag = f"{prefix}:{name}" if prefix else name
    opening = f"<{tag}{declared}{attributes(element, scope)}"
    content = _content(element, scope)
    return f"{opening}>{content}</{tag}>" if content else f"{opening}/>"


def attributes(element: Element, scope: Scope, own: Mapping[str, Mend] | None = None) -> str:
    """The attributes of an element that may have any.

    ``own``: how those without a namespace are mended that the schema knows; None: it knows none, and an
    ``id`` is no xs:ID.
    """
    items = element.items()
    return "".join([_attribute(str(name), str(text), own) for name, text in _numbered(items, scope)])


def _numbered(items: list[tuple[str, str]], scope: Scope) -> list[tuple[str, str]]:
    """The attributes; those of namespaces without a prefix here get one, and its declaration before them."""
    if not any(name.startswith("{") for name, _ in items):
        return items
    found: list[tuple[str, str]] = []
    made: dict[str, str] = {}
    free = _free(scope)
    for name, text in items:
        namespace, local = parted(name)
        if not namespace or namespace in (XML, XSI):
            found.append((name, text))
            continue
        mended = boolean(text) if (namespace, local) == (PIDF, "mustUnderstand") else text
        if namespace in LEFT_OUT or mended is None:
            continue
        prefix = scope.get(namespace) or made.get(namespace)
        if not prefix:
            prefix = made[namespace] = next(free)
            found.append((f"xmlns:{prefix}", namespace))
        found.append((f"{prefix}:{local}", mended))
    return found


def _attribute(name: str, text: str, own: Mapping[str, Mend] | None) -> str:
    if name.startswith("{"):  # of XML itself, or a hint for validators
        mend = _XML_ATTRIBUTES.get(name)
        mended = mend(text) if mend is not None else None
        return "" if mended is None else f" xml:{parted(name)[1]}={quoted(mended)}"
    if own is not None:
        if name == "id":
            return ""
        if name in own:
            mended = own[name](text)
            return "" if mended is None else f" {name}={quoted(mended)}"
    return f" {name}={quoted(text)}"


def _prefix(namespace: str, wanted: str | None, scope: Scope) -> str:
    """The prefix that a namespace is to have from here on."""
    if not namespace or not wanted:
        return ""
    return next(_free(scope)) if wanted in _FIXED else wanted


def _free(scope: Scope) -> Iterator[str]:
    """Prefixes that are not bound."""
    taken = set(scope.values())
    return (name for number in count(1) if (name := f"n{number}") not in taken)


def _content(element: Element, scope: Scope) -> str:
    text = element.text or ""
    if not len(element):
        return escaped(text)
    parts = [escaped(text) if text.strip() else ""]
    for child in element:
        parts.append(carried(child, scope))
        tail = child.tail
        if tail and tail.strip():
            parts.append(escaped(tail))
    return "".join(parts)


def text_of(element: Element) -> str:
    """All the text in an element that should have no children."""
    return "".join(str(text) for text in element.itertext()) if len(element) else element.text or ""
